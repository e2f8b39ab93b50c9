//! The settings that only the counter has.

use std::path::PathBuf;
use std::time::Duration;

use service_common::Environment;

/// What the counter is told.
#[derive(Debug)]
pub struct CounterSettings {
    pub redis: RedisSettings,
    /// How many pages are counted at most: anyone can name a page, and each takes memory.
    pub max_pages: u64,
    /// How long a summary is kept before the next one is made.
    pub summary_lifetime: Duration,
}

/// Where Redis is and how to speak with it.
#[derive(Debug)]
pub struct RedisSettings {
    pub host: String,
    pub port: u16,
    /// Without one the password is that of the `default` user.
    pub user: Option<String>,
    pub password: Option<String>,
    pub tls: Tls,
}

/// How the connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Verified against the authorities that browsers trust, Amazon's among them: what ElastiCache has.
    Public,
    /// Verified against a bundle of one's own.
    Bundle(PathBuf),
    Off,
}

impl CounterSettings {
    /// Reads the variables; problems stay in `environment`.
    pub fn read(environment: &mut Environment) -> Self {
        let redis = RedisSettings {
            host: environment.required("REDIS_HOST", "the host name of Redis"),
            port: u16::try_from(environment.number("REDIS_PORT", 6379, 1..=65_535)).unwrap_or(u16::MAX),
            user: environment.optional("REDIS_USER"),
            password: environment.optional("REDIS_PASSWORD"),
            tls: tls(environment),
        };
        if redis.user.is_some() && redis.password.is_none() {
            environment.refuse("`REDIS_PASSWORD` is not set, but `REDIS_USER` is".to_owned());
        }
        Self {
            redis,
            max_pages: environment.number("MAX_PAGES", 1000, 1..=100_000),
            summary_lifetime: environment.seconds("SUMMARY_SECONDS", 10, 1..=3600),
        }
    }
}

/// TLS has to be turned off by name: a setting that was forgotten must not send a password in the open.
fn tls(environment: &mut Environment) -> Tls {
    let bundle = environment.optional("REDIS_CA_FILE");
    let verified = bundle.map_or(Tls::Public, |file| Tls::Bundle(file.into()));
    environment.choice("REDIS_TLS", &[("verify", verified), ("off", Tls::Off)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<CounterSettings, Vec<String>> {
        let mut environment = Environment::of(values.iter().copied());
        let settings = CounterSettings::read(&mut environment);
        environment.finish(settings).map_err(|error| error.problems)
    }

    #[test]
    fn a_host_is_enough_and_tls_is_on() {
        let settings = read(&[("REDIS_HOST", "cache.example")]).expect("the rest has defaults");
        assert_eq!(settings.redis.tls, Tls::Public);
        assert_eq!(settings.redis.port, 6379);
    }

    /// ElastiCache's certificates are by one of these. A list without them would look the same as one with them to every test that
    /// has to be refused. Source: Amazon Trust Services, "Repository".
    #[test]
    fn the_public_authorities_have_amazons_among_them() {
        let is_there = |name: &str| {
            webpki_roots::TLS_SERVER_ROOTS
                .iter()
                .any(|root| root.subject.windows(name.len()).any(|part| part == name.as_bytes()))
        };
        for name in ["Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4"] {
            assert!(is_there(name), "{name} is not among {}", webpki_roots::TLS_SERVER_ROOTS.len());
        }
        assert!(!is_there("Amazon Root CA 9"));
        // Without the feature, redis takes what the system trusts, which an image has nothing of.
        assert!(include_str!("../Cargo.toml").contains("\"tls-rustls-webpki-roots\""));
    }

    #[test]
    fn a_bundle_of_ones_own_takes_the_place_of_the_public_authorities() {
        let settings = read(&[("REDIS_HOST", "cache"), ("REDIS_CA_FILE", "ca.pem")]).expect("it is whole");
        assert_eq!(settings.redis.tls, Tls::Bundle("ca.pem".into()));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert_eq!(read(&[]).unwrap_err(), ["`REDIS_HOST` is not set: it is the host name of Redis"]);
        let wrong = [("REDIS_HOST", "cache"), ("REDIS_USER", "app"), ("REDIS_TLS", "on"), ("MAX_PAGES", "0")];
        assert_eq!(
            read(&wrong).unwrap_err(),
            [
                "`REDIS_TLS` is none of `verify`, `off`",
                "`REDIS_PASSWORD` is not set, but `REDIS_USER` is",
                "`MAX_PAGES` is not a whole number from 1 to 100000",
            ]
        );
    }

    #[test]
    fn every_variable_is_documented() {
        let mut environment = Environment::default();
        CounterSettings::read(&mut environment);
        let readme = include_str!("../README.md");
        let missing = |name: &&String| !readme.contains(&format!("`{name}`"));
        assert_eq!(environment.asked().iter().filter(missing).count(), 0, "{:?}", environment.asked());
    }
}
