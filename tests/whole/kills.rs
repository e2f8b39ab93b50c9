//! A push, a way back and a rollback, killed at one mutation after another and then run again.

use std::collections::BTreeMap;

use sitepush::local::s3::Snapshot;

use crate::compare::{
    Left, MANIFEST, Told, assert_same, assert_same_site, assert_settled, assert_told_once, left, told,
};
use crate::edition::{Scale, all_references, broken, edition, is_hashed, pages, paths};
use crate::killing::{Course, Flow, Killed, at_each_mutation, course_of, is_thorough, killed_at};
use crate::records::Records;
use crate::support::{Answer, BUCKET, Cloud, Site, wrong_records};

type Answers = BTreeMap<String, (u16, String)>;

/// The scale of what is not about the number of files.
fn scale() -> Scale {
    if is_thorough() { Scale::Large } else { Scale::Small }
}

fn push(site: &Site) -> [&str; 2] {
    ["push", site.path().to_str().expect("a plain path")]
}

/// All pages of an edition under each of their paths, as the edge answers now.
fn visit(cloud: &Cloud, scale: Scale, number: usize) -> Answers {
    let paths = pages(scale, number).into_iter().flat_map(|page| paths(&page));
    paths.map(|path| (path.clone(), cloud.visit(&path))).collect()
}

/// What must hold of a run that was just killed: the site is whole, and pages that were open `before` find the files
/// that they refer to by hashed names.
#[track_caller]
fn assert_whole(cloud: &Cloud, before: &Snapshot, what: &str) {
    let now = cloud.store().snapshot(BUCKET);
    assert_eq!(broken(&now), Vec::<String>::new(), "{what}");
    assert_eq!(wrong_records(&now), Vec::<String>::new(), "{what}");
    for key in all_references(before).iter().filter(|key| is_hashed(key)) {
        assert_eq!(now.get(key), before.get(key), "{what}: `{key}`, which open pages may ask for");
    }
}

/// Whether another release is live than before.
fn is_committed_since(cloud: &Cloud, before: &Snapshot) -> bool {
    cloud.store().snapshot(BUCKET).get(MANIFEST) != before.get(MANIFEST)
}

/// An edition that follows another, pushed by a run that nobody disturbed.
struct Calm {
    scale: Scale,
    records: Records,
    course: Course,
    left: Left,
    told: Told,
    answers: [Answers; 2],
}

impl Calm {
    fn push(scale: Scale, records: Records) -> Self {
        let (cloud, site) = live(scale, records);
        visit(&cloud, scale, 0);
        edition(&site, scale, 1);
        let course = course_of(&cloud, &push(&site));
        let answers = [0, 1].map(|number| visit(&cloud, scale, number));
        assert_settled(&cloud, "never killed");
        Self { scale, records, course, left: left(&cloud), told: told(&cloud), answers }
    }

    /// The same, killed at its `k`-th mutation and run again.
    #[track_caller]
    fn again_with_a_kill(&self, k: u64, flow: Flow) -> Killed {
        let what = format!("killed at {k} of {:?}", self.course);
        let (cloud, site) = live(self.scale, self.records);
        visit(&cloud, self.scale, 0);
        let before = cloud.store().snapshot(BUCKET);
        edition(&site, self.scale, 1);
        let killed = killed_at(&cloud, &push(&site), k, flow);
        let is_committed = is_committed_since(&cloud, &before);
        assert_whole(&cloud, &before, &what);
        visit(&cloud, self.scale, 0);
        let answer = cloud.push(&site, &[]).success();
        assert_taken_over(&answer, k, &self.course, &what);
        assert_same(&left(&cloud), &self.left, &what);
        assert_told_once(&cloud, &self.told, is_committed, &what);
        assert_whole(&cloud, &before, &format!("{what}, and run again"));
        for (number, answers) in self.answers.iter().enumerate() {
            assert_eq!(visit(&cloud, self.scale, number), *answers, "{what}: the edge shows old pages");
        }
        assert_settled(&cloud, &what);
        killed
    }
}

/// Whoever ran after a kill has found the lock of the one that died, unless that one's last mutation gave it back.
#[track_caller]
fn assert_taken_over(answer: &Answer, k: u64, course: &Course, what: &str) {
    let is_taken_over = answer.stderr.contains("is gone and left its lock");
    assert!(is_taken_over || k >= course.mutations, "{what}: {}", answer.stderr);
}

/// A target where edition 0 is live.
fn live(scale: Scale, records: Records) -> (Cloud, Site) {
    let (cloud, site) = (records.cloud(), Site::new());
    edition(&site, scale, 0);
    cloud.push(&site, &[]).success();
    (cloud, site)
}

#[test]
fn a_push_killed_after_any_mutation_leaves_a_whole_site_and_the_next_one_finishes_it() {
    let calm = Calm::push(Scale::Large, Records::OnePiece);
    let immutable = calm.left.site.values().filter(|object| {
        object.headers.cache_control.as_deref().is_some_and(|value| value.contains("immutable"))
    });
    // Edition 1's, and what open pages of edition 0 may ask for.
    assert_eq!(immutable.count(), 30 + 20, "hashed files are taken for such");
    let course = &calm.course;
    assert!(course.mutations >= 50 && course.invalidations.len() >= 3, "{course:?}");
    at_each_mutation(course, 10, |k| calm.again_with_a_kill(k, Flow::OneByOne));
}

#[test]
fn a_push_killed_where_its_record_is_in_parts_is_finished_by_the_next_and_leaves_no_part_behind() {
    for records in [Records::Parts, Records::PartsWithTags] {
        let calm = Calm::push(scale(), records);
        at_each_mutation(&calm.course, 3, |k| calm.again_with_a_kill(k, Flow::OneByOne));
    }
}

#[test]
fn a_push_killed_with_uploads_on_their_way_is_finished_by_the_next() {
    let calm = Calm::push(Scale::Large, Records::OnePiece);
    let mut on_their_way = 0;
    at_each_mutation(&calm.course, 10, |k| {
        let killed = calm.again_with_a_kill(k, Flow::Together);
        on_their_way += killed.mutations - k.min(killed.mutations);
        killed
    });
    assert!(on_their_way > 0, "nothing was on its way when the process died");
}

#[test]
fn after_a_kill_the_build_of_before_can_be_pushed_again_exactly() {
    let scale = scale();
    let scene = || {
        let (cloud, site) = live(scale, Records::OnePiece);
        let before = left(&cloud);
        edition(&site, scale, 1);
        site.write("brand-new.html", "a page that no release has");
        (cloud, site, before)
    };
    let (cloud, site, _) = scene();
    let course = course_of(&cloud, &push(&site));
    at_each_mutation(&course, 4, |k| {
        let what = format!("killed at {k} of {course:?}");
        let (cloud, site, before) = scene();
        let bucket = cloud.store().snapshot(BUCKET);
        let killed = killed_at(&cloud, &push(&site), k, Flow::OneByOne);
        assert_whole(&cloud, &bucket, &what);
        let back = Site::new();
        edition(&back, scale, 0);
        cloud.push(&back, &["--allow-shrink"]).success();
        assert_whole(&cloud, &bucket, &format!("{what}, and taken back"));
        let mut after = left(&cloud);
        // Hashed files of the killed edition may stay for pages that were opened meanwhile.
        after.site.retain(|key, _| before.site.contains_key(key) || !is_hashed(key));
        assert_same_site(&after.site, &before.site, &what);
        assert_eq!(after.record.objects, before.record.objects, "{what}");
        assert_settled(&cloud, &what);
        killed
    });
}

#[test]
fn a_first_push_killed_anywhere_is_finished_by_the_next() {
    a_killed_first_push_is_finished(Records::OnePiece);
}

#[test]
fn a_first_push_with_its_record_in_parts_killed_anywhere_is_finished_by_the_next() {
    a_killed_first_push_is_finished(Records::Parts);
}

fn a_killed_first_push_is_finished(records: Records) {
    let scale = scale();
    let scene = || {
        let (cloud, site) = (records.cloud(), Site::new());
        edition(&site, scale, 0);
        (cloud, site)
    };
    let (cloud, site) = scene();
    let course = course_of(&cloud, &push(&site));
    let undisturbed = left(&cloud);
    at_each_mutation(&course, 4, |k| {
        let what = format!("killed at {k} of {course:?}");
        let (cloud, site) = scene();
        let killed = killed_at(&cloud, &push(&site), k, Flow::OneByOne);
        assert_eq!(broken(&cloud.store().snapshot(BUCKET)), Vec::<String>::new(), "{what}");
        let answer = cloud.push(&site, &[]).success();
        assert_taken_over(&answer, k, &course, &what);
        assert_same(&left(&cloud), &undisturbed, &what);
        assert_settled(&cloud, &what);
        killed
    });
}

#[test]
fn a_killed_rollback_is_finished_by_running_it_again() {
    a_killed_rollback_is_finished(Records::OnePiece);
}

#[test]
fn a_killed_rollback_between_records_in_parts_is_finished_by_running_it_again() {
    a_killed_rollback_is_finished(Records::Parts);
}

fn a_killed_rollback_is_finished(records: Records) {
    let scale = scale();
    let scene = || {
        let (cloud, site) = live(scale, records);
        let first = left(&cloud);
        edition(&site, scale, 1);
        cloud.push(&site, &[]).success();
        let releases = cloud.on_target("releases", &["--json"]).success().json();
        let to = releases[1]["id"].as_str().expect("an id").to_owned();
        (cloud, first, to)
    };
    let (cloud, _, to) = scene();
    let course = course_of(&cloud, &["rollback", &to]);
    let calm = told(&cloud);
    at_each_mutation(&course, 4, |k| {
        let what = format!("killed at {k} of {course:?}");
        let (cloud, first, to) = scene();
        let bucket = cloud.store().snapshot(BUCKET);
        let killed = killed_at(&cloud, &["rollback", &to], k, Flow::OneByOne);
        let is_committed = is_committed_since(&cloud, &bucket);
        assert_whole(&cloud, &bucket, &what);
        let answer = cloud.on_target("rollback", &[&to]).success();
        assert_taken_over(&answer, k, &course, &what);
        assert_whole(&cloud, &bucket, &format!("{what}, and run again"));
        let mut after = left(&cloud);
        after.site.retain(|key, _| first.site.contains_key(key) || !is_hashed(key));
        assert_same_site(&after.site, &first.site, &what);
        assert_eq!(after.record.objects, first.record.objects, "{what}");
        assert_eq!(after.record.history.len(), 3, "{what}: one release for the way back");
        assert_told_once(&cloud, &calm, is_committed, &what);
        assert_settled(&cloud, &what);
        killed
    });
}
