//! What a million files would cost: measured where one machine can, drawn on in a straight line where it cannot.

use std::fmt::Write as _;

use super::made::{self, Steps};
use super::{EDITED_PAGES, OnDisk, Push};
use crate::bench::measure::Sample;

/// Assumed: the middle of the 20 to 40 ms by which sitepush's own limit on requests in flight was chosen.
const REQUEST_SECONDS: f64 = 0.030;

/// What sitepush has in flight at most, unless told otherwise.
const IN_FLIGHT: f64 = 64.0;

/// Parts of the record in flight.
const PARTS_IN_FLIGHT: f64 = 16.0;

/// Requests that come one after another, whatever changes: record and lock read and written, intent, the record's copy.
const ONE_BY_ONE: f64 = 8.0;

/// The lines that record and files go over.
const LINKS: [Link; 2] = [
    Link { name: "1 Gbit/s", bytes_per_second: 125e6 },
    Link { name: "100 Mbit/s", bytes_per_second: 12.5e6 },
];

struct Link {
    name: &'static str,
    bytes_per_second: f64,
}

/// One push of the estimated site.
struct Estimate<'a> {
    push: Push,
    files: f64,
    scan_seconds: f64,
    steps: &'a Steps,
    /// Bytes of one file, on the average.
    file_bytes: f64,
    requests: f64,
    megabytes: f64,
}

impl Estimate<'_> {
    /// What is read of the record and what is written: its first file, and the parts in which something changed. The copy
    /// that is kept is made by S3.
    fn record_seconds(&self, link: &Link) -> f64 {
        let Steps { read, written, .. } = self.steps;
        let parts = [read, written].map(|traffic| (traffic.files - 1.0).max(0.0));
        let waiting = parts.map(|parts| (parts / PARTS_IN_FLIGHT).ceil() * REQUEST_SECONDS);
        (read.bytes + written.bytes) / link.bytes_per_second + waiting.iter().sum::<f64>()
    }

    fn files_seconds(&self, link: &Link) -> f64 {
        let changed = changed_files(self.push, self.files);
        let waiting = changed / IN_FLIGHT * REQUEST_SECONDS;
        waiting.max(changed * self.file_bytes / link.bytes_per_second)
    }

    /// All that is decided and recorded. The scan judges the names, and its time has that in it.
    fn decide_seconds(&self) -> f64 {
        self.steps.total_seconds() - self.steps.seconds("names").unwrap_or_default()
    }

    fn waiting_seconds(&self) -> f64 {
        let requests = if self.push == Push::Again { 2.0 } else { ONE_BY_ONE };
        requests * REQUEST_SECONDS
    }

    /// A sum: what a push does at the same time (it scans while the record comes) only makes it less.
    fn total_seconds(&self, link: &Link) -> f64 {
        let network = self.record_seconds(link) + self.files_seconds(link) + self.waiting_seconds();
        self.scan_seconds + self.decide_seconds() + network
    }

    /// Reading, writing and moving the record.
    fn record_share(&self, link: &Link) -> f64 {
        (self.steps.record_seconds() + self.record_seconds(link)) / self.total_seconds(link)
    }
}

fn changed_files(push: Push, files: f64) -> f64 {
    match push {
        Push::First => files,
        Push::Again => 0.0,
        Push::Pages => EDITED_PAGES as f64,
        Push::Bundle => files / 2.0,
    }
}

/// The table of estimates, what they rest on, and what limits.
pub fn text(on_disk: &[OnDisk], made: &made::Site) -> String {
    let estimates = estimates(on_disk, made);
    let per_file: Vec<String> = on_disk
        .iter()
        .map(|site| {
            format!(
                "{:.1} µs a file at {} files",
                site.scan_seconds.median * 1e6 / site.files as f64,
                site.files
            )
        })
        .collect();
    let mut text = format!(
        "Estimated for {} files. The scan takes {}, the folder being in the page cache; the last is \
         multiplied. Memory goes on in a straight line from the two sizes on the disk; where the plan alone took more on made metadata, that counts. Requests are those of the smaller site that are for no object, one for each changed object, and those for parts of the record. A request is taken to \
         take {:.0} ms, with {IN_FLIGHT} in flight for files and {PARTS_IN_FLIGHT} for parts of the record. Seconds; in brackets over {}, else over {}:\n\n\
         | work | scan | decide and record | record on the line | files on the line | in all | record's share | requests | memory MB |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        made.files,
        per_file.join(", "),
        REQUEST_SECONDS * 1e3,
        LINKS[1].name,
        LINKS[0].name,
    );
    for estimate in &estimates {
        let both =
            |figure: &dyn Fn(&Link) -> f64| format!("{:.1} ({:.1})", figure(&LINKS[0]), figure(&LINKS[1]));
        let share = |link| 100.0 * estimate.record_share(link);
        let _ = writeln!(
            text,
            "| {} | {:.1} | {:.1} | {} | {} | {} | {:.0}% ({:.0}%) | {:.0} | {:.0} |",
            estimate.push.about(),
            estimate.scan_seconds,
            estimate.decide_seconds(),
            both(&|link| estimate.record_seconds(link)),
            both(&|link| estimate.files_seconds(link)),
            both(&|link| estimate.total_seconds(link)),
            share(&LINKS[0]),
            share(&LINKS[1]),
            estimate.requests,
            estimate.megabytes,
        );
    }
    text
}

fn estimates<'a>(on_disk: &[OnDisk], made: &'a made::Site) -> Vec<Estimate<'a>> {
    let [small, .., large] = on_disk else { return Vec::new() };
    let files = made.files as f64;
    let estimate = |(push, steps): &'a (Push, Steps)| {
        let at = Push::ALL.iter().position(|other| other == push).expect("every push is among all");
        let line = |figure: fn(&Sample) -> f64| {
            let ends = [small, large].map(|site| (site.files as f64, figure(&site.pushes[at])));
            straight_on(ends, files)
        };
        Estimate {
            push: *push,
            files,
            scan_seconds: large.scan_seconds.median / large.files as f64 * files,
            steps,
            file_bytes: large.bytes as f64 / large.files as f64,
            // A record of the smaller site is in one piece.
            requests: small.pushes[at].requests as f64 - changed_files(*push, small.files as f64)
                + changed_files(*push, files)
                + [steps.read, steps.written]
                    .map(|traffic| (traffic.files - 1.0).max(0.0))
                    .iter()
                    .sum::<f64>(),
            megabytes: line(|sample| sample.peak_megabytes).max(steps.peak_megabytes()),
        }
    };
    made.pushes.iter().map(estimate).collect()
}

/// The value at `x` of the line through two points.
fn straight_on([(x1, y1), (x2, y2)]: [(f64, f64); 2], x: f64) -> f64 {
    y2 + (y2 - y1) / (x2 - x1) * (x - x2)
}

#[cfg(test)]
mod tests {
    use super::super::made::Traffic;
    use super::*;

    #[test]
    fn what_does_not_grow_stays_and_what_grows_goes_on() {
        assert_eq!(straight_on([(2.0, 8.0), (4.0, 8.0)], 100.0), 8.0);
        assert_eq!(straight_on([(2.0, 10.0), (4.0, 14.0)], 10.0), 26.0);
    }

    #[test]
    fn a_small_change_is_charged_for_what_it_reads_and_writes_of_the_record_and_for_its_own_files_only() {
        let traffic = |bytes, files| Traffic { bytes, files };
        let steps = Steps { read: traffic(100e6, 33.0), written: traffic(25e6, 2.0), ..Steps::default() };
        let estimate = |push| Estimate {
            push,
            files: 1e6,
            scan_seconds: 10.0,
            steps: &steps,
            file_bytes: 10_000.0,
            requests: 0.0,
            megabytes: 0.0,
        };
        let pages = estimate(Push::Pages);
        assert!(
            (pages.record_seconds(&LINKS[0]) - (1.0 + 3.0 * 0.03)).abs() < 1e-9,
            "32 parts are two rounds"
        );
        assert!((pages.files_seconds(&LINKS[0]) - 100.0 / 64.0 * 0.03).abs() < 1e-9);
        assert_eq!(estimate(Push::Again).files_seconds(&LINKS[0]), 0.0);
        // Half a million files of 10 kB: a quick line waits for the answers, a slow one is waited for.
        assert_eq!(estimate(Push::Bundle).files_seconds(&LINKS[0]), 234.375);
        assert_eq!(estimate(Push::Bundle).files_seconds(&LINKS[1]), 400.0);
    }
}
