//! The printed policy is the least: every command is driven through all that it may ask, and what it asked is held
//! against the policy for it, in both directions.

mod drives;
mod lab;
mod policy;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use clap::CommandFactory as _;
use drives::drive;
use lab::Lab;
use sitepush::cli::Cli;
use sitepush::core::iam_policy::needs::{COMMANDS, CommandNeeds};
use sitepush::core::iam_policy::operation::{Operation, Resource};
use support::{Site, program};

/// The commands that the embedded target knows all operations of. Those about certificates, records and settings are at
/// work in `tests/emulators`, where others judge what they ask.
fn publishing() -> impl Iterator<Item = &'static CommandNeeds> {
    COMMANDS.iter().filter(|needs| needs.command != "doctor" && !needs.command.starts_with("domain "))
}

#[test]
fn each_command_needs_exactly_what_its_policy_allows() {
    for needs in publishing() {
        let mut lab = Lab::new(needs.command, "");
        drive(&mut lab);
        lab.assert_is_least();
    }
}

#[test]
fn each_command_needs_exactly_what_its_policy_allows_under_a_prefix() {
    for needs in publishing() {
        let mut lab = Lab::new(needs.command, "shop/site");
        drive(&mut lab);
        lab.assert_is_least();
    }
}

/// Each operation, and what leads to it.
fn refused(operation: Operation) -> Lab {
    let (command, drive): (_, fn(&mut Lab)) = match operation {
        Operation::HEAD_OBJECT_VERSION | Operation::COPY_OBJECT_VERSION => {
            ("rollback", drives::drive_plain_rollback)
        }
        Operation::LIST_INVALIDATIONS | Operation::GET_INVALIDATION => ("status", drive),
        _ if operation.name.contains("Multipart") || operation == Operation::UPLOAD_PART => {
            ("push", drives::drive_large_push)
        }
        _ => ("push", drives::drive_push),
    };
    let mut lab = Lab::new(command, "");
    lab.denied = Some(operation);
    drive(&mut lab);
    lab
}

#[test]
fn whoever_is_denied_is_told_which_action_to_allow() {
    let mut operations: Vec<Operation> = Vec::new();
    for call in publishing().flat_map(CommandNeeds::calls) {
        if call.operation != Operation::LEARN_ABSENCE && !operations.contains(&call.operation) {
            operations.push(call.operation);
        }
    }
    let mut unnoticed = BTreeSet::new();
    for operation in operations {
        let Some(refusal) = refused(operation).refusal else {
            unnoticed.insert(operation.name);
            continue;
        };
        assert_eq!(refusal.operation, operation);
        for grant in operation.grants.iter().filter(|grant| grant.resource != Resource::Key) {
            let action = format!("`{}`", grant.action);
            assert!(refusal.stderr.contains(&action), "{}: {}", operation.name, refusal.stderr);
        }
    }
    // Without the first, the plan says what stays unknown; without the second, a large upload that failed leaves its
    // parts, and says why it failed.
    assert_eq!(unnoticed, ["GetBucketVersioning", "AbortMultipartUpload"].into());
}

/// All that the program can be told to do, verbs by themselves.
fn all_commands() -> Vec<String> {
    let cli = Cli::command();
    let of_command = |command: &clap::Command| {
        let name = command.get_name().to_owned();
        let verbs: Vec<String> =
            command.get_subcommands().map(|verb| format!("{name} {}", verb.get_name())).collect();
        if verbs.is_empty() { vec![name] } else { verbs }
    };
    cli.get_subcommands().flat_map(of_command).collect()
}

/// Runs a command for which there is no policy to its end, or until it is at work.
fn run_without_policy(name: &str, mut command: Command) {
    let more: &[&str] = match name {
        "init" => &["dist", "--print"],
        "inspect" => &["dist"],
        "iam-policy" => &["--for", "push,doctor,domain"],
        "preview" => &["dist", "--port", "0", "--json"],
        "edge-function" | "schema" => &[],
        other => panic!("`{other}` has no policy, and nothing tells that it needs none"),
    };
    command.arg(name).args(more).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    if name == "preview" {
        assert!(lines.next().is_some_and(|line| line.is_ok()), "it serves");
        child.kill().expect("a child can be killed");
        child.wait().expect("it ends");
    } else {
        lines.for_each(drop);
        assert!(child.wait().expect("it ends").success(), "{name}");
    }
}

#[test]
fn every_command_has_a_policy_or_asks_nobody() {
    let has_policy = |name: &&String| COMMANDS.iter().any(|needs| needs.command == **name);
    let (with, without): (Vec<String>, Vec<String>) =
        all_commands().into_iter().partition(|name| has_policy(&name));
    assert_eq!(with.len(), COMMANDS.len(), "{with:?}");
    let site = Site::new();
    site.write("dist/index.html", "<h1>home</h1>").write(
        "sitepush.toml",
        "[site]\ndirectory = \"dist\"\n[targets.live]\nbucket = \"site\"\ndistributions = [\"E1\"]\n\
         domains = [\"www.example.com\"]\nurl = \"https://www.example.com\"\n",
    );
    let aws = TcpListener::bind("127.0.0.1:0").expect("a free port");
    aws.set_nonblocking(true).expect("it can be told not to wait");
    let url = format!("http://{}", aws.local_addr().expect("an address"));
    for name in without {
        let mut command = program();
        command.current_dir(site.path()).env("AWS_ENDPOINT_URL", &url).env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "secret");
        run_without_policy(&name, command);
        let asked = aws.accept().map(|_| ());
        assert!(asked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "`{name}` asked somebody");
    }
}
