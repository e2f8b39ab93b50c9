//! `sitepush domain`: a certificate, aliases and records for the site's names.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use crate::cli::{
    DomainApplyArgs, DomainArgs, DomainCommand, DomainPlanArgs, DomainRemoveArgs, DomainStatusArgs,
};
use crate::core::domain::certificate::{CLOUDFRONT_REGION, Certificate, CertificateStatus};
use crate::core::domain::facts::DomainFacts;
use crate::core::domain::name::DnsName;
use crate::core::domain::outcome::DomainOutcome;
use crate::core::domain::plan::{DomainPlan, Purpose};
use crate::core::domain::status::{self, Addresses, CertificateReport, Unreached};
use crate::core::outcome::Ending;
use crate::edges::acm::CertificateManager;
use crate::edges::aws::{self, Connection};
use crate::edges::call::Retry;
use crate::edges::clock::Clock;
use crate::edges::cloudfront::CloudFront;
use crate::edges::dns::{Dns, PUBLIC_RESOLVER, Question};
use crate::edges::route53::Route53;
use crate::error::{Class, Error};
use crate::execute::addresses::{Compared, compare};
use crate::execute::domain::{
    DomainEdges, Tools, Trouble, ZoneAccount, carry_out, look_for_renewal, observe, watch_now,
};
use crate::execute::upload::Stop;
use crate::exit_code::ExitCode;
use crate::settings::{DomainSettings, DomainSource};
use crate::ui::progress::Audience;
use crate::ui::{domain_progress, domain_view, terminal};

use super::connect::call_failed;
use super::domain_file::{self, SavedDomainPlan};
use super::run_plan::{SHORT_RETRY_LIMIT, stop_on_interrupt};

/// The document of a run with `--json`.
#[derive(Serialize)]
struct RunDocument<'a> {
    plan: &'a DomainPlan,
    outcome: &'a DomainOutcome,
    /// Names by which nobody gets to the distribution yet, though nothing is left to do here.
    unreached: &'a [DnsName],
}

/// Runs one of the four verbs.
///
/// # Errors
/// What stopped it before anything was changed.
pub async fn run(args: &DomainArgs) -> Result<ExitCode, Error> {
    match &args.command {
        DomainCommand::Plan(args) => plan(args).await,
        DomainCommand::Apply(args) => apply(args).await,
        DomainCommand::Status(args) => status(args).await,
        DomainCommand::Remove(args) => remove(args).await,
    }
}

async fn plan(args: &DomainPlanArgs) -> Result<ExitCode, Error> {
    let source = DomainSource::from_plan_args(args);
    let settings = DomainSettings::from_source(&source)?;
    let looked = Looked::at(&settings, &Stop::default()).await?;
    looked.show(args.output.json);
    looked.check(args.output.json)?;
    if args.output.json {
        terminal::json(&looked.plan);
    }
    if let Some(path) = &args.out {
        domain_file::write(path, &SavedDomainPlan::new(source, looked.plan.clone()))?;
    }
    Ok(if args.detailed_exitcode && looked.plan.has_changes() { ExitCode::Changes } else { ExitCode::Done })
}

async fn apply(args: &DomainApplyArgs) -> Result<ExitCode, Error> {
    let saved = args.plan.as_deref().map(domain_file::read).transpose()?;
    let settings = match &saved {
        Some(saved) => DomainSettings::from_source(&saved.source)?,
        None => DomainSettings::from_source(&DomainSource::from_apply_args(args))?,
    };
    let stop = Stop::default();
    let looked = Looked::at(&settings, &stop).await?;
    if let Some(saved) = &saved {
        saved.check(&looked.plan)?;
    }
    looked.show(args.output.json);
    looked.check(args.output.json)?;
    if args.dry_run {
        if args.output.json {
            terminal::json(&looked.plan);
        }
        return Ok(ExitCode::Done);
    }
    // A saved plan was looked at when it was saved.
    looked.ask(args.yes || saved.is_some(), ("set them up?", "nothing was changed"))?;
    let time_limit = Duration::from_secs(args.timeout.timeout.get());
    Ok(looked.carry_out(&settings, stop, time_limit, args.output.json).await)
}

async fn remove(args: &DomainRemoveArgs) -> Result<ExitCode, Error> {
    let settings = DomainSettings::from_remove_args(args)?;
    let stop = Stop::default();
    let looked = Looked::at(&settings, &stop).await?;
    looked.show(args.output.json);
    if !args.output.json {
        terminal::note(&domain_view::render_still_configured(&settings.still_configured));
    }
    looked.check(args.output.json)?;
    if args.dry_run {
        if args.output.json {
            terminal::json(&looked.plan);
        }
        return Ok(ExitCode::Done);
    }
    looked.ask(args.yes, ("remove them?", "nothing was removed"))?;
    let time_limit = Duration::from_secs(args.timeout.timeout.get());
    Ok(looked.carry_out(&settings, stop, time_limit, args.output.json).await)
}

async fn status(args: &DomainStatusArgs) -> Result<ExitCode, Error> {
    let settings = DomainSettings::from_source(&DomainSource::from_status_args(args))?;
    let Looked { edges, facts, plan, .. } = Looked::at(&settings, &Stop::default()).await?;
    let mut certificates = Vec::new();
    for found in concerned(&facts) {
        let (mut records, mut renewal) = (Vec::new(), Vec::new());
        match found.status {
            // Since when the record has been there is not known.
            CertificateStatus::PendingValidation => records = watch_now(&edges, &facts, found, 0).await,
            CertificateStatus::Issued => renewal = look_for_renewal(&edges, &facts, found).await,
            _ => {}
        }
        certificates.push(CertificateReport {
            arn: found.arn.clone(),
            names: found.names.iter().cloned().collect(),
            status: found.status.clone(),
            not_after: found.not_after,
            is_shown: facts.distribution.certificate.arn() == Some(found.arn.as_str()),
            records,
            renewal,
        });
    }
    let addresses = ask_for_addresses(&edges.dns, &plan).await;
    let report = status::report(&facts, &plan, addresses, certificates);
    if args.output.json {
        terminal::json(&report);
    } else {
        terminal::data(&domain_view::render_status(&report));
    }
    // As `doctor` does: what was looked for was found.
    Ok(if plan.blocking().next().is_none() { ExitCode::Done } else { ExitCode::Refused })
}

/// Where each name of a plan leads, in their order.
async fn ask_for_addresses(dns: &Dns, plan: &DomainPlan) -> Vec<Addresses> {
    let own = &plan.distribution_domain;
    let distribution = dns.ask_resolver(own, Question::Address).await;
    let asked = plan.names.iter().map(|name| {
        let distribution = distribution.clone();
        async move {
            let answer = dns.ask_resolver(name, Question::Address).await;
            let Compared { name, distribution, closer } =
                compare(dns, (name, answer), (own, distribution)).await;
            Addresses { name, distribution, closer }
        }
    });
    futures::future::join_all(asked).await
}

/// Which names of a plan that leaves nothing to do nobody gets to the distribution by, and what else it takes. The one judgment
/// is that of `status`, so that the verbs never contradict each other.
async fn look_for_unreached(dns: &Dns, facts: &DomainFacts, plan: &DomainPlan) -> Option<Unreached> {
    if plan.purpose == Purpose::Remove || !plan.is_empty() || plan.blocking().next().is_some() {
        return None;
    }
    let addresses = ask_for_addresses(dns, plan).await;
    status::unreached(plan, &status::names(facts, &plan.names, addresses))
}

/// The certificate that is shown, and those that sitepush has requested.
fn concerned(facts: &DomainFacts) -> impl Iterator<Item = &Certificate> {
    let own = &facts.distribution;
    facts.certificates.iter().filter(|found| {
        own.certificate.arn() == Some(found.arn.as_str()) || found.requested_for.as_deref() == Some(&own.id)
    })
}

/// What there is, and what follows from it.
struct Looked {
    edges: DomainEdges,
    facts: DomainFacts,
    plan: DomainPlan,
    /// Where nothing is left to do.
    unreached: Option<Unreached>,
}

impl Looked {
    async fn at(settings: &DomainSettings, stop: &Stop) -> Result<Self, Error> {
        let edges = connect(settings, stop).await?;
        let facts = observe(&edges, &settings.distribution_id, &settings.intent, None).await;
        let facts = facts.map_err(|Trouble { what, source }| call_failed(what, source))?;
        let plan = settings.intent.plan(&facts);
        let unreached = look_for_unreached(&edges.dns, &facts, &plan).await;
        Ok(Self { edges, facts, plan, unreached })
    }

    fn show(&self, is_json: bool) {
        if !is_json {
            terminal::note(&domain_view::render_plan(&self.plan, self.unreached.as_ref()));
        }
    }

    /// # Errors
    /// When something stands in the way.
    fn check(&self, is_json: bool) -> Result<(), Error> {
        let blocking: Vec<_> = self.plan.blocking().collect();
        let error = match blocking.as_slice() {
            [] => return Ok(()),
            // People have read it in the plan, with its remedy.
            [only] if !is_json => {
                let done = self.plan.purpose.done();
                Error::new(Class::Refused, format!("`{}` cannot be {done}", only.name))
                    .with_hint("follow the remedy, and run the command again")
            }
            [only] => {
                let done = self.plan.purpose.done();
                Error::new(Class::Refused, format!("`{}` cannot be {done}: {}", only.name, only.what))
                    .with_hint(&only.remedy)
            }
            several => Error::new(Class::Refused, format!("{} problems stand in the way", several.len()))
                .with_hint("follow the remedies, and run the command again"),
        };
        Err(error.about(&self.plan))
    }

    /// Asks whoever is there whether the plan is to be carried out, unless that is agreed already.
    ///
    /// # Errors
    /// When the answer is no, or nobody can answer.
    fn ask(&self, is_agreed: bool, (question, refusal): (&str, &str)) -> Result<(), Error> {
        if is_agreed || !self.plan.has_changes() || terminal::confirm(question) {
            return Ok(());
        }
        Err(Error::new(Class::Refused, refusal)
            .with_hint("answer `y`, or pass `--yes` where nobody can answer")
            .about(&self.plan))
    }

    async fn carry_out(
        self,
        settings: &DomainSettings,
        stop: Stop,
        time_limit: Duration,
        is_json: bool,
    ) -> ExitCode {
        let Self { edges, facts, plan, unreached } = self;
        if plan.is_empty() {
            let outcome = DomainOutcome::nothing_done();
            show_outcome(&plan, &outcome, unreached.as_ref(), is_json);
            return exit_code(&outcome);
        }
        let dns = edges.dns.clone();
        let (outcome, facts) = {
            let watcher = tokio::spawn(stop_on_interrupt(stop.clone()));
            let events = domain_progress::sink(Audience::of_stderr());
            let tools = Tools { edges, events, stop, time_limit };
            let outcome = carry_out(&settings.intent, facts, &tools).await;
            watcher.abort();
            outcome
        };
        let after = settings.intent.plan(&facts);
        let unreached = look_for_unreached(&dns, &facts, &after).await;
        show_outcome(&plan, &outcome, unreached.as_ref(), is_json);
        if !is_json && outcome.ending == Ending::Done {
            terminal::note(&domain_view::render_unreached(unreached.as_ref()));
            terminal::note(&domain_view::render_external(&after.external_records));
        }
        exit_code(&outcome)
    }
}

fn show_outcome(plan: &DomainPlan, outcome: &DomainOutcome, unreached: Option<&Unreached>, is_json: bool) {
    if is_json {
        let unreached = unreached.map_or(&[][..], |unreached| &unreached.names);
        terminal::json(&RunDocument { plan, outcome, unreached });
    } else {
        terminal::note(&domain_view::render_outcome(outcome, plan.purpose));
    }
}

fn exit_code(outcome: &DomainOutcome) -> ExitCode {
    match (outcome.ending, &outcome.failure) {
        (Ending::NothingToDo | Ending::Done, _) => ExitCode::Done,
        (Ending::Interrupted, _) => ExitCode::Interrupted,
        (Ending::PartWay, Some(failure)) if !outcome.has_changed() && failure.is_environment => {
            ExitCode::Environment
        }
        (Ending::PartWay, Some(failure)) if !outcome.has_changed() && failure.is_conflict => {
            ExitCode::Conflict
        }
        (Ending::PartWay, _) => ExitCode::PartWay,
    }
}

/// Where somebody is likely to have requested a certificate that CloudFront does not take: in the region of the target, and in
/// the one that their tools take when none is said.
fn misplacing_regions(of_target: Option<String>, of_profile: Option<String>) -> BTreeSet<String> {
    of_target.into_iter().chain(of_profile).filter(|region| region != CLOUDFRONT_REGION).collect()
}

/// The edges, ready for use; asks nobody.
///
/// # Errors
/// In the China regions. CloudFront takes no certificates of ACM there, and its distributions are in another hosted zone.
/// Source: "Amazon CloudFront", Getting Started with Amazon Web Services in China.
async fn connect(settings: &DomainSettings, stop: &Stop) -> Result<DomainEdges, Error> {
    let target = &settings.target;
    let connection = Connection {
        region: target.region.clone(),
        profile: target.profile.clone(),
        endpoint_url: target.endpoint_url.clone(),
        static_keys: None,
    };
    let clock = Clock::system();
    let config = aws::load(&connection, &clock).await;
    if let Some(region) = config.region().filter(|region| region.as_ref().starts_with("cn-")) {
        let what = format!("names cannot be set up in the China regions (`{region}`)");
        return Err(Error::usage(what)
            .with_hint("CloudFront takes its certificates from IAM there: set the names up in its console"));
    }
    let asked = stop.clone();
    let retry = Retry::new(SHORT_RETRY_LIMIT).given_up_when(move || asked.is_requested());
    let mut zones = vec![ZoneAccount { profile: None, route53: Route53::new(&config, &retry) }];
    for profile in &settings.zone_profiles {
        let connection = Connection { profile: Some(profile.clone()), ..connection.clone() };
        let config = aws::load(&connection, &clock).await;
        let retry = retry.with_profile_of(settings.zone_profiles_setting);
        zones.push(ZoneAccount { profile: Some(profile.clone()), route53: Route53::new(&config, &retry) });
    }
    let own_region = config.region().map(ToString::to_string);
    let regions = misplacing_regions(own_region, aws::region_of_profile(&connection).await);
    let elsewhere = regions.into_iter().map(|region| {
        let certificates = CertificateManager::new(&config, &region, &retry);
        (region, certificates)
    });
    Ok(DomainEdges {
        cloudfront: CloudFront::new(&config, &retry),
        certificates: CertificateManager::new(&config, CLOUDFRONT_REGION, &retry),
        elsewhere: elsewhere.collect(),
        zones,
        dns: Dns::new(settings.resolver.unwrap_or(PUBLIC_RESOLVER)),
        clock,
    })
}
