//! Brings the schema to what this version needs, at start, once, whatever number of instances start together.
//!
//! An instance that finds migrations which it does not know is an older one, put back by a rollback: it leaves them. So
//! every migration has to leave the version before it able to work.

use std::sync::Arc;
use std::time::Duration;

use service_common::{Lifecycle, StoreError, causes};
use thiserror::Error;
use tracing::{error, info, warn};

use crate::database::{Database, Schema, classify};

/// The migrations in the order of their numbers. One that was released is never changed again.
const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "entries", sql: include_str!("../migrations/0001_entries.sql") },
    Migration { number: 2, name: "moderation", sql: include_str!("../migrations/0002_moderation.sql") },
];

/// Who holds this advisory lock is the one that migrates. The number is arbitrary; it only must not change.
const LOCK: i64 = 0x6775_6573_7462_6f6b;

/// How long to wait before the store is tried again.
const PAUSE: Duration = Duration::from_secs(1);

struct Migration {
    number: i32,
    name: &'static str,
    sql: &'static str,
}

/// Why the schema is not what this version needs.
#[derive(Debug, Error)]
pub enum MigrationError {
    #[error("cannot reach the schema")]
    Store(#[from] StoreError),
    #[error("migration {number} (`{name}`) was applied with another text than this version has")]
    Changed { number: i32, name: &'static str },
    #[error("migration {number} (`{name}`) failed")]
    Failed {
        number: i32,
        name: &'static str,
        #[source]
        source: StoreError,
    },
}

impl MigrationError {
    /// Whether trying again may help.
    fn may_pass(&self) -> bool {
        match self {
            Self::Store(cause) | Self::Failed { source: cause, .. } => {
                !matches!(cause, StoreError::Broken(_))
            }
            Self::Changed { .. } => false,
        }
    }
}

/// Migrates as soon as the store lets it, and ends the process if it never will.
pub async fn apply_when_possible(database: Database, lifecycle: Arc<Lifecycle>) {
    loop {
        match apply(&database).await {
            Ok(applied) => {
                database.set_schema(Schema::UpToDate);
                info!(applied, "the schema is up to date");
                return;
            }
            Err(failure) if failure.may_pass() => {
                warn!(cause = causes(&failure), "cannot migrate yet");
                tokio::time::sleep(PAUSE).await;
            }
            Err(failure) => {
                error!(cause = causes(&failure), "cannot migrate");
                lifecycle.give_up();
                return;
            }
        }
    }
}

/// Applies what is missing in one transaction, under the lock; returns how many migrations that were.
///
/// # Errors
/// When the store cannot be used, or what is there is not what this version can work with.
async fn apply(database: &Database) -> Result<usize, MigrationError> {
    let mut connection = match database.connect().await {
        Ok(connection) => connection,
        Err(failure) => {
            database.set_schema(Schema::OutOfReach);
            return Err(failure.into());
        }
    };
    database.set_schema(Schema::Migrating);
    let transaction = connection.transaction().await.map_err(classify)?;
    // The time limits are for requests. Waiting for the lock has one of its own, and then it is tried again.
    // An instance that is stopped meanwhile must not leave the server at work, and holding the lock, for nobody: the server looks
    // whether somebody is still there. PostgreSQL 14 can do so on Linux only, and refuses the setting elsewhere.
    let begin = "SET LOCAL statement_timeout = 0;
        SET LOCAL lock_timeout = '30s';
        DO $$ BEGIN
            SET LOCAL client_connection_check_interval = '1s';
        EXCEPTION WHEN invalid_parameter_value THEN NULL;
        END $$";
    transaction.batch_execute(begin).await.map_err(classify)?;
    // Let go by the end of the transaction, and so by the end of this process too.
    let try_lock = "SELECT pg_try_advisory_xact_lock($1)";
    if !transaction.query_one(try_lock, &[&LOCK]).await.map_err(classify)?.get::<_, bool>(0) {
        // Of two instances, the log of either may be what a rollout that failed shows.
        info!("waiting for the migration lock, which another instance has");
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(classify)?;
    }
    let record = "CREATE TABLE IF NOT EXISTS schema_migrations (
        number integer PRIMARY KEY,
        name text NOT NULL,
        sql text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )";
    transaction.batch_execute(record).await.map_err(classify)?;
    let rows = transaction.query("SELECT number, sql FROM schema_migrations", &[]).await.map_err(classify)?;
    let known: Vec<(i32, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let missing = missing(&known)?;
    for Migration { number, name, sql } in &missing {
        info!(number, name, "applying a migration");
        let failed = |error| MigrationError::Failed { number: *number, name, source: classify(error) };
        transaction.batch_execute(sql).await.map_err(failed)?;
        let insert = "INSERT INTO schema_migrations (number, name, sql) VALUES ($1, $2, $3)";
        transaction.execute(insert, &[number, name, sql]).await.map_err(failed)?;
        info!(number, name, "applied a migration");
    }
    transaction.commit().await.map_err(classify)?;
    Ok(missing.len())
}

/// The migrations that are not among the `known` ones, each a number and its text.
fn missing(known: &[(i32, String)]) -> Result<Vec<&'static Migration>, MigrationError> {
    let mut missing = Vec::new();
    for migration in MIGRATIONS {
        match known.iter().find(|(number, _)| *number == migration.number) {
            None => missing.push(migration),
            Some((_, sql)) if sql == migration.sql => {}
            Some(_) => {
                return Err(MigrationError::Changed { number: migration.number, name: migration.name });
            }
        }
    }
    if let Some(newest) = known.iter().map(|(number, _)| number).max()
        && MIGRATIONS.iter().all(|migration| migration.number < *newest)
    {
        info!(newest, "the schema is newer than this version, which leaves it so");
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(numbers: std::ops::RangeInclusive<i32>) -> Vec<(i32, String)> {
        let sql =
            |number| MIGRATIONS.iter().find(|migration| migration.number == number).map_or("", |it| it.sql);
        numbers.map(|number| (number, sql(number).to_owned())).collect()
    }

    fn numbers(known: &[(i32, String)]) -> Vec<i32> {
        missing(known).expect("nothing was changed").iter().map(|migration| migration.number).collect()
    }

    #[test]
    fn migrations_are_numbered_without_a_gap() {
        let numbers: Vec<_> = MIGRATIONS.iter().map(|migration| usize::try_from(migration.number)).collect();
        let expected: Vec<_> = (1..=MIGRATIONS.len()).map(Ok).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn only_what_is_missing_is_applied() {
        assert_eq!(numbers(&[]), [1, 2]);
        assert_eq!(numbers(&known(1..=1)), [2]);
        assert_eq!(numbers(&known(1..=2)), [0; 0]);
    }

    #[test]
    fn a_schema_that_is_newer_is_left_as_it_is() {
        assert_eq!(numbers(&known(1..=9)), [0; 0]);
    }

    #[test]
    fn a_migration_that_was_changed_afterwards_is_refused() {
        let mut known = known(1..=2);
        known[0].1.push_str("-- changed");
        let error = missing(&known).err().expect("it was changed");
        assert!(error.to_string().contains("migration 1 (`entries`)"), "{error}");
        assert!(!error.may_pass());
    }
}
