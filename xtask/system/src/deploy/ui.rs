//! What the person sees on the way: one line a step on stderr. Standard output is for the document of `--json`.

use std::io::{BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::failure::Failure;

/// Shows a question, and gives the line that a person types; none where nobody is there.
pub type Answer = fn(&str) -> Result<Option<String>>;

/// Shows progress. Cloned freely.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    started: Instant,
    answer: Answer,
}

impl Default for Ui {
    fn default() -> Self {
        Self { started: Instant::now(), answer: at_the_terminal }
    }
}

impl Ui {
    /// One that is answered by something else than a person at the terminal.
    #[cfg(test)]
    pub(super) fn answered_by(answer: Answer) -> Self {
        Self { answer, ..Self::default() }
    }

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
        let Some(answer) = (self.answer)(question)? else {
            let failure = Failure::refused("nobody is there to agree to this plan");
            return Err(failure.hint(format!("say `{flag}`")).into());
        };
        if answer.trim() == expected {
            Ok(())
        } else {
            Err(Failure::refused("not agreed to; nothing was changed").into())
        }
    }
}

fn at_the_terminal(question: &str) -> Result<Option<String>> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    eprint!("{question} ");
    std::io::stderr().flush().context("cannot ask")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(Some(answer))
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
    fn only_what_was_asked_for_is_a_yes() {
        let ask = |answer: Answer| Ui::answered_by(answer).ask("Do this? (yes)", "yes", "--yes");
        ask(|_| Ok(Some("yes\n".to_owned()))).expect("agreed");
        let others: [Answer; 3] = [
            |_| Ok(Some("\n".to_owned())),
            |_| Ok(Some("yes please\n".to_owned())),
            |_| Ok(Some(String::new())),
        ];
        for answer in others {
            let error = ask(answer).expect_err("no yes");
            assert_eq!(error.to_string(), "not agreed to; nothing was changed");
        }
        let error = ask(|_| Ok(None)).expect_err("nobody is there");
        assert_eq!(super::super::failure::hint(&error).as_deref(), Some("say `--yes`"));
    }

    #[test]
    fn time_is_told_in_minutes_and_seconds() {
        assert_eq!(clock(Duration::from_secs(127)), "[02:07]");
        assert_eq!(duration(Duration::from_secs(59)), "59 s");
        assert_eq!(duration(Duration::from_secs(127)), "2 min 7 s");
    }
}
