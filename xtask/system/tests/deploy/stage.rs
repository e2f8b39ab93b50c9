//! A repository with one environment, in which the built program is run: S3 is the one of `sitepush preview`, the rest of AWS is a
//! server that has nothing, and Terraform, Cargo and `sitepush` are scripts that write down what they were asked for.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sitepush::local::s3::{ForeignObject, Store};
use sitepush::local::target::{Target, TargetOptions, store_options};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The bucket of the state.
pub const STATE: &str = "example-state";

/// The account of the environment.
pub const ACCOUNT: &str = "111122223333";

/// Where the environment's own things are in that bucket.
const OWN: &str = "sitepush-staging";

/// The releases of the site: prints the ones that there are, and has the one live that is gone back to.
const SITEPUSH: &str = r#"#!/bin/sh
set -eu
here=$(dirname "$0")/..
echo "$1 $2" >>"$here/published"
case "$1" in
releases) cat "$here/releases.json" ;;
rollback)
	echo "[{\"id\": \"$2\", \"is_live\": true}]" >"$here/releases.json"
	echo '{}'
	;;
esac
"#;

/// Knows of no package, and has built `sitepush`.
const CARGO: &str = r#"#!/bin/sh
set -eu
case "$1" in
metadata)
	printf '{"packages": [], "workspace_members": [], "resolve": null, "version": 1, '
	echo '"metadata": null, "workspace_root": "/", "target_directory": "/"}'
	;;
build) echo "{\"target\": {\"name\": \"sitepush\"}, \"executable\": \"$(dirname "$0")/sitepush\"}" ;;
esac
"#;

/// Whose credentials STS finds; none refuses them.
pub type Whose = Option<&'static str>;

pub struct Stage {
    folder: TempDir,
    pub target: Target,
    aws_url: String,
    /// What the rest of AWS was asked for.
    asked: Arc<Mutex<Vec<String>>>,
    path: OsString,
    has_credentials: bool,
}

/// How a run ended.
pub struct Ended {
    code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n{}{}", self.stdout, self.stderr);
        self
    }
}

impl Stage {
    /// An environment whose state has its bucket, with nothing in it.
    pub async fn new() -> Self {
        Self::with(STATE, Some(ACCOUNT)).await
    }

    /// One that was never deployed.
    pub async fn never_deployed() -> Self {
        Self::with("other", Some(ACCOUNT)).await
    }

    /// One whose credentials are of somebody else, or refused.
    pub async fn of(whose: Whose) -> Self {
        Self::with("other", whose).await
    }

    /// `bucket` is the one that there is.
    async fn with(bucket: &str, whose: Whose) -> Self {
        let store = Store::memory(store_options());
        let target = Target::start(&store, TargetOptions::new(bucket, "E1")).await.expect("it starts");
        let folder = tempfile::tempdir().expect("a folder");
        let programs = folder.path().join("bin");
        write(&programs.join("sitepush"), SITEPUSH);
        write(&programs.join("cargo"), CARGO);
        for program in ["sitepush", "cargo"] {
            let all = PermissionsExt::from_mode(0o755);
            fs::set_permissions(programs.join(program), all).expect("it is ours");
        }
        let terraform = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/deploy/terraform_played.sh");
        symlink(terraform, programs.join("terraform")).expect("nothing is there");
        write(&folder.path().join("releases.json"), "[]");
        let own = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&own)));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let aws_url = aws(whose, Arc::clone(&asked)).await;
        let path = path.expect("they were joined");
        let stage = Self { folder, target, aws_url, asked, path, has_credentials: true };
        stage.commit();
        stage
    }

    /// On a machine that has none of the programs.
    pub fn without_programs(mut self) -> Self {
        self.path = self.folder.path().join("nothing").into_os_string();
        self
    }

    pub fn without_credentials(mut self) -> Self {
        self.has_credentials = false;
        self
    }

    /// What is checked out: an environment and a service.
    fn commit(&self) {
        let module = self.module();
        write(
            &module.join("terraform.tf"),
            &format!("terraform {{\n  backend \"s3\" {{\n    key = \"{OWN}/terraform.tfstate\"\n  }}\n}}\n"),
        );
        let region = self.target.region();
        let variables = format!(
            "account_id = \"{ACCOUNT}\"\nregion = \"{region}\"\ndomain_name = \"staging.example.com\"\n\
             state_bucket_name = \"{STATE}\"\n"
        );
        write(&module.join("terraform.tfvars"), &variables);
        let greeter = self.root().join("services/greeter");
        write(
            &greeter.join("service.json"),
            r#"{"port": 8080, "priority": 1, "cpu": 256, "memory_mib": 512}"#,
        );
        write(&greeter.join("Dockerfile"), "FROM scratch\n");
        self.git(&["init", "--quiet"]);
        self.git(&["add", "--all"]);
        let who = ["-c", "user.name=Tests", "-c", "user.email=tests@example.com"];
        self.git(&[&who[..], &["commit", "--quiet", "--message", "First"]].concat());
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(self.root()).env("HOME", self.folder.path());
        let output = git.env("GIT_CONFIG_NOSYSTEM", "1").output().expect("git runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// The root module of the environment.
    fn module(&self) -> PathBuf {
        self.root().join("infra/environments/staging")
    }

    /// Runs a task, as somebody who is not there to be asked.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let mut program = Command::new(env!("CARGO_BIN_EXE_system"));
        program.args(arguments).current_dir(self.root()).stdin(Stdio::null()).env_clear();
        program
            .env("PATH", &self.path)
            .env("HOME", self.folder.path())
            .env("CARGO_MANIFEST_DIR", self.root().join("xtask/system"))
            .env("GITHUB_STEP_SUMMARY", self.summary_file())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("AWS_ENDPOINT_URL", &self.aws_url)
            .env("AWS_ENDPOINT_URL_S3", self.target.endpoint_url());
        if self.has_credentials {
            let keys = self.target.credentials();
            program.env("AWS_ACCESS_KEY_ID", &keys.access_key_id);
            program.env("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key);
        }
        let output = program.output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn summary_file(&self) -> PathBuf {
        self.folder.path().join("summary.md")
    }

    /// What the runs until now have left in the summary of the job.
    pub fn summary(&self) -> String {
        fs::read_to_string(self.summary_file()).unwrap_or_default()
    }

    /// Has Terraform plan these resources from now on: address, attributes of before, and the action.
    pub fn plans(&self, resources: &[(&str, Value, &str)]) {
        let resource = |(address, before, action): &(&str, Value, &str)| {
            let kind = address.split('.').find(|part| part.starts_with("aws_"));
            let after = if *action == "delete" { Value::Null } else { json!({}) };
            json!({"mode": "managed", "address": address, "type": kind,
                "change": {"actions": [action], "before": before, "after": after}})
        };
        let list: Vec<Value> = resources.iter().map(resource).collect();
        let plan = json!({"format_version": "1.2", "resource_changes": list});
        write(&self.module().join("plan.json"), &plan.to_string());
    }

    /// Has Terraform have made everything, for no service.
    pub fn is_made(&self) {
        let site = json!({"bucket": "site", "distribution": "E1", "key_value_store": "arn"});
        let outputs = json!({
            "url": {"value": "https://staging.example.com"},
            "site": {"value": site},
            "repository_urls": {"value": {}},
            "cluster_name": {"value": "staging"},
        });
        write(&self.module().join("outputs.json"), &outputs.to_string());
    }

    /// Has releases been made, the last of which runs: each a digit that its commit is made of. The site's are called `site-a`.
    pub fn has_released(&self, digits: &[&str]) {
        for (hour, digit) in digits.iter().enumerate() {
            let commit = digit.repeat(40);
            let id = format!("20260101T{hour:02}0000Z-{}", &commit[..7]);
            let record = json!({"schema": 1, "id": id, "environment": "staging", "commit": commit,
                "time": format!("2026-01-01T{hour:02}:00:00Z"), "images": {}, "task_definitions": {},
                "site_release": format!("site-{digit}"), "terraform_serial": 1});
            self.put(STATE, &format!("{OWN}/releases/{id}.json"), &record.to_string());
            self.put(STATE, &format!("{OWN}/current.json"), &json!({"schema": 1, "id": id}).to_string());
            let live = json!([{"id": format!("site-{digit}"), "is_live": true}]);
            write(&self.folder.path().join("releases.json"), &live.to_string());
        }
    }

    pub fn put(&self, bucket: &str, key: &str, content: &str) {
        self.target.store.put_foreign(bucket, key, ForeignObject::new(content.to_owned()));
    }

    /// What Terraform was to save as a plan, or to apply, such as `apply deploy.tfplan`.
    pub fn terraform(&self) -> Vec<String> {
        let text = fs::read_to_string(self.module().join("asked")).unwrap_or_default();
        let task = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let file = match words[0] {
                "plan" => words.iter().find_map(|word| word.strip_prefix("-out="))?,
                "apply" => words.last()?,
                _ => return None,
            };
            Some(format!("{} {}", words[0], file.rsplit('/').next()?))
        };
        text.lines().filter_map(task).collect()
    }

    /// What of the site was changed, such as `rollback site-a`.
    pub fn published(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("published")).unwrap_or_default();
        text.lines().filter(|line| !line.starts_with("releases ")).map(str::to_owned).collect()
    }

    /// What is in the state's bucket, but for Terraform's own.
    pub fn state(&self) -> Vec<String> {
        self.target.store.keys(STATE)
    }

    /// What S3 was asked for.
    pub fn s3(&self) -> Vec<String> {
        self.target.store.requests().into_iter().map(|request| request.operation.to_owned()).collect()
    }

    /// What the rest of AWS was asked for.
    pub fn aws(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics").clone()
    }
}

/// Starts what is the rest of AWS, and gives its address.
async fn aws(whose: Whose, asked: Arc<Mutex<Vec<String>>>) -> String {
    let answer = move |headers: http::HeaderMap, body: String| async move {
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let action = target.map_or_else(|| body.split('&').next(), |target| target.rsplit('.').next());
        let action = action.unwrap_or_default().trim_start_matches("Action=").to_owned();
        asked.lock().expect("nobody panics").push(action.clone());
        match (action.as_str(), whose) {
            ("GetCallerIdentity", Some(account)) => (http::StatusCode::OK, identity(account)),
            ("GetCallerIdentity", None) => (http::StatusCode::FORBIDDEN, REFUSED.to_owned()),
            ("ListServices", _) => (http::StatusCode::OK, json!({"serviceArns": []}).to_string()),
            _ => (http::StatusCode::NOT_FOUND, String::new()),
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("it has one"));
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    url
}

fn identity(account: &str) -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{account}:user/tests</Arn><UserId>AIDA</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
}

/// As STS refuses keys that it does not know.
const REFUSED: &str = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
    <Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error>\
    <RequestId>1</RequestId></ErrorResponse>";

fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().expect("it is in a folder")).expect("there is room");
    fs::write(file, text).expect("there is room");
}
