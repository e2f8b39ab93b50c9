//! Has services get to a task definition and watches them; takes all of them back when one fails or the person stops it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::session::Session;
use super::terraform::Outputs;
use crate::class::Class;
use crate::rollout::{self, Event, Expected, Options, Outcome, ServiceStatus};

/// By service, the revision that it is to run.
pub fn task_definitions(statuses: &[ServiceStatus]) -> BTreeMap<String, String> {
    statuses.iter().map(|status| (status.service.clone(), status.task_definition_arn.clone())).collect()
}

fn expected(definitions: &BTreeMap<String, String>) -> Vec<Expected> {
    let expected = |(service, arn): (&String, &String)| Expected {
        service: service.clone(),
        task_definition_arn: arn.clone(),
    };
    definitions.iter().map(expected).collect()
}

/// Watches the services that Terraform has told to run something, until they do. `before` is what they ran.
///
/// The first new task of a service brings its database's schema up to date, under a lock, before it is ready.
///
/// # Errors
/// When one fails or the person stops: then every service is back at what it ran before.
pub async fn forward(session: &Session, outputs: &Outputs, before: &[ServiceStatus]) -> Result<()> {
    let wanted = expected(&outputs.task_definition_arns);
    if wanted.is_empty() {
        return Ok(());
    }
    let names = wanted.iter().map(|one| one.service.as_str()).collect::<Vec<_>>().join(", ");
    session.ui.step(&format!("services: rolling out {names}; the first new task migrates its database"));
    let ui = session.ui;
    let mut events =
        move |event: Event| ui.step(&format!("services: {}", rollout::render_event(&event).trim_end()));
    let aws = session.rollout();
    let outcomes =
        rollout::watch(&aws, &outputs.cluster_name, &wanted, &Options::default(), &session.stop, &mut events)
            .await?;
    let failed: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| match &outcome.outcome {
            Outcome::Failed(failure) => Some(rollout::render_failure(&outcome.service, failure)),
            Outcome::Done { .. } | Outcome::Unfinished => None,
        })
        .collect();
    let is_done = outcomes.iter().all(|outcome| matches!(outcome.outcome, Outcome::Done { .. }));
    if is_done {
        return Ok(());
    }
    let earlier = task_definitions(before);
    let went_back = back(session, &outputs.cluster_name, &earlier, &CancellationToken::new()).await;
    let next = if failed.is_empty() {
        "run the same command again to go on"
    } else {
        "mend it, commit, and deploy again"
    };
    let hint = match (&went_back, earlier.is_empty()) {
        (Ok(()), false) => format!("every service runs what it ran before; {next}"),
        (Ok(()), true) => format!("there is nothing to go back to; {next}"),
        (Err(_), _) => "going back failed too: look at `cargo xtask status`".to_owned(),
    };
    if failed.is_empty() {
        let failure =
            Failure::new(Class::Interrupted, "stopped while the services were rolled out").hint(hint);
        return Err(went_back.err().map_or_else(|| failure.into(), |error| error.context("cannot go back")));
    }
    Err(anyhow::anyhow!(failed.join("\n"))
        .context(Failure::service("the services do not run this commit").hint(hint)))
}

/// Takes services to earlier revisions, and watches until they run nothing else.
///
/// # Errors
/// When one does not get there.
pub async fn back(
    session: &Session,
    cluster: &str,
    earlier: &BTreeMap<String, String>,
    stop: &CancellationToken,
) -> Result<()> {
    let aws = session.rollout();
    for one in expected(earlier) {
        let ui = session.ui;
        let mut events =
            move |event: Event| ui.step(&format!("services: {}", rollout::render_event(&event).trim_end()));
        let outcome = rollout::back(&aws, cluster, &one, &Options::default(), stop, &mut events)
            .await
            .with_context(|| format!("cannot take `{}` back", one.service))?;
        match outcome {
            Outcome::Done { .. } => {}
            Outcome::Failed(failure) => {
                let text = rollout::render_failure(&one.service, &failure);
                let hint =
                    "the site is back already; look at `cargo xtask status` and run the same command again";
                return Err(anyhow::anyhow!(text)
                    .context(Failure::service(format!("`{}` did not get back", one.service)).hint(hint)));
            }
            Outcome::Unfinished => {
                let failure =
                    Failure::new(Class::Interrupted, format!("stopped while `{}` went back", one.service));
                return Err(failure.hint("run the same command again to go on").into());
            }
        }
    }
    Ok(())
}
