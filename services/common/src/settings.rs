//! Settings from environment variables, read once at start.
//!
//! Collects every problem before it refuses, so that a person mends them all at once. Never prints a value: it may be a secret.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use axum::http::HeaderValue;
use thiserror::Error;
use tracing::level_filters::LevelFilter;

/// The variables of a process, and what is wrong with those that were asked for.
#[derive(Debug, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
    asked: Vec<String>,
    problems: Vec<String>,
}

/// What is wrong, one sentence for each variable; never empty.
#[derive(Debug, Error, PartialEq, Eq)]
pub struct SettingsError {
    pub problems: Vec<String>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings are refused: {}", self.problems.join("; "))
    }
}

impl Environment {
    /// The variables of this process. One whose value is not UTF-8 is a problem only if it is asked for.
    pub fn of_process() -> Self {
        let known = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        });
        Self { values: known.collect(), ..Self::default() }
    }

    /// The variables given, as tests have them.
    pub fn of<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { values: values.collect(), ..Self::default() }
    }

    /// A text that may be left out; an empty one counts as left out, because task definitions cannot leave one out.
    pub fn optional(&mut self, name: &str) -> Option<String> {
        self.asked.push(name.to_owned());
        let value = self.values.get(name).filter(|value| !value.is_empty())?;
        if value.contains(char::REPLACEMENT_CHARACTER) || value.contains(char::is_control) {
            self.refuse(format!("`{name}` holds a control character or is not UTF-8"));
            return None;
        }
        Some(value.clone())
    }

    /// A text that must be there; `what` says what it is. Empty when it is missing, which is a problem noted.
    pub fn required(&mut self, name: &str, what: &str) -> String {
        let problems = self.problems.len();
        let value = self.optional(name);
        if value.is_none() && self.problems.len() == problems {
            self.refuse(format!("`{name}` is not set: it is {what}"));
        }
        value.unwrap_or_default()
    }

    /// A whole number within `range`, both ends included.
    pub fn number(&mut self, name: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let Some(text) = self.optional(name) else { return default };
        match text.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (least, most) = (range.start(), range.end());
                self.refuse(format!("`{name}` is not a whole number from {least} to {most}"));
                default
            }
        }
    }

    /// A number of whole seconds within `range`.
    pub fn seconds(&mut self, name: &str, default: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(name, default, range))
    }

    /// One of the words given, each with what it means; the first is the default.
    pub fn choice<T: Clone>(&mut self, name: &str, choices: &[(&str, T)]) -> T {
        let default = choices[0].1.clone();
        let Some(text) = self.optional(name) else { return default };
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return value.clone();
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.refuse(format!("`{name}` is none of {}", words.join(", ")));
        default
    }

    /// Notes a problem that the caller found.
    pub fn refuse(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// The names of all variables that were asked for, so that a test can look for them in the documentation.
    pub fn asked(&self) -> &[String] {
        &self.asked
    }

    /// The settings that were read, unless anything was wrong.
    ///
    /// # Errors
    /// When a problem was noted.
    pub fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        if self.problems.is_empty() { Ok(settings) } else { Err(SettingsError { problems: self.problems }) }
    }
}

/// The settings that every service has.
#[derive(Debug, Clone, PartialEq)]
pub struct CommonSettings {
    /// Address and port to listen on.
    pub listen_address: String,
    /// The commit the image was built from, for `/healthz` and the log.
    pub commit: String,
    /// The one origin besides the service's own whose pages may call it.
    pub site_origin: Option<HeaderValue>,
    pub log_level: LevelFilter,
    pub metrics_namespace: String,
    /// The longest time that a measurement waits to be written.
    pub metrics_interval: Duration,
    pub limits: Limits,
}

/// What one client may take, and how long an end may last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From the last byte of the head to the first of the answer.
    pub request: Duration,
    /// From the last byte of the head to the last of the body. A client that is slower is to blame itself, so this has to
    /// be up before the limit of the whole request.
    pub body: Duration,
    /// The longest wait for a whole head, and so how long an idle connection is kept. ALB keeps its side for 60 s by
    /// default and answers 502 when the target closes first, so this has to be longer.
    pub keep_alive: Duration,
    pub body_bytes: usize,
    pub connections: usize,
    /// How long new requests are still taken after SIGTERM: the load balancer needs a while to look elsewhere.
    pub drain_delay: Duration,
    /// How long requests in flight may take after that. Both together stay under ECS's `stopTimeout`, 30 s by default.
    pub drain: Duration,
}

impl CommonSettings {
    /// Reads the variables that every service has; problems stay in `environment`.
    pub fn read(environment: &mut Environment) -> Self {
        let limits = Limits {
            request: environment.seconds("REQUEST_SECONDS", 10, 1..=300),
            body: environment.seconds("BODY_SECONDS", 5, 1..=300),
            keep_alive: environment.seconds("KEEP_ALIVE_SECONDS", 75, 1..=3600),
            body_bytes: usize::try_from(environment.number("BODY_BYTES", 16_384, 64..=1_048_576))
                .unwrap_or(usize::MAX),
            connections: usize::try_from(environment.number("MAX_CONNECTIONS", 512, 1..=65_536))
                .unwrap_or(usize::MAX),
            drain_delay: environment.seconds("DRAIN_DELAY_SECONDS", 5, 0..=60),
            drain: environment.seconds("DRAIN_SECONDS", 20, 0..=120),
        };
        if limits.body > limits.request {
            environment
                .refuse("`BODY_SECONDS` is more than `REQUEST_SECONDS`, and would never be up".to_owned());
        }
        let levels = [
            ("info", LevelFilter::INFO),
            ("debug", LevelFilter::DEBUG),
            ("warn", LevelFilter::WARN),
            ("error", LevelFilter::ERROR),
        ];
        Self {
            listen_address: environment
                .optional("LISTEN_ADDRESS")
                .unwrap_or_else(|| "0.0.0.0:8080".to_owned()),
            commit: environment.optional("COMMIT").unwrap_or_else(|| "unknown".to_owned()),
            site_origin: site_origin(environment),
            log_level: environment.choice("LOG_LEVEL", &levels),
            metrics_namespace: environment
                .optional("METRICS_NAMESPACE")
                .unwrap_or_else(|| "sitepush".to_owned()),
            metrics_interval: environment.seconds("METRICS_SECONDS", 60, 1..=3600),
            limits,
        }
    }
}

/// An origin as browsers send it: scheme, host, port if it is not the scheme's, and nothing after that.
fn site_origin(environment: &mut Environment) -> Option<HeaderValue> {
    let text = environment.optional("SITE_ORIGIN")?;
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_origin = host.is_some_and(|host| {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
        !host.is_empty() && host.bytes().all(is_plain)
    });
    match HeaderValue::from_str(&text) {
        Ok(value) if is_origin => Some(value),
        _ => {
            let advice = "such as `https://www.example.com`: scheme and host in lower case, no path, no slash at the end";
            environment.refuse(format!("`SITE_ORIGIN` is no origin {advice}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<CommonSettings, SettingsError> {
        let mut environment = Environment::of(values.iter().copied());
        let settings = CommonSettings::read(&mut environment);
        environment.finish(settings)
    }

    #[test]
    fn every_variable_is_documented() {
        let mut environment = Environment::default();
        CommonSettings::read(&mut environment);
        let page = include_str!("../../../docs/services.md");
        let missing = |name: &&String| !page.contains(&format!("| `{name}` |"));
        assert_eq!(environment.asked().iter().filter(missing).count(), 0, "{:?}", environment.asked());
    }

    #[test]
    fn nothing_has_to_be_set_and_an_empty_value_is_none() {
        let settings = read(&[]).expect("the defaults are good");
        assert_eq!(settings, read(&[("SITE_ORIGIN", ""), ("REQUEST_SECONDS", "")]).expect("empty is unset"));
        assert_eq!(settings.limits.request, Duration::from_secs(10));
    }

    #[test]
    fn the_default_end_fits_into_the_stop_time_of_ecs() {
        let limits = read(&[]).expect("the defaults are good").limits;
        assert!(limits.drain_delay + limits.drain < Duration::from_secs(30));
    }

    #[test]
    fn a_body_may_not_take_longer_than_its_request() {
        assert!(read(&[("REQUEST_SECONDS", "3"), ("BODY_SECONDS", "3")]).is_ok());
        let error = read(&[("REQUEST_SECONDS", "3")]).expect_err("a body has 5 seconds");
        assert!(error.problems[0].starts_with("`BODY_SECONDS` is more than"), "{error}");
    }

    #[test]
    fn every_problem_is_named_and_no_value_is() {
        let error = read(&[("REQUEST_SECONDS", "soon"), ("BODY_BYTES", "0"), ("LOG_LEVEL", "loud")])
            .expect_err("three are wrong");
        assert_eq!(
            error.problems,
            [
                "`REQUEST_SECONDS` is not a whole number from 1 to 300",
                "`BODY_BYTES` is not a whole number from 64 to 1048576",
                "`LOG_LEVEL` is none of `info`, `debug`, `warn`, `error`",
            ]
        );
    }

    #[test]
    fn what_is_required_is_missed_by_name() {
        let mut environment = Environment::of([("HERE", "x")]);
        assert_eq!(environment.required("HERE", "a letter"), "x");
        environment.required("THERE", "the other letter");
        let error = environment.finish(()).expect_err("one is missing");
        assert_eq!(error.problems, ["`THERE` is not set: it is the other letter"]);
    }

    #[test]
    fn an_origin_has_no_path_no_star_and_no_capitals() {
        for good in ["https://www.example.com", "http://127.0.0.1:4173", "http://[::1]:80"] {
            assert_eq!(read(&[("SITE_ORIGIN", good)]).expect(good).site_origin.expect(good), good);
        }
        for bad in
            ["*", "https://", "https://a.example/", "https://a.example/x", "a.example", "https://A.example"]
        {
            assert!(read(&[("SITE_ORIGIN", bad)]).is_err(), "{bad}");
        }
    }
}
