//! What a service is told: the variables that Terraform gives it, with this machine's values. Pure.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::services::{Description, Store};

/// A process's variables; it gets no others.
pub type Variables = BTreeMap<String, String>;

/// What every service of a run has in common.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Where the site is: `http://127.0.0.1:4173`.
    pub site_origin: String,
    pub commit: String,
    /// What leads to each store.
    pub stores: BTreeMap<Store, Variables>,
    /// The secrets that services have for themselves, by `service/VARIABLE`.
    pub secrets: BTreeMap<String, String>,
}

/// The variables of one process of a service.
///
/// Other than on AWS, the stores speak without TLS here, and a service that ends goes on taking requests for no time: the
/// router has stopped sending any before it asks.
pub fn variables(
    name: &str,
    description: &Description,
    listen: SocketAddr,
    surroundings: &Surroundings,
) -> Variables {
    let mut variables: Variables = [
        ("LISTEN_ADDRESS", listen.to_string()),
        ("COMMIT", surroundings.commit.clone()),
        ("SITE_ORIGIN", surroundings.site_origin.clone()),
        ("METRICS_NAMESPACE", "dev".to_owned()),
        ("DRAIN_DELAY_SECONDS", "0".to_owned()),
    ]
    .map(|(variable, value)| (variable.to_owned(), value))
    .into();
    for store in &description.stores {
        variables.extend(surroundings.stores.get(store).cloned().unwrap_or_default());
    }
    for variable in &description.generated_secrets {
        if let Some(secret) = surroundings.secrets.get(&secret_key(name, variable)) {
            variables.insert(variable.clone(), secret.clone());
        }
    }
    variables
}

/// The name of a secret, as Terraform's keys have it.
pub fn secret_key(service: &str, variable: &str) -> String {
    format!("{service}/{variable}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(stores: &[Store], secrets: &[&str]) -> Description {
        Description {
            port: 8080,
            priority: 1,
            paths: Vec::new(),
            hosts: Vec::new(),
            health_path: "/healthz".to_owned(),
            health_grace_seconds: 30,
            cpu: 256,
            memory_mib: 512,
            stores: stores.to_vec(),
            generated_secrets: secrets.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn surroundings() -> Surroundings {
        let variables =
            |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        let database =
            ["HOST", "PORT", "NAME", "USER", "PASSWORD", "TLS"].map(|end| format!("DATABASE_{end}"));
        let cache = ["HOST", "PORT", "PASSWORD", "TLS"].map(|end| format!("REDIS_{end}"));
        Surroundings {
            stores: BTreeMap::from([
                (Store::Database, variables(&database.each_ref().map(String::as_str))),
                (Store::Cache, variables(&cache.each_ref().map(String::as_str))),
            ]),
            secrets: BTreeMap::from([("guestbook/TOKEN".to_owned(), "t".to_owned())]),
            ..Surroundings::default()
        }
    }

    #[test]
    fn a_service_is_told_of_its_own_stores_and_secrets_only() {
        let listen = "127.0.0.1:1234".parse().unwrap();
        let found =
            variables("guestbook", &description(&[Store::Database], &["TOKEN"]), listen, &surroundings());
        assert_eq!(found["LISTEN_ADDRESS"], "127.0.0.1:1234");
        assert_eq!(found["TOKEN"], "t");
        assert!(found.contains_key("DATABASE_HOST") && !found.contains_key("REDIS_HOST"));
        let found = variables("counter", &description(&[Store::Cache], &["TOKEN"]), listen, &surroundings());
        assert!(found.contains_key("REDIS_HOST") && !found.contains_key("DATABASE_HOST"));
        assert!(!found.contains_key("TOKEN"), "it is another service's");
    }

    #[test]
    fn every_variable_that_terraform_gives_is_given_here_too() {
        let both = description(&[Store::Database, Store::Cache], &[]);
        let here = variables("x", &both, "127.0.0.1:1".parse().unwrap(), &surroundings());
        let module = include_str!("../../../../infra/modules/application/services.tf");
        let is_variable = |name: &&str| {
            name.contains('_') && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        let there: Vec<_> = module
            .lines()
            .filter_map(|line| Some(line.split_once(" = ")?.0.trim()))
            .filter(is_variable)
            // Without TLS there is nothing to trust.
            .filter(|name| *name != "DATABASE_CA_FILE")
            .collect();
        assert!(there.len() >= 9, "{there:?}");
        for name in there {
            assert!(here.contains_key(name), "{name}");
        }
    }
}
