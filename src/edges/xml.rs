//! Documents of XML as services answer them: is one whole, and what does an element say?
//!
//! Touches nothing. What the documents mean is read by the SDK, but for the errors of our own PutObject.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// Whether a document is whole: every element ends, by its own name, and the last of them is the root.
///
/// An empty body is whole, and what is no XML at all is left to whoever reads it.
///
/// # Errors
/// With what is wrong.
pub(super) fn check_whole(body: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let text = text.trim_start_matches('\u{feff}');
    if !text.trim_start().starts_with('<') {
        return Ok(());
    }
    let mut reader = Reader::from_str(text);
    let (mut depth, mut roots) = (0_usize, 0_usize);
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(_) => {
                roots += usize::from(depth == 0);
                depth += 1;
            }
            Event::Empty(_) => roots += usize::from(depth == 0),
            // The reader has seen that there is one to end.
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Text(text) if depth == 0 && !text.trim().is_empty() => {
                return Err("there is text outside of its root".to_owned());
            }
            Event::Eof if depth > 0 => return Err("it ends in the middle".to_owned()),
            Event::Eof if roots != 1 => return Err(format!("it has {roots} roots")),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The text of the root's first child by this name, without the space around it; none when there is none, or the
/// document breaks off before its end.
pub(super) fn child_text(xml: &str, name: &str) -> Option<String> {
    let mut reader = Reader::from_str(xml);
    let mut depth = 0_usize;
    let mut content: Option<String> = None;
    loop {
        match (reader.read_event().ok()?, &mut content) {
            (Event::Start(start), _) => {
                if depth == 1 && start.name().as_ref() == name {
                    content = Some(String::new());
                }
                depth += 1;
            }
            (Event::Text(text), Some(content)) => content.push_str(&text),
            (Event::GeneralRef(reference), Some(content)) => content.push(character(&reference)),
            (Event::End(_), Some(content)) if depth == 2 => return Some(content.trim().to_owned()),
            (Event::End(_), _) => depth = depth.saturating_sub(1),
            (Event::Eof, _) => return None,
            _ => {}
        }
    }
}

/// What a reference stands for; an unknown one is a question.
fn character(reference: &BytesRef<'_>) -> char {
    match &**reference {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => reference.resolve_char_ref().ok().flatten().unwrap_or('?'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_document_is_read() {
        let xml = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Reduce &amp; wait&#33;</Message></Error>";
        assert_eq!(child_text(xml, "Code").as_deref(), Some("SlowDown"));
        assert_eq!(child_text(xml, "Message").as_deref(), Some("Reduce & wait!"));
        assert_eq!(child_text(xml, "Missing"), None);
        assert_eq!(child_text("not xml <", "Code"), None);
    }

    #[test]
    fn what_stands_deeper_or_breaks_off_is_not_the_code() {
        let nested = "<Error><Detail><Code>Inner</Code></Detail><Code>Outer</Code></Error>";
        assert_eq!(child_text(nested, "Code").as_deref(), Some("Outer"));
        assert_eq!(child_text("<Error><Code>Acc", "Code"), None);
    }

    #[test]
    fn a_document_is_whole_when_every_element_has_ended() {
        for whole in
            ["", "{}", "<a/>", "<?xml version=\"1.0\"?>\n<a><b x=\"y\">&lt;</b><c/></a>\n", "\u{feff}<a></a>"]
        {
            assert_eq!(check_whole(whole.as_bytes()), Ok(()), "{whole}");
        }
        for cut in ["<", "<a", "<a>", "<a><b></b>", "<a></b>", "<a/><b/>", "<a/>x", "<!-- c -->", "<a>&</a>"]
        {
            assert!(check_whole(cut.as_bytes()).is_err(), "{cut}");
        }
        assert!(check_whole(b"<a>\xff</a>").is_err());
    }
}
