//! The steps of a plan, one after the other, each planned anew.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::{Duration, Instant as WallInstant};

use tokio::time::Instant;

use crate::core::domain::certificate::CertificateStatus;
use crate::core::domain::distribution::ViewerCertificate;
use crate::core::domain::event::{DomainEvent, DomainEvents};
use crate::core::domain::facts::DomainFacts;
use crate::core::domain::intent::Intent;
use crate::core::domain::name::DnsName;
use crate::core::domain::outcome::{DomainFailure, DomainOutcome};
use crate::core::domain::plan::{BatchPurpose, DomainPlan, Step};
use crate::core::domain::planning::token_after;
use crate::core::domain::record::RecordChange;
use crate::core::domain::waiting::{Awaited, Waiting};
use crate::core::outcome::Ending;
use crate::edges::acm::CertificateRequest;
use crate::edges::call::{CallError, FailureKind};
use crate::edges::route53::Route53;
use crate::execute::upload::Stop;

use super::observe::{DomainEdges, Trouble, observe};
use super::watch::{Patience, Unfinished};

/// The edges and manners of a run.
pub struct Tools {
    pub edges: DomainEdges,
    pub events: DomainEvents,
    pub stop: Stop,
    /// For all waits together.
    pub time_limit: Duration,
}

/// More steps than any plan has: beyond them, what is done is not what is read back.
const MAX_STEPS: usize = 100;
/// How long what was done may take to be read back.
const READ_BACK_LIMIT: Duration = Duration::from_secs(60);
const READ_BACK_PAUSE: Duration = Duration::from_secs(2);
/// How long ACM may not know a certificate that was requested, by its ARN.
const REQUEST_LAG: Duration = Duration::from_secs(15);
/// How long CloudFront may take to know a certificate that was just issued.
const CERTIFICATE_LAG: Duration = Duration::from_secs(120);
const CERTIFICATE_PAUSE: Duration = Duration::from_secs(5);

/// What to do about an alias that another distribution has.
const HAS_ALIAS: &str = "take the alias off the distribution that has it, or move it with `aws cloudfront associate-alias`; another account proves the domain by a TXT record `_NAME` first";

/// What to do about a certificate that was issued a moment ago.
const TOO_NEW: &str =
    "CloudFront does not take the certificate yet: it knows a new one within minutes; run the command again";

/// Carries out the plan that these facts give, to its end or as far as it goes.
/// The second value is what there is afterwards.
pub async fn carry_out(intent: &Intent, facts: DomainFacts, tools: &Tools) -> (DomainOutcome, DomainFacts) {
    let started = WallInstant::now();
    let mut run = Run {
        tools,
        intent: intent.clone(),
        facts,
        deadline: Instant::now() + tools.time_limit,
        requested_arn: None,
        lost_arn: None,
        changes: Vec::new(),
        done: Vec::new(),
        warnings: Vec::new(),
    };
    let ended = run.all_steps().await;
    let left = run.intent.plan(&run.facts);
    let (ending, failure, waiting) = match ended {
        Ok(()) if run.done.is_empty() => (Ending::NothingToDo, None, None),
        Ok(()) => (Ending::Done, None, None),
        Err(Halt::Stopped(waiting)) => (Ending::Interrupted, None, waiting),
        Err(Halt::TimedOut(waiting)) => (Ending::PartWay, None, Some(waiting)),
        Err(Halt::Failed(failure)) => (Ending::PartWay, Some(*failure), None),
    };
    let outcome = DomainOutcome {
        left: (!left.is_empty()).then_some(left),
        ending,
        done: run.done,
        failure,
        waiting,
        warnings: run.warnings,
        elapsed_milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    (outcome, run.facts)
}

/// Why no further step is begun.
enum Halt {
    Stopped(Option<Waiting>),
    TimedOut(Waiting),
    Failed(Box<DomainFailure>),
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Self {
        let Trouble { what, source } = trouble;
        let hint = hint_for(&source);
        Self::Failed(Box::new(DomainFailure {
            what,
            hint,
            is_environment: source.is_environment(),
            is_conflict: source.kind == FailureKind::PreconditionFailed,
            causes: vec![source.message],
        }))
    }
}

impl From<Unfinished> for Halt {
    fn from(unfinished: Unfinished) -> Self {
        match unfinished {
            Unfinished::TimedOut(waiting) => Self::TimedOut(waiting),
            Unfinished::Stopped(waiting) => Self::Stopped(Some(waiting)),
            Unfinished::Trouble(trouble) => trouble.into(),
            Unfinished::Failed { certificate } => {
                let cause = match (&certificate.failure, &certificate.status) {
                    (Some(reason), _) => reason.clone(),
                    (None, CertificateStatus::ValidationTimedOut) => {
                        "ACM saw no validation within 72 hours".into()
                    }
                    (None, status) => format!("its status is {status:?}"),
                };
                Self::failed(
                    format!("the certificate `{}` was not issued", certificate.arn),
                    vec![cause],
                    "run `sitepush domain plan`: it names what is in the way and how another one is requested",
                )
            }
        }
    }
}

impl Halt {
    fn failed(what: String, causes: Vec<String>, hint: &str) -> Self {
        let hint = hint.to_owned();
        Self::Failed(Box::new(DomainFailure {
            what,
            causes,
            hint,
            is_environment: false,
            is_conflict: false,
        }))
    }
}

/// Whether CloudFront refuses an alias because of where its DNS leads, and not because another distribution has it: it says
/// both under one code.
///
/// Source: hashicorp/terraform-provider-aws issue 8734 and amplify-education/serverless-domain-manager issue 184 have the text:
/// "One or more aliases specified for the distribution includes an incorrectly configured DNS record that points to another
/// CloudFront distribution. You must update the DNS record to correct the problem."
pub(super) fn is_led_elsewhere(error: &CallError) -> bool {
    error.code == "CNAMEAlreadyExists" && error.message.contains("points to another CloudFront distribution")
}

/// Whether CloudFront does not know a certificate, or does not take it.
fn is_unknown(error: &CallError) -> bool {
    error.code == "InvalidViewerCertificate"
}

/// What to do about a refusal of ACM, CloudFront or Route 53.
fn hint_for(error: &CallError) -> String {
    let known = match error.code.as_str() {
        _ if is_led_elsewhere(error) => {
            "as CloudFront sees it, the DNS of a name still leads to another distribution: remove that record, or the one that it is an alias of, and run the command again when its time to live is over"
        }
        "CNAMEAlreadyExists" => HAS_ALIAS,
        "LimitExceededException" => {
            "a quota of ACM is used up, of names in a certificate or of certificates: see Service Quotas, delete certificates that nothing uses, or ask for more there"
        }
        "TooManyDistributionCNAMEs" => {
            "the quota of aliases is used up: take some off, ask for more in Service Quotas, or use a wildcard"
        }
        "InvalidViewerCertificate" => {
            "look at the certificate in ACM: CloudFront wants its whole chain and a key that it serves; without it (`aws acm delete-certificate`), another one is requested"
        }
        "InvalidDomainValidationOptionsException" => {
            "check the spelling of the names: ACM takes public domains only"
        }
        "TooManyRecords" | "PriorRequestNotComplete" => "wait a moment and run the command again",
        _ => {
            let known = error.hint().map(Cow::into_owned);
            return known
                .unwrap_or_else(|| "run the command again: it goes on where this one ended".to_owned());
        }
    };
    known.to_owned()
}

struct Run<'a> {
    tools: &'a Tools,
    intent: Intent,
    facts: DomainFacts,
    deadline: Instant,
    /// A certificate that lists may not have yet.
    requested_arn: Option<String>,
    /// One that ACM gave and does not know.
    lost_arn: Option<String>,
    /// Changes of Route 53 that were not seen everywhere yet.
    changes: Vec<(Route53, String)>,
    done: Vec<Step>,
    warnings: Vec<String>,
}

impl Run<'_> {
    async fn all_steps(&mut self) -> Result<(), Halt> {
        for _ in 0..MAX_STEPS {
            let plan = self.intent.plan(&self.facts);
            blocked(&plan)?;
            let Some(step) = plan.steps.into_iter().next() else {
                return self.see_through().await;
            };
            if self.tools.stop.is_requested() {
                return Err(Halt::Stopped(None));
            }
            (self.tools.events)(DomainEvent::StepBegun(step.clone()));
            match self.step(&step).await {
                Ok(()) => {
                    (self.tools.events)(DomainEvent::StepDone(step.clone()));
                    self.done.push(step.clone());
                }
                Err(Halt::Failed(failure)) if step.is_optional() && !failure.is_conflict => {
                    let causes = failure.causes.join(": ");
                    self.warn(format!("{}, so they are left out: {causes}{}", failure.what, for_good(&step)));
                    self.intent = self.intent.clone().without(&step);
                }
                Err(halt) => return Err(halt),
            }
            self.look_again(&step).await?;
        }
        Err(Halt::failed(
            format!("{MAX_STEPS} steps were done and there is still something to do"),
            Vec::new(),
            "look at `sitepush domain plan`: something changes back what is done",
        ))
    }

    fn warn(&mut self, text: String) {
        (self.tools.events)(DomainEvent::Warning(text.clone()));
        self.warnings.push(text);
    }

    fn patience(&self) -> Patience<'_> {
        Patience {
            edges: &self.tools.edges,
            events: &self.tools.events,
            stop: &self.tools.stop,
            deadline: self.deadline,
        }
    }

    /// Looks at everything anew; what was changed may take a moment to be read back.
    async fn look_again(&mut self, done: &Step) -> Result<(), Halt> {
        let started = Instant::now();
        let until = self.deadline.min(started + READ_BACK_LIMIT);
        loop {
            self.look().await?;
            let is_seen = !done.is_change() || self.intent.plan(&self.facts).steps.first() != Some(done);
            if is_seen || self.tools.stop.is_requested() {
                return Ok(());
            }
            let now = Instant::now();
            if matches!(done, Step::RequestCertificate { .. })
                && self.lost_arn.is_none()
                && now >= started + REQUEST_LAG
                && !self.knows_requested()
            {
                // The same request within an hour gives the same certificate, be it deleted: the next one asks for another.
                self.lost_arn = self.requested_arn.take();
                return Ok(());
            }
            if now >= self.deadline {
                return Err(Halt::TimedOut(Waiting {
                    awaited: Awaited::ReadBack,
                    state: "accepted, and not there yet".into(),
                    records: Vec::new(),
                    elapsed_seconds: now.duration_since(started).as_secs(),
                    left_seconds: 0,
                }));
            }
            if now >= until {
                return Err(Halt::failed(
                    "a change was accepted, and is still not there".to_owned(),
                    vec![format!("{done:?}")],
                    "run `sitepush domain plan` in a few minutes",
                ));
            }
            self.patience().is_stopped_within(READ_BACK_PAUSE.min(until.duration_since(now))).await;
        }
    }

    /// Whether ACM describes the certificate that was requested.
    fn knows_requested(&self) -> bool {
        let is_requested = |arn: &str| self.requested_arn.as_deref() == Some(arn);
        self.facts.certificates.iter().any(|found| is_requested(&found.arn))
    }

    async fn look(&mut self) -> Result<(), Halt> {
        let id = self.facts.distribution.id.clone();
        self.facts = observe(&self.tools.edges, &id, &self.intent, self.requested_arn.as_deref()).await?;
        Ok(())
    }

    /// Whether a step that was refused is done all the same: its first answer was lost, and what was sent again met what
    /// the first had made.
    async fn is_done_before(&mut self, step: &Step, error: &CallError) -> Result<bool, Halt> {
        if error.kind != FailureKind::PreconditionFailed || error.attempts < 2 {
            return Ok(false);
        }
        self.look().await?;
        Ok(step.is_done(&self.facts))
    }

    async fn step(&mut self, step: &Step) -> Result<(), Halt> {
        let edges = self.tools.edges.clone();
        match step {
            Step::RequestCertificate { names, key_algorithm, idempotency_token, .. } => {
                let token = match &self.lost_arn {
                    Some(lost) => token_after(idempotency_token, lost),
                    None => idempotency_token.clone(),
                };
                let request = CertificateRequest {
                    names,
                    key_algorithm: *key_algorithm,
                    idempotency_token: &token,
                    distribution_id: &self.facts.distribution.id,
                };
                let requested = edges.certificates.request_certificate(request).await;
                self.requested_arn = Some(requested.map_err(Trouble::new("cannot request a certificate"))?);
                Ok(())
            }
            Step::AwaitValidationRecords { arn, .. } => {
                Ok(self.patience().validation_records(&self.known(arn.as_deref())?).await?)
            }
            Step::AwaitCertificate { arn } => {
                Ok(self.patience().certificate(&self.known(arn.as_deref())?, &self.facts).await?)
            }
            Step::ChangeRecords { zone, changes, purpose } => {
                let what = format!("cannot change records in hosted zone `{}` ({})", zone.name, zone.id);
                let Some(route53) = edges.account_of(zone) else {
                    return Err(Halt::failed(
                        what,
                        Vec::new(),
                        "name the profile of its account with `--zone-profile`",
                    ));
                };
                if *purpose == BatchPurpose::Withdrawal && matches!(self.intent, Intent::Apply(_)) {
                    self.check_nobody_has(changes).await?;
                }
                match route53.change_record_sets(&zone.id, changes).await {
                    Ok(id) => self.changes.push((route53.clone(), id)),
                    Err(error) => {
                        if !self.is_done_before(step, &error).await? {
                            return Err(Trouble::new(what)(error).into());
                        }
                    }
                }
                Ok(())
            }
            Step::UpdateDistribution { added, aliases, certificate, .. } => {
                let own = &self.facts.distribution;
                let mut what = format!("cannot change the aliases of distribution `{}`", own.id);
                let certificate = certificate.as_ref().unwrap_or(&own.certificate);
                match self.update_distribution(added, aliases, certificate).await? {
                    Ok(()) => Ok(()),
                    Err(error) => {
                        if self.is_done_before(step, &error).await? {
                            return Ok(());
                        }
                        if error.code == "CNAMEAlreadyExists" && !is_led_elsewhere(&error) {
                            what.push_str(&self.who_has(added).await);
                        }
                        let is_too_new = is_unknown(&error) && self.is_certificate_new();
                        Err(match Halt::from(Trouble { what, source: error }) {
                            Halt::Failed(failure) if is_too_new => {
                                Halt::Failed(Box::new(DomainFailure { hint: TOO_NEW.to_owned(), ..*failure }))
                            }
                            halt => halt,
                        })
                    }
                }
            }
            Step::AwaitDeployment => Ok(self.patience().deployment(&self.facts.distribution.id).await?),
            Step::DeleteCertificate { arn } => Ok(self.patience().deletion(arn).await?),
        }
    }

    /// Whether the certificate was issued in this run; ACM may have issued it before there was anything to wait for.
    fn is_certificate_new(&self) -> bool {
        let is_of_issuing =
            |step: &Step| matches!(step, Step::RequestCertificate { .. } | Step::AwaitCertificate { .. });
        self.done.iter().any(is_of_issuing)
    }

    /// CloudFront knows a certificate some moments after ACM has issued it, and sees that a record is gone when resolvers have
    /// forgotten it.
    async fn update_distribution(
        &self,
        added: &BTreeSet<DnsName>,
        aliases: &BTreeSet<DnsName>,
        certificate: &ViewerCertificate,
    ) -> Result<Result<(), CallError>, Halt> {
        let own = &self.facts.distribution;
        let is_new = self.is_certificate_new();
        let until = self.deadline.min(Instant::now() + CERTIFICATE_LAG);
        loop {
            let updated =
                self.tools.edges.cloudfront.update_distribution_names(own, aliases, certificate).await;
            let may_wait = is_new && updated.as_ref().is_err_and(is_unknown) && Instant::now() < until;
            if updated.as_ref().is_err_and(is_led_elsewhere) && self.facts.lead_nowhere_else(added) {
                return Ok(self.patience().acceptance(own, aliases, certificate).await?);
            }
            if !may_wait || self.patience().is_stopped_within(CERTIFICATE_PAUSE).await {
                return Ok(updated);
            }
        }
    }

    /// Before names are led away from another distribution: one that has the alias still answers for it, and CloudFront
    /// would refuse it here all the same.
    async fn check_nobody_has(&mut self, changes: &[RecordChange]) -> Result<(), Halt> {
        let names: BTreeSet<&DnsName> = changes.iter().map(|change| &change.record().name).collect();
        for name in names {
            let id = &self.facts.distribution.id;
            match self.tools.edges.cloudfront.list_conflicting_aliases(id, name).await {
                // A wildcard elsewhere is in nobody's way.
                Ok(found) => {
                    if let Some((_, owner)) = found.iter().find(|(alias, _)| alias == name) {
                        return Err(Halt::failed(
                            format!("`{name}` is not led away from where it leads: it is an alias of distribution {owner}"),
                            Vec::new(),
                            HAS_ALIAS,
                        ));
                    }
                }
                Err(error) if error.kind == FailureKind::Denied => {
                    let what = format!("cannot ask whether another distribution has `{name}`");
                    return Err(Trouble { what, source: error }.into());
                }
                Err(error) => self.warn(format!(
                    "whether another distribution has {name} could not be asked, so it is led away from there all the same: {}",
                    error.message
                )),
            }
        }
        Ok(())
    }

    /// The certificate that a step is about: the one that was requested, where the plan did not know it.
    fn known(&self, arn: Option<&str>) -> Result<String, Halt> {
        let arn = arn.map(str::to_owned).or_else(|| self.requested_arn.clone());
        arn.ok_or_else(|| {
            Halt::failed(
                "the certificate that was requested is not listed".to_owned(),
                Vec::new(),
                "run the command again: ACM lists a new certificate within seconds",
            )
        })
    }

    /// Who else has these aliases, as far as CloudFront tells.
    async fn who_has(&self, aliases: &BTreeSet<DnsName>) -> String {
        let mut text = String::new();
        for alias in aliases {
            let id = &self.facts.distribution.id;
            let found = self.tools.edges.cloudfront.list_conflicting_aliases(id, alias).await;
            for (name, owner) in found.unwrap_or_default() {
                text.push_str(&format!(": {name} is an alias of distribution {owner}"));
            }
        }
        text
    }

    /// Waits until what was written is seen everywhere. That it takes longer is no failure.
    async fn see_through(&mut self) -> Result<(), Halt> {
        let changes = std::mem::take(&mut self.changes);
        if changes.is_empty() {
            return Ok(());
        }
        match self.patience().propagation(&changes).await {
            Ok(()) => Ok(()),
            Err(Unfinished::TimedOut(_)) => {
                self.warn("Route 53 has not told all name servers yet; it goes on without us".into());
                Ok(())
            }
            Err(unfinished) => Err(unfinished.into()),
        }
    }
}

/// How not to be told again about what could not be done and is not needed.
fn for_good(step: &Step) -> &'static str {
    match step {
        Step::ChangeRecords { purpose: BatchPurpose::HttpsRecords, .. } => {
            "; `https_records = false` of the target leaves them out for good"
        }
        _ => "",
    }
}

/// Somebody else may have come in between.
fn blocked(plan: &DomainPlan) -> Result<(), Halt> {
    match plan.blocking().next() {
        None => Ok(()),
        Some(problem) => {
            let what = format!("`{}` cannot be {}: {}", problem.name, plan.purpose.done(), problem.what);
            Err(Halt::failed(what, Vec::new(), &problem.remedy))
        }
    }
}
