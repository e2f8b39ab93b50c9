//! Nothing is changed before somebody agrees: each question is met by a run that nobody is there to answer, and by one with `--yes`,
//! which does what the other was kept from.

use serde_json::json;

use crate::stage::{Ended, Stage};

/// A run that stopped at the question.
#[track_caller]
fn expect_asked(ended: Ended) {
    let ended = ended.expect_code(3);
    assert!(ended.stderr.contains("error: nobody is there to agree to this plan\n"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: say `--yes`\n"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_of_the_state_is_not_made_before_somebody_agrees() {
    let stage = Stage::never_deployed().await;
    expect_asked(stage.run(&["deploy"]));
    let is_made = || stage.s3().iter().any(|asked| asked == "CreateBucket");
    assert!(!is_made(), "{:?}", stage.s3());
    stage.run(&["deploy", "--yes"]);
    assert!(is_made(), "{:?}", stage.s3());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_infrastructure_is_not_made_before_somebody_agrees() {
    let stage = Stage::new().await;
    stage.plans(&[("module.registry.aws_ecr_repository.this[\"greeter\"]", json!(null), "create")]);
    expect_asked(stage.run(&["deploy"]));
    assert_eq!(stage.terraform(), ["plan bootstrap.tfplan"]);
    assert_eq!(stage.state(), [""; 0], "the lock is left");
    // It fails later: nothing comes of the apply.
    stage.run(&["deploy", "--yes"]);
    let planned = stage.terraform();
    assert_eq!(planned[..3], ["plan bootstrap.tfplan", "plan bootstrap.tfplan", "apply bootstrap.tfplan"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_not_applied_before_somebody_agrees() {
    let stage = Stage::new().await;
    stage.is_made();
    stage.plans(&[("module.network.aws_vpc.this", json!({}), "update")]);
    expect_asked(stage.run(&["deploy", "--only", "infra"]));
    assert_eq!(stage.terraform(), ["plan deploy.tfplan"]);
    assert_eq!(stage.state(), [""; 0], "a release is written, or the lock is left");
    stage.run(&["deploy", "--only", "infra", "--yes"]).expect_code(0);
    assert_eq!(stage.terraform()[1..], ["plan deploy.tfplan", "apply deploy.tfplan"]);
    assert_eq!(stage.state().len(), 2, "a release and which one runs: {:?}", stage.state());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_back_before_somebody_agrees() {
    let stage = Stage::new().await;
    stage.is_made();
    stage.has_released(&["a", "b"]);
    let before = stage.state();
    expect_asked(stage.run(&["rollback"]));
    assert_eq!((stage.published(), stage.state()), (Vec::new(), before.clone()));
    stage.run(&["rollback", "--yes"]).expect_code(0);
    assert_eq!(stage.published(), ["rollback site-a"]);
    assert_eq!(stage.state().len(), before.len() + 1, "it is a release of its own");
    assert_eq!(stage.terraform(), [""; 0]);
}
