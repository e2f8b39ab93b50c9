//! `sitepush iam-policy` as it is run: what it is asked for, and how much of it IAM takes.

mod support;

use serde_json::Value;
use sitepush::core::iam_policy::needs::COMMANDS;
use sitepush::core::iam_policy::{MANAGED_POLICY_CHARACTERS, ROLE_POLICY_CHARACTERS};
use support::{Answer, program};

const USAGE: i32 = 64;

/// In a folder without a sitepush.toml.
fn run(arguments: &[&str]) -> Answer {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = program();
    command.current_dir(folder.path()).args(["iam-policy", "--bucket", "site"]).args(arguments);
    Answer::from_output(&command.output().expect("the program starts"))
}

/// For all commands, with so many of both.
fn run_for_all(distributions: usize, names: usize) -> Answer {
    let commands: Vec<&str> = COMMANDS.iter().map(|needs| needs.command).collect();
    let mut arguments = vec!["--for".to_owned(), commands.join(",")];
    for index in 0..distributions {
        arguments.extend(["--distribution".to_owned(), format!("E1234567890{index:03}")]);
    }
    for index in 0..names {
        arguments.extend(["--domain".to_owned(), format!("site{index:03}.example.com")]);
    }
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// As IAM counts: without white space.
fn characters(answer: &Answer) -> usize {
    answer.json().to_string().chars().count()
}

/// What grows, and how the program answers for so many.
type Growing = fn(usize) -> Answer;

const GROWING: [(&str, Growing); 2] =
    [("distributions", |count| run_for_all(count, 1)), ("names", |count| run_for_all(1, count))];

#[test]
fn what_a_managed_policy_does_not_take_is_printed_with_a_warning_and_what_iam_does_not_take_is_refused() {
    for (what, growing) in GROWING {
        let mut is_warned_before = false;
        for count in 1.. {
            let answer = growing(count);
            if answer.code != 0 {
                assert!(is_warned_before, "{count} {what}: {}", answer.stderr);
                let answer = answer.explains(USAGE, &["10,240", "make several policies"]);
                assert_eq!(answer.stdout, "");
                break;
            }
            let characters = characters(&answer);
            assert!(characters <= ROLE_POLICY_CHARACTERS, "{count} {what}: {characters}");
            let is_warned = answer.stderr.starts_with("warning:") && answer.stderr.contains("inline policy");
            assert_eq!(
                is_warned,
                characters > MANAGED_POLICY_CHARACTERS,
                "{count} {what}: {}",
                answer.stderr
            );
            is_warned_before = is_warned;
        }
    }
}

fn sids(answer: &Answer) -> Vec<String> {
    let document = answer.json();
    let statements = document["Statement"].as_array().expect("a list");
    statements.iter().map(|found| found["Sid"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn a_command_with_verbs_means_all_of_them_and_one_can_be_named() {
    let target = ["--distribution", "E1", "--domain", "example.com"];
    let of = |commands: &str| sids(&run(&[&["--for", commands], &target[..]].concat()).success());
    assert_eq!(of("domain"), of("domain plan,domain apply,domain status,domain remove"));
    assert!(of("domain").contains(&"Records".to_owned()));
    assert!(!of("domain plan").contains(&"Records".to_owned()));
    // Not the four verbs, and the plan of a push.
    let apart = run(&["--for", "domain", "plan"]).expect_code(USAGE);
    assert!(apart.stderr.contains("unexpected argument 'plan'"), "{}", apart.stderr);
    run(&["--for", "domain move"]).explains(USAGE, &["domain move", "`domain apply`"]);
    run(&["--for", "dom"]).explains(USAGE, &["`dom`", "`domain apply`"]);
}

#[test]
fn names_are_wanted_by_what_changes_them_only() {
    let wanting = ["--for", "domain apply", "--distribution", "E1"];
    run(&wanting).explains(USAGE, &["no name is named", "--domain"]);
    run(&["--for", "domain status,doctor", "--distribution", "E1"]).success();
    run(&[&wanting[..], &["--domain", "https://example.com"]].concat())
        .explains(USAGE, &["more than a name"]);
    let in_zone =
        |zone: &str| run(&[&wanting[..], &["--domain", "example.com", "--hosted-zone", zone]].concat());
    in_zone("/hostedzone/z1").explains(USAGE, &["/hostedzone/z1", "list-hosted-zones"]);
    assert_eq!(in_zone("/hostedzone/Z1").success().stdout, in_zone("Z1").success().stdout);
    run(&["--for", "domain", "--domain", "example.com"])
        .explains(USAGE, &["the target names no distribution", "--distribution"]);
    assert_eq!(
        run(&["--for", "push, doctor"]).success().stdout,
        run(&["--for", "push,doctor"]).success().stdout
    );
}

#[test]
fn names_are_those_of_the_target() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text =
        "[targets.live]\nbucket = \"site\"\ndistributions = [\"E1\"]\ndomains = [\"Www.Example.com\"]\n";
    std::fs::write(folder.path().join("sitepush.toml"), text).expect("it can be written");
    let mut command = program();
    command.current_dir(folder.path()).args(["iam-policy", "--for", "domain apply"]);
    let policy = Answer::from_output(&command.output().expect("the program starts")).success().json();
    let statements = policy["Statement"].as_array().expect("a list");
    let new = statements.iter().find(|found| found["Sid"] == "NewCertificate").expect("it is there");
    assert_eq!(
        new["Condition"]["ForAllValues:StringEquals"]["acm:DomainNames"],
        Value::from("www.example.com")
    );
}
