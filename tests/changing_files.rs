//! Files that change after they were hashed: what goes live is exactly what was hashed, or nothing.

mod support;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use sitepush::local::s3::{Mutation, MutationKind, Snapshot};
use support::{Answer, BUCKET, Cloud, Site};

const PART_WAY: i32 = 1;
const FILM: &str = "film.mp4";

/// One size for each way in which a file is sent: read whole, streamed, in parts.
const SMALL: usize = 20;
const STREAMED: usize = 3 << 20;
const IN_PARTS: usize = 20 << 20;

/// A published site that gets a film and a page that needs it.
struct Disturbed {
    cloud: Cloud,
    site: Site,
    /// What visitors could ask for before the film came.
    before: Snapshot,
    size: usize,
    answer: Answer,
}

impl Disturbed {
    /// Pushes a film of `size` bytes that `disturb` changes once, after everything was hashed and before anything is sent.
    fn push(size: usize, disturb: impl Fn(&Path) + Send + Sync + 'static) -> Self {
        let cloud = Cloud::new();
        let site = Site::small();
        cloud.push(&site, &[]).success();
        let before = site_part(&cloud);
        site.write("index.html", "a page that needs the film").write(FILM, vec![b'a'; size]);
        let (path, is_disturbed) = (site.path().join(FILM), AtomicBool::new(false));
        cloud.store().on_mutation(move |_, mutation| {
            if is_intent(mutation) && !is_disturbed.swap(true, Ordering::SeqCst) {
                disturb(&path);
            }
        });
        let answer = cloud.push(&site, &["--retry-seconds", "5"]);
        Self { cloud, site, before, size, answer }
    }

    /// Nothing went live, the error says why in these words, and the next push publishes what is there then.
    #[track_caller]
    fn must_be_refused(self, words: &[&str]) {
        let Self { cloud, site, before, size, answer } = self;
        answer.explains(PART_WAY, &[&["cannot upload `film.mp4`"], words].concat());
        assert_eq!(site_part(&cloud), before, "{size} bytes");
        assert_eq!(cloud.store().open_uploads(BUCKET), 0, "{size} bytes");
        is_published_by_the_next_push(&cloud, &site);
    }

    /// What was hashed went live, and the next push publishes what is there then.
    #[track_caller]
    fn must_be_published_as_hashed(self) {
        let Self { cloud, site, size, answer, .. } = self;
        answer.success();
        let stored = cloud.store().object(BUCKET, FILM).expect("published").bytes;
        assert!(stored == vec![b'a'; size], "{} bytes, not {size}", stored.len());
        is_published_by_the_next_push(&cloud, &site);
    }
}

fn is_published_by_the_next_push(cloud: &Cloud, site: &Site) {
    cloud.push(site, &[]).success();
    let now = std::fs::read(site.path().join(FILM)).expect("the file is there");
    let stored = cloud.store().object(BUCKET, FILM).expect("published").bytes;
    assert!(stored == now, "{} bytes, not {}", stored.len(), now.len());
    assert_eq!(cloud.body("index.html"), "a page that needs the film");
}

/// The lock is taken, and this written, after everything was hashed.
fn is_intent(mutation: &Mutation) -> bool {
    mutation.kind == MutationKind::ObjectWritten && mutation.key.as_deref() == Some(".sitepush/intent.json")
}

/// What visitors can ask for.
fn site_part(cloud: &Cloud) -> Snapshot {
    let snapshot = cloud.store().snapshot(BUCKET);
    snapshot.into_iter().filter(|(key, _)| !key.starts_with(".sitepush/")).collect()
}

const CHANGED: &[&str] = &["was changed after it was hashed", "push again when the build has ended"];

#[test]
fn a_file_that_changes_under_the_push_is_not_published_half() {
    for size in [SMALL, STREAMED, IN_PARTS] {
        let rewrite =
            move |path: &Path| std::fs::write(path, vec![b'b'; size]).expect("files can be written");
        Disturbed::push(size, rewrite).must_be_refused(CHANGED);
    }
}

#[test]
fn a_file_that_grows_under_the_push_is_published_as_it_was_hashed_or_not_at_all() {
    let append = |path: &Path| {
        let mut file = File::options().append(true).open(path).expect("the file is there");
        file.write_all(&vec![b'b'; 5 << 20]).expect("files can be written");
    };
    Disturbed::push(SMALL, append).must_be_refused(CHANGED);
    // Its beginning is what was hashed, and no more is sent.
    Disturbed::push(STREAMED, append).must_be_published_as_hashed();
    Disturbed::push(IN_PARTS, append).must_be_refused(CHANGED);
}

#[test]
fn a_file_that_is_cut_short_under_the_push_is_not_published() {
    for size in [SMALL, STREAMED, IN_PARTS] {
        let truncate = move |path: &Path| {
            let file = File::options().write(true).open(path).expect("the file is there");
            file.set_len(size as u64 / 2).expect("files can be cut");
        };
        Disturbed::push(size, truncate).must_be_refused(CHANGED);
    }
}

#[test]
fn a_file_that_vanishes_under_the_push_is_named() {
    for size in [SMALL, STREAMED, IN_PARTS] {
        let remove = |path: &Path| std::fs::remove_file(path).expect("the file is there");
        let Disturbed { cloud, before, answer, .. } = Disturbed::push(size, remove);
        answer.explains(PART_WAY, &["cannot upload `film.mp4`", "the file cannot be read: No such file"]);
        assert_eq!(site_part(&cloud), before, "{size} bytes");
        assert_eq!(cloud.store().open_uploads(BUCKET), 0, "{size} bytes");
    }
}
