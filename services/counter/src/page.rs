//! What a page's name may be: the path of an address, as a browser shows it.

use service_common::ApiError;

/// The longest name, in bytes.
const MAX_BYTES: usize = 200;

/// A page: a path that starts with `/`, without query and fragment, at most 200 bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page(String);

impl Page {
    /// Takes `text` for a page.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let problem = if !text.starts_with('/') {
            "A page is a path and starts with a slash."
        } else if text.len() > MAX_BYTES {
            "A page's path is at most 200 bytes long."
        } else if text.contains(|character: char| character.is_control() || "?#".contains(character)) {
            "A page's path has no query, no fragment and no control characters."
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(ApiError::invalid("invalid_page", problem))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_page_in_any_script() {
        for good in ["/", "/guestbook/", "/über/日本語.html", "/a b"] {
            assert_eq!(Page::parse(good).expect(good).as_str(), good);
        }
    }

    #[test]
    fn what_is_no_path_or_no_end_of_them_is_refused() {
        for bad in ["", "guestbook", "/a?b", "/a#b", "/a\nb", "/\0", &format!("/{}", "a".repeat(200))] {
            assert!(Page::parse(bad).is_err(), "{bad:?}");
        }
    }
}
