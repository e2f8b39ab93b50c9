//! A deploy forgets old releases: their records, and the images that no kept one has. As many deploys as it takes would last for
//! hours, so the releases of before are written here, where and as a deploy writes them: into the state's bucket, and by ECR's API.

use serde_json::{Value, json};
use system::deploy::record::KEPT;

use crate::account::Account;

const BUCKET: &str = "sitepush-state-123456789012-eu-central-1";
const RELEASES: &str = "sitepush-staging/releases/";

/// Releases of the year before, and two images, of which the two oldest releases alone have one.
pub struct OldReleases {
    /// The oldest first.
    ids: Vec<String>,
    repository: String,
    unneeded: String,
    needed: String,
}

impl OldReleases {
    /// Writes as many as are kept, each but for commit, time and images like the release of `record`.
    pub fn write(account: &Account, record: &Value) -> Self {
        let image = record["images"]["guestbook"].as_str().expect("an image");
        let (registry, rest) = image.split_once('/').expect("a host");
        let (repository, _) = rest.split_once('@').expect("a digest");
        let [unneeded, needed] = ["a", "b"].map(|digit| account.put_image(repository, &digit.repeat(40)));
        let ids = (0..KEPT).map(|number| {
            let digest = if number < 2 { &unneeded } else { &needed };
            let time = format!("2025-01-01T00:00:{number:02}Z");
            let id = format!("20250101T0000{number:02}Z-ddddddd");
            let mut old = record.clone();
            old["id"] = json!(id);
            old["commit"] = json!("d".repeat(40));
            (old["time"], old["commit_time"]) = (json!(time), json!(time));
            old["images"] = json!({"guestbook": format!("{registry}/{repository}@{digest}")});
            account.put_object(BUCKET, &format!("{RELEASES}{id}.json"), &old.to_string());
            id
        });
        Self { ids: ids.collect(), repository: repository.to_owned(), unneeded, needed }
    }

    /// There are as many releases as are kept, of which `newer` are the newest, and no image that only others had.
    pub fn assert_forgotten(&self, account: &Account, newer: &[&Value]) {
        let newer = newer.iter().map(|record| record["id"].as_str().expect("an id").to_owned());
        let kept: Vec<String> = self.ids[newer.len()..].iter().cloned().chain(newer).collect();
        let keys = account.keys(BUCKET, RELEASES).into_iter();
        let there: Vec<String> =
            keys.map(|key| key.trim_start_matches(RELEASES).trim_end_matches(".json").to_owned()).collect();
        assert_eq!((there.len(), &there), (KEPT, &kept));
        let images = account.images(&self.repository);
        assert!(images.contains(&self.needed) && !images.contains(&self.unneeded), "{images:?}");
    }
}
