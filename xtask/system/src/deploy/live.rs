//! Looks at the site and the services as a visitor does: through the address that people type.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::project::Project;

use super::failure::Failure;
use super::terraform::Outputs;

/// A name, a certificate or a cache may take a while to be everywhere.
const PATIENCE: Duration = Duration::from_secs(90);
const BETWEEN: Duration = Duration::from_secs(2);
const ONE_REQUEST: Duration = Duration::from_secs(15);

/// What a visitor is to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What `/version.json` names.
    pub commit: String,
    /// By service, what it is asked for.
    pub service_paths: ServicePaths,
}

/// By service, a path that the version of it that is to answer has, such as `/api/counter/summary`.
pub type ServicePaths = BTreeMap<String, String>;

/// What to ask `services` for: what a record of the version that is to answer has, and where it was made before that was
/// written down, what the checkout documents. A service that the record does not know is of another version, and is not asked.
fn paths_to_ask(
    recorded: Option<&ServicePaths>,
    services: &[String],
    documented: impl FnOnce() -> Result<ServicePaths>,
) -> Result<ServicePaths> {
    let Some(recorded) = recorded else { return documented() };
    let mut paths = recorded.clone();
    paths.retain(|service, _| services.contains(service));
    Ok(paths)
}

/// The same for all services that Terraform has made.
///
/// # Errors
/// When what the checkout documents cannot be read.
pub fn paths_of(
    project: &Project,
    recorded: Option<&ServicePaths>,
    outputs: &Outputs,
) -> Result<ServicePaths> {
    let services: Vec<String> = outputs.task_definition_arns.keys().cloned().collect();
    paths_to_ask(recorded, &services, || service_paths(project, &services))
}

/// A path for each service whose checked-out version documents one: the first that can be asked without knowing anything,
/// out of its `openapi.json`.
///
/// # Errors
/// When such a file cannot be read.
fn service_paths(project: &Project, services: &[String]) -> Result<ServicePaths> {
    let mut paths = ServicePaths::new();
    for service in services {
        let file = project.path(&format!("services/{service}/openapi.json"));
        let Ok(text) = fs::read(&file) else { continue };
        let document =
            serde_json::from_slice(&text).with_context(|| format!("cannot use {}", file.display()))?;
        paths.extend(path_of(&document).map(|path| (service.clone(), path)));
    }
    Ok(paths)
}

/// The first path under `/api/` whose GET needs no parameter. The document itself is no answer that takes a store.
fn path_of(document: &Value) -> Option<String> {
    let needs_nothing = |operation: &Value| {
        let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        parameters.iter().all(|parameter| parameter["required"] != true)
    };
    let paths = document["paths"].as_object()?;
    let fits = |(path, operations): &(&String, &Value)| {
        path.starts_with("/api/")
            && !path.contains('{')
            && !path.ends_with(".json")
            && operations.get("get").is_some_and(needs_nothing)
    };
    paths.iter().find(fits).map(|(path, _)| path.clone())
}

/// Asks until all is as expected. Blocks.
///
/// # Errors
/// With what was not, when it is not after a minute and a half.
pub fn check(site_url: &str, expected: &Expected) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look(site_url, expected) {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                let failure = Failure::service(format!("{site_url} is not what was deployed"));
                return Err(
                    error.context(failure.hint("everything is in place; look at `cargo xtask status`"))
                );
            }
            Err(_) => std::thread::sleep(BETWEEN),
        }
    }
}

fn look(site_url: &str, expected: &Expected) -> Result<()> {
    let (status, version) = get(site_url, "/version.json")?;
    ensure!(status == 200, "/version.json is answered with {status}");
    let version: Value = serde_json::from_str(&version).context("/version.json is not JSON")?;
    let commit = version["commit"].as_str().unwrap_or_default();
    ensure!(
        commit == expected.commit,
        "/version.json names the commit `{commit}`, not `{}`",
        expected.commit
    );
    let (status, page) = get(site_url, "/")?;
    ensure!(status == 200 && page.contains("<html"), "/ is answered with {status}, and is no page");
    for path in expected.service_paths.values() {
        let (status, body) = get(site_url, path)?;
        ensure!(
            status == 200,
            "{path} is answered with {status}: {}",
            body.lines().next().unwrap_or_default()
        );
    }
    Ok(())
}

fn get(site_url: &str, path: &str) -> Result<(u16, String)> {
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(ONE_REQUEST)).build(),
    );
    let mut answer =
        agent.get(format!("{site_url}{path}")).call().with_context(|| format!("GET {site_url}{path}"))?;
    let body = answer.body_mut().read_to_string().with_context(|| format!("GET {site_url}{path}"))?;
    Ok((answer.status().as_u16(), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_of_this_repository_has_a_path_to_ask() {
        let project = Project::find().expect("cargo runs the tests");
        let services = ["counter".to_owned(), "guestbook".to_owned()];
        assert_eq!(
            service_paths(&project, &services).expect("they are read"),
            paths(&[("counter", "/api/counter/summary"), ("guestbook", "/api/guestbook/entries")])
        );
    }

    fn paths(list: &[(&str, &str)]) -> ServicePaths {
        list.iter().map(|(service, path)| ((*service).to_owned(), (*path).to_owned())).collect()
    }

    #[test]
    fn a_version_that_was_released_is_asked_for_what_it_had() {
        let services = ["counter".to_owned(), "new".to_owned()];
        let recorded = paths(&[("counter", "/api/counter/summary"), ("gone", "/api/gone")]);
        // The checkout has an endpoint more, which comes first.
        let documented = paths(&[("counter", "/api/counter/all"), ("new", "/api/new")]);
        let asked = |recorded| {
            paths_to_ask(recorded, &services, || Ok(documented.clone())).expect("nothing has to be read")
        };
        assert_eq!(asked(Some(&recorded)), paths(&[("counter", "/api/counter/summary")]));
        assert_eq!(asked(None), documented, "a record of before paths were written down");
    }
}
