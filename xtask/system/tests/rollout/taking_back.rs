//! Whatever goes wrong after ECS was told something new, the services get back to what they ran, but for those that somebody
//! else deployed meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use system::class::Class;
use system::cluster::Fault;
use system::deploy::failure::{self, Failure};
use system::deploy::roll_out::{Before, Rollouts, Stopped};
use system::rollout::{Expected, Outcome};
use tokio_util::sync::CancellationToken;

use super::stage::{CLUSTER, IMAGE, SERVICE, Stage, Version, options};

/// All that was shown, a line at a time.
type Shown = Arc<Mutex<Vec<String>>>;

fn rollouts(stage: &Stage, shown: &Shown) -> Rollouts<'static> {
    let shown = Arc::clone(shown);
    let show = Box::new(move |text: &str| shown.lock().expect("nobody panics").push(text.to_owned()));
    let lost = CancellationToken::new();
    Rollouts { aws: stage.aws.clone(), cluster: CLUSTER, options: options(), lost, show }
}

fn definitions(expected: &Expected) -> BTreeMap<String, String> {
    [(expected.service.clone(), expected.task_definition_arn.clone())].into()
}

async fn before(stage: &Stage) -> Before {
    Before::of(&[stage.status().await], &BTreeMap::new(), &wanted_images())
}

fn wanted_images() -> BTreeMap<String, String> {
    [(SERVICE.to_owned(), IMAGE.to_owned())].into()
}

#[tokio::test]
async fn a_service_that_somebody_else_deployed_is_not_taken_back() {
    let (stage, _) = Stage::with_version_one().await;
    let before = before(&stage).await;
    let two = stage.register(&Version::healthy("two")).await;
    let three = stage.register(&Version::healthy("three")).await;
    stage.cluster.inject(SERVICE, Some(Fault::StuckPending)).expect("the service is there");
    stage.update(&two).await;
    let begun = CancellationToken::new();
    let begins = begun.clone();
    // The first line says that it begins, the second that it goes on.
    let lines = Mutex::new(0);
    let show = Box::new(move |_: &str| {
        let mut lines = lines.lock().expect("nobody panics");
        *lines += 1;
        if *lines == 2 {
            begins.cancel();
        }
    });
    let rollouts = Rollouts { show, ..rollouts(&stage, &Shown::default()) };
    let (wanted, never) = (definitions(&two), CancellationToken::new());
    let others = async {
        begun.cancelled().await;
        stage.cluster.inject(SERVICE, None).expect("the service is there");
        stage.update(&three).await;
    };
    let (done, ()) = tokio::join!(rollouts.or_back(&before, rollouts.forward(&wanted, &never)), others);
    let error = done.expect_err("it was replaced");
    let hint = failure::hint(&error).expect("there is one");
    assert!(hint.starts_with("somebody else deployed `guestbook` meanwhile, which stays as it is"), "{hint}");
    let (outcome, _) = stage.watch(&three, &options()).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    stage.assert_runs(&three, "three").await;
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_step_that_ends_after_ecs_was_told_takes_the_services_back() {
    let (stage, one) = Stage::with_version_one().await;
    let (before, shown) = (before(&stage).await, Shown::default());
    let two = stage.register(&Version::healthy("two")).await;
    // As Terraform does it that is stopped by Ctrl-C: the service is told, and something else is not done.
    let step = async {
        stage.update(&two).await;
        let failure = Failure::new(Class::Interrupted, "stopped").hint("run the same command again");
        Err::<(), Stopped>(anyhow::Error::from(failure).into())
    };
    let error = rollouts(&stage, &shown).or_back(&before, step).await.expect_err("it was stopped");
    assert_eq!((failure::class(&error), error.to_string().as_str()), (Class::Interrupted, "stopped"));
    let wanted = "every service runs what it ran before; run the same command again";
    assert_eq!(failure::hint(&error).as_deref(), Some(wanted));
    stage.assert_runs(&one, "one").await;

    // Before ECS was told there is nothing to take back, and nothing is.
    shown.lock().expect("nobody panics").clear();
    let step = async { Err::<(), Stopped>(anyhow::anyhow!("Terraform has no room for this").into()) };
    let error = rollouts(&stage, &shown).or_back(&before, step).await.expect_err("it failed");
    assert!(failure::hint(&error).is_some_and(|hint| hint.starts_with("every service runs what it ran")));
    assert_eq!(*shown.lock().expect("nobody panics"), [""; 0]);
    stage.cluster.stop().await;
}

#[tokio::test]
async fn a_watch_that_cannot_ask_takes_the_services_back() {
    let (stage, one) = Stage::with_version_one().await;
    let (before, shown) = (before(&stage).await, Shown::default());
    let two = stage.register(&Version::healthy("two")).await;
    stage.update(&two).await;
    let mut wanted = definitions(&two);
    wanted.insert("unknown".to_owned(), two.task_definition_arn.clone());
    let rollouts = rollouts(&stage, &shown);
    let never = CancellationToken::new();
    let error = rollouts.or_back(&before, rollouts.forward(&wanted, &never)).await.expect_err("it cannot");
    assert!(format!("{error:#}").contains("has no service `unknown`"), "{error:#}");
    stage.assert_runs(&one, "one").await;
    stage.cluster.stop().await;
}

#[tokio::test]
async fn the_run_after_one_that_was_killed_goes_back_to_the_last_release() {
    let (stage, one) = Stage::with_version_one().await;
    let bad = stage.register(&Version { behavior: "crash", ..Version::healthy("two") }).await;
    // A run told ECS to run it, and was killed: that is what the next one finds.
    stage.update(&bad).await;
    let before = Before::of(&[stage.status().await], &definitions(&one), &wanted_images());
    let (rollouts, wanted) = (rollouts(&stage, &Shown::default()), definitions(&bad));
    let never = CancellationToken::new();
    let error = rollouts.or_back(&before, rollouts.forward(&wanted, &never)).await.expect_err("it crashes");
    assert_eq!(error.to_string(), "the services do not run this commit");
    stage.assert_runs(&one, "one").await;
    stage.cluster.stop().await;
}

#[tokio::test]
async fn without_the_lock_nothing_is_taken_back() {
    let (stage, _) = Stage::with_version_one().await;
    let before = before(&stage).await;
    let two = stage.register(&Version::healthy("two")).await;
    stage.update(&two).await;
    let shown = Shown::default();
    let rollouts = rollouts(&stage, &shown);
    rollouts.lost.cancel();
    let step = async { Err::<(), Stopped>(anyhow::anyhow!("stopped").into()) };
    let error = rollouts.or_back(&before, step).await.expect_err("it was stopped");
    assert_eq!(failure::hint(&error), None, "where the services are is for somebody else to say");
    let definitions = definitions(&two);
    rollouts.back(&definitions, &rollouts.lost).await.expect_err("nor are they told anything else");
    assert_eq!(*shown.lock().expect("nobody panics"), [""; 0]);
    let (outcome, _) = stage.watch(&two, &options()).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    stage.assert_runs(&two, "two").await;
    stage.cluster.stop().await;
}
