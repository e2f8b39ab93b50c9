//! A run while it happens: a moving line on a terminal, plain lines elsewhere.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::core::event::{Event, EventSink};

use super::human;
use super::terminal::{self, style};

/// Whether to show anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A terminal: a bar with rate and time left.
    Terminal,
    /// A log: a line a stage.
    Log,
}

/// Shows events on stderr.
pub fn sink(audience: Audience) -> EventSink {
    let state = Arc::new(Mutex::new(State { audience, bar: None, throttles: 0 }));
    Arc::new(move |event| state.lock().expect("showing progress does not panic").show(event))
}

struct State {
    audience: Audience,
    bar: Option<ProgressBar>,
    throttles: u64,
}

impl State {
    fn show(&mut self, event: Event) {
        match event {
            Event::Locked { took_over: Some(reason) } => {
                self.line(&format!("{reason}; the bucket was compared with the record"));
            }
            Event::PhaseStarted { phase, items, bytes } => {
                let count = human::count(items, "object", "objects");
                let size = if bytes > 0 { format!(", {}", human::bytes(bytes)) } else { String::new() };
                match self.audience {
                    Audience::Log => self.line(&format!("{}: {count}{size}", phase.title())),
                    Audience::Terminal => self.bar = Some(bar(phase.title(), items)),
                }
            }
            Event::ItemDone { .. } | Event::ItemFailed => {
                if let Some(bar) = &self.bar {
                    bar.inc(1);
                }
            }
            Event::PhaseDone { .. } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
            Event::Retrying { what, delay } => self.retrying(&what, delay),
            Event::Committed => self.line("committed"),
            Event::Invalidating { distribution_id, items } => {
                let items = human::count(items, "item", "items");
                self.line(&format!("invalidating {items} on {distribution_id}"));
            }
            Event::WaitingForInvalidation { distribution_id } => {
                self.line(&format!("waiting until {distribution_id} has dropped them everywhere"));
            }
            Event::Warning(text) => {
                self.line(&format!("{} {text}", style::paint(style::WARNING, "warning:")));
            }
            Event::Locked { took_over: None } => {}
        }
    }

    /// The first throttles are told one by one, then one in a hundred: a log is for reading.
    fn retrying(&mut self, what: &str, delay: Duration) {
        self.throttles += 1;
        if self.throttles <= 3 || self.throttles.is_multiple_of(100) {
            self.line(&format!("no answer or too fast for `{what}`: again in {}", human::duration(delay)));
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| terminal::note(&format!("{text}\n"))),
            None => terminal::note(&format!("{text}\n")),
        }
    }
}

fn bar(title: &'static str, items: u64) -> ProgressBar {
    let template = "{msg:30} [{bar:30}] {pos}/{len}  {rate}  {eta} left";
    let bar = ProgressBar::with_draw_target(Some(items), ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(
        ProgressStyle::with_template(template)
            .expect("the template is constant")
            .with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
                let _ = write!(text, "{:.0}/s", state.per_sec());
            })
            .progress_chars("=> "),
    );
    bar.set_message(title);
    bar
}
