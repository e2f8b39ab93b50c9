//! What every task on an environment begins with: settings, credentials that are looked at, clients, and the lock.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use tokio_util::sync::CancellationToken;
use xtask::project::Project;
use xtask::tools::{self, Missing};

use super::failure::Failure;
use super::held::{self, Held, Pace};
use super::left;
use super::lock;
use super::plan::Running;
use super::roll_out::Rollouts;
use super::settings::Settings;
use super::site::Site;
use super::state::State;
use super::terraform::{Outputs, Terraform};
use super::ui::Ui;
use crate::image::Source;
use crate::rollout;

/// An environment that is being worked on.
pub struct Session {
    pub project: Project,
    pub settings: Settings,
    pub config: SdkConfig,
    pub state: State,
    pub terraform: Terraform,
    pub ui: Ui,
    /// Canceled by Ctrl-C, and when the lock is lost.
    pub stop: CancellationToken,
    /// Canceled when the lock is lost: then nothing is changed any more, not even back.
    pub lost: CancellationToken,
}

impl Session {
    /// Loads the settings and makes sure of tools, credentials and account. Changes nothing.
    ///
    /// # Errors
    /// When one of them is not as it should be, before anything was changed.
    pub async fn open(project: &Project, environment: &str, ui: Ui) -> Result<Self> {
        let settings = Settings::load(project, environment, Settings::standing_in()?)?;
        needed(tools::need_terraform())?;
        let region = Region::new(settings.region.clone());
        let config = aws_config::defaults(BehaviorVersion::latest()).region(region).load().await;
        expect_account(&settings, &account(&config).await?)?;
        let lost = CancellationToken::new();
        let stop = lost.child_token();
        stop_on_signals(ui, stop.clone());
        Ok(Self {
            state: State::new(&config, &settings),
            terraform: Terraform::new(&settings),
            project: project.clone(),
            settings,
            config,
            ui,
            stop,
            lost,
        })
    }

    /// The commit that is checked out; refuses a tree that is not the commit's.
    ///
    /// # Errors
    /// When files differ from the commit.
    pub fn clean_source(&self) -> Result<Source> {
        let source = Source::find(&self.project)?;
        expect_clean(&source)?;
        Ok(source)
    }

    /// Takes the deploy lock, and waits for what a run that died has left running on this machine.
    ///
    /// # Errors
    /// When somebody else holds it, or the person stops.
    pub async fn lock(&self, task: &str, commit: &str) -> Result<Held> {
        let held = held::take(&self.state, task, commit, Pace::default(), &self.lost).await?;
        if let Some((found, reason)) = &held.taken_over {
            self.ui.warn(&format!("took over the lock of {} on {}: {reason}", found.owner, found.host));
            left::wait(&self.settings.deployment(), &self.stop, self.ui).await?;
        }
        Ok(held)
    }

    /// Fails when the lock is lost.
    ///
    /// # Errors
    /// When somebody else may be at it.
    pub fn unless_lost(&self) -> Result<()> {
        if self.lost.is_cancelled() { Err(held::lost().into()) } else { Ok(()) }
    }

    /// What a task came to. Whatever stopped it, a lost lock is what it is told as.
    ///
    /// # Errors
    /// Those of the task.
    pub fn explained<T>(&self, done: Result<T>) -> Result<T> {
        let lost = held::lost();
        done.map_err(|error| {
            let is_said = error.to_string() == lost.message;
            if self.lost.is_cancelled() && !is_said { error.context(lost) } else { error }
        })
    }

    /// Takes Terraform's own lock away where the run whose deploy lock was taken over has left it: its Terraform has ended, and
    /// not in its own way. Terraform has to be initialized.
    ///
    /// # Errors
    /// When it cannot be read or taken away.
    pub async fn clear_left_lock(&self, held: &Held) -> Result<()> {
        let Some((found, _)) = &held.taken_over else { return Ok(()) };
        let Some(document) = self.state.terraform_lock().await? else { return Ok(()) };
        let text = |name: &str| document[name].as_str().unwrap_or_default();
        if !left_behind(found, text("Who"), text("Created")) {
            return Ok(());
        }
        self.ui.warn("taking away the lock that the dead run's Terraform left on the state");
        self.terraform.force_unlock(text("ID"), &self.stop).await
    }

    /// What ECS runs, by service; empty while there is no cluster.
    ///
    /// # Errors
    /// When ECS cannot be asked.
    pub async fn running(&self, outputs: &Outputs) -> Result<Vec<rollout::ServiceStatus>> {
        rollout::status(&self.rollout(), &outputs.cluster_name).await
    }

    pub fn rollout(&self) -> rollout::Aws {
        rollout::Aws::new(&self.config)
    }

    /// The services of `cluster`, to be moved.
    pub fn rollouts<'a>(&self, cluster: &'a str) -> Rollouts<'a> {
        let (aws, ui, lost) = (self.rollout(), self.ui, self.lost.clone());
        Rollouts {
            aws,
            cluster,
            lost,
            options: rollout::Options::default(),
            show: Box::new(move |text| ui.step(text)),
        }
    }

    /// The site of the environment.
    ///
    /// # Errors
    /// When `sitepush` does not compile.
    pub async fn site(&self, outputs: &Outputs) -> Result<Site> {
        Site::open(&self.project, &self.settings, &outputs.site).await
    }
}

/// By service, what the plan wants to know of it.
pub fn running_images(statuses: &[rollout::ServiceStatus]) -> BTreeMap<String, Running> {
    let running = |status: &rollout::ServiceStatus| Running {
        image: status.images.get(&status.service).or_else(|| status.images.values().next()).cloned(),
        is_stable: status.is_stable,
    };
    statuses.iter().map(|status| (status.service.clone(), running(status))).collect()
}

/// Refuses credentials of another account than the environment's.
fn expect_account(settings: &Settings, account: &str) -> Result<(), Failure> {
    let Settings { account_id, environment, .. } = settings;
    if account == account_id {
        return Ok(());
    }
    let failure = Failure::refused(format!(
        "these credentials are for the account {account}, and `{environment}` is in {account_id}"
    ));
    Err(failure.hint("choose the other account's profile (AWS_PROFILE)"))
}

/// Refuses a tree that is not its commit's: a few of the files that differ are named.
fn expect_clean(source: &Source) -> Result<(), Failure> {
    const NAMED: usize = 5;
    if source.changed.is_empty() {
        return Ok(());
    }
    let shown = source.changed.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = source.changed.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let failure = Failure::refused(format!("files differ from the commit: {shown}{more}"));
    Err(failure.hint("commit or stash them: a release is of a commit"))
}

/// Whether Terraform's lock is of the run whose deploy lock was taken over: made on the same machine, while it held that.
fn left_behind(found: &lock::Lock, who: &str, created: &str) -> bool {
    let host = who.rsplit_once('@').map_or(who, |(_, host)| host);
    let created: Option<jiff::Timestamp> = created.parse().ok();
    host == found.host && created.is_some_and(|created| created >= found.started)
}

/// A tool that is missing, as an error.
///
/// # Errors
/// With the way to get it.
pub fn needed<T>(found: Result<T, Missing>) -> Result<T> {
    found.map_err(|Missing { tool, how }| {
        Failure::environment(format!("`{tool}` is missing")).hint(how).into()
    })
}

async fn account(config: &SdkConfig) -> Result<String> {
    let answer = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let answer =
        answer.map_err(|error| Failure::aws("cannot find out whose credentials these are", &error))?;
    Ok(answer.account().context("STS names no account")?.to_owned())
}

/// The first Ctrl-C or SIGTERM cancels `stop`; the second ends the process.
fn stop_on_signals(ui: Ui, stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        let mut is_first = true;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if !is_first {
                std::process::exit(130);
            }
            is_first = false;
            ui.step("stopping; once more to stop at once");
            stop.cancel();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::settings;
    use super::*;
    use crate::class::Class;

    #[test]
    fn credentials_of_another_account_are_refused() {
        let settings = Settings { account_id: "111122223333".to_owned(), ..settings() };
        expect_account(&settings, "111122223333").expect("it is the one");
        let refused = expect_account(&settings, "444455556666").expect_err("it is another");
        assert_eq!(refused.class, Class::Refused);
        assert_eq!(
            refused.message,
            "these credentials are for the account 444455556666, and `emulated` is in 111122223333"
        );
        assert!(refused.hint.is_some_and(|hint| hint.contains("AWS_PROFILE")));
    }

    #[test]
    fn a_tree_that_is_not_the_commits_is_refused() {
        let source = |count: usize| Source {
            commit: "a".repeat(40),
            changed: (0..count).map(|index| format!("f{index}")).collect(),
            time: jiff::Timestamp::UNIX_EPOCH,
            url: None,
        };
        expect_clean(&source(0)).expect("nothing differs");
        for (count, named) in [(1, "f0"), (5, "f0, f1, f2, f3, f4"), (7, "f0, f1, f2, f3, f4 and 2 more")] {
            let refused = expect_clean(&source(count)).expect_err("it differs");
            assert_eq!(refused.class, Class::Refused);
            assert_eq!(refused.message, format!("files differ from the commit: {named}"));
        }
    }

    #[test]
    fn terraforms_lock_is_taken_away_only_from_the_run_that_died() {
        let started: jiff::Timestamp = "2026-11-26T10:00:00Z".parse().expect("a time");
        let found = lock::Lock {
            schema: 1,
            owner: "ada".to_owned(),
            host: "here".to_owned(),
            process_id: 1,
            process_start: None,
            task: "deploy".to_owned(),
            commit: String::new(),
            started,
            renewed: started,
        };
        assert!(left_behind(&found, "root@here", "2026-11-26T10:00:01.5Z"));
        assert!(!left_behind(&found, "root@elsewhere", "2026-11-26T10:00:01Z"));
        assert!(!left_behind(&found, "root@here", "2026-11-26T09:59:59Z"), "it was there before");
        assert!(!left_behind(&found, "root@here", ""));
    }
}
