//! How a command says what it found.

use clap::Args;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct OutputArgs {
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}
