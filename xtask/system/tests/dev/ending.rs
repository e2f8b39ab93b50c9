//! How the task ends, and what is there after it.

use serde_json::{Value, json};

use crate::support::{Serving, agent, folder, is_alive, run, signal, wait_until};

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
        let mut command = crate::support::task(folder.path(), flags);
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
