//! Defects that tools of this kind were seen to have, each as a test that would find it here.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, StatusCode};
use sitepush::core::digest::Sha256Digest;
use sitepush::local::control::faults::{Fault as CloudFrontFault, Operation};
use sitepush::local::faults::{Effect, Rule};
use sitepush::local::s3::{MutationKind, ObjectHeaders, RecordedRequest};
use support::{BUCKET, Cloud, DISTRIBUTION, OTHER_DISTRIBUTION, Site};

const PART_WAY: i32 = 1;
const REFUSED: i32 = 3;

/// A site of so many pages besides the small one.
fn site_of(pages: usize) -> Site {
    let site = Site::small();
    for number in 0..pages {
        site.write(&format!("blog/{number:04}.html"), format!("post {number}"));
    }
    site
}

fn fail_invalidations(cloud: &Cloud, times: u32) {
    cloud.target.control.fail(Some(Operation::CreateInvalidation), CloudFrontFault::AccessDenied, times);
}

/// Bytes, as their digest, and headers of all that visitors can ask for.
fn served(cloud: &Cloud) -> BTreeMap<String, (Sha256Digest, ObjectHeaders)> {
    let served = |key: String| {
        let object = cloud.store().object(BUCKET, &key).expect("it is listed");
        (key, (Sha256Digest::of(&object.bytes), (*object.headers).clone()))
    };
    cloud.site_keys().into_iter().map(served).collect()
}

/// How often each key of the site was written, deletions aside.
fn writes(cloud: &Cloud) -> BTreeMap<String, usize> {
    let mut writes = BTreeMap::new();
    let versions = cloud.store().versions(BUCKET).into_iter();
    for version in versions.filter(|one| !one.is_delete_marker && !one.key.starts_with(".sitepush/")) {
        *writes.entry(version.key).or_default() += 1;
    }
    writes
}

mod deleting {
    use super::*;

    #[test]
    fn a_prefix_does_not_list_or_delete_its_siblings() {
        let cloud = Cloud::new();
        let site = site_of(4);
        for key in ["site-staging/blog/0000.html", "site2/blog/0001.html", "sitemap.xml", "site"] {
            cloud.put_foreign(key, "a sibling");
        }
        cloud.push(&site, &["--prefix", "site"]).success();
        for number in 0..2 {
            site.remove(&format!("blog/{number:04}.html"));
        }
        cloud.push(&site, &["--prefix", "site", "--verify-remote"]).success();
        let status =
            cloud.on_target("status", &["--prefix", "site", "--verify-remote", "--json"]).success().json();
        assert_eq!(status["unknown"], serde_json::json!([]));
        for key in ["site-staging/blog/0000.html", "site2/blog/0001.html", "sitemap.xml", "site"] {
            assert_eq!(cloud.body(key), "a sibling");
        }
        assert!(!cloud.site_keys().contains(&"site/blog/0001.html".to_owned()));
    }

    #[test]
    fn a_target_inside_a_target_is_not_unknown_to_the_outer_one() {
        let cloud = Cloud::new();
        let site = Site::small();
        cloud.push(&site, &[]).success();
        cloud.push(&site, &["--prefix", "preview/7"]).success();
        cloud.put_foreign("preview/70/stray.txt", "a stray");
        let status = cloud.on_target("status", &["--verify-remote", "--json"]).success().json();
        assert_eq!(status["unknown"], serde_json::json!(["preview/70/stray.txt"]));
        cloud.on_target("prune", &["--prune-unknown", "--yes"]).success();
        let inner = cloud.push(&site, &["--prefix", "preview/7", "--verify-remote"]).success();
        assert!(inner.stderr.contains("is up to date"), "{}", inner.stderr);
        assert!(cloud.store().object(BUCKET, "preview/70/stray.txt").is_none());
    }

    #[test]
    fn well_known_files_are_published_and_kept() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write(".well-known/security.txt", "Contact: x").write(".well-known/acme/.hidden", "no");
        site.write(".git/config", "no").write(".htaccess", "no");
        cloud.push(&site, &[]).success();
        site.write("style.css", "new");
        cloud.push(&site, &["--verify-remote"]).success();
        cloud.on_target("prune", &["--keep", "1", "--days", "0"]).success();
        assert_eq!(cloud.body(".well-known/security.txt"), "Contact: x");
        assert_eq!(cloud.site_keys().len(), 7);
    }

    #[test]
    fn over_the_limit_none_is_deleted_rather_than_the_first_few() {
        let cloud = Cloud::new();
        let site = site_of(10);
        cloud.push(&site, &[]).success();
        for number in 0..4 {
            site.remove(&format!("blog/{number:04}.html"));
        }
        site.write("index.html", "new");
        let before = cloud.contents();
        let answer = cloud.push(&site, &["--max-deletes", "3"]);
        answer.explains(REFUSED, &["would delete 4 objects, more than the limit of 3", "--max-deletes"]);
        cloud.is_as_it_was(&before, "over the limit");
        cloud.push(&site, &["--max-deletes", "4"]).success();
        assert_eq!(cloud.site_keys().len(), 12);
    }

    #[test]
    fn a_key_that_could_not_be_deleted_is_reported_and_tried_again() {
        let cloud = Cloud::new();
        let site = site_of(6);
        cloud.push(&site, &[]).success();
        site.remove("blog/0001.html").remove("blog/0002.html");
        cloud
            .faults()
            .add(Rule::new(Effect::FailKey { code: "AccessDenied".to_owned() }).key("blog/0002.html"));
        let answer =
            cloud.push(&site, &[]).explains(PART_WAY, &["cannot delete `blog/0002.html`", "AccessDenied"]);
        assert!(answer.stderr.contains("the release is live"), "{}", answer.stderr);
        assert!(!cloud.site_keys().contains(&"blog/0001.html".to_owned()));
        cloud.faults().clear();
        cloud.push(&site, &[]).success();
        assert!(!cloud.site_keys().contains(&"blog/0002.html".to_owned()));
        let again = cloud.push(&site, &[]).success();
        assert!(again.stderr.contains("is up to date"), "{}", again.stderr);
    }

    #[test]
    fn a_delete_request_that_fails_is_reported_and_tried_again() {
        let cloud = Cloud::new();
        let site = site_of(6);
        cloud.push(&site, &[]).success();
        site.remove("blog/0001.html").remove("style.css");
        cloud.faults().add(Rule::access_denied().operation("DeleteObjects").times(1));
        cloud.push(&site, &[]).explains(PART_WAY, &["cannot delete objects", "AccessDenied"]);
        assert!(cloud.site_keys().contains(&"style.css".to_owned()));
        cloud.push(&site, &[]).success();
        assert_eq!(cloud.site_keys().len(), 10);
    }
}

mod order {
    use super::*;

    #[test]
    fn nothing_later_runs_after_an_upload_has_failed() {
        let cloud = Cloud::new();
        let site = site_of(6);
        cloud.push(&site, &[]).success();
        let before = served(&cloud);
        site.write("app.css", "needed")
            .write("blog/0000.html", "uses app.css")
            .write("index.html", "so does this");
        site.remove("blog/0005.html");
        // Not a matter of permissions: this one object fails, the others do not.
        cloud
            .faults()
            .add(Rule::answer(StatusCode::BAD_REQUEST, "InvalidRequest").method(Method::PUT).key("app.css"));
        cloud.push(&site, &[]).explains(PART_WAY, &["cannot upload `app.css`", "the site is whole"]);
        assert_eq!(served(&cloud), before);
        assert_eq!(cloud.invalidated(), Vec::<Vec<String>>::new());
        cloud.faults().clear();
        cloud.push(&site, &[]).success();
        assert_eq!(cloud.body("blog/0000.html"), "uses app.css");
        assert!(!cloud.site_keys().contains(&"blog/0005.html".to_owned()));
    }

    #[test]
    fn deletes_wait_for_the_invalidation() {
        let cloud = Cloud::new();
        let site = site_of(6);
        cloud.push(&site, &[]).success();
        site.remove("blog/0005.html").write("index.html", "no link to it any more");
        let control = cloud.target.control.clone();
        cloud.store().on_mutation(move |_, mutation| {
            let is_delete =
                matches!(mutation.kind, MutationKind::DeleteMarkerAdded | MutationKind::VersionRemoved);
            if is_delete && mutation.key.as_deref() == Some("blog/0005.html") {
                assert_eq!(
                    control.invalidations(DISTRIBUTION).len(),
                    1,
                    "deleted before the caches were told"
                );
            }
        });
        cloud.push(&site, &[]).success();
        assert!(!cloud.site_keys().contains(&"blog/0005.html".to_owned()));
    }

    #[test]
    fn an_invalidation_that_failed_is_made_by_the_next_run_and_only_then_is_deleted() {
        let cloud = Cloud::new();
        let site = site_of(6);
        cloud.push(&site, &[]).success();
        site.remove("blog/0005.html").write("index.html", "new");
        fail_invalidations(&cloud, 1);
        cloud.push(&site, &[]).explains(PART_WAY, &["cannot invalidate", DISTRIBUTION]);
        assert_eq!(cloud.body("index.html"), "new");
        assert!(cloud.site_keys().contains(&"blog/0005.html".to_owned()));
        let status = cloud.on_target("status", &["--json"]).success().json();
        assert_eq!(status["debts"].as_array().expect("a list").len(), 2);
        // The folder has not changed, and there is work all the same.
        let site_path = site.path().to_str().expect("a plain path");
        cloud.on_target("plan", &[site_path, "--detailed-exitcode"]).expect_code(2);
        cloud.push(&site, &[]).success();
        assert_eq!(cloud.invalidated(), [vec!["/", "/index.html"], vec!["/blog/0005*"]]);
        assert!(!cloud.site_keys().contains(&"blog/0005.html".to_owned()));
        let again = cloud.push(&site, &[]).success();
        assert!(again.stderr.contains("is up to date"), "{}", again.stderr);
        assert_eq!(cloud.invalidated().len(), 2);
    }

    /// A visitor who came between the invalidation and the deletion would have the edge keep the page for a year.
    #[test]
    fn what_left_is_dropped_from_the_caches_after_it_is_gone_and_pages_before_the_files_that_they_use() {
        let cloud = Cloud::new();
        let site = site_of(6);
        site.write("theme.css", "old").write("blog/0005.html", "<link href=\"/theme.css\">");
        cloud.push(&site, &[]).success();
        site.remove("blog/0005.html").remove("theme.css").write("index.html", "new");
        let (control, seen) = (cloud.target.control.clone(), Arc::new(Mutex::new(Vec::new())));
        let sink = Arc::clone(&seen);
        cloud.store().on_mutation(move |_, mutation| {
            if mutation.kind == MutationKind::DeleteMarkerAdded {
                let made = control.invalidations(DISTRIBUTION).into_iter().map(|record| record.items);
                let key = mutation.key.clone().expect("a key");
                sink.lock().expect("not poisoned").push((key, made.collect::<Vec<_>>()));
            }
        });
        cloud.push(&site, &[]).success();
        let root = || vec!["/".to_owned(), "/index.html".to_owned()];
        let page = || vec!["/blog/0005*".to_owned()];
        let expected =
            [("blog/0005.html".to_owned(), vec![root()]), ("theme.css".to_owned(), vec![root(), page()])];
        assert_eq!(*seen.lock().expect("not poisoned"), expected);
        assert_eq!(cloud.invalidated(), [root(), page(), vec!["/theme.css".to_owned()]]);
    }

    #[test]
    fn a_page_that_could_not_be_deleted_at_first_is_dropped_from_the_caches_when_it_is() {
        let cloud = Cloud::new();
        let site = site_of(6);
        cloud.push(&site, &[]).success();
        site.remove("blog/0005.html");
        cloud.faults().add(Rule::access_denied().operation("DeleteObjects"));
        cloud.push(&site, &[]).expect_code(PART_WAY);
        cloud.faults().clear();
        assert_eq!(cloud.visit("/blog/0005.html").0, 200, "still there, and now in the cache");
        cloud.push(&site, &[]).success();
        assert_eq!(cloud.visit("/blog/0005.html").0, 404);
    }

    #[test]
    fn a_debt_survives_a_release_in_between() {
        let cloud = Cloud::new();
        let site = site_of(2);
        cloud.push(&site, &[]).success();
        site.write("style.css", "second");
        fail_invalidations(&cloud, 3);
        cloud.push(&site, &[]).expect_code(PART_WAY);
        site.write("about/index.html", "third");
        cloud.push(&site, &[]).expect_code(PART_WAY);
        assert_eq!(cloud.body("about/index.html"), "third");
        cloud.push(&site, &[]).success();
        let mut items = cloud.invalidated().concat();
        items.sort();
        assert!(
            items.contains(&"/style.css".to_owned()) && items.iter().any(|item| item.starts_with("/about")),
            "{items:?}"
        );
    }
}

mod invalidating {
    use super::*;

    #[test]
    fn caller_references_differ_within_one_second() {
        let cloud = Cloud::new();
        let site = Site::small();
        cloud.push(&site, &[]).success();
        let mut seconds: Vec<String> = Vec::new();
        // Two that share a second, and the same paths: of one reference CloudFront would make one invalidation.
        while seconds.len() < 2 || seconds[seconds.len() - 2] != seconds[seconds.len() - 1] {
            assert!(seconds.len() < 100, "no two of a hundred pushes came in one second: {seconds:?}");
            site.write("style.css", format!("{}", seconds.len()));
            let pushed = cloud.push(&site, &["--json"]).success().json();
            let release_id = pushed["outcome"]["release_id"].as_str().expect("a release");
            seconds.push(release_id.split('-').next().expect("it begins with its time").to_owned());
        }
        let records = cloud.target.control.invalidations(DISTRIBUTION);
        let references: BTreeSet<_> = records.iter().map(|record| &record.caller_reference).collect();
        assert_eq!((records.len(), references.len()), (seconds.len(), seconds.len()));
    }

    /// A list that was rewritten for one would be wrong for the other, whichever of them comes first.
    #[test]
    fn each_distribution_gets_the_paths_of_its_own_origin() {
        let of_root = ["/site/a%20b.css", "/site/about*", "/site/style.css"];
        let of_folder = ["/a%20b.css", "/about*", "/style.css"];
        for (origin_paths, expected) in
            [(["", "/site"], [of_root, of_folder]), (["/site", ""], [of_folder, of_root])]
        {
            let cloud = Cloud::with_two_distributions(origin_paths);
            let site = Site::small();
            site.write("a b.css", "old");
            let both = ["--prefix", "site", "--distribution", OTHER_DISTRIBUTION];
            cloud.push(&site, &both).success();
            site.write("style.css", "new").write("about/index.html", "new").write("a b.css", "new");
            cloud.push(&site, &both).success();
            let made = [DISTRIBUTION, OTHER_DISTRIBUTION].map(|id| cloud.target.control.invalidations(id));
            for (records, expected) in made.iter().zip(expected) {
                let items: Vec<_> = records.iter().map(|record| &record.items).collect();
                assert_eq!(items, [&expected], "origin paths {origin_paths:?}");
            }
            assert_ne!(made[0][0].caller_reference, made[1][0].caller_reference);
        }
    }

    #[test]
    fn one_distribution_failing_does_not_keep_the_other_from_its_due() {
        let cloud = Cloud::with_two_distributions(["", ""]);
        let site = Site::small();
        let both = ["--distribution", OTHER_DISTRIBUTION];
        cloud.push(&site, &both).success();
        site.write("style.css", "new");
        fail_invalidations(&cloud, 1);
        cloud.push(&site, &both).expect_code(PART_WAY);
        let count = |id| cloud.target.control.invalidations(id).len();
        assert_eq!(count(DISTRIBUTION) + count(OTHER_DISTRIBUTION), 1);
        cloud.push(&site, &both).success();
        assert_eq!((count(DISTRIBUTION), count(OTHER_DISTRIBUTION)), (1, 1));
    }

    #[test]
    fn more_than_three_thousand_paths_go_in_batches_that_share_nothing() {
        let cloud = Cloud::new();
        let paths: Vec<String> = (0..3_250).map(|number| format!("/page-{number:05}.html")).collect();
        let mut arguments = vec!["invalidate", "--distribution", DISTRIBUTION];
        arguments.extend(paths.iter().map(String::as_str));
        cloud.run(&arguments).success();
        let batches = cloud.invalidated();
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [3_000, 250]);
        assert_eq!(batches.concat(), paths);
    }

    #[test]
    fn thousands_of_changed_pages_are_all_covered_by_what_cloudfront_takes() {
        let cloud = Cloud::new();
        let site = site_of(2_400);
        cloud.push(&site, &[]).success();
        for number in (0..2_400).step_by(2) {
            site.write(&format!("blog/{number:04}.html"), format!("new {number}"));
        }
        cloud.push(&site, &[]).success();
        let items = cloud.invalidated().concat();
        assert!(items.len() <= 3_000 && items.iter().filter(|item| item.ends_with('*')).count() <= 15);
        let covers = |path: &str| {
            items.iter().any(|item| match item.strip_suffix('*') {
                Some(beginning) => path.starts_with(beginning),
                None => path == item,
            })
        };
        for number in (0..2_400).step_by(2) {
            for path in [
                format!("/blog/{number:04}.html"),
                format!("/blog/{number:04}"),
                format!("/blog/{number:04}/"),
            ] {
                assert!(covers(&path), "{path}");
            }
        }
    }

    #[test]
    fn myindex_is_no_index_page() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write("myindex.html", "one").write("docs/myindex.html", "one").write("docs/index.html", "docs");
        cloud.push(&site, &[]).success();
        site.write("myindex.html", "two").write("docs/myindex.html", "two");
        cloud.push(&site, &[]).success();
        let items = cloud.invalidated().concat();
        for path in ["/", "/docs/", "/docs", "/my"] {
            let covers =
                |item: &String| item.strip_suffix('*').map_or(item == path, |start| path.starts_with(start));
            assert!(!items.iter().any(covers), "{path}: {items:?}");
        }
        assert!(
            items.iter().any(|item| "/myindex.html".starts_with(item.trim_end_matches('*'))),
            "{items:?}"
        );
    }
}

mod comparing {
    use super::*;

    #[test]
    fn headers_are_compared_by_value() {
        let cloud = Cloud::new();
        let site = site_of(20);
        let mut headers = String::new();
        for number in 0..20 {
            headers.push_str(&format!(
                "/blog/{number:04}\n  Cache-Control: public, max-age={number}\n  Content-Language: en-{number:02}\n"
            ));
        }
        site.write("_headers", &headers);
        let folder = Site::new();
        folder.write(
            "sitepush.toml",
            "[[rules]]\nmatch = \"**/*.css\"\ncompress = \"gzip\"\nheaders = { \"X-Amz-Meta-Team\" = \"web\", \"content-disposition\" = \"inline\" }\n",
        );
        let config = folder.path().join("sitepush.toml");
        let config = ["--config", config.to_str().expect("a plain path")];
        cloud.push(&site, &config).success();
        assert_eq!(cloud.cache_control("blog/0007.html"), "public, max-age=7");
        let before = cloud.contents();
        for more in [&[][..], &["--verify-remote"]] {
            let again = cloud.push(&site, &[&config[..], more].concat()).success();
            assert!(again.stderr.contains("is up to date"), "{}", again.stderr);
        }
        cloud.is_as_it_was(&before, "pushed again");
    }

    #[test]
    fn an_etag_that_is_no_md5_is_never_taken_for_one() {
        let cloud = Cloud::new();
        let site = Site::small();
        let film = vec![b'f'; 20 << 20];
        site.write("film.mp4", &film);
        cloud.push(&site, &[]).success();
        assert!(cloud.store().object(BUCKET, "film.mp4").expect("published").e_tag.ends_with("-2\""));
        // By the manifest it is known...
        cloud.requests();
        cloud.push(&site, &["--verify-remote"]).success();
        assert!(!cloud.requests().iter().any(|request| request.starts_with("PUT film.mp4")));
        // ...and another film of that size, sent in parts too, is not taken for it by a run that knows no manifest.
        let other = Cloud::new();
        let other_site = Site::small();
        other_site.write("film.mp4", vec![b'g'; film.len()]);
        other.push(&other_site, &[]).success();
        for key in other.store().keys(BUCKET).iter().filter(|key| key.starts_with(".sitepush/")) {
            other.store().delete_foreign(BUCKET, key);
        }
        assert!(other.store().object(BUCKET, "film.mp4").expect("theirs").e_tag.ends_with("-2\""));
        other.push(&site, &[]).success();
        assert!(other.store().object(BUCKET, "film.mp4").expect("published").bytes == film);
    }

    #[test]
    fn a_large_upload_that_was_never_completed_is_not_taken_for_the_object_before_it() {
        let cloud = Cloud::new();
        let site = Site::small();
        site.write("film.mp4", vec![b'1'; 20 << 20]);
        cloud.push(&site, &[]).success();
        site.write("film.mp4", vec![b'2'; 20 << 20]).write("index.html", "with the second film");
        cloud.faults().add(Rule::internal_error().operation("CompleteMultipartUpload").key("film.mp4"));
        cloud.push(&site, &["--retry-seconds", "1"]).explains(PART_WAY, &["cannot upload `film.mp4`"]);
        assert_ne!(cloud.body("index.html"), "with the second film");
        cloud.faults().clear();
        cloud.push(&site, &[]).success();
        assert!(cloud.store().object(BUCKET, "film.mp4").expect("published").bytes == vec![b'2'; 20 << 20]);
    }
}

mod trouble {
    use super::*;

    fn lost_answer() -> Rule {
        Rule::new(Effect::DropAfter).times(1)
    }

    /// Lost with the connection, and not in order.
    fn reset() -> Rule {
        Rule::new(Effect::ResetAfter).times(1)
    }

    /// Two pushes, the second with a lost answer; the site must be as without trouble, and nothing twice.
    fn survives_a_lost_answer(rule: &Rule, is_first: bool) {
        let [disturbed, calm] = [Cloud::new(), Cloud::new()];
        let site = site_of(3);
        if !is_first {
            for cloud in [&disturbed, &calm] {
                cloud.push(&site, &[]).success();
            }
            site.write("index.html", "new").write("new.css", "new").remove("blog/0001.html");
        }
        calm.push(&site, &[]).success();
        disturbed.faults().add(rule.clone());
        disturbed.requests();
        disturbed.push(&site, &[]).success();
        let lost = disturbed.store().requests().iter().filter(|request| request.status.is_none()).count();
        assert_eq!(lost, 1, "{rule:?}");
        assert_eq!(served(&disturbed), served(&calm), "{rule:?}");
        assert_eq!(disturbed.invalidated(), calm.invalidated(), "{rule:?}");
        assert_eq!(release_count(&disturbed), release_count(&calm), "{rule:?}");
        let again = disturbed.push(&site, &[]).success();
        assert!(again.stderr.contains("is up to date"), "{}", again.stderr);
    }

    #[test]
    fn a_lost_answer_to_the_lock_is_no_lost_race() {
        for is_first in [true, false] {
            survives_a_lost_answer(&lost_answer().method(Method::PUT).key_suffix("lock.json"), is_first);
        }
    }

    #[test]
    fn a_lost_answer_to_the_commit_is_no_lost_race() {
        for is_first in [true, false] {
            survives_a_lost_answer(
                &lost_answer().method(Method::PUT).key_suffix("manifest.json.gz"),
                is_first,
            );
        }
    }

    #[test]
    fn a_lost_answer_to_an_upload_or_delete_is_asked_for_again() {
        let put = || lost_answer().method(Method::PUT);
        survives_a_lost_answer(&put().key_suffix("index.html"), true);
        survives_a_lost_answer(&put().key_suffix("index.html"), false);
        survives_a_lost_answer(&put().key_suffix("intent.json"), false);
        survives_a_lost_answer(&put().key_prefix(".sitepush/releases/"), false);
        survives_a_lost_answer(&lost_answer().operation("DeleteObjects"), false);
        survives_a_lost_answer(&lost_answer().method(Method::GET).key_suffix("manifest.json.gz"), false);
    }

    #[test]
    fn a_lost_answer_to_an_invalidation_does_not_make_two() {
        survives_a_lost_answer(&lost_answer().operation("CreateInvalidation"), false);
    }

    /// The first two are sent by hands of our own, the others by the SDK.
    #[test]
    fn a_reset_after_the_server_has_acted_is_as_an_answer_that_was_lost() {
        survives_a_lost_answer(&reset().method(Method::PUT).key_suffix("index.html"), false);
        survives_a_lost_answer(&reset().method(Method::PUT).key_suffix("new.css"), false);
        survives_a_lost_answer(&reset().method(Method::PUT).key_suffix("lock.json"), false);
        survives_a_lost_answer(&reset().method(Method::PUT).key_suffix("manifest.json.gz"), false);
        survives_a_lost_answer(&reset().method(Method::GET).key_suffix("manifest.json.gz"), false);
        survives_a_lost_answer(&reset().operation("DeleteObjects"), false);
        survives_a_lost_answer(&reset().operation("CreateInvalidation"), false);
    }

    /// A network that resets is not one that is not there: it is asked again, for as long as the user allows.
    #[test]
    fn resets_without_end_are_given_up_at_the_time_limit_and_told_as_what_they_are() {
        let cloud = Cloud::new();
        let site = Site::small();
        cloud.push(&site, &[]).success();
        site.write("style.css", "new");
        let attempts = |rule: Rule, what: &str| {
            cloud.requests();
            cloud.faults().add(rule);
            let answer = cloud.push(&site, &["--retry-seconds", "2"]);
            let words = [what, "onnection reset", "or give it more time with `--retry-seconds`"];
            answer.explains(PART_WAY, &words);
            cloud.faults().clear();
            let requests = cloud.store().requests().into_iter();
            requests.filter(|request| request.status.is_none()).count()
        };
        let resets = || Rule::new(Effect::ResetAfter);
        let of_the_putter = resets().method(Method::PUT).key("style.css");
        assert!(attempts(of_the_putter, "cannot upload `style.css`") > 1);
        let of_the_sdk = resets().method(Method::GET).key_suffix("manifest.json.gz");
        assert!(attempts(of_the_sdk, "cannot read the state of bucket") > 1);
        cloud.push(&site, &[]).success();
        assert_eq!(cloud.body("style.css"), "new");
    }

    #[test]
    fn a_lost_answer_when_the_lock_is_given_back_leaves_it_free() {
        let cloud = Cloud::new();
        let site = Site::small();
        cloud.push(&site, &[]).success();
        site.write("style.css", "new");
        // The second write of the lock gives it back.
        cloud
            .faults()
            .add(Rule::new(Effect::DropAfter).method(Method::PUT).key_suffix("lock.json").after(1).times(1));
        let answer = cloud.push(&site, &[]).success();
        assert!(!answer.stderr.contains("could not be given back"), "{}", answer.stderr);
        let status = cloud.on_target("status", &["--json"]).success().json();
        assert_eq!(status["lock"], "free");
    }

    /// Of all requests, 30% are told to slow down, 10% have their connection reset after they acted, and each takes 50 ms.
    fn bad_weather(cloud: &Cloud) {
        let faults = cloud.faults();
        faults.add(Rule::new(Effect::Delay(Duration::from_millis(50))));
        // The first rule that fires decides: it has to see every request, and the next one a third of the rest. With these
        // seeds the shares are within 9 to 11 and 28 to 32 percent of the first n requests, for each n from 60 to 400.
        faults.add(Rule::new(Effect::ResetAfter).share(10, 723));
        faults.add(Rule::slow_down().share(33, 555));
    }

    /// No file was sent twice. Where nothing was before, a write that is repeated finds its own object there and leaves it
    /// alone. What is written over may be written over again for each answer that was lost, and no more.
    #[track_caller]
    fn assert_nothing_was_sent_twice(
        disturbed: &Cloud,
        calm: &Cloud,
        requests: &[RecordedRequest],
        what: &str,
    ) {
        let [found, calm] = [writes(disturbed), writes(calm)];
        let keys = |writes: &BTreeMap<String, usize>| writes.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&found), keys(&calm), "{what}");
        for (key, count) in &found {
            let of_key = |request: &&RecordedRequest| request.key.as_ref() == Some(key);
            let lost = requests.iter().filter(of_key).filter(|request| request.status.is_none());
            let is_new = calm[key] == 1;
            let allowed = calm[key] + if is_new { 0 } else { lost.count() };
            assert!((calm[key]..=allowed).contains(count), "{what}: `{key}` was written {count} times");
        }
    }

    /// Percent of the requests that were told to slow down, and that were not answered.
    fn share(requests: &[RecordedRequest], status: Option<u16>) -> usize {
        100 * requests.iter().filter(|request| request.status == status).count() / requests.len()
    }

    fn release_count(cloud: &Cloud) -> usize {
        cloud.on_target("releases", &["--json"]).success().json().as_array().expect("a list").len()
    }

    #[test]
    fn through_latency_throttles_and_lost_answers_the_same_site_arrives_and_nothing_twice() {
        let [disturbed, calm] = [Cloud::new(), Cloud::new()];
        let site = site_of(24);
        site.write("film.mp4", vec![b'f'; 17 << 20]);
        site.write("_headers", "/*\n  Content-Language: en\n  Content-Disposition: inline\n");
        let mut weather = Vec::new();
        for round in 0..2 {
            disturbed.requests();
            bad_weather(&disturbed);
            disturbed.push(&site, &[]).success();
            disturbed.faults().clear();
            let requests = disturbed.store().requests();
            calm.push(&site, &[]).success();
            assert_nothing_was_sent_twice(&disturbed, &calm, &requests, &format!("round {round}"));
            weather.extend(requests);
            assert_eq!(served(&disturbed), served(&calm), "round {round}");
            assert_eq!(disturbed.invalidated(), calm.invalidated(), "round {round}");
            assert_eq!(release_count(&disturbed), round + 1);
            assert_eq!(release_count(&calm), round + 1);
            let status = disturbed.on_target("status", &["--verify-remote", "--json"]).success().json();
            assert_eq!(status["lock"], "free", "round {round}: {status:#}");
            for name in ["debts", "drift", "unknown"] {
                assert_eq!(status[name], serde_json::json!([]), "round {round}: {status:#}");
            }
            for number in 0..8 {
                site.write(&format!("blog/{number:04}.html"), format!("round {round}"));
            }
            site.remove(&format!("blog/{:04}.html", 20 + round)).write("new.css", "new");
        }
        // Which calls are hit depends on their order; how many, on their number alone.
        let (throttled, lost) = (share(&weather, Some(503)), share(&weather, None));
        assert!((27..=33).contains(&throttled), "{throttled}% were told to slow down");
        assert!((8..=12).contains(&lost), "{lost}% were not answered");
        // Who has no answer to the beginning of an upload does not know its id: that one stays, without a part.
        let is_begun = |request: &&RecordedRequest| request.operation == "CreateMultipartUpload";
        let begun_unheard = weather.iter().filter(is_begun).filter(|request| request.status.is_none());
        assert_eq!(disturbed.store().open_uploads(BUCKET), begun_unheard.count());
    }

    #[test]
    fn throttled_invalidations_are_waited_for() {
        let cloud = Cloud::new();
        let site = Site::small();
        cloud.push(&site, &[]).success();
        site.write("style.css", "new");
        for fault in [
            CloudFrontFault::Throttling,
            CloudFrontFault::TooManyRequests,
            CloudFrontFault::TooManyInvalidationsInProgress,
            CloudFrontFault::ServiceUnavailable,
        ] {
            cloud.target.control.fail(Some(Operation::CreateInvalidation), fault, 1);
        }
        cloud.push(&site, &[]).success();
        assert_eq!(cloud.invalidated(), [["/style.css"]]);
    }
}
