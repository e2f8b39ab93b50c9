//! `sitepush verify`: whether visitors get what was published.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;

use crate::cli::VerifyArgs;
use crate::core::edge_settings::Routing;
use crate::core::key::{ObjectKey, ViewerMapping};
use crate::core::manifest::{DistributionFacts, Manifest};
use crate::core::release::ReleaseId;
use crate::core::verify::{
    Address, Coverage, SiteUrl, VerifyInput, VerifyOutcome, VerifyPlan, addresses, at, plan,
};
use crate::edges::http::Visitor;
use crate::error::{Class, Error};
use crate::execute::record;
use crate::execute::verify::{self as execute_verify, Patience};
use crate::exit_code::ExitCode;
use crate::settings::{TargetSettings, VerifySettings};
use crate::ui::{terminal, verify_view};

use super::connect::{Connected, connect};
use super::rollback;
use super::run_plan::SHORT_RETRY_LIMIT;
use super::world::World;

/// Asks the site and prints what is wrong; changes nothing.
///
/// # Errors
/// When the record cannot be read, nothing says where the site is, or the site cannot be reached.
pub async fn run(args: &VerifyArgs) -> Result<ExitCode, Error> {
    let settings = VerifySettings::resolve(args)?;
    let connected = connect(&settings.target, SHORT_RETRY_LIMIT).await;
    let world = World::read(&connected.bucket).await?;
    let Some(live) = world.manifest() else {
        return Err(Error::usage("nothing was published here yet, so there is nothing to verify")
            .with_hint("`sitepush push` publishes the first release"));
    };
    let question = Asked {
        target: &settings.target,
        url: settings.url.as_ref(),
        names: &settings.names,
        routing: settings.routing,
        coverage: settings.coverage,
        timeout: settings.timeout,
    };
    let chosen = match &settings.release {
        Some(wanted) => {
            Some(rollback::choose(&live.history, Some(wanted))?).filter(|found| found.id != live.release.id)
        }
        None => None,
    };
    let plans = match chosen {
        Some(release) => {
            let record = rollback::read_record(&connected, &release.id).await?;
            let before = read_before(&connected, live, &release.id).await;
            question.plans(&record, before.as_ref(), &BTreeSet::new(), live)?
        }
        None => question.plans_of_live(&connected, &world, live).await?,
    };
    question.tell_not_asked(live);
    let outcome = question.carry_out(&plans, &connected, Patience::None).await?;
    if settings.is_json {
        terminal::json(&outcome);
    } else {
        terminal::data(&verify_view::render(&outcome));
    }
    Ok(if outcome.is_right { ExitCode::Done } else { ExitCode::PartWay })
}

/// How a site is asked.
pub struct Asked<'a> {
    pub target: &'a TargetSettings,
    /// The only address to ask, where one is named; else all of the target's.
    pub url: Option<&'a SiteUrl>,
    /// Sites by the target's names, asked besides.
    pub names: &'a [SiteUrl],
    pub routing: Routing,
    pub coverage: Coverage,
    pub timeout: Duration,
}

impl Asked<'_> {
    /// The plans for the live release, held against the one before it: one for each address of the target.
    ///
    /// # Errors
    /// When nothing says where the site is.
    pub async fn plans_of_live(
        &self,
        connected: &Connected,
        world: &World,
        live: &Manifest,
    ) -> Result<Vec<VerifyPlan>, Error> {
        let before = read_before(connected, live, &live.release.id).await;
        let left = before.iter().flat_map(|before| before.objects.keys());
        let gone = left.filter(|key| !world.answers_for(key)).cloned().collect();
        self.plans(live, before.as_ref(), &gone, live)
    }

    fn plans(
        &self,
        manifest: &Manifest,
        before: Option<&Manifest>,
        gone: &BTreeSet<ObjectKey>,
        live: &Manifest,
    ) -> Result<Vec<VerifyPlan>, Error> {
        let plan_at = |address: Address| {
            let mapping =
                ViewerMapping { prefix: self.target.prefix.clone(), origin_path: address.origin_path };
            plan(&VerifyInput {
                site: address.site,
                manifest,
                before,
                gone,
                mapping: &mapping,
                routing: self.routing,
                coverage: self.coverage,
                live_instead: (manifest.release.id != live.release.id).then(|| live.release.id.clone()),
            })
        };
        let found = self.addresses(live);
        if found.is_empty() {
            return Err(nowhere());
        }
        Ok(found.into_iter().map(plan_at).collect())
    }

    fn addresses(&self, live: &Manifest) -> Vec<Address> {
        let ids = self.target.distributions.iter();
        let known: Vec<&DistributionFacts> = ids.filter_map(|id| live.distributions.get(id)).collect();
        match self.url {
            Some(url) => vec![at(url, &known)],
            None => addresses(self.target.site_url.as_ref(), self.names, &known),
        }
    }

    /// Names the distributions that would be asked if their addresses were known.
    pub fn tell_not_asked(&self, live: &Manifest) {
        let is_unknown = |id: &&String| !live.distributions.contains_key(*id);
        let ids: Vec<String> =
            self.target.distributions.iter().filter(is_unknown).map(|id| format!("`{id}`")).collect();
        // With a single one, `url` says where it is.
        if self.url.is_none() && self.target.distributions.len() > 1 && !ids.is_empty() {
            terminal::note(&format!(
                "warning: not asked, as the address is known only after the next push: {}\n",
                ids.join(", ")
            ));
        }
    }

    /// Asks at all addresses at once; each is asked as a browser does, a few things at a time.
    ///
    /// # Errors
    /// When none of them can be reached. One that cannot, where another can, is an outcome of its own.
    pub async fn carry_out(
        &self,
        plans: &[VerifyPlan],
        connected: &Connected,
        patience: Patience,
    ) -> Result<VerifyOutcome, Error> {
        let visitors = plans.iter().map(|plan| Visitor::new(self.timeout, plan.site.is_https()));
        let visitors: Vec<Visitor> = visitors.collect::<Result<_, _>>().map_err(|error| {
            Error::new(Class::Environment, "cannot speak TLS").caused_by(error).with_hint(
                "install the system's certificates (`ca-certificates`), or name a file in SSL_CERT_FILE",
            )
        })?;
        let asked = plans.iter().zip(&visitors).map(|(plan, visitor)| {
            let found = execute_verify::verify(plan, visitor, &connected.clock, patience);
            async move { (plan, found.await) }
        });
        let found = join_all(asked).await;
        let is_anybody_there = found.iter().any(|(_, found)| found.is_ok());
        let mut outcomes = Vec::new();
        for (plan, found) in found {
            outcomes.push(match found {
                Ok(outcome) => outcome,
                Err(error) if is_anybody_there => VerifyOutcome::unreachable(plan, &error.cause),
                Err(error) => {
                    return Err(Error::new(Class::Environment, format!("cannot reach {}", plan.site))
                        .caused_by(error)
                        .with_hint("check the address, its DNS record and the network of this machine"));
                }
            });
        }
        Ok(VerifyOutcome::together(outcomes).expect("a plan was made, or nothing said where the site is"))
    }
}

/// What is said to whoever wants to verify a site that is nowhere.
pub fn nowhere() -> Error {
    Error::usage("nothing says where the site is").with_hint(
        "name its address, or set `url` of the target in sitepush.toml; a target's distribution tells its own after the first push",
    )
}

/// The record of the release before `id`; none where there is none any more. It only tells old from wrong, so that it
/// cannot be read stops nothing.
async fn read_before(connected: &Connected, live: &Manifest, id: &ReleaseId) -> Option<Manifest> {
    let at = live.history.iter().position(|release| release.id == *id)?;
    let before = live.history.get(at + 1)?;
    let found = record::find(&connected.bucket, &before.id.record_file()).await.ok()??;
    record::whole(&connected.bucket, found.root).await.ok()
}
