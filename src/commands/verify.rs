//! `sitepush verify`: whether visitors get what was published.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cli::VerifyArgs;
use crate::core::edge_settings::Routing;
use crate::core::key::{ObjectKey, ViewerMapping};
use crate::core::manifest::{DistributionFacts, Manifest};
use crate::core::release::ReleaseId;
use crate::core::verify::{Coverage, SiteUrl, VerifyInput, VerifyOutcome, VerifyPlan, plan};
use crate::edges::http::Visitor;
use crate::error::{Class, Error};
use crate::execute::push::release_file;
use crate::execute::verify::{self as execute_verify, Patience};
use crate::exit_code::ExitCode;
use crate::settings::{TargetSettings, VerifySettings};
use crate::ui::{terminal, verify_view};

use super::connect::{Connected, call_failed, connect};
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
    let plan = match chosen {
        Some(release) => {
            let record = rollback::read_record(&connected, &release.id).await?;
            let before = read_before(&connected, live, &release.id).await;
            question.plan(&record, before.as_ref(), &BTreeSet::new(), live)?
        }
        None => question.plan_of_live(&connected, &world, live).await?,
    };
    let outcome = question.carry_out(&plan, &connected, Patience::None).await?;
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
    pub routing: Routing,
    pub coverage: Coverage,
    pub timeout: Duration,
}

impl Asked<'_> {
    /// The plan for the live release, held against the one before it.
    ///
    /// # Errors
    /// When nothing says where the site is.
    pub async fn plan_of_live(
        &self,
        connected: &Connected,
        world: &World,
        live: &Manifest,
    ) -> Result<VerifyPlan, Error> {
        let before = read_before(connected, live, &live.release.id).await;
        let left = before.iter().flat_map(|before| before.objects.keys());
        let gone = left.filter(|key| !world.answers_for(key)).cloned().collect();
        self.plan(live, before.as_ref(), &gone, live)
    }

    fn plan(
        &self,
        manifest: &Manifest,
        before: Option<&Manifest>,
        gone: &BTreeSet<ObjectKey>,
        live: &Manifest,
    ) -> Result<VerifyPlan, Error> {
        let facts = self.target.distributions.first().and_then(|id| live.distributions.get(id));
        let mapping = ViewerMapping {
            prefix: self.target.prefix.clone(),
            origin_path: facts.map(|facts| facts.origin_path.clone()).unwrap_or_default(),
        };
        Ok(plan(&VerifyInput {
            site: self.site(facts)?,
            manifest,
            before,
            gone,
            mapping: &mapping,
            routing: self.routing,
            coverage: self.coverage,
        }))
    }

    fn site(&self, facts: Option<&DistributionFacts>) -> Result<SiteUrl, Error> {
        let told = self.target.site_url.clone();
        told.or_else(|| facts.map(|facts| SiteUrl::of_domain(&facts.domain_name))).ok_or_else(|| {
            Error::usage("nothing says where the site is").with_hint(
                "name its address, or set `url` of the target in sitepush.toml; a target's distribution tells its own after the first push",
            )
        })
    }

    /// Asks the site.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn carry_out(
        &self,
        plan: &VerifyPlan,
        connected: &Connected,
        patience: Patience,
    ) -> Result<VerifyOutcome, Error> {
        let visitor = Visitor::new(self.timeout, plan.site.is_https()).map_err(|error| {
            Error::new(Class::Environment, "cannot speak TLS").caused_by(error).with_hint(
                "install the system's certificates (`ca-certificates`), or name a file in SSL_CERT_FILE",
            )
        })?;
        execute_verify::verify(plan, &visitor, &connected.clock, patience).await.map_err(|error| {
            Error::new(Class::Environment, format!("cannot reach {}", plan.site))
                .caused_by(error)
                .with_hint("check the address, its DNS record and the network of this machine")
        })
    }
}

/// The record of the release before `id`; none where there is none any more. It only tells old from wrong, so that it
/// cannot be read stops nothing.
async fn read_before(connected: &Connected, live: &Manifest, id: &ReleaseId) -> Option<Manifest> {
    let at = live.history.iter().position(|release| release.id == *id)?;
    let before = live.history.get(at + 1)?;
    let found = connected.bucket.get_state(&release_file(&before.id)).await;
    let file = found.map_err(|error| call_failed("cannot read the release before", error)).ok()??;
    Manifest::decode(&file.bytes).ok()
}
