//! What is waited for, and what is found to be in the way: on moto, which issues certificates after a time that tests
//! choose, with name servers that answer as each test wants.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::dns::{FIRST, Reply};
use crate::domains::{World, create_zone, record};
use crate::emulator::{Emulator, Kind, acm_client};
use crate::meddler::{Meddler, Meddling};
use crate::support::Answer;
use crate::witness::Witness;

const NAMES: [&str; 4] = ["--domain", "example.com", "--domain", "www.example.com"];

fn records(values: &[&str]) -> Reply {
    Reply::Records(values.iter().map(|value| (*value).to_owned()).collect())
}

fn of(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[test]
fn a_wait_ends_at_its_time_limit_says_who_sees_what_and_is_taken_up_again() {
    let emulator = Emulator::moto_issuing_after(8);
    let world = World::new(&emulator);
    let answer = world.run("apply", &[&NAMES[..], &["--timeout", "3"]].concat()).explains(1, &[]);
    for words in [
        "waiting for the certificate: 0 of 2 names validated",
        "error: the certificate: not there after",
        "4 of 4 name servers answer it",
        "everybody sees the record",
        "goes on where this run ended",
    ] {
        assert!(answer.stderr.contains(words), "no `{words}` in:\n{}", answer.stderr);
    }
    assert!(world.aliases().is_empty());
    assert_eq!(world.certificates().len(), 1);
    let status = world.run("status", &[&NAMES[..], &["--json"]].concat()).success().json();
    let waiting = &status["certificates"][0]["records"][0]["servers"];
    assert_eq!(waiting.as_array().map(Vec::len), Some(4), "{status}");
    world.run("apply", &[&NAMES[..], &["--timeout", "60"]].concat()).success();
    assert_eq!(world.certificates().len(), 1, "the one that was waited for is used");
    assert_eq!(world.aliases().len(), 2);
}

#[test]
fn ctrl_c_ends_a_wait_and_the_next_run_goes_on() {
    let emulator = Emulator::moto_issuing_after(12);
    let world = World::new(&emulator);
    let mut command = world.command("apply", &NAMES);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let stderr = child.stderr.take().expect("it is piped");
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("waiting for the certificate")), "it never came to wait");
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(status.success());
    let told = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{told}");
    assert!(told.contains("stopped:") && told.contains("hint: "), "{told}");
    let request = emulator.acm.describe_certificate().certificate_arn(&world.certificates()[0]);
    let found = emulator.runtime.block_on(request.send()).expect("it is there").certificate;
    let status = found.and_then(|found| found.status).expect("it has one");
    assert_eq!(status.as_str(), "PENDING_VALIDATION", "it waited to the end");
    world.run("apply", &NAMES).success();
    assert_eq!(world.certificates().len(), 1);
}

#[test]
fn servers_that_do_not_know_the_record_yet_are_named_while_they_do_not() {
    let emulator = Emulator::moto_issuing_after(6);
    let world = World::new(&emulator);
    world.resolver.lock().expect("no panic").late.insert(FIRST, 2);
    let answer = world.run("apply", &NAMES).success();
    assert!(answer.stderr.contains("3 of 4 name servers answer it"), "{}", answer.stderr);
    assert!(answer.stderr.contains("no such name"), "{}", answer.stderr);
    assert!(answer.stderr.contains("4 of 4 name servers answer it"), "{}", answer.stderr);
}

#[test]
fn a_zone_that_the_world_does_not_ask_is_found() {
    let emulator = Emulator::moto_issuing_after(1);
    let world = World::new(&emulator);
    assert_eq!(world.problems(&NAMES, 0), []);
    // A resolver takes its time to find that nobody answers.
    let late = Reply::Late(Duration::from_secs(3), Box::new(Reply::Fails));
    for reply in [records(&["old.example.net."]), Reply::NoSuchName, Reply::Fails, late] {
        world.set("example.com", "NS", reply);
        assert_eq!(world.problems(&NAMES, 0), [of("not-delegated", "example.com")]);
    }
    let plan = world.run("plan", &NAMES).success();
    assert!(plan.stderr.contains("awsdns"), "the zone's own servers are named:\n{}", plan.stderr);
}

#[test]
fn what_is_set_up_in_a_zone_that_nobody_asks_is_never_called_right() {
    let emulator = Emulator::moto_issuing_after(1);
    let world = World::new(&emulator);
    world.set("example.com", "NS", Reply::NoSuchName);
    let is_right =
        || world.run("status", &[&NAMES[..], &["--json"]].concat()).success().json()["is_right"].clone();
    let done = world.run("apply", &NAMES).success();
    let plan = world.run("plan", &NAMES).success();
    let again = world.run("apply", &NAMES).success();
    let status = world.run("status", &NAMES).success();
    for text in [&done.stderr, &plan.stderr, &again.stderr, &status.stdout] {
        let words = "nothing is left to do here, and visitors do not get to";
        assert!(text.contains(words) && text.contains("at the domain's registrar"), "{text}");
        assert!(!text.contains("all names lead here"), "{text}");
    }
    assert_eq!(is_right(), false);
    world.resolver.lock().expect("no panic").replies.clear();
    assert_eq!(is_right(), true);
    let plan = world.run("plan", &NAMES).success();
    assert!(plan.stderr.contains("all names lead here"), "{}", plan.stderr);
}

#[test]
fn name_servers_by_names_of_the_users_own_are_the_zones_when_the_zone_says_so() {
    let emulator = Emulator::moto_issuing_after(1);
    let world = World::new(&emulator);
    let own = ["ns1.example.com.", "ns2.example.com."];
    world.set("example.com", "NS", records(&own));
    assert_eq!(world.problems(&NAMES, 0), [of("not-delegated", "example.com")]);
    let upsert = aws_sdk_route53::types::ChangeAction::Upsert;
    world.change(upsert.clone(), record("example.com.", "NS", &own[..1]));
    assert_eq!(
        world.problems(&NAMES, 0),
        [of("not-delegated", "example.com")],
        "one of them is not the zone's"
    );
    world.change(upsert, record("example.com.", "NS", &own));
    assert_eq!(world.problems(&NAMES, 0), []);
}

/// Both look as if the world asked them (`both_give_every_zone_the_same_name_servers`).
#[test]
fn between_two_zones_that_cannot_be_told_apart_nobody_guesses() {
    let emulator = Emulator::moto_issuing_after(1);
    let world = World::new(&emulator);
    let request = emulator.route53.create_hosted_zone().name("example.com").caller_reference("twin");
    emulator.runtime.block_on(request.send()).expect("zones can be made");
    let expected = [of("ambiguous-zone", "example.com"), of("ambiguous-zone", "www.example.com")];
    assert_eq!(world.problems(&NAMES, 3), expected);
}

const OTHER_ACCOUNT: &str = "222222222222";

/// Sends a request to moto as from another account.
macro_rules! in_other_account {
    ($emulator:expr, $request:expr) => {{
        let request = $request.customize().mutate_request(|request| {
            request.headers_mut().insert("x-moto-account-id", OTHER_ACCOUNT);
        });
        $emulator.runtime.block_on(request.send()).expect("moto answers")
    }};
}

#[test]
fn zones_of_another_account_are_reached_by_their_profile() {
    let emulator = Emulator::moto_issuing_after(1);
    let world = World::new(&emulator);
    let create = emulator.route53.create_hosted_zone().name("other.example").caller_reference("other");
    let zone = in_other_account!(emulator, create).hosted_zone.expect("one was made").id;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let profiles = folder.path().join("config");
    let role = format!("arn:aws:iam::{OTHER_ACCOUNT}:role/dns");
    let text =
        format!("[profile dns]\nrole_arn = {role}\ncredential_source = Environment\nregion = us-east-1\n");
    std::fs::write(&profiles, text).expect("files can be written");
    let run = |more: &[&str]| {
        let wanted = ["--domain", "www.other.example", "--domain", "example.com"];
        let mut command = world.command("apply", &[&wanted, more].concat());
        let output = command.env("AWS_CONFIG_FILE", &profiles).output();
        Answer::from_output(&output.expect("the program starts"))
    };
    run(&[]).explains(3, &["www.other.example", "--zone-profile"]);
    let unknown =
        run(&["--zone-profile", "nope"]).explains(5, &["the profile `nope`", "by `--zone-profile`"]);
    assert!(!unknown.stderr.contains("`--profile`"), "the target's own is right: {}", unknown.stderr);
    let answer = run(&["--zone-profile", "dns"]).success();
    assert!(answer.stderr.contains("profile dns"), "{}", answer.stderr);
    let list = emulator.route53.list_resource_record_sets().hosted_zone_id(zone);
    let found = in_other_account!(emulator, list).resource_record_sets;
    let is_led_here = |record: &aws_sdk_route53::types::ResourceRecordSet| {
        record.name().starts_with("www.other.example") && record.alias_target().is_some()
    };
    assert!(found.iter().any(is_led_here), "{found:?}");
    assert!(world.record_names().iter().all(|(name, _)| !name.contains("other")));
    let status = world.aliases();
    let without_profile = world.run("remove", &["--domain", "www.other.example", "--yes"]);
    without_profile.explains(3, &["`www.other.example` cannot be removed", "--zone-profile"]);
    assert_eq!(world.aliases(), status, "what nobody knows of is not removed, and not said to be nobody's");
}

#[test]
fn caa_that_forbids_amazon_is_found_before_anything_is_requested() {
    let emulator = Emulator::moto_issuing_after(1);
    let world = World::new(&emulator);
    world.set("example.com", "CAA", records(&["0 issue \"letsencrypt.org\""]));
    world
        .run("apply", &["--domain", "www.example.com"])
        .explains(3, &["letsencrypt.org", "0 issue \"amazon.com\""]);
    assert_eq!(world.certificates(), [""; 0]);
    world.set("example.com", "CAA", records(&["0 issue \"letsencrypt.org\"", "0 issue \"amazon.com\""]));
    world.run("apply", &["--domain", "www.example.com"]).success();
}

#[test]
fn caa_that_cannot_be_read_is_not_taken_for_none() {
    let emulator = Emulator::moto_issuing_after(1);
    let world = World::new(&emulator);
    world.set("example.com", "CAA", Reply::Fails);
    let plan = world.run("plan", &["--domain", "www.example.com", "--json"]).success().json();
    let notes = plan["notes"].to_string();
    assert!(notes.contains("CAA records of example.com could not be read (SERVFAIL)"), "{notes}");
    world.set("example.com", "CAA", records(&[]));
    let plan = world.run("plan", &["--domain", "www.example.com", "--json"]).success().json();
    assert_eq!(plan["notes"], serde_json::json!([]));
}

#[test]
fn a_name_below_a_cut_of_its_zone_is_not_written_into_it() {
    let emulator = Emulator::moto_issuing_after(1);
    let world = World::new(&emulator);
    world.put(record("dev.example.com.", "NS", &["ns.example.net."]));
    let before = world.records();
    let wanted = ["--domain", "www.dev.example.com"];
    assert_eq!(world.problems(&wanted, 3), [of("delegated-away", "www.dev.example.com")]);
    world.run("apply", &wanted).explains(3, &["dev.example.com", "ns.example.net"]);
    assert_eq!((world.records(), world.certificates()), (before, Vec::new()));
}

#[test]
fn a_server_that_answers_something_else_or_refers_on_is_told_from_one_that_is_late() {
    for (reply, words) in [
        (records(&["odd.example.net."]), "answers something else: odd.example.net."),
        (
            Reply::Referral("www.example.com".into(), vec!["ns.example.org.".into()]),
            "refers to other servers for www.example.com (ns.example.org)",
        ),
    ] {
        let emulator = Emulator::moto_issuing_after(4);
        let world = World::new(&emulator);
        world.resolver.lock().expect("no panic").odd.insert(FIRST, reply);
        let answer = world.run("apply", &NAMES).success();
        assert!(answer.stderr.contains(words), "no `{words}` in:\n{}", answer.stderr);
        assert!(!answer.stderr.contains("up to a minute"), "{}", answer.stderr);
    }
}

#[test]
fn programs_get_one_document_and_people_see_the_wait() {
    let emulator = Emulator::moto_issuing_after(3);
    let world = World::new(&emulator);
    let answer = world.run("apply", &[&NAMES[..], &["--json"]].concat()).success();
    assert!(answer.stderr.contains("waiting for the certificate"), "{}", answer.stderr);
    let document = answer.json();
    let of_steps = |document: &serde_json::Value| -> Vec<String> {
        let steps = document["outcome"]["done"].as_array().expect("a list").iter();
        steps.map(|step| step["step"].as_str().expect("text").to_owned()).collect()
    };
    assert_eq!(
        (&document["plan"]["purpose"], &document["outcome"]["ending"]),
        (&"apply".into(), &"done".into())
    );
    assert_eq!(document["outcome"]["left"], serde_json::Value::Null);
    let done = of_steps(&document);
    let changes = ["request-certificate", "change-records", "await-certificate", "update-distribution"];
    assert!(changes.iter().all(|change| done.iter().any(|step| step == change)), "{done:?}");
    let document = world.run("remove", &[&NAMES[..], &["--yes", "--json"]].concat()).success().json();
    assert_eq!(
        (&document["plan"]["purpose"], &document["outcome"]["ending"]),
        (&"remove".into(), &"done".into())
    );
    let done = of_steps(&document);
    assert!(done.contains(&"delete-certificate".to_owned()), "{done:?}");
}

/// On ministack, for moto does not take back what was there before (`moto_refuses_what_was_created_before`).
#[test]
fn a_validation_record_that_was_lost_is_shown_and_put_back() {
    let emulator = Emulator::ministack();
    let world = World::new(&emulator);
    world.run("apply", &NAMES).success();
    let renewal = || -> Vec<String> {
        let status = world.run("status", &[&NAMES[..], &["--json"]].concat()).success().json();
        let records = status["certificates"][0]["renewal"].as_array().expect("a list").clone();
        records.iter().map(|record| record["resolver"].to_string()).collect()
    };
    let whole = renewal();
    assert!(!whole.is_empty() && whole.iter().all(|answer| answer.contains("records")), "{whole:?}");
    let is_proof = |found: &&aws_sdk_route53::types::ResourceRecordSet| found.r#type().as_str() == "CNAME";
    let before = world.records();
    let lost = world.record_sets().iter().find(is_proof).expect("a validation record").clone();
    world.change(aws_sdk_route53::types::ChangeAction::Delete, lost.clone());
    assert!(renewal().iter().any(|answer| answer.contains("no_such_name")), "{:?}", renewal());
    let status = world.run("status", &NAMES).success();
    assert!(status.stdout.contains("ACM cannot renew it"), "{}", status.stdout);
    world.run("plan", &[&NAMES[..], &["--detailed-exitcode"]].concat()).expect_code(2);
    let answer = world.run("apply", &NAMES).success();
    assert!(answer.stderr.contains("renewal of the certificate"), "{}", answer.stderr);
    assert_eq!((renewal(), world.records()), (whole, before));
}

/// On ministack, which refuses what is created twice, and a change with an old ETag.
#[test]
fn a_change_whose_answer_was_lost_is_not_taken_for_somebody_elses() {
    for part in ["POST /2013-04-01/hostedzone", "PUT /2020-05-31/distribution"] {
        let emulator = Emulator::ministack();
        let world = World::new(&emulator);
        let meddler = Meddler::start(&emulator.url, Meddling::LoseAnswer(part));
        let mut command = world.command("apply", &NAMES);
        let output = command.env("AWS_ENDPOINT_URL", &meddler.url).output().expect("the program starts");
        assert!(meddler.count() > 1, "{part} was not sent again");
        Answer::from_output(&output).success();
        assert_eq!(world.aliases().len(), 2);
        world.run("plan", &[&NAMES[..], &["--detailed-exitcode"]].concat()).success();
    }
}

#[test]
fn a_certificate_in_another_region_is_named_and_not_used() {
    let emulator = Emulator::moto_issuing_after(0);
    let world = World::new(&emulator);
    let elsewhere = acm_client(&emulator.url, "eu-central-1");
    let request =
        elsewhere.request_certificate().domain_name("example.com").subject_alternative_names("*.example.com");
    emulator.runtime.block_on(request.send()).expect("certificates can be requested");
    let request = || emulator.runtime.block_on(elsewhere.list_certificates().send()).expect("a listing");
    let issued = || {
        request()
            .certificate_summary_list()
            .iter()
            .any(|found| found.status().is_some_and(|status| status.as_str() == "ISSUED"))
    };
    let started = Instant::now();
    while !issued() && started.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let arn = request().certificate_summary_list()[0].certificate_arn().expect("an ARN").to_owned();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let profiles = folder.path().join("config");
    let text = "[profile home]\nregion = eu-central-1\n[profile away]\nregion = eu-west-1\n";
    std::fs::write(&profiles, text).expect("files can be written");
    let problems = |region: &str, profile: &str| {
        let mut command = world.command("plan", &["--domain", "example.com", "--json"]);
        command.env("AWS_CONFIG_FILE", &profiles).env("AWS_REGION", region).env("AWS_PROFILE", profile);
        let plan = Answer::from_output(&command.output().expect("the program starts")).success().json();
        assert_eq!(plan["steps"][0]["step"], "request-certificate");
        plan["problems"].as_array().expect("a list").clone()
    };
    // In the region that was told, and in the one that the tools of AWS take when none is.
    for (region, profile) in [("eu-central-1", "away"), ("us-east-1", "home")] {
        let found = problems(region, profile);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["kind"], "certificate-elsewhere", "{found:?}");
        let what = format!(
            "certificate {arn} in eu-central-1 covers these names, and CloudFront reads only those in us-east-1"
        );
        assert_eq!(found[0]["what"], what);
    }
    assert!(problems("us-east-1", "away").is_empty(), "not every region is asked");
}

/// ACM writes every certificate into the public logs that browsers want it in: no option keeps it out.
#[test]
fn a_new_certificate_has_the_key_that_is_wanted_and_is_logged() {
    for (flag, key) in
        [(None, "RSA_2048"), (Some("rsa-2048"), "RSA_2048"), (Some("ec-p256"), "EC_prime256v1")]
    {
        let emulator = Emulator::moto_issuing_after(0);
        let world = World::new(&emulator);
        let witness = Witness::start(&emulator.url);
        let flags = flag.map_or(Vec::new(), |flag| vec!["--key-algorithm", flag]);
        let mut command = world.command("apply", &[&NAMES[..], &flags].concat());
        let output = command.env("AWS_ENDPOINT_URL", &witness.url).output().expect("the program starts");
        Answer::from_output(&output).success();
        let exchanges = witness.exchanges();
        let mut requests =
            exchanges.iter().filter(|found| found.head.contains("CertificateManager.RequestCertificate"));
        let request: serde_json::Value =
            serde_json::from_str(&requests.next().expect("one is requested").body).expect("JSON");
        assert_eq!((&request["KeyAlgorithm"], &request["Options"]), (&key.into(), &serde_json::Value::Null));
    }
}

#[test]
fn names_of_several_zones_are_set_up_each_in_its_own() {
    let emulator = Emulator::moto_issuing_after(1);
    let world = World::new(&emulator);
    let (shop, servers) = create_zone(&emulator, "shop.example.com");
    world.set(
        "shop.example.com",
        "NS",
        Reply::Records(servers.iter().map(|server| format!("{server}.")).collect()),
    );
    world.run("apply", &["--domain", "example.com", "--domain", "de.shop.example.com"]).success();
    let request = emulator.route53.list_resource_record_sets().hosted_zone_id(&shop);
    let found = emulator.runtime.block_on(request.send()).expect("a listing").resource_record_sets;
    assert!(found.iter().any(|record| record.name().starts_with("de.shop.example.com") && record.alias_target().is_some()));
    assert!(
        world.record_names().iter().all(|(name, _)| !name.contains("shop")),
        "{:?}",
        world.record_names()
    );
}

#[test]
fn a_leftover_zone_that_nobody_asks_is_not_written_to() {
    let emulator = Emulator::moto_issuing_after(1);
    let world = World::new(&emulator);
    let (leftover, _) = create_zone(&emulator, "www.example.com");
    let wanted = ["--domain", "www.example.com"];
    assert_eq!(world.problems(&wanted, 3), [of("shadowing-zone", "www.example.com")]);
    world.run("apply", &wanted).explains(3, &[&leftover, &world.zone_id, "delete hosted zone"]);
    assert_eq!(world.certificates(), [""; 0]);
}

#[test]
fn a_private_zone_is_not_written_to() {
    let emulator = Emulator::moto_issuing_after(1);
    let world = World::new(&emulator);
    let private = aws_sdk_route53::types::HostedZoneConfig::builder().private_zone(true).build();
    let vpc = aws_sdk_route53::types::Vpc::builder().vpc_id("vpc-1").vpc_region("us-east-1".into()).build();
    let request = emulator.route53.create_hosted_zone().name("inside.example.net").caller_reference("inside");
    let request = request.hosted_zone_config(private).vpc(vpc);
    emulator.runtime.block_on(request.send()).expect("zones can be made");
    let found = world.problems(&["--domain", "www.inside.example.net", "--domain", "www.example.org"], 3);
    world.run("status", &["--domain", "www.example.org"]).expect_code(3);
    assert_eq!(found, [of("no-zone", "www.example.org"), of("private-zone-only", "www.inside.example.net")]);
}

#[test]
fn a_name_with_its_dns_elsewhere_is_set_up_with_the_records_that_somebody_writes() {
    let emulator = Emulator::moto_issuing_after(3);
    let world = World::new(&emulator);
    let wanted = ["--domain", "www.example.org"];
    let refused = world.run("apply", &wanted).explains(3, &["no hosted zone", "--external-dns"]);
    assert_eq!(refused.stderr.matches("--external-dns").count(), 1, "told twice:\n{}", refused.stderr);
    let before = world.records();
    let wanted = [&wanted[..], &["--external-dns"]].concat();
    let answer = world.run("apply", &wanted).success();
    let not_yet = "visitors do not get to www.example.org yet";
    for words in ["the record has to be written where the domain's DNS is", "www.example.org CNAME ", not_yet]
    {
        assert!(answer.stderr.contains(words), "no `{words}` in:\n{}", answer.stderr);
    }
    assert_eq!((world.records(), world.aliases()), (before, ["www.example.org".to_owned()].into()));
    let again = world.run("apply", &wanted).success();
    assert!(again.stderr.contains("nothing to do"), "{}", again.stderr);
    let records = || -> Vec<(String, String)> {
        let status = world.run("status", &[&wanted[..], &["--json"]].concat()).success().json();
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        let records = status["external_records"].as_array().expect("a list").clone();
        records.iter().map(|record| (text(&record["reason"]), text(&record["name"]))).collect()
    };
    let reasons: Vec<String> = records().into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(reasons, ["validation", "visitors"]);
    let status = |more: &[&str]| world.run("status", &[&wanted[..], more].concat());
    let found = status(&["--json"]).success().json();
    assert_eq!(found["is_right"], false);
    // Somebody writes the record.
    let own = found["distribution_domain"].as_str().expect("a name");
    for name in [own, "www.example.org"] {
        world.set(name, "A", Reply::Records(vec!["203.0.113.7".to_owned()]));
    }
    assert_eq!(status(&["--json"]).success().json()["is_right"], true);
    let again = world.run("apply", &wanted).success();
    assert!(!again.stderr.contains(not_yet), "{}", again.stderr);
    world
        .run("remove", &["--domain", "www.example.org", "--yes"])
        .explains(3, &["its DNS is elsewhere", "console"]);
}

/// On ministack, for moto takes a CREATE of what is there (`moto_overwrites_what_is_created_twice`).
#[test]
fn a_record_that_somebody_makes_in_between_is_not_overwritten() {
    for (held, words) in [
        // Before the last look at the zone.
        ("PUT /2020-05-31/distribution", ["192.0.2.77", "--take-over"]),
        // And after it, while the change is on its way.
        ("<Type>AAAA</Type>", ["already exists", "run the command again"]),
    ] {
        let emulator = Emulator::ministack();
        let world = World::new(&emulator);
        let meddler = Meddler::start(&emulator.url, Meddling::Hold(held));
        let mut command = world.command("apply", &["--domain", "www.example.com"]);
        command.env("AWS_ENDPOINT_URL", &meddler.url).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("the program starts");
        meddler.wait();
        world.put(record("www.example.com.", "A", &["192.0.2.77"]));
        meddler.let_go();
        let answer = Answer::from_output(&child.wait_with_output().expect("the program ends"));
        answer.explains(1, &words);
        let kept = world
            .record_sets()
            .into_iter()
            .find(|record| record.name().starts_with("www") && record.r#type().as_str() == "A");
        assert_eq!(kept.expect("it is there").resource_records()[0].value(), "192.0.2.77");
    }
}

/// Whether a record set that is there can be created again.
fn takes_a_second_create(emulator: &Emulator) -> bool {
    use aws_sdk_route53::types as r53;
    let (zone, _) = create_zone(emulator, "example.com");
    let create = |value: &str| {
        let change = r53::Change::builder().action(r53::ChangeAction::Create);
        let change =
            change.resource_record_set(record("www.example.com.", "A", &[value])).build().expect("complete");
        let batch = r53::ChangeBatch::builder().changes(change).build().expect("complete");
        let request =
            emulator.route53.change_resource_record_sets().hosted_zone_id(&zone).change_batch(batch);
        emulator.runtime.block_on(request.send()).is_ok()
    };
    assert!(create("192.0.2.1"));
    create("192.0.2.2")
}

/// Whether a record set can be replaced by one that it was before, in one batch.
fn takes_back_what_was(emulator: &Emulator) -> bool {
    use aws_sdk_route53::types as r53;
    let (zone, _) = create_zone(emulator, "example.com");
    let change = |action: r53::ChangeAction, value: &str| {
        let change = r53::Change::builder().action(action);
        change.resource_record_set(record("www.example.com.", "A", &[value])).build().expect("complete")
    };
    let make = |changes: Vec<r53::Change>| {
        let batch = r53::ChangeBatch::builder().set_changes(Some(changes)).build().expect("complete");
        let request =
            emulator.route53.change_resource_record_sets().hosted_zone_id(&zone).change_batch(batch);
        emulator.runtime.block_on(request.send()).is_ok()
    };
    let replace = |old: &str, new: &str| {
        make(vec![change(r53::ChangeAction::Delete, old), change(r53::ChangeAction::Create, new)])
    };
    assert!(make(vec![change(r53::ChangeAction::Create, "192.0.2.1")]));
    assert!(replace("192.0.2.1", "192.0.2.2"));
    replace("192.0.2.2", "192.0.2.1")
}

/// A batch may delete a record set and create another in its place:
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>
#[test]
fn moto_refuses_what_was_created_before() {
    assert!(!takes_back_what_was(&Emulator::moto()));
}

#[test]
fn ministack_takes_back_what_was_created_before() {
    assert!(takes_back_what_was(&Emulator::ministack()));
}

/// `CREATE` is for a record set that does not exist:
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_Change.html>
#[test]
fn moto_overwrites_what_is_created_twice() {
    assert!(takes_a_second_create(&Emulator::moto()));
}

#[test]
fn ministack_refuses_what_is_created_twice() {
    assert!(!takes_a_second_create(&Emulator::ministack()));
}

/// A certificate is issued when its DNS record is found:
/// <https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html>
#[test]
fn ministack_issues_what_nobody_has_validated() {
    let emulator = Emulator::ministack();
    let request = emulator.acm.request_certificate().domain_name("example.com");
    let request = request.validation_method(aws_sdk_acm::types::ValidationMethod::Dns);
    let requested = emulator.runtime.block_on(request.send()).expect("certificates can be requested");
    let arn = requested.certificate_arn.expect("one was requested");
    let described =
        emulator.runtime.block_on(emulator.acm.describe_certificate().certificate_arn(arn).send());
    let certificate = described.expect("it is there").certificate.expect("it is described");
    assert_eq!(certificate.status.expect("a status").as_str(), "ISSUED");
}

/// By default, each zone has a random selection of name servers:
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/route-53-concepts.html>
#[test]
fn both_give_every_zone_the_same_name_servers() {
    for emulator in [Emulator::moto(), Emulator::ministack()] {
        let servers = ["one.example", "another.example"].map(|zone| create_zone(&emulator, zone).1);
        assert_eq!(servers[0], servers[1], "{:?}", emulator.kind);
    }
}

/// A token stands for one certificate, as long as that is there; no call with one ends in a failure of the service:
/// <https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html>
#[test]
fn moto_fails_at_the_token_of_a_certificate_that_was_deleted() {
    let emulator = Emulator::moto();
    let acm = &emulator.acm;
    let request = || acm.request_certificate().domain_name("example.com").idempotency_token("again").send();
    let first = emulator.runtime.block_on(request()).expect("one is requested").certificate_arn;
    let second = emulator.runtime.block_on(request()).expect("it is the same").certificate_arn;
    assert_eq!(first, second);
    let delete = acm.delete_certificate().set_certificate_arn(first).send();
    emulator.runtime.block_on(delete).expect("certificates can be deleted");
    let error = emulator.runtime.block_on(request()).expect_err("moto looks for it");
    assert_eq!(error.raw_response().expect("an answer").status().as_u16(), 500);
}

/// The first part of the name is `_` and 32 hexadecimal digits:
/// <https://docs.aws.amazon.com/acm/latest/APIReference/API_DomainValidation.html>
#[test]
fn ministack_validates_at_a_name_that_acm_does_not_have() {
    for emulator in [Emulator::moto(), Emulator::ministack()] {
        let request = emulator.acm.request_certificate().domain_name("example.com");
        let request = request.validation_method(aws_sdk_acm::types::ValidationMethod::Dns);
        let requested = emulator.runtime.block_on(request.send()).expect("certificates can be requested");
        let describe = emulator.acm.describe_certificate().set_certificate_arn(requested.certificate_arn);
        let described = emulator.runtime.block_on(describe.send()).expect("it is there");
        let validations = described.certificate.expect("it is described").domain_validation_options;
        let record = validations.expect("a list").remove(0).resource_record.expect("a record");
        let digits = record.name().strip_suffix(".example.com.").and_then(|label| label.strip_prefix('_'));
        let digits = digits.expect("a label below the name");
        let is_acms = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        assert_eq!(is_acms, emulator.kind == Kind::Moto, "{}", record.name());
    }
}
