//! One task, from its placing to its end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::Child;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::process::{self, Reserved};
use super::scheduler::Health;
use super::state::{Fault, ProcessId, Service, Task, TaskDefinition, TaskStatus};
use crate::router::{TargetHealth, TargetState};

/// Fargate's default between SIGTERM and SIGKILL. Source: ECS API reference, `ContainerDefinition.stopTimeout`.
const STOP_SECONDS: u64 = 30;

/// Why a task did not come to run, as ECS says it.
struct StartFailure(String);

/// Runs a task to its end. `stop` asks it to end.
pub(super) async fn run(engine: Arc<Engine>, id: String, stop: CancellationToken) {
    let started = tokio::select! {
        started = start(&engine, &id) => started,
        () = stop.cancelled() => {
            finish(&engine, &id, None);
            return;
        }
    };
    match started {
        Ok((child, reserved)) => supervise(&engine, &id, child, reserved.address(), &stop).await,
        Err(StartFailure(reason)) => {
            end_with(&engine, &id, "TaskFailedToStart", &reason);
            finish(&engine, &id, None);
            engine.failed(&id);
        }
    }
}

/// Gets image and secrets, and starts the program.
async fn start(engine: &Arc<Engine>, id: &str) -> Result<(Child, Reserved), StartFailure> {
    let (task, definition, fault) = described(engine, id);
    set_status(engine, id, TaskStatus::Pending);
    if fault == Some(Fault::StuckPending) {
        std::future::pending::<()>().await;
    }
    let image = engine.options.images.fetch(&task.image).await;
    let image = image.map_err(|why| StartFailure(format!("CannotPullContainerError: {why}")))?;
    let environment = environment(engine, &task, &definition).await?;
    let cannot_start = |error: std::io::Error| StartFailure(format!("CannotStartContainerError: {error}"));
    let reserved = process::free_address().map_err(cannot_start)?;
    let address = reserved.address();
    let command = command(&definition, &image.command);
    let mut child = process::start(&image, &command, &environment, address).map_err(cannot_start)?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    follow_logs(engine, &task, &mut child).await;
    if let Some(task) = engine.state().tasks.get_mut(id) {
        task.status = TaskStatus::Running;
        task.started_at = Some(Timestamp::now());
        task.address = Some(address);
        task.process = pid.and_then(process::identify);
    }
    Ok((child, reserved))
}

/// Watches a running task until it ends, by itself or because it is asked to.
async fn supervise(
    engine: &Arc<Engine>,
    id: &str,
    mut child: Child,
    address: SocketAddr,
    stop: &CancellationToken,
) {
    let (_, definition, _) = described(engine, id);
    let group = with_service(engine, id, |service| service.target_group().map(ToOwned::to_owned)).flatten();
    let balancer = Arc::clone(&engine.options.load_balancer);
    if let Some(group) = &group {
        balancer.register(group, address);
        say(engine, id, &format!("registered 1 targets in (target-group {group})"));
    }
    let asked = tokio::select! {
        _ = child.wait() => false,
        () = stop.cancelled() => true,
    };
    if !asked {
        end_with(engine, id, "EssentialContainerExited", "Essential container in task exited");
    }
    if let Some(group) = &group {
        set_status(engine, id, TaskStatus::Deactivating);
        say(engine, id, &format!("deregistered 1 targets in (target-group {group})"));
        say(engine, id, "has begun draining connections on 1 tasks.");
        balancer.deregister(group, address).await;
    }
    set_status(engine, id, TaskStatus::Stopping);
    let seconds = definition.container()["stopTimeout"].as_u64().unwrap_or(STOP_SECONDS);
    let limit = Duration::from_secs(seconds).min(engine.options.timing.stop_limit);
    let code = end(&mut child, process_of(engine, id), limit).await;
    finish(engine, id, code);
    if !asked {
        engine.failed(id);
    }
}

/// SIGTERM, some time, SIGKILL; and whatever the process left behind with it.
async fn end(child: &mut Child, process: Option<ProcessId>, limit: Duration) -> Option<i32> {
    if let Some(process) = process {
        process::terminate(process);
    }
    if tokio::time::timeout(limit, child.wait()).await.is_err() {
        if let Some(process) = process {
            process::kill(process);
        }
        let _ = child.kill().await;
    }
    let status = child.wait().await.ok();
    if let Some(process) = process {
        process::kill_left_behind(process);
    }
    status.map(process::exit_code)
}

/// What the task definition, its secrets and the cluster's rule give the program.
async fn environment(
    engine: &Engine,
    task: &Task,
    definition: &TaskDefinition,
) -> Result<BTreeMap<String, String>, StartFailure> {
    let pairs = |list: &str, value: &str| -> Vec<(String, String)> {
        let entries = definition.container()[list].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| Some((entry["name"].as_str()?.to_owned(), entry[value].as_str()?.to_owned())))
            .collect()
    };
    let mut environment: BTreeMap<String, String> = pairs("environment", "value").into_iter().collect();
    for (name, from) in pairs("secrets", "valueFrom") {
        let value = (engine.options.secrets)(from).await;
        let value = value.map_err(|why| {
            StartFailure(format!(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: \
                 unable to retrieve secret from asm: {why}"
            ))
        })?;
        environment.insert(name, value);
    }
    (engine.options.environment)(&task.service, &mut environment);
    Ok(environment)
}

/// The image's command, unless the task definition has another.
fn command(definition: &TaskDefinition, of_image: &[String]) -> Vec<String> {
    let list = |name: &str| -> Vec<String> {
        let words = definition.container()[name].as_array().cloned().unwrap_or_default();
        words.iter().filter_map(|word| word.as_str().map(ToOwned::to_owned)).collect()
    };
    match (list("entryPoint"), list("command")) {
        (entry_point, command) if !entry_point.is_empty() => [entry_point, command].concat(),
        // Images here have an entry point and no command: what is given goes to it.
        (_, command) => [of_image.to_vec(), command].concat(),
    }
}

/// Sends what the program writes to the task's log and its file.
async fn follow_logs(engine: &Arc<Engine>, task: &Task, child: &mut Child) {
    let name = format!("{}-{}.log", task.service, task.id);
    let file = tokio::fs::File::create(engine.options.folder.join("logs").join(name)).await.ok();
    let file = Arc::new(Mutex::new(file));
    if let Some(output) = child.stdout.take() {
        tokio::spawn(follow(Arc::clone(engine), task.id.clone(), output, Arc::clone(&file)));
    }
    if let Some(output) = child.stderr.take() {
        tokio::spawn(follow(Arc::clone(engine), task.id.clone(), output, file));
    }
}

async fn follow(
    engine: Arc<Engine>,
    id: String,
    output: impl AsyncRead + Unpin,
    file: Arc<Mutex<Option<tokio::fs::File>>>,
) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        if let Some(file) = &mut *file.lock().await {
            let _ = file.write_all(&line).await;
            let _ = file.flush().await;
        }
        engine.log(&id, String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
    }
}

/// What the load balancer says of a task; `health` is none where there is no load balancer.
pub(super) fn health_of(task: &Task, health: Option<&[TargetHealth]>) -> Health {
    let Some(health) = health else { return Health::Good };
    let target = task.address.and_then(|address| health.iter().find(|target| target.address == address));
    match target {
        Some(target) => match target.state {
            TargetState::Healthy => Health::Good,
            TargetState::Unhealthy => Health::Bad(target.description.clone().unwrap_or_default()),
            TargetState::Initial | TargetState::Draining => Health::Unknown,
        },
        None => Health::Unknown,
    }
}

/// The task, its definition and what is to go wrong. All of them are there while the task lives.
fn described(engine: &Engine, id: &str) -> (Task, TaskDefinition, Option<Fault>) {
    let state = engine.state();
    let task = state.tasks.get(id).expect("a task that lives is kept").clone();
    let definition = state.task_definitions[&task.task_definition].clone();
    let service = state.services.iter().find(|one| one.is_called(&task.cluster, &task.service));
    let fault = service.and_then(|service| service.fault);
    (task, definition, fault)
}

fn with_service<T>(engine: &Engine, id: &str, act: impl FnOnce(&mut Service) -> T) -> Option<T> {
    let mut state = engine.state();
    let task = state.tasks.get(id)?.clone();
    let service = state.services.iter_mut().find(|one| one.is_called(&task.cluster, &task.service))?;
    Some(act(service))
}

fn say(engine: &Engine, id: &str, text: &str) {
    with_service(engine, id, |service| service.say(Timestamp::now(), text));
}

fn process_of(engine: &Engine, id: &str) -> Option<ProcessId> {
    engine.state().tasks.get(id)?.process
}

fn set_status(engine: &Engine, id: &str, status: TaskStatus) {
    if let Some(task) = engine.state().tasks.get_mut(id) {
        task.status = status;
    }
}

/// Says why a task ends, unless that was said.
fn end_with(engine: &Engine, id: &str, code: &str, reason: &str) {
    if let Some(task) = engine.state().tasks.get_mut(id).filter(|task| task.is_wanted) {
        task.is_wanted = false;
        task.stop_code = Some(code.to_owned());
        task.stopped_reason = Some(reason.to_owned());
    }
}

fn finish(engine: &Engine, id: &str, exit_code: Option<i32>) {
    if let Some(task) = engine.state().tasks.get_mut(id) {
        task.is_wanted = false;
        task.status = TaskStatus::Stopped;
        task.stopped_at = Some(Timestamp::now());
        task.exit_code = exit_code;
        task.process = None;
    }
    engine.forget(id);
}
