//! Processes that die or hang, and what is said of it.

use std::fs;

use system::dev::check;

use crate::support::{folder, is_alive, signal, start, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_is_started_again() {
    let folder = folder();
    let application = start(folder.path()).await.expect("it starts");
    for service in ["guestbook", "counter"] {
        let first = application.process(service).expect("it runs");
        signal(first, "KILL");
        let is_new = async || application.process(service).is_some_and(|process| process != first);
        wait_until(&format!("{service} is started again"), is_new).await;
    }
    for store in ["postgres", "redis"] {
        let process = |wanted: &str| {
            application.processes().into_iter().find(|(name, _)| name == wanted).map(|(_, process)| process)
        };
        let first = process(store).expect("it runs");
        signal(first, "KILL");
        let is_new = async || process(store).is_some_and(|process| process != first && is_alive(process));
        wait_until(&format!("{store} is started again"), is_new).await;
    }
    wait_until("all of it works again", async || {
        check(&application).await.iter().all(|check| check.problem.is_none())
    })
    .await;
    let processes = application.processes();
    application.stop().await;
    for (name, process) in processes {
        assert!(!is_alive(process), "{name} is left behind");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_says_what_does_not_work_and_what_does() {
    let folder = folder();
    let application = start(folder.path()).await.expect("it starts");
    let redis = application.processes().into_iter().find(|(name, _)| name == "redis").expect("it runs").1;
    signal(redis, "STOP");
    let checks = check(&application).await;
    signal(redis, "CONT");
    let failed: Vec<_> = checks.iter().filter(|check| check.problem.is_some()).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].name, "the counter counts");
    assert!(failed[0].problem.as_deref().unwrap().contains("503"), "{failed:?}");
    assert!(application.last_lines().contains("counter.log"), "the logs are shown");
    fs::remove_file(application.site_folder().join("index.html")).unwrap();
    let front = check(&application).await.remove(0);
    assert_ne!(front.problem, None, "the page is no longer the one in the folder");
    application.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_start_is_named_with_its_last_words() {
    let folder = folder();
    let secrets = folder.path().join("secrets/guestbook");
    fs::create_dir_all(&secrets).unwrap();
    fs::write(secrets.join("MODERATION_TOKEN"), "letmein").unwrap();
    let error = format!("{:#}", start(folder.path()).await.expect_err("the guestbook refuses its settings"));
    assert!(error.contains("guestbook did not start"), "{error}");
    assert!(error.contains("`MODERATION_TOKEN` is shorter than"), "{error}");
    assert!(error.contains("it ended with exit status: 64"), "{error}");
    let recorded = fs::read_to_string(folder.path().join("processes.json")).unwrap();
    let left: Vec<serde_json::Value> = serde_json::from_str(&recorded).unwrap();
    let alive =
        |process: &&serde_json::Value| is_alive(u32::try_from(process["process"].as_u64().unwrap()).unwrap());
    assert_eq!(left.iter().filter(alive).count(), 0, "{recorded}");
}
