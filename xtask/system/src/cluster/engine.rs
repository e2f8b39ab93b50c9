//! Carries out what the scheduler decides, and keeps the state in its file.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::lifecycle;
use super::process;
use super::scheduler::{Decision, Seen, StopReason, decide};
use super::serve::{Options, Timing};
use super::state::{Deployment, Fault, Rollout, Service, ServiceStatus, State, Task, TaskStatus, new_id};

/// So many lines of a task's log are kept; the rest is in its file.
const LOG_LINES: usize = 500;

/// Waits between failed tasks are doubled at most so often.
const DOUBLINGS: u32 = 4;

/// Fargate's words. Source: ECS Developer Guide, "Amazon ECS service event messages".
const NO_CAPACITY: &str = "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a \
    different availability zone. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";

/// The cluster's state and what runs for it.
pub(super) struct Engine {
    pub options: Options,
    state: Mutex<State>,
    /// By task: what ends it.
    stops: Mutex<BTreeMap<String, CancellationToken>>,
    logs: Mutex<BTreeMap<String, VecDeque<LogLine>>>,
    /// The lives of the tasks: they end when the cluster is dropped.
    lives: Mutex<JoinSet<()>>,
    /// What was last written.
    saved: Mutex<Vec<u8>>,
}

#[derive(Debug, Clone)]
pub(super) struct LogLine {
    pub at: Timestamp,
    pub text: String,
}

impl Engine {
    /// An engine with the state of its folder, and none of the tasks that were left running.
    ///
    /// # Errors
    /// When the folder cannot be made, or its state is not one.
    pub fn load(options: Options) -> Result<Self> {
        let folder = &options.folder;
        fs::create_dir_all(folder.join("logs"))
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
        let file = state_file(folder);
        let mut state = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("`{}` is not the state of a cluster", file.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", file.display())),
        };
        end_leftovers(&mut state);
        Ok(Self {
            options,
            state: Mutex::new(state),
            stops: Mutex::default(),
            logs: Mutex::default(),
            lives: Mutex::default(),
            saved: Mutex::default(),
        })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held is a bug that the test which met it shows.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ARN of a resource of ECS, such as `cluster` and a name.
    pub fn arn(&self, kind: &str, name: &str) -> String {
        let Options { region, account_id, .. } = &self.options;
        format!("arn:aws:ecs:{region}:{account_id}:{kind}/{name}")
    }

    /// Looks at every service, again and again, until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            self.tick();
            self.save();
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.options.timing.tick) => {}
            }
        }
        self.save();
    }

    /// Sets or clears a fault; false when there is no such service.
    pub fn inject(&self, service: &str, fault: Option<Fault>) -> bool {
        let mut state = self.state();
        let found = state.services.iter_mut().find(|one| one.name == service);
        found.map(|one| one.fault = fault).is_some()
    }

    /// Ends all tasks, and waits until they have ended. Nothing is started in their place.
    pub async fn stop_tasks(&self) {
        for service in &mut self.state().services {
            service.deployments.iter_mut().for_each(|one| one.start_not_before = Some(Timestamp::MAX));
        }
        let now = Timestamp::now();
        let ids: Vec<String> = self.state().tasks.keys().cloned().collect();
        for id in ids {
            self.stop_task(&id, "ServiceSchedulerInitiated", "The local cluster was stopped.");
        }
        let limit = now + self.options.timing.stop_limit + Duration::from_secs(30);
        while self.state().tasks.values().any(|task| task.status != TaskStatus::Stopped)
            && Timestamp::now() < limit
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for service in &mut self.state().services {
            service.deployments.iter_mut().for_each(|one| one.start_not_before = None);
        }
    }

    /// Tells a task to end, with what will be said of it. One that is ending keeps what was said first.
    pub fn stop_task(&self, id: &str, code: &str, reason: &str) {
        if let Some(task) = self.state().tasks.get_mut(id).filter(|task| task.is_wanted) {
            task.is_wanted = false;
            task.stop_code = Some(code.to_owned());
            task.stopped_reason = Some(reason.to_owned());
        }
        if let Some(stop) = self.stops.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            stop.cancel();
        }
    }

    fn lives(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every task at once.
    pub fn abort_tasks(&self) {
        self.lives().abort_all();
    }

    /// Nobody ends this task any more.
    pub fn forget(&self, id: &str) {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    pub fn log(&self, task_id: &str, text: String) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = logs.entry(task_id.to_owned()).or_default();
        lines.push_back(LogLine { at: Timestamp::now(), text });
        if lines.len() > LOG_LINES {
            lines.pop_front();
        }
    }

    /// The last `count` lines of a task's log, the oldest first.
    pub fn last_lines(&self, task_id: &str, count: usize) -> Option<Vec<LogLine>> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = logs.get(task_id)?;
        Some(lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect())
    }

    fn tick(self: &Arc<Self>) {
        let now = Timestamp::now();
        while self.lives().try_join_next().is_some() {}
        let indexes = 0..self.state().services.len();
        for index in indexes {
            let decisions = self.decisions(index, now);
            for decision in decisions {
                self.carry_out(index, decision, now);
            }
            self.close(index, now);
        }
        self.forget_stopped(now);
    }

    fn decisions(&self, index: usize, now: Timestamp) -> Vec<Decision> {
        let state = self.state();
        let service = &state.services[index];
        let health = service.target_group().map(|group| self.options.load_balancer.health(group));
        let of_service = |task: &&Task| task.service == service.name && task.cluster == service.cluster;
        let mut tasks: Vec<&Task> = state.tasks.values().filter(of_service).collect();
        tasks.sort_by_key(|task| task.created_at);
        let seen: Vec<Seen<'_>> = tasks
            .into_iter()
            .map(|task| Seen { task, health: lifecycle::health_of(task, health.as_deref()) })
            .collect();
        let decisions = decide(service, &seen, now);
        let up: Vec<String> = seen.iter().filter(|one| one.is_up()).map(|one| one.task.id.clone()).collect();
        drop(seen);
        let mut state = state;
        for id in up {
            if let Some(task) = state.tasks.get_mut(&id) {
                task.was_up = true;
            }
        }
        decisions
    }

    fn carry_out(self: &Arc<Self>, index: usize, decision: Decision, now: Timestamp) {
        match decision {
            Decision::Start(count) => self.start(index, count, now),
            Decision::Stop { task_id, reason } => self.carry_out_stop(index, &task_id, reason, now),
            Decision::GiveUp => give_up(&mut self.state().services[index], now),
            Decision::Complete => complete(&mut self.state().services[index], now),
            Decision::Forgive => {
                let primary = &mut self.state().services[index].deployments[0];
                primary.failed_tasks = 0;
                primary.start_not_before = None;
            }
        }
    }

    fn start(self: &Arc<Self>, index: usize, count: usize, now: Timestamp) {
        let mut state = self.state();
        let State { services, tasks, task_definitions, .. } = &mut *state;
        let service = &mut services[index];
        let delay = self.options.timing.restart_delay;
        if service.fault == Some(Fault::NoCapacity) {
            service.say(now, NO_CAPACITY);
            service.deployments[0].start_not_before = Some(now + delay);
            return;
        }
        let primary = service.deployments[0].clone();
        let Some(definition) = task_definitions.get(&primary.task_definition) else { return };
        let mut started = String::new();
        for _ in 0..count {
            let id = new_id();
            started.push_str(&format!(" (task {id})"));
            let text = |name: &str| definition.container()[name].as_str().unwrap_or_default().to_owned();
            let task = Task {
                id: id.clone(),
                cluster: service.cluster.clone(),
                service: service.name.clone(),
                deployment_id: primary.id.clone(),
                task_definition: primary.task_definition.clone(),
                container: text("name"),
                image: text("image"),
                status: TaskStatus::Provisioning,
                is_wanted: true,
                was_up: false,
                created_at: now,
                started_at: None,
                stopped_at: None,
                stop_code: None,
                stopped_reason: None,
                exit_code: None,
                address: None,
                process: None,
            };
            tasks.insert(id.clone(), task);
            let stop = CancellationToken::new();
            self.stops.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), stop.clone());
            self.lives().spawn(lifecycle::run(Arc::clone(self), id, stop));
        }
        service.say(now, &format!("has started {count} tasks:{started}."));
    }

    fn carry_out_stop(&self, index: usize, task_id: &str, reason: StopReason, now: Timestamp) {
        let text = {
            let mut state = self.state();
            let State { services, tasks, .. } = &mut *state;
            let service = &mut services[index];
            let group = service.target_group().unwrap_or_default().to_owned();
            let deployment = service.deployments[0].id.clone();
            match reason {
                StopReason::Scaling => {
                    service.say(now, &format!("has stopped 1 running tasks: (task {task_id})."));
                    format!("Scaling activity initiated by (deployment {deployment})")
                }
                StopReason::Unhealthy(why) => {
                    let port = tasks.get(task_id).and_then(|task| task.address).map_or(0, |one| one.port());
                    service.say(
                        now,
                        &format!(
                            "(task {task_id}) (port {port}) is unhealthy in (target-group {group}) due to (reason {why})."
                        ),
                    );
                    if let Some(task) = tasks.get(task_id) {
                        count_failure(service, task, self.options.timing, now);
                    }
                    format!("Task failed ELB health checks in (target-group {group})")
                }
            }
        };
        self.stop_task(task_id, "ServiceSchedulerInitiated", &text);
    }

    /// Counts a task that ended before it should have.
    pub fn failed(&self, task_id: &str) {
        let mut state = self.state();
        let State { services, tasks, .. } = &mut *state;
        let Some(task) = tasks.get(task_id) else { return };
        if let Some(service) = services.iter_mut().find(|one| one.is_called(&task.cluster, &task.service)) {
            count_failure(service, task, self.options.timing, Timestamp::now());
        }
    }

    /// Takes away deployments without tasks, and services that were deleted and have none.
    fn close(&self, index: usize, now: Timestamp) {
        let mut state = self.state();
        let State { services, tasks, .. } = &mut *state;
        let service = &mut services[index];
        let has_tasks = |deployment: &Deployment| {
            tasks
                .values()
                .any(|task| task.deployment_id == deployment.id && task.status != TaskStatus::Stopped)
        };
        let is_settled = service.primary().is_some_and(|primary| primary.rollout != Rollout::InProgress);
        service.deployments.retain(|one| one.is_primary || has_tasks(one) || !is_settled);
        if service.status == ServiceStatus::Draining && !service.deployments.iter().any(has_tasks) {
            service.status = ServiceStatus::Inactive;
            service.deployments.clear();
            service.say(now, "has reached a steady state.");
        }
    }

    fn forget_stopped(&self, now: Timestamp) {
        let keep = self.options.timing.keep_stopped;
        let mut gone = Vec::new();
        self.state().tasks.retain(|id, task| {
            let is_old = task.stopped_at.is_some_and(|at| at + keep < now);
            if is_old {
                gone.push(id.clone());
            }
            !is_old
        });
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        for id in gone {
            logs.remove(&id);
        }
    }

    /// Writes the state, if it changed. Whoever reads the file finds a whole one.
    fn save(&self) {
        let bytes = serde_json::to_vec_pretty(&*self.state()).expect("the state is plain values");
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        if *saved == bytes {
            return;
        }
        let file = state_file(&self.options.folder);
        let half = file.with_extension("json.new");
        // The folder may be taken away while it runs, at the end of a test: then there is nothing to keep.
        if fs::write(&half, &bytes).and_then(|()| fs::rename(&half, &file)).is_ok() {
            *saved = bytes;
        }
    }
}

fn state_file(folder: &Path) -> PathBuf {
    folder.join("state.json")
}

/// Ends what a cluster that was killed left running.
fn end_leftovers(state: &mut State) {
    let now = Timestamp::now();
    for task in state.tasks.values_mut().filter(|task| task.status != TaskStatus::Stopped) {
        if let Some(process) = task.process {
            process::kill(process);
        }
        task.status = TaskStatus::Stopped;
        task.is_wanted = false;
        task.stopped_at = Some(now);
        task.stop_code = Some("ServiceSchedulerInitiated".to_owned());
        task.stopped_reason = Some("The local cluster was started anew.".to_owned());
    }
}

/// A task of the primary deployment that failed: the next one waits longer.
fn count_failure(service: &mut Service, task: &Task, timing: Timing, now: Timestamp) {
    let Some(deployment) =
        service.deployments.iter_mut().find(|one| one.id == task.deployment_id && one.is_primary)
    else {
        return;
    };
    deployment.failed_tasks += 1;
    deployment.updated_at = now;
    let doublings = u32::try_from(deployment.failed_tasks - 1).unwrap_or(DOUBLINGS).min(DOUBLINGS);
    deployment.start_not_before = Some(now + timing.restart_delay * 2_u32.pow(doublings));
}

/// The circuit breaker: the deployment failed, and the last one that was completed is primary again, where that is wanted.
fn give_up(service: &mut Service, now: Timestamp) {
    let rolls_back = service.breaker("rollback");
    let failed = &mut service.deployments[0];
    failed.rollout = Rollout::Failed;
    "ECS deployment circuit breaker: tasks failed to start.".clone_into(&mut failed.rollout_reason);
    failed.updated_at = now;
    let failed_id = failed.id.clone();
    service.say(now, &format!("(deployment {failed_id}) deployment failed: tasks failed to start."));
    let Some(earlier) = service.last_completed.clone().filter(|_| rolls_back) else { return };
    service.say(now, &format!("rolling back to deployment {}.", earlier.id));
    service.deployments[0].is_primary = false;
    service.deployments.retain(|one| one.id != earlier.id);
    let reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {}.", earlier.id);
    let again = Deployment { rollout_reason: reason, ..earlier.again(now) };
    service.deployments.insert(0, again);
}

fn complete(service: &mut Service, now: Timestamp) {
    let primary = &mut service.deployments[0];
    primary.rollout = Rollout::Completed;
    primary.rollout_reason = format!("ECS deployment {} completed.", primary.id);
    primary.updated_at = now;
    let primary = primary.clone();
    service.say(now, &format!("(deployment {}) deployment completed.", primary.id));
    service.say(now, "has reached a steady state.");
    service.last_completed = Some(primary);
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::Command;

    use super::*;
    use crate::cluster::state::ProcessId;

    fn running(process: ProcessId) -> Task {
        Task {
            id: new_id(),
            cluster: "example".to_owned(),
            service: "web".to_owned(),
            deployment_id: "ecs-svc/1".to_owned(),
            task_definition: "web:1".to_owned(),
            container: "web".to_owned(),
            image: "web".to_owned(),
            status: TaskStatus::Running,
            is_wanted: true,
            was_up: true,
            created_at: Timestamp::UNIX_EPOCH,
            started_at: None,
            stopped_at: None,
            stop_code: None,
            stopped_reason: None,
            exit_code: None,
            address: None,
            process: Some(process),
        }
    }

    #[test]
    fn what_a_killed_cluster_left_running_is_ended_and_nothing_else() {
        let start = || Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let (mut left, mut foreign) = (start(), start());
        let of = |child: &std::process::Child| process::identify(child.id().try_into().unwrap()).unwrap();
        let reused = ProcessId { started: of(&foreign).started - 1, ..of(&foreign) };
        let mut state = State::default();
        for task in [running(of(&left)), running(reused)] {
            state.tasks.insert(task.id.clone(), task);
        }
        end_leftovers(&mut state);
        assert_eq!(left.wait().unwrap().signal(), Some(9));
        assert!(foreign.try_wait().unwrap().is_none(), "its number is the same, and its start is not");
        assert!(state.tasks.values().all(|task| task.status == TaskStatus::Stopped));
        foreign.kill().unwrap();
        foreign.wait().unwrap();
    }
}
