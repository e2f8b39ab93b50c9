//! Numbers, times and counts as people say them.

use std::time::Duration;

/// `0 B`, `4.2 kB`, `11 MB`: decimal units, two digits that count.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 9.95 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// `1 file`, `2 files`, `1,204 files`.
pub fn count(number: u64, singular: &str, plural: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { singular } else { plural })
}

/// `1,204`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.4 s`, `12 s`, `3 min 5 s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        _ if seconds < 120.0 => format!("{seconds:.0} s"),
        _ => format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60),
    }
}

/// `$0.0012`; nothing is said to be free that is not.
pub fn dollars(micro_dollars: u64) -> String {
    match micro_dollars {
        0 => "$0".into(),
        1..100 => "under $0.0001".into(),
        _ => format!("${:.4}", micro_dollars as f64 / 1e6),
    }
}

/// The first line of a text by somebody else, without what would move the cursor.
pub fn one_line(text: &str) -> String {
    let line = text.trim_start().lines().next().unwrap_or_default();
    line.chars().filter(|character| !character.is_control()).collect()
}

/// A line that fits into so many columns, with an ellipsis where something was left out.
pub fn cut(line: &str, columns: Option<usize>) -> String {
    match columns {
        Some(columns) if line.chars().count() > columns => {
            let kept: String = line.chars().take(columns.saturating_sub(3)).collect();
            format!("{}...", kept.trim_end())
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_with_two_digits_that_count() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (4_240, "4.2 kB"),
            (9_960, "10 kB"),
            (11_000_000, "11 MB"),
            (999_600, "1.0 MB"),
            (1_500_000_000_000, "1.5 TB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn counts_have_their_plural_and_their_commas() {
        assert_eq!(count(1, "file", "files"), "1 file");
        assert_eq!(count(0, "file", "files"), "0 files");
        assert_eq!(count(1_234_567, "file", "files"), "1,234,567 files");
    }

    #[test]
    fn a_text_by_somebody_else_is_one_line_that_fits() {
        assert_eq!(one_line("\nSay that we moved\n\nLong story"), "Say that we moved");
        assert_eq!(one_line("\u{1b}[2Jgone"), "[2Jgone");
        assert_eq!(cut("Say that we moved", Some(11)), "Say that...");
        assert_eq!(cut("Say that we moved", Some(17)), "Say that we moved");
        assert_eq!(cut("Say that we moved", None), "Say that we moved");
        assert_eq!(cut("Say", Some(2)), "...");
    }

    #[test]
    fn small_money_is_not_called_free() {
        assert_eq!(dollars(0), "$0");
        assert_eq!(dollars(12), "under $0.0001");
        assert_eq!(dollars(21_000), "$0.0210");
    }
}
