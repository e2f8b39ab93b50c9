//! What a push does after it: asks the site whether it serves the release, and takes it back when told to.

use std::time::Duration;

use serde::Serialize;

use crate::core::outcome::Outcome;
use crate::core::plan::Plan;
use crate::core::release::ReleaseId;
use crate::core::verify::{Coverage, VerifyOutcome};
use crate::error::{Class, Error, ErrorDocument};
use crate::execute::verify::Patience;
use crate::exit_code::ExitCode;
use crate::settings::{PushSettings, RollbackSettings, VerificationSettings};
use crate::ui::{terminal, verify_view};

use super::connect::connect_for_as_long;
use super::prepare::PreparedPush;
use super::rollback;
use super::run_plan::{self, RunDocument};
use super::verify::Asked;
use super::world::World;

/// Pages and files that are asked for: as `sitepush verify` does untold.
const SAMPLE: usize = 64;

/// No answer is waited for longer than this, however much patience there is.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// The document of a push with `--verify --json`.
#[derive(Serialize)]
struct PushDocument<'a> {
    #[serde(flatten)]
    run: RunDocument<'a>,
    /// Null where the site could not be asked, or Ctrl-C came first.
    verification: Option<&'a VerifyOutcome>,
    /// Why the site could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_error: Option<ErrorDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollback: Option<RollbackDocument<'a>>,
}

/// A release that was taken back, or not.
#[derive(Serialize)]
#[serde(untagged)]
enum RollbackDocument<'a> {
    Done(RunDocument<'a>),
    Failed(ErrorDocument<'a>),
}

/// How the verification ended.
enum Verified {
    Outcome(Box<VerifyOutcome>),
    Failed(Error),
    /// Ctrl-C.
    Interrupted,
}

/// Verifies what is live now, takes it back if it is wrong and that is wished for, and reports all of it.
///
/// # Errors
/// Never: what goes wrong after the push is a part of the report.
pub async fn verify(
    settings: &PushSettings,
    verification: VerificationSettings,
    prepared: &PreparedPush,
    outcome: &Outcome,
) -> Result<ExitCode, Error> {
    let plan = &prepared.planned.plan;
    if !settings.is_json {
        run_plan::tell(plan, outcome);
    }
    let verified = tokio::select! {
        asked = ask(settings, verification, outcome.release_id.as_ref()) => match asked {
            Ok(found) => Verified::Outcome(Box::new(found)),
            Err(error) => Verified::Failed(error),
        },
        () = run_plan::wait_for_interrupt() => Verified::Interrupted,
    };
    if !settings.is_json {
        tell(&verified);
    }
    let taken_back = take_back(settings, verification, prepared, outcome, &verified).await;
    if settings.is_json {
        terminal::json(&document(RunDocument { plan, outcome }, &verified, taken_back.as_ref()));
    } else {
        tell_taken_back(taken_back.as_ref(), &verified, outcome);
    }
    Ok(match verified {
        Verified::Outcome(found) if found.is_right => ExitCode::Done,
        Verified::Outcome(_) | Verified::Failed(_) => ExitCode::PartWay,
        Verified::Interrupted => ExitCode::Interrupted,
    })
}

/// Asks the site until it is right or patience ends. `pushed` is the release that this run made live, if it made one.
async fn ask(
    settings: &PushSettings,
    verification: VerificationSettings,
    pushed: Option<&ReleaseId>,
) -> Result<VerifyOutcome, Error> {
    let connected = connect_for_as_long(&settings.target, settings.run.retry_limit).await;
    let world = World::read(&connected.bucket).await?;
    let live = world.manifest().filter(|live| pushed.is_none_or(|pushed| live.release.id == *pushed));
    let Some(live) = live else {
        return Err(Error::new(Class::Conflict, "another release was made live meanwhile")
            .with_hint("`sitepush verify` asks whether the site serves that one"));
    };
    let asked = Asked {
        target: &settings.target,
        url: None,
        // Whether they lead here yet is no matter of the release.
        names: &[],
        routing: settings.build.routing,
        coverage: Coverage::Sample(SAMPLE),
        timeout: verification.patience.clamp(Duration::from_secs(1), LONGEST_ANSWER),
    };
    let plans = asked.plans_of_live(&connected, &world, live).await?;
    asked.tell_not_asked(live);
    if !settings.is_json {
        let seconds = verification.patience.as_secs();
        let sites: Vec<String> = plans.iter().map(|plan| plan.site.to_string()).collect();
        terminal::note(&format!("verifying {} for at most {seconds} s\n", sites.join(", ")));
    }
    asked.carry_out(&plans, &connected, Patience::For(verification.patience)).await
}

fn tell(verified: &Verified) {
    match verified {
        Verified::Outcome(found) => terminal::note(&verify_view::render(found)),
        Verified::Failed(error) => {
            terminal::note(&error.render());
            terminal::note("the release stays live; `sitepush verify` asks again\n");
        }
        Verified::Interrupted => {
            terminal::note("stopped while verifying: the release stays live; `sitepush verify` asks again\n");
        }
    }
}

/// Makes the release before live again if this run made a wrong one live. Whoever could not be asked may be right.
async fn take_back(
    settings: &PushSettings,
    verification: VerificationSettings,
    prepared: &PreparedPush,
    outcome: &Outcome,
    verified: &Verified,
) -> Option<Result<(Plan, Outcome), Error>> {
    let Verified::Outcome(found) = verified else { return None };
    let count = found.problems_of_release().count();
    if !verification.rolls_back || count == 0 {
        return None;
    }
    let release_id = outcome.release_id.as_ref()?;
    let Some(before) = prepared.world.manifest() else {
        return Some(Err(Error::new(Class::Refused, "there is no release before this one to go back to")
            .with_hint("correct what is wrong and push again")));
    };
    if !settings.is_json {
        terminal::note(&format!("taking {release_id} back: {count} of its answers are wrong\n"));
    }
    let settings = RollbackSettings {
        target: settings.target.clone(),
        run: settings.run.clone(),
        routing: settings.build.routing,
        is_json: settings.is_json,
    };
    let message = format!("{release_id} was wrong at {}", found.url);
    Some(rollback::take_back(&settings, (release_id, &before.release.id), message).await)
}

fn tell_taken_back(
    taken_back: Option<&Result<(Plan, Outcome), Error>>,
    verified: &Verified,
    outcome: &Outcome,
) {
    match (taken_back, verified) {
        (Some(Ok((plan, back))), _) => {
            run_plan::tell(plan, back);
            terminal::note(&taken_back_error(outcome, back).render());
        }
        (Some(Err(error)), _) => terminal::note(&error.render()),
        (None, Verified::Outcome(found)) if !found.is_right && outcome.is_committed => {
            terminal::note(if found.problems_of_release().next().is_some() {
                "hint: the release stays live; `sitepush rollback` takes it back\n"
            } else {
                "hint: the release stays live: the one before would have the same faults\n"
            });
        }
        (None, _) => {}
    }
}

/// The end of a push whose release was taken back, or was to be.
fn taken_back_error(pushed: &Outcome, back: &Outcome) -> Error {
    let id = pushed.release_id.as_ref().map(ToString::to_string).unwrap_or_default();
    let what = if back.is_committed {
        "was wrong and was taken back"
    } else {
        "is wrong and could not be taken back"
    };
    Error::new(Class::Service, format!("{id} {what}"))
        .with_hint("whoever pushes the same build again publishes it again: find out first what is wrong")
}

fn document<'a>(
    run: RunDocument<'a>,
    verified: &'a Verified,
    taken_back: Option<&'a Result<(Plan, Outcome), Error>>,
) -> PushDocument<'a> {
    let (verification, verification_error) = match verified {
        Verified::Outcome(found) => (Some(&**found), None),
        Verified::Failed(error) => (None, Some(error.document())),
        Verified::Interrupted => (None, None),
    };
    let rollback = taken_back.map(|taken_back| match taken_back {
        Ok((plan, outcome)) => RollbackDocument::Done(RunDocument { plan, outcome }),
        Err(error) => RollbackDocument::Failed(error.document()),
    });
    PushDocument { run, verification, verification_error, rollback }
}
