//! The tests of the container services against real PostgreSQL and real Redis, which the tests start by themselves.

use std::path::PathBuf;

use anyhow::Result;

use crate::project::Project;
use crate::tools::{self, Missing};

/// Where the tests look for the folder of PostgreSQL's programs, and for the program of Redis.
const POSTGRES: &str = "SITEPUSH_POSTGRES";
const REDIS: &str = "SITEPUSH_REDIS";

/// Runs the tests; returns what is missing, when a store is.
///
/// # Errors
/// When a test fails.
pub fn test(project: &Project) -> Result<Option<Missing>> {
    let (postgres, redis) = match need_stores() {
        Ok(stores) => stores,
        Err(missing) => return Ok(Some(missing)),
    };
    let mut tests = project.command("cargo");
    // The whole workspace, so that nothing is built again with fewer features; both services call their tests so.
    let select = ["--workspace", "--features", "guestbook/stores,counter/stores", "--test", "service"];
    match tools::find("cargo-nextest") {
        Some(_) => tests.args(["nextest", "run"]).args(select).arg("--no-fail-fast"),
        None => tests.arg("test").args(select).arg("--no-fail-fast"),
    };
    tools::run(tests.env(POSTGRES, postgres).env(REDIS, redis))?;
    Ok(None)
}

/// The folder of PostgreSQL's programs, and the program of Redis.
///
/// # Errors
/// When one is missing, with the way to get it.
pub fn need_stores() -> Result<(PathBuf, PathBuf), Missing> {
    Ok((tools::need_postgres()?, tools::need_redis()?))
}
