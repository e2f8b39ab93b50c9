//! Invalidations, as CloudFront's emulators record them.

use aws_sdk_cloudfrontkeyvaluestore as kvs;
use kvs::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};

use crate::emulator::{Emulator, credentials};
use crate::meddler::{Meddler, Meddling};
use crate::support::{Answer, BUCKET, Site};

pub fn a_changed_page_is_invalidated_under_all_its_paths(emulator: &Emulator) {
    let site = Site::small();
    emulator.push(&site, &[]).success();
    assert_eq!(emulator.invalidated(), Vec::<Vec<String>>::new());
    site.write("index.html", "new").write("about/index.html", "newer");
    emulator.push(&site, &[]).success();
    assert_eq!(emulator.invalidated(), [["/", "/about*", "/index.html"]]);
}

pub fn an_invalidation_that_failed_is_made_by_the_next_run(emulator: &Emulator) {
    let site = Site::small();
    emulator.push(&site, &[]).success();
    site.write("style.css", "new");
    let meddler = Meddler::start(&emulator.url, Meddling::Refuse("/invalidation"));
    let mut command = emulator.push_command(&site, &["--retry-seconds", "1"]);
    let output = command.env("AWS_ENDPOINT_URL_CLOUDFRONT", &meddler.url).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(meddler.count() > 0, "nothing was refused");
    assert_eq!(emulator.invalidated(), Vec::<Vec<String>>::new());
    assert_eq!(emulator.body("style.css"), "new");
    // The build did not change, and yet there is something to do.
    emulator.push(&site, &[]).success();
    assert_eq!(emulator.invalidated(), [["/style.css"]]);
    emulator.push(&site, &[]).success();
    assert_eq!(emulator.invalidated().len(), 1);
}

pub fn paths_are_invalidated_by_hand(emulator: &Emulator) {
    let id = &emulator.distribution;
    emulator.run(&["invalidate", "/blog/*", "about", "--wait", "--distribution", id]).success();
    assert_eq!(emulator.invalidated(), [["/about", "/blog/*"]]);
}

/// A push to the bucket at `store` and the distribution at `edge`, as the environment says.
fn push_with_two_endpoints(store: &Emulator, edge: &Emulator, site: &Site, more: &[&str]) -> Answer {
    let folder = site.path().to_str().expect("a plain path");
    let target = ["push", folder, "--bucket", BUCKET, "--distribution", &edge.distribution];
    let mut command = store.command(&[&target, more].concat());
    let output = command.env("AWS_ENDPOINT_URL_CLOUDFRONT", &edge.url).output();
    Answer::from_output(&output.expect("the program starts"))
}

#[test]
fn objects_go_to_moto_and_invalidations_to_ministack() {
    let (store, edge) = (Emulator::moto(), Emulator::ministack());
    let site = Site::small();
    push_with_two_endpoints(&store, &edge, &site, &[]).success();
    site.write("style.css", "new");
    push_with_two_endpoints(&store, &edge, &site, &[]).success();
    assert_eq!(edge.invalidated(), [["/style.css"]]);
    assert_eq!(store.body("style.css"), "new");
    assert_eq!(store.invalidated(), Vec::<Vec<String>>::new());
    assert!(edge.all_keys().is_empty());
}

/// As in the AWS CLI: what stands on the command line is for every service, whatever the environment says.
#[test]
fn an_endpoint_on_the_command_line_is_for_every_service() {
    let (store, edge) = (Emulator::moto(), Emulator::ministack());
    let site = Site::small();
    let flag = ["--endpoint-url", &store.url];
    push_with_two_endpoints(&store, &edge, &site, &flag).explains(5, &[&edge.distribution]);
    assert!(store.all_keys().is_empty(), "a distribution that is not there is found before anything is sent");
    store.push(&site, &flag).success();
    store.assert_is_published(&site, "");
}

/// Asks the store where it is, without the account's number before its name.
#[derive(Debug)]
struct At(String);

impl ResolveEndpoint for At {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(Endpoint::builder().url(self.0.clone()).build()))
    }
}

fn store_client(url: &str) -> kvs::Client {
    let config = kvs::Config::builder().behavior_version(kvs::config::BehaviorVersion::latest());
    let config = config.credentials_provider(credentials()).endpoint_resolver(At(url.to_owned()));
    kvs::Client::from_conf(config.region(kvs::config::Region::new("us-east-1")).build())
}

#[test]
fn ministacks_store_is_told_where_the_pages_are_and_other_keys_are_left_alone() {
    let emulator = Emulator::ministack();
    let request = emulator.cloudfront.create_key_value_store().name("site");
    let created = emulator.runtime.block_on(request.send()).expect("stores can be made");
    let arn = created.key_value_store.expect("one was made").arn;
    let client = store_client(&emulator.url);
    let value = |key: &str| {
        let request = client.get_key().kvs_arn(&arn).key(key);
        emulator.runtime.block_on(request.send()).expect("the key is there").value
    };
    let describe = client.describe_key_value_store().kvs_arn(&arn);
    let e_tag = emulator.runtime.block_on(describe.send()).expect("the store is there").e_tag;
    let foreign = client.put_key().kvs_arn(&arn).key("mine").value("kept").if_match(e_tag);
    emulator.runtime.block_on(foreign.send()).expect("a write");
    let site = Site::small();
    emulator.push(&site, &["--key-value-store", &arn]).success();
    assert_eq!(value("release"), r#"{"pages":"directory"}"#);
    site.rename("about/index.html", "about.html");
    emulator.push(&site, &["--key-value-store", &arn]).success();
    assert_eq!(value("release"), r#"{"pages":"html"}"#);
    assert_eq!(value("mine"), "kept");
    emulator.push(&site, &["--key-value-store", &format!("{arn}x")]).explains(5, &["key value store"]);
}
