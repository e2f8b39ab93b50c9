//! The one connection to Redis that all requests share: made when it is needed, dropped when it fails.
//!
//! The library has a connection that reconnects by itself. It keeps a connection whose answers stopped coming, though, and
//! one whose password was refused for ever, so this one is ours: whatever fails is made anew by the next request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, ServerErrorKind, TlsCertificates,
};
use service_common::{StartError, StoreError, read_bundle};
use tokio::sync::Mutex;

use crate::settings::{RedisSettings, Tls};

/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// How long after a connection that failed the next one is tried: those that wait fail with it instead of each waiting for
/// their own.
const PAUSE: Duration = Duration::from_millis(250);

/// How many commands are under way at most; the others wait for their turn.
const MAX_COMMANDS: usize = 256;

/// Redis, shared by all requests.
pub struct Redis {
    client: Client,
    state: Mutex<State>,
    credentials_refused: AtomicBool,
}

enum State {
    /// With a number, so that whoever fails on a connection does not drop a newer one.
    Connected(u64, MultiplexedConnection),
    Disconnected {
        next: u64,
        failure: Option<(Instant, RedisError)>,
    },
}

impl Redis {
    /// Prepares the client without connecting.
    ///
    /// # Errors
    /// When the address or the CA bundle cannot be used.
    pub fn new(settings: &RedisSettings) -> Result<Self, StartError> {
        let (host, port) = (settings.host.clone(), settings.port);
        let address = match settings.tls {
            Tls::Off => ConnectionAddr::Tcp(host, port),
            Tls::Public | Tls::Bundle(_) => {
                ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
            }
        };
        let mut login = RedisConnectionInfo::default();
        if let Some(user) = &settings.user {
            login = login.set_username(user);
        }
        if let Some(password) = &settings.password {
            login = login.set_password(password);
        }
        let info = address.into_connection_info()?.set_redis_settings(login);
        let client = match &settings.tls {
            Tls::Off => Client::open(info)?,
            Tls::Public => {
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: None })?
            }
            Tls::Bundle(file) => {
                // Read a first time for its errors, which name the file.
                read_bundle(file)?;
                let root_cert = Some(std::fs::read(file)?);
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert })?
            }
        };
        let state = Mutex::new(State::Disconnected { next: 0, failure: None });
        Ok(Self { client, state, credentials_refused: AtomicBool::new(false) })
    }

    /// Runs `work` on the connection. It is never run twice: what it asked for may have been done although no answer came.
    ///
    /// # Errors
    /// When there is no connection, no answer in time, or the answer is an error.
    pub async fn run<T>(
        &self,
        work: impl AsyncFnOnce(MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Result<T, StoreError> {
        let (number, connection) = self.connect().await?;
        match work(connection).await {
            Ok(value) => {
                self.credentials_refused.store(false, Ordering::Relaxed);
                Ok(value)
            }
            Err(error) => {
                let failure = self.classify(error);
                if !matches!(failure, StoreError::Broken(_)) {
                    self.forget(number).await;
                }
                Err(failure)
            }
        }
    }

    /// Whether the last answer was that the user or the password is wrong.
    pub fn credentials_refused(&self) -> bool {
        self.credentials_refused.load(Ordering::Relaxed)
    }

    async fn connect(&self) -> Result<(u64, MultiplexedConnection), StoreError> {
        let mut state = self.state.lock().await;
        let number = match &*state {
            State::Connected(number, connection) => return Ok((*number, connection.clone())),
            State::Disconnected { failure: Some((when, error)), .. } if when.elapsed() < PAUSE => {
                return Err(self.classify(error.clone()));
            }
            State::Disconnected { next, .. } => *next,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(Some(ANSWER_LIMIT))
            .set_concurrency_limit(MAX_COMMANDS);
        match self.client.get_multiplexed_async_connection_with_config(&config).await {
            Ok(connection) => {
                *state = State::Connected(number, connection.clone());
                Ok((number, connection))
            }
            Err(error) => {
                *state = State::Disconnected { next: number, failure: Some((Instant::now(), error.clone())) };
                Err(self.classify(error))
            }
        }
    }

    /// As the function, and remembers a refusal: without a password, Redis refuses only the first command.
    fn classify(&self, error: RedisError) -> StoreError {
        let failure = classify(error);
        if matches!(failure, StoreError::CredentialsRefused(_)) {
            self.credentials_refused.store(true, Ordering::Relaxed);
        }
        failure
    }

    async fn forget(&self, failed: u64) {
        let mut state = self.state.lock().await;
        if matches!(&*state, State::Connected(number, _) if *number == failed) {
            *state = State::Disconnected { next: failed + 1, failure: None };
        }
    }
}

/// What an error of Redis's means to a caller. Everything that is not said by a working server about the command itself is a
/// reason to connect anew: after a failover the old primary answers that it only reads.
fn classify(error: RedisError) -> StoreError {
    if is_refusal(&error) {
        return StoreError::CredentialsRefused(error.into());
    }
    let is_about_the_command = match error.kind() {
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse | ErrorKind::InvalidClientConfig => true,
        ErrorKind::Server(kind) => {
            matches!(
                kind,
                ServerErrorKind::ResponseError | ServerErrorKind::ExecAbort | ServerErrorKind::NoScript
            )
        }
        // Redis's other words for "not now" have no kind of their own: MISCONF, OOM.
        _ => error.code().is_some_and(|code| matches!(code, "WRONGTYPE" | "NOPERM")),
    };
    if is_about_the_command {
        StoreError::Broken(error.into())
    } else {
        StoreError::Unavailable(error.into())
    }
}

fn is_refusal(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || error.code().is_some_and(|code| matches!(code, "WRONGPASS" | "NOAUTH"))
}
