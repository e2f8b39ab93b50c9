//! The settings that only the guestbook has.

use std::path::PathBuf;
use std::time::Duration;

use service_common::Environment;

/// A shorter token could be guessed.
const MIN_TOKEN_BYTES: usize = 16;

/// What the guestbook is told.
#[derive(Debug)]
pub struct GuestbookSettings {
    pub database: DatabaseSettings,
    /// What moderators prove themselves with; without one there is no moderation.
    pub moderation_token: Option<String>,
}

/// Where the database is and how to speak with it.
#[derive(Debug)]
pub struct DatabaseSettings {
    pub host: String,
    pub port: u16,
    pub name: String,
    pub user: String,
    pub password: String,
    /// The certificates that the server's has to lead up to; without them the connection is not encrypted.
    pub ca_file: Option<PathBuf>,
    pub pool_size: usize,
    /// The longest that one statement may take.
    pub statement_limit: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Tls {
    Verified,
    Off,
}

impl GuestbookSettings {
    /// Reads the variables; problems stay in `environment`.
    pub fn read(environment: &mut Environment) -> Self {
        let database = DatabaseSettings {
            host: environment.required("DATABASE_HOST", "the host name of PostgreSQL"),
            port: u16::try_from(environment.number("DATABASE_PORT", 5432, 1..=65_535)).unwrap_or(u16::MAX),
            name: environment.required("DATABASE_NAME", "the name of the database"),
            user: environment.required("DATABASE_USER", "the user to connect as"),
            password: environment.required("DATABASE_PASSWORD", "that user's password"),
            ca_file: ca_file(environment),
            pool_size: usize::try_from(environment.number("DATABASE_POOL_SIZE", 8, 1..=100))
                .unwrap_or(usize::MAX),
            statement_limit: environment.seconds("DATABASE_SECONDS", 5, 1..=60),
        };
        let moderation_token = environment.optional("MODERATION_TOKEN");
        if moderation_token.as_ref().is_some_and(|token| token.len() < MIN_TOKEN_BYTES) {
            environment.refuse(format!(
                "`MODERATION_TOKEN` is shorter than {MIN_TOKEN_BYTES} bytes and could be guessed"
            ));
        }
        Self { database, moderation_token }
    }
}

/// TLS has to be turned off by name: an address that was forgotten must not send a password in the open.
fn ca_file(environment: &mut Environment) -> Option<PathBuf> {
    match environment.choice("DATABASE_TLS", &[("verify", Tls::Verified), ("off", Tls::Off)]) {
        Tls::Verified => {
            let what =
                "the file of the CA bundle to verify the server with (`DATABASE_TLS=off` does without TLS)";
            Some(environment.required("DATABASE_CA_FILE", what).into())
        }
        Tls::Off => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: [(&str, &str); 5] = [
        ("DATABASE_HOST", "db.example"),
        ("DATABASE_NAME", "guestbook"),
        ("DATABASE_USER", "app"),
        ("DATABASE_PASSWORD", "secret"),
        ("DATABASE_CA_FILE", "ca.pem"),
    ];

    fn problems(change: &[(&str, &str)]) -> Vec<String> {
        let mut environment = Environment::of(WHOLE.iter().chain(change).copied());
        let settings = GuestbookSettings::read(&mut environment);
        environment.finish(settings).map_or_else(|error| error.problems, |_| Vec::new())
    }

    #[test]
    fn five_settings_are_enough() {
        assert_eq!(problems(&[]), [""; 0]);
    }

    #[test]
    fn each_setting_that_is_missing_is_named() {
        for (name, _) in WHOLE {
            let found = problems(&[(name, "")]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(&format!("`{name}` is not set")), "{found:?}");
        }
    }

    #[test]
    fn without_tls_no_bundle_is_wanted() {
        assert_eq!(problems(&[("DATABASE_CA_FILE", ""), ("DATABASE_TLS", "off")]), [""; 0]);
    }

    #[test]
    fn a_token_that_could_be_guessed_is_refused_without_being_shown() {
        let found = problems(&[("MODERATION_TOKEN", "letmein")]);
        assert_eq!(found, ["`MODERATION_TOKEN` is shorter than 16 bytes and could be guessed"]);
    }

    #[test]
    fn every_variable_is_documented() {
        let mut environment = Environment::default();
        GuestbookSettings::read(&mut environment);
        let readme = include_str!("../README.md");
        let missing = |name: &&String| !readme.contains(&format!("`{name}`"));
        assert_eq!(environment.asked().iter().filter(missing).count(), 0, "{:?}", environment.asked());
    }
}
