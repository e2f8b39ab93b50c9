//! The log: JSON objects on standard output, one a line, where ECS and everything else pick them up.

use std::io::{self, Write};
use std::panic;

use tracing::error;
use tracing::level_filters::LevelFilter;

/// Starts the log, which panics go to as well; the first call wins.
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
    panic::set_hook(Box::new(|panic| {
        error!(panic = panic.payload_as_str(), place = panic.location().map(ToString::to_string), "panicked");
    }));
}

/// Writes a line as it is, beside the log's own and never into the middle of one.
pub(crate) fn write_line(line: &str) {
    // There is nobody left to tell when standard output is gone.
    let _ = writeln!(io::stdout().lock(), "{line}");
}
