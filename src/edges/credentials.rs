//! Credentials: where they come from, for how long they are kept, and what is said where there are none.
//!
//! Touches what the SDK's chain touches: the environment, `~/.aws`, a program, STS, IAM Identity Center, the service for
//! roles. Never writes them down, never shows them.

use std::time::Duration;

use aws_config::Region;
use aws_config::imds::client::error::ImdsError;
use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::call::innermost;
use super::clock::Clock;

/// Credentials from wherever the SDK finds them, looked up once and again before they expire: a program, STS or the service
/// for roles is not asked for each of a thousand files. Where there are none, said by what was looked at.
#[derive(Debug)]
pub(super) struct Found {
    inner: SharedCredentialsProvider,
    clock: Clock,
    /// Held while they are looked up: many requests wait for one answer.
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    credentials: Credentials,
    /// None where they last.
    renewed_from: Option<Timestamp>,
}

/// How long before they expire credentials are looked up again. The SDK's own clients begin ten seconds before.
const RENEWAL: Duration = Duration::from_secs(60);

/// How long those that are there are used where others could not be had, before they are looked up again.
const PAUSE: Duration = Duration::from_secs(5);

impl Found {
    pub fn by(inner: SharedCredentialsProvider, clock: &Clock) -> Self {
        Self { inner, clock: clock.clone(), kept: Mutex::default() }
    }

    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let mut kept = self.kept.lock().await;
        let now = self.clock.service_now();
        if let Some(kept) = kept.as_ref().filter(|kept| kept.renewed_from.is_none_or(|from| now < from)) {
            return Ok(kept.credentials.clone());
        }
        match self.inner.provide_credentials().await {
            Ok(credentials) => {
                let renewed_from = expiry(&credentials).map(|expiry| renewed_from(expiry, now));
                *kept = Some(Kept { credentials: credentials.clone(), renewed_from });
                Ok(credentials)
            }
            Err(error) => {
                let expiry = kept.as_ref().and_then(|kept| expiry(&kept.credentials));
                let Some((kept, expiry)) = kept.as_mut().zip(expiry).filter(|(_, expiry)| now < *expiry)
                else {
                    return Err(in_our_words(error));
                };
                // Those who wait are not to ask again one after the other; and it may have taken long.
                let now = self.clock.service_now();
                kept.renewed_from = Some(expiry.min(now + PAUSE));
                Ok(kept.credentials.clone())
            }
        }
    }
}

impl ProvideCredentials for Found {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

fn expiry(credentials: &Credentials) -> Option<Timestamp> {
    credentials.expiry().map(|expiry| Timestamp::try_from(expiry).unwrap_or(Timestamp::MAX))
}

/// When credentials that were found at `now` are looked up again: those that last only a moment at half of it, since the
/// source may not have others yet.
fn renewed_from(expiry: Timestamp, now: Timestamp) -> Timestamp {
    let left = Duration::try_from(expiry.duration_since(now)).unwrap_or_default();
    expiry - RENEWAL.min(left / 2)
}

fn in_our_words(error: CredentialsError) -> CredentialsError {
    match error {
        // Its cause tells only why the last place that was looked at had none.
        CredentialsError::CredentialsNotLoaded(_) => CredentialsError::not_loaded(NONE_FOUND),
        // The last place of all: a machine's role that it may not have is none.
        error if is_refused_role(&error) => CredentialsError::not_loaded(NONE_FOUND),
        other => other,
    }
}

/// Whether the service for the roles of EC2 machines gave no token.
fn is_refused_role(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.any(|cause| matches!(cause.downcast_ref(), Some(ImdsError::FailedToLoadToken(_))))
}

/// Source: the order of the default provider chain of the AWS SDK for Rust.
const NONE_FOUND: &str = "no credentials were found: not in the environment (AWS_ACCESS_KEY_ID), in the profile of \
     ~/.aws (AWS_PROFILE), by web identity, or from a container or EC2 role";

/// The credentials of one profile and of nothing else; failures name it.
#[derive(Debug)]
pub(super) struct OfProfile {
    name: String,
    inner: ProfileFileCredentialsProvider,
}

impl ProvideCredentials for OfProfile {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            self.inner.provide_credentials().await.map_err(|error| {
                let cause = match &error {
                    // "The provider was not enabled": there is nothing of that name, or nothing in it.
                    CredentialsError::CredentialsNotLoaded(_) => {
                        "it is not in ~/.aws/config or ~/.aws/credentials, or names no keys, role or SSO session".into()
                    }
                    other => innermost(other),
                };
                let text = format!("the profile `{}` gives no credentials: {cause}", self.name);
                CredentialsError::provider_error(text)
            })
        })
    }
}

/// Looked up in `region`, else in the profile's own.
pub(super) async fn of_profile(profile: &str, region: Option<&str>) -> OfProfile {
    let region = match region {
        Some(region) => Some(Region::new(region.to_owned())),
        None => ProfileFileRegionProvider::builder().profile_name(profile).build().region().await,
    };
    let config = ProviderConfig::without_region().with_region(region);
    let inner = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&config).build();
    OfProfile { name: profile.to_owned(), inner }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::SystemTime;

    use super::*;

    const START: &str = "Mon, 23 Nov 2026 10:00:00 GMT";

    /// Gives keys that expire at a given time, and none after so many lookups.
    #[derive(Clone, Debug)]
    struct Source {
        expiry: Option<SystemTime>,
        lookups: Arc<AtomicUsize>,
        fails_from: usize,
    }

    impl ProvideCredentials for Source {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let lookup = self.lookups.fetch_add(1, Ordering::Relaxed);
            if lookup >= self.fails_from {
                return future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("gone")));
            }
            let keys = Credentials::new(format!("key-{lookup}"), "secret", None, self.expiry, "a test");
            future::ProvideCredentials::ready(Ok(keys))
        }
    }

    /// Which keys were given at each of the times, which are in order; none where there were none.
    async fn given(expiry: Option<&str>, fails_from: usize, times: &[&str]) -> Vec<Option<String>> {
        given_by(expiry, fails_from, times).await.0
    }

    /// The same, and how often they were looked up.
    async fn given_by(
        expiry: Option<&str>,
        fails_from: usize,
        times: &[&str],
    ) -> (Vec<Option<String>>, usize) {
        let expiry = expiry.map(|time| {
            let time: Timestamp = format!("2026-11-23T{time}Z").parse().expect("a time");
            SystemTime::UNIX_EPOCH
                + Duration::from_millis(time.as_millisecond().try_into().expect("after 1970"))
        });
        let source = Source { expiry, lookups: Arc::default(), fails_from };
        let clock = Clock::fixed("2026-11-23T10:00:00Z".parse().expect("a time"));
        let lookups = Arc::clone(&source.lookups);
        let found = Found::by(SharedCredentialsProvider::new(source), &clock);
        clock.learn(START);
        let mut given = Vec::new();
        for time in times {
            clock.learn(&format!("Mon, 23 Nov 2026 {time} GMT"));
            let answer = found.provide_credentials().await;
            given.push(answer.ok().map(|keys| keys.access_key_id().to_owned()));
        }
        (given, lookups.load(Ordering::Relaxed))
    }

    fn keys(names: &[&str]) -> Vec<Option<String>> {
        names.iter().map(|name| (!name.is_empty()).then(|| (*name).to_owned())).collect()
    }

    #[tokio::test]
    async fn keys_that_last_are_looked_up_once() {
        assert_eq!(given(None, 9, &["10:00:00", "10:00:00", "23:00:00"]).await, keys(&["key-0"; 3]));
    }

    #[tokio::test]
    async fn keys_are_looked_up_again_a_minute_before_they_expire() {
        let times = ["10:00:00", "10:58:59", "10:59:00", "10:59:20"];
        assert_eq!(given(Some("11:00:00"), 9, &times).await, keys(&["key-0", "key-0", "key-1", "key-1"]));
    }

    #[tokio::test]
    async fn keys_for_a_moment_are_looked_up_again_at_half_of_it() {
        let times = ["10:00:00", "10:00:14", "10:00:15"];
        assert_eq!(given(Some("10:00:30"), 9, &times).await, keys(&["key-0", "key-0", "key-1"]));
    }

    #[tokio::test]
    async fn keys_that_expired_are_looked_up_each_time() {
        assert_eq!(given(Some("09:00:00"), 9, &["10:00:00"; 3]).await, keys(&["key-0", "key-1", "key-2"]));
    }

    #[tokio::test]
    async fn keys_serve_until_they_expire_where_others_cannot_be_had() {
        let times = ["10:00:00", "10:59:30", "10:59:33", "10:59:59", "11:00:00"];
        let (given, lookups) = given_by(Some("11:00:00"), 1, &times).await;
        assert_eq!(given, keys(&["key-0", "key-0", "key-0", "key-0", ""]));
        assert_eq!(lookups, 4, "whoever comes within five seconds of a failure does not ask again");
    }

    #[tokio::test]
    async fn no_keys_are_not_remembered() {
        assert_eq!(given(None, 0, &["10:00:00"; 2]).await, keys(&["", ""]));
    }
}
