//! What a name and a message may be. The database holds the same limits as constraints.

use service_common::ApiError;

/// The longest name, in characters.
const MAX_NAME: usize = 60;

/// The longest message, in characters.
const MAX_MESSAGE: usize = 500;

/// A name without the blanks around it: 1 to 60 characters on one line.
///
/// # Errors
/// When it is empty, too long, or holds control characters.
pub fn clean_name(text: &str) -> Result<String, ApiError> {
    let name = text.trim();
    let problem = if name.is_empty() {
        "The name is empty."
    } else if name.chars().count() > MAX_NAME {
        "The name is longer than 60 characters."
    } else if name.contains(char::is_control) {
        "The name holds a line break or a control character."
    } else {
        return Ok(name.to_owned());
    };
    Err(ApiError::invalid("invalid_name", problem))
}

/// A message without the blanks around it: 1 to 500 characters, in lines that end with `\n`.
///
/// # Errors
/// When it is empty, too long, or holds control characters. PostgreSQL has no text with a NUL in it.
pub fn clean_message(text: &str) -> Result<String, ApiError> {
    let message = text.trim().replace("\r\n", "\n");
    let problem = if message.is_empty() {
        "The message is empty."
    } else if message.chars().count() > MAX_MESSAGE {
        "The message is longer than 500 characters."
    } else if message.contains(|character: char| character.is_control() && !"\n\t".contains(character)) {
        "The message holds a control character."
    } else {
        return Ok(message);
    };
    Err(ApiError::invalid("invalid_message", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_around_are_dropped_and_line_ends_are_one_character() {
        assert_eq!(clean_name("  Ada \n").expect("it is a name"), "Ada");
        assert_eq!(clean_message("\none\r\ntwo\tthree ").expect("it is a message"), "one\ntwo\tthree");
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert!(clean_name(&"é".repeat(60)).is_ok());
        assert!(clean_name(&"é".repeat(61)).is_err());
        assert!(clean_message(&"👋".repeat(500)).is_ok());
        assert!(clean_message(&"👋".repeat(501)).is_err());
    }

    #[test]
    fn what_cannot_be_shown_or_stored_is_refused() {
        for bad in ["", "   ", "a\nb", "a\0b", "a\u{1b}[2Jb"] {
            assert!(clean_name(bad).is_err(), "{bad:?}");
        }
        for bad in ["", " \n ", "a\0b", "a\u{7f}b"] {
            assert!(clean_message(bad).is_err(), "{bad:?}");
        }
    }
}
