//! How the task ends, and what is there after it.

use std::io::{BufRead as _, BufReader};
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};

use crate::support::{Serving, agent, folder, is_alive, processes, run, signal, task, wait_until};

#[test]
fn the_check_goes_through_all_of_it_and_ends_well() {
    let folder = folder();
    let output = run(folder.path(), &["--check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(document["ok"], true, "{document}");
    let names: Vec<_> =
        document["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    for wanted in ["front page", "unknown page", "load balancer", "guestbook takes", "counter counts"] {
        assert!(names.iter().any(|name| name.contains(wanted)), "{wanted}: {names:?}");
    }
}

/// Redis hangs from when the services run, and goes on once the check has said so: what hangs is waited for at the end.
#[test]
fn the_check_of_what_does_not_work_ends_with_1_the_reason_and_the_logs() {
    let folder = folder();
    let mut child = task(folder.path(), &["--check"]).spawn().expect("it runs");
    let errors = BufReader::new(child.stderr.take().expect("it is piped"));
    let (hung, is_hung) = mpsc::channel();
    let record = folder.path().to_owned();
    let listening = thread::spawn(move || {
        let mut said = String::new();
        for line in errors.lines().map_while(Result::ok) {
            if line.starts_with("publishing the site") {
                let processes = processes(&record);
                let (_, redis) = processes.iter().find(|(name, _)| name == "redis").expect("it runs");
                signal(*redis, "STOP");
                hung.send(*redis).expect("the test waits for it");
            }
            said.push_str(&line);
            said.push('\n');
        }
        said
    });
    let mut line = String::new();
    let output = child.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut line).expect("it is text");
    signal(is_hung.recv().expect("it got that far"), "CONT");
    let code = child.wait().expect("it is our child").code();
    let said = listening.join().expect("no panic");

    let document: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}, {said}"));
    assert_eq!((code, &document["ok"]), (Some(1), &false.into()), "{document}, {said}");
    let checks = document["checks"].as_array().expect("a list").iter();
    let failed: Vec<_> = checks.filter(|check| !check["problem"].is_null()).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["name"], "the counter counts");
    assert!(failed[0]["problem"].as_str().expect("a text").contains("503"), "{failed:?}");
    // The ends of the logs, that of the service which does not work with what it was asked.
    let (_, last) = said.split_once("the last of ").expect("the logs are shown");
    let (_, of_counter) = last.split_once("/logs/counter.log:\n").expect("each has its name");
    let of_counter = of_counter.split("the last of ").next().unwrap_or_default();
    assert!(of_counter.contains("/api/counter/views"), "{of_counter:?}");
}

#[test]
fn an_interrupt_ends_everything_and_what_was_written_is_there_the_next_time() {
    let folder = folder();
    let mut serving = Serving::start(folder.path());
    let site = serving.document["address"].as_str().unwrap().to_owned();
    let processes = serving.processes();
    for part in ["counter", "guestbook", "postgres", "redis", "site"] {
        assert!(processes.iter().any(|(name, _)| name == part), "{part}: {processes:?}");
    }
    let entries = "/api/guestbook/entries";
    let entry = json!({"name": "Ada", "message": "I was here."}).to_string();
    let signed = agent()
        .post(format!("{site}{entries}"))
        .header("content-type", "application/json")
        .send(&entry)
        .expect("there is an answer");
    assert_eq!(signed.status(), 201);

    // A second one says who is there, and changes nothing.
    let second = run(folder.path(), &[]);
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(4), "{said}");
    assert!(said.contains(&format!("it runs already, as process {}", serving.child.id())), "{said}");

    assert_eq!(serving.end("INT"), Some(0));
    for (name, process) in processes {
        assert!(!is_alive(process), "{name} is left behind");
    }
    let port = site.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "the address is free again");

    let listed = |flags: &[&str]| {
        let mut command = task(folder.path(), flags);
        let mut serving = Serving::of(command.stderr(std::process::Stdio::inherit()), folder.path());
        let site = serving.document["address"].as_str().unwrap().to_owned();
        let mut answer = agent().get(format!("{site}{entries}")).call().expect("there is an answer");
        let list: Value = serde_json::from_slice(&answer.body_mut().read_to_vec().unwrap()).unwrap();
        assert_eq!(serving.end("TERM"), Some(0));
        list["entries"].as_array().unwrap().len()
    };
    assert_eq!(listed(&[]), 1);
    assert_eq!(listed(&["--fresh"]), 0);
}

#[tokio::test]
async fn what_a_killed_run_leaves_is_ended_by_the_next() {
    let folder = folder();
    let mut serving = Serving::start(folder.path());
    let left = serving.processes();
    signal(serving.child.id(), "KILL");
    serving.child.wait().unwrap();
    assert!(left.iter().any(|(_, process)| is_alive(*process)), "nobody was there to end them");

    let output = run(folder.path(), &["--check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("which an earlier run left behind"), "{said}");
    for (name, process) in left {
        wait_until(&format!("{name} is gone"), async || !is_alive(process)).await;
    }
}

#[tokio::test]
async fn a_second_interrupt_waits_for_nobody() {
    let folder = folder();
    let mut serving = Serving::start(folder.path());
    let processes = serving.processes();
    let of = |wanted: &str| processes.iter().find(|(name, _)| name == wanted).expect("it runs").1;
    // It does not end when it is asked to.
    signal(of("guestbook"), "STOP");
    signal(serving.child.id(), "INT");
    wait_until("the end has begun", async || !is_alive(of("site"))).await;
    assert!(is_alive(of("guestbook")));
    assert_eq!(serving.end("INT"), Some(130));
    for (name, process) in &processes {
        wait_until(&format!("{name} is gone"), async || !is_alive(*process)).await;
    }
}
