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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::domain::dns::DnsAnswer;
    use crate::core::domain::name::DnsName;
    use crate::core::domain::plan::Step;
    use crate::core::domain::waiting::{Awaited, ServerAnswer, WaitingRecord};

    /// A wait for a certificate whose record a server does not know, or all do.
    fn waiting(is_seen: bool, elapsed_seconds: u64) -> DomainEvent {
        let name = DnsName::from_service;
        let target = name("_t.acm-validations.aws");
        let answer =
            if is_seen { DnsAnswer::Records(vec![target.absolute()]) } else { DnsAnswer::NoSuchName };
        let record = WaitingRecord {
            names: vec![name("example.com")],
            record: name("_v.example.com"),
            target,
            zone_id: Some("Z1".into()),
            servers: vec![ServerAnswer { server: name("ns-1.example.net"), answer: answer.clone() }],
            resolver: answer,
            is_validated: false,
            is_overdue: false,
        };
        DomainEvent::Waiting(Waiting {
            awaited: Awaited::Certificate,
            state: "0 of 1 names validated".into(),
            records: vec![record],
            elapsed_seconds,
            left_seconds: 1800 - elapsed_seconds,
        })
    }

    fn state(audience: Audience) -> State {
        State { audience, block: None, told: None }
    }

    #[test]
    fn on_a_terminal_one_block_says_who_sees_what_by_now_and_goes_when_it_is_there() {
        let mut state = state(Audience::Terminal);
        let mut shown = |event| {
            state.show(event);
            state.block.as_ref().map(|block| anstream::adapter::strip_str(&block.message()).to_string())
        };
        let before = shown(waiting(false, 1)).expect("a block");
        for words in [
            "0 of 1 names validated",
            "example.com",
            "_v.example.com CNAME _t.acm-validations.aws",
            "Z1: 0 of 1 name servers answer it; ns-1.example.net: no such name",
            "resolver  no such name",
        ] {
            assert!(before.contains(words), "no `{words}` in:\n{before}");
        }
        let after = shown(waiting(true, 2)).expect("the block");
        assert!(after.contains("Z1: 1 of 1 name servers answer it"), "{after}");
        assert!(!after.contains("no such name"), "what was is not shown any more:\n{after}");
        assert_eq!(shown(DomainEvent::StepDone(Step::AwaitCertificate { arn: None })), None);
    }

    #[test]
    fn a_log_is_told_what_has_changed_and_once_a_minute_that_nothing_has() {
        let mut state = state(Audience::Log);
        let mut told = |event| {
            state.show(event);
            assert!(state.block.is_none(), "nothing moves in a log");
            state.told.as_ref().map(|told| told.elapsed_seconds)
        };
        assert_eq!(told(waiting(false, 1)), Some(1));
        assert_eq!(told(waiting(false, 60)), Some(1), "the same is not told again");
        assert_eq!(told(waiting(false, 61)), Some(61), "nobody thinks that it has died");
        assert_eq!(told(waiting(true, 62)), Some(62), "what has changed is told at once");
    }
}
