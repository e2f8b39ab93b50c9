//! A run while it happens: a moving line on a terminal, plain lines elsewhere.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::core::event::{Event, EventSink};

use super::human;
use super::terminal::{self, style};

/// Whether to show anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A terminal: a moving line.
    Terminal,
    /// A log: a line a stage.
    Log,
}

impl Audience {
    /// Who reads stderr.
    pub fn of_stderr() -> Self {
        if terminal::is_watched() { Self::Terminal } else { Self::Log }
    }
}

/// Shows events on stderr.
pub fn sink(audience: Audience) -> EventSink {
    let state = Arc::new(Mutex::new(State { audience, shown: None, throttles: 0 }));
    Arc::new(move |event| state.lock().expect("showing progress does not panic").show(event))
}

struct State {
    audience: Audience,
    shown: Option<(Stage, ProgressBar)>,
    throttles: u64,
}

/// How far a stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stage {
    title: &'static str,
    items: u64,
    items_done: u64,
    bytes: u64,
    bytes_done: u64,
    started: Instant,
}

impl Stage {
    /// In bytes where there are any: one large file among many small ones is most of the work.
    fn share(&self) -> f64 {
        let (done, all) =
            if self.bytes > 0 { (self.bytes_done, self.bytes) } else { (self.items_done, self.items) };
        (done as f64 / all.max(1) as f64).min(1.0)
    }

    /// The moving line. What matters stands before the title, so that a narrow terminal cuts only that.
    fn line(&self, now: Instant) -> String {
        const CELLS: usize = 12;
        let share = self.share();
        let filled = (share * CELLS as f64) as usize;
        let bar = format!("{:CELLS$}", "=".repeat(filled));
        let objects = format!("{}/{}", human::thousands(self.items_done), human::thousands(self.items));
        let mut parts = vec![format!("[{bar}] {objects}")];
        if self.bytes > 0 {
            parts.push(format!("{} of {}", human::bytes(self.bytes_done), human::bytes(self.bytes)));
        }
        let elapsed = now.saturating_duration_since(self.started);
        if share > 0.0 && elapsed >= Duration::from_secs(2) {
            let left = elapsed.mul_f64((1.0 - share) / share);
            parts.push(format!("{} left", human::duration(left)));
        }
        format!("{}  {}", parts.join(", "), self.title)
    }
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
                    Audience::Terminal => {
                        let title = phase.title();
                        let started = Instant::now();
                        let stage = Stage { title, items, items_done: 0, bytes, bytes_done: 0, started };
                        self.shown = Some((stage, moving_line()));
                        self.advance(0, 0);
                    }
                }
            }
            Event::PartDone { bytes } => self.advance(0, bytes),
            Event::ItemDone { bytes } => self.advance(1, bytes),
            Event::ItemFailed => self.advance(1, 0),
            Event::PhaseDone { .. } => {
                if let Some((_, bar)) = self.shown.take() {
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

    fn advance(&mut self, items: u64, bytes: u64) {
        if let Some((stage, bar)) = &mut self.shown {
            stage.items_done += items;
            stage.bytes_done += bytes;
            bar.set_message(stage.line(Instant::now()));
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
        match &self.shown {
            Some((_, bar)) => bar.suspend(|| terminal::note(&format!("{text}\n"))),
            None => terminal::note(&format!("{text}\n")),
        }
    }
}

/// A line of stderr that is written again and again, cut to the terminal's width.
fn moving_line() -> ProgressBar {
    let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    line.set_style(ProgressStyle::with_template("{wide_msg}").expect("the template is constant"));
    line
}

/// Shows that a folder is being read: on a terminal after a moment, in a log by one line if it takes long.
pub struct Reading {
    audience: Audience,
    started: Instant,
    line: Option<ProgressBar>,
    is_told: bool,
}

/// Most folders are read within this.
const MOMENT: Duration = Duration::from_secs(1);
/// A log is not silent for longer.
const LONG: Duration = Duration::from_secs(15);

impl Reading {
    pub fn begin(audience: Audience) -> Self {
        Self { audience, started: Instant::now(), line: None, is_told: false }
    }

    /// Shows that so many files were read by now.
    pub fn show(&mut self, files: u64) {
        let Some(text) = self.text(files, self.started.elapsed()) else { return };
        match self.audience {
            Audience::Terminal => self.line.get_or_insert_with(moving_line).set_message(text),
            Audience::Log => {
                self.is_told = true;
                terminal::note(&format!("{text}\n"));
            }
        }
    }

    fn text(&self, files: u64, elapsed: Duration) -> Option<String> {
        let is_due = match self.audience {
            Audience::Terminal => elapsed >= MOMENT,
            Audience::Log => elapsed >= LONG && !self.is_told,
        };
        is_due.then(|| format!("reading the build: {}", human::count(files, "file", "files")))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            line.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(items: (u64, u64), bytes: (u64, u64)) -> Stage {
        Stage {
            title: "root page and service workers",
            items_done: items.0,
            items: items.1,
            bytes_done: bytes.0,
            bytes: bytes.1,
            started: Instant::now(),
        }
    }

    #[test]
    fn a_large_file_moves_the_bar_before_it_has_wholly_arrived() {
        let half = stage((0, 1), (50_000_000, 100_000_000));
        assert_eq!(
            half.line(half.started + Duration::from_secs(30)),
            "[======      ] 0/1, 50 MB of 100 MB, 30 s left  root page and service workers"
        );
    }

    #[test]
    fn nothing_is_foretold_of_what_has_not_begun() {
        let none = stage((0, 1), (0, 100_000_000));
        let line = none.line(none.started + Duration::from_secs(30));
        assert_eq!(line, "[            ] 0/1, 0 B of 100 MB  root page and service workers");
        let deletes = stage((5, 10), (0, 0));
        assert_eq!(deletes.line(deletes.started), "[======      ] 5/10  root page and service workers");
    }

    #[test]
    fn what_matters_fits_into_a_narrow_terminal() {
        let large = stage((12_345, 67_890), (1_200_000_000, 999_000_000_000));
        let line = large.line(large.started + Duration::from_secs(60));
        assert!(line.find("  root page").expect("the title is last") <= 70, "{line}");
        let usual = stage((345, 678), (12_000_000, 99_000_000));
        let line = usual.line(usual.started + Duration::from_secs(60));
        assert!(line.find("  root page").expect("the title is last") <= 58, "{line}");
    }

    #[test]
    fn reading_is_told_when_it_takes_a_while_and_to_a_log_once() {
        let mut reading = Reading::begin(Audience::Log);
        assert_eq!(reading.text(7, Duration::from_secs(5)), None);
        assert_eq!(reading.text(7, LONG).as_deref(), Some("reading the build: 7 files"));
        reading.is_told = true;
        assert_eq!(reading.text(8, LONG), None);
        let watched = Reading::begin(Audience::Terminal);
        assert_eq!(watched.text(1, Duration::from_millis(300)), None);
        assert_eq!(watched.text(1, MOMENT).as_deref(), Some("reading the build: 1 file"));
    }
}
