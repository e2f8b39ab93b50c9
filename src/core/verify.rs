//! Whether a live site serves a release: what to ask it, and what to make of its answers.
//!
//! Pure. The plan is made from the release's record and from what is known of the distribution; answers are judged one
//! by one. Never asks anybody anything.

mod addresses;
mod elsewhere;
mod judging;
mod planning;
mod sample;
mod site_url;
mod transport;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::digest::Sha256Digest;
use super::headers::ObjectHeaders;
use super::key::ObjectKey;
use super::release::ReleaseId;

pub use addresses::{Address, addresses, at};
pub use judging::judge;
pub use planning::{VerifyInput, plan};
pub use sample::{Coverage, LARGE_BYTES};
pub use site_url::{SiteUrl, SiteUrlError};
pub use transport::{OldTls, SECURITY_HEADERS, TlsFacts, TlsFailure, judge_security_headers, judge_tls};

/// What is asked of a site, in this order; the root page comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyPlan {
    pub site: SiteUrl,
    pub release_id: ReleaseId,
    /// The live release, where another one is asked for.
    pub live_instead: Option<ReleaseId>,
    pub checks: Vec<Check>,
    /// Pages and files of the release that are asked for.
    pub asked_count: u64,
    /// Pages and files of the release.
    pub object_count: u64,
    /// Of those not asked for, the ones that are too large for a sample.
    pub large_count: u64,
}

/// One request that a visitor might make, and what ought to come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Percent-encoded, starts with `/`.
    pub path: String,
    /// The object that the path leads to, where it leads to one.
    pub key: Option<ObjectKey>,
    pub manner: Manner,
    pub expected: Expected,
    /// Whether the release changed what the answer depends on: the object, or where addresses lead. Else the release before
    /// would be answered in the same way.
    pub is_changed: bool,
}

/// How a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As a browser goes to a page.
    Navigation,
    /// As a page loads what it needs.
    Load,
    /// As somebody who typed the address without `https`.
    PlainHttp,
}

/// What ought to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    Object(ExpectedObject),
    /// A redirect to this path (percent-encoded).
    Redirect(String),
    /// Nothing is there, and the visitor is told so.
    Missing(Missing),
    /// Sitepush's own state, which is nobody's business.
    Denied,
    /// The address with `https`.
    Https,
}

/// An object as the record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedObject {
    /// Of the bytes as they are stored.
    pub sha256: Sha256Digest,
    pub size_bytes: u64,
    pub headers: Arc<ObjectHeaders>,
    /// What the release before had under this key, if that was something else.
    pub before: Option<Sha256Digest>,
    /// The headers that it had there, if it had something.
    pub headers_before: Option<Arc<ObjectHeaders>>,
}

/// Why nothing ought to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The name was made up. The digest is that of the release's own error page, where it has one.
    MadeUp { error_page: Option<Sha256Digest> },
    /// The release before had it; with the digest of what it had.
    Left { before: Sha256Digest },
    /// An existing name in other letters, which is another name to S3.
    OtherCase,
}

/// An answer as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Body,
    /// Where the redirects that nobody expected led, one after the other: absolute addresses.
    pub trail: Vec<String>,
}

/// What came after the headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    pub size_bytes: u64,
    /// Of the bytes as they came.
    pub sha256: Option<Sha256Digest>,
    /// After `Content-Encoding` was undone, where the answer has one that can be.
    pub decoded: Option<Decoded>,
}

/// An undone `Content-Encoding`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    Whole { sha256: Sha256Digest, size_bytes: u64 },
    Broken(String),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nobody is there.
    Connect(String),
    /// Not within the time.
    TimedOut { seconds: u64 },
    /// The connection ended before the answer did.
    Truncated(String),
    /// More bytes than could be right.
    TooLong { limit_bytes: u64 },
    /// Anything else that is no answer.
    Other(String),
}

impl Answer {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// What the answer tells of caches on its way.
    pub fn cache_signs(&self) -> CacheSigns {
        CacheSigns {
            x_cache: self.header("x-cache").map(str::to_owned),
            age_seconds: self.header("age").and_then(|age| age.trim().parse().ok()),
        }
    }
}

/// What an answer tells of caches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheSigns {
    pub x_cache: Option<String>,
    pub age_seconds: Option<u64>,
}

impl CacheSigns {
    /// Whether a cache says that it answered.
    pub fn is_hit(&self) -> bool {
        let says_hit = self.x_cache.as_deref().is_some_and(|text| text.to_ascii_lowercase().contains("hit"));
        says_hit || self.age_seconds.is_some_and(|age| age > 0)
    }
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Visitors get something else than they should.
    Problem,
    /// It works, and could be better.
    Warning,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The connection was refused or cut, every time.
    NoAnswer,
    TimedOut,
    /// The body ended before its announced end.
    Truncated,
    /// A page or file of the release is answered as not there.
    NotThere,
    /// A status that says neither that it is there nor that it is not.
    Status,
    /// A cache still has what the release before had.
    OldCopy,
    /// What the release before had, and no cache says that it is to blame.
    OldBytes,
    Bytes,
    Encoding,
    NotCompressed,
    ContentType,
    Charset,
    CacheControl,
    /// `Content-Disposition` or `Content-Language`.
    Header,
    UnexpectedRedirect,
    RedirectLoop,
    NoRedirect,
    /// A made-up address is answered as if there were a page.
    SoftNotFound,
    /// A made-up address is answered by another status than 404.
    NotFoundStatus,
    ErrorPage,
    /// Browsers keep the error for long.
    ErrorKept,
    /// What left the release is still answered.
    StillThere,
    StateReadable,
    LetterCase,
    PlainHttp,
    SecurityHeader,
    Certificate,
    Tls,
    /// Versions of TLS are accepted that browsers have given up.
    OldTls,
    /// Nothing of the release is at this address.
    Elsewhere,
}

impl Fault {
    /// As in the JSON document.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => unreachable!("a fault without data is a text"),
        }
    }

    /// Whether it may be of the release, so that going back to the one before would mend it. A fault that the release before
    /// would have as well (a distribution without the edge function redirects nobody) is not. Some depend on more than
    /// their kind: [`Finding::is_of_release`].
    pub fn may_be_of_release(self) -> bool {
        match self {
            Self::NoAnswer
            | Self::TimedOut
            | Self::StateReadable
            | Self::LetterCase
            | Self::PlainHttp
            | Self::SecurityHeader
            | Self::Certificate
            | Self::Tls
            | Self::OldTls
            | Self::SoftNotFound
            | Self::NotFoundStatus
            | Self::ErrorKept
            | Self::NotCompressed
            | Self::NoRedirect
            | Self::Elsewhere => false,
            Self::Truncated
            | Self::NotThere
            | Self::Status
            | Self::OldCopy
            | Self::OldBytes
            | Self::Bytes
            | Self::Encoding
            | Self::ContentType
            | Self::Charset
            | Self::CacheControl
            | Self::Header
            | Self::UnexpectedRedirect
            | Self::RedirectLoop
            | Self::ErrorPage
            | Self::StillThere => true,
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub fault: Fault,
    /// Whether going back to the release before would mend it, as far as can be told.
    pub is_of_release: bool,
    /// As it was asked for.
    pub path: String,
    pub key: Option<ObjectKey>,
    /// What it is, in words: `serves other bytes`.
    pub what: String,
    pub expected: String,
    pub found: String,
    #[serde(flatten)]
    pub cache: CacheSigns,
    /// One action.
    pub remedy: String,
}

/// What came of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyOutcome {
    pub url: String,
    pub release_id: ReleaseId,
    /// Whether nothing is a problem, here and at the others; warnings do not count.
    pub is_right: bool,
    pub object_count: u64,
    pub asked_count: u64,
    pub large_count: u64,
    /// Requests that are no retries.
    pub request_count: u64,
    pub problem_count: u64,
    pub warning_count: u64,
    /// Problems first, then by path.
    pub findings: Vec<Finding>,
    pub tls: Option<TlsFacts>,
    pub caches: CacheSummary,
    /// Header names, where the site is one that should have them.
    pub security_headers_looked_for: Vec<&'static str>,
    pub elapsed_milliseconds: u64,
    /// What came of the other addresses of the target. They have no others themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<VerifyOutcome>,
}

/// What caches said of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheSummary {
    pub hit_count: u64,
    pub miss_count: u64,
    pub oldest_age_seconds: Option<u64>,
}

impl CacheSummary {
    /// Takes in one more answer.
    pub fn add(&mut self, signs: &CacheSigns) {
        if signs.is_hit() {
            self.hit_count += 1;
        } else if signs.x_cache.is_some() {
            self.miss_count += 1;
        }
        self.oldest_age_seconds = self.oldest_age_seconds.max(signs.age_seconds);
    }
}

impl VerifyOutcome {
    /// The outcome of `plan`, with everything that was found, in any order.
    pub fn new(plan: &VerifyPlan, findings: Vec<Finding>) -> Self {
        let mut findings = elsewhere::gathered(plan, findings);
        if let Some(live) = &plan.live_instead {
            for finding in findings.iter_mut().filter(|finding| finding.key.is_some()) {
                finding.remedy =
                    format!("{live} is live; `sitepush rollback {}` makes this one so", plan.release_id);
            }
        }
        findings.sort_by(|a, b| (a.severity, &a.path, a.fault).cmp(&(b.severity, &b.path, b.fault)));
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count() as u64;
        let (problem_count, warning_count) = (count(Severity::Problem), count(Severity::Warning));
        Self {
            url: plan.site.to_string(),
            release_id: plan.release_id.clone(),
            is_right: problem_count == 0,
            object_count: plan.object_count,
            asked_count: plan.asked_count,
            large_count: plan.large_count,
            request_count: 0,
            problem_count,
            warning_count,
            findings,
            tls: None,
            caches: CacheSummary::default(),
            security_headers_looked_for: Vec::new(),
            elapsed_milliseconds: 0,
            others: Vec::new(),
        }
    }

    /// The outcome of a plan whose address gave no answer at all, where another one did.
    pub fn unreachable(plan: &VerifyPlan, cause: &str) -> Self {
        let finding = Finding {
            severity: Severity::Problem,
            fault: Fault::NoAnswer,
            is_of_release: false,
            path: "/".to_owned(),
            key: None,
            what: "cannot be reached".to_owned(),
            expected: "an answer".to_owned(),
            found: cause.to_owned(),
            cache: CacheSigns::default(),
            remedy: "look whether the distribution is enabled, and at the address and its DNS record"
                .to_owned(),
        };
        Self { asked_count: 0, ..Self::new(plan, vec![finding]) }
    }

    /// One outcome of those of all addresses; none without any.
    pub fn together(outcomes: Vec<Self>) -> Option<Self> {
        let mut outcomes = outcomes.into_iter();
        let first = outcomes.next()?;
        let others: Vec<Self> = outcomes.collect();
        let is_right = first.is_right && others.iter().all(|other| other.is_right);
        Some(Self { is_right, others, ..first })
    }

    /// The problems that going back to the release before would mend, at all addresses.
    pub fn problems_of_release(&self) -> impl Iterator<Item = &Finding> {
        let all = std::iter::once(self).chain(&self.others).flat_map(|outcome| &outcome.findings);
        all.filter(|finding| finding.severity == Severity::Problem && finding.is_of_release)
    }
}

/// Whether a certificate that ends at `not_after` ends so soon that somebody should look.
///
/// ACM renews 60 days before the end, and most others 30 (ACM User Guide, "Managed certificate renewal").
pub fn ends_soon(not_after: Timestamp, now: Timestamp) -> bool {
    not_after.duration_since(now) < jiff::SignedDuration::from_hours(14 * 24)
}
