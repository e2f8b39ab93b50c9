//! The invalidations of one distribution: which are made, which are refused, and when they are complete.
//!
//! Decides by CloudFront's limits and the clock; removes nothing from any cache itself.

use std::time::{Duration, SystemTime};

use super::answer::Refusal;
use super::xml::InvalidationBatch;
use crate::local::edge::invalidation::Item;

/// CloudFront processes at most 3,000 paths a distribution at one time, in any mix of invalidations (Developer
/// Guide, "Concurrent invalidation request maximum"). Cache tags are counted with them.
pub const MAX_PATHS_IN_PROGRESS: usize = 3_000;
/// And, independently, 15 wildcard paths (same source).
pub const MAX_WILDCARDS_IN_PROGRESS: usize = 15;

/// An invalidation as it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidationRecord {
    pub id: String,
    pub caller_reference: String,
    /// In the order sent, as sent.
    pub items: Vec<String>,
    pub created: SystemTime,
}

/// How far an invalidation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidationStatus {
    InProgress,
    Completed,
}

impl InvalidationStatus {
    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Completed => "Completed",
        }
    }
}

/// All invalidations of one distribution, oldest first.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    records: Vec<InvalidationRecord>,
}

/// What became of a request that was not refused.
#[derive(Debug)]
pub(super) enum Accepted {
    New(InvalidationRecord, Vec<Item>),
    /// The same request again: the earlier invalidation stands, and nothing is removed anew.
    Earlier(InvalidationRecord),
}

impl Ledger {
    pub fn records(&self) -> &[InvalidationRecord] {
        &self.records
    }

    pub fn find(&self, id: &str) -> Option<&InvalidationRecord> {
        self.records.iter().find(|record| record.id == id)
    }

    /// Accepts or refuses a batch at `now`; an invalidation takes `duration` to complete.
    pub fn create(
        &mut self,
        batch: InvalidationBatch,
        now: SystemTime,
        duration: Duration,
    ) -> Result<Accepted, Refusal> {
        let items = checked(&batch)?;
        if let Some(earlier) =
            self.records.iter().find(|record| record.caller_reference == batch.caller_reference)
        {
            if sorted(&earlier.items) == sorted(&batch.items) {
                return Ok(Accepted::Earlier(earlier.clone()));
            }
            let message = "An invalidation with this caller reference exists, and its paths are others.";
            return Err(Refusal::new(409, "InvalidationBatchAlreadyExists", message));
        }
        self.check_room(&batch.items, now, duration)?;
        let record = InvalidationRecord {
            id: format!("I{:013}", self.records.len() + 1),
            caller_reference: batch.caller_reference,
            items: batch.items,
            created: now,
        };
        self.records.push(record.clone());
        Ok(Accepted::New(record, items))
    }

    /// How many invalidations are in progress.
    pub fn in_progress(&self, now: SystemTime, duration: Duration) -> usize {
        self.records.iter().filter(|record| is_open(record, now, duration)).count()
    }

    fn check_room(&self, new: &[String], now: SystemTime, duration: Duration) -> Result<(), Refusal> {
        let open = self.records.iter().filter(|record| is_open(record, now, duration));
        let items = open.flat_map(|record| &record.items).chain(new);
        let (wildcards, paths): (Vec<_>, Vec<_>) = items.partition(|item| item.ends_with('*'));
        // A batch without a wildcard is not held up by the wildcards in progress, and the other way round.
        let adds_wildcards = new.iter().any(|item| item.ends_with('*'));
        let adds_paths = new.iter().any(|item| !item.ends_with('*'));
        if (adds_wildcards && wildcards.len() > MAX_WILDCARDS_IN_PROGRESS)
            || (adds_paths && paths.len() > MAX_PATHS_IN_PROGRESS)
        {
            let kind =
                if adds_wildcards && wildcards.len() > MAX_WILDCARDS_IN_PROGRESS { "wildcard " } else { "" };
            let message = format!(
                "Processing your request will cause you to exceed the maximum number of in-progress {kind}invalidations."
            );
            return Err(Refusal::new(400, "TooManyInvalidationsInProgress", message));
        }
        Ok(())
    }
}

/// The status of `record` at `now`.
pub(super) fn status(record: &InvalidationRecord, now: SystemTime, duration: Duration) -> InvalidationStatus {
    if is_open(record, now, duration) {
        InvalidationStatus::InProgress
    } else {
        InvalidationStatus::Completed
    }
}

fn is_open(record: &InvalidationRecord, now: SystemTime, duration: Duration) -> bool {
    now.duration_since(record.created).unwrap_or_default() < duration
}

fn checked(batch: &InvalidationBatch) -> Result<Vec<Item>, Refusal> {
    let argument = |message: String| Refusal::new(400, "InvalidArgument", message);
    if batch.caller_reference.is_empty() {
        return Err(argument("Your request has no caller reference.".to_owned()));
    }
    if batch.items.is_empty() {
        return Err(argument("Your request contains no paths.".to_owned()));
    }
    if batch.quantity != Some(batch.items.len()) {
        let message = "The value of Quantity and the number of items do not match.";
        return Err(Refusal::new(400, "InconsistentQuantities", message));
    }
    let parse = |item: &String| {
        Item::parse(item).ok_or_else(|| {
            argument(format!("Your request contains one or more invalid invalidation paths: {item}"))
        })
    };
    batch.items.iter().map(parse).collect()
}

fn sorted(items: &[String]) -> Vec<&String> {
    let mut items: Vec<_> = items.iter().collect();
    items.sort_unstable();
    items
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn batch(reference: &str, items: &[&str]) -> InvalidationBatch {
        InvalidationBatch {
            caller_reference: reference.into(),
            items: items.iter().map(|item| (*item).to_owned()).collect(),
            quantity: Some(items.len()),
        }
    }

    fn create(ledger: &mut Ledger, batch: InvalidationBatch, second: u64) -> Result<String, &'static str> {
        match ledger.create(batch, UNIX_EPOCH + Duration::from_secs(second), MINUTE) {
            Ok(Accepted::New(record, _)) => Ok(record.id),
            Ok(Accepted::Earlier(record)) => Ok(format!("earlier {}", record.id)),
            Err(refusal) => Err(refusal.code),
        }
    }

    #[test]
    fn a_caller_reference_stands_for_one_set_of_paths() {
        let mut ledger = Ledger::default();
        let id = create(&mut ledger, batch("r", &["/a", "/b"]), 0).expect("accepted");
        assert_eq!(create(&mut ledger, batch("r", &["/b", "/a"]), 1), Ok(format!("earlier {id}")));
        assert_eq!(create(&mut ledger, batch("r", &["/a"]), 1), Err("InvalidationBatchAlreadyExists"));
        assert_eq!(ledger.records().len(), 1);
    }

    #[test]
    fn wildcards_and_paths_have_limits_of_their_own() {
        let mut ledger = Ledger::default();
        let paths: Vec<_> = (0..3_000).map(|index| format!("/{index}")).collect();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        let wildcards = vec!["/x/*"; 15];
        create(&mut ledger, batch("paths", &paths), 0).expect("3,000 paths fit");
        assert_eq!(create(&mut ledger, batch("one", &["/one"]), 1), Err("TooManyInvalidationsInProgress"));
        create(&mut ledger, batch("wildcards", &wildcards), 1).expect("15 wildcards fit beside them");
        assert_eq!(create(&mut ledger, batch("w", &["/*"]), 2), Err("TooManyInvalidationsInProgress"));
        create(&mut ledger, batch("one", &["/one"]), 60).expect("the first batch is complete");
    }

    #[test]
    fn bad_batches_are_refused_whole() {
        let mut ledger = Ledger::default();
        for (batch, code) in [
            (batch("r", &[]), "InvalidArgument"),
            (batch("", &["/a"]), "InvalidArgument"),
            (batch("r", &["/a", "b"]), "InvalidArgument"),
            (InvalidationBatch { quantity: Some(2), ..batch("r", &["/a"]) }, "InconsistentQuantities"),
        ] {
            assert_eq!(create(&mut ledger, batch, 0), Err(code));
        }
        assert_eq!(ledger.records(), []);
    }
}
