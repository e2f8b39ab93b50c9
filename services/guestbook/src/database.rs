//! The connections to PostgreSQL: how many, how long each may wait, and what its errors mean to a caller.
//!
//! Every statement is prepared once for each connection, and its parameters never become part of its text.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use service_common::{StoreError, TlsError, client_config};
use tokio::sync::watch;
use tokio_postgres::config::{ChannelBinding, SslMode, TargetSessionAttrs};
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::settings::DatabaseSettings;

/// How long a request waits for a connection that another one has, or for a new one; and in a process that has only just
/// started, until it has looked whether the schema is up to date. A load balancer sends requests before that.
const CONNECTION_LIMIT: Duration = Duration::from_secs(2);

/// After how long without an acknowledgement a connection is given up: a host that fails over sends no goodbye.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);

/// The database, shared by all requests.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    pool: Pool,
    statement_limit: Duration,
    credentials_refused: AtomicBool,
    schema: watch::Sender<Schema>,
}

/// How far the schema is from what this version needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// It is looked at, waited for while another instance migrates it, or migrated. How every process begins.
    Migrating,
    /// The database is not reached, so nobody knows.
    OutOfReach,
    UpToDate,
}

impl Database {
    /// Prepares the pool without connecting.
    ///
    /// # Errors
    /// When the CA bundle cannot be used.
    pub fn new(settings: &DatabaseSettings) -> Result<Self, TlsError> {
        let config = config(settings);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &settings.ca_file {
            Some(file) => {
                Manager::from_config(config, MakeRustlsConnect::new(client_config(file)?), recycling)
            }
            None => Manager::from_config(config, NoTls, recycling),
        };
        let pool = Pool::builder(manager)
            .max_size(settings.pool_size)
            .wait_timeout(Some(CONNECTION_LIMIT))
            .create_timeout(Some(CONNECTION_LIMIT))
            .recycle_timeout(Some(CONNECTION_LIMIT))
            .runtime(Runtime::Tokio1)
            .build()
            .expect("a pool with a runtime can have time limits");
        Ok(Self(Arc::new(Inner {
            pool,
            statement_limit: settings.statement_limit,
            credentials_refused: AtomicBool::new(false),
            schema: watch::Sender::new(Schema::Migrating),
        })))
    }

    /// Runs one statement on the migrated schema.
    ///
    /// # Errors
    /// When the store cannot be used, is not migrated in time, or refuses the statement.
    pub async fn query(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        if !self.is_migrated().await {
            return Err(StoreError::Unavailable("the migrations have not been applied yet".into()));
        }
        let connection = self.connect().await?;
        let work = async {
            let prepared = connection.prepare_cached(statement).await?;
            connection.query(&prepared, parameters).await
        };
        let failure = match tokio::time::timeout(self.0.statement_limit, work).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) => classify(error),
            Err(elapsed) => StoreError::Unavailable(elapsed.into()),
        };
        if matches!(failure, StoreError::Unavailable(_)) {
            // Whatever it is, the next request shall not meet it: this connection does not go back to the pool.
            drop(Object::take(connection));
        }
        Err(failure)
    }

    /// A connection of one's own for as long as it is held.
    ///
    /// # Errors
    /// When none is to be had in time.
    pub async fn connect(&self) -> Result<Object, StoreError> {
        let connection = self.0.pool.get().await.map_err(classify_pool);
        match &connection {
            Ok(_) => self.0.credentials_refused.store(false, Ordering::Relaxed),
            Err(StoreError::CredentialsRefused(_)) => {
                self.0.credentials_refused.store(true, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        connection
    }

    /// Whether the last connection failed for its user or password.
    pub fn credentials_refused(&self) -> bool {
        self.0.credentials_refused.load(Ordering::Relaxed)
    }

    /// Whether the schema is up to date, or is so before it has been waited for long enough.
    async fn is_migrated(&self) -> bool {
        let mut schema = self.0.schema.subscribe();
        let up_to_date = schema.wait_for(|schema| *schema == Schema::UpToDate);
        tokio::time::timeout(CONNECTION_LIMIT, up_to_date).await.is_ok_and(|ended| ended.is_ok())
    }

    pub fn schema(&self) -> Schema {
        *self.0.schema.borrow()
    }

    /// Statements are run from when the schema is up to date.
    pub fn set_schema(&self, schema: Schema) {
        self.0.schema.send_replace(schema);
    }

    /// How many connections are at work now.
    pub fn connections_in_use(&self) -> f64 {
        let status = self.0.pool.status();
        let in_use = status.size.saturating_sub(status.available);
        u32::try_from(in_use).map_or(f64::MAX, f64::from)
    }
}

fn config(settings: &DatabaseSettings) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    config
        .host(&settings.host)
        .port(settings.port)
        .dbname(&settings.name)
        .user(&settings.user)
        .password(&settings.password)
        .application_name("guestbook")
        .connect_timeout(CONNECTION_LIMIT)
        .tcp_user_timeout(SILENCE_LIMIT)
        .keepalives_idle(SILENCE_LIMIT)
        // After a failover the name may still lead to the old primary, which takes connections and refuses to write.
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        // The server stops what nobody waits for any more.
        .options(format!("-c statement_timeout={}", settings.statement_limit.as_millis()));
    if settings.ca_file.is_some() {
        config.ssl_mode(SslMode::Require).channel_binding(ChannelBinding::Prefer);
    } else {
        config.ssl_mode(SslMode::Disable);
    }
    config
}

/// What an error of PostgreSQL's means to a caller.
///
/// Source: "PostgreSQL Error Codes". What is no answer of the server's is a connection that broke or never came about.
pub fn classify(error: tokio_postgres::Error) -> StoreError {
    let Some(answer) = error.as_db_error() else { return StoreError::Unavailable(error.into()) };
    match answer.code().code() {
        // Invalid authorization specification, invalid password.
        code if code.starts_with("28") => StoreError::CredentialsRefused(error.into()),
        // Connection exceptions, insufficient resources, operator intervention (shutdown, statement timeout).
        code if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => {
            StoreError::Unavailable(error.into())
        }
        // A former primary, a lock not to be had, a deadlock or a conflict that was resolved against us, and a database
        // that is not there (yet).
        "25006" | "55P03" | "40001" | "40P01" | "3D000" => StoreError::Unavailable(error.into()),
        _ => StoreError::Broken(error.into()),
    }
}

fn classify_pool(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => classify(error),
        PoolError::Timeout(_) => StoreError::Unavailable(Box::<dyn Error + Send + Sync>::from(error)),
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            StoreError::Broken(error.into())
        }
    }
}
