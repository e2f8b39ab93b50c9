//! A domain name as it is compared, whatever way it was written.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A domain name: lower case, in its ASCII form, without the dot at its end. It may begin with `*.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct DnsName(String);

/// Why a text is not the name of a site.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("`{0}` is an address, not a name")]
    IsAddress(String),
    #[error("`{0}` is more than a name")]
    IsUrl(String),
    #[error("`{0}` has a `*` that is not its whole first part")]
    MisplacedWildcard(String),
    #[error("`{0}` has no dot: a site's name has two parts at least")]
    TooShort(String),
    #[error("`{0}` has more than 253 characters, or a part with none or more than 63")]
    TooLong(String),
    #[error("`{0}` has characters that a host's name cannot have")]
    BadCharacter(String),
}

/// Source: RFC 1035, section 2.3.4, without the root's own byte and the length of the first label.
const MAX_NAME_LENGTH: usize = 253;
const MAX_LABEL_LENGTH: usize = 63;

impl DnsName {
    /// Reads what people write: in any case and script, with or without a dot at its end.
    ///
    /// # Errors
    /// When it is no name that a certificate can have.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let shown = || text.to_owned();
        let trimmed = text.trim();
        if trimmed.contains("://") || trimmed.contains(['/', ':', '@', '?', '#']) {
            return Err(NameError::IsUrl(shown()));
        }
        let (star, base) = match trimmed.strip_prefix("*.") {
            Some(base) => ("*.", base),
            None => ("", trimmed),
        };
        if base.contains('*') {
            return Err(NameError::MisplacedWildcard(shown()));
        }
        let base = base.strip_suffix('.').unwrap_or(base);
        let ascii = idna::domain_to_ascii(base).map_err(|_| NameError::BadCharacter(shown()))?;
        let labels: Vec<&str> = ascii.split('.').collect();
        if labels.len() < 2 {
            return Err(NameError::TooShort(shown()));
        }
        if star.len() + ascii.len() > MAX_NAME_LENGTH
            || labels.iter().any(|label| label.is_empty() || label.len() > MAX_LABEL_LENGTH)
        {
            return Err(NameError::TooLong(shown()));
        }
        let is_host_label = |label: &&str| {
            label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if !labels.iter().all(is_host_label) {
            return Err(NameError::BadCharacter(shown()));
        }
        if labels.last().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(NameError::IsAddress(shown()));
        }
        Ok(Self(format!("{star}{ascii}")))
    }

    /// Takes a name as services write it: `\052.Example.com.` is `*.example.com`. Underscores are fine.
    ///
    /// Source: "DNS domain name format", Amazon Route 53 Developer Guide: octal escapes of three digits.
    pub fn from_service(text: &str) -> Self {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut name = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('\\') {
            name.push_str(&rest[..at]);
            let digits = rest.get(at + 1..at + 4).and_then(|digits| u8::from_str_radix(digits, 8).ok());
            match digits {
                // Other characters stay escaped: a dot inside a label is not one between labels.
                Some(byte) if byte == b'*' || byte == b'_' || byte.is_ascii_alphanumeric() => {
                    name.push(char::from(byte));
                    rest = &rest[at + 4..];
                }
                _ => {
                    name.push('\\');
                    rest = &rest[at + 1..];
                }
            }
        }
        name.push_str(rest);
        name.make_ascii_lowercase();
        Self(name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with the dot that makes it absolute.
    pub fn absolute(&self) -> String {
        format!("{}.", self.0)
    }

    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// The name without a leading `*.`.
    pub fn base(&self) -> Self {
        Self(self.0.strip_prefix("*.").unwrap_or(&self.0).to_owned())
    }

    /// The name without its first part; none for a top-level domain.
    pub fn parent(&self) -> Option<Self> {
        self.0.split_once('.').map(|(_, parent)| Self(parent.to_owned()))
    }

    /// The name itself, its parent, and so on to the top-level domain.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    /// Whether the name is the zone's or below it: `www.example.com` in `example.com`, not in `ample.com`.
    pub fn is_within(&self, zone: &Self) -> bool {
        self.0 == zone.0 || self.0.strip_suffix(&zone.0).is_some_and(|rest| rest.ends_with('.'))
    }

    /// Whether it is a distribution's own name, such as `d111111abcdef8.cloudfront.net`.
    pub fn is_of_cloudfront(&self) -> bool {
        self.0.strip_suffix(".cloudfront.net").is_some_and(|label| !label.is_empty())
    }

    /// Whether a certificate for this name is good for `wanted`: a wildcard stands for exactly one part.
    ///
    /// Source: RFC 9525, section 6.3.
    pub fn covers(&self, wanted: &Self) -> bool {
        self == wanted
            || (self.is_wildcard() && !wanted.is_wildcard() && wanted.parent() == Some(self.base()))
    }

    /// This name below another part: `prefix.name`.
    pub fn prefixed(&self, prefix: &str) -> Self {
        Self(format!("{prefix}.{}", self.0))
    }

    /// The name in its own script, for people; in ASCII where that would not come back as the same name.
    pub fn to_unicode(&self) -> String {
        let (text, result) = idna::domain_to_unicode(self.base().as_str());
        let star = if self.is_wildcard() { "*." } else { "" };
        if result.is_ok() { format!("{star}{text}") } else { self.0.clone() }
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<DnsName> for String {
    fn from(name: DnsName) -> Self {
        name.0
    }
}

impl From<String> for DnsName {
    fn from(text: String) -> Self {
        Self::from_service(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DnsName {
        DnsName::parse(text).expect("a name")
    }

    #[test]
    fn every_way_to_write_a_name_is_one_name() {
        for (written, meant) in [
            ("example.com", "example.com"),
            ("Example.COM.", "example.com"),
            ("*.Example.com", "*.example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("*.BÜCHER.example.", "*.xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            (" example.com ", "example.com"),
            ("日本語。example", "xn--wgv71a119e.example"),
        ] {
            assert_eq!(name(written).as_str(), meant, "{written}");
        }
        assert_eq!(name("*.bücher.example").to_unicode(), "*.bücher.example");
        assert_eq!(name("xn--bcher-kva.example").to_unicode(), "bücher.example");
    }

    #[test]
    fn what_is_no_name_is_told_by_what_it_is() {
        let error = |text: &str| DnsName::parse(text).expect_err(text);
        for text in ["https://example.com", "example.com/", "example.com:443", "me@example.com"] {
            assert!(matches!(error(text), NameError::IsUrl(_)), "{text}");
        }
        for text in ["192.0.2.1", "1.2.3.4.5"] {
            assert!(matches!(error(text), NameError::IsAddress(_)), "{text}");
        }
        for text in ["www.*.example.com", "w*.example.com", "*example.com", "*.*.example.com", "*"] {
            assert!(matches!(error(text), NameError::MisplacedWildcard(_)), "{text}");
        }
        for text in ["localhost", "", "*.com"] {
            assert!(matches!(error(text), NameError::TooShort(_)), "{text:?}");
        }
        for text in ["-a.example.com", "a_b.example.com", "a b.example.com"] {
            assert!(matches!(error(text), NameError::BadCharacter(_)), "{text}");
        }
        let long = format!("{}.example.com", "a".repeat(64));
        let longer = format!("{}com", "abcdefghi.".repeat(26));
        for text in [long.as_str(), &longer, "a..example.com"] {
            let error = error(text);
            assert!(matches!(error, NameError::TooLong(_) | NameError::BadCharacter(_)), "{text}: {error}");
        }
    }

    #[test]
    fn a_service_writes_names_in_its_own_way() {
        for (written, meant) in [
            ("\\052.example.com.", "*.example.com"),
            ("_a1B2.Example.com.", "_a1b2.example.com"),
            ("\\137x.example.com.", "_x.example.com"),
            ("a\\056b.example.com.", "a\\056b.example.com"),
            ("a\\", "a\\"),
            ("a\\0é.example.com", "a\\0é.example.com"),
            ("example.com", "example.com"),
        ] {
            assert_eq!(DnsName::from_service(written).as_str(), meant, "{written}");
        }
    }

    #[test]
    fn a_wildcard_covers_one_part_and_not_the_name_above() {
        let wildcard = name("*.example.com");
        for (wanted, is_covered) in [
            ("www.example.com", true),
            ("*.example.com", true),
            ("example.com", false),
            ("a.b.example.com", false),
            ("wwwexample.com", false),
            ("*.www.example.com", false),
        ] {
            assert_eq!(wildcard.covers(&name(wanted)), is_covered, "{wanted}");
        }
        assert!(!name("www.example.com").covers(&wildcard));
    }

    #[test]
    fn a_zone_holds_itself_and_what_is_below_it() {
        let zone = name("example.com");
        for (text, is_within) in [
            ("example.com", true),
            ("a.b.example.com", true),
            ("*.example.com", true),
            ("myexample.com", false),
            ("example.com.au", false),
        ] {
            assert_eq!(name(text).is_within(&zone), is_within, "{text}");
        }
    }
}
