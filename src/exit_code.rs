//! The exit codes: part of the tool's public interface (docs/exit-codes.md).

/// What the process answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// All done, or nothing to do.
    Done = 0,
    /// Failed part way; the site is whole, and the next run finishes.
    PartWay = 1,
    /// `plan --detailed-exitcode`: there are changes.
    Changes = 2,
    /// A guard refused; nothing was changed.
    Refused = 3,
    /// A race was lost or somebody holds the lock; nothing was changed.
    Conflict = 4,
    /// Credentials, permissions or the network.
    Environment = 5,
    /// Usage or configuration (`EX_USAGE` of sysexits.h).
    Usage = 64,
    /// Stopped by Ctrl-C (128 + SIGINT).
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
