//! The guestbook service: entries in PostgreSQL, listed by page, added by anyone, moderated by whoever has the token.
//!
//! ```text
//! settings -> database (a pool, not waited for) -> migrations in the background -> routes
//! ```

mod database;
mod entries;
mod migrations;
mod moderator;
mod routes;
mod settings;
mod text;

use std::process::ExitCode;
use std::sync::Arc;

use service_common::{Frame, StartError};

use crate::database::Database;
use crate::routes::Guestbook;
use crate::settings::GuestbookSettings;

fn main() -> ExitCode {
    service_common::run("guestbook", GuestbookSettings::read, routes::api(), start)
}

async fn start(settings: GuestbookSettings, frame: &Frame) -> Result<Guestbook, StartError> {
    let database = Database::new(&settings.database)?;
    let pool = database.clone();
    frame.metrics.gauge("PoolInUse", move || pool.connections_in_use());
    tokio::spawn(migrations::apply_when_possible(database.clone(), Arc::clone(&frame.lifecycle)));
    let moderation_token = settings.moderation_token.map(Arc::from);
    Ok(Guestbook { database, moderation_token, metrics: Arc::clone(&frame.metrics) })
}
