//! The backups that AWS keeps of an environment which is taken away: notes them in the state's bucket before anything is deleted,
//! since nothing names them afterwards, and deletes them where they are to go. Never looks for others: what was not noted
//! is somebody else's, or of an earlier life of the environment.

use std::fmt::Write as _;

use anyhow::{Error, Result};
use aws_config::SdkConfig;
use aws_sdk_elasticache::operation::delete_snapshot::DeleteSnapshotError;
use aws_sdk_rds::operation::delete_db_instance_automated_backup::DeleteDBInstanceAutomatedBackupError;
use aws_sdk_rds::operation::delete_db_snapshot::DeleteDBSnapshotError;

use super::ending::Backup;
use super::failure::{self, Failure};
use super::process;
use super::session::Session;
use super::state::State;

/// The backups that are there or will be, as they are noted.
pub struct Noted {
    pub backups: Vec<Backup>,
    e_tag: Option<String>,
}

/// What became of backups that were to go.
#[derive(Debug, Default)]
pub struct Deletion {
    pub deleted: Vec<Backup>,
    pub failed: Vec<Kept>,
}

/// A backup that was not deleted.
#[derive(Debug)]
pub struct Kept {
    pub backup: Backup,
    pub why: Why,
}

#[derive(Debug)]
pub enum Why {
    /// AWS knows of none with this name.
    NotFound,
    Failed(Error),
}

impl Noted {
    /// Notes the backups that are about to be left, beside those of a run that was cut off.
    ///
    /// # Errors
    /// When the note cannot be read or written.
    pub async fn take(state: &State, planned: &[Backup]) -> Result<Self> {
        let found = state.backups().await?;
        let (earlier, e_tag) = found.map_or((Vec::new(), None), |found| (found.value, Some(found.e_tag)));
        let backups = join(&earlier, planned);
        let mut noted = Self { backups, e_tag };
        if noted.backups != earlier {
            noted.write(state).await?;
        }
        Ok(noted)
    }

    async fn write(&mut self, state: &State) -> Result<()> {
        self.e_tag = Some(state.note_backups(&self.backups, self.e_tag.as_deref()).await?);
        Ok(())
    }

    /// Deletes all that is noted. One that stays does not keep the others; one that is gone is noted no more.
    ///
    /// # Errors
    /// When the person stops, the lock is lost, or the note cannot be written: the same command goes on from there.
    pub async fn delete_all(&mut self, session: &Session) -> Result<Deletion> {
        let mut deletion = Deletion::default();
        for backup in self.backups.clone() {
            process::unless_stopped(&session.stop)?;
            session.unless_lost()?;
            session.ui.step(&format!("backups: deleting {}", backup.what()));
            let why = delete(&session.config, &backup).await.err();
            if !matches!(why, Some(Why::Failed(_))) {
                self.backups.retain(|other| *other != backup);
                self.write(&session.state).await?;
            }
            match why {
                None => deletion.deleted.push(backup),
                Some(why) => deletion.failed.push(Kept { backup, why }),
            }
        }
        Ok(deletion)
    }
}

impl Deletion {
    /// Fails when a backup was not deleted.
    ///
    /// # Errors
    /// With each that was not, why, and what deletes it.
    pub fn all_went(&self, environment: &str) -> Result<()> {
        if self.failed.is_empty() {
            return Ok(());
        }
        let mut message = format!("{environment} is gone, and not all of its backups are");
        let mut class = None;
        for Kept { backup, why } in &self.failed {
            let reason = match why {
                Why::NotFound => "AWS does not know it; was it deleted, or has it another name?".to_owned(),
                Why::Failed(error) => {
                    class = class.or(Some(failure::class(error)));
                    format!("{error:#}")
                }
            };
            let _ = write!(message, "\n  {}: {reason}", backup.what());
        }
        for backup in &self.deleted {
            let _ = write!(message, "\n  deleted: {}", backup.what());
        }
        let commands: Vec<String> = self.failed.iter().map(|kept| kept.backup.remove()).collect();
        let hint = format!("look for them, and delete them by `{}`", commands.join("`, `"));
        let failure =
            class.map_or_else(|| Failure::service(&*message), |class| Failure::new(class, &*message));
        Err(failure.hint(hint).into())
    }
}

/// All that is in one of both lists, each once. Pure.
fn join(earlier: &[Backup], planned: &[Backup]) -> Vec<Backup> {
    let mut all = earlier.to_vec();
    for backup in planned {
        if !all.contains(backup) {
            all.push(backup.clone());
        }
    }
    all
}

async fn delete(config: &SdkConfig, backup: &Backup) -> Result<(), Why> {
    let doing = || format!("cannot delete {}", backup.what());
    match backup {
        Backup::DatabaseSnapshot(id) => {
            let rds = aws_sdk_rds::Client::new(config);
            let answer = rds.delete_db_snapshot().db_snapshot_identifier(id).send().await;
            answer.map(drop).map_err(|error| {
                let fault = error.as_service_error();
                if fault.is_some_and(DeleteDBSnapshotError::is_db_snapshot_not_found_fault) {
                    return Why::NotFound;
                }
                Why::Failed(Failure::aws(doing(), &error))
            })
        }
        Backup::AutomatedBackups(id) => {
            let rds = aws_sdk_rds::Client::new(config);
            let answer = rds.delete_db_instance_automated_backup().dbi_resource_id(id).send().await;
            answer.map(drop).map_err(|error| {
                let is_not_found =
                    DeleteDBInstanceAutomatedBackupError::is_db_instance_automated_backup_not_found_fault;
                if error.as_service_error().is_some_and(is_not_found) {
                    return Why::NotFound;
                }
                Why::Failed(Failure::aws(doing(), &error))
            })
        }
        Backup::CacheSnapshot(name) => {
            let cache = aws_sdk_elasticache::Client::new(config);
            let answer = cache.delete_snapshot().snapshot_name(name).send().await;
            answer.map(drop).map_err(|error| {
                let fault = error.as_service_error();
                if fault.is_some_and(DeleteSnapshotError::is_snapshot_not_found_fault) {
                    return Why::NotFound;
                }
                Why::Failed(Failure::aws(doing(), &error))
            })
        }
    }
}
