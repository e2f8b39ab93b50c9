//! HTTP dates (RFC 9110, section 5.6.7): seconds, always in GMT.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

/// `Mon, 23 Nov 2026 18:36:20 GMT`; a time outside the years that the format knows gives the epoch.
pub fn format(time: SystemTime) -> String {
    let timestamp = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp).unwrap_or_default()
}

/// None for what is no date since the epoch, such as the common `Expires: 0`.
pub fn parse(text: &str) -> Option<SystemTime> {
    let timestamp = DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    let seconds = u64::try_from(timestamp.as_second()).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_survive_the_way_there_and_back() {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_459_200);
        assert_eq!(format(time), "Mon, 23 Nov 2026 18:40:00 GMT");
        assert_eq!(parse(&format(time)), Some(time));
        assert_eq!(parse("0"), None);
    }
}
