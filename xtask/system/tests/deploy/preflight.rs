//! What is looked at before anything is done: without Terraform, or without credentials for the environment's account, no task does
//! anything, and each says what to do.

use crate::stage::{Ended, Stage};

/// Every task, each so that it would not ask.
const TASKS: &[&[&str]] = &[
    &["plan"],
    &["deploy", "--yes"],
    &["rollback", "--yes"],
    &["status"],
    &["destroy", "--confirm", "staging"],
];

/// Runs each task, which ends with `code`, and of which `said` is a part of what it says; none does anything.
#[track_caller]
fn expect_nothing_done(stage: &Stage, code: i32, said: &[&str]) {
    for task in TASKS {
        let Ended { stderr, .. } = stage.run(task).expect_code(code);
        for said in said {
            assert!(stderr.contains(said), "{task:?} does not say {said:?}: {stderr}");
        }
    }
    assert_eq!((stage.s3(), stage.terraform()), (Vec::new(), Vec::new()), "something was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_terraform_nothing_is_begun() {
    let stage = Stage::never_deployed().await.without_programs();
    let said = ["error: `terraform` is missing\n", "hint: install Terraform 1.11 or newer"];
    expect_nothing_done(&stage, 5, &said);
    assert_eq!(stage.aws(), [""; 0], "it is looked for first");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_nothing_is_begun() {
    let stage = Stage::never_deployed().await.without_credentials();
    let said = ["error: cannot find out whose credentials these are: ", "hint: look at AWS_PROFILE"];
    expect_nothing_done(&stage, 5, &said);
    assert_eq!(stage.aws(), [""; 0], "nobody asked, and somebody was answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_aws_refuses_begin_nothing() {
    let stage = Stage::of(None).await;
    let said = [
        "error: cannot find out whose credentials these are: InvalidClientTokenId: The security token",
        "hint: look at AWS_PROFILE",
    ];
    expect_nothing_done(&stage, 5, &said);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_another_account_begin_nothing() {
    let stage = Stage::of(Some("444455556666")).await;
    let said = [
        "error: these credentials are for the account 444455556666, and `staging` is in 111122223333\n",
        "hint: choose the other account's profile",
    ];
    expect_nothing_done(&stage, 3, &said);
}
