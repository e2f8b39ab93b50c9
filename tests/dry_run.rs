//! Every command that changes the site says first what it would do: it changes nothing then, and does just that when told to.

mod support;

use serde_json::Value;
use support::{BUCKET, Cloud, DISTRIBUTION, Site};

/// The plan without what differs from one moment to the next: the name and time of the release that it makes.
fn timeless(plan: &Value) -> Value {
    let mut plan = plan.clone();
    let release = plan["release"].clone();
    if let Some(id) = release["id"].as_str() {
        let text = plan.to_string().replace(id, "RELEASE");
        plan = serde_json::from_str(&text).expect("a name changes no structure");
        plan["release"]["time"] = Value::Null;
    }
    plan
}

/// All that can change: every version of every object, and the invalidations.
fn state(cloud: &Cloud) -> impl PartialEq + std::fmt::Debug + use<> {
    (cloud.store().versions(BUCKET), cloud.target.control.invalidations(DISTRIBUTION))
}

/// Runs the command dry, and then for real: the first changes nothing and sends nothing that could, the second does what
/// the first said. `plan_of` finds the plan in the document of the real run.
#[track_caller]
fn does_what_it_said(cloud: &Cloud, command: &[&str], plan_of: impl Fn(&Value) -> Value) -> Value {
    let (name, more) = command.split_first().expect("a command");
    let before = state(cloud);
    cloud.requests();
    let said = cloud.on_target(name, &[more, &["--dry-run", "--json"]].concat()).success().json();
    let asked = cloud.requests();
    assert!(
        asked.iter().all(|request| request.starts_with("GET ") || request.starts_with("HEAD ")),
        "{asked:?}"
    );
    assert!(state(cloud) == before, "`{name} --dry-run` changed something");
    let done = cloud.on_target(name, &[more, &["--json"]].concat()).success().json();
    assert!(state(cloud) != before, "`{name}` changed nothing: there was nothing to say");
    assert_eq!(timeless(&plan_of(&done)), timeless(&said), "{name}");
    said
}

fn plan(document: &Value) -> Value {
    document["plan"].clone()
}

/// Two releases of a site: an edit, a page less, and another bundle.
fn two_releases() -> (Cloud, Site) {
    let (cloud, site) = (Cloud::new(), Site::small());
    site.write("old.html", "a page that leaves");
    cloud.push(&site, &[]).success();
    second(&site);
    cloud.push(&site, &[]).success();
    (cloud, site)
}

fn second(site: &Site) {
    site.remove("old.html").rename("assets/more-CzQAN4l5.js", "assets/more-B7bbbQ2x.js");
    site.write("assets/more-B7bbbQ2x.js", "console.log(3)").write("style.css", "second");
}

#[test]
fn a_push_does_what_its_dry_run_said() {
    let (cloud, site) = (Cloud::new(), Site::small());
    site.write("old.html", "a page that leaves");
    cloud.push(&site, &[]).success();
    second(&site);
    let said = does_what_it_said(&cloud, &["push", site.path().to_str().expect("a plain path")], plan);
    assert_eq!(said["changes"].as_array().expect("a list").len(), 3);
}

#[test]
fn a_rollback_does_what_its_dry_run_said() {
    let (cloud, _site) = two_releases();
    let said = does_what_it_said(&cloud, &["rollback"], plan);
    let keys = said["changes"].as_array().expect("a list").iter().map(|change| change["key"].as_str());
    let mut keys: Vec<_> = keys.flatten().collect();
    keys.sort_unstable();
    assert_eq!(keys, ["old.html", "style.css"]);
}

#[test]
fn a_prune_does_what_its_dry_run_said() {
    let (cloud, _site) = two_releases();
    let said = does_what_it_said(&cloud, &["prune", "--keep", "1", "--days", "0"], plan);
    assert_eq!(said["changes"][0]["key"], "assets/more-CzQAN4l5.js");
}

#[test]
fn what_a_dry_run_calls_unknown_is_what_is_deleted() {
    let (cloud, _site) = two_releases();
    for key in ["stray.txt", "drafts/stray.html"] {
        cloud.put_foreign(key, "somebody's");
    }
    let said = does_what_it_said(&cloud, &["prune", "--prune-unknown", "--yes"], Value::clone);
    assert_eq!(said, serde_json::json!(["drafts/stray.html", "stray.txt"]));
    assert!(!cloud.site_keys().contains(&"stray.txt".to_owned()));
}

#[test]
fn an_invalidation_by_hand_is_the_one_that_its_dry_run_said() {
    let (cloud, _site) = two_releases();
    let planned = |document: &Value| {
        let mut planned = document["planned"].clone();
        for batch in planned.as_array_mut().expect("a list") {
            // By hand means now, so that asking twice invalidates twice.
            assert!(batch["caller_reference"].take().is_string());
        }
        planned
    };
    let before = state(&cloud);
    let arguments = ["/style.css", "/blog/*", "about", "--json"];
    let said = cloud.on_target("invalidate", &[&arguments[..], &["--dry-run"]].concat()).success().json();
    assert!(state(&cloud) == before, "a dry run invalidated something");
    let done = cloud.on_target("invalidate", &arguments).success().json();
    assert_eq!(planned(&done), planned(&said));
    assert_eq!(said["made"], serde_json::json!([]));
    let items = cloud.invalidated().pop().expect("it was made");
    assert_eq!(serde_json::json!(items), said["planned"][0]["items"]);
}
