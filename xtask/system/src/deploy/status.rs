//! `status`: what runs where, from which commit, healthy or not. Reads only, and takes no lock.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use futures::future::join_all;
use serde::Serialize;

use super::lock::Lock;
use super::plan::Presence;
use super::record::Record;
use super::session::{self, Session};
use super::site::Live;
use super::{roll_out, rollback, view};
use crate::image;
use crate::rollout::{self, ServiceStatus};

/// An environment as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    pub environment: String,
    pub url: String,
    /// The current record; none when nothing was ever deployed.
    pub record: Option<Record>,
    pub site: Option<SiteStatus>,
    pub services: Vec<ServiceStatus>,
    /// By service, the commit that the image which it is to run is of, as far as the registry says it.
    pub service_commits: BTreeMap<String, String>,
    pub lock: Option<Lock>,
    /// What is not as the record has it.
    pub differences: Vec<String>,
    /// Whether something runs that no release had: a deploy went live, and ended before it was written down.
    pub is_unrecorded: bool,
    pub is_healthy: bool,
}

/// What of the site is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteStatus {
    pub release: String,
    pub commit: Option<String>,
}

/// Asks for all of it.
///
/// # Errors
/// When AWS cannot be asked.
pub async fn status(session: &Session) -> Result<Status> {
    let Session { state, terraform, stop, settings, .. } = session;
    let mut status = Status {
        environment: settings.environment.clone(),
        url: settings.site_url(),
        record: None,
        site: None,
        services: Vec::new(),
        service_commits: BTreeMap::new(),
        lock: None,
        differences: Vec::new(),
        is_unrecorded: false,
        is_healthy: false,
    };
    if state.presence().await? == Presence::Missing {
        return Ok(status);
    }
    status.lock = state.lock().await?.map(|lock| lock.value);
    status.record = state.current().await?.map(|current| current.value);
    terraform.init(stop).await?;
    if let Some(outputs) = terraform.outputs(stop).await? {
        status.services = session.running(&outputs).await?;
        status.service_commits = commits(session, &status.services).await;
        let live = session.site(&outputs).await?.live(stop).await?;
        status.is_unrecorded = is_unrecorded(session, &status, live.as_ref()).await?;
        status.site = live.map(|live| SiteStatus { release: live.id, commit: live.commit });
    }
    status.differences = differences(&status);
    status.is_healthy = status.record.is_some()
        && status.differences.is_empty()
        && status.services.iter().all(|service| service.is_stable);
    Ok(status)
}

async fn is_unrecorded(session: &Session, status: &Status, live: Option<&Live>) -> Result<bool> {
    let Some(current) = &status.record else { return Ok(false) };
    let running = roll_out::task_definitions(&status.services);
    Ok(rollback::is_unrecorded(&session.state.records().await?, current, live, &running))
}

/// Asks the registry for the commit of each service's image. What it does not know stays unknown, with a warning.
async fn commits(session: &Session, services: &[ServiceStatus]) -> BTreeMap<String, String> {
    let ask = async |(service, running): (String, super::plan::Running)| {
        let image = session.settings.registry_url(&running.image?);
        match image::revision(&image).await {
            Ok(commit) => Some((service, commit?)),
            Err(error) => {
                session.ui.warn(&format!("cannot find out of which commit `{service}` is: {error:#}"));
                None
            }
        }
    };
    join_all(session::running_images(services).into_iter().map(ask)).await.into_iter().flatten().collect()
}

/// Whether a part is of another commit than the record's, as after a deploy of one part alone. Pure.
fn is_mixed(status: &Status, record: &Record) -> bool {
    let site = status.site.iter().filter_map(|site| site.commit.as_ref());
    site.chain(status.service_commits.values()).any(|commit| *commit != record.commit)
}

/// What the record has otherwise. Pure.
fn differences(status: &Status) -> Vec<String> {
    let Some(record) = &status.record else { return Vec::new() };
    let mut found = Vec::new();
    let live = status.site.as_ref().map(|site| &site.release);
    if live != record.site_release.as_ref() {
        let name = |release: Option<&String>| release.map_or("nothing", String::as_str).to_owned();
        found.push(format!(
            "the site is {}, and the record has {}",
            name(live),
            name(record.site_release.as_ref())
        ));
    }
    for service in &status.services {
        let recorded = record.task_definitions.get(&service.service);
        if recorded != Some(&service.task_definition_arn) {
            let short = |arn: &str| arn.rsplit('/').next().unwrap_or(arn).to_owned();
            let has = recorded.map_or_else(|| "nothing".to_owned(), |arn| short(arn));
            found.push(format!(
                "{} is to run {}, and the record has {has}",
                service.service,
                short(&service.task_definition_arn)
            ));
        }
    }
    for service in record.task_definitions.keys() {
        if !status.services.iter().any(|there| &there.service == service) {
            found.push(format!("{service} is in the record, and not there"));
        }
    }
    found
}

/// The status as a person reads it. Pure.
pub fn render(status: &Status) -> String {
    let mut text = String::new();
    let short = |(service, commit): (&String, &String)| (service.clone(), view::short(commit).to_owned());
    let commits = status.service_commits.iter().map(short).collect();
    let Some(record) = &status.record else {
        let _ = writeln!(text, "{}: nothing was released yet", status.environment);
        text.push_str(&rollout::render_status(&status.services, &commits));
        return text;
    };
    let health = if status.is_healthy { "healthy" } else { "not healthy" };
    let since = record.time.strftime("%Y-%m-%d %H:%M UTC");
    let part = if is_mixed(status, record) { " in part, beside other commits," } else { "" };
    let commit = view::short(&record.commit);
    let _ = writeln!(text, "{} runs {commit}{part} since {since}, {health}", status.environment);
    let _ = writeln!(text, "  url       {}", status.url);
    let _ = writeln!(text, "  release   {}", record.id);
    if let Some(site) = &status.site {
        let commit = site.commit.as_deref().map_or("no commit", view::short);
        let _ = writeln!(text, "  site      {} ({commit})", site.release);
    }
    for line in rollout::render_status(&status.services, &commits).lines() {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(lock) = &status.lock {
        let since = lock.started.strftime("%H:%M:%S UTC");
        let _ = writeln!(text, "  lock      {} on {}: `{}` since {since}", lock.owner, lock.host, lock.task);
    }
    for difference in &status.differences {
        let _ = writeln!(text, "  differs   {difference}");
    }
    if status.is_unrecorded {
        // A run that was killed leaves its lock behind, one that goes on is about to write it down, and a lock of another machine does
        // not tell which it is of.
        let unless = if status.lock.is_some() { "unless the run that has the lock goes on, " } else { "" };
        let _ = writeln!(
            text,
            "  hint      no release had that: {unless}`deploy` finishes a deploy that was not written down, `rollback` goes back to {}",
            record.id
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::lock::tests::lock;
    use super::super::record::tests::record;
    use super::*;

    fn service(arn: &str) -> ServiceStatus {
        ServiceStatus {
            service: "guestbook".to_owned(),
            task_definition_arn: arn.to_owned(),
            images: [("guestbook".to_owned(), "host/guestbook@sha256:a".to_owned())].into(),
            desired_count: 1,
            running_count: 1,
            pending_count: 0,
            healthy_count: Some(1),
            rollout: None,
            is_stable: true,
            tasks: Vec::new(),
            last_event: None,
        }
    }

    fn status(arn: &str, release: &str) -> Status {
        Status {
            environment: "staging".to_owned(),
            url: "https://staging.example.com".to_owned(),
            record: Some(record(0, "a")),
            site: Some(SiteStatus { release: release.to_owned(), commit: Some("a".repeat(40)) }),
            services: vec![service(arn)],
            service_commits: [("guestbook".to_owned(), "a".repeat(40))].into(),
            lock: None,
            differences: Vec::new(),
            is_unrecorded: false,
            is_healthy: true,
        }
    }

    #[test]
    fn what_somebody_changed_by_hand_is_named() {
        assert_eq!(differences(&status("arn:task/a", "site-a")), [""; 0]);
        assert_eq!(
            differences(&status("arn:task/b", "site-b")),
            ["the site is site-b, and the record has site-a", "guestbook is to run b, and the record has a",]
        );
        let gone = Status { services: Vec::new(), ..status("arn:task/a", "site-a") };
        assert_eq!(differences(&gone), ["guestbook is in the record, and not there"]);
    }

    #[test]
    fn it_begins_with_what_runs_and_whether_it_is_healthy() {
        let text = render(&status("arn:task/a", "site-a"));
        assert!(text.starts_with("staging runs aaaaaaa since 2026-09-21 14:13 UTC, healthy\n"), "{text}");
        assert!(text.contains("\n  site      site-a (aaaaaaa)\n"), "{text}");
        assert!(text.contains("\n  guestbook  ok, 1 of 1 healthy  a (aaaaaaa)\n"), "{text}");
    }

    #[test]
    fn what_was_deployed_and_not_written_down_is_told_with_the_ways_on() {
        let mut status = status("arn:task/b", "site-b");
        status.differences = differences(&status);
        assert!(!render(&status).contains("no release had that"), "a rollback that was cut off, say");
        status.is_unrecorded = true;
        let text = render(&status);
        let id = record(0, "a").id;
        assert!(text.contains("no release had that: `deploy` finishes"), "{text}");
        assert!(text.ends_with(&format!("`rollback` goes back to {id}\n")), "{text}");
        // A run that was killed left its lock behind.
        status.lock = Some(lock("elsewhere", record(0, "a").time));
        let text = render(&status);
        assert!(
            text.contains("no release had that: unless the run that has the lock goes on, `deploy`"),
            "{text}"
        );
        assert!(text.ends_with(&format!("`rollback` goes back to {id}\n")), "{text}");
    }

    #[test]
    fn parts_of_other_commits_are_told_apart() {
        let mut status = status("arn:task/a", "site-a");
        status.service_commits.insert("guestbook".to_owned(), "b".repeat(40));
        let text = render(&status);
        assert!(
            text.starts_with("staging runs aaaaaaa in part, beside other commits, since 2026-"),
            "{text}"
        );
        assert!(text.contains("1 of 1 healthy  a (bbbbbbb)\n"), "{text}");
        status.service_commits.clear();
        let text = render(&status);
        assert!(text.starts_with("staging runs aaaaaaa since"), "{text}");
        assert!(text.contains("1 of 1 healthy  a (commit unknown)\n"), "{text}");
    }
}
