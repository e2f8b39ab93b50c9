//! The printed policies for `domain` and `doctor`, enforced by somebody else: ministack asks of every call for the action that
//! AWS documents, on resources and under conditions, by tables of its own.
//!
//! With the whole policy nothing is denied; with any action less something is. Where ministack knows less of a call than
//! AWS does, the policy is widened before it is given to it: see [`Widening`]. What it does not look at, the
//! names of records and certificates, is read from what was sent.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;

use aws_sdk_acm::types::ValidationMethod;
use serde_json::{Value, json};

use crate::doctor::names::with_names;
use crate::doctor::place;
use crate::domains::World;
use crate::emulator::{Emulator, acm_client};
use crate::meddler::{Meddler, Meddling};
use crate::permissions::{ask_iam, element};
use crate::support::{Answer, Site};
use crate::witness::{Exchange, Witness};

/// Where a certificate was requested by mistake, and the region of the target.
const ELSEWHERE: &str = "eu-west-1";

/// Set-ups that are changed at a time.
const THREADS: usize = 3;

/// A permission: the statement that it is in, and the action.
pub type Permission = (String, String);

/// Somebody whom ministack knows.
pub struct User<'a> {
    emulator: &'a Emulator,
    name: String,
    access_key_id: String,
    secret_access_key: String,
}

impl<'a> User<'a> {
    pub fn create(emulator: &'a Emulator, name: &str) -> Self {
        ask_iam(emulator, &format!("Action=CreateUser&UserName={name}"));
        let key = ask_iam(emulator, &format!("Action=CreateAccessKey&UserName={name}"));
        let (access_key_id, secret_access_key) =
            (element(&key, "AccessKeyId"), element(&key, "SecretAccessKey"));
        Self { emulator, name: name.to_owned(), access_key_id, secret_access_key }
    }

    /// Allows the user this, and what ministack asks for besides, and nothing else, from now on.
    pub fn may(&self, policy: Value) {
        self.may_exactly(&widened(policy, &Widening::ALL));
    }

    /// The same without one of the things that ministack asks for besides.
    pub fn may_without(&self, left_out: Widening, policy: Value) {
        let others = Widening::ALL.into_iter().filter(|widening| *widening != left_out);
        self.may_exactly(&widened(policy, &others.collect::<Vec<_>>()));
    }

    fn may_exactly(&self, policy: &Value) {
        let document = policy.to_string();
        let document = percent_encoding::utf8_percent_encode(&document, percent_encoding::NON_ALPHANUMERIC);
        let name = &self.name;
        ask_iam(
            self.emulator,
            &format!("Action=PutUserPolicy&UserName={name}&PolicyName=sitepush&PolicyDocument={document}"),
        );
    }

    /// Runs the program as this user; what it was denied, each by the name of the call or the kind of thing that it is about.
    pub fn denied(&self, command: Command) -> BTreeSet<String> {
        let witness = Witness::start(&self.emulator.url);
        self.run_through(&witness, &witness.url, command);
        denials(&witness)
    }

    /// The same while another distribution has the names, so that it is asked who has them.
    pub fn denied_at_a_taken_alias(&self, command: Command) -> BTreeSet<String> {
        let witness = Witness::start(&self.emulator.url);
        self.run_at_a_taken_alias(&witness, command);
        denials(&witness)
    }

    /// Runs the program as this user; whether anything was denied comes with what it said.
    fn run(&self, command: Command) -> (Answer, bool) {
        let witness = Witness::start(&self.emulator.url);
        self.run_through(&witness, &witness.url, command)
    }

    /// The same while another distribution has the names.
    fn run_into_a_taken_alias(&self, command: Command) -> (Answer, bool) {
        self.run_at_a_taken_alias(&Witness::start(&self.emulator.url), command)
    }

    fn run_at_a_taken_alias(&self, witness: &Witness, command: Command) -> (Answer, bool) {
        let refusal = Meddling::Answer("PUT /2020-05-31/distribution", 409, "CNAMEAlreadyExists");
        let meddler = Meddler::start(&witness.url, refusal);
        let run = self.run_through(witness, &meddler.url, command);
        assert!(meddler.count() > 0, "the distribution was not changed: {}", run.0.stderr);
        run
    }

    fn run_through(&self, witness: &Witness, url: &str, mut command: Command) -> (Answer, bool) {
        command
            .env("AWS_ACCESS_KEY_ID", &self.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret_access_key)
            .env("AWS_ENDPOINT_URL", url);
        let answer = Answer::from_output(&command.output().expect("the program starts"));
        assert!(!witness.exchanges().is_empty(), "nobody was asked: {}", answer.stderr);
        (answer, witness.has_seen_a_denial())
    }
}

/// What was denied: ACM's calls by their target, others by the kind of thing in the path.
fn denials(witness: &Witness) -> BTreeSet<String> {
    let exchanges = witness.exchanges();
    let denied = exchanges.iter().filter(|exchange| exchange.is_denied());
    denied.map(|exchange| exchange.header("x-amz-target").unwrap_or(kind(exchange)).to_owned()).collect()
}

/// `cache-policy` of `GET /2020-05-31/cache-policy/ID`.
fn kind(exchange: &Exchange) -> &str {
    let parts = exchange.call().split(['/', '?']).skip(1);
    parts.into_iter().find(|part| !part.starts_with("20")).expect("a path has a kind")
}

/// What ministack could not find to be allowed, and what is allowed for it beyond the printed policy. In [`crate::lies_of_policies`]
/// each is left out, and something is denied then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Widening {
    /// It knows no ARN of these, and asks for `*`.
    DistributionParts,
    KeyValueStore,
    RecordChanges,
    ConflictingAliases,
    /// It does not know how a certificate is to be validated.
    ValidationMethod,
    /// Nor the tags of the certificate that is asked about.
    OwnCertificates,
}

impl Widening {
    pub const ALL: [Self; 6] = [
        Self::DistributionParts,
        Self::KeyValueStore,
        Self::RecordChanges,
        Self::ConflictingAliases,
        Self::ValidationMethod,
        Self::OwnCertificates,
    ];

    /// Allows more in those of a policy's statements that it is about.
    fn widen(self, statements: &mut Vec<Value>) {
        let sid = match self {
            Self::DistributionParts => "DistributionParts",
            Self::KeyValueStore => "KeyValueStore",
            Self::RecordChanges => "RecordChanges",
            Self::ConflictingAliases => "Distributions",
            Self::ValidationMethod => "NewCertificate",
            Self::OwnCertificates => "OwnCertificates",
        };
        let Some(statement) = statements.iter_mut().find(|statement| statement["Sid"] == sid) else { return };
        match self {
            Self::DistributionParts | Self::KeyValueStore | Self::RecordChanges => {
                statement["Resource"] = json!("*");
            }
            Self::ConflictingAliases => {
                let actions = statement["Action"].as_array_mut().expect("a list");
                let of_aliases: Vec<Value> =
                    actions.extract_if(.., |action| action == "cloudfront:ListConflictingAliases").collect();
                statements.push(json!({ "Effect": "Allow", "Action": of_aliases, "Resource": "*" }));
            }
            Self::ValidationMethod => {
                let equal = statement["Condition"]["StringEquals"].as_object_mut().expect("conditions");
                equal.remove("acm:ValidationMethod").expect("it is limited");
            }
            Self::OwnCertificates => {
                statement.as_object_mut().expect("a statement").remove("Condition").expect("it is limited");
            }
        }
    }
}

/// The policy with more allowed.
fn widened(mut policy: Value, widenings: &[Widening]) -> Value {
    let statements = policy["Statement"].as_array_mut().expect("a list");
    for widening in widenings {
        widening.widen(statements);
    }
    statements.retain(|statement| statement["Action"] != json!([]));
    policy
}

fn permissions(policy: &Value) -> Vec<Permission> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let statements = policy["Statement"].as_array().expect("a list").iter();
    let of_statement = |statement: &Value| {
        let actions = statement["Action"].as_array().expect("a list");
        let sid = text(&statement["Sid"]);
        actions.iter().map(|action| (sid.clone(), text(action))).collect::<Vec<_>>()
    };
    statements.flat_map(of_statement).collect()
}

pub fn without(policy: &Value, (sid, action): &Permission) -> Value {
    let mut policy = policy.clone();
    for statement in policy["Statement"].as_array_mut().expect("a list") {
        if statement["Sid"] == **sid {
            statement["Action"].as_array_mut().expect("a list").retain(|granted| granted != action);
        }
    }
    // Kept without actions it would be none.
    policy["Statement"].as_array_mut().expect("a list").retain(|statement| statement["Action"] != json!([]));
    policy
}

/// A zone, a distribution and two names, with certificates that are good for one of them, and for both where CloudFront
/// does not take it from.
pub struct Names<'a> {
    world: World<'a>,
    names: [String; 2],
}

impl<'a> Names<'a> {
    pub fn new(emulator: &'a Emulator, zone: &str) -> Self {
        let names = ["shop", "www"].map(|part| format!("{part}.{zone}"));
        for (region, name) in [("us-east-1", &names[0]), (ELSEWHERE, &format!("*.{zone}"))] {
            let request = acm_client(&emulator.url, region).request_certificate().domain_name(name);
            let request = request.validation_method(ValidationMethod::Dns);
            emulator.runtime.block_on(request.send()).expect("certificates can be requested");
        }
        Self { world: World::in_zone(emulator, zone), names }
    }

    pub fn command(&self, verb: &str, more: &[&str]) -> Command {
        let [first, second] = [0, 1].map(|at| self.names[at].as_str());
        let mut arguments = match verb {
            "remove" => vec!["--domain", first, "--domain", second, "--yes", "--validation-records"],
            _ => vec!["--domain", first, "--domain", second],
        };
        arguments.extend(["--region", ELSEWHERE]);
        if ["apply", "remove"].contains(&verb) {
            arguments.extend(["--timeout", "60"]);
        }
        arguments.extend(more);
        self.world.command(verb, &arguments)
    }

    /// As somebody who may do everything.
    pub fn apply(&self) {
        let output = self.command("apply", &[]).output().expect("the program starts");
        Answer::from_output(&output).success();
    }

    /// Whether the distribution has the names.
    pub fn is_set_up(&self) -> bool {
        self.world.aliases() == self.names.clone().into()
    }

    pub fn policy(&self, verb: &str) -> Value {
        let command = format!("domain {verb}");
        let [first, second] = [0, 1].map(|at| self.names[at].as_str());
        let arguments = [
            ["iam-policy", "--for"],
            [&command, "--distribution"],
            [&self.world.distribution, "--domain"],
            [first, "--domain"],
            [second, "--region"],
            [ELSEWHERE, "--hosted-zone"],
        ];
        let arguments = [arguments.as_flattened(), &[&self.world.zone_id]].concat();
        self.world.emulator.run(&arguments).success().json()
    }
}

#[test]
fn ministack_lets_a_user_with_the_printed_policy_bring_names_to_a_distribution_and_take_them_off() {
    let emulator = Emulator::ministack();
    let user = User::create(&emulator, "names");
    let place = Names::new(&emulator, "whole.example");
    for verb in ["plan", "status", "apply", "apply", "status", "remove"] {
        user.may(place.policy(verb));
        let (answer, is_denied) = user.run(place.command(verb, &[]));
        let answer = answer.success();
        assert!(!is_denied, "domain {verb}: {}", answer.stderr);
    }
    user.may(place.policy("apply"));
    let (answer, is_denied) = user.run_into_a_taken_alias(place.command("apply", &[]));
    answer.explains(1, &["CNAMEAlreadyExists"]);
    assert!(!is_denied, "who has the alias may be asked");
}

/// What is denied without being noticed: nobody tells what is not known, or it is not waited for.
const TOLERATED: [(&str, &str); 3] = [
    ("Distributions", "cloudfront:ListConflictingAliases"),
    ("HostedZones", "route53:GetHostedZone"),
    ("RecordChanges", "route53:GetChange"),
];

/// ministack asks for this at another call only, which sitepush does not make
/// (`ministack_tags_a_new_certificate_for_who_may_not_tag_any`).
const NOT_ASKED_FOR: (&str, &str) = ("CertificateTag", "acm:AddTagsToCertificate");

/// Whether anything was denied in a run without a permission; the action is named then, unless it can be done without.
fn is_noticed(permission: &Permission, (answer, is_denied): &(Answer, bool)) -> bool {
    let (sid, action) = (permission.0.as_str(), permission.1.as_str());
    if !is_denied {
        return false;
    }
    let said = format!("{}{}", answer.stdout, answer.stderr);
    let is_named = said.contains(&format!("`{action}`"));
    assert_eq!(is_named, !TOLERATED.contains(&(sid, action)), "{permission:?}: {said}");
    true
}

#[test]
fn ministack_denies_a_user_with_one_action_less_that_domain_needs_and_the_error_names_it() {
    let emulator = Emulator::ministack();
    let user = User::create(&emulator, "reader");
    let untouched = Names::new(&emulator, "untouched.example");
    let mut changing: Vec<(&str, Permission)> = Vec::new();
    for verb in ["plan", "status", "apply", "remove"] {
        let policy = untouched.policy(verb);
        let is_reader = ["plan", "status"].contains(&verb);
        let dry: &[&str] = if is_reader { &[] } else { &["--dry-run"] };
        for permission in permissions(&policy) {
            user.may(without(&policy, &permission));
            let run = user.run(untouched.command(verb, dry));
            if !is_noticed(&permission, &run) {
                assert!(!is_reader, "`domain {verb}` does not need {permission:?}: {}", run.0.stderr);
                changing.push((verb, permission));
            }
        }
    }
    // What is only asked on the way: in a set-up of its own each.
    let next = Mutex::new(changing.iter().enumerate());
    let unneeded = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let Some((number, (verb, permission))) = next.lock().expect("no panic").next() else {
                        return;
                    };
                    if !is_needed_on_the_way(&emulator, number, verb, permission) {
                        unneeded.lock().expect("no panic").insert((*verb, permission.clone()));
                    }
                }
            });
        }
    });
    let (sid, action) = NOT_ASKED_FOR;
    let expected = BTreeSet::from([("apply", (sid.to_owned(), action.to_owned()))]);
    assert_eq!(unneeded.into_inner().expect("no panic"), expected);
}

fn is_needed_on_the_way(emulator: &Emulator, number: usize, verb: &str, permission: &Permission) -> bool {
    let place = Names::new(emulator, &format!("way{number}.example"));
    let user = User::create(emulator, &format!("way{number}"));
    if verb == "remove" {
        place.apply();
    }
    user.may(without(&place.policy(verb), permission));
    let run = match permission.1.as_str() {
        "cloudfront:ListConflictingAliases" => user.run_into_a_taken_alias(place.command("apply", &[])),
        _ => user.run(place.command(verb, &[])),
    };
    is_noticed(permission, &run)
}

/// A good set-up with a name and a release, so that doctor asks everything, and the policy that is printed for that.
pub struct Judged {
    pub world: place::World,
    pub place: place::Place,
    pub policy: Value,
}

impl Judged {
    pub fn new() -> Self {
        let world = place::World::start();
        let place = world.good("judged");
        // The bucket's policy denies what comes without TLS, as here everything does.
        let mut policy = place.policy();
        let statements = policy["Statement"].as_array_mut().expect("a list");
        statements.retain(|statement| statement["Sid"] != "EncryptedConnectionsOnly");
        world.set_policy(&place, &policy);
        with_names(&world, &place, "www.good.example.com", &["www.good.example.com"], "TLSv1.2_2021");
        let flags = ["--bucket", &place.bucket, "--distribution", &place.distribution];
        let flags =
            [&["iam-policy", "--for", "doctor", "--key-value-store", &place.store_arn], &flags[..]].concat();
        let policy = world.emulator.run(&flags).success().json();
        // With a release, there is something that the store has to say.
        let site = Site::small();
        let push =
            ["push", site.path().to_str().expect("a plain path"), "--key-value-store", &place.store_arn];
        let target = ["--bucket", &place.bucket, "--distribution", &place.distribution];
        world.emulator.run(&[&push[..], &target[..]].concat()).success();
        Self { world, place, policy }
    }

    pub fn doctor(&self) -> Command {
        self.world.emulator.command(&self.place.arguments(&["--json"]))
    }
}

#[test]
fn ministack_lets_a_user_with_the_printed_policy_look_at_the_set_up_and_no_action_is_too_many() {
    let judged = Judged::new();
    let policy = &judged.policy;
    let user = User::create(&judged.world.emulator, "doctor");
    let look = || user.run(judged.doctor());
    user.may(policy.clone());
    let (answer, is_denied) = look();
    let document = answer.success().json();
    assert!(!is_denied, "{document}");
    assert_eq!(document["warning_count"], 0, "{document}");
    for permission in permissions(policy) {
        user.may(without(policy, &permission));
        let (answer, is_denied) = look();
        assert!(is_denied, "`doctor` does not need {permission:?}: {}", answer.stdout);
        assert!(answer.stdout.contains(&format!("`{}`", permission.1)), "{permission:?}: {}", answer.stdout);
    }
}

/// The values of a condition of a printed policy.
fn condition(policy: &Value, sid: &str, operator: &str, key: &str) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().expect("a list");
    let statement = statements.iter().find(|found| found["Sid"] == sid).expect("it is there");
    let values = &statement["Condition"][operator][key];
    let values = values.as_array().cloned().unwrap_or_else(|| vec![values.clone()]);
    values.iter().map(|value| value.as_str().expect("text").to_owned()).collect()
}

/// The texts of all elements of this name.
fn elements(body: &str, name: &str) -> BTreeSet<String> {
    let tag = format!("<{name}>");
    let parts = body.split(&tag).skip(1);
    parts.map(|part| part.split('<').next().expect("it begins").to_owned()).collect()
}

/// As Route 53 has names in its condition key.
fn normalized(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase().replace('*', "\\052")
}

/// As IAM compares by `StringLike`.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '*' => (0..=text.len()).any(|at| is_like(rest, &text[at..])),
        '?' => text.get(1..).is_some_and(|text| is_like(rest, text)),
        _ => text.strip_prefix(first).is_some_and(|text| is_like(rest, text)),
    }
}

/// On moto, whose certificates are validated at names like those of AWS (`ministack_validates_at_a_name_that_acm_does_not_have`).
#[test]
fn the_records_and_certificates_that_are_written_are_those_that_the_policy_allows() {
    let emulator = Emulator::moto();
    let world = World::new(&emulator);
    let witness = Witness::start(&emulator.url);
    let names = ["example.com", "*.example.com"];
    for (verb, arguments) in [
        ("apply", &["--domain", names[0], "--domain", names[1], "--timeout", "60"][..]),
        (
            "remove",
            &["--domain", names[0], "--domain", names[1], "--yes", "--validation-records", "--timeout", "60"],
        ),
    ] {
        let mut command = world.command(verb, arguments);
        let output = command.env("AWS_ENDPOINT_URL", &witness.url).output().expect("the program starts");
        Answer::from_output(&output).success();
    }
    let flags = ["--distribution", &world.distribution, "--domain", names[0], "--domain", names[1]];
    let policy = emulator.run(&[&["iam-policy", "--for", "domain"], &flags[..]].concat()).success().json();
    let exchanges = witness.exchanges();
    let of = |part: &'static str| exchanges.iter().filter(move |found| found.head.contains(part));

    let changes: String = of("/rrset").filter(is_post).map(|found| found.body.as_str()).collect();
    let key = |name: &str| format!("route53:ChangeResourceRecordSets{name}");
    let all = |name: &str| condition(&policy, "Records", "ForAllValues:StringEquals", &key(name));
    assert_eq!(elements(&changes, "Action"), all("Actions"));
    assert_eq!(elements(&changes, "Type"), all("RecordTypes"));
    let written: BTreeSet<String> = elements(&changes, "Name").iter().map(|name| normalized(name)).collect();
    let patterns = condition(&policy, "Records", "ForAllValues:StringLike", &key("NormalizedRecordNames"));
    for name in &written {
        assert!(patterns.iter().any(|pattern| is_like(pattern, name)), "{name} is not among {patterns:?}");
    }
    for others in ["mail.example.com", "_dmarc.example.com", "_sitepush.mail.example.com"] {
        let is_allowed = patterns.iter().any(|pattern| is_like(pattern, others));
        assert!(!is_allowed, "{others} is among {patterns:?}");
    }
    for pattern in &patterns {
        assert!(written.iter().any(|name| is_like(pattern, name)), "{pattern} is not written: {written:?}");
    }

    let request = of("CertificateManager.RequestCertificate").next().expect("one is requested");
    let head = request.head.as_str();
    let request: Value = serde_json::from_str(&request.body).expect("JSON");
    let equals = |operator: &str, key: &str| condition(&policy, "NewCertificate", operator, key);
    let others = request["SubjectAlternativeNames"].as_array().expect("a list").iter();
    let requested =
        others.chain([&request["DomainName"]]).map(|name| name.as_str().expect("text").to_owned());
    assert_eq!(requested.collect::<BTreeSet<_>>(), equals("ForAllValues:StringEquals", "acm:DomainNames"));
    assert_eq!(json!(equals("StringEquals", "acm:ValidationMethod")), json!([request["ValidationMethod"]]));
    for region in equals("StringEquals", "aws:RequestedRegion") {
        assert!(head.contains(&format!("/{region}/acm/aws4_request")), "{head}");
    }
    let tag = json!([{ "Key": "sitepush", "Value": world.distribution }]);
    assert_eq!(request["Tags"], tag);
    for (sid, key) in [
        ("NewCertificate", "aws:RequestTag/sitepush"),
        ("CertificateTag", "aws:RequestTag/sitepush"),
        ("OwnCertificates", "aws:ResourceTag/sitepush"),
    ] {
        assert_eq!(
            condition(&policy, sid, "StringEquals", key),
            [world.distribution.clone()].into(),
            "{sid}"
        );
    }
}

fn is_post(exchange: &&Exchange) -> bool {
    exchange.head.starts_with("POST ")
}
