//! Names being set up, while it happens: a block that is written again and again on a terminal, lines elsewhere.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::core::domain::event::{DomainEvent, DomainEvents};
use crate::core::domain::waiting::Waiting;

use super::progress::Audience;
use super::terminal::style::{self, paint};
use super::{domain_view, human, terminal};

/// A log is not silent for longer, though nothing has changed.
const LONG_SECONDS: u64 = 60;

/// Shows events on stderr.
pub fn sink(audience: Audience) -> DomainEvents {
    let state = Mutex::new(State { audience, block: None, told: None });
    Arc::new(move |event| state.lock().expect("showing progress does not panic").show(event))
}

struct State {
    audience: Audience,
    /// The block on the terminal while something is waited for.
    block: Option<ProgressBar>,
    /// The wait that the log told last.
    told: Option<Waiting>,
}

impl State {
    fn show(&mut self, event: DomainEvent) {
        match event {
            DomainEvent::StepBegun(step) => {
                if let Some(text) = domain_view::begun(&step) {
                    self.line(&text);
                }
            }
            DomainEvent::StepDone(_) => {
                self.told = None;
                self.clear();
            }
            DomainEvent::Waiting(waiting) => match self.audience {
                Audience::Terminal => {
                    let text = domain_view::render_waiting(&waiting);
                    self.block.get_or_insert_with(block).set_message(text);
                }
                Audience::Log => self.log(waiting),
            },
            DomainEvent::Warning(text) => {
                self.line(&format!("{} {text}", paint(style::WARNING, "warning:")));
            }
        }
    }

    fn log(&mut self, waiting: Waiting) {
        match &self.told {
            Some(told) if told.looks_like(&waiting) => {
                if waiting.elapsed_seconds < told.elapsed_seconds + LONG_SECONDS {
                    return;
                }
                let left = human::duration(Duration::from_secs(waiting.left_seconds));
                terminal::note(&format!("still waiting for {}, {left} left\n", waiting.awaited.title()));
            }
            _ => terminal::note(&domain_view::render_waiting_for_log(&waiting)),
        }
        self.told = Some(waiting);
    }

    fn line(&mut self, text: &str) {
        self.clear();
        terminal::note(&format!("{text}\n"));
    }

    fn clear(&mut self) {
        if let Some(block) = self.block.take() {
            block.finish_and_clear();
        }
    }
}

impl Drop for State {
    /// What was waited for in vain stays to be read.
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            block.abandon();
        }
    }
}

fn block() -> ProgressBar {
    let block = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    block.set_style(ProgressStyle::with_template("{msg}").expect("the template is constant"));
    block
}
