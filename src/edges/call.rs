//! One call to AWS: what can go wrong with it, and when it is sent again.
//!
//! The SDK's own retries are off, so that there is one policy and the pace of a push sees every throttle.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::core::iam_policy::denied;
use crate::core::iam_policy::operation::Operation;

/// What a caller could act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The object, bucket, distribution or version is not there.
    NotFound,
    /// A condition (`If-Match`, `If-None-Match`, `x-amz-copy-source-if-match`) did not hold.
    PreconditionFailed,
    /// Where an object was to be created, there is another.
    Occupied,
    /// Credentials are valid, and may not do this.
    Denied,
    /// There are no credentials, or they are wrong or expired.
    Credentials,
    /// The clocks of client and service differ by more than the signature allows.
    ClockSkew,
    /// The bucket is in another region.
    WrongRegion,
    /// Slow down.
    Throttled,
    /// No answer, or the service failed: worth another try.
    Transient,
    /// The connection could not be made at all.
    Unreachable,
    /// The endpoint does not know this operation.
    Unsupported,
    /// It would have been tried again, but the user wants to stop.
    GivenUp,
    /// The body did not have the digest that was promised.
    DamagedBody,
    /// A file of sitepush's own state is not what sitepush writes.
    UnreadableState,
    Other,
}

/// A call that failed for good.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    pub kind: FailureKind,
    /// The service's own error code, such as `AccessDenied`; empty where there is none.
    pub code: String,
    /// One line: code, message, request id, attempts.
    pub message: String,
    /// What was called, where the edge has said it.
    pub operation: Option<Operation>,
    /// The flag of the command that gives calls more time, where it has one.
    pub limit_flag: Option<&'static str>,
    /// Where the user named the profile whose credentials were used, where it is not the target's own.
    pub profile_setting: Option<&'static str>,
    /// How often it was sent: of a change that was sent again, the first may have been made, and its answer lost.
    pub attempts: u32,
}

impl CallError {
    /// An error that did not come from the service.
    pub fn local(kind: FailureKind, message: impl AsRef<str>) -> Self {
        Self {
            kind,
            code: String::new(),
            message: one_line(message.as_ref()),
            operation: None,
            limit_flag: None,
            profile_setting: None,
            attempts: 1,
        }
    }

    /// An answer that is not what the service documents.
    pub(super) fn unreadable(status: u16, why: &str) -> Self {
        let is_success = (200..300).contains(&status);
        let kind = if is_success || status >= 500 { FailureKind::Transient } else { FailureKind::Other };
        Self::local(kind, format!("the answer (status {status}) could not be read: {why}"))
    }

    /// The IAM action that was lacking, where permission was denied and it is known.
    pub fn missing_action(&self) -> Option<&str> {
        (self.kind == FailureKind::Denied).then(|| denied::missing(self.operation.as_ref(), &self.message))?
    }

    /// Whether trying again may help.
    fn is_retryable(&self) -> bool {
        matches!(self.kind, FailureKind::Throttled | FailureKind::Transient | FailureKind::Unreachable)
    }

    /// Whether credentials, permissions, clocks or the network are to blame rather than this one item.
    pub fn is_environment(&self) -> bool {
        matches!(
            self.kind,
            FailureKind::Denied
                | FailureKind::Credentials
                | FailureKind::ClockSkew
                | FailureKind::WrongRegion
                | FailureKind::Unreachable
        )
    }

    /// One action for the user, where it is known.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self.kind {
            FailureKind::Credentials => match self.profile_setting {
                Some(setting) => {
                    return Some(
                        format!("sign in with that profile, or name another one by {setting}").into(),
                    );
                }
                None => {
                    "sign in (`aws sso login`), set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or pass `--profile`"
                }
            },
            FailureKind::Denied => match denied::advice(self.operation.as_ref(), &self.message) {
                Some(advice) => return Some(advice.into()),
                None => "give the identity in use the permission that the message names",
            },
            FailureKind::ClockSkew => "set this machine's clock (for example `timedatectl set-ntp true`)",
            FailureKind::WrongRegion => "pass the bucket's region with `--region` or in sitepush.toml",
            FailureKind::Unreachable => "check the network and `--endpoint-url`",
            FailureKind::DamagedBody => "push again when the build has ended",
            FailureKind::UnreadableState => {
                "use the newest sitepush; if it is damaged and nobody is publishing, delete it and push with `--verify-remote`"
            }
            FailureKind::Throttled | FailureKind::Transient => match self.limit_flag {
                Some(flag) => {
                    return Some(format!("run the command again, or give it more time with `{flag}`").into());
                }
                None => "run the command again in a moment",
            },
            FailureKind::Occupied => {
                "run the command again to write over it; if it is needed, move it away or rename your file first"
            }
            FailureKind::PreconditionFailed => "run the command again: it plans anew from what is live then",
            FailureKind::NotFound | FailureKind::Unsupported | FailureKind::GivenUp | FailureKind::Other => {
                return None;
            }
        };
        Some(hint.into())
    }
}

impl<E> From<SdkError<E, HttpResponse>> for CallError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        match &error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let request_id = request_id(service.raw());
                let region = service.raw().headers().get("x-amz-bucket-region").map(str::to_owned);
                let code = service.err().code().unwrap_or_default().to_owned();
                let text = service.err().message().unwrap_or_default().to_owned();
                // A success whose document is not S3's: the call may well have happened.
                if code.is_empty() && service.raw().status().is_success() {
                    return Self::unreadable(status, &innermost(&error));
                }
                service_error(status, code, &text, request_id.as_deref(), region.as_deref())
            }
            SdkError::TimeoutError(_) => Self::local(FailureKind::Transient, "the request timed out"),
            SdkError::DispatchFailure(failure) => {
                let text = DisplayErrorContext(&error).to_string();
                let kind = if text.to_ascii_lowercase().contains("credential") {
                    FailureKind::Credentials
                } else if failure.is_io() && text.contains("onnect") && !text.contains("reset") {
                    FailureKind::Unreachable
                } else if failure.is_timeout() && text.contains("HTTP connect timeout") {
                    // A firewall that swallows what is sent, or a host that is off.
                    FailureKind::Unreachable
                } else if failure.is_io() || failure.is_timeout() || failure.is_other() {
                    FailureKind::Transient
                } else {
                    FailureKind::Other
                };
                Self::local(kind, innermost(&error))
            }
            SdkError::ResponseError(response) => {
                Self::unreadable(response.raw().status().as_u16(), &innermost(&error))
            }
            _ => {
                let text = innermost(&error);
                let is_credentials =
                    DisplayErrorContext(&error).to_string().to_ascii_lowercase().contains("credential");
                let kind = if is_credentials { FailureKind::Credentials } else { FailureKind::Other };
                Self::local(kind, text)
            }
        }
    }
}

/// By what AWS Support finds a request: S3 tells it under one name, CloudFront, Route 53, ACM and STS under another.
///
/// Source: "Common response headers", S3 API Reference; `RequestId` of the AWS SDK for Rust, which reads both.
pub(super) fn request_id(response: &HttpResponse) -> Option<String> {
    let headers = response.headers();
    let found = headers.get("x-amz-request-id").or_else(|| headers.get("x-amzn-requestid"));
    found.map(str::to_owned)
}

/// A message is shown in a terminal, whatever a service put into it: one line without control characters, not too long
/// to be read.
fn one_line(text: &str) -> String {
    const MAX_CHARACTERS: usize = 1000;
    let is_gap = |character: char| character.is_whitespace() || character.is_control();
    let line = text.split(is_gap).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// The last cause of an error's chain: the fact without the layers.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

pub(super) fn service_error(
    status: u16,
    code: String,
    text: &str,
    request_id: Option<&str>,
    region: Option<&str>,
) -> CallError {
    let kind = kind_of(status, &code);
    let (shown_code, text) = (one_line(&code), one_line(text));
    let mut message = match (shown_code.is_empty(), text.is_empty()) {
        (false, false) => format!("{shown_code}: {}", text.trim_end_matches('.')),
        (false, true) => shown_code,
        (true, _) => format!("status {status}"),
    };
    if kind == FailureKind::WrongRegion
        && let Some(region) = region
    {
        message.push_str(&format!(" (the bucket is in {region})"));
    }
    if let Some(request_id) = request_id {
        message.push_str(&format!(" (request {request_id})"));
    }
    CallError { kind, code, message, operation: None, limit_flag: None, profile_setting: None, attempts: 1 }
}

/// Source: "List of error codes", S3 API Reference; "Common errors", CloudFront API Reference.
fn kind_of(status: u16, code: &str) -> FailureKind {
    match code {
        "NoSuchKey" | "NotFound" | "NoSuchBucket" | "NoSuchVersion" | "NoSuchDistribution"
        | "NoSuchInvalidation" | "NoSuchUpload" | "NoSuchHostedZone" => FailureKind::NotFound,
        "PreconditionFailed" | "ConflictException" | "InvalidIfMatchVersion" => {
            FailureKind::PreconditionFailed
        }
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidToken"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "TokenRefreshRequired"
        | "MissingAuthenticationToken" => FailureKind::Credentials,
        "AccessDenied" | "AccessDeniedException" | "AllAccessDisabled" | "UnauthorizedAccess" => {
            FailureKind::Denied
        }
        "RequestTimeTooSkewed" | "RequestExpired" => FailureKind::ClockSkew,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            FailureKind::WrongRegion
        }
        "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "TooManyInvalidationsInProgress"
        | "RequestThrottled"
        | "PriorRequestNotComplete" => FailureKind::Throttled,
        // A write in between made a condition undecided: S3 asks to send it again.
        "RequestTimeout"
        | "InternalError"
        | "ServiceUnavailable"
        | "OperationAborted"
        | "ConditionalRequestConflict" => FailureKind::Transient,
        "NotImplemented" | "MethodNotAllowed" => FailureKind::Unsupported,
        // A file that became shorter while it was sent ends as an incomplete body.
        "BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest" | "IncompleteBody" => {
            FailureKind::DamagedBody
        }
        _ => match status {
            301 | 307 => FailureKind::WrongRegion,
            401 | 403 => FailureKind::Denied,
            404 => FailureKind::NotFound,
            412 => FailureKind::PreconditionFailed,
            429 | 503 => FailureKind::Throttled,
            // "Not implemented": asking again changes nothing.
            501 => FailureKind::Unsupported,
            408 | 500..=599 => FailureKind::Transient,
            _ => FailureKind::Other,
        },
    }
}

/// How one attempt went, for whoever sets the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    Answered,
    /// Asked to slow down.
    Throttled,
    /// No answer, or an internal error.
    Lost,
}

/// One attempt at a call.
#[derive(Clone, Copy, Debug)]
pub struct AttemptReport<'a> {
    pub attempt: Attempt,
    /// The key or name that the call was about.
    pub what: &'a str,
    /// How long the answer took.
    pub elapsed: Duration,
    /// The pause before the next attempt; zero when there is none.
    pub delay: Duration,
}

/// Whether requests may be on their way, by whoever holds what they need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    Granted,
    /// Not now: what is on its way is given up, and sent again once it is granted.
    Withheld,
    /// Never again.
    Withdrawn,
}

type Permit = Arc<dyn Fn() -> Permission + Send + Sync>;

type AttemptObserver = Arc<dyn Fn(AttemptReport<'_>) + Send + Sync>;

/// When a call is sent again. Cloned freely; clones share the counters.
#[derive(Clone)]
pub struct Retry {
    /// No new attempt starts later than this after the first.
    time_limit: Duration,
    /// The flag by which the user sets it.
    limit_flag: Option<&'static str>,
    /// Where the user named the profile that is asked with.
    profile_setting: Option<&'static str>,
    observer: AttemptObserver,
    /// Who is asked, for messages; empty where nobody said.
    place: Arc<str>,
    /// What is called, for advice.
    operation: Option<Operation>,
    is_given_up: Arc<dyn Fn() -> bool + Send + Sync>,
    /// None where nobody has to be asked.
    permit: Option<Permit>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: AtomicU64,
    contact: Contact,
    jitter: AtomicU64,
}

/// Whether the endpoint ever answered: until then, an unreachable one is given up quickly. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Contact(Arc<AtomicBool>);

impl Contact {
    /// An answer has begun.
    pub fn make(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_made(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The longest pause between two attempts.
const MAX_DELAY: Duration = Duration::from_secs(20);
/// The first pause; doubled each time, then cut by a random share.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// How often a pause looks whether it still makes sense.
const GIVE_UP_GRAIN: Duration = Duration::from_millis(200);
/// How often an attempt that is on its way looks whether it may be.
const PERMIT_GRAIN: Duration = Duration::from_secs(1);
/// Attempts at an endpoint that never answered.
const FIRST_CONTACT_ATTEMPTS: u32 = 3;
/// How long an endpoint that never answered is listened to, credentials and connecting included: something else listens
/// there, or a firewall swallows what is sent.
const FIRST_CONTACT_LIMIT: Duration = Duration::from_secs(15);

impl Retry {
    pub fn new(time_limit: Duration) -> Self {
        Self {
            time_limit,
            limit_flag: None,
            profile_setting: None,
            observer: Arc::new(|_| {}),
            place: Arc::from(""),
            operation: None,
            is_given_up: Arc::new(|| false),
            permit: None,
            shared: Arc::default(),
        }
    }

    /// The same policy and counters, whose time limit the user sets by this flag.
    #[must_use]
    pub fn limited_by(&self, flag: &'static str) -> Self {
        Self { limit_flag: Some(flag), ..self.clone() }
    }

    /// The same policy and counters, for the credentials of a profile that the user named by this setting.
    #[must_use]
    pub fn with_profile_of(&self, setting: &'static str) -> Self {
        Self { profile_setting: Some(setting), ..self.clone() }
    }

    /// The same policy and counters, telling each attempt to `observer`.
    #[must_use]
    pub fn observed_by(&self, observer: impl Fn(AttemptReport<'_>) + Send + Sync + 'static) -> Self {
        Self { observer: Arc::new(observer), ..self.clone() }
    }

    /// The same policy and counters; once `is_given_up` says so, what failed is not tried again.
    #[must_use]
    pub fn given_up_when(&self, is_given_up: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { is_given_up: Arc::new(is_given_up), ..self.clone() }
    }

    /// The same policy and counters, for requests that are on their way only while `permit` grants it.
    #[must_use]
    pub fn permitted_by(&self, permit: impl Fn() -> Permission + Send + Sync + 'static) -> Self {
        Self { permit: Some(Arc::new(permit)), ..self.clone() }
    }

    /// The same policy and counters, for calls to this endpoint.
    #[must_use]
    pub fn to_place(&self, place: &str) -> Self {
        Self { place: Arc::from(place), ..self.clone() }
    }

    /// The same policy and counters, for calls of this operation: who is denied it is told which action to allow.
    #[must_use]
    pub fn calling(&self, operation: Operation) -> Self {
        Self { operation: Some(operation), ..self.clone() }
    }

    /// For whoever hears an answer begin before the call has ended.
    pub(super) fn contact(&self) -> Contact {
        self.shared.contact.clone()
    }

    /// Requests sent so far, retries included.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Runs `call`, again after throttles and lost answers, until it succeeds, fails for good, or time is up.
    ///
    /// # Errors
    /// The last attempt's, with the number of attempts where there was more than one.
    pub async fn run<T, F>(&self, what: &str, mut call: impl FnMut() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let started = tokio::time::Instant::now();
        let mut attempt = 1;
        let mut before = None;
        loop {
            if let Err(error) = self.permitted().await {
                let kind = error.kind;
                let error = before.filter(|_| kind != FailureKind::GivenUp).unwrap_or(error);
                return Err(CallError { kind, ..with_attempts(error, (attempt - 1).max(1)) });
            }
            self.shared.requests.fetch_add(1, Ordering::Relaxed);
            let sent = tokio::time::Instant::now();
            // On the heap: the types of what calls and of what is called would nest deeper than the compiler follows.
            let answer = Box::pin(self.heard(call()));
            let Some(result) = self.while_permitted(answer).await else {
                attempt += 1;
                continue;
            };
            let error = match result {
                Ok(value) => {
                    let elapsed = sent.elapsed();
                    self.note(AttemptReport {
                        attempt: Attempt::Answered,
                        what,
                        elapsed,
                        delay: Duration::ZERO,
                    });
                    return Ok(value);
                }
                Err(error) => CallError {
                    operation: error.operation.or(self.operation),
                    limit_flag: self.limit_flag,
                    profile_setting: self.profile_setting,
                    ..error
                },
            };
            let delay = self.delay(attempt);
            let is_hopeless = error.kind == FailureKind::Unreachable
                && !self.shared.contact.is_made()
                && attempt >= FIRST_CONTACT_ATTEMPTS;
            let is_over = !error.is_retryable() || is_hopeless || started.elapsed() + delay > self.time_limit;
            let result = match error.kind {
                FailureKind::Throttled => Attempt::Throttled,
                FailureKind::Transient | FailureKind::Unreachable => Attempt::Lost,
                _ => Attempt::Answered,
            };
            let pause = if is_over { Duration::ZERO } else { delay };
            self.note(AttemptReport { attempt: result, what, elapsed: sent.elapsed(), delay: pause });
            if is_over {
                return Err(with_attempts(self.with_place(error), attempt));
            }
            if self.is_given_up_after(delay).await {
                return Err(CallError { kind: FailureKind::GivenUp, ..with_attempts(error, attempt) });
            }
            before = Some(self.with_place(error));
            attempt += 1;
        }
    }

    /// Waits until requests may be on their way.
    ///
    /// # Errors
    /// [`FailureKind::GivenUp`] when they may not be any more or nobody wants them, [`FailureKind::Unreachable`] when it takes
    /// longer than a call may: then no other call need be tried.
    async fn permitted(&self) -> Result<(), CallError> {
        let Some(permit) = &self.permit else { return Ok(()) };
        let started = tokio::time::Instant::now();
        loop {
            match permit() {
                Permission::Granted => return Ok(()),
                Permission::Withheld if !(self.is_given_up)() => {}
                Permission::Withheld | Permission::Withdrawn => {
                    return Err(CallError::local(FailureKind::GivenUp, "the lock is another's"));
                }
            }
            if started.elapsed() > self.time_limit {
                let text = "the lock could not be renewed in time";
                return Err(CallError::local(FailureKind::Unreachable, text));
            }
            tokio::time::sleep(GIVE_UP_GRAIN).await;
        }
    }

    /// One attempt; none where it was given up because it may not be on its way any longer.
    async fn while_permitted<T>(&self, attempt: impl Future<Output = T>) -> Option<T> {
        let Some(permit) = &self.permit else { return Some(attempt.await) };
        let withheld = async {
            while permit() == Permission::Granted {
                tokio::time::sleep(PERMIT_GRAIN).await;
            }
        };
        tokio::select! {
            result = attempt => Some(result),
            () = withheld => None,
        }
    }

    /// One attempt, which ends where an endpoint that never answered keeps silent.
    async fn heard<T>(&self, attempt: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
        if self.shared.contact.is_made() {
            return attempt.await;
        }
        let silence = async {
            tokio::time::sleep(FIRST_CONTACT_LIMIT).await;
            if self.shared.contact.is_made() {
                // The answer has begun; how long it may take is the attempt's own matter.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            result = attempt => result,
            () = silence => {
                let text = format!("no answer within {} s", FIRST_CONTACT_LIMIT.as_secs());
                Err(CallError::local(FailureKind::Unreachable, text))
            }
        }
    }

    /// Waits, and says whether there is to be no further attempt: told within a moment, however long the pause is.
    async fn is_given_up_after(&self, delay: Duration) -> bool {
        let end = tokio::time::Instant::now() + delay;
        while !(self.is_given_up)() {
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() {
                return false;
            }
            tokio::time::sleep(left.min(GIVE_UP_GRAIN)).await;
        }
        true
    }

    /// "Connection refused" is no help without whose.
    fn with_place(&self, error: CallError) -> CallError {
        if error.kind != FailureKind::Unreachable || self.place.is_empty() {
            return error;
        }
        CallError { message: format!("no connection to {}: {}", self.place, error.message), ..error }
    }

    fn note(&self, report: AttemptReport<'_>) {
        if report.attempt != Attempt::Lost {
            self.shared.contact.make();
        }
        (self.observer)(report);
    }

    /// Exponential with full jitter over the upper half: between half and all of the nominal pause.
    fn delay(&self, attempt: u32) -> Duration {
        let nominal = FIRST_DELAY.saturating_mul(1 << attempt.min(10).saturating_sub(1)).min(MAX_DELAY);
        let seed = self.shared.jitter.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        let share = (seed ^ (seed >> 29)) % 512;
        nominal / 2 + nominal.mul_f64(share as f64 / 1024.0)
    }
}

fn with_attempts(mut error: CallError, attempts: u32) -> CallError {
    error.attempts = attempts;
    if attempts > 1 {
        error.message.push_str(&format!(" ({attempts} attempts)"));
    }
    error
}

#[cfg(test)]
mod tests;
