//! Carries out a verification: asks what the plan says, and asks again what is wrong while there is patience.

use std::time::{Duration, Instant};

use futures::StreamExt as _;

use crate::core::verify::{
    Answer, CacheSigns, CacheSummary, Check, Expected, Fault, Finding, Manner, Missing, NoAnswer,
    SECURITY_HEADERS, Severity, TlsFacts, TlsFailure, VerifyOutcome, VerifyPlan, judge,
    judge_security_headers, judge_tls,
};
use crate::edges::clock::Clock;
use crate::edges::http::{MAX_CONCURRENCY, Question, Visitor};

/// Why a site could not be asked at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Unreachable {
    pub cause: String,
}

/// How long wrong answers are asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// What is found is found.
    None,
    /// Caches at the edge need a while.
    For(Duration),
}

/// The first pause before what is wrong is asked for again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Redirects that nobody expected are followed this far, to tell a circle from a way.
const MAX_HOPS: usize = 5;

/// What is read of a body whose size nothing tells, and of any other besides what it should have.
const SPARE_BYTES: u64 = 8 << 20;

/// Asks the site until nothing is wrong any more or patience ends.
///
/// # Errors
/// When the root page gets no answer at all to the end.
pub async fn verify(
    plan: &VerifyPlan,
    visitor: &Visitor,
    clock: &Clock,
    patience: Patience,
) -> Result<VerifyOutcome, Unreachable> {
    let started = Instant::now();
    let deadline = match patience {
        Patience::None => None,
        Patience::For(time) => Some(started + time),
    };
    let hard_stop = deadline.map(|deadline| deadline + visitor.timeout());
    let mut rounds = Rounds { plan, visitor, clock, hard_stop, results: Vec::new(), requests: 0, tls: None };
    let mut pause = FIRST_PAUSE;
    loop {
        let round = rounds.ask().await;
        let is_over = round.is_ok() && rounds.is_right();
        let left =
            deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_duration_since(Instant::now()));
        if is_over || left.is_zero() {
            round?;
            return Ok(rounds.outcome(started.elapsed()));
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What is known of each check so far.
struct Rounds<'a> {
    plan: &'a VerifyPlan,
    visitor: &'a Visitor,
    clock: &'a Clock,
    /// When no more request is begun, however many there are.
    hard_stop: Option<Instant>,
    /// In the plan's order; empty before the first round.
    results: Vec<Judged>,
    requests: u64,
    tls: Option<(Option<TlsFacts>, Vec<Finding>)>,
}

/// A check and what was found.
#[derive(Clone, Default)]
struct Judged {
    findings: Vec<Finding>,
    cache: CacheSigns,
}

impl Judged {
    fn is_wrong(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Problem)
    }
}

impl Rounds<'_> {
    /// Asks everything in the first round, and later what was wrong.
    async fn ask(&mut self) -> Result<(), Unreachable> {
        if !self.shake_hands().await? {
            return Ok(());
        }
        let checks = &self.plan.checks;
        let mut open: Vec<usize> = match self.results.as_slice() {
            [] => (0..checks.len()).collect(),
            results => (0..checks.len()).filter(|index| results[*index].is_wrong()).collect(),
        };
        // Alone, so that a site that is not there is asked once and not by everyone at once.
        let mut answered = Vec::new();
        if self.results.is_empty() && !open.is_empty() {
            let first = open.remove(0);
            let answer = self.answer(&checks[first]).await;
            if let Err(NoAnswer::Connect(cause) | NoAnswer::Other(cause)) = &answer {
                return Err(Unreachable { cause: cause.clone() });
            }
            if let Err(NoAnswer::TimedOut { seconds }) = &answer {
                return Err(Unreachable { cause: format!("no answer in {seconds} s") });
            }
            answered.push((first, answer));
        }
        let this = &*self;
        let others = futures::stream::iter(open)
            .map(|index| async move { (index, this.answer(&checks[index]).await) })
            .buffer_unordered(MAX_CONCURRENCY);
        answered.extend(others.collect::<Vec<_>>().await);
        self.requests += answered.len() as u64;
        self.results.resize(checks.len(), Judged::default());
        for (index, answer) in answered {
            self.results[index] = self.judged(&checks[index], &answer, index == 0);
        }
        Ok(())
    }

    fn judged(&self, check: &Check, answer: &Result<Answer, NoAnswer>, is_first: bool) -> Judged {
        let mut findings = judge(&self.plan.site, check, answer);
        let answer = answer.as_ref().ok();
        let is_page = answer.is_some_and(|answer| answer.status == 200);
        if let Some(answer) = answer.filter(|_| is_first && is_page && self.plan.site.is_https()) {
            findings.extend(judge_security_headers(answer));
        }
        Judged { findings, cache: answer.map(Answer::cache_signs).unwrap_or_default() }
    }

    /// Whether browsers would get further than the handshake.
    async fn shake_hands(&mut self) -> Result<bool, Unreachable> {
        let site = &self.plan.site;
        let is_settled = self.tls.as_ref().is_some_and(|(_, findings)| !is_refused(findings));
        if !site.is_https() || is_settled {
            return Ok(true);
        }
        let mut answer = self.visitor.shake_hands(site.host(), site.port()).await;
        if matches!(answer, Err(TlsFailure::Connect(_))) {
            answer = self.visitor.shake_hands(site.host(), site.port()).await;
        }
        if let Err(TlsFailure::Connect(cause)) = answer {
            return Err(Unreachable { cause });
        }
        let findings = judge_tls(site, &answer, self.clock.local_now());
        let is_refused = is_refused(&findings);
        self.tls = Some((answer.ok(), findings));
        Ok(!is_refused)
    }

    async fn answer(&self, check: &Check) -> Result<Answer, NoAnswer> {
        let site = &self.plan.site;
        let url = match check.manner {
            Manner::PlainHttp => site.plain_url_of(&check.path),
            Manner::Navigation | Manner::Load => site.url_of(&check.path),
        };
        let question = Question {
            url: &url,
            is_navigation: check.manner != Manner::Load,
            limit_bytes: match &check.expected {
                Expected::Object(object) => object.size_bytes * 2 + SPARE_BYTES,
                _ => SPARE_BYTES,
            },
        };
        let mut answer = self.get(question).await?;
        if !(300..400).contains(&answer.status) || !is_followed(check, &answer, self.plan) {
            return Ok(answer);
        }
        let mut location = answer.header("location").map(str::to_owned);
        while let Some(path) = location.take().and_then(|location| site.path_of_location(&location)) {
            let next = site.url_of(&path);
            let is_seen = next == url || answer.trail.contains(&next);
            answer.trail.push(next.clone());
            if is_seen || answer.trail.len() >= MAX_HOPS {
                break;
            }
            let Ok(hop) = self.get(Question { url: &next, ..question }).await else { break };
            location = hop.header("location").filter(|_| (300..400).contains(&hop.status)).map(str::to_owned);
        }
        Ok(answer)
    }

    /// After the hard stop nothing is begun any more.
    async fn get(&self, question: Question<'_>) -> Result<Answer, NoAnswer> {
        if self.hard_stop.is_some_and(|end| end <= Instant::now()) {
            return Err(NoAnswer::TimedOut { seconds: self.visitor.timeout().as_secs() });
        }
        self.visitor.get(question).await
    }

    fn is_right(&self) -> bool {
        let tls = self.tls.iter().flat_map(|(_, findings)| findings);
        !self.results.iter().any(Judged::is_wrong)
            && !tls.into_iter().any(|finding| finding.severity == Severity::Problem)
    }

    fn outcome(self, elapsed: Duration) -> VerifyOutcome {
        let (tls, mut findings) = self.tls.unwrap_or_default();
        let is_asked = !self.results.is_empty();
        findings.extend(self.results.iter().flat_map(|judged| judged.findings.iter().cloned()));
        let mut caches = CacheSummary::default();
        self.results.iter().for_each(|judged| caches.add(&judged.cache));
        let outcome = VerifyOutcome::new(self.plan, findings);
        let looks_for_headers = is_asked && self.plan.site.is_https();
        VerifyOutcome {
            asked_count: if is_asked { outcome.asked_count } else { 0 },
            request_count: self.requests,
            tls,
            caches,
            security_headers_looked_for: if looks_for_headers {
                SECURITY_HEADERS.to_vec()
            } else {
                Vec::new()
            },
            elapsed_milliseconds: elapsed.as_millis().try_into().unwrap_or(u64::MAX),
            ..outcome
        }
    }
}

/// Whether browsers stop at the handshake.
fn is_refused(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| {
        finding.severity == Severity::Problem && matches!(finding.fault, Fault::Tls | Fault::Certificate)
    })
}

/// Whether a redirect is one that nobody expected.
fn is_followed(check: &Check, answer: &Answer, plan: &VerifyPlan) -> bool {
    match &check.expected {
        Expected::Object(_) | Expected::Missing(Missing::MadeUp { .. }) => true,
        Expected::Redirect(to) => {
            let location = answer.header("location").unwrap_or_default();
            plan.site.path_of_location(location).as_deref() != Some(to)
        }
        Expected::Missing(_) | Expected::Denied | Expected::Https => false,
    }
}
