//! The bucket after every single mutation of a push.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use sitepush::core::manifest::DueAfter;
use sitepush::local::control::ControlPlane;
use sitepush::local::s3::{Mutation, MutationKind, StoreView};

use crate::edition::{Scale, all_references, broken, edition, is_hashed};
use crate::records::Records;
use crate::support::{BUCKET, DISTRIBUTION, Site, record_in, wrong_records};

const MANIFEST: &str = ".sitepush/manifest.json.gz";

/// A change to a site of edition 0, with one point.
struct Change {
    name: &'static str,
    scale: Scale,
    make: fn(&Site),
    /// Whether something leaves the site with it.
    deletes: bool,
}

fn changes() -> [Change; 7] {
    fn change(name: &'static str, deletes: bool, make: fn(&Site)) -> Change {
        Change { name, scale: Scale::Small, make, deletes }
    }
    let all = |site: &Site| edition(site, Scale::Large, 1);
    [
        change("first", false, |_| {}),
        change("edit", false, |site| {
            site.write("about/index.html", "<script src=\"/assets/app-DRXg7gsA.js\"></script> edited");
        }),
        change("new bundle", true, |site| edition(site, Scale::Small, 1)),
        Change { name: "sixty files", scale: Scale::Large, make: all, deletes: true },
        change("dropped pages", true, |site| {
            site.remove("guide/index.html").remove("guide/start.html").remove("theme-0.css");
            for page in ["index.html", "about/index.html", "404.html"] {
                site.write(page, "<script src=\"/assets/app-DRXg7gsA.js\"></script> no theme");
            }
        }),
        change("rename", true, |site| {
            site.rename("theme-0.css", "theme-renamed.css");
            for page in ["index.html", "about/index.html", "guide/index.html", "guide/start.html", "404.html"]
            {
                site.write(page, "<link href=\"/theme-renamed.css\">");
            }
        }),
        change("headers", false, |site| {
            site.write("_headers", "/*\n  Content-Language: en\n");
        }),
    ]
}

/// What is seen of a push from one mutation to the next.
#[derive(Default)]
struct Seen {
    mutations: usize,
    has_deleted: bool,
    wrong: Vec<String>,
}

impl Seen {
    /// Looks at the bucket after a mutation. `open` are the files of pages that visitors have open.
    fn look(
        &mut self,
        view: &StoreView<'_>,
        mutation: &Mutation,
        open: &BTreeSet<String>,
        cdn: &ControlPlane,
    ) {
        self.mutations += 1;
        let snapshot = view.snapshot(BUCKET);
        let mut wrong = broken(&snapshot);
        wrong.extend(wrong_records(&snapshot));
        if is_delete(mutation) && !self.has_deleted {
            self.has_deleted = true;
            wrong.extend(not_invalidated(view, cdn));
        }
        // Before anything is deleted, that is all of them; later those that a cached page may ask for by a hashed name.
        let must_stay = open.iter().filter(|key| is_hashed(key) || !self.has_deleted);
        let gone = must_stay.filter(|key| !snapshot.contains_key(*key));
        wrong.extend(gone.map(|key| format!("`{key}` is gone, and open pages may ask for it")));
        let key = mutation.key.as_deref().unwrap_or_default();
        let told =
            wrong.into_iter().map(|text| format!("after mutation {} (`{key}`): {text}", self.mutations));
        self.wrong.extend(told);
    }
}

/// Whether something of the site is deleted.
fn is_delete(mutation: &Mutation) -> bool {
    matches!(mutation.kind, MutationKind::DeleteMarkerAdded | MutationKind::VersionRemoved)
        && mutation.key.as_deref().is_some_and(|key| !key.starts_with(".sitepush/"))
}

/// What the live release owes for all that it wrote, and CloudFront has not been told.
fn not_invalidated(view: &StoreView<'_>, cdn: &ControlPlane) -> Vec<String> {
    if view.object(BUCKET, MANIFEST).is_none() {
        return vec!["there is no release yet".to_owned()];
    }
    let manifest = record_in(&view.snapshot(BUCKET), MANIFEST).expect("a record");
    let made = cdn.invalidations(DISTRIBUTION);
    let is_made = |reference: &str, items: &[String]| {
        made.iter().any(|record| record.caller_reference == reference && record.items == items)
    };
    let of_commit = || manifest.owed.iter().filter(|owed| owed.due_after == DueAfter::Commit);
    let mut wrong: Vec<String> = of_commit()
        .filter(|owed| !is_made(&owed.caller_reference, &owed.items))
        .map(|owed| format!("deleted before the caches were told of {:?}", owed.items))
        .collect();
    if of_commit().next().is_none() {
        wrong.push("its pages changed, and nothing is owed for them".to_owned());
    }
    wrong
}

#[test]
fn after_every_mutation_no_page_refers_to_a_missing_object_and_open_pages_find_their_files() {
    for (change, records) in changes().iter().flat_map(|change| Records::ALL.map(|records| (change, records)))
    {
        let name = format!("{} ({records:?})", change.name);
        let cloud = records.cloud();
        let site = Site::new();
        edition(&site, change.scale, 0);
        if change.name != "first" {
            cloud.push(&site, &[]).success();
        }
        (change.make)(&site);
        let before = cloud.store().snapshot(BUCKET);
        // What the pages refer to, and what their scripts may load later.
        let mut open = all_references(&before);
        open.extend(before.into_keys().filter(|key| is_hashed(key)));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (sink, cdn) = (Arc::clone(&seen), cloud.target.control.clone());
        cloud.store().on_mutation(move |view, mutation| {
            sink.lock().expect("not poisoned").look(view, mutation, &open, &cdn);
        });
        cloud.push(&site, &["--allow-shrink"]).success();
        let seen = seen.lock().expect("not poisoned");
        assert!(seen.mutations >= 4, "{name}: only {} mutations were seen", seen.mutations);
        assert_eq!(seen.has_deleted, change.deletes, "{name}: whether something was deleted");
        assert!(seen.wrong.is_empty(), "{name}: {:#?}", seen.wrong);
    }
}
