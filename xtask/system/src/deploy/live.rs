//! Looks at the site and the services as a visitor does: through the address that people type.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::project::Project;

use super::failure::Failure;
use super::terraform::Outputs;

const ONE_REQUEST: Duration = Duration::from_secs(15);

/// What a visitor is to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What `/version.json` names.
    pub commit: String,
    /// By service, what it is asked for.
    pub service_paths: ServicePaths,
}

/// How long to look again at what is not as expected.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// No look begins later than this after the first.
    pub in_all: Duration,
    pub between: Duration,
}

impl Default for Patience {
    /// A name, a certificate or a cache may take a while to be everywhere.
    fn default() -> Self {
        Self { in_all: Duration::from_secs(90), between: Duration::from_secs(2) }
    }
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
/// With what was not at the last look, once patience has ended.
pub fn check(site_url: &str, expected: &Expected, patience: Patience) -> Result<()> {
    let started = Instant::now();
    loop {
        match look(site_url, expected) {
            Ok(()) => return Ok(()),
            Err(error) if started.elapsed() + patience.between >= patience.in_all => {
                let failure = Failure::service(format!("{site_url} is not what was deployed"));
                return Err(
                    error.context(failure.hint("everything is in place; look at `cargo xtask status`"))
                );
            }
            Err(_) => std::thread::sleep(patience.between),
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
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::State;
    use axum::http::{StatusCode, Uri};
    use tokio::runtime::Runtime;

    use super::super::failure::{class, hint};
    use super::*;
    use crate::class::Class;

    const VERSION: &str = "/version.json";
    const SUMMARY: &str = "/api/counter/summary";
    const AT_ONCE: Patience = Patience { in_all: Duration::ZERO, between: Duration::ZERO };

    /// What a path is answered with: in turn, and then with the last of them again and again.
    type Answers = BTreeMap<&'static str, Vec<(u16, &'static str)>>;

    /// A site and its service on a free port, until it is dropped; and how much of each path was asked for.
    struct Stage {
        url: String,
        asked: Arc<Mutex<BTreeMap<String, usize>>>,
        _runtime: Runtime,
    }

    impl Stage {
        /// As it is when all is well, but for `other`.
        fn with(other: &[(&'static str, &[(u16, &'static str)])]) -> Self {
            let mut answers: Answers = [
                (VERSION, vec![(200, r#"{"commit": "abc"}"#)]),
                ("/", vec![(200, "<!doctype html><html></html>")]),
                (SUMMARY, vec![(200, "{}")]),
            ]
            .into();
            answers.extend(other.iter().map(|(path, list)| (*path, list.to_vec())));
            let asked = Arc::<Mutex<BTreeMap<String, usize>>>::default();
            let count = Arc::clone(&asked);
            let answer = async move |State(answers): State<Answers>, uri: Uri| {
                let mut count = count.lock().expect("nobody panics");
                let times = count.entry(uri.path().to_owned()).or_default();
                let list = answers.get(uri.path()).expect("nothing else is asked for");
                let (status, body) = list[(*times).min(list.len() - 1)];
                *times += 1;
                (StatusCode::from_u16(status).expect("a status"), body)
            };
            let router = Router::new().fallback(answer).with_state(answers);
            let runtime = Runtime::new().expect("a runtime");
            let listener =
                runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
            let url = format!("http://{}", listener.local_addr().expect("it has one"));
            runtime.spawn(async move { axum::serve(listener, router).await });
            Self { url, asked, _runtime: runtime }
        }

        fn check(&self, patience: Patience) -> Result<()> {
            let service_paths = paths(&[("counter", SUMMARY)]);
            check(&self.url, &Expected { commit: "abc".to_owned(), service_paths }, patience)
        }

        fn times_asked(&self, path: &str) -> usize {
            self.asked.lock().expect("nobody panics").get(path).copied().unwrap_or_default()
        }
    }

    #[test]
    fn site_and_services_are_asked_and_what_is_deployed_passes() {
        let stage = Stage::with(&[]);
        stage.check(AT_ONCE).expect("it is what was deployed");
        assert_eq!([VERSION, "/", SUMMARY].map(|path| stage.times_asked(path)), [1, 1, 1]);
    }

    #[test]
    fn what_is_not_what_was_deployed_is_told() {
        for (path, answer, wanted) in [
            (VERSION, (200, r#"{"commit": "abd"}"#), "/version.json names the commit `abd`, not `abc`"),
            (VERSION, (200, "{}"), "/version.json names the commit ``, not `abc`"),
            (VERSION, (200, "<html>"), "/version.json is not JSON"),
            (VERSION, (404, r#"{"commit": "abc"}"#), "/version.json is answered with 404"),
            ("/", (500, "<html></html>"), "/ is answered with 500, and is no page"),
            ("/", (200, "it works"), "/ is answered with 200, and is no page"),
            (SUMMARY, (503, "no store\nfor now"), "/api/counter/summary is answered with 503: no store"),
        ] {
            let error = Stage::with(&[(path, &[answer])]).check(AT_ONCE).expect_err(wanted);
            assert_eq!(class(&error), Class::Service);
            assert!(error.to_string().ends_with("is not what was deployed"), "{error}");
            assert!(hint(&error).is_some_and(|hint| hint.contains("status")));
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            assert!(causes.iter().any(|cause| cause == wanted), "{causes:?}, not {wanted}");
        }
    }

    #[test]
    fn a_site_that_nobody_answers_for_is_no_success() {
        let expected = Expected { commit: "abc".to_owned(), service_paths: ServicePaths::new() };
        // A port that no free one is ever taken from.
        let error = check("http://127.0.0.1:1", &expected, AT_ONCE).expect_err("nobody listens");
        assert!(format!("{error:#}").contains("GET http://127.0.0.1:1/version.json"), "{error:#}");
    }

    #[test]
    fn it_is_looked_at_again_until_it_is_there() {
        let old = (200, r#"{"commit": "old"}"#);
        let stage = Stage::with(&[
            (VERSION, &[(404, ""), old, (200, r#"{"commit": "abc"}"#)]),
            (SUMMARY, &[(503, ""), (200, "{}")]),
        ]);
        // Far longer than it takes: what ends it is the answer.
        let patience = Patience { in_all: Duration::from_secs(600), between: Duration::ZERO };
        stage.check(patience).expect("it comes");
        assert_eq!([VERSION, "/", SUMMARY].map(|path| stage.times_asked(path)), [4, 2, 2]);
    }

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
