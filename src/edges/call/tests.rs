//! What becomes of calls that fail, by made-up answers.

use std::sync::Mutex;

use super::*;

fn failing(kind: FailureKind) -> CallError {
    CallError::local(kind, "no")
}

#[test]
fn a_success_that_cannot_be_read_may_have_happened() {
    use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadError;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::metadata::Builder;

    let answer = |status: u16, code: Option<&str>| {
        let metadata = aws_smithy_types::error::ErrorMetadata::builder();
        let metadata = code.into_iter().fold(metadata, Builder::code).build();
        let raw = HttpResponse::new(status.try_into().expect("a status"), SdkBody::empty());
        CallError::from(SdkError::service_error(CompleteMultipartUploadError::generic(metadata), raw)).kind
    };
    assert_eq!(answer(200, None), FailureKind::Transient);
    // S3 may answer 200 and name an error in the body: that one was read.
    assert_eq!(answer(200, Some("AccessDenied")), FailureKind::Denied);
    assert_eq!(answer(403, None), FailureKind::Denied);
    assert_eq!(answer(501, None), FailureKind::Unsupported);
    assert_eq!(answer(502, None), FailureKind::Transient);
}

#[test]
fn the_request_id_is_kept_by_whatever_name_a_service_tells_it() {
    use aws_sdk_acm::operation::describe_certificate::DescribeCertificateError;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    let message = |header: &'static str| {
        let metadata = ErrorMetadata::builder().code("AccessDenied").build();
        let mut raw = HttpResponse::new(403_u16.try_into().expect("a status"), SdkBody::empty());
        raw.headers_mut().insert(header, "0a1b2c3d");
        let error = DescribeCertificateError::generic(metadata);
        CallError::from(SdkError::service_error(error, raw)).message
    };
    for header in ["x-amz-request-id", "x-amzn-requestid", "x-amzn-RequestId"] {
        assert_eq!(message(header), "AccessDenied (request 0a1b2c3d)", "{header}");
    }
    assert_eq!(message("x-cache"), "AccessDenied");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_is_sent_again_until_it_is_answered() {
    let retry = Retry::new(Duration::from_secs(60));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let retry = retry.observed_by(move |report| sink.lock().expect("not poisoned").push(report.attempt));
    let mut left = 3;
    let result = retry
        .run("put", || {
            left -= 1;
            let done = left == 0;
            async move { if done { Ok(7) } else { Err(failing(FailureKind::Throttled)) } }
        })
        .await;
    assert_eq!(result.expect("answered"), 7);
    assert_eq!(
        *seen.lock().expect("not poisoned"),
        [Attempt::Throttled, Attempt::Throttled, Attempt::Answered]
    );
    assert_eq!(retry.requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_tried_again_and_time_ends_the_rest() {
    let retry = Retry::new(Duration::from_secs(5));
    let denied = retry.run("put", || async { Err::<(), _>(failing(FailureKind::Denied)) }).await;
    assert_eq!(denied.expect_err("denied").kind, FailureKind::Denied);
    assert_eq!(retry.requests(), 1);
    let lost = retry.run("put", || async { Err::<(), _>(failing(FailureKind::Transient)) }).await;
    let lost = lost.expect_err("lost");
    assert!(lost.message.contains("attempts"));
    assert_eq!(lost.hint().as_deref(), Some("run the command again in a moment"));
    let retry = retry.limited_by("--retry-seconds");
    let lost = retry.run("put", || async { Err::<(), _>(failing(FailureKind::Transient)) }).await;
    let hint = lost.expect_err("lost").hint().expect("there is one");
    assert!(hint.contains("`--retry-seconds`"), "{hint}");
}

#[tokio::test(start_paused = true)]
async fn whose_credentials_fail_is_told_where_the_profile_was_named() {
    let hint = async |retry: &Retry| {
        let failed = retry.run("list", || async { Err::<(), _>(failing(FailureKind::Credentials)) }).await;
        failed.expect_err("no credentials").hint().expect("there is one").into_owned()
    };
    let retry = Retry::new(Duration::from_secs(5));
    assert!(hint(&retry).await.contains("`--profile`"));
    let of_zones = hint(&retry.with_profile_of("`--zone-profile`")).await;
    assert_eq!(of_zones, "sign in with that profile, or name another one by `--zone-profile`");
    assert!(hint(&retry).await.contains("`--profile`"), "of the target's own credentials");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_answered_is_given_up_quickly() {
    let retry = Retry::new(Duration::from_secs(600));
    let result = retry.run("get", || async { Err::<(), _>(failing(FailureKind::Unreachable)) }).await;
    assert_eq!(result.expect_err("unreachable").kind, FailureKind::Unreachable);
    assert_eq!(retry.requests(), u64::from(FIRST_CONTACT_ATTEMPTS));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_takes_connections_and_never_answers_is_given_up() {
    let retry = Retry::new(Duration::from_secs(600)).to_place("http://127.0.0.1:9");
    let error = retry.run("get", std::future::pending::<Result<(), _>>).await.expect_err("silence");
    assert_eq!(error.kind, FailureKind::Unreachable);
    assert_eq!(error.message, "no connection to http://127.0.0.1:9: no answer within 15 s (3 attempts)");
    assert_eq!(retry.requests(), u64::from(FIRST_CONTACT_ATTEMPTS));
    // Whoever said that it shall not take long does not wait for three attempts.
    let retry = Retry::new(Duration::from_secs(1));
    let error = retry.run("get", std::future::pending::<Result<(), _>>).await.expect_err("silence");
    assert_eq!((error.kind, retry.requests()), (FailureKind::Unreachable, 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_begun_may_take_longer_than_a_first_contact() {
    let retry = Retry::new(Duration::from_secs(600));
    let contact = retry.contact();
    let read = || async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        contact.make();
        tokio::time::sleep(10 * FIRST_CONTACT_LIMIT).await;
        Ok("a large manifest")
    };
    assert_eq!(retry.run("get", read).await.expect("read"), "a large manifest");
    assert_eq!(retry.requests(), 1);
}

#[test]
fn a_connection_that_does_not_come_about_in_time_is_no_slow_answer() {
    use aws_sdk_s3::operation::get_object::GetObjectError;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    let kind = |text: &str| {
        let error = ConnectorError::timeout(text.into());
        CallError::from(SdkError::<GetObjectError, HttpResponse>::dispatch_failure(error)).kind
    };
    assert_eq!(kind("HTTP connect timeout occurred after 10s"), FailureKind::Unreachable);
    assert_eq!(kind("HTTP read timeout occurred after 10s"), FailureKind::Transient);
}

/// A policy of two minutes whose permission is as told for so many seconds each, the last one for good.
fn permitted(course: &'static [(Permission, u64)]) -> Retry {
    let started = tokio::time::Instant::now();
    Retry::new(Duration::from_secs(120)).permitted_by(move || {
        let mut left = started.elapsed().as_secs();
        let told = course.iter().find(|(_, seconds)| {
            let is_now = left < *seconds;
            left = left.saturating_sub(*seconds);
            is_now
        });
        told.or(course.last()).expect("a course").0
    })
}

/// How the call ends whose first attempt is answered after an hour and the second at once, and how many there were.
async fn ending_of(retry: &Retry) -> (Result<(), CallError>, u32) {
    let mut attempts = 0;
    let result = retry.run("put", || {
        attempts += 1;
        let is_answered = attempts > 1;
        async move {
            let answer = if is_answered { Duration::ZERO } else { Duration::from_secs(3600) };
            tokio::time::sleep(answer).await;
            Ok(())
        }
    });
    (result.await, attempts)
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_when_permission_is_withheld_is_sent_again_when_it_is_granted() {
    let started = tokio::time::Instant::now();
    let retry = permitted(&[(Permission::Granted, 5), (Permission::Withheld, 35), (Permission::Granted, 1)]);
    retry.contact().make();
    let (result, attempts) = ending_of(&retry).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(attempts, 2);
    assert_eq!(started.elapsed().as_secs(), 40, "not before it was granted, and at once then");
    // However long it was on its way: a large body may take longer than calls are sent again.
    let retry =
        permitted(&[(Permission::Granted, 200), (Permission::Withheld, 10), (Permission::Granted, 1)]);
    retry.contact().make();
    let (result, attempts) = ending_of(&retry).await;
    assert!(result.is_ok() && attempts == 2, "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_when_permission_is_withdrawn_is_given_up() {
    let retry = permitted(&[(Permission::Granted, 5), (Permission::Withdrawn, 1)]);
    retry.contact().make();
    let (result, attempts) = ending_of(&retry).await;
    assert_eq!(result.map_err(|error| error.kind), Err(FailureKind::GivenUp));
    assert_eq!(attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_too_long_for_permission_is_told_what_failed_before() {
    let started = tokio::time::Instant::now();
    let retry = permitted(&[(Permission::Granted, 2), (Permission::Withheld, 1)]);
    retry.contact().make();
    let result: Result<(), CallError> =
        retry.run("put", || async { Err(failing(FailureKind::Transient)) }).await;
    let error = result.expect_err("it never works");
    assert_eq!(error.kind, FailureKind::Unreachable);
    assert!(error.message.starts_with("no (") && error.message.contains("attempts"), "{error}");
    let (result, attempts) = ending_of(&permitted(&[(Permission::Withheld, 1)])).await;
    let error = result.expect_err("it is never granted");
    assert_eq!((error.kind, attempts), (FailureKind::Unreachable, 0));
    assert!(error.message.contains("the lock could not be renewed"), "{error}");
    assert!(started.elapsed() > Duration::from_secs(120));
}
