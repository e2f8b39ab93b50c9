//! Certificates, records and aliases, as other people's Route 53, ACM and CloudFront keep them; name servers on the
//! loopback interface answer what that Route 53 holds.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use aws_sdk_cloudfront::types::{Aliases, DistributionSummary, HttpVersion, ViewerCertificate};
use aws_sdk_route53::types as r53;
use serde_json::Value;

use crate::dns::{Asked, FIRST, NameServers, RESOLVER, Reply, SECOND};
use crate::emulator::{Emulator, Kind, distribution, route53_client};
use crate::meddler::{Meddler, Meddling};
use crate::support::Answer;

pub const ZONE: &str = "example.com";

/// A name and the wildcard below it.
const BOTH: [&str; 4] = ["--domain", "example.com", "--domain", "*.example.com"];

/// What the world's resolver says beside what the zone holds.
#[derive(Clone, Default)]
pub struct Resolver {
    /// By name and type; what is not here is answered from the zone.
    pub replies: BTreeMap<(String, String), Reply>,
    /// By server: questions for a CNAME that it answers with "no such name" before it knows.
    pub late: BTreeMap<std::net::Ipv4Addr, usize>,
    /// By server: what it answers to every question for a CNAME, whatever the zone holds.
    pub odd: BTreeMap<std::net::Ipv4Addr, Reply>,
}

/// An emulator with a distribution that speaks everything, the zone `example.com`, and its name servers.
pub struct World<'a> {
    pub emulator: &'a Emulator,
    pub distribution: String,
    pub zone_id: String,
    pub resolver: Arc<Mutex<Resolver>>,
    servers: NameServers,
}

impl<'a> World<'a> {
    pub fn new(emulator: &'a Emulator) -> Self {
        Self::in_zone(emulator, ZONE)
    }

    /// With another zone.
    pub fn in_zone(emulator: &'a Emulator, zone: &str) -> Self {
        let distribution = create_distribution(emulator, &format!("names of {zone}"));
        let (zone_id, hosts) = create_zone(emulator, zone);
        let resolver = Arc::new(Mutex::new(Resolver::default()));
        let servers = mirror(&emulator.url, (zone, &zone_id), hosts, Arc::clone(&resolver));
        Self { emulator, distribution, zone_id, resolver, servers }
    }

    pub fn set(&self, name: &str, kind: &str, reply: Reply) {
        self.resolver.lock().expect("no panic").replies.insert((name.into(), kind.into()), reply);
    }

    /// `domain VERB ... --distribution ... --resolver ...`.
    pub fn command(&self, verb: &str, more: &[&str]) -> Command {
        let flag = self.servers.flag();
        let target = ["domain", verb, "--distribution", &self.distribution, "--resolver", &flag];
        let yes: &[&str] = if verb == "apply" { &["--yes"] } else { &[] };
        self.emulator.command(&[&target, yes, more].concat())
    }

    pub fn run(&self, verb: &str, more: &[&str]) -> Answer {
        Answer::from_output(&self.command(verb, more).output().expect("the program starts"))
    }

    pub fn apply(&self, more: &[&str]) -> Answer {
        self.run(
            "apply",
            &[&["--domain", "example.com", "--domain", "*.example.com", "--timeout", "60"], more].concat(),
        )
    }

    pub fn remove(&self) -> Answer {
        let names = [&BOTH[..], &["--yes", "--validation-records", "--timeout", "60"]].concat();
        self.run("remove", &names)
    }

    /// Every record set of the zone, in the words of the SDK.
    pub fn records(&self) -> BTreeSet<String> {
        self.record_sets().iter().map(|record| format!("{record:?}")).collect()
    }

    pub fn record_sets(&self) -> Vec<r53::ResourceRecordSet> {
        let request = self.emulator.route53.list_resource_record_sets().hosted_zone_id(&self.zone_id);
        self.emulator.runtime.block_on(request.send()).expect("a listing").resource_record_sets
    }

    /// Name and type of every record set.
    pub fn record_names(&self) -> BTreeSet<(String, String)> {
        let plain = |name: &str| name.trim_end_matches('.').replace("\\052", "*");
        self.record_sets()
            .iter()
            .map(|record| (plain(record.name()), record.r#type().as_str().to_owned()))
            .collect()
    }

    pub fn aliases(&self) -> BTreeSet<String> {
        aliases(self.emulator, &self.distribution)
    }

    fn viewer_certificate(&self) -> Option<ViewerCertificate> {
        let request = self.emulator.cloudfront.get_distribution_config().id(&self.distribution);
        let found = self.emulator.runtime.block_on(request.send()).expect("it is there");
        found.distribution_config.expect("a configuration").viewer_certificate
    }

    /// The ARN of the certificate that the distribution shows.
    pub fn shown(&self) -> Option<String> {
        self.viewer_certificate()?.acm_certificate_arn.filter(|arn| !arn.is_empty())
    }

    /// How the certificate is served, and what is spoken at least.
    fn protocols(&self) -> (Option<String>, Option<String>) {
        let found = self.viewer_certificate().expect("it has one");
        (
            found.ssl_support_method.map(|method| method.as_str().to_owned()),
            found.minimum_protocol_version.map(|version| version.as_str().to_owned()),
        )
    }

    pub fn certificates(&self) -> Vec<String> {
        let request = self.emulator.acm.list_certificates();
        let listed = self.emulator.runtime.block_on(request.send()).expect("a listing");
        let listed = listed.certificate_summary_list.unwrap_or_default();
        listed.into_iter().filter_map(|summary| summary.certificate_arn).collect()
    }

    pub fn put(&self, record: r53::ResourceRecordSet) {
        self.change(r53::ChangeAction::Create, record);
    }

    pub fn change(&self, action: r53::ChangeAction, record: r53::ResourceRecordSet) {
        let change = r53::Change::builder().action(action).resource_record_set(record);
        let batch = r53::ChangeBatch::builder().changes(change.build().expect("complete")).build();
        let request = self.emulator.route53.change_resource_record_sets().hosted_zone_id(&self.zone_id);
        let request = request.change_batch(batch.expect("complete"));
        self.emulator.runtime.block_on(request.send()).expect("records can be changed");
    }

    /// The plan's problems: kind and name.
    pub fn problems(&self, more: &[&str], code: i32) -> Vec<(String, String)> {
        let document = self.run("plan", &[&["--json"], more].concat()).expect_code(code).json();
        let plan = if code == 0 { &document } else { &document["plan"] };
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let problems = plan["problems"].as_array().expect("a list").iter();
        problems.map(|problem| (text(&problem["kind"]), text(&problem["name"]))).collect()
    }
}

pub fn aliases(emulator: &Emulator, id: &str) -> BTreeSet<String> {
    let request = emulator.cloudfront.get_distribution_config().id(id);
    let found = emulator.runtime.block_on(request.send()).expect("it is there");
    let aliases = found.distribution_config.expect("a configuration").aliases;
    aliases.and_then(|aliases| aliases.items).unwrap_or_default().into_iter().collect()
}

fn create_distribution(emulator: &Emulator, reference: &str) -> String {
    create_distribution_with(emulator, reference, &BTreeSet::new())
}

fn create_distribution_with(emulator: &Emulator, reference: &str, aliases: &BTreeSet<String>) -> String {
    let mut config = distribution();
    if !aliases.is_empty() {
        let list = Aliases::builder().quantity(i32::try_from(aliases.len()).expect("few"));
        let list = list.set_items(Some(aliases.iter().cloned().collect()));
        config.aliases = Some(list.build().expect("complete"));
    }
    config.caller_reference = reference.into();
    config.is_ipv6_enabled = Some(true);
    config.http_version = Some(HttpVersion::Http2and3);
    let request = emulator.cloudfront.create_distribution().distribution_config(config);
    let created = emulator.runtime.block_on(request.send()).expect("distributions can be made");
    created.distribution.expect("one was made").id
}

/// The zone's id and its name servers.
pub fn create_zone(emulator: &Emulator, name: &str) -> (String, Vec<String>) {
    let request = emulator.route53.create_hosted_zone().name(name).caller_reference(name);
    let created = emulator.runtime.block_on(request.send()).expect("zones can be made");
    let id = created.hosted_zone.expect("one was made").id;
    let servers = created.delegation_set.expect("it has servers").name_servers;
    let servers = servers.iter().map(|server| server.trim_end_matches('.').to_owned()).collect();
    (id.rsplit('/').next().expect("a part").to_owned(), servers)
}

/// Name servers that answer what the emulator's zone holds.
fn mirror(
    url: &str,
    (zone, zone_id): (&str, &str),
    hosts: Vec<String>,
    resolver: Arc<Mutex<Resolver>>,
) -> NameServers {
    let (url, zone, zone_id) = (url.to_owned(), zone.to_owned(), zone_id.to_owned());
    let client = Arc::new(tokio::sync::OnceCell::new());
    NameServers::start_async(move |asked: Asked| {
        let (url, zone, zone_id, hosts) = (url.clone(), zone.clone(), zone_id.clone(), hosts.clone());
        let (resolver, client) = (Arc::clone(&resolver), Arc::clone(&client));
        Box::pin(async move {
            {
                let mut resolver = resolver.lock().expect("no panic");
                let late =
                    resolver.late.get_mut(&asked.server).filter(|late| asked.kind == "CNAME" && **late > 0);
                if let Some(late) = late {
                    *late -= 1;
                    return Reply::NoSuchName;
                }
                if let Some(odd) = resolver.odd.get(&asked.server).filter(|_| asked.kind == "CNAME") {
                    return odd.clone();
                }
                let told = resolver.replies.get(&(asked.name.clone(), asked.kind.clone()));
                if let Some(told) = told.filter(|_| asked.server == RESOLVER) {
                    return told.clone();
                }
            }
            if let Some(at) = hosts.iter().position(|host| *host == asked.name) {
                let address = if at == 0 { FIRST } else { SECOND };
                let is_v4 = asked.kind == "A";
                return Reply::Records(if is_v4 { vec![address.to_string()] } else { Vec::new() });
            }
            if asked.name == zone && asked.kind == "NS" {
                return Reply::Records(hosts.iter().map(|host| format!("{host}.")).collect());
            }
            let client = client.get_or_init(|| async { route53_client(&url) }).await;
            let request = client.list_resource_record_sets().hosted_zone_id(zone_id);
            let found = request.send().await.expect("a listing").resource_record_sets;
            let of_name = found
                .iter()
                .filter(|record| record.name().trim_end_matches('.').eq_ignore_ascii_case(&asked.name));
            let of_name: Vec<_> = of_name.collect();
            if of_name.is_empty() {
                return Reply::NoSuchName;
            }
            let of_kind = of_name.iter().filter(|record| record.r#type().as_str() == asked.kind);
            Reply::Records(
                of_kind
                    .flat_map(|record| match record.alias_target() {
                        Some(_) => vec!["203.0.113.1".to_owned()],
                        None => {
                            record.resource_records().iter().map(|value| value.value().to_owned()).collect()
                        }
                    })
                    .collect(),
            )
        })
    })
}

pub fn record(name: &str, kind: &str, values: &[&str]) -> r53::ResourceRecordSet {
    let value = |value: &&str| r53::ResourceRecord::builder().value(*value).build().expect("complete");
    r53::ResourceRecordSet::builder()
        .name(name)
        .r#type(r53::RrType::from(kind))
        .ttl(60)
        .set_resource_records(Some(values.iter().map(value).collect()))
        .build()
        .expect("complete")
}

/// Records of all kinds that are none of ours, at names around those that are wanted.
fn fill_with_foreign_records(world: &World<'_>) {
    for (name, kind, values) in [
        ("example.com.", "MX", &["10 mail.example.com."][..]),
        ("example.com.", "TXT", &["\"v=spf1 -all\"", "\"site-verification=abc\""]),
        ("mail.example.com.", "A", &["192.0.2.10"]),
        ("mail.example.com.", "AAAA", &["2001:db8::10"]),
        ("shop.example.com.", "CNAME", &["shops.example.net."]),
        ("www2.example.com.", "A", &["192.0.2.11", "192.0.2.12"]),
        ("*.apps.example.com.", "A", &["192.0.2.13"]),
        ("_dmarc.example.com.", "TXT", &["\"v=DMARC1; p=none\""]),
        (
            "_sitepush.mail.example.com.",
            "TXT",
            &["\"heritage=sitepush,sitepush/distribution=E9,sitepush/made=a\""],
        ),
        ("a-example.com.example.com.", "TXT", &["\"heritage=external-dns,external-dns/owner=me\""]),
        ("_sip._tcp.example.com.", "SRV", &["1 1 5060 mail.example.com."]),
        ("dev.example.com.", "NS", &["ns.example.net."]),
    ] {
        world.put(record(name, kind, values));
    }
}

/// What the wanted names have when all is done.
fn wanted_records() -> BTreeSet<(String, String)> {
    let of = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
    let mut all: BTreeSet<_> = ["A", "AAAA", "HTTPS"]
        .iter()
        .flat_map(|kind| [of("example.com", kind), of("*.example.com", kind)])
        .collect();
    all.insert(of("_sitepush.example.com", "TXT"));
    all.insert(of("_sitepush-wildcard.example.com", "TXT"));
    all
}

/// Everything that the program could have changed.
fn everything(world: &World<'_>) -> (BTreeSet<String>, BTreeSet<String>, Option<String>, Vec<String>) {
    (world.records(), world.aliases(), world.shown(), world.certificates())
}

/// The other distributions, whole, and the certificates that are none of sitepush's, with their tags.
fn of_others(world: &World<'_>) -> BTreeSet<String> {
    let (runtime, cloudfront, acm) =
        (&world.emulator.runtime, &world.emulator.cloudfront, &world.emulator.acm);
    let listed = runtime.block_on(cloudfront.list_distributions().send()).expect("a listing");
    let listed = listed.distribution_list.and_then(|list| list.items).unwrap_or_default();
    let others = listed.iter().map(DistributionSummary::id).filter(|id| *id != world.distribution);
    let distributions = others.map(|id| {
        let found = runtime.block_on(cloudfront.get_distribution_config().id(id).send());
        format!("{id}: {:?}", found.expect("it is there").distribution_config)
    });
    let certificates = world.certificates().into_iter().filter_map(|arn| {
        let found = runtime.block_on(acm.list_tags_for_certificate().certificate_arn(&arn).send());
        let tags = found.expect("it is there").tags.unwrap_or_default();
        let is_ours = tags.iter().any(|tag| tag.key() == "sitepush");
        (!is_ours).then(|| format!("{arn}: {tags:?}"))
    });
    distributions.chain(certificates).collect()
}

/// Whether a name is one that ACM makes up, or that of its text record.
fn is_made_up(name: &str) -> bool {
    name.strip_prefix("_sitepush.").unwrap_or(name).starts_with('_') && !name.starts_with("_sitepush-")
}

#[track_caller]
fn assert_is_set_up(world: &World<'_>, before: &BTreeSet<(String, String)>, certificates: &[String]) {
    let mut new: BTreeSet<_> = world.record_names().difference(before).cloned().collect();
    // ACM's own record, its text record, and nothing else.
    new.retain(|(name, _)| !is_made_up(name));
    assert_eq!(new, wanted_records());
    assert_eq!(world.aliases(), ["example.com", "*.example.com"].map(str::to_owned).into());
    let shown = world.shown().expect("a certificate is shown");
    let mut new = world.certificates();
    new.retain(|arn| !certificates.contains(arn));
    assert_eq!(new, [shown], "one certificate of ours, and it is shown");
    assert_eq!(world.protocols(), (Some("sni-only".into()), Some("TLSv1.2_2021".into())));
    world
        .run("plan", &["--domain", "example.com", "--domain", "*.example.com", "--detailed-exitcode"])
        .success();
}

pub fn names_are_set_up_and_taken_back_in_a_zone_full_of_others(emulator: &Emulator) {
    let world = World::new(emulator);
    fill_with_foreign_records(&world);
    let alias_of_other: BTreeSet<String> = ["mail.example.com".to_owned()].into();
    let other = create_distribution_with(emulator, "other", &alias_of_other);
    let tag = aws_sdk_acm::types::Tag::builder().key("team").value("mail").build().expect("complete");
    let request = emulator.acm.request_certificate().domain_name("mail.example.com").tags(tag);
    emulator.runtime.block_on(request.send()).expect("certificates can be requested");
    let (before, names_before) = (everything(&world), world.record_names());
    let others = of_others(&world);
    assert!(others.len() >= 2, "{others:?}");
    let wanted = ["--domain", "example.com", "--domain", "*.example.com"];
    world.run("plan", &[&wanted[..], &["--detailed-exitcode"]].concat()).expect_code(2);
    world.apply(&["--dry-run"]).success();
    assert_eq!(everything(&world), before, "a plan changes nothing");
    // Nobody can answer, and nobody said yes.
    let flag = world.servers.flag();
    let unasked =
        [&["domain", "apply", "--distribution", &world.distribution, "--resolver", &flag], &wanted[..]]
            .concat();
    let unasked = Answer::from_output(&emulator.command(&unasked).output().expect("the program starts"));
    unasked.explains(3, &["nothing was changed", "--yes"]);
    assert_eq!(everything(&world), before, "nobody said yes");

    world.apply(&[]).success();
    assert_is_set_up(&world, &names_before, &before.3);
    assert_eq!(of_others(&world), others);
    assert_eq!(aliases(emulator, &other), alias_of_other);
    assert!(world.records().is_superset(&before.0), "records of others changed");
    let done = everything(&world);
    let again = world.apply(&[]).success();
    assert!(again.stderr.contains("nothing to do"), "{}", again.stderr);
    assert_eq!(everything(&world), done);
    let status = world.run("status", &[&wanted[..], &["--json"]].concat()).success().json();
    assert_eq!((&status["has_changes"], &status["problems"]), (&Value::Bool(false), &serde_json::json!([])));

    // Nobody can answer, and nobody said yes.
    world.run("remove", &["--domain", "example.com"]).explains(3, &["nothing was removed", "--yes"]);
    assert_eq!(everything(&world), done);
    world.remove().success();
    assert_eq!(everything(&world), before);
    assert_eq!(of_others(&world), others);
    let nothing = world.remove().success();
    assert!(nothing.stderr.contains("nothing to do"), "{}", nothing.stderr);
}

pub fn records_of_others_are_left_alone_and_taken_over_on_demand(emulator: &Emulator) {
    let world = World::new(emulator);
    fill_with_foreign_records(&world);
    let wanted =
        ["--domain", "mail.example.com", "--domain", "shop.example.com", "--domain", "dev.example.com"];
    let before = everything(&world);
    let found = world.problems(&wanted, 3);
    let of = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
    for expected in [
        of("foreign-record", "mail.example.com"),
        of("foreign-record", "shop.example.com"),
        of("owned-by-another-distribution", "mail.example.com"),
        of("delegated-away", "dev.example.com"),
    ] {
        assert!(found.contains(&expected), "no {expected:?} in {found:?}");
    }
    world.run("apply", &wanted).explains(3, &["192.0.2.10", "--take-over"]);
    world.run("remove", &["--domain", "mail.example.com", "--domain", "shop.example.com", "--yes"]).success();
    assert_eq!(everything(&world), before);

    world
        .run("apply", &["--domain", "mail.example.com", "--domain", "shop.example.com", "--take-over"])
        .success();
    let taken: BTreeSet<_> = world.record_names();
    assert!(
        !taken.contains(&of("shop.example.com", "CNAME")) && taken.contains(&of("shop.example.com", "A"))
    );
    let is_others =
        |text: &&String| !text.contains("mail.example.com.\",") && !text.contains("\"shop.example.com");
    let (kept, now) = (before.0.iter().filter(is_others).cloned().collect(), world.records());
    assert!(now.is_superset(&kept), "{:?}", kept.difference(&now).collect::<Vec<_>>());
}

pub fn a_name_of_another_distribution_is_named(emulator: &Emulator) {
    let world = World::new(emulator);
    world.apply(&[]).success();
    let other = create_distribution(emulator, "other");
    let flags = ["--domain", "example.com", "--domain", "www.example.com", "--distribution", &other];
    let answer = Answer::from_output(
        &emulator
            .command(&[&["domain", "apply", "--resolver", &world.servers.flag()], &flags[..]].concat())
            .output()
            .expect("the program starts"),
    );
    answer.explains(3, &[&world.distribution]);
    assert_eq!(aliases(emulator, &other), BTreeSet::new());
}

pub fn a_saved_plan_of_names_is_carried_out_exactly_or_refused(emulator: &Emulator) {
    let world = World::new(emulator);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("plan.json");
    let file = file.to_str().expect("a plain path");
    world.run("plan", &["--domain", "www.example.com", "--out", file]).success();
    world.put(record("example.com.", "TXT", &["\"v=spf1 -all\""]));
    let apply = || {
        Answer::from_output(
            &emulator.command(&["domain", "apply", "--plan", file]).output().expect("it starts"),
        )
    };
    world.put(record("www.example.com.", "TXT", &["\"beside\""]));
    let shown = ["domain", "apply", "--plan", file, "--dry-run"];
    let shown = Answer::from_output(&emulator.command(&shown).output().expect("it starts")).success();
    assert!(shown.stderr.contains("+ alias www.example.com"), "{}", shown.stderr);
    assert_eq!(world.aliases(), BTreeSet::new());
    apply().success();
    assert_eq!(world.aliases(), ["www.example.com".to_owned()].into());
    apply().explains(4, &["nothing is left to do"]);
    // Whoever takes a name off that the target still wants is told so.
    let config = folder.path().join("sitepush.toml");
    let text = "[targets.live]\nbucket = \"site\"\ndomains = [\"www.example.com\", \"shop.example.com\"]\n";
    std::fs::write(&config, text).expect("it can be written");
    let config = config.to_str().expect("a plain path");
    let gone = ["--domain", "www.example.com", "--dry-run", "--config", config];
    let answer = world.run("remove", &gone).success();
    let told = "still in `domains` of sitepush.toml: www.example.com;";
    assert!(answer.stderr.contains(told), "{}", answer.stderr);
}

pub fn a_missing_permission_is_named_by_its_action(emulator: &Emulator) {
    let world = World::new(emulator);
    let before = everything(&world);
    for (part, action) in [
        ("CertificateManager.ListCertificates", "acm:ListCertificates"),
        ("CertificateManager.RequestCertificate", "acm:RequestCertificate"),
        ("GET /2013-04-01/hostedzone ", "route53:ListHostedZones"),
        ("/rrset?", "route53:ListResourceRecordSets"),
        ("GET /2020-05-31/distribution/", "cloudfront:GetDistribution"),
    ] {
        let meddler = Meddler::start(&emulator.url, Meddling::Answer(part, 403, "AccessDenied"));
        let mut command = world.command("apply", &["--domain", "example.com"]);
        let output = command.env("AWS_ENDPOINT_URL", &meddler.url).output().expect("the program starts");
        assert!(
            meddler.count() > 0,
            "{part} was never asked for:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Answer::from_output(&output).explains(5, &[action]);
        assert_eq!(everything(&world), before, "{action}");
    }
}

pub fn a_used_up_quota_and_a_taken_alias_are_told_with_what_to_do(emulator: &Emulator) {
    let world = World::new(emulator);
    let change = "PUT /2020-05-31/distribution";
    for (part, status, code, exit_code, words) in [
        ("CertificateManager.RequestCertificate", 400, "LimitExceededException", 1, "Service Quotas"),
        (change, 409, "CNAMEAlreadyExists", 1, "associate-alias"),
        (change, 400, "TooManyDistributionCNAMEs", 1, "quota of aliases"),
        // By now all that comes before is done: nothing was changed by this run.
        (change, 412, "PreconditionFailed", 4, "run the command again"),
    ] {
        let meddler = Meddler::start(&emulator.url, Meddling::Answer(part, status, code));
        let mut command = world.command("apply", &["--domain", "example.com"]);
        let output = command.env("AWS_ENDPOINT_URL", &meddler.url).output().expect("the program starts");
        assert!(
            meddler.count() > 0,
            "{part} was never asked for:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Answer::from_output(&output).explains(exit_code, &[code, words]);
        assert!(world.aliases().is_empty(), "{code}");
    }
    world.run("apply", &["--domain", "example.com"]).success();
}

pub fn where_the_zone_takes_no_https_records_the_rest_is_done(emulator: &Emulator) {
    let world = World::new(emulator);
    let meddler = Meddler::start(&emulator.url, Meddling::Answer("<Type>HTTPS</Type>", 400, "InvalidInput"));
    let mut command = world.command("apply", &["--domain", "www.example.com"]);
    let output = command.env("AWS_ENDPOINT_URL", &meddler.url).output().expect("the program starts");
    assert!(meddler.count() > 0, "no HTTPS record was tried");
    let answer = Answer::from_output(&output).success();
    assert!(
        answer.stderr.contains("warning:") && answer.stderr.contains("InvalidInput"),
        "{}",
        answer.stderr
    );
    let kinds: Vec<String> = world
        .record_names()
        .into_iter()
        .filter(|(name, _)| name == "www.example.com")
        .map(|(_, kind)| kind)
        .collect();
    assert_eq!(kinds, ["A", "AAAA"]);
    assert_eq!(world.aliases(), ["www.example.com".to_owned()].into());
}

/// The state but for what is other each time: ARNs, and the records that ACM makes up.
fn shape(world: &World<'_>) -> (BTreeSet<(String, String)>, BTreeSet<String>, usize, bool) {
    let names = world
        .record_names()
        .into_iter()
        .map(|(name, kind)| (if is_made_up(&name) { "validation".to_owned() } else { name }, kind));
    (names.collect(), world.aliases(), world.certificates().len(), world.shown().is_some())
}

/// A world in which nothing was done yet. moto refuses to create what it has seen created before
/// (`moto_refuses_what_was_created_before`), so there it is a new one; on ministack everything was taken back.
fn fresh<'a>(emulator: &'a Emulator, used: Option<World<'a>>) -> World<'a> {
    match used {
        Some(world) if emulator.kind == Kind::Ministack => world,
        _ => {
            emulator.forget_everything();
            let world = World::new(emulator);
            fill_with_foreign_records(&world);
            world
        }
    }
}

pub fn a_run_killed_after_any_change_is_finished_by_the_next(emulator: &Emulator) {
    let mut world = fresh(emulator, None);
    world.apply(&[]).success();
    let whole = shape(&world);
    world.remove().success();
    let names = ["--domain", "example.com", "--domain", "*.example.com", "--timeout", "60"];
    let mut killed = 0;
    loop {
        world = fresh(emulator, Some(world));
        let empty = everything(&world);
        if dies_after(&world, killed, "apply", &names) {
            world.remove().success();
            break;
        }
        world.apply(&[]).success();
        assert_eq!(shape(&world), whole, "apply was killed after {killed} changes");
        world.remove().success();
        assert_eq!(everything(&world), empty, "apply was killed after {killed} changes, and taken back");
        killed += 1;
    }
    assert!(killed >= 4, "only {killed} changes were made");
    let names = [&BOTH[..], &["--yes", "--validation-records", "--timeout", "60"]].concat();
    let mut killed = 0;
    loop {
        world = fresh(emulator, Some(world));
        let empty = everything(&world);
        world.apply(&[]).success();
        let is_whole = dies_after(&world, killed, "remove", &names);
        world.remove().success();
        assert_eq!(everything(&world), empty, "remove was killed after {killed} changes");
        if is_whole {
            break;
        }
        killed += 1;
    }
    assert!(killed >= 4, "only {killed} changes were made");
}

/// Runs the program and kills it when it wants to make one change more than `changes`; whether it came to its end.
pub fn dies_after(world: &World<'_>, changes: usize, verb: &str, more: &[&str]) -> bool {
    let meddler = Meddler::start(&world.emulator.url, Meddling::PassChanges(changes));
    let mut command = world.command(verb, more);
    command.env("AWS_ENDPOINT_URL", &meddler.url).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    loop {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            assert!(status.success(), "{verb} failed by itself: {status}");
            return true;
        }
        if meddler.count() > changes {
            child.kill().expect("a child can be killed");
            child.wait().expect("it ends");
            return false;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
