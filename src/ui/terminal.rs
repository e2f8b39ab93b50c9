//! The one place that prints: data on stdout, everything else on stderr.

use std::io::{IsTerminal as _, Write as _};

/// Prints data for programs or people who asked for it. A closed pipe is not an error: nobody reads any more.
pub fn data(text: &str) {
    let mut stdout = anstream::stdout().lock();
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

/// Prints one JSON document on stdout.
///
/// # Panics
/// When the value cannot be JSON, which no value here can be.
pub fn json(value: &impl serde::Serialize) {
    let mut text = serde_json::to_string_pretty(value).expect("our documents have only string keys");
    text.push('\n');
    data(&text);
}

/// Prints one JSON document on one line of stdout: for a reader that goes on reading.
///
/// # Panics
/// When the value cannot be JSON, which no value here can be.
pub fn json_line(value: &impl serde::Serialize) {
    let mut text = serde_json::to_string(value).expect("our documents have only string keys");
    text.push('\n');
    data(&text);
}

/// Prints what accompanies the data: plans, progress, reports, errors.
pub fn note(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

/// The columns of the terminal that stdout is; none where it is a file or a pipe.
pub fn width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0))
}

/// Whether a person watches stderr, so that a moving line makes sense.
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Asks a question on stderr and reads the answer; anything but `y` or `yes` is a no, and so is no terminal.
pub fn confirm(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    note(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let is_read = std::io::stdin().read_line(&mut answer).is_ok();
    is_read && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Styles used in texts; stripped where colors are not wanted (`NO_COLOR`, pipes).
pub mod style {
    use anstyle::{AnsiColor, Style};

    pub const ADD: Style = AnsiColor::Green.on_default();
    pub const CHANGE: Style = AnsiColor::Yellow.on_default();
    pub const REMOVE: Style = AnsiColor::Red.on_default();
    pub const DIM: Style = Style::new().dimmed();
    pub const BOLD: Style = Style::new().bold();
    pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
    pub const ERROR: Style = AnsiColor::Red.on_default().bold();

    /// `text` in `style`.
    pub fn paint(style: Style, text: &str) -> String {
        format!("{}{text}{}", style.render(), style.render_reset())
    }
}
