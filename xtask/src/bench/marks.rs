//! The marks: what sitepush is to reach, held against what was measured in the same run. Nothing here is typed in.

use std::fmt::Write as _;

use super::measure::Figures;
use super::work::{Contender, Measured, Work};

/// Requests beside those for the objects themselves: manifest and lock, each read and written, the intent, the record.
const EDIT_OVERHEAD: f64 = 8.0;

/// One line: a figure and what it may be at most.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    work: String,
    what: String,
    measured: f64,
    limit: f64,
    unit: &'static str,
    decimals: usize,
}

impl Mark {
    /// A mark on a number of something, with as many decimals as it is worth showing.
    pub fn new(
        work: &str,
        what: &str,
        (measured, limit): (f64, f64),
        unit: &'static str,
        decimals: usize,
    ) -> Self {
        Self { work: work.to_owned(), what: what.to_owned(), measured, limit, unit, decimals }
    }

    fn verdict(&self) -> String {
        if self.measured <= self.limit {
            return "met".to_owned();
        }
        format!("**missed**: {:.2} times the mark", self.measured / self.limit)
    }
}

/// The table, a line for each mark.
pub fn render(marks: &[Mark]) -> String {
    let mut text = "| work | mark on | measured | at most | |\n|---|---|---|---|---|\n".to_owned();
    for mark in marks {
        let Mark { work, what, measured, limit, unit, decimals } = mark;
        let verdict = mark.verdict();
        let _ =
            writeln!(text, "| {work} | {what} | {measured:.decimals$}{unit} | {limit}{unit} | {verdict} |");
    }
    text
}

/// The marks of works, as far as the contenders that they compare with were measured.
pub fn of_works(works: &[Measured]) -> Vec<Mark> {
    works.iter().flat_map(of_work).collect()
}

fn of_work(measured: &Measured) -> Vec<Mark> {
    let Some(own) = row(measured, |contender| *contender == Contender::Sitepush) else { return Vec::new() };
    let requests =
        |limit: f64| Mark::new(measured.work.about(), "requests", (own.requests as f64, limit), "", 0);
    let wall = |limit| ratio(measured, Quantity::Wall, limit);
    let mut marks = Vec::new();
    match measured.work {
        Work::First => {
            marks.extend(wall(0.4));
            marks.extend(ratio(measured, Quantity::Cpu, 0.3));
            let loop_ = row(measured, |contender| *contender == Contender::Limit);
            marks.extend(loop_.map(|bare| {
                let times = own.wall_seconds.median / bare.wall_seconds.median;
                Mark::new(measured.work.about(), "wall, of the bare loop's", (times, 2.0), "", 2)
            }));
        }
        Work::Again => {
            marks.push(requests(2.0));
            marks.extend(wall(0.2));
        }
        Work::Edit => {
            marks.extend(measured.changed.map(|changed| requests(changed as f64 + EDIT_OVERHEAD)));
            marks.extend(wall(0.25));
        }
        Work::Bundle => marks.extend(wall(0.4)),
    }
    marks
}

/// What of sitepush's is held against the fastest peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Wall,
    Cpu,
}

impl Quantity {
    fn of(self, figures: &Figures) -> f64 {
        match self {
            Self::Wall => figures.wall_seconds.median,
            Self::Cpu => figures.cpu_seconds.median,
        }
    }
}

/// sitepush's share of the least that any peer took; none when no peer was measured.
fn ratio(measured: &Measured, quantity: Quantity, limit: f64) -> Option<Mark> {
    let own = row(measured, |contender| *contender == Contender::Sitepush)?;
    let peers = measured.rows.iter().filter(|(contender, _)| matches!(contender, Contender::Peer(_)));
    let (fastest, figures) = peers.min_by(|(_, a), (_, b)| quantity.of(a).total_cmp(&quantity.of(b)))?;
    let name = match quantity {
        Quantity::Wall => "wall",
        Quantity::Cpu => "CPU",
    };
    // GNU time counts CPU in hundredths of a second, so that a peer's may be none.
    let share = quantity.of(own) / quantity.of(figures).max(0.01);
    let what = format!("{name}, of {}'s", fastest.label());
    Some(Mark::new(measured.work.about(), &what, (share, limit), "", 2))
}

fn row(measured: &Measured, is_wanted: impl Fn(&Contender) -> bool) -> Option<&Figures> {
    measured.rows.iter().find(|(contender, _)| is_wanted(contender)).map(|(_, figures)| figures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::Sample;
    use crate::bench::peers::Peer;

    fn figures(wall_seconds: f64, cpu_seconds: f64, requests: u64) -> Figures {
        Figures::of(&[Sample { wall_seconds, cpu_seconds, peak_megabytes: 1.0, requests }])
    }

    fn measured(work: Work, rows: &[(&str, Figures)]) -> Measured {
        let contender = |label: &str| match label {
            "own" => Contender::Sitepush,
            "loop" => Contender::Limit,
            peer => Contender::Peer(Peer::named(peer)),
        };
        let rows = rows.iter().map(|(label, figures)| (contender(label), *figures)).collect();
        Measured { work, rows, changed: Some(20) }
    }

    fn lines(measured: Measured) -> Vec<String> {
        let lines = render(&of_works(&[measured]));
        lines.lines().skip(2).map(|line| line.split(" | ").skip(1).collect::<Vec<_>>().join(" | ")).collect()
    }

    #[test]
    fn each_quantity_is_compared_with_the_peer_that_took_the_least_of_it() {
        let rows = [
            ("own", figures(1.0, 1.0, 9)),
            ("loop", figures(0.4, 0.1, 9)),
            ("quick", figures(2.0, 5.0, 9)),
            ("thrifty", figures(4.0, 4.0, 9)),
        ];
        assert_eq!(
            lines(measured(Work::First, &rows)),
            [
                "wall, of quick's | 0.50 | 0.4 | **missed**: 1.25 times the mark |",
                "CPU, of thrifty's | 0.25 | 0.3 | met |",
                "wall, of the bare loop's | 2.50 | 2 | **missed**: 1.25 times the mark |",
            ]
        );
    }

    #[test]
    fn requests_are_held_against_what_changed() {
        let edit = |requests| lines(measured(Work::Edit, &[("own", figures(1.0, 1.0, requests))]));
        assert_eq!(edit(28), ["requests | 28 | 28 | met |"]);
        assert_eq!(edit(29), ["requests | 29 | 28 | **missed**: 1.04 times the mark |"]);
    }

    #[test]
    fn a_share_of_nobody_is_no_mark() {
        assert!(of_works(&[measured(Work::Bundle, &[("own", figures(1.0, 1.0, 9))])]).is_empty());
    }
}
