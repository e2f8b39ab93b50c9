//! The printed policy, enforced by somebody else: moto lets a user do what it allows, and no more.
//!
//! At S3, moto asks for actions on resources as AWS does, and verifies signatures meanwhile; but not for the source of a
//! copy, nor for a version whose headers are asked for, and it hides no missing object. Another of its ways is met in the
//! policy before it is given to the user: see [`as_moto_reads_it`]. At CloudFront, it refuses every signature then (those of
//! boto3, too), so that the target here has no distribution. Each of these has a test in [`crate::lies_of_policies`].

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use aws_credential_types::Credentials;
use serde_json::{Value, json};

use crate::emulator::Emulator;
use crate::support::{Answer, BUCKET, Site};

const USER: &str = "publisher";

/// Somebody whom moto knows.
pub struct User<'a> {
    emulator: &'a Emulator,
    access_key_id: String,
    secret_access_key: String,
}

impl<'a> User<'a> {
    pub fn create(emulator: &'a Emulator) -> Self {
        ask_iam(emulator, &format!("Action=CreateUser&UserName={USER}"));
        let key = ask_iam(emulator, &format!("Action=CreateAccessKey&UserName={USER}"));
        let (access_key_id, secret_access_key) =
            (element(&key, "AccessKeyId"), element(&key, "SecretAccessKey"));
        Self { emulator, access_key_id, secret_access_key }
    }

    /// Allows the user this, and nothing else, from now on.
    pub fn may(&self, policy: &Value) {
        enforce(self.emulator, "inf");
        let document =
            percent_encoding::utf8_percent_encode(&policy.to_string(), percent_encoding::NON_ALPHANUMERIC)
                .to_string();
        let form =
            format!("Action=PutUserPolicy&UserName={USER}&PolicyName=sitepush&PolicyDocument={document}");
        ask_iam(self.emulator, &form);
        enforce(self.emulator, "0");
    }

    pub fn credentials(&self) -> Credentials {
        Credentials::new(&self.access_key_id, &self.secret_access_key, None, None, "tests")
    }

    fn run(&self, command: &str, more: &[&str]) -> Answer {
        let mut command = self.emulator.command(&[&[command, "--bucket", BUCKET], more].concat());
        command
            .env("AWS_ACCESS_KEY_ID", &self.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret_access_key);
        Answer::from_output(&command.output().expect("the program starts"))
    }

    fn push(&self, site: &Site, more: &[&str]) -> Answer {
        let folder = site.path().to_str().expect("a plain path");
        self.run("push", &[&[folder], more].concat())
    }
}

/// From how many calls on moto asks who makes them.
fn enforce(emulator: &Emulator, from: &str) {
    post(emulator, "/moto-api/reset-auth", "Content-Type: text/plain\r\n", from);
}

pub fn ask_iam(emulator: &Emulator, form: &str) -> String {
    // moto tells the service by what a request is signed for.
    let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0";
    let form = format!("{form}&Version=2010-05-08");
    let headers = format!("Authorization: {scope}\r\nContent-Type: application/x-www-form-urlencoded\r\n");
    post(emulator, "/", &headers, &form)
}

fn post(emulator: &Emulator, path: &str, headers: &str, body: &str) -> String {
    let host = emulator.url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).expect("moto listens");
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).expect("moto reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("moto answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{body}: {answer}");
    answer
}

pub fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split('<').next().expect("it begins").to_owned()
}

/// The policy for everything that is done here.
fn printed(emulator: &Emulator) -> Value {
    let commands = "push,status,rollback,prune";
    emulator.run(&["iam-policy", "--bucket", BUCKET, "--for", commands]).success().json()
}

/// moto takes a delete of many objects for a call about the bucket (`moto_asks_for_the_bucket_when_objects_are_deleted`).
fn as_moto_reads_it(mut policy: Value) -> Value {
    for statement in policy["Statement"].as_array_mut().expect("a list") {
        if statement["Sid"] == "Objects" {
            let resources = statement["Resource"].as_array_mut().expect("a list");
            resources.push(json!(format!("arn:aws:s3:::{BUCKET}")));
        }
    }
    policy
}

/// A policy that is of no use here.
fn nothing() -> Value {
    let statement = json!({ "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*" });
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

fn without(mut policy: Value, action: &str) -> Value {
    let mut found = false;
    let statements = policy["Statement"].as_array_mut().expect("a list");
    for statement in statements.iter_mut() {
        statement["Action"].as_array_mut().expect("a list").retain(|granted| {
            found |= granted == action;
            granted != action
        });
    }
    assert!(found, "{action} is not granted");
    // A statement without actions is none.
    statements.retain(|statement| statement["Action"] != json!([]));
    policy
}

#[test]
fn moto_lets_a_user_with_the_printed_policy_publish() {
    let emulator = Emulator::moto();
    let policy = printed(&emulator);
    let user = User::create(&emulator);
    let site = Site::small();
    user.may(&nothing());
    user.push(&site, &[]).explains(5, &["`s3:GetObject`"]);
    user.may(&as_moto_reads_it(policy));
    user.push(&site, &[]).success();
    site.write("film.mp4", vec![7; 17 << 20]).write("style.css", "second").remove("about/index.html");
    site.write("_headers", "/index.html\n  Cache-Control: no-store\n");
    user.push(&site, &[]).success();
    user.run("status", &["--verify-remote"]).success();
    user.run("rollback", &[]).success();
    user.run("prune", &["--keep", "1", "--days", "0"]).success();
    // Somebody who may do nothing at all is not let in by an oversight of ours.
    user.may(&nothing());
    user.run("status", &[]).explains(5, &["`s3:GetObject`"]);
}

#[test]
fn moto_denies_a_user_with_one_action_less_and_the_error_names_it() {
    let emulator = Emulator::moto();
    let policy = as_moto_reads_it(printed(&emulator));
    let user = User::create(&emulator);
    let site = Site::small();
    let actions = ["s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject"];
    for (round, action) in actions.into_iter().enumerate() {
        site.write("index.html", format!("round {round}"));
        let page = format!("pages/{round}.html");
        site.write(&page, "to be taken away");
        user.may(&policy);
        user.push(&site, &[]).success();
        site.remove(&page).write("index.html", format!("round {round}, denied"));
        user.may(&without(policy.clone(), action));
        let answer = user.push(&site, &["--verify-remote"]);
        assert!([1, 5].contains(&answer.code), "{action}: {} {}", answer.code, answer.stderr);
        assert!(answer.stderr.contains(&format!("hint: allow `{action}`")), "{action}: {}", answer.stderr);
    }
}
