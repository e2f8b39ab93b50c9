//! What people get wrong, and what goes wrong around them: each ends with the documented exit code, one message, one
//! hint, and a bucket in which nothing has changed.

#[path = "../support/mod.rs"]
mod support;

mod names;
mod the_account;
mod the_configuration;
mod the_content;
mod the_folder;
mod the_state;

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use sitepush::local::control::faults::{Fault as CloudFrontFault, Operation};
use sitepush::local::faults::Rule;
use support::{Answer, BUCKET, Cloud, Contents, DISTRIBUTION, Site, program};

const REFUSED: i32 = 3;
const PART_WAY: i32 = 1;
const ENVIRONMENT: i32 = 5;
const USAGE: i32 = 64;

/// A published site, and what was there then.
struct Published {
    cloud: Cloud,
    site: Site,
    before: Contents,
}

impl Published {
    fn new() -> Self {
        let cloud = Cloud::new();
        let site = Site::small();
        cloud.push(&site, &[]).success();
        Self::with(cloud, site)
    }

    /// With an edit that is not published yet: a push has something to change.
    fn edited() -> Self {
        let published = Self::new();
        published.site.write("style.css", "edited").write("more.css", "more");
        published
    }

    fn with(cloud: Cloud, site: Site) -> Self {
        let before = cloud.contents();
        Self { cloud, site, before }
    }

    /// Pushes, which must be refused with this code and these words, and change nothing.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], code: i32, words: &[&str]) -> Answer {
        let answer = self.cloud.push(&self.site, arguments).explains(code, words);
        self.is_untouched();
        answer
    }

    #[track_caller]
    fn is_untouched(&self) {
        self.cloud.is_as_it_was(&self.before, "after a refusal");
    }
}

fn fresh(site: Site) -> Published {
    Published::with(Cloud::new(), site)
}
