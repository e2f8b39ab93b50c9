//! A cluster with a service behind a load balancer, and the clients that a deploy has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_ecs::types as ecs;
use system::cluster::{self, ImageSource, RoutedGroups, Timing, UnpackedImage};
use system::rollout::{Aws, Event, Expected, Limits, Options, Outcome, ServiceStatus, back, status, watch};
use system::router::{self, HealthCheck, Router, Rule};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

pub const CLUSTER: &str = "example";
pub const SERVICE: &str = "guestbook";
pub const IMAGE: &str =
    "registry.example/guestbook@sha256:0000000000000000000000000000000000000000000000000000000000000001";
pub const NO_IMAGE: &str =
    "registry.example/guestbook@sha256:0000000000000000000000000000000000000000000000000000000000000002";
const GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/example-guestbook/0123456789abcdef";

pub struct Stage {
    pub aws: Aws,
    pub ecs: aws_sdk_ecs::Client,
    pub cluster: cluster::Running,
    pub router: Arc<Router>,
    pub folder: TempDir,
}

/// The one image that there is: the tiny service.
struct OneImage;

#[async_trait]
impl ImageSource for OneImage {
    async fn fetch(&self, reference: &str) -> Result<UnpackedImage, String> {
        if reference != IMAGE {
            return Err(format!(
                "pull image manifest has been retried 1 time(s): failed to resolve ref {reference}: not found"
            ));
        }
        Ok(UnpackedImage {
            root: None,
            command: vec![env!("CARGO_BIN_EXE_tiny-service").to_owned()],
            environment: Vec::new(),
            user: None,
        })
    }
}

/// A version of the service: what its task definition says.
#[derive(Clone, Copy)]
pub struct Version<'a> {
    pub name: &'a str,
    pub image: &'a str,
    pub behavior: &'a str,
    /// `valueFrom` of the secret that it is given.
    pub secret: &'a str,
}

impl<'a> Version<'a> {
    pub fn healthy(name: &'a str) -> Self {
        Self { name, image: IMAGE, behavior: "", secret: "known" }
    }
}

impl Stage {
    /// Two tasks of version `one`, up and healthy.
    pub async fn with_version_one() -> (Self, Expected) {
        let stage = Self::empty().await;
        stage.ecs.create_cluster().cluster_name(CLUSTER).send().await.expect("a cluster is made");
        let expected = stage.register(&Version::healthy("one")).await;
        stage.create_service(&expected).await;
        let (outcome, _) = stage.watch(&expected, &options()).await;
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
        (stage, expected)
    }

    pub async fn empty() -> Self {
        Self::with_images(Arc::new(OneImage)).await
    }

    pub async fn with_images(images: Arc<dyn ImageSource>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let rule =
            Rule { priority: 1, paths: vec!["/*".to_owned()], hosts: Vec::new(), group: SERVICE.to_owned() };
        let check = HealthCheck { interval: Duration::from_millis(20), ..HealthCheck::default() };
        let router_options = router::Options { check, ..router::Options::default() };
        let router = Arc::new(Router::start_with(vec![rule], router_options).await.expect("a router"));
        let options = cluster::Options { images, ..cluster_options(&folder, &router) };
        let cluster = cluster::serve(options).await.expect("a cluster");
        let config = config(&cluster.url()).await;
        let ecs = aws_sdk_ecs::Client::new(&config);
        Self { aws: Aws::new(&config), ecs, cluster, router, folder }
    }

    /// Registers a task definition.
    pub async fn register(&self, version: &Version<'_>) -> Expected {
        let variable = |name: &str, value: &str| ecs::KeyValuePair::builder().name(name).value(value).build();
        let secret =
            ecs::Secret::builder().name("PASSWORD").value_from(version.secret).build().expect("whole");
        let log = ecs::LogConfiguration::builder()
            .log_driver(ecs::LogDriver::Awslogs)
            .options("awslogs-group", "example")
            .options("awslogs-stream-prefix", "task")
            .build()
            .expect("whole");
        let container = ecs::ContainerDefinition::builder()
            .name(SERVICE)
            .image(version.image)
            .environment(variable("VERSION", version.name))
            .environment(variable("BEHAVIOR", version.behavior))
            .secrets(secret)
            .log_configuration(log)
            .build();
        let family = format!("{CLUSTER}-{SERVICE}");
        let register = self.ecs.register_task_definition().family(family).container_definitions(container);
        let answer = register.send().await.expect("a task definition is registered");
        let arn = answer.task_definition().and_then(ecs::TaskDefinition::task_definition_arn);
        Expected { service: SERVICE.to_owned(), task_definition_arn: arn.expect("it has an ARN").to_owned() }
    }

    pub async fn create_service(&self, expected: &Expected) {
        let target = ecs::LoadBalancer::builder()
            .target_group_arn(GROUP)
            .container_name(SERVICE)
            .container_port(8080)
            .build();
        let breaker = ecs::DeploymentCircuitBreaker::builder().enable(true).rollback(true).build();
        let deployment = ecs::DeploymentConfiguration::builder().deployment_circuit_breaker(breaker).build();
        self.ecs
            .create_service()
            .cluster(CLUSTER)
            .service_name(SERVICE)
            .task_definition(&expected.task_definition_arn)
            .desired_count(2)
            .load_balancers(target)
            .health_check_grace_period_seconds(1)
            .deployment_configuration(deployment)
            .send()
            .await
            .expect("a service is made");
    }

    /// As Terraform does it: the service is told to run another task definition.
    pub async fn update(&self, expected: &Expected) {
        let update = self.ecs.update_service().cluster(CLUSTER).service(SERVICE);
        update.task_definition(&expected.task_definition_arn).send().await.expect("the service is updated");
    }

    pub async fn watch(&self, expected: &Expected, options: &Options) -> (Outcome, Vec<Event>) {
        self.watch_until(expected, options, &CancellationToken::new(), |_| {}).await
    }

    pub async fn watch_until(
        &self,
        expected: &Expected,
        options: &Options,
        stop: &CancellationToken,
        mut look: impl FnMut(&Event) + Send,
    ) -> (Outcome, Vec<Event>) {
        let mut events = Vec::new();
        let mut sink = |event: Event| {
            look(&event);
            events.push(event);
        };
        let expected = std::slice::from_ref(expected);
        let outcomes = watch(&self.aws, CLUSTER, expected, options, stop, &mut sink).await;
        let outcome = outcomes.expect("the cluster answers").remove(0).outcome;
        (outcome, events)
    }

    /// Deploys what fails, and goes back; what the failure was.
    pub async fn fail_and_go_back(
        &self,
        bad: &Expected,
        good: &Expected,
        options: &Options,
    ) -> system::rollout::Failure {
        self.update(bad).await;
        let (outcome, events) = self.watch(bad, options).await;
        let Outcome::Failed(failure) = outcome else { panic!("{outcome:?} after {events:#?}") };
        self.go_back(good).await;
        failure
    }

    pub async fn go_back(&self, good: &Expected) {
        let outcome =
            back(&self.aws, CLUSTER, good, &options(), &CancellationToken::new(), &mut |_| {}).await;
        let outcome = outcome.expect("the cluster answers");
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
        self.assert_runs(good, "one").await;
    }

    /// Two healthy tasks of this version, and nothing else.
    pub async fn assert_runs(&self, expected: &Expected, version: &str) {
        let status = self.status().await;
        assert!(status.is_stable, "{status:#?}");
        assert_eq!(status.task_definition_arn, expected.task_definition_arn);
        assert_eq!((status.running_count, status.healthy_count), (2, Some(2)), "{status:#?}");
        let revision = expected.task_definition_arn.rsplit('/').next().expect("it has one");
        assert!(status.tasks.iter().all(|task| task.task_definition == revision), "{status:#?}");
        assert_eq!(get(self.router.address(), "/").await, Ok(version.to_owned()));
    }

    pub async fn status(&self) -> ServiceStatus {
        status(&self.aws, CLUSTER).await.expect("the cluster answers").remove(0)
    }
}

/// Fast enough for tests: a look every few milliseconds.
pub fn options() -> Options {
    Options {
        poll: Duration::from_millis(20),
        limits: Limits {
            begin: Duration::from_secs(5),
            shortage: Duration::from_secs(60),
            total: Duration::from_secs(60),
            beyond_grace: Duration::ZERO,
        },
        health_grace: Some(Duration::from_millis(100)),
        log_wait: Duration::from_secs(5),
        ..Options::default()
    }
}

pub fn cluster_options(folder: &TempDir, router: &Arc<Router>) -> cluster::Options {
    cluster::Options {
        port: 0,
        folder: folder.path().to_owned(),
        account_id: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        images: Arc::new(OneImage),
        load_balancer: Arc::new(RoutedGroups::new(Arc::clone(router), |_| SERVICE.to_owned())),
        secrets: Arc::new(|from| {
            Box::pin(async move {
                if from == "known" {
                    Ok("s3cret".to_owned())
                } else {
                    Err(format!("there is no secret {from}"))
                }
            })
        }),
        environment: Arc::new(|_, _| {}),
        timing: Timing {
            tick: Duration::from_millis(10),
            restart_delay: Duration::from_millis(20),
            ..Timing::default()
        },
    }
}

pub async fn config(url: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(url)
        .load()
        .await
}

/// The body of an answer, over a connection of its own; else what was wrong.
pub async fn get(address: SocketAddr, path: &str) -> Result<String, String> {
    ask("GET", address, path).await
}

/// The same for a request that no load balancer sends twice.
pub async fn post(address: SocketAddr, path: &str) -> Result<String, String> {
    ask("POST", address, path).await
}

async fn ask(method: &str, address: SocketAddr, path: &str) -> Result<String, String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = exchange.await.map_err(|error| error.to_string())?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(answer),
    }
}
