//! Terraform's own provider against the cluster: what it applies is all there, and a second plan finds nothing to change.

use std::env;
use std::path::Path;
use std::process::Output;

use system::rollout::{Expected, Outcome};
use tokio::process::Command;

use super::stage::{IMAGE, SERVICE, Stage, options};

/// Names a folder with the provider, for machines that reach no registry.
const PLUGIN_DIR: &str = "SITEPUSH_TF_PLUGIN_DIR";

struct Terraform<'a> {
    folder: &'a Path,
    url: String,
}

impl Terraform<'_> {
    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("terraform");
        command
            .current_dir(self.folder)
            .args(arguments)
            .args(["-no-color"])
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_MAX_ATTEMPTS", "2")
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_VAR_image", IMAGE)
            .env_remove("AWS_CA_BUNDLE");
        command.output().await.expect("Terraform runs")
    }

    async fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Applies a version, and finds that a plan has nothing to do after that.
    async fn apply(&self, version: &str) -> Expected {
        let version = format!("-var=version_name={version}");
        self.succeed(&["apply", "-auto-approve", "-input=false", &version]).await;
        let plan = self.run(&["plan", "-input=false", "-detailed-exitcode", &version]).await;
        assert_eq!(plan.status.code(), Some(0), "{}", String::from_utf8_lossy(&plan.stdout));
        let arn = self.succeed(&["output", "-raw", "task_definition_arn"]).await;
        Expected { service: SERVICE.to_owned(), task_definition_arn: arn.trim().to_owned() }
    }
}

#[tokio::test]
async fn terraform_applies_and_plans_nothing_more_and_destroys() {
    let stage = Stage::empty().await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("main.tf"), include_str!("terraform/main.tf")).expect("it is written");
    let terraform = Terraform { folder: folder.path(), url: stage.cluster.url() };
    let plugins = env::var(PLUGIN_DIR).ok().filter(|folder| !folder.is_empty());
    let plugins = plugins.map(|folder| format!("-plugin-dir={folder}"));
    let init: Vec<&str> = ["init", "-input=false"].into_iter().chain(plugins.as_deref()).collect();
    terraform.succeed(&init).await;

    for version in ["one", "two"] {
        let expected = terraform.apply(version).await;
        let (outcome, events) = stage.watch(&expected, &options()).await;
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?} after {events:#?}");
        stage.assert_runs(&expected, version).await;
    }

    terraform.succeed(&["destroy", "-auto-approve", "-input=false", "-var=version_name=two"]).await;
    let services = stage.aws.list_services(super::stage::CLUSTER).await;
    assert!(services.is_err(), "the cluster is gone: {services:?}");
    stage.cluster.stop().await;
}
