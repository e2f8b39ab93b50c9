//! `sitepush plan` and `sitepush push`: the same plan, shown or carried out.

use crate::cli::{PlanArgs, PushArgs};
use crate::core::guard::Refusal;
use crate::core::outcome::{Ending, Outcome};
use crate::core::plan::Plan;
use crate::error::{Class, Error};
use crate::execute::push::Work;
use crate::exit_code::ExitCode;
use crate::settings::{PushSettings, VerificationSettings};
use crate::ui::terminal;

use super::connect::{Connected, connect_for_as_long};
use super::plan_file::{self, SavedPlan};
use super::prepare::{self, PreparedPush, Scanning};
use super::{push_verified, run_plan, verify};

/// Shows what a push would change, and saves it where asked to.
///
/// # Errors
/// When it cannot be planned, or a guard would refuse it.
pub async fn plan(args: &PlanArgs) -> Result<ExitCode, Error> {
    let settings = PushSettings::from_plan_args(args)?;
    let scanning = Scanning::begin(&settings);
    let connected = connect_for_as_long(&settings.target, settings.run.retry_limit).await;
    let prepared = prepare::push(&settings, &connected, scanning, None).await?;
    if prepared.is_build_missing() {
        return Err(Refusal::Empty.into());
    }
    let plan = &prepared.planned.plan;
    show_and_check(&prepared, &settings)?;
    if let Some(path) = &args.out {
        plan_file::write(path, &SavedPlan::new(&settings, &prepared))?;
    }
    Ok(if args.detailed_exitcode && !plan.is_empty() { ExitCode::Changes } else { ExitCode::Done })
}

/// Publishes the build.
///
/// # Errors
/// When it cannot be planned or is refused: nothing was changed.
pub async fn push(args: &PushArgs) -> Result<ExitCode, Error> {
    let saved = args.plan.as_deref().map(plan_file::read).transpose()?;
    let settings = match &saved {
        Some(saved) => saved.settings(args)?,
        None => PushSettings::from_push_args(args)?,
    };
    let settings = PushSettings { verification: VerificationSettings::from_push_args(args), ..settings };
    let is_anywhere = settings.target.site_url.is_some() || !settings.target.distributions.is_empty();
    if settings.verification.is_some() && !is_anywhere {
        return Err(verify::nowhere());
    }
    let scanning = Scanning::begin(&settings);
    let connected = connect_for_as_long(&settings.target, settings.run.retry_limit).await;
    let draft = saved.as_ref().map(SavedPlan::draft);
    let prepared = prepare::push(&settings, &connected, scanning, draft).await?;
    if prepared.is_build_missing() {
        return Err(Refusal::Empty.into());
    }
    if let Some(saved) = &saved {
        same_plan(&saved.plan, &prepared.planned.plan)?;
    }
    if args.dry_run {
        show_and_check(&prepared, &settings)?;
        return Ok(ExitCode::Done);
    }
    run_plan::show(&prepared.planned.plan, settings.is_json);
    prepared.check(&settings).map_err(|error| error.about(&prepared.planned.plan))?;
    let code = carry_out(&settings, connected, &prepared).await;
    // The program ends here: giving back its memory value by value first would only keep somebody waiting.
    std::mem::forget(prepared);
    code
}

/// Carries out a prepared push, if there is anything to do.
///
/// # Errors
/// When the lock cannot be taken: nothing was changed.
pub async fn carry_out(
    settings: &PushSettings,
    connected: Connected,
    prepared: &PreparedPush,
) -> Result<ExitCode, Error> {
    let plan = &prepared.planned.plan;
    let outcome = if plan.is_empty() {
        Outcome::begin()
    } else {
        run_plan::execute(work(prepared), connected, &settings.run).await?
    };
    let is_whole = matches!(outcome.ending, Ending::Done | Ending::NothingToDo);
    if let Some(verification) = settings.verification.filter(|_| is_whole) {
        return push_verified::verify(settings, verification, prepared, &outcome).await;
    }
    run_plan::report(plan, &outcome, settings.is_json);
    Ok(run_plan::exit_code(&outcome))
}

/// What a prepared push asks of `execute`.
pub fn work(prepared: &PreparedPush) -> Work<'_> {
    Work {
        plan: &prepared.planned.plan,
        stale: &prepared.planned.stale,
        desired: prepared.build.inventory.desired(),
        remote: &prepared.remote,
        previous: prepared.world.manifest(),
        committed_at: prepared.world.live.as_ref().and_then(|live| live.committed_at),
        found_lock: prepared.world.lock.as_ref(),
        took_over: prepared.took_over.clone(),
        local: Some(&prepared.build.inventory),
        newly_demoted: &prepared.build.newly_demoted,
        distributions: prepared.distributions.clone(),
        edge_settings: prepared.edge_settings.clone(),
        versioning: prepared.versioning,
    }
}

/// Shows the plan, and whether a guard would refuse it: to a program in one document.
fn show_and_check(prepared: &PreparedPush, settings: &PushSettings) -> Result<(), Error> {
    let plan = &prepared.planned.plan;
    run_plan::show(plan, settings.is_json);
    prepared.check(settings).map_err(|error| error.about(plan))?;
    if settings.is_json {
        terminal::json(plan);
    }
    Ok(())
}

/// A saved plan is applied exactly or not at all.
fn same_plan(saved: &Plan, now: &Plan) -> Result<(), Error> {
    if saved == now {
        return Ok(());
    }
    let what = if saved.base != now.base {
        match (&saved.base, &now.base) {
            (Some(before), Some(base)) if before.release_id == base.release_id => {
                format!("the record of release {} was written anew", base.release_id)
            }
            (_, Some(base)) => format!("release {} is live now", base.release_id),
            (_, None) => "nothing is live now".to_owned(),
        }
    } else if let Some(change) = first_difference(saved, now) {
        format!("`{change}` is not as it was")
    } else if saved.renews_record != now.renews_record {
        "a run has begun since and not ended".to_owned()
    } else {
        "the settings or debts are not as they were".to_owned()
    };
    Err(Error::new(Class::Conflict, format!("the saved plan does not fit any more: {what}"))
        .with_hint("plan again, and look at the new plan"))
}

fn first_difference(saved: &Plan, now: &Plan) -> Option<String> {
    let differs = |pair: &(&crate::core::diff::Change, &crate::core::diff::Change)| pair.0 != pair.1;
    if let Some((before, after)) = saved.changes.iter().zip(&now.changes).find(differs) {
        return Some(before.key.clone().min(after.key.clone()).to_string());
    }
    let shorter = saved.changes.len().min(now.changes.len());
    let longer = if saved.changes.len() > now.changes.len() { &saved.changes } else { &now.changes };
    longer.get(shorter).map(|change| change.key.to_string())
}
