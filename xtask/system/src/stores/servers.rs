//! Both stores, with this machine's programs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use service_testkit::{Durability, Group, Postgres, Redis, StoreSettings, free_port};
use xtask::tools::{self, Missing};

use super::passwords;

/// Both stores at work. They end when this is dropped: Redis after it has written what it holds, PostgreSQL by its fast
/// shutdown. In a process group of their own, a Ctrl-C at the terminal does not reach them.
#[derive(Debug)]
pub struct Stores {
    pub postgres: Postgres,
    pub redis: Redis,
}

impl Stores {
    /// Starts both on what `folder` holds, which is made when it is not there. Takes seconds, and blocks.
    ///
    /// # Errors
    /// When a program is missing, which the message says how to get, or a server does not come up.
    pub fn start(folder: &Path) -> Result<Self> {
        let programs = Programs::find().map_err(|missing| missing_tool(&missing))?;
        let postgres = Postgres::open(settings(programs.postgres, &folder.join("postgres"))?)
            .context("cannot start PostgreSQL")?;
        let redis =
            Redis::open(settings(programs.redis, &folder.join("redis"))?).context("cannot start Redis")?;
        Ok(Self { postgres, redis })
    }
}

/// Where the stores' programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The folder of PostgreSQL's.
    pub postgres: PathBuf,
    pub redis: PathBuf,
}

impl Programs {
    /// Finds both.
    ///
    /// # Errors
    /// The first that is missing.
    pub fn find() -> Result<Self, Missing> {
        Ok(Self { postgres: tools::need_postgres()?, redis: tools::need_redis()? })
    }
}

/// What is missing, as an error that says how to get it.
pub fn missing_tool(missing: &Missing) -> anyhow::Error {
    anyhow!("`{}` is missing: {}", missing.tool, missing.how)
}

fn settings(program: PathBuf, folder: &Path) -> Result<StoreSettings> {
    Ok(StoreSettings {
        program,
        folder: folder.to_owned(),
        password: passwords::keep(&folder.join("password"))?,
        port: free_port(),
        durability: Durability::Durable,
        group: Group::Own,
    })
}
