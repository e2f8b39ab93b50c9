//! A service kept running: registered at the router while it lives, started again when it dies, replaced by another build
//! without a failed request, and ended as ECS ends a task.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::Signal;
use service_testkit::free_port;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::child::{Child, Output};
use super::environment::{Surroundings, variables};
use super::http::Http;
use super::log::Log;
use super::record::Record;
use crate::router::{Router, TargetState};
use crate::services::Service;

/// How long a new process may take until it is ready, migrations included.
const READY_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// From SIGTERM to SIGKILL: longer than `DRAIN_SECONDS`, which is 20.
const STOP_LIMIT: Duration = Duration::from_secs(25);

/// How long to wait before a process is started again: doubled each time, and the first again after a long life.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const LONG_LIFE: Duration = Duration::from_secs(60);

/// What a service is run with.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub service: Service,
    pub surroundings: Arc<Surroundings>,
    pub router: Arc<Router>,
    pub record: Arc<Record>,
    pub log: Arc<Log>,
}

/// A service that is kept running until it is ended.
#[derive(Debug)]
pub(super) struct Kept {
    orders: mpsc::Sender<Order>,
    process: watch::Receiver<Option<u32>>,
    keeper: JoinHandle<()>,
}

enum Order {
    Replace(PathBuf, oneshot::Sender<Result<()>>),
    End,
}

/// One process of a service.
struct Instance {
    child: Child,
    address: SocketAddr,
}

impl Kept {
    /// Starts the service and waits until it is ready.
    ///
    /// # Errors
    /// When it ends before that, or takes too long; with the last lines of its log.
    pub async fn start(setup: Setup, program: PathBuf) -> Result<Self> {
        let mut instance = setup.begin(&program)?;
        setup.wait_until_ready(&mut instance).await?;
        let (orders, receiver) = mpsc::channel(1);
        let (sender, process) = watch::channel(Some(instance.child.process()));
        let keeper = tokio::spawn(keep(setup, program, instance, receiver, sender));
        Ok(Self { orders, process, keeper })
    }

    /// The process that runs now; none between two.
    pub fn process(&self) -> Option<u32> {
        *self.process.borrow()
    }

    /// Puts another build in its place: started and ready before the present one is asked to end.
    ///
    /// # Errors
    /// When it does not become ready; the present one then stays.
    pub async fn replace(&self, program: PathBuf) -> Result<()> {
        let (done, outcome) = oneshot::channel();
        let ended = || anyhow!("the service is ending");
        self.orders.send(Order::Replace(program, done)).await.map_err(|_| ended())?;
        outcome.await.map_err(|_| ended())?
    }

    /// Ends it, once what it was asked is answered.
    pub async fn end(mut self) {
        // The keeper ends by itself only when it panicked.
        let _ = self.orders.send(Order::End).await;
        let _ = (&mut self.keeper).await;
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Its process is killed with it.
        self.keeper.abort();
    }
}

async fn keep(
    setup: Setup,
    mut program: PathBuf,
    first: Instance,
    mut orders: mpsc::Receiver<Order>,
    process: watch::Sender<Option<u32>>,
) {
    let mut pause = FIRST_PAUSE;
    let mut next = Some(first);
    loop {
        let began = Instant::now();
        if let Some(mut instance) = next.take() {
            process.send_replace(Some(instance.child.process()));
            loop {
                tokio::select! {
                    ended = instance.child.wait() => {
                        setup.router.deregister_within(setup.name(), instance.address, Duration::ZERO).await;
                        process.send_replace(None);
                        let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                        setup.log.say(&format!("ENDED UNEXPECTEDLY with {how}; the last of {}:{}",
                            setup.log.path().display(), setup.log.tail()));
                        break;
                    }
                    order = orders.recv() => match order {
                        Some(Order::Replace(other, done)) => {
                            let replaced = setup.renew(&mut instance, &other).await;
                            if replaced.is_ok() {
                                program = other;
                                process.send_replace(Some(instance.child.process()));
                            }
                            // Who asked may have gone.
                            let _ = done.send(replaced);
                        }
                        Some(Order::End) | None => return setup.finish(instance).await,
                    },
                }
            }
        }
        if began.elapsed() > LONG_LIFE {
            pause = FIRST_PAUSE;
        }
        setup.log.say(&format!("is started again in {} s", pause.as_secs_f32()));
        tokio::select! {
            () = sleep(pause) => {}
            order = orders.recv() => match order {
                // A build that may do better than the one that died.
                Some(Order::Replace(other, done)) => {
                    program = other;
                    let _ = done.send(Ok(()));
                }
                Some(Order::End) | None => return,
            },
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
        next = setup.begin(&program).inspect_err(|error| setup.log.say(&format!("{error:#}"))).ok();
    }
}

impl Setup {
    fn name(&self) -> &str {
        &self.service.name
    }

    /// Starts a process on a free port, and tells the router of it.
    fn begin(&self, program: &PathBuf) -> Result<Instance> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut command = Command::new(program);
        let variables = variables(self.name(), &self.service.description, address, &self.surroundings);
        command.env_clear().envs(variables);
        let child = Child::spawn(command, Output::Logged, &self.log, &self.record)?;
        self.router.register(self.name(), address);
        Ok(Instance { child, address })
    }

    /// Waits until the load balancer and the service itself say that it can be asked.
    async fn wait_until_ready(&self, instance: &mut Instance) -> Result<()> {
        let http = Http::new(&format!("http://{}", instance.address));
        let is_healthy = || {
            let is_it = |health: &crate::router::TargetHealth| {
                health.address == instance.address && health.state == TargetState::Healthy
            };
            self.router.health(self.name()).iter().any(is_it)
        };
        let mut last = String::from("it did not answer");
        let ready = async {
            loop {
                match http.get("/readyz").await {
                    Ok(answer) if answer.status == 200 && is_healthy() => return,
                    Ok(answer) => last = format!("`/readyz` answered {}", answer.describe()),
                    Err(_) => {}
                }
                sleep(POLL).await;
            }
        };
        let outcome = tokio::select! {
            ended = instance.child.wait() => Err(anyhow!("it ended with {}", ended?)),
            ready = timeout(READY_LIMIT, ready) => {
                ready.map_err(|_| anyhow!("it was not ready within {} s: {last}", READY_LIMIT.as_secs()))
            }
        };
        if outcome.is_err() {
            self.router.deregister_within(self.name(), instance.address, Duration::ZERO).await;
        }
        let tail = || format!("{} did not start; the last of its log:{}", self.name(), self.log.tail());
        outcome.with_context(tail)
    }

    /// Puts a new process in the place of `instance`.
    async fn renew(&self, instance: &mut Instance, program: &PathBuf) -> Result<()> {
        let mut new = self.begin(program)?;
        tokio::select! {
            ready = self.wait_until_ready(&mut new) => ready?,
            ended = instance.child.wait() => {
                self.router.deregister_within(self.name(), instance.address, Duration::ZERO).await;
                self.log.say(&format!("the earlier process ended with {}", ended?));
                *instance = new;
                bail!("the earlier process ended while the new one was started; the new one runs");
            }
        }
        let old = std::mem::replace(instance, new);
        self.finish(old).await;
        Ok(())
    }

    /// Takes the process out of the router, which waits for what it was asked, and ends it.
    async fn finish(&self, instance: Instance) {
        self.router.deregister(self.name(), instance.address).await;
        match instance.child.end(Signal::TERM, STOP_LIMIT).await {
            Ok(status) if status.success() => {}
            Ok(status) => self.log.say(&format!("ended with {status}")),
            Err(error) => self.log.say(&format!("{error:#}")),
        }
    }
}
