//! A target with several distributions: each is asked, at its own address.

use std::io::Read as _;

use serde_json::Value;
use sitepush::local::control::ControlPlane;

use crate::published::{found, gzip, whole_site};
use crate::site::{Reply, RunningSite, Wrong, plain};
use crate::support::{Answer, BUCKET, Cloud, DISTRIBUTION, OTHER_DISTRIBUTION};
use crate::tls::{Authority, careful};

/// Two distributions with a site each; both show the same bucket.
struct Project {
    cloud: Cloud,
    authority: Authority,
}

impl Project {
    fn new() -> Self {
        let cloud = Cloud::with_two_distributions(["", ""]);
        let store_arn = ControlPlane::store_arn(DISTRIBUTION);
        let more = ["--distribution", OTHER_DISTRIBUTION, "--key-value-store", &store_arn];
        cloud.push(&whole_site(), &more).success();
        Self { cloud, authority: Authority::new("friend") }
    }

    /// A careful site that is wrong at one path, if one is named.
    fn site(&self, wrong_at: Option<&'static str>) -> RunningSite {
        let wrong = Wrong::changing(move |seen, answer| {
            let answer = careful(seen, answer);
            let is_wrong = seen.is_tls && wrong_at == Some(seen.path.as_str());
            Reply::Answer(if is_wrong { plain(404, "text/html", "not here") } else { answer })
        });
        RunningSite::start(&self.cloud.target.edge, Wrong { tls: Some(self.authority.good()), ..wrong })
    }

    /// Has the record say that the distributions are here.
    fn distributions_are_at(&self, addresses: [&str; 2]) {
        const RECORD: &str = ".sitepush/manifest.json.gz";
        let packed = self.cloud.store().object(BUCKET, RECORD).expect("it was published").bytes;
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).expect("text");
        for (id, address) in [DISTRIBUTION, OTHER_DISTRIBUTION].iter().zip(addresses) {
            let domain = format!("{}.cloudfront.net", id.to_ascii_lowercase());
            assert!(text.contains(&domain), "no `{domain}` in {text}");
            text = text.replace(&domain, address);
        }
        self.cloud.put_foreign(RECORD, gzip(text.as_bytes()));
    }

    fn verify(&self, more: &[&str]) -> Answer {
        let target =
            ["--bucket", BUCKET, "--distribution", DISTRIBUTION, "--distribution", OTHER_DISTRIBUTION];
        let arguments = [&["verify", "--timeout", "5"], &target[..], more].concat();
        let output = self.cloud.command(&arguments).env("SSL_CERT_FILE", self.authority.file()).output();
        Answer::from_output(&output.expect("the program starts"))
    }
}

fn address(site: &RunningSite) -> String {
    site.address.to_string()
}

fn others(document: &Value) -> &Vec<Value> {
    document["others"].as_array().expect("a list")
}

#[test]
fn every_distribution_is_asked_and_one_that_is_wrong_is_found() {
    let project = Project::new();
    let (first, second) = (project.site(None), project.site(Some("/style.css")));
    project.distributions_are_at([&address(&first), &address(&second)]);
    let document = project.verify(&["--json"]).expect_code(1).json();
    assert_eq!(found(&document), [""; 0], "{document:#}");
    assert_eq!(document["url"], format!("https://{}", first.address));
    assert_eq!((&document["is_right"], &document["problem_count"]), (&false.into(), &0.into()));
    let [other] = others(&document).as_slice() else { panic!("{document:#}") };
    assert_eq!(other["url"], format!("https://{}", second.address));
    assert_eq!(found(other), ["problem not-there /style.css"]);
    // The same for a person.
    let shown = project.verify(&[]).expect_code(1).stdout;
    let verdicts: Vec<&str> = shown.lines().filter(|line| line.starts_with("verdict")).collect();
    assert_eq!(verdicts, ["verdict   right", "verdict   1 problem"], "{shown}");
    // Who names an address asks nobody else.
    let document = project.verify(&[&format!("https://{}", first.address), "--json"]).success().json();
    assert!(document.get("others").is_none(), "{document:#}");
}

#[test]
fn both_are_right_and_one_that_cannot_be_reached_is_not() {
    let project = Project::new();
    let (first, second) = (project.site(None), project.site(None));
    project.distributions_are_at([&address(&first), &address(&second)]);
    let document = project.verify(&["--json"]).success().json();
    assert_eq!((&document["is_right"], others(&document).len()), (&true.into(), 1));

    drop(second);
    let document = project.verify(&["--json"]).expect_code(1).json();
    assert_eq!(found(&document), [""; 0]);
    assert_eq!(found(&others(&document)[0]), ["problem no-answer /"], "{document:#}");
    drop(first);
    project.verify(&[]).explains(5, &["cannot reach"]);
}

#[test]
fn a_distribution_whose_address_is_not_known_yet_is_named() {
    let cloud = Cloud::new();
    cloud.push(&whole_site(), &[]).success();
    let home = crate::support::Site::new();
    let url = cloud.target.site_url();
    let ids = format!("[\"{DISTRIBUTION}\", \"ENEW\"]");
    home.write(
        "sitepush.toml",
        format!("[targets.a]\nbucket = \"{BUCKET}\"\nurl = \"{url}\"\ndistributions = {ids}\n"),
    );
    let config = home.path().join("sitepush.toml");
    let answer = cloud.run(&["verify", "--config", config.to_str().expect("a plain path")]);
    assert!(answer.stderr.contains("`ENEW`"), "{}", answer.stderr);
}

#[test]
fn the_targets_names_are_asked_besides_and_one_that_leads_nowhere_is_found() {
    let project = Project::new();
    let site = project.site(None);
    let home = crate::support::Site::new();
    home.write(
        "sitepush.toml",
        format!(
            "[targets.a]\nbucket = \"{BUCKET}\"\ndistributions = [\"{DISTRIBUTION}\"]\n\
             url = \"https://{}\"\ndomains = [\"www.nowhere.invalid\", \"*.nowhere.invalid\"]\n",
            site.address
        ),
    );
    let config = home.path().join("sitepush.toml");
    let arguments = ["verify", "--json", "--config", config.to_str().expect("a plain path")];
    let output = project.cloud.command(&arguments).env("SSL_CERT_FILE", project.authority.file()).output();
    let document = Answer::from_output(&output.expect("the program starts")).expect_code(1).json();
    assert_eq!(found(&document), [""; 0], "{document:#}");
    let [other] = others(&document).as_slice() else { panic!("{document:#}") };
    assert_eq!(other["url"], "https://www.nowhere.invalid");
    assert_eq!(found(other), ["problem no-answer /"]);
}
