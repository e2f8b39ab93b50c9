//! A copy of what Terraform reads, with the variables of the emulated environment: the real root module of staging and the real
//! modules, in a folder where no other environment's plugins, state or variables are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xtask::project::Project;

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "eu-central-1";
pub const DOMAIN: &str = "staging.example.com";

/// The root module that is applied.
pub fn root_module(folder: &Path) -> PathBuf {
    folder.join("tree/infra/environments/staging")
}

/// The variables of the environment.
pub fn var_file(folder: &Path) -> PathBuf {
    folder.join("emulated.tfvars")
}

/// Copies what git tracks of the sources, and writes the variables. What Terraform keeps beside them stays.
///
/// # Errors
/// When a file cannot be copied.
pub fn copy(project: &Project, folder: &Path) -> Result<()> {
    for old in ["tree/infra/modules", "tree/services", "tree/src"] {
        // A file that is gone from the sources must not be applied again.
        let old = folder.join(old);
        if old.exists() {
            fs::remove_dir_all(&old).with_context(|| format!("cannot clear {}", old.display()))?;
        }
    }
    for file in project.files()?.iter().filter(|file| is_source(file)) {
        let to = folder.join("tree").join(file);
        fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
        fs::copy(project.path(file), &to).with_context(|| format!("cannot copy `{file}`"))?;
    }
    fs::write(var_file(folder), variables()).context("cannot write the variables")
}

/// Terraform reads its modules, the services' descriptions and the edge function; whoever's variables are no part of it.
fn is_source(file: &str) -> bool {
    (file.starts_with("infra/") && !file.ends_with(".tfvars") && !file.ends_with(".terraform.lock.hcl"))
        || file == "src/edge_function.js"
        || (file.starts_with("services/") && file.ends_with("/service.json"))
}

fn variables() -> String {
    format!(
        "account_id          = \"{ACCOUNT}\"\n\
         region              = \"{REGION}\"\n\
         domain_name         = \"{DOMAIN}\"\n\
         zone_name           = \"example.com\"\n\
         create_zone         = true\n\
         notification_emails = [\"ops@example.com\"]\n\
         state_bucket_name   = \"sitepush-state-{ACCOUNT}-{REGION}\"\n\
         monthly_budget_usd  = 400\n\n\
         github = {{\n  repository           = \"example/site\"\n  environment          = \"staging\"\n  \
         create_oidc_provider = true\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_terraform_reads_is_copied_and_nobodys_variables() {
        for (file, expected) in [
            ("infra/modules/site/main.tf", true),
            ("infra/environments/staging/terraform.tfvars", false),
            ("services/counter/service.json", true),
            ("services/counter/src/main.rs", false),
            ("src/edge_function.js", true),
        ] {
            assert_eq!(is_source(file), expected, "{file}");
        }
    }
}
