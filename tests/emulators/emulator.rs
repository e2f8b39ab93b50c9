//! Starts an emulator on a free port of the loopback interface and stops it, by its process id, when it is dropped.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_cloudfront::types as cf;
use aws_sdk_s3::config::{BehaviorVersion, Region, ResponseChecksumValidation};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{Answer, BUCKET, Site, program};

/// Names the folder with the emulators' programs; `cargo xtask test --only emulators` sets it.
const VARIABLE: &str = "SITEPUSH_EMULATORS";
pub const ACCESS_KEY_ID: &str = "test";
pub const SECRET_ACCESS_KEY: &str = "test";
const REGION: &str = "us-east-1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Moto,
    Ministack,
}

/// A running emulator with a versioned bucket and a distribution in front of it.
pub struct Emulator {
    pub kind: Kind,
    pub url: String,
    pub distribution: String,
    pub s3: aws_sdk_s3::Client,
    pub cloudfront: aws_sdk_cloudfront::Client,
    pub acm: aws_sdk_acm::Client,
    pub route53: aws_sdk_route53::Client,
    pub runtime: Runtime,
    process: Running,
    home: TempDir,
}

/// A child that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Emulator {
    pub fn moto() -> Self {
        Self::start(Kind::Moto)
    }

    pub fn ministack() -> Self {
        Self::start(Kind::Ministack)
    }

    /// A moto that issues certificates so many seconds after they were requested, whatever DNS says.
    pub fn moto_issuing_after(seconds: u32) -> Self {
        Self::start_with(Kind::Moto, &[("MOTO_ACM_VALIDATION_WAIT", &seconds.to_string())])
    }

    fn start(kind: Kind) -> Self {
        Self::start_with(kind, &[])
    }

    fn start_with(kind: Kind, variables: &[(&str, &str)]) -> Self {
        // Between the look for a free port and its use somebody else may take it: then the child ends.
        for _ in 0..5 {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = listener.local_addr().expect("an address").port();
            drop(listener);
            let home = tempfile::tempdir().expect("a temporary folder");
            let process = Running(
                command(kind, port, &home)
                    .envs(variables.iter().copied())
                    .spawn()
                    .expect("the emulator starts"),
            );
            let url = format!("http://127.0.0.1:{port}");
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            let mut emulator = Self {
                kind,
                s3: s3_client(&url),
                cloudfront: cloudfront_client(&url),
                acm: acm_client(&url, REGION),
                route53: route53_client(&url),
                url,
                distribution: String::new(),
                runtime: builder.worker_threads(1).enable_all().build().expect("a runtime"),
                process,
                home,
            };
            if emulator.is_ready() {
                emulator.fill();
                return emulator;
            }
        }
        panic!("{kind:?} found no port five times");
    }

    /// Asks for the list of buckets until it is answered; no when the process ended.
    fn is_ready(&mut self) -> bool {
        let started = Instant::now();
        while self.runtime.block_on(self.s3.list_buckets().send()).is_err() {
            if self.process.0.try_wait().expect("a child can be asked").is_some() {
                return false;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{:?} does not answer", self.kind);
            std::thread::sleep(Duration::from_millis(50));
        }
        true
    }

    fn fill(&mut self) {
        self.create_bucket(BUCKET);
        let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let request = self.s3.put_bucket_versioning().bucket(BUCKET).versioning_configuration(versioning);
        self.runtime.block_on(request.send()).expect("buckets have versions");
        let request = self.cloudfront.create_distribution().distribution_config(distribution());
        let created = self.runtime.block_on(request.send()).expect("distributions can be made");
        self.distribution = created.distribution.expect("one was made").id;
    }

    pub fn create_bucket(&self, name: &str) {
        self.runtime.block_on(self.s3.create_bucket().bucket(name).send()).expect("buckets can be made");
    }

    /// Takes all that is in a moto away; nothing elsewhere.
    pub fn forget_everything(&self) {
        if self.kind == Kind::Moto {
            let address = self.url.trim_start_matches("http://");
            let mut stream = TcpStream::connect(address).expect("it listens");
            let request = format!(
                "POST /moto-api/reset HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).expect("it reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("it answers");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
    }

    /// The program as its users run it: an endpoint, credentials, a region.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command
            .current_dir(self.home.path())
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
            .env("AWS_REGION", REGION)
            .env("AWS_ENDPOINT_URL", &self.url)
            .args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Answer {
        Answer::from_output(&self.command(arguments).output().expect("the program starts"))
    }

    /// `COMMAND --bucket ... --distribution ... MORE`.
    pub fn on_target_command(&self, command: &str, more: &[&str]) -> Command {
        let target = [command, "--bucket", BUCKET, "--distribution", &self.distribution];
        self.command(&[&target, more].concat())
    }

    pub fn on_target(&self, command: &str, more: &[&str]) -> Answer {
        let output = self.on_target_command(command, more).output();
        Answer::from_output(&output.expect("the program starts"))
    }

    pub fn push_command(&self, site: &Site, more: &[&str]) -> Command {
        let folder = site.path().to_str().expect("a plain path");
        self.on_target_command("push", &[&[folder], more].concat())
    }

    pub fn push(&self, site: &Site, more: &[&str]) -> Answer {
        let output = self.push_command(site, more).output();
        Answer::from_output(&output.expect("the program starts"))
    }
}

fn command(kind: Kind, port: u16, home: &TempDir) -> Command {
    let programs = std::env::var_os(VARIABLE)
        .unwrap_or_else(|| panic!("{VARIABLE} is not set: run `cargo xtask test --only emulators`"));
    let programs = PathBuf::from(programs);
    let port = port.to_string();
    let mut command = match kind {
        Kind::Moto => {
            let mut command = Command::new(programs.join("moto_server"));
            command.args(["-H", "127.0.0.1", "-p", &port]).env_clear();
            // Certificates are issued by a timer; a minute is the default.
            command.env("MOTO_ACM_VALIDATION_WAIT", "1");
            command
        }
        Kind::Ministack => {
            let mut command = Command::new(programs.join("ministack"));
            command
                .env_clear()
                .env("BIND_HOST", "127.0.0.1")
                .env("GATEWAY_PORT", &port)
                .env("MINISTACK_HOST", "127.0.0.1")
                .env("SERVICES", "s3,cloudfront,iam,sts,cloudfront-keyvaluestore,acm,route53")
                // Access keys are looked up, with these as the account's own.
                .env("AUTH", "true")
                .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
                .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY);
            command
        }
    };
    command
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

pub fn credentials() -> Credentials {
    Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "tests")
}

fn s3_client(url: &str) -> aws_sdk_s3::Client {
    s3_client_as(url, credentials())
}

pub fn s3_client_as(url: &str, credentials: Credentials) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(credentials)
        .endpoint_url(url)
        // The tests compare digests of their own; what moto says of a copy is wrong (see `lies`).
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

fn cloudfront_client(url: &str) -> aws_sdk_cloudfront::Client {
    cloudfront_client_as(url, credentials())
}

pub fn cloudfront_client_as(url: &str, credentials: Credentials) -> aws_sdk_cloudfront::Client {
    let config = aws_sdk_cloudfront::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(credentials)
        .endpoint_url(url);
    aws_sdk_cloudfront::Client::from_conf(config.build())
}

pub fn acm_client(url: &str, region: &'static str) -> aws_sdk_acm::Client {
    let config = aws_sdk_acm::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(credentials())
        .endpoint_url(url);
    aws_sdk_acm::Client::from_conf(config.build())
}

pub fn route53_client(url: &str) -> aws_sdk_route53::Client {
    let config = aws_sdk_route53::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(credentials())
        .endpoint_url(url);
    aws_sdk_route53::Client::from_conf(config.build())
}

/// The least that a distribution in front of the bucket consists of.
pub fn distribution() -> cf::DistributionConfig {
    let s3 = cf::S3OriginConfig::builder().origin_access_identity("").build();
    let domain = format!("{BUCKET}.s3.{REGION}.amazonaws.com");
    let origin = cf::Origin::builder().id("bucket").domain_name(domain).s3_origin_config(s3).build();
    let origins = cf::Origins::builder().quantity(1).items(origin.expect("complete")).build();
    let behavior = cf::DefaultCacheBehavior::builder()
        .target_origin_id("bucket")
        .viewer_protocol_policy(cf::ViewerProtocolPolicy::RedirectToHttps)
        .cache_policy_id("658327ea-f89d-4fab-a63d-7e88639e58f6")
        .build();
    cf::DistributionConfig::builder()
        .caller_reference("tests")
        .comment("tests")
        .enabled(true)
        .origins(origins.expect("complete"))
        .default_cache_behavior(behavior.expect("complete"))
        .build()
        .expect("complete")
}
