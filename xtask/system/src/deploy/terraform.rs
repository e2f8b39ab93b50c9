//! Terraform as a child process, in one root module: init, a saved plan, that plan applied and nothing else, outputs.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::failure::Failure;
use super::left;
use super::process::{self, Output};
use super::settings::Settings;

/// Names a folder with the provider, laid out as Terraform mirrors are, for machines that reach no registry.
const PLUGIN_DIR: &str = "SITEPUSH_TF_PLUGIN_DIR";

/// How long Terraform waits for somebody else's lock on the state before it says so.
const LOCK_TIMEOUT: &str = "-lock-timeout=20s";

/// Terraform in the root module of an environment.
#[derive(Debug)]
pub struct Terraform {
    program: PathBuf,
    folder: PathBuf,
    /// Where plans and what Terraform said are kept.
    scratch: PathBuf,
    var_file: Option<PathBuf>,
    backend: Vec<String>,
    variables: BTreeMap<String, String>,
}

/// What other steps need to know of what Terraform made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    pub url: String,
    pub site: SiteOutput,
    pub repository_urls: BTreeMap<String, String>,
    pub cluster_name: String,
    pub task_definition_arns: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SiteOutput {
    pub bucket: String,
    pub distribution: String,
    pub key_value_store: String,
}

/// A plan that is saved, and what it changes.
#[derive(Debug)]
pub struct SavedPlan {
    pub file: PathBuf,
    /// As Terraform prints it.
    pub text_file: PathBuf,
    pub changes: Changes,
    /// What `terraform show -json` prints of it.
    pub document: Value,
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Apply,
    Destroy,
}

impl Terraform {
    pub fn new(settings: &Settings) -> Self {
        let mut variables = BTreeMap::from([(left::MARK.to_owned(), settings.deployment())]);
        variables.extend(settings.standing_in.iter().flat_map(|own| own.terraform_variables.clone()));
        let backend = [("bucket", &settings.state_bucket), ("region", &settings.region)];
        Self {
            program: PathBuf::from("terraform"),
            folder: settings.folder.clone(),
            scratch: settings.scratch.clone(),
            var_file: settings.var_file.clone(),
            backend: backend.iter().map(|(name, value)| format!("-backend-config={name}={value}")).collect(),
            variables,
        }
    }

    /// Has another program answer in Terraform's place.
    #[cfg(test)]
    pub(super) fn played_by(self, program: PathBuf) -> Self {
        Self { program, ..self }
    }

    fn command(&self, task: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).arg(task).args(["-no-color"]).envs([
            ("CHECKPOINT_DISABLE", "1"),
            ("TF_IN_AUTOMATION", "1"),
            ("TF_INPUT", "0"),
        ]);
        command.envs(&self.variables);
        command
    }

    async fn run(&self, command: Command, stop: &CancellationToken) -> Result<Output> {
        process::run(command, stop, &mut |_| ()).await
    }

    /// Fetches providers and modules and connects to the state. Cheap when it was done before.
    ///
    /// # Errors
    /// When the registry or the state's bucket is not reached.
    pub async fn init(&self, stop: &CancellationToken) -> Result<()> {
        let mut command = self.command("init");
        command.args(["-input=false", "-reconfigure"]).args(&self.backend);
        if let Some(folder) = env::var_os(PLUGIN_DIR).filter(|folder| !folder.is_empty()) {
            command.arg(format!("-plugin-dir={}", Path::new(&folder).display()));
        }
        let output = self.run(command, stop).await?;
        self.expect("init", &output, "cannot prepare Terraform", stop)
    }

    /// Plans with `images`, and saves the plan as `NAME.tfplan` and, as text, `NAME.txt`.
    ///
    /// # Errors
    /// When Terraform finds mistakes, cannot read what there is, or does not get the state's lock.
    pub async fn plan(
        &self,
        name: &str,
        purpose: Purpose,
        images: &BTreeMap<String, String>,
        stop: &CancellationToken,
    ) -> Result<SavedPlan> {
        let file = self.scratch.join(format!("{name}.tfplan"));
        let mut command = self.command("plan");
        command.args(["-input=false", LOCK_TIMEOUT, "-parallelism=20"]);
        command.arg(format!("-out={}", file.display())).args(self.variables(images)?);
        if purpose == Purpose::Destroy {
            command.arg("-destroy");
        }
        let output = self.run(command, stop).await?;
        self.expect(name, &output, "cannot plan the infrastructure", stop)?;
        let text_file = self.scratch.join(format!("{name}.txt"));
        let mut show = self.command("show");
        show.arg(&file);
        let text = self.run(show, stop).await?;
        fs::write(&text_file, &text.stdout)
            .with_context(|| format!("cannot write {}", text_file.display()))?;
        let mut show = self.command("show");
        show.arg("-json").arg(&file);
        let json = self.run(show, stop).await?;
        self.expect(name, &json, "cannot read the plan", stop)?;
        let document: Value = serde_json::from_str(&json.stdout).context("Terraform's plan is not JSON")?;
        Ok(SavedPlan { file, text_file, changes: Changes::parse(&document)?, document })
    }

    /// Applies a saved plan, exactly. `on_progress` is told how many of its resources are done.
    ///
    /// # Errors
    /// When AWS refuses something, or the state has moved since the plan was made. What was done stays done: another
    /// plan goes on from there.
    pub async fn apply(
        &self,
        plan: &SavedPlan,
        stop: &CancellationToken,
        on_progress: &mut (dyn FnMut(usize, &str) + Send),
    ) -> Result<()> {
        let mut command = self.command("apply");
        command.args(["-json", LOCK_TIMEOUT, "-parallelism=20"]).arg(&plan.file);
        let mut done = 0;
        let mut errors = Vec::new();
        let mut on_line = |line: &str| {
            // What is no message of Terraform's is none for us.
            let Ok(message) = serde_json::from_str::<Value>(line) else { return };
            match message["type"].as_str() {
                Some("apply_complete") => {
                    done += 1;
                    on_progress(done, message["hook"]["resource"]["addr"].as_str().unwrap_or_default());
                }
                Some("diagnostic") if message["@level"] == "error" => errors.push(diagnostic(&message)),
                _ => {}
            }
        };
        let output = process::run(command, stop, &mut on_line).await?;
        process::keep(&self.scratch.join("apply.log"), &output)?;
        if output.status.success() {
            return Ok(());
        }
        process::unless_stopped(stop)?;
        let said = if errors.is_empty() { output.complaint(20) } else { errors.join("\n") };
        let hint = format!(
            "run the same command again to go on; all that Terraform said is in {}",
            self.log("apply")
        );
        Err(anyhow::anyhow!(said).context(Failure::service("cannot apply the infrastructure").hint(hint)))
    }

    /// What the environment's modules give; none while nothing was applied.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn outputs(&self, stop: &CancellationToken) -> Result<Option<Outputs>> {
        let mut command = self.command("output");
        command.arg("-json");
        let output = self.run(command, stop).await?;
        self.expect("output", &output, "cannot read Terraform's outputs", stop)?;
        parse_outputs(&output.stdout)
    }

    /// The serial of the state, which grows with each change; 0 while there is none.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn serial(&self, stop: &CancellationToken) -> Result<u64> {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.folder)
            .args(["state", "pull"])
            .env("CHECKPOINT_DISABLE", "1")
            .envs(&self.variables);
        let output = self.run(command, stop).await?;
        self.expect("state", &output, "cannot read Terraform's state", stop)?;
        let state: Value = serde_json::from_str(output.stdout.trim()).unwrap_or_default();
        Ok(state["serial"].as_u64().unwrap_or_default())
    }

    /// Takes away the lock of a run of Terraform that is known to be dead.
    ///
    /// # Errors
    /// When there is no such lock any more.
    pub async fn force_unlock(&self, id: &str, stop: &CancellationToken) -> Result<()> {
        let mut command = self.command("force-unlock");
        command.args(["-force", id]);
        let output = self.run(command, stop).await?;
        self.expect("unlock", &output, "cannot take Terraform's lock away", stop)
    }

    fn variables(&self, images: &BTreeMap<String, String>) -> Result<Vec<String>> {
        let file = self.scratch.join("images.tfvars.json");
        let document = serde_json::json!({ "images": images });
        fs::write(&file, document.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
        let files = self.var_file.iter().chain([&file]);
        Ok(files.map(|file| format!("-var-file={}", file.display())).collect())
    }

    fn log(&self, name: &str) -> String {
        self.scratch.join(format!("{name}.log")).display().to_string()
    }

    fn expect(&self, name: &str, output: &Output, doing: &str, stop: &CancellationToken) -> Result<()> {
        if output.status.success() {
            return Ok(());
        }
        process::keep(&self.scratch.join(format!("{name}.log")), output)?;
        process::unless_stopped(stop)?;
        let said = output.complaint(20);
        let failure = if said.contains("Error acquiring the state lock") {
            Failure::conflict("somebody else's Terraform holds the lock of the state")
        } else if said.contains("No valid credential sources")
            || said.contains("error configuring S3 Backend")
        {
            Failure::environment(doing)
        } else if said.contains("lifecycle.prevent_destroy") {
            // Said of a plan, so nothing was applied.
            let failure = Failure::refused(format!("{doing}: something would go that must not be destroyed"));
            let hint = "nothing was changed; if that is meant, take its `prevent_destroy` away first";
            return Err(anyhow::anyhow!(said).context(failure.hint(hint)));
        } else {
            Failure::service(doing)
        };
        let hint = format!("all that Terraform said is in {}", self.log(name));
        Err(anyhow::anyhow!(said).context(failure.hint(hint)))
    }
}

/// Reads `terraform output -json`. An empty state has no outputs, and one that an apply left half-way not all.
fn parse_outputs(text: &str) -> Result<Option<Outputs>> {
    let document: Value = serde_json::from_str(text).context("Terraform's outputs are not JSON")?;
    let value = |name: &str| document.get(name).map(|output| output["value"].clone());
    let (Some(url), Some(site), Some(repositories), Some(cluster)) =
        (value("url"), value("site"), value("repository_urls"), value("cluster_name"))
    else {
        return Ok(None);
    };
    let Ok(site) = serde_json::from_value(site) else { return Ok(None) };
    let arns = value("task_definition_arns").unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    Ok(Some(Outputs {
        url: serde_json::from_value(url).context("the output `url`")?,
        site,
        repository_urls: serde_json::from_value(repositories).context("the output `repository_urls`")?,
        cluster_name: serde_json::from_value(cluster).context("the output `cluster_name`")?,
        task_definition_arns: serde_json::from_value(arns).context("the output `task_definition_arns`")?,
    }))
}

/// The summary and the detail of a message about an error, with the address that it is about.
fn diagnostic(message: &Value) -> String {
    let part = |name: &str| message["diagnostic"][name].as_str().unwrap_or_default().trim().to_owned();
    let parts = [part("address"), part("summary"), part("detail")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_none_until_an_apply_has_made_them() {
        assert_eq!(parse_outputs("{}").expect("JSON"), None);
        let half = r#"{"url": {"value": "https://x/"}, "site": {"value": {"bucket": null}},
            "repository_urls": {"value": {}}, "cluster_name": {"value": "x"}}"#;
        assert_eq!(parse_outputs(half).expect("JSON"), None);
        assert!(parse_outputs("").is_err());
    }

    #[test]
    fn outputs_are_read() {
        let text = r#"{"url": {"value": "https://x/"}, "cluster_name": {"value": "c"},
            "site": {"value": {"bucket": "b", "distribution": "E1", "key_value_store": "arn"}},
            "repository_urls": {"value": {"counter": "host/c"}}, "task_definition_arns": {"value": {"counter": "arn:1"}}}"#;
        let outputs = parse_outputs(text).expect("JSON").expect("all are there");
        assert_eq!(outputs.site.distribution, "E1");
        assert_eq!(outputs.repository_urls["counter"], "host/c");
        assert_eq!(outputs.task_definition_arns["counter"], "arn:1");
    }

    #[test]
    fn an_error_of_terraform_names_what_it_is_about() {
        let message = serde_json::json!({"diagnostic": {"address": "aws_vpc.this", "summary": "no", "detail": "limit\n"}});
        assert_eq!(diagnostic(&message), "aws_vpc.this: no: limit");
    }
}
