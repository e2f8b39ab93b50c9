//! The background process: starts everything, says where it is, and holds it until it is asked to end.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use sitepush::local::edge::{Clock, Edge, EdgeOptions, KeyValueStore, RunningEdge, UpstreamRoute};
use tokio::signal::unix::{SignalKind, signal};
use xtask::project::Project;

use super::found::{CHILDREN_FILE, ENVIRONMENT_FILE, Environment, ProcessMark, STANDING_IN_FILE};
use super::origin::Bucket;
use super::programs::{self, Server};
use super::tree::{self, ACCOUNT, REGION};
use super::{cloudfront, gaps, secrets};
use crate::cluster::{self, RegistryImages, RoutedGroups, Timing};
use crate::deploy::settings::StandingIn;
use crate::router::Router;
use crate::services;
use crate::stores::Stores;

/// What the root module of staging names everything after.
const NAME: &str = "sitepush-staging";

/// How often the children are looked after.
const WATCH: Duration = Duration::from_secs(1);

/// The flags of the background process; nobody types them.
#[derive(Debug, clap::Args)]
pub struct BackgroundArguments {
    /// Where its files are
    #[arg(long)]
    folder: PathBuf,
    /// Where the emulators' programs are
    #[arg(long)]
    emulators: PathBuf,
}

/// Everything that runs. Fields are dropped in their order: what needs others comes first.
struct All {
    edge: RunningEdge,
    router: Arc<Router>,
    stores: Stores,
    servers: Vec<Server>,
}

/// Starts the environment, and ends it at SIGTERM or Ctrl-C, or when a part of it dies.
///
/// # Errors
/// When a part does not come up, or dies.
pub fn run(project: &Project, arguments: &BackgroundArguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(hold(project, arguments))
}

async fn hold(project: &Project, arguments: &BackgroundArguments) -> Result<ExitCode> {
    let BackgroundArguments { folder, emulators } = arguments;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    let mut servers = Vec::new();
    for start in [programs::moto as fn(&Path, &Path) -> Result<Server>, programs::ministack] {
        servers.push(start(emulators, folder)?);
        remember(folder, &servers, None)?;
    }
    servers.push(programs::registry(folder)?);
    remember(folder, &servers, None)?;
    let stores = Stores::start(&folder.join("stores"))?;
    remember(folder, &servers, Some(&stores))?;
    let [moto, ministack, registry] = [0, 1, 2].map(|index: usize| servers[index].url.clone());

    let router = Arc::new(Router::start(services::rules(&services::services(project)?)).await?);
    let edge = serve_edge(&moto, &ministack, router.address()).await?;
    let site_url = format!("http://{}", edge.address);
    let cluster = cluster::serve(cluster::Options {
        port: 0,
        folder: folder.join("cluster"),
        account_id: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
        images: Arc::new(images(folder, registry.clone())),
        load_balancer: Arc::new(RoutedGroups::new(Arc::clone(&router), group_of)),
        secrets: secrets::source(moto.clone()),
        environment: environment_rule(&stores, &site_url),
        timing: Timing::default(),
    })
    .await?;
    let standing_in = StandingIn {
        folder: tree::root_module(folder),
        var_file: tree::var_file(folder),
        registry_url: registry,
        site_url,
        // Only a watcher is told of the cluster's tasks; Terraform manages groups and logs, which are moto's.
        terraform_variables: ["CLOUDWATCH_LOGS", "ELASTIC_LOAD_BALANCING_V2"]
            .map(|service| (format!("AWS_ENDPOINT_URL_{service}"), moto.clone()))
            .into(),
        gaps: gaps::list(),
    };
    write(&folder.join(STANDING_IN_FILE), &standing_in)?;
    let process = ProcessMark::of(std::process::id()).context("this process is not there")?;
    let environment = Environment { process, variables: variables(&moto, &ministack, &cluster.url()) };
    write(&folder.join(ENVIRONMENT_FILE), &environment)?;

    let mut all = All { edge, router, stores, servers };
    let ended = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        name = first_to_die(&mut all) => Some(name),
    };
    // Tasks first, as long as there is a load balancer to drain them from and a database to finish with.
    cluster.stop().await;
    all.edge.stop().await;
    drop(all.router);
    // The stores take a while, and block.
    tokio::task::spawn_blocking(move || drop((all.stores, all.servers)))
        .await
        .context("cannot end the stores")?;
    match ended {
        None => Ok(ExitCode::SUCCESS),
        Some(name) => bail!("{name} ended by itself"),
    }
}

async fn first_to_die(all: &mut All) -> String {
    loop {
        tokio::time::sleep(WATCH).await;
        if let Some(server) =
            all.servers.iter_mut().find_map(|server| server.has_ended().then_some(server.name))
        {
            return server.to_owned();
        }
        if !all.stores.postgres.is_running() {
            return "PostgreSQL".to_owned();
        }
        if !all.stores.redis.is_running() {
            return "Redis".to_owned();
        }
    }
}

/// Writes down whose processes these are, for whoever cleans up when this one was killed.
fn remember(folder: &Path, servers: &[Server], stores: Option<&Stores>) -> Result<()> {
    let of_stores = stores.map(|stores| [stores.postgres.process_id(), stores.redis.process_id()]);
    let ids = servers.iter().map(|server| Some(server.id())).chain(of_stores.into_iter().flatten());
    let marks: Vec<ProcessMark> = ids.flatten().filter_map(ProcessMark::of).collect();
    write(&folder.join(CHILDREN_FILE), &marks)
}

/// Whole or not at all: others read it while this writes.
fn write(file: &Path, value: &impl serde::Serialize) -> Result<()> {
    let text =
        serde_json::to_vec_pretty(value).with_context(|| format!("cannot write {}", file.display()))?;
    let unfinished = file.with_extension("unfinished");
    fs::write(&unfinished, text)
        .and_then(|()| fs::rename(&unfinished, file))
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Task definitions name images by ECR's host; they lie in the registry that stands in for it.
fn images(folder: &Path, registry_url: String) -> RegistryImages {
    let address_of = move |reference: &str| {
        let name = reference.split_once('/').map_or(reference, |(_, name)| name);
        format!("{}/{name}", registry_url.trim_start_matches("http://"))
    };
    RegistryImages::new(folder.join("images"), address_of)
}

/// The service of a target group, whose ARN ends with `targetgroup/NAME-SERVICE/ID`.
fn group_of(arn: &str) -> String {
    let name = arn.rsplit('/').nth(1).unwrap_or(arn);
    name.strip_prefix(NAME).and_then(|rest| rest.strip_prefix('-')).unwrap_or(name).to_owned()
}

/// What AWS's names mean here: the stores of this machine, without TLS, and the site's address.
fn environment_rule(
    stores: &Stores,
    site_url: &str,
) -> Arc<impl Fn(&str, &mut BTreeMap<String, String>) + Send + Sync + use<>> {
    let stores: Vec<_> = stores.postgres.variables().into_iter().chain(stores.redis.variables()).collect();
    let site_url = site_url.to_owned();
    Arc::new(move |_: &str, environment: &mut BTreeMap<String, String>| {
        for (name, value) in &stores {
            // A service is told of the stores that it was told of, and of no others.
            let store = name.split('_').next().unwrap_or_default();
            if environment.contains_key(&format!("{store}_HOST")) {
                environment.insert((*name).to_owned(), value.clone());
            }
        }
        environment.remove("DATABASE_CA_FILE");
        environment.insert("SITE_ORIGIN".to_owned(), site_url.clone());
    })
}

async fn serve_edge(moto: &str, ministack: &str, router: SocketAddr) -> Result<RunningEdge> {
    let store = KeyValueStore::new();
    let client = aws_sdk_s3::Client::new(&client_config(moto).await);
    let bucket = Bucket { client, name: format!("{NAME}-site-{ACCOUNT}") };
    let options = EdgeOptions {
        store: store.clone(),
        upstreams: vec![UpstreamRoute { pattern: "/api/*".to_owned(), address: router }],
        ..EdgeOptions::default()
    };
    let edge =
        Edge::new(Arc::new(bucket), options, Clock::default()).context("cannot run the edge function")?;
    let running =
        edge.serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.context("cannot serve the site")?;
    let client = aws_sdk_cloudfront::Client::new(&client_config(ministack).await);
    tokio::spawn(cloudfront::follow(client, ministack.to_owned(), edge, store));
    Ok(running)
}

async fn client_config(endpoint: &str) -> SdkConfig {
    let keys = aws_credential_types::Credentials::new("emulated", "emulated", None, None, "emulated");
    let loader =
        aws_config::defaults(BehaviorVersion::latest()).region(Region::new(REGION)).endpoint_url(endpoint);
    loader.credentials_provider(keys).load().await
}

/// What every AWS client and Terraform go by.
fn variables(moto: &str, ministack: &str, cluster: &str) -> BTreeMap<String, String> {
    let own = [
        ("AWS_ACCESS_KEY_ID", "emulated"),
        ("AWS_SECRET_ACCESS_KEY", "emulated"),
        ("AWS_REGION", REGION),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        // A gap of an emulator then fails at once, instead of being asked for again.
        ("AWS_MAX_ATTEMPTS", "2"),
        ("AWS_ENDPOINT_URL", moto),
        ("AWS_ENDPOINT_URL_CLOUDFRONT", ministack),
        ("AWS_ENDPOINT_URL_CLOUDFRONT_KEYVALUESTORE", ministack),
        ("AWS_ENDPOINT_URL_ECS", cluster),
        ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", cluster),
        ("AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2", cluster),
    ];
    own.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_group_is_known_by_its_service() {
        let arn = "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/sitepush-staging-guestbook/50dc";
        assert_eq!(group_of(arn), "guestbook");
    }
}
