//! The application as a value: started, asked where it is, stopped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use futures::future::join_all;
use service_testkit::free_port;
use tokio::task::spawn_blocking;
use xtask::project::Project;
use xtask::tools;

use super::build::{self, Programs, SITEPUSH};
use super::environment::{Surroundings, secret_key};
use super::lock::Lock;
use super::log::{Log, Shown};
use super::record::Record;
use super::service::{self, Kept};
use super::site::{self, Site};
use super::store::KeptStores;
use crate::router::{self, HealthCheck, Router};
use crate::services::{self, Service};
use crate::stores;

/// How an application is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where data, logs and the build of the site are; made when it is not there.
    pub folder: PathBuf,
    /// The port of the one address; 0 takes a free one.
    pub port: u16,
    /// Whether to forget the data of earlier runs.
    pub fresh: bool,
    pub shown: Shown,
}

/// All of it, at work. Dropped, it is ended without much waiting; [`stop`](Self::stop) lets what was begun be answered.
#[derive(Debug)]
pub struct Application {
    project: Project,
    folder: PathBuf,
    services: Vec<Service>,
    commit: String,
    secrets: BTreeMap<String, String>,
    // In the order in which they are dropped: who asks before who answers.
    site: Site,
    kept: BTreeMap<String, Kept>,
    fingerprints: BTreeMap<String, Option<u64>>,
    router: Arc<Router>,
    stores: KeptStores,
    record: Arc<Record>,
    logs: Vec<Arc<Log>>,
    _lock: Lock,
}

impl Application {
    /// Builds everything, starts everything, and comes back when all of it is ready. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When a tool is missing, a build fails, something does not start (with the last lines of its log), or the folder is in
    /// use ([`LockError::Held`](super::LockError) is the cause then).
    pub async fn start(project: &Project, options: Options) -> Result<Self> {
        let folder = options.folder.clone();
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let lock = Lock::take(&folder.join("lock"))?;
        let (record, left) = Record::open(folder.join("processes.json"))?;
        for process in &left {
            step(&format!(
                "ended `{}` (process {}), which an earlier run left behind",
                process.name, process.process
            ));
        }
        let record = Arc::new(record);
        let services = services::services(project)?;
        let commit = project.commit().unwrap_or_else(|| "dev".to_owned());
        let programs = build_all(project, &services, &commit, &site_folder(&folder)).await?;

        let logs = Logs::create(&folder, options.shown)?;
        step("starting PostgreSQL and Redis");
        let data = stores::reachable(&folder.join("stores"));
        if options.fresh {
            forget(&data)?;
            forget(&folder.join("secrets"))?;
        }
        let stores = KeptStores::start(&data, &record, &logs.of("stores")?).await?;
        let beginning =
            Beginning { project, folder: &folder, port: options.port, services: &services, commit: &commit };
        match beginning.start(&programs, &stores, &record, &logs).await {
            Ok(Front { site, kept, router, secrets, logs }) => Ok(Self {
                project: project.clone(),
                folder,
                services,
                commit,
                secrets,
                site,
                kept,
                fingerprints: fingerprints(&programs),
                router,
                stores,
                record,
                logs,
                _lock: lock,
            }),
            Err(error) => {
                stores.end().await;
                Err(error)
            }
        }
    }

    /// Where it is: `http://127.0.0.1:4173`, with no slash at the end.
    pub fn address(&self) -> &str {
        &self.site.address.site_url
    }

    /// The services that run, by name.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| self.kept.contains_key(&service.name))
    }

    /// The build that is served.
    pub fn site_folder(&self) -> PathBuf {
        site_folder(&self.folder)
    }

    /// The folder of the logs.
    pub fn logs_folder(&self) -> PathBuf {
        logs_folder(&self.folder)
    }

    /// A secret that was made for a service.
    pub fn secret(&self, service: &str, variable: &str) -> Option<&str> {
        self.secrets.get(&secret_key(service, variable)).map(String::as_str)
    }

    /// The process of a service; none while it is between two, or unknown.
    pub fn process(&self, service: &str) -> Option<u32> {
        self.kept.get(service).and_then(Kept::process)
    }

    /// Every process that was started and runs, by its name in the logs; `postgres` and `redis` are the stores'.
    pub fn processes(&self) -> Vec<(String, u32)> {
        let processes = self.record.processes().into_iter();
        processes.map(|recorded| (recorded.name, recorded.process)).collect()
    }

    /// Kills all of them at once, for who cannot wait.
    pub fn killer(&self) -> impl Fn() + Send + use<> {
        let record = Arc::clone(&self.record);
        move || record.kill()
    }

    /// The ends of the logs, for who wants to know why something is wrong.
    pub fn last_lines(&self) -> String {
        let one = |log: &Arc<Log>| format!("the last of {}:{}\n", log.path().display(), log.tail());
        self.logs.iter().map(one).collect()
    }

    /// Puts a process of `program` in the place of a service's present one: no request fails.
    ///
    /// # Errors
    /// When there is no such service, or the new process does not become ready; the present one then stays.
    pub async fn replace(&self, service: &str, program: &Path) -> Result<()> {
        let kept = self.kept.get(service).with_context(|| format!("no service `{service}` runs"))?;
        kept.replace(program.to_owned()).await
    }

    /// Builds again, replaces the services whose program is another one than before, and has the edge publish the site
    /// when it changed. Gives back the names of the services.
    ///
    /// # Errors
    /// When a build fails, or a service does not become ready; what runs then stays.
    pub async fn take_in_changes(&mut self) -> Result<Vec<String>> {
        let programs = build_all(&self.project, &self.services, &self.commit, &self.site_folder()).await?;
        let new = fingerprints(&programs);
        let is_other = |name: &String| self.fingerprints.get(name) != new.get(name);
        let changed: Vec<_> = self.kept.keys().filter(|name| is_other(name)).cloned().collect();
        for name in &changed {
            self.replace(name, programs.get(name).context("it was built")?).await?;
            self.fingerprints.insert(name.clone(), new.get(name).copied().flatten());
        }
        Ok(changed)
    }

    /// Waits for what must not happen: the end of the edge, with its reason.
    pub async fn failed(&mut self) -> anyhow::Error {
        match self.site.ended().await {
            Ok(status) => anyhow!("the edge ended with {status}"),
            Err(error) => error,
        }
    }

    /// Ends all of it: first the edge, so that nobody asks any more; then the services, each with what it was asked
    /// answered; then the router and the stores.
    pub async fn stop(self) {
        self.site.end().await;
        join_all(self.kept.into_values().map(Kept::end)).await;
        if let Ok(router) = Arc::try_unwrap(self.router) {
            router.stop().await;
        }
        self.stores.end().await;
    }
}

/// What stands before the stores.
struct Front {
    site: Site,
    kept: BTreeMap<String, Kept>,
    router: Arc<Router>,
    secrets: BTreeMap<String, String>,
    logs: Vec<Arc<Log>>,
}

/// What [`Front`] is made of.
struct Beginning<'a> {
    project: &'a Project,
    folder: &'a Path,
    port: u16,
    services: &'a [Service],
    commit: &'a str,
}

impl Beginning<'_> {
    /// Starts the router, the services, and the edge; what was started is ended when something does not start.
    async fn start(
        &self,
        programs: &Programs,
        stores: &KeptStores,
        record: &Arc<Record>,
        logs: &Logs,
    ) -> Result<Front> {
        let secrets = secrets(self.services, &self.folder.join("secrets"))?;
        let router = Arc::new(start_router(self.services, &logs.of("router")?).await?);
        let port = if self.port == 0 { free_port() } else { self.port };
        let surroundings = Arc::new(Surroundings {
            site_origin: format!("http://127.0.0.1:{port}"),
            commit: self.commit.to_owned(),
            stores: stores.variables.clone(),
            secrets: secrets.clone(),
        });
        step("starting the services");
        let mut all_logs = Vec::new();
        let mut starting = Vec::new();
        for service in self.services {
            let log = logs.of(&service.name)?;
            let Some(program) = programs.get(&service.name).filter(|_| service.is_rust) else {
                log.say("is not run here: its folder has no Cargo.toml; the router answers 503 for it");
                continue;
            };
            all_logs.push(Arc::clone(&log));
            let setup = service::Setup {
                service: service.clone(),
                surroundings: Arc::clone(&surroundings),
                router: Arc::clone(&router),
                record: Arc::clone(record),
                log,
            };
            let (name, program) = (service.name.clone(), program.clone());
            starting.push(async move { (name, Kept::start(setup, program).await) });
        }
        let (kept, failed) = parted(join_all(starting).await);
        if let Some(error) = failed {
            join_all(kept.into_values().map(Kept::end)).await;
            return Err(error);
        }
        step("publishing the site to an edge on this machine");
        let log = logs.of("site")?;
        let setup = site::Setup {
            program: programs.get(SITEPUSH).context("it was built")?,
            folder: &site_folder(self.folder),
            port,
            router: router.address(),
            log: &log,
            record,
        };
        all_logs.push(Arc::clone(&log));
        match Site::start(self.project, &setup).await {
            Ok(site) => Ok(Front { site, kept, router, secrets, logs: all_logs }),
            Err(error) => {
                join_all(kept.into_values().map(Kept::end)).await;
                Err(error)
            }
        }
    }
}

/// Those that started, and why the first of the others did not.
fn parted(started: Vec<(String, Result<Kept>)>) -> (BTreeMap<String, Kept>, Option<anyhow::Error>) {
    let (mut kept, mut failed) = (BTreeMap::new(), None);
    for (name, outcome) in started {
        match outcome {
            Ok(service) => drop(kept.insert(name, service)),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    (kept, failed)
}

/// Says what is being done, to whoever waits for it.
pub(super) fn step(text: &str) {
    eprintln!("{text}");
}

fn site_folder(folder: &Path) -> PathBuf {
    folder.join("site")
}

fn logs_folder(folder: &Path) -> PathBuf {
    folder.join("logs")
}

fn forget(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

async fn build_all(project: &Project, services: &[Service], commit: &str, site: &Path) -> Result<Programs> {
    tools::need_node().map_err(|missing| stores::missing_tool(&missing))?;
    step("building the programs and the site");
    let (project, services, commit, site) =
        (project.clone(), services.to_vec(), commit.to_owned(), site.to_owned());
    let build = move || {
        let programs = build::programs(&project, &services)?;
        build::site(&project, &commit, &site)?;
        Ok(programs)
    };
    spawn_blocking(build).await.context("the build broke off")?
}

fn fingerprints(programs: &Programs) -> BTreeMap<String, Option<u64>> {
    programs.iter().map(|(name, program)| (name.clone(), build::fingerprint(program))).collect()
}

/// The secrets that services want for themselves, made once.
fn secrets(services: &[Service], folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut secrets = BTreeMap::new();
    for service in services {
        for variable in &service.description.generated_secrets {
            let secret = stores::keep_password(&folder.join(&service.name).join(variable))?;
            secrets.insert(secret_key(&service.name, variable), secret);
        }
    }
    Ok(secrets)
}

async fn start_router(services: &[Service], log: &Arc<Log>) -> Result<Router> {
    let check = |service: &Service| {
        let path = service.description.health_path.clone();
        (service.name.clone(), HealthCheck { path, ..HealthCheck::default() })
    };
    let log = Arc::clone(log);
    let on_request = move |entry: &router::Entry| {
        let target = entry.target.map_or_else(|| "-".to_owned(), |target| target.to_string());
        let group = entry.group.as_deref().unwrap_or("-");
        log.line(&format!("{} {} {} {group} {target}", entry.method, entry.path, entry.status));
    };
    let options = router::Options {
        checks: services.iter().map(check).collect(),
        on_request: Some(Arc::new(on_request)),
        ..router::Options::default()
    };
    Router::start_with(services::rules(services), options).await.context("cannot start the router")
}

/// Makes logs in one folder.
struct Logs {
    folder: PathBuf,
    shown: Shown,
}

impl Logs {
    fn create(folder: &Path, shown: Shown) -> Result<Self> {
        let folder = logs_folder(folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder, shown })
    }

    fn of(&self, name: &str) -> Result<Arc<Log>> {
        Ok(Arc::new(Log::create(&self.folder, name, self.shown)?))
    }
}
