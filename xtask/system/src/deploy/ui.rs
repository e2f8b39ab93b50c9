//! What the person sees on the way: one line a step on stderr. Standard output is for the document of `--json`.

use std::io::{BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::failure::Failure;

/// Shows progress. Cloned freely.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    started: Instant,
}

impl Default for Ui {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Ui {
    /// A step begins, or says how far it is.
    pub fn step(&self, text: &str) {
        eprintln!("{} {text}", clock(self.started.elapsed()));
    }

    /// Text that stands for itself: a plan, a summary.
    pub fn text(&self, text: &str) {
        eprintln!("{}", text.trim_end());
    }

    pub fn warn(&self, text: &str) {
        eprintln!("warning: {text}");
    }

    /// Asks a question whose only yes is `expected`.
    ///
    /// # Errors
    /// Refused, when something else was typed or nobody can be asked.
    pub fn ask(&self, question: &str, expected: &str, flag: &str) -> Result<()> {
        if !std::io::stdin().is_terminal() {
            let failure = Failure::refused("nobody is there to agree to this plan");
            return Err(failure.hint(format!("say `{flag}`")).into());
        }
        eprint!("{question} ");
        std::io::stderr().flush().context("cannot ask")?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
        if answer.trim() == expected {
            Ok(())
        } else {
            Err(Failure::refused("not agreed to; nothing was changed").into())
        }
    }
}

/// `[02:07]`
fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("[{:02}:{:02}]", seconds / 60, seconds % 60)
}

/// `2 min 7 s`
pub fn duration(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_in_minutes_and_seconds() {
        assert_eq!(clock(Duration::from_secs(127)), "[02:07]");
        assert_eq!(duration(Duration::from_secs(59)), "59 s");
        assert_eq!(duration(Duration::from_secs(127)), "2 min 7 s");
    }
}
