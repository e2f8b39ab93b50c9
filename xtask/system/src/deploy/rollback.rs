//! `rollback`: site and services back to a record, without building. The site first: pages of before then meet services that are
//! newer or the same, as they did during the deploy.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Serialize;

use super::failure::Failure;
use super::outcome::Outcome;
use super::record::{self, Record, SCHEMA};
use super::session::Session;
use super::site::Live;
use super::state::Tagged;
use super::terraform::Outputs;
use super::{forward, live, process, roll_out, view};

/// What a rollback is going to do. Empty when that is what runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RollbackPlan {
    pub environment: String,
    pub to: Record,
    /// The site's release to make live again.
    pub site: Option<String>,
    /// By service, the revision to go back to.
    pub services: BTreeMap<String, String>,
    /// Services that the record does not know: they stay as they are.
    pub unknown_services: Vec<String>,
}

impl RollbackPlan {
    pub fn is_empty(&self) -> bool {
        self.site.is_none() && self.services.is_empty()
    }
}

/// Plans a rollback to `to`, from what runs. Pure.
pub fn plan(to: &Record, live: Option<&Live>, running: &BTreeMap<String, String>) -> RollbackPlan {
    let is_live = |release: &String| {
        live.is_some_and(|live| &live.id == release || live.back_to.as_ref() == Some(release))
    };
    let differs = |(service, arn): &(&String, &String)| {
        running.contains_key(*service) && running.get(*service) != Some(arn)
    };
    let services = to.task_definitions.iter().filter(differs).map(|(name, arn)| (name.clone(), arn.clone()));
    RollbackPlan {
        environment: to.environment.clone(),
        site: to.site_release.clone().filter(|release| !is_live(release)),
        services: services.collect(),
        unknown_services: running
            .keys()
            .filter(|name| !to.task_definitions.contains_key(*name))
            .cloned()
            .collect(),
        to: to.clone(),
    }
}

/// Whether something runs that no release had: a deploy went live, and ended before it was written down. Pure.
///
/// What is of another release than the current one is a rollback that was cut off, unless it was one to the current. A service that
/// the current release does not have tells nothing: a deploy that added it and failed has taken back all the others, and there is
/// nothing that this one could go back to.
pub fn is_unrecorded(
    records: &[Record],
    current: &Record,
    live: Option<&Live>,
    running: &BTreeMap<String, String>,
) -> bool {
    let is_of_none = |(service, arn): (&String, &String)| {
        current.task_definitions.contains_key(service)
            && !records.iter().any(|record| record.task_definitions.get(service) == Some(arn))
    };
    let has_site =
        |release: &String| records.iter().any(|record| record.site_release.as_ref() == Some(release));
    let is_site_of_none = live.is_some_and(|live| {
        !has_site(&live.id)
            && live
                .back_to
                .as_ref()
                .is_none_or(|to| !has_site(to) || current.site_release.as_ref() == Some(to))
    });
    is_site_of_none || running.iter().any(is_of_none)
}

/// The release to go back to, named or not. What no release had is left for the one before it, which is the current one.
fn target<'a>(
    records: &'a [Record],
    current: &'a Record,
    wanted: Option<&str>,
    is_unrecorded: bool,
) -> Option<&'a Record> {
    if wanted.is_none() && is_unrecorded { Some(current) } else { record::find(records, current, wanted) }
}

fn render(plan: &RollbackPlan, current: &Record, is_unrecorded: bool) -> String {
    let to = view::short(&plan.to.commit);
    let from = if is_unrecorded { "what no release has" } else { view::short(&current.commit) };
    let mut text = format!(
        "roll {} back to {to}, of {} (now {from})\n\n",
        plan.environment,
        plan.to.time.strftime("%Y-%m-%d %H:%M UTC")
    );
    if let Some(site) = &plan.site {
        let _ = writeln!(text, "  site: make {site} live again");
    }
    for (service, arn) in &plan.services {
        let _ = writeln!(text, "  service: {service} back to {}", arn.rsplit('/').next().unwrap_or(arn));
    }
    for service in &plan.unknown_services {
        let _ = writeln!(text, "  service: {service} stays: that release did not have it");
    }
    if plan.is_empty() {
        text.push_str("  nothing to do: that is what runs\n");
    }
    text
}

/// Goes back.
///
/// # Errors
/// When there is no such record, somebody else is at it, or a step fails: the same command goes on from there.
pub async fn rollback(session: &Session, to: Option<&str>, is_agreed: bool) -> Result<Outcome> {
    let started = Instant::now();
    let current = session.state.current().await?;
    let current = current
        .with_context(|| Failure::usage(format!("`{}` was never deployed", session.settings.environment)))?;
    let held = session.lock("rollback", &current.value.commit).await?;
    let done = under_lock(session, &current, to, is_agreed).await;
    let given_back = held.give_back().await;
    let (commit, record) = done?;
    given_back?;
    Ok(Outcome {
        task: "rollback".to_owned(),
        environment: session.settings.environment.clone(),
        url: session.settings.site_url(),
        commit,
        record,
        took_seconds: started.elapsed().as_secs(),
        gaps: Vec::new(),
    })
}

async fn under_lock(
    session: &Session,
    current: &Tagged<Record>,
    to: Option<&str>,
    is_agreed: bool,
) -> Result<(String, Option<Record>)> {
    let Session { state, terraform, stop, ui, .. } = session;
    let records = state.records().await?;
    let no_release = || {
        let known: Vec<&str> =
            records.iter().rev().take(8).map(|record| view::short(&record.commit)).collect();
        let what = to.map_or_else(
            || "there is no earlier release".to_owned(),
            |to| format!("there is no release `{to}`"),
        );
        Failure::usage(what).hint(format!("there are releases of {}", known.join(", ")))
    };
    if to.is_some() && record::find(&records, &current.value, to).is_none() {
        return Err(no_release().into());
    }
    terraform.init(stop).await?;
    let outputs =
        terraform.outputs(stop).await?.context("there is a record, and Terraform has no outputs")?;
    let site = session.site(&outputs).await?;
    let running = roll_out::task_definitions(&session.running(&outputs).await?);
    let live = site.live(stop).await?;
    let is_unrecorded = is_unrecorded(&records, &current.value, live.as_ref(), &running);
    let to = target(&records, &current.value, to, is_unrecorded).ok_or_else(no_release)?;
    let plan = plan(to, live.as_ref(), &running);
    ui.text(&format!("\n{}", render(&plan, &current.value, is_unrecorded)));
    let is_recorded = current.value.id == to.id || current.value.back_to.as_ref() == Some(&to.id);
    if plan.is_empty() && is_recorded && !is_unrecorded {
        return Ok((to.commit.clone(), None));
    }
    if !is_agreed {
        ui.ask("Go back? (yes)", "yes", "--yes")?;
    }
    process::unless_stopped(stop)?;
    if let Some(release) = &plan.site {
        ui.step(&format!("site: going back to {release}"));
        site.go_back(release, stop).await?;
    }
    process::unless_stopped(stop)?;
    session.rollouts(&outputs.cluster_name).back(&plan.services, stop).await?;
    let record = write_down(session, &outputs, current, to, site.live(stop).await?).await?;
    Ok((to.commit.clone(), Some(record)))
}

async fn write_down(
    session: &Session,
    outputs: &Outputs,
    current: &Tagged<Record>,
    to: &Record,
    live: Option<Live>,
) -> Result<Record> {
    let paths = live::paths_of(&session.project, to.service_paths.as_ref(), outputs)?;
    forward::check_live(session, &paths, live.as_ref().and_then(|live| live.commit.clone())).await?;
    session.unless_lost()?;
    session.ui.step("record: writing down what runs");
    let running = session.running(outputs).await?;
    let now = Timestamp::now();
    let images = super::session::running_images(&running);
    let record = Record {
        schema: SCHEMA,
        id: record::id(now, &to.commit),
        environment: session.settings.environment.clone(),
        commit: to.commit.clone(),
        commit_time: to.commit_time,
        time: now,
        back_to: Some(to.id.clone()),
        images: images.into_iter().filter_map(|(name, running)| Some((name, running.image?))).collect(),
        task_definitions: roll_out::task_definitions(&running),
        service_paths: to.service_paths.clone(),
        site_release: live.map(|live| live.id),
        terraform_serial: session.terraform.serial(&session.stop).await?,
    };
    session.state.commit(&record, Some(&current.e_tag)).await?;
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    fn live(id: &str, back_to: Option<&str>) -> Live {
        Live { id: id.to_owned(), commit: None, commit_time: None, back_to: back_to.map(str::to_owned) }
    }

    #[test]
    fn what_is_back_already_is_left_alone() {
        let (to, now) = (record(0, "a"), record(1, "b"));
        let whole = plan(&to, Some(&live("site-b", None)), &now.task_definitions);
        assert_eq!(whole.site.as_deref(), Some("site-a"));
        assert_eq!(whole.services, to.task_definitions);
        let site_is_back = plan(&to, Some(&live("site-c", Some("site-a"))), &now.task_definitions);
        assert_eq!((site_is_back.site, site_is_back.services.len()), (None, 1));
        assert!(plan(&to, Some(&live("site-a", None)), &to.task_definitions).is_empty());
    }

    /// Of the releases `a` and `b`, with `b` the current one.
    #[track_caller]
    fn assert_goes_back(site: &Live, running: &Record, expected: &str) {
        let records = [record(0, "a"), record(1, "b")];
        let current = &records[1];
        let unrecorded = is_unrecorded(&records, current, Some(site), &running.task_definitions);
        let to = target(&records, current, None, unrecorded).expect("there is an earlier one");
        assert_eq!(to.commit, expected.repeat(40));
        let named = target(&records, current, Some("aaa"), unrecorded).expect("it was released");
        assert_eq!(named.commit, "a".repeat(40), "a name is a name");
    }

    #[test]
    fn what_runs_without_a_record_is_left_for_the_last_record() {
        let (a, b, c) = (record(0, "a"), record(1, "b"), record(2, "c"));
        // All as the record has it.
        assert_goes_back(&live("site-b", None), &b, "a");
        // `c` went live, or its services did.
        assert_goes_back(&live("site-c", None), &c, "b");
        assert_goes_back(&live("site-b", None), &c, "b");
        assert_goes_back(&live("site-c", None), &b, "b");
        // On the way back from there, cut off before the services or before the record.
        assert_goes_back(&live("site-d", Some("site-b")), &c, "b");
        assert_goes_back(&live("site-d", Some("site-b")), &b, "b");
        // On the way back to `a`, cut off as well: the same command goes on.
        assert_goes_back(&live("site-d", Some("site-a")), &b, "a");
        assert_goes_back(&live("site-d", Some("site-a")), &a, "a");
        // A deploy that added a service failed, and the others were taken back; or it went live.
        let with_new = |record: &Record| {
            let mut record = record.clone();
            record.task_definitions.insert("new".to_owned(), "arn:task/new".to_owned());
            record
        };
        assert_goes_back(&live("site-b", None), &with_new(&b), "a");
        assert_goes_back(&live("site-b", None), &with_new(&c), "b");
        assert_goes_back(&live("site-c", None), &with_new(&b), "b");
    }

    #[test]
    fn a_service_that_only_one_side_knows_is_not_touched() {
        let mut to = record(0, "a");
        to.task_definitions.insert("gone".to_owned(), "arn:task/gone".to_owned());
        let mut running = record(1, "b").task_definitions;
        running.insert("new".to_owned(), "arn:task/new".to_owned());
        let plan = plan(&to, None, &running);
        assert_eq!(plan.services.keys().collect::<Vec<_>>(), ["guestbook"]);
        assert_eq!(plan.unknown_services, ["new"]);
    }
}
