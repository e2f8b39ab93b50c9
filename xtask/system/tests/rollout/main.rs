//! Rollouts against the local cluster, which really runs the tasks: each failure is told with its reason, and ends with the
//! earlier version running.

mod images;
mod stage;
mod taking_back;
#[cfg(feature = "terraform")]
mod terraform;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use stage::{NO_IMAGE, SERVICE, Stage, Version, options, post};
use system::cluster::Fault;
use system::rollout::{Advice, Event, FailureKind, Outcome, render_failure};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn no_request_fails_while_a_new_version_comes_and_goes() {
    let (stage, one) = Stage::with_version_one().await;
    let address = stage.router.address();
    let is_over = Arc::new(AtomicBool::new(false));
    let poll = async |is_over: Arc<AtomicBool>| {
        let mut answers = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            // Slow, so that each task that ends is likely to have one under way.
            answers.push(post(address, "/slow").await);
        }
        answers
    };
    let clients = join_all((0..4).map(|_| poll(Arc::clone(&is_over))));
    let deploys = async {
        let two = stage.register(&Version::healthy("two")).await;
        stage.update(&two).await;
        let (outcome, events) = stage.watch(&two, &options()).await;
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?} after {events:#?}");
        stage.assert_runs(&two, "two").await;
        stage.go_back(&one).await;
        is_over.store(true, Ordering::Relaxed);
    };
    let (answers, ()) = tokio::join!(clients, deploys);

    let answers = answers.concat();
    let failed: Vec<_> = answers.iter().filter(|answer| answer.is_err()).collect();
    assert!(failed.is_empty(), "{} of {} requests: {failed:?}", failed.len(), answers.len());
    assert!(answers.contains(&Ok("one".to_owned())) && answers.contains(&Ok("two".to_owned())));
    stage.cluster.stop().await;
}

#[tokio::test]
async fn an_image_that_is_missing_is_told() {
    let (stage, one) = Stage::with_version_one().await;
    let bad = stage.register(&Version { image: NO_IMAGE, ..Version::healthy("two") }).await;
    let failure = stage.fail_and_go_back(&bad, &one, &options()).await;
    assert_eq!(failure.kind, FailureKind::Image);
    let text = render_failure(SERVICE, &failure);
    assert!(text.contains("CannotPullContainerError"), "{text}");
    assert!(text.contains(NO_IMAGE), "{text}");
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_secret_that_is_missing_is_told() {
    let (stage, one) = Stage::with_version_one().await;
    let bad = stage.register(&Version { secret: "unknown", ..Version::healthy("two") }).await;
    let failure = stage.fail_and_go_back(&bad, &one, &options()).await;
    assert_eq!(failure.kind, FailureKind::Resources);
    assert!(failure.reason.contains("there is no secret unknown"), "{failure:?}");
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_crash_is_told_with_its_code_and_the_last_lines() {
    let (stage, one) = Stage::with_version_one().await;
    let bad = stage.register(&Version { behavior: "crash", ..Version::healthy("two") }).await;
    let failure = stage.fail_and_go_back(&bad, &one, &options()).await;
    assert_eq!(failure.kind, FailureKind::Crash);
    let text = render_failure(SERVICE, &failure);
    assert!(text.contains("exits with code 42"), "{text}");
    assert!(text.contains("| version two starts\n    | cannot find the answer to everything"), "{text}");
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_failing_health_check_is_told_with_what_it_got() {
    let (stage, one) = Stage::with_version_one().await;
    let bad = stage.register(&Version { behavior: "unhealthy", ..Version::healthy("two") }).await;
    let failure = stage.fail_and_go_back(&bad, &one, &options()).await;
    assert_eq!(failure.kind, FailureKind::Unhealthy);
    let text = render_failure(SERVICE, &failure);
    assert!(text.contains("Health checks failed with these codes: [500]"), "{text}");
    assert!(text.contains("| version two starts"), "{text}");
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_lack_of_room_is_warned_of_and_then_told() {
    let (stage, one) = Stage::with_version_one().await;
    let two = stage.register(&Version::healthy("two")).await;
    stage.cluster.inject(SERVICE, Some(Fault::NoCapacity)).expect("the service is there");
    stage.update(&two).await;
    let mut options = options();
    options.limits.shortage = Duration::from_millis(300);
    let (outcome, events) = stage.watch(&two, &options).await;
    let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.kind, FailureKind::Capacity);
    assert!(failure.reason.contains("Capacity is unavailable at this time"), "{failure:?}");
    let is_warned =
        |event: &Event| matches!(event, Event::Warning { text, .. } if text.contains("unable to place"));
    assert!(events.iter().any(is_warned), "{events:#?}");
    // The earlier tasks never went away, so there is room for what is wanted.
    stage.go_back(&one).await;
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_start_that_takes_too_long_is_told_with_where_it_stands() {
    let (stage, one) = Stage::with_version_one().await;
    let two = stage.register(&Version::healthy("two")).await;
    stage.cluster.inject(SERVICE, Some(Fault::StuckPending)).expect("the service is there");
    let mut options = options();
    options.limits.total = Duration::from_millis(500);
    options.log_wait = Duration::ZERO;
    let failure = stage.fail_and_go_back(&two, &one, &options).await;
    assert_eq!(failure.kind, FailureKind::TimeLimit);
    assert!(failure.reason.contains("is still PENDING"), "{failure:?}");
    assert!(failure.what.contains("0 of 2 new tasks running"), "{failure:?}");
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_watch_that_is_stopped_can_be_taken_back() {
    let (stage, one) = Stage::with_version_one().await;
    let two = stage.register(&Version::healthy("two")).await;
    stage.cluster.inject(SERVICE, Some(Fault::StuckPending)).expect("the service is there");
    stage.update(&two).await;
    let stop = CancellationToken::new();
    let on_first_progress = |event: &Event| {
        if matches!(event, Event::Progress { .. }) {
            stop.cancel();
        }
    };
    let (outcome, _) = stage.watch_until(&two, &options(), &stop, on_first_progress).await;
    assert_eq!(outcome, Outcome::Unfinished);
    stage.go_back(&one).await;
    stage.cluster.stop().await;
}

#[tokio::test]
async fn somebody_elses_deployment_is_left_alone() {
    let (stage, _) = Stage::with_version_one().await;
    let two = stage.register(&Version::healthy("two")).await;
    let three = stage.register(&Version::healthy("three")).await;
    stage.cluster.inject(SERVICE, Some(Fault::StuckPending)).expect("the service is there");
    stage.update(&two).await;
    let begun = CancellationToken::new();
    let begins = |_: &Event| begun.cancel();
    let never = CancellationToken::new();
    let options = options();
    let others = async {
        begun.cancelled().await;
        stage.cluster.inject(SERVICE, None).expect("the service is there");
        stage.update(&three).await;
    };
    let ((outcome, _), ()) = tokio::join!(stage.watch_until(&two, &options, &never, begins), others);
    let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!((failure.kind, failure.advice), (FailureKind::Replaced, Advice::LeaveAlone));
    assert!(failure.reason.ends_with("`example-guestbook:3`"), "{failure:?}");
    let (outcome, _) = stage.watch(&three, &options).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    stage.assert_runs(&three, "three").await;
    stage.cluster.stop().await;
}

#[tokio::test]
async fn the_circuit_breaker_goes_back_by_itself() {
    let (stage, one) = Stage::with_version_one().await;
    let bad = stage.register(&Version { behavior: "crash", ..Version::healthy("two") }).await;
    stage.update(&bad).await;
    let events = loop {
        let services = stage.ecs.describe_services().cluster(stage::CLUSTER).services(SERVICE).send().await;
        let services = services.expect("the cluster answers");
        let events = services.services()[0].events().iter().filter_map(|event| event.message());
        let events: Vec<String> = events.map(ToOwned::to_owned).collect();
        let after = events.iter().take_while(|event| !event.contains("rolling back to deployment"));
        if after.clone().count() < events.len()
            && after.clone().any(|event| event.contains("deployment completed"))
        {
            break events;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(
        events.iter().any(|event| event.contains("deployment failed: tasks failed to start.")),
        "{events:#?}"
    );
    stage.assert_runs(&one, "one").await;
    // Nothing is left to do, and what stopped before says nothing.
    stage.go_back(&one).await;
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_cluster_that_ended_starts_its_services_again() {
    let (stage, one) = Stage::with_version_one().await;
    let before = stage.status().await.tasks;
    let Stage { cluster, router, folder, .. } = stage;
    // Not stopped: its tasks are cut off.
    drop(cluster);
    let cluster = system::cluster::serve(stage::cluster_options(&folder, &router)).await.expect("a cluster");
    let config = stage::config(&cluster.url()).await;
    let stage = Stage {
        aws: system::rollout::Aws::new(&config),
        ecs: aws_sdk_ecs::Client::new(&config),
        cluster,
        router,
        folder,
    };
    let status = loop {
        let status = stage.status().await;
        if status.is_stable {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(status.task_definition_arn, one.task_definition_arn);
    assert!(status.tasks.iter().all(|task| before.iter().all(|other| other.task_id != task.task_id)));
    stage.cluster.stop().await;
}

#[tokio::test]
async fn what_a_task_started_ends_with_it() {
    let (stage, _) = Stage::with_version_one().await;
    let two = stage.register(&Version { behavior: "starts another", ..Version::healthy("two") }).await;
    stage.update(&two).await;
    let (outcome, _) = stage.watch(&two, &options()).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    let Stage { cluster, folder, .. } = stage;
    let logs = std::fs::read_dir(folder.path().join("logs")).expect("there are logs");
    let logs = logs.map(|log| std::fs::read_to_string(log.expect("a log").path()).expect("it is text"));
    let logs: String = logs.collect();
    let started = logs.lines().filter_map(|line| line.strip_prefix("started process "));
    let started: Vec<&str> = started.collect();
    let runs = |pid: &str| {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.starts_with("sleep")
    };
    assert_eq!(started.iter().filter(|pid| runs(pid)).count(), 2, "{logs}");
    cluster.stop().await;
    // The kernel may take a moment to bury them.
    for _ in 0..200 {
        if !started.iter().any(|pid| runs(pid)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{started:?} still run");
}
