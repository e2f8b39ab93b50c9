//! Which environment is meant and where its things are: arguments, the environment's `terraform.tfvars`, and variables,
//! validated once. The only place that knows who wins.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use xtask::project::Project;

use super::changes::Gap;
use super::failure::Failure;

/// Where the environments' root modules are.
const ENVIRONMENTS: &str = "infra/environments";

/// The environment that stands on this machine.
pub const EMULATED: &str = "emulated";

/// Names the document that says where the emulated environment's things are; set by this program for itself.
pub const STANDING_IN: &str = "SITEPUSH_STANDING_IN";

/// One environment, ready to be worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// As `--env` has it.
    pub environment: String,
    /// What everything in AWS is named after, and where in the state's bucket its objects are: `sitepush-staging`.
    pub name: String,
    /// The root module.
    pub folder: PathBuf,
    /// More variables than `terraform.tfvars` has.
    pub var_file: Option<PathBuf>,
    /// For plans and logs of this environment on this machine.
    pub scratch: PathBuf,
    /// Twelve digits.
    pub account_id: String,
    pub region: String,
    pub state_bucket: String,
    pub domain_name: String,
    /// What stands in for AWS on this machine; none on AWS.
    pub standing_in: Option<StandingIn>,
}

/// What is elsewhere when the environment is emulated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingIn {
    /// The root module, in a copy that no other environment works in.
    pub folder: PathBuf,
    pub var_file: PathBuf,
    /// The registry that stands in for ECR's, such as `http://127.0.0.1:5000`.
    pub registry_url: String,
    /// The edge that stands in for CloudFront's, no closing slash.
    pub site_url: String,
    /// What Terraform is told beside what this program was told.
    pub terraform_variables: BTreeMap<String, String>,
    /// What the emulators do not keep.
    pub gaps: Vec<Gap>,
}

/// What is needed of `terraform.tfvars`.
#[derive(Debug, Deserialize)]
struct Variables {
    account_id: Option<String>,
    region: Option<String>,
    domain_name: Option<String>,
    state_bucket_name: Option<String>,
}

impl Settings {
    /// Reads the environment `name`.
    ///
    /// # Errors
    /// When there is none of that name, or its variables are missing or not what they should be.
    pub fn load(project: &Project, environment: &str, standing_in: Option<StandingIn>) -> Result<Self> {
        let root = project.path(ENVIRONMENTS);
        let module = if standing_in.is_some() { "staging" } else { environment };
        let folder = standing_in.as_ref().map_or_else(|| root.join(module), |own| own.folder.clone());
        if !root.join(module).join("terraform.tf").is_file() {
            let known = environments(&root);
            let failure = Failure::usage(format!("there is no environment `{environment}`"));
            return Err(failure.hint(format!("infra/environments has {}", known.join(", "))).into());
        }
        let file =
            standing_in.as_ref().map_or_else(|| folder.join("terraform.tfvars"), |own| own.var_file.clone());
        let text = fs::read_to_string(&file).map_err(|error| {
            let failure =
                Failure::usage(format!("cannot read the variables of `{environment}`, {}", file.display()));
            anyhow::Error::from(error)
                .context(failure.hint("copy terraform.tfvars.example beside it and fill it in"))
        })?;
        let values =
            parse(&text).with_context(|| Failure::usage(format!("cannot use {}", file.display())))?;
        let terraform = fs::read_to_string(folder.join("terraform.tf"))?;
        let name = state_folder(&terraform).with_context(|| {
            Failure::usage(format!("{} has no key of the state", folder.join("terraform.tf").display()))
        })?;
        let scratch = project.scratch("deploy").join(environment);
        fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
        Ok(Self {
            environment: environment.to_owned(),
            name: name.to_owned(),
            var_file: standing_in.as_ref().map(|own| own.var_file.clone()),
            folder,
            scratch,
            account_id: values.0,
            region: values.1,
            state_bucket: values.2,
            domain_name: values.3,
            standing_in,
        })
    }

    /// What stands in for AWS, as the process that started this one has it.
    ///
    /// # Errors
    /// When the document cannot be read.
    pub fn standing_in() -> Result<Option<StandingIn>> {
        let Some(file) = std::env::var_os(STANDING_IN).filter(|file| !file.is_empty()) else {
            return Ok(None);
        };
        let text = fs::read(&file).with_context(|| format!("cannot read {}", Path::new(&file).display()))?;
        Ok(Some(serde_json::from_slice(&text).context("what stands in for AWS")?))
    }

    /// What no two environments share: where the state is, and on this machine the copy that Terraform works in.
    pub fn deployment(&self) -> String {
        let place = self.standing_in.as_ref().map(|own| format!(" in {}", own.folder.display()));
        format!("{}/{}{}", self.state_bucket, self.name, place.unwrap_or_default())
    }

    /// Where visitors are, no closing slash.
    pub fn site_url(&self) -> String {
        self.standing_in
            .as_ref()
            .map_or_else(|| format!("https://{}", self.domain_name), |own| own.site_url.clone())
    }

    /// Where to push an image that Terraform has under `repository_url`.
    pub fn registry_url(&self, repository_url: &str) -> String {
        match &self.standing_in {
            // The host is AWS's; the name of the repository is ours.
            Some(own) => {
                let name = repository_url.split_once('/').map_or(repository_url, |(_, name)| name);
                format!("{}/{name}", own.registry_url.trim_end_matches('/'))
            }
            None => repository_url.to_owned(),
        }
    }

    pub fn gaps(&self) -> &[Gap] {
        self.standing_in.as_ref().map_or(&[], |own| &own.gaps)
    }
}

/// The names of the environments that there are.
fn environments(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root).into_iter().flatten().filter_map(Result::ok);
    let names = entries.filter(|entry| entry.path().join("terraform.tf").is_file());
    let mut names: Vec<String> =
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.push(EMULATED.to_owned());
    names.sort();
    names
}

/// Account, region, state's bucket and domain.
fn parse(text: &str) -> Result<(String, String, String, String)> {
    let values: Variables = hcl::from_str(text).context("it is not HCL")?;
    let needed = |value: Option<String>, name: &str| {
        value.filter(|value| !value.is_empty()).with_context(|| format!("`{name}` is not set"))
    };
    let account = needed(values.account_id, "account_id")?;
    anyhow::ensure!(
        account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()),
        "`account_id` must be twelve digits, and is `{account}`"
    );
    Ok((
        account,
        needed(values.region, "region")?,
        needed(values.state_bucket_name, "state_bucket_name")?,
        needed(values.domain_name, "domain_name")?,
    ))
}

/// `sitepush-staging` of `key = "sitepush-staging/terraform.tfstate"`.
fn state_folder(terraform: &str) -> Option<&str> {
    let line =
        terraform.lines().map(str::trim).find(|line| line.starts_with("key ") || line.starts_with("key="))?;
    line.split('"').nth(1)?.strip_suffix("/terraform.tfstate")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings without anything in them.
    pub(crate) fn settings() -> Settings {
        Settings {
            environment: "emulated".to_owned(),
            name: "sitepush-staging".to_owned(),
            folder: PathBuf::new(),
            var_file: None,
            scratch: PathBuf::new(),
            account_id: String::new(),
            region: String::new(),
            state_bucket: String::new(),
            domain_name: "example.com".to_owned(),
            standing_in: None,
        }
    }

    #[test]
    fn the_examples_can_be_used_once_the_names_are_ones_own() {
        for environment in ["staging", "production"] {
            let folder =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/environments").join(environment);
            let text = fs::read_to_string(folder.join("terraform.tfvars.example")).expect("it is there");
            let (account, region, bucket, domain) = parse(&text).expect("it is whole");
            assert_eq!((account.as_str(), region.as_str()), ("111122223333", "eu-central-1"));
            assert!(bucket.contains("111122223333") && domain.ends_with("example.com"), "{bucket} {domain}");
            let terraform = fs::read_to_string(folder.join("terraform.tf")).expect("it is there");
            assert_eq!(state_folder(&terraform), Some(format!("sitepush-{environment}").as_str()));
        }
    }

    #[test]
    fn a_variable_that_is_missing_is_named() {
        let error = parse("account_id = \"111122223333\"\nregion = \"\"\n").expect_err("the region is empty");
        assert_eq!(error.to_string(), "`region` is not set");
        let error = parse("account_id = \"12\"\n").expect_err("two digits");
        assert!(error.to_string().contains("twelve digits"), "{error}");
    }

    #[test]
    fn an_image_goes_to_the_registry_that_stands_in() {
        let mut settings = settings();
        let repository = "1.dkr.ecr.eu-central-1.amazonaws.com/sitepush-staging/counter";
        assert_eq!(settings.registry_url(repository), repository);
        assert_eq!(settings.site_url(), "https://example.com");
        let registry_url = "http://127.0.0.1:5000".to_owned();
        settings.standing_in = Some(StandingIn { registry_url, ..StandingIn::default() });
        assert_eq!(settings.registry_url(repository), "http://127.0.0.1:5000/sitepush-staging/counter");
    }
}
