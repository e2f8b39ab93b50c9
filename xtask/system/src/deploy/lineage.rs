//! Whether a commit is older than one that was released: by ancestry where git can tell, else by time, as `sitepush push`
//! decides it for the site alone. A stale checkout must not take services back before the site is refused.

use std::path::Path;

use jiff::Timestamp;
use sitepush::edges::git;

use super::record::Record;
use super::site::Live;
use crate::image::Source;

/// A commit that runs, wholly or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    pub commit: String,
    /// When it was committed; none where whoever released it did not write that down.
    pub time: Option<Timestamp>,
}

/// How what is deployed stands to what was released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Age {
    /// After all of it, beside it, or the same.
    Current,
    /// Before this commit.
    Older(String),
    /// Git does not know this commit, and no time was written down.
    Unknown(String),
}

/// What runs according to the record and the live site: a deploy that was cut off may have left the second without the first.
pub fn released(record: Option<&Record>, live: Option<&Live>) -> Vec<Released> {
    let record = record.map(|record| Released { commit: record.commit.clone(), time: record.commit_time });
    let live = live.and_then(|live| Some(Released { commit: live.commit.clone()?, time: live.commit_time }));
    record.into_iter().chain(live).collect()
}

/// Compares the commit of `source`, in the repository at `folder`, with what was released. What is older is told first.
pub fn age(folder: &Path, source: &Source, released: &[Released]) -> Age {
    judge(source, released, |theirs| git::is_ancestor(folder, &source.commit, theirs))
}

/// `is_ancestor` answers for the commit of `source` and a released one; none when git cannot tell.
fn judge(source: &Source, released: &[Released], is_ancestor: impl Fn(&str) -> Option<bool>) -> Age {
    let mut age = Age::Current;
    for Released { commit, time } in released.iter().filter(|released| released.commit != source.commit) {
        match is_ancestor(commit).or_else(|| Some(source.time < (*time)?)) {
            Some(true) => return Age::Older(commit.clone()),
            Some(false) => {}
            None => age = Age::Unknown(commit.clone()),
        }
    }
    age
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + hour * 3600).expect("in range")
    }

    fn source() -> Source {
        Source { commit: "b".repeat(40), changed: Vec::new(), time: at(2), url: None }
    }

    fn of(letter: &str, time: Option<Timestamp>) -> Released {
        Released { commit: letter.repeat(40), time }
    }

    #[test]
    fn ancestry_decides_and_then_time() {
        let (older, unknown) = (Age::Older("c".repeat(40)), Age::Unknown("c".repeat(40)));
        for (is_ancestor, time, expected) in [
            (Some(true), Some(at(1)), &older),
            (Some(false), Some(at(3)), &Age::Current),
            (None, Some(at(3)), &older),
            (None, Some(at(1)), &Age::Current),
            (None, None, &unknown),
        ] {
            let age = judge(&source(), &[of("c", time)], |_| is_ancestor);
            assert_eq!(&age, expected, "{is_ancestor:?} {time:?}");
        }
    }

    #[test]
    fn the_same_commit_is_not_older_and_no_release_hides_another() {
        let ask = |theirs: &str| if theirs.starts_with('c') { Some(true) } else { None };
        assert_eq!(judge(&source(), &[of("b", None)], ask), Age::Current);
        let both = [of("d", None), of("c", None)];
        assert_eq!(judge(&source(), &both, ask), Age::Older("c".repeat(40)));
        let both = [of("c", None), of("d", None)];
        assert_eq!(judge(&source(), &both, ask), Age::Older("c".repeat(40)));
    }

    #[test]
    fn a_live_site_counts_where_no_record_was_written() {
        let live = Live {
            id: "site-c".to_owned(),
            commit: Some("c".repeat(40)),
            commit_time: Some(at(3)),
            back_to: None,
        };
        assert_eq!(released(None, Some(&live)), [of("c", Some(at(3)))]);
        let record = record(0, "a");
        let expected = [of("a", record.commit_time), of("c", Some(at(3)))];
        assert_eq!(released(Some(&record), Some(&live)), expected);
    }

    #[test]
    fn git_is_asked_where_it_knows_both() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = |arguments: &[&str]| {
            let mut git = std::process::Command::new("git");
            git.current_dir(folder.path()).args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]);
            let output = git.args(arguments).output().expect("git runs");
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("text").trim().to_owned()
        };
        git(&["init", "--quiet"]);
        let commits = ["one", "two"].map(|message| {
            git(&["commit", "--quiet", "--allow-empty", "--message", message]);
            git(&["rev-parse", "HEAD"])
        });
        let [first, second] = &commits;
        // Their times say the opposite of their ancestry.
        let of = |commit: &String, hour| Released { commit: commit.clone(), time: Some(at(hour)) };
        let source = |commit: &String| Source { commit: commit.clone(), ..source() };
        assert_eq!(age(folder.path(), &source(first), &[of(second, 1)]), Age::Older(second.clone()));
        assert_eq!(age(folder.path(), &source(second), &[of(first, 3)]), Age::Current);
    }
}
