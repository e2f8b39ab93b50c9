//! The record of a release of the whole application: what ran where, from which commit. Pure: encodes, decodes, compares.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::live::ServicePaths;

/// The version of the documents that this program writes.
pub const SCHEMA: u32 = 1;

/// How many records are kept. Older ones, and the tags of images that no kept one names, are forgotten.
pub const KEPT: usize = 20;

/// One release: written once, after everything in it was live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub schema: u32,
    /// Time and commit, so that ids sort by time: `20261126T101530Z-1a2b3c4`.
    pub id: String,
    pub environment: String,
    /// 40 hexadecimal digits.
    pub commit: String,
    /// When it was committed; none in records of before this was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_time: Option<Timestamp>,
    pub time: Timestamp,
    /// The release that was gone back to; none for a deploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<String>,
    /// By service: the image, by digest (`host/name@sha256:...`).
    pub images: BTreeMap<String, String>,
    /// By service: the ARN of the revision that runs.
    pub task_definitions: BTreeMap<String, String>,
    /// By service: what it was asked for once it was live; none in records of before this was written down. The version that
    /// the record is of answers it, and what is checked out may ask for more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_paths: Option<ServicePaths>,
    /// The id that `sitepush` gave the site's release; none where no site was published yet.
    pub site_release: Option<String>,
    /// The serial of Terraform's state after the deploy.
    pub terraform_serial: u64,
}

/// Which record is current.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    pub schema: u32,
    pub id: String,
}

/// Why a document is of no use.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("it is not the JSON that is expected")]
    Malformed(#[from] serde_json::Error),
    #[error("it has schema {found}, and this program knows {SCHEMA}")]
    Newer { found: u32 },
}

/// Reads a record or a pointer; a schema that is newer is refused before its members are looked at.
///
/// # Errors
/// When it is not JSON, misses a member, or is newer than this program.
pub fn decode<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, DecodeError> {
    #[derive(Deserialize)]
    struct Head {
        schema: u32,
    }
    let head: Head = serde_json::from_slice(bytes)?;
    if head.schema > SCHEMA {
        return Err(DecodeError::Newer { found: head.schema });
    }
    Ok(serde_json::from_slice(bytes)?)
}

/// The id of a release made at `time` from `commit` (at least seven digits).
pub fn id(time: Timestamp, commit: &str) -> String {
    format!("{}-{}", time.strftime("%Y%m%dT%H%M%SZ"), &commit[..7])
}

/// Finds the record to go back to among `records` (any order).
///
/// `wanted` is a commit or the beginning of one, or of an id; none means the newest deploy before the current one that
/// has another commit, and after a rollback before the one that was gone back to: what was left is not gone forward to.
/// Of several releases of a commit the newest is taken.
pub fn find<'a>(records: &'a [Record], current: &Record, wanted: Option<&str>) -> Option<&'a Record> {
    let runs = deployed(records, current);
    let fits = |record: &&Record| match wanted {
        Some(text) => record.commit.starts_with(text) || record.id.starts_with(text),
        None => record.back_to.is_none() && record.commit != current.commit && record.id.as_str() < runs,
    };
    records.iter().filter(fits).max_by(|one, other| one.id.cmp(&other.id))
}

/// The id of the deploy that a record is of: a rollback may have gone back to a rollback.
fn deployed<'a>(records: &'a [Record], record: &'a Record) -> &'a str {
    match &record.back_to {
        None => &record.id,
        Some(id) => {
            let to = records.iter().find(|other| &other.id == id && other.id < record.id);
            to.map_or(id, |to| deployed(records, to))
        }
    }
}

/// What to forget when `records` (any order) are more than [`KEPT`]: ids of records, and by service the digests that
/// no kept record names. The current record is kept, however old it is.
pub fn forget(records: &[Record], current_id: &str) -> Forgotten {
    let mut by_age: Vec<&Record> = records.iter().collect();
    by_age.sort_by(|one, other| other.id.cmp(&one.id));
    let (kept, old): (Vec<_>, Vec<_>) =
        by_age.into_iter().enumerate().partition(|(index, record)| *index < KEPT || record.id == current_id);
    let mut images: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, record) in &old {
        for (service, image) in &record.images {
            let is_needed = kept.iter().any(|(_, record)| record.images.get(service) == Some(image));
            let of_service = images.entry(service.clone()).or_default();
            if !is_needed && !of_service.contains(image) {
                of_service.push(image.clone());
            }
        }
    }
    images.retain(|_, list| !list.is_empty());
    Forgotten { record_ids: old.into_iter().map(|(_, record)| record.id.clone()).collect(), images }
}

/// What no kept record needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    pub record_ids: Vec<String>,
    /// By service: images by digest.
    pub images: BTreeMap<String, Vec<String>>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A record of minute `minute`, whose commit and image are made of `letter`.
    pub(crate) fn record(minute: i64, letter: &str) -> Record {
        let time = Timestamp::from_second(1_790_000_000 + minute * 60).expect("in range");
        let commit = letter.repeat(40);
        Record {
            schema: SCHEMA,
            id: id(time, &commit),
            environment: "staging".to_owned(),
            commit,
            commit_time: Some(time),
            time,
            back_to: None,
            images: [("guestbook".to_owned(), format!("host/guestbook@sha256:{letter}"))].into(),
            task_definitions: [("guestbook".to_owned(), format!("arn:task/{letter}"))].into(),
            service_paths: Some([("guestbook".to_owned(), format!("/api/guestbook/{letter}"))].into()),
            site_release: Some(format!("site-{letter}")),
            terraform_serial: 7,
        }
    }

    #[test]
    fn a_record_survives_encode_and_decode() {
        let record = record(0, "a");
        let bytes = serde_json::to_vec(&record).expect("it can be written");
        assert_eq!(decode::<Record>(&bytes).expect("it can be read"), record);
    }

    #[test]
    fn a_record_of_before_times_of_commits_and_paths_is_read() {
        let mut document = serde_json::to_value(record(0, "a")).expect("it can be written");
        let members = document.as_object_mut().expect("it has members");
        for member in ["commit_time", "service_paths"] {
            members.remove(member).expect(member);
        }
        let read: Record = decode(document.to_string().as_bytes()).expect("it can be read");
        assert_eq!(read, Record { commit_time: None, service_paths: None, ..record(0, "a") });
    }

    #[test]
    fn a_newer_schema_is_refused_by_its_number() {
        let error = decode::<Record>(br#"{"schema": 2, "shape": "new"}"#).expect_err("it is newer");
        assert!(matches!(error, DecodeError::Newer { found: 2 }), "{error}");
    }

    #[test]
    fn without_a_name_the_newest_deploy_of_another_commit_is_gone_back_to() {
        let back = Record { back_to: Some("x".to_owned()), ..record(3, "b") };
        let records = [record(0, "a"), record(1, "b"), record(2, "c"), back.clone(), record(4, "c")];
        let found = |wanted| find(&records, &records[4], wanted).map(|record| record.id.clone());
        assert_eq!(found(None), Some(records[1].id.clone()));
        assert_eq!(found(Some("aaaa")), Some(records[0].id.clone()));
        assert_eq!(found(Some("ccc")), Some(records[4].id.clone()), "the newest of a commit");
        assert_eq!(found(Some("dddd")), None);
        assert_eq!(find(&records[..1], &records[0], None), None);
    }

    #[test]
    fn going_back_once_more_goes_further_back() {
        let back = |minute, to: &Record| Record {
            id: record(minute, to.commit.get(..1).expect("a letter")).id,
            back_to: Some(to.id.clone()),
            ..to.clone()
        };
        let (first, second, bad) = (record(0, "a"), record(1, "b"), record(2, "c"));
        let back_once = back(3, &second);
        let records = [first.clone(), second, bad.clone(), back_once.clone()];
        assert_eq!(find(&records, &back_once, None), Some(&first));
        let back_twice = back(4, &first);
        assert_eq!(find(&records, &back_twice, None), None, "there is nothing before the first");
        // By name, to the record of a rollback.
        let records = [records.as_slice(), &[record(5, "d")]].concat();
        let back_again = back(6, &back_once);
        assert_eq!(find(&records, &back_again, None), Some(&first));
        assert_eq!(find(&records, &back_again, Some("ccc")), Some(&bad), "by name one goes anywhere");
        // What was gone back to is forgotten.
        assert_eq!(find(&records[2..], &back_once, None), None);
    }

    #[test]
    fn an_image_is_forgotten_only_when_no_kept_record_has_it() {
        let mut records: Vec<Record> = (0..KEPT).map(|minute| record(100 + minute as i64, "f")).collect();
        records.push(record(1, "a"));
        records.push(record(2, "f"));
        records.push(record(3, "c"));
        let current = records[KEPT + 2].id.clone();
        let forgotten = forget(&records, &current);
        assert_eq!(forgotten.record_ids, [records[KEPT + 1].id.clone(), records[KEPT].id.clone()]);
        let images = forgotten.images.get("guestbook").map(Vec::as_slice);
        assert_eq!(images, Some(&["host/guestbook@sha256:a".to_owned()][..]));
        assert_eq!(forget(&records[..KEPT], &records[0].id), Forgotten::default());
    }
}
