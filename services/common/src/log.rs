//! The log: JSON objects on standard output, one a line, where ECS and everything else pick them up.

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;

/// Starts the log; the first call wins.
pub fn start(level: LevelFilter) {
    let log = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(level)
        .finish();
    // Only a second call can fail, and the first log is as good.
    let _ = tracing::subscriber::set_global_default(log);
}

/// Writes a line as it is, beside the log's own and never into the middle of one.
pub(crate) fn write_line(line: &str) {
    // There is nobody left to tell when standard output is gone.
    let _ = writeln!(io::stdout().lock(), "{line}");
}
