//! Names that come from another distribution, and what CloudFront, ACM and Route 53 refuse for a time: behind a proxy that
//! refuses as they do.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_cloudfront::types::{Aliases, DistributionConfig};
use aws_sdk_route53::types as r53;

use crate::dns::Reply;
use crate::domains::{World, dies_after, record};
use crate::emulator::Emulator;
use crate::meddler::{End, Meddler, Meddling, Refusal};
use crate::support::Answer;

const WWW: [&str; 2] = ["--domain", "www.example.com"];

/// What CloudFront says of an alias whose DNS leads to another distribution.
const LED_ELSEWHERE: Refusal = Refusal {
    part: "<CNAME>www.example.com</CNAME>",
    status: 409,
    code: "CNAMEAlreadyExists",
    message: "One or more aliases specified for the distribution includes an incorrectly configured DNS record that points to \
              another CloudFront distribution. You must update the DNS record to correct the problem.",
};

/// What CloudFront knows of who else has an alias.
const TAKEN: &str = "<ConflictingAliasesList><MaxItems>100</MaxItems><Quantity>1</Quantity><Items><ConflictingAlias>\
                     <Alias>www.example.com</Alias><DistributionId>*******OTHER</DistributionId>\
                     <AccountId>******445566</AccountId></ConflictingAlias></Items></ConflictingAliasesList>";
const FREE: &str =
    "<ConflictingAliasesList><MaxItems>100</MaxItems><Quantity>0</Quantity></ConflictingAliasesList>";

fn run(world: &World<'_>, meddler: &Meddler, verb: &str, more: &[&str]) -> Answer {
    let mut command = world.command(verb, more);
    let output = command.env("AWS_ENDPOINT_URL", &meddler.url).output().expect("the program starts");
    Answer::from_output(&output)
}

fn lead_elsewhere(world: &World<'_>) -> r53::ResourceRecordSet {
    let found = record("www.example.com.", "CNAME", &["d222222abcdef8.cloudfront.net"]);
    world.put(found.clone());
    found
}

fn of_www(world: &World<'_>) -> Vec<String> {
    let names = world.record_names().into_iter();
    names.filter(|(name, _)| name == "www.example.com").map(|(_, kind)| kind).collect()
}

#[test]
fn a_name_is_taken_over_from_another_distribution_though_cloudfront_refuses_it_until_its_record_is_forgotten()
{
    let emulator = Emulator::ministack();
    let world = World::new(&emulator);
    lead_elsewhere(&world);
    let refused = world.run("apply", &WWW).explains(3, &["d222222abcdef8.cloudfront.net", "--take-over"]);
    assert!(!refused.stderr.contains("associate-alias"), "{}", refused.stderr);
    // Resolvers remember it for two more looks.
    let end = End { after: Some("<Action>DELETE</Action>"), more: 2 };
    let refusing = Meddler::start(&emulator.url, Meddling::AnswerUntil(LED_ELSEWHERE, end));
    let meddler = Meddler::start(&refusing.url, Meddling::Serve("/conflicting-alias", FREE, usize::MAX));
    let answer = run(&world, &meddler, "apply", &[&WWW[..], &["--take-over"]].concat()).success();
    assert_eq!((refusing.count(), meddler.count()), (2, 1), "{}", answer.stderr);
    for words in ["answers nothing", "waiting for the old record to be forgotten"] {
        assert!(answer.stderr.contains(words), "no `{words}` in:\n{}", answer.stderr);
    }
    assert_eq!(world.aliases(), ["www.example.com".to_owned()].into());
    assert_eq!(of_www(&world), ["A", "AAAA", "HTTPS"]);
}

/// Takes the name over in a run that is killed when it wants to make one change more than `changes`, and in a second one.
/// Whether the first came to its end, and whether it left the name without an answer.
fn take_over_twice(changes: usize) -> (bool, bool) {
    let emulator = Emulator::ministack();
    let world = World::new(&emulator);
    lead_elsewhere(&world);
    let take_over = [&WWW[..], &["--take-over", "--timeout", "60"]].concat();
    let is_whole = dies_after(&world, changes, "apply", &take_over);
    let is_withdrawn = of_www(&world).is_empty();
    world.run("apply", &take_over).success();
    assert_eq!(of_www(&world), ["A", "AAAA", "HTTPS"], "killed after {changes} changes");
    assert_eq!(world.aliases(), ["www.example.com".to_owned()].into(), "killed after {changes} changes");
    assert_eq!(world.certificates().len(), 1, "killed after {changes} changes");
    world.run("plan", &[&WWW[..], &["--detailed-exitcode"]].concat()).success();
    (is_whole, is_withdrawn)
}

#[test]
fn a_take_over_killed_after_any_change_is_finished_by_the_next() {
    const THREADS: usize = 3;
    let (next, withdrawn) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let (is_whole, is_withdrawn) = take_over_twice(next.fetch_add(1, Ordering::SeqCst));
                    if is_whole {
                        return;
                    }
                    withdrawn.fetch_add(usize::from(is_withdrawn), Ordering::SeqCst);
                }
            });
        }
    });
    assert!(withdrawn.into_inner() > 0, "no run was killed while the name answered nothing");
}

#[test]
fn a_name_that_another_distribution_still_has_is_not_led_away_from_it() {
    let emulator = Emulator::ministack();
    let world = World::new(&emulator);
    lead_elsewhere(&world);
    let take_over = [&WWW[..], &["--take-over"]].concat();
    let meddler = Meddler::start(&emulator.url, Meddling::Serve("/conflicting-alias", TAKEN, usize::MAX));
    run(&world, &meddler, "apply", &take_over).explains(1, &["*******OTHER", "associate-alias"]);
    assert_eq!((of_www(&world), world.aliases()), (vec!["CNAME".to_owned()], [].into()));
    let denied = Meddling::Answer("/conflicting-alias", 403, "AccessDenied");
    let meddler = Meddler::start(&emulator.url, denied);
    run(&world, &meddler, "apply", &take_over).explains(5, &["cloudfront:ListConflictingAliases"]);
    assert_eq!(of_www(&world), ["CNAME"], "what nobody may ask is not taken for a no");
}

#[test]
fn the_two_refusals_of_an_alias_are_told_apart_and_the_one_that_has_it_is_named() {
    let emulator = Emulator::ministack();
    let world = World::new(&emulator);
    // The zone here leads nowhere else, and the world does not ask it.
    world.set("example.com", "NS", Reply::Records(vec!["ns.example.net.".into()]));
    let never = End { after: Some("never"), more: 0 };
    let meddler = Meddler::start(&emulator.url, Meddling::AnswerUntil(LED_ELSEWHERE, never));
    let led = run(&world, &meddler, "apply", &WWW).explains(1, &["time to live"]);
    assert!(!led.stderr.contains("associate-alias"), "{}", led.stderr);
    let refusal = Refusal {
        message: "One or more of the CNAMEs you provided are already associated with a different resource.",
        ..LED_ELSEWHERE
    };
    let refusing = Meddler::start(&emulator.url, Meddling::AnswerUntil(refusal, never));
    let meddler = Meddler::start(&refusing.url, Meddling::Serve("/conflicting-alias", TAKEN, usize::MAX));
    let answer = run(&world, &meddler, "apply", &WWW).explains(1, &["associate-alias"]);
    let owner = "www.example.com is an alias of distribution *******OTHER";
    assert!(answer.stderr.contains(owner), "{}", answer.stderr);
    assert!(!answer.stderr.contains("time to live"), "{}", answer.stderr);
}

#[test]
fn a_name_with_its_dns_elsewhere_that_leads_to_another_distribution_is_found() {
    let emulator = Emulator::moto_issuing_after(1);
    let world = World::new(&emulator);
    world.set("www.example.org", "CNAME", Reply::Records(vec!["d222222abcdef8.cloudfront.net.".into()]));
    let wanted = ["--domain", "www.example.org", "--external-dns"];
    let expected = ("led-to-another-distribution".to_owned(), "www.example.org".to_owned());
    assert_eq!(world.problems(&wanted, 0), [expected]);
    // The certificate is issued by the way, and then somebody has to act.
    world.run("apply", &wanted).explains(1, &["d222222abcdef8.cloudfront.net", "remove that record"]);
    assert!(world.aliases().is_empty());
    world.set("www.example.org", "CNAME", Reply::NoSuchName);
    world.run("apply", &wanted).success();
    assert_eq!(world.aliases(), ["www.example.org".to_owned()].into());
}

#[test]
fn a_certificate_that_cloudfront_does_not_know_yet_is_waited_for() {
    let emulator = Emulator::ministack();
    let world = World::new(&emulator);
    let refusal = Refusal {
        part: "PUT /2020-05-31/distribution",
        status: 400,
        code: "InvalidViewerCertificate",
        message: "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a \
                  valid certificate chain.",
    };
    let meddler = Meddler::start(&emulator.url, Meddling::AnswerUntil(refusal, End { after: None, more: 1 }));
    run(&world, &meddler, "apply", &WWW).success();
    assert_eq!((meddler.count(), world.aliases().len()), (1, 1));
    // One that has been there is not too new.
    world.run("remove", &["--domain", "www.example.com", "--yes"]).success();
    let request = emulator.acm.request_certificate().domain_name("www.example.com");
    emulator.runtime.block_on(request.send()).expect("certificates can be requested");
    let meddler = Meddler::start(&emulator.url, Meddling::AnswerUntil(refusal, End { after: None, more: 1 }));
    let answer = run(&world, &meddler, "apply", &WWW).explains(1, &["whole chain", "request 0a1b2c3d"]);
    assert!(!answer.stderr.contains("within minutes"), "{}", answer.stderr);
}

#[test]
fn what_is_still_in_use_or_under_way_is_tried_again() {
    let emulator = Emulator::ministack();
    let world = World::new(&emulator);
    let busy = Refusal {
        part: "POST /2013-04-01/hostedzone",
        status: 400,
        code: "PriorRequestNotComplete",
        message: "The request was rejected because Route 53 was still processing a prior request.",
    };
    let meddler = Meddler::start(&emulator.url, Meddling::AnswerUntil(busy, End { after: None, more: 2 }));
    run(&world, &meddler, "apply", &WWW).success();
    assert_eq!((meddler.count(), world.aliases().len()), (2, 1));
    let in_use = Refusal {
        part: "CertificateManager.DeleteCertificate",
        status: 400,
        code: "ResourceInUseException",
        message: "Certificate is in use.",
    };
    let meddler = Meddler::start(&emulator.url, Meddling::AnswerUntil(in_use, End { after: None, more: 2 }));
    let answer = run(&world, &meddler, "remove", &["--domain", "www.example.com", "--yes"]).success();
    assert_eq!((meddler.count(), world.certificates()), (2, Vec::new()));
    assert!(answer.stderr.contains("waiting for the certificate to be let go"), "{}", answer.stderr);
}

/// On ministack, for moto does not tell (`moto_fails_at_the_token_of_a_certificate_that_was_deleted`).
#[test]
fn a_certificate_that_acm_gives_and_does_not_know_is_requested_anew() {
    const DELETED: &str = r#"{"CertificateArn":"arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"}"#;
    let emulator = Emulator::ministack();
    let world = World::new(&emulator);
    let meddler =
        Meddler::start(&emulator.url, Meddling::Serve("CertificateManager.RequestCertificate", DELETED, 1));
    let answer = run(&world, &meddler, "apply", &WWW).success();
    assert_eq!(meddler.count(), 1);
    assert_eq!(answer.stderr.matches("requesting a certificate").count(), 2, "{}", answer.stderr);
    assert_eq!((world.certificates().len(), world.aliases().len()), (1, 1));
}

#[test]
fn a_change_that_is_accepted_and_never_there_is_waited_for_until_the_time_limit() {
    const ACCEPTED: &str = "<Distribution></Distribution>";
    let emulator = Emulator::ministack();
    let world = World::new(&emulator);
    let serving = Meddling::Serve("PUT /2020-05-31/distribution", ACCEPTED, usize::MAX);
    let meddler = Meddler::start(&emulator.url, serving);
    let limited = [&WWW[..], &["--timeout", "5"]].concat();
    let answer = run(&world, &meddler, "apply", &limited).explains(1, &["what was changed to be read back"]);
    assert_eq!(meddler.count(), 1, "it is not sent again: {}", answer.stderr);
    assert!(world.aliases().is_empty());
    world.run("apply", &WWW).success();
}

#[test]
fn what_is_refused_for_ever_ends_at_the_time_limit() {
    let emulator = Emulator::ministack();
    let world = World::new(&emulator);
    let limited = [&WWW[..], &["--timeout", "4"]].concat();
    let for_ever = End { after: Some("never"), more: 0 };
    lead_elsewhere(&world);
    let meddler = Meddler::start(&emulator.url, Meddling::AnswerUntil(LED_ELSEWHERE, for_ever));
    let take_over = [&limited[..], &["--take-over"]].concat();
    run(&world, &meddler, "apply", &take_over)
        .explains(1, &["the old record to be forgotten: not there after", "goes on where this run ended"]);
    world.run("apply", &WWW).success();
    let in_use = Refusal {
        part: "CertificateManager.DeleteCertificate",
        status: 400,
        code: "ResourceInUseException",
        message: "Certificate is in use.",
    };
    let meddler = Meddler::start(&emulator.url, Meddling::AnswerUntil(in_use, for_ever));
    run(&world, &meddler, "remove", &[&limited[..], &["--yes"]].concat())
        .explains(1, &["the certificate to be let go: not there after", "goes on where this run ended"]);
    world.run("remove", &[&WWW[..], &["--yes"]].concat()).success();
    assert!(world.certificates().is_empty());
}

/// Runs `apply`, and lets somebody else change the distribution while a request that begins so is on its way.
fn apply_while_somebody_changes(
    world: &World<'_>,
    start: String,
    change: impl Fn(&mut DistributionConfig),
) -> Answer {
    // Leaked, once for each run of the tests.
    let meddler = Meddler::start(&world.emulator.url, Meddling::Hold(start.leak()));
    let mut command = world.command("apply", &WWW);
    command.env("AWS_ENDPOINT_URL", &meddler.url).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    meddler.wait();
    let (cloudfront, runtime) = (&world.emulator.cloudfront, &world.emulator.runtime);
    let found = runtime.block_on(cloudfront.get_distribution_config().id(&world.distribution).send());
    let found = found.expect("it is there");
    let mut config = found.distribution_config.expect("it has one");
    change(&mut config);
    let update = cloudfront.update_distribution().id(&world.distribution).distribution_config(config);
    runtime.block_on(update.if_match(found.e_tag.expect("an ETag")).send()).expect("it can be changed");
    meddler.let_go();
    Answer::from_output(&child.wait_with_output().expect("the program ends"))
}

#[test]
fn a_distribution_that_somebody_changes_in_between_is_not_overwritten() {
    let emulator = Emulator::ministack();
    let world = World::new(&emulator);
    let of_distribution =
        |method: &str| format!("{method} /2020-05-31/distribution/{}/config", world.distribution);
    let comment = || {
        let request = emulator.cloudfront.get_distribution_config().id(&world.distribution);
        let found = emulator.runtime.block_on(request.send()).expect("it is there");
        found.distribution_config.expect("it has one").comment
    };
    // After the last look at it, and before the change arrives.
    apply_while_somebody_changes(&world, of_distribution("PUT"), |config| config.comment = "theirs".into())
        .explains(1, &["PreconditionFailed", "run the command again"]);
    assert_eq!((comment(), world.aliases()), ("theirs".to_owned(), [].into()));
    // Between the plan and the last look: another alias is what the plan was not made on.
    let alias = Aliases::builder().quantity(1).items("theirs.example.net").build().expect("complete");
    apply_while_somebody_changes(&world, of_distribution("GET"), |config| {
        config.aliases = Some(alias.clone());
    })
    .explains(4, &["not as they were when this was planned", "run the command again"]);
    assert_eq!(world.aliases(), ["theirs.example.net".to_owned()].into());
}
