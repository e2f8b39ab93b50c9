//! Which services there are, and what each says of itself: a service is a folder of `services/` with a `service.json`, which
//! Terraform reads too.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use xtask::project::Project;

use crate::router::Rule;

/// One service. Its name is that of its folder, of its package and of its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    pub description: Description,
    /// Whether Cargo builds it; another one is not run here.
    pub is_rust: bool,
}

/// The file. `infra/modules/application/services.tf` has the same defaults.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Where it listens in its container.
    pub port: u16,
    /// Of its rule at the load balancer; no two services have the same.
    pub priority: u32,
    /// Paths that lead to it, under `/api/`, with `*` and `?`.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Hosts that lead to it.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Answers 200 while it is alive.
    #[serde(default = "healthz")]
    pub health_path: String,
    /// How long ECS lets a new container be unhealthy.
    #[serde(default = "thirty")]
    pub health_grace_seconds: u32,
    /// 1024 is one processor.
    pub cpu: u32,
    pub memory_mib: u32,
    #[serde(default)]
    pub stores: Vec<Store>,
    /// Variables that hold a secret which is made once for an environment.
    #[serde(default)]
    pub generated_secrets: Vec<String>,
}

/// What a service keeps its data in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// PostgreSQL.
    Database,
    /// Redis.
    Cache,
}

fn healthz() -> String {
    "/healthz".to_owned()
}

fn thirty() -> u32 {
    30
}

/// Every service of the project, by name.
///
/// # Errors
/// When there is none, or a file cannot be read.
pub fn services(project: &Project) -> Result<Vec<Service>> {
    let folder = project.path("services");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let file = path.join("service.json");
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| file.is_file()) else {
            continue;
        };
        let is_rust = path.join("Cargo.toml").is_file();
        found.insert(name.to_owned(), Service { name: name.to_owned(), description: read(&file)?, is_rust });
    }
    if found.is_empty() {
        bail!("no folder of {} has a service.json", folder.display());
    }
    Ok(found.into_values().collect())
}

fn read(file: &Path) -> Result<Description> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not as it should be", file.display()))
}

/// The load balancer's rules; the target group of a service has its name.
pub fn rules(services: &[Service]) -> Vec<Rule> {
    let rule = |Service { name, description, .. }: &Service| Rule {
        priority: description.priority,
        paths: description.paths.clone(),
        hosts: description.hosts.clone(),
        group: name.clone(),
    };
    services.iter().map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_of_this_project_are_found_and_libraries_are_not() {
        let services = services(&Project::find().unwrap()).unwrap();
        let names: Vec<_> = services.iter().map(|service| service.name.as_str()).collect();
        assert!(names.contains(&"counter") && names.contains(&"guestbook"), "{names:?}");
        assert!(!names.contains(&"common") && !names.contains(&"testkit"), "{names:?}");
        assert_eq!(rules(&services).len(), services.len());
    }

    #[test]
    fn what_is_left_out_has_the_defaults_of_terraform() {
        let least = r#"{"port": 1, "priority": 2, "cpu": 3, "memory_mib": 4}"#;
        let description: Description = serde_json::from_str(least).unwrap();
        let module = include_str!("../../../infra/modules/application/services.tf");
        assert!(module.contains(&format!(r#"try(description.health_path, "{}")"#, description.health_path)));
        for (name, is_empty) in [
            ("paths", description.paths.is_empty()),
            ("hosts", description.hosts.is_empty()),
            ("stores", description.stores.is_empty()),
            ("generated_secrets", description.generated_secrets.is_empty()),
        ] {
            assert!(is_empty && module.contains(&format!("try(description.{name}, [])")), "{name}");
        }
    }

    #[test]
    fn a_member_that_nobody_knows_and_a_store_that_there_is_not_are_refused() {
        for bad in [r#", "prot": 1"#, r#", "stores": ["disk"]"#] {
            let text = format!(r#"{{"port": 1, "priority": 2, "cpu": 3, "memory_mib": 4{bad}}}"#);
            assert!(serde_json::from_str::<Description>(&text).is_err(), "{bad}");
        }
    }
}
