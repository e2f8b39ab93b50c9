//! The entries and the statements that read and change them.

use serde::Serialize;
use service_common::StoreError;
use tokio_postgres::Row;

use crate::database::Database;

/// The columns of an [`Entry`]. The time is RFC 3339 in UTC, made by the database, so that no instance's clock matters.
macro_rules! columns {
    () => {
        "id, name, message, \
         to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS created_at, hidden"
    };
}

const SHOWN: &str =
    concat!("SELECT ", columns!(), " FROM entries WHERE NOT hidden AND id < $1 ORDER BY id DESC LIMIT $2");
const ALL: &str = concat!("SELECT ", columns!(), " FROM entries WHERE id < $1 ORDER BY id DESC LIMIT $2");
const ADD: &str = concat!("INSERT INTO entries (name, message) VALUES ($1, $2) RETURNING ", columns!());
const SET_HIDDEN: &str = concat!("UPDATE entries SET hidden = $2 WHERE id = $1 RETURNING ", columns!());
const DELETE: &str = "DELETE FROM entries WHERE id = $1 RETURNING id";

/// One entry as everyone sees it. Its id is a text, since not every number of 64 bits is one in JavaScript.
#[derive(Debug, Serialize)]
pub struct Entry {
    pub id: String,
    pub name: String,
    pub message: String,
    pub created_at: String,
}

/// One entry as a moderator sees it.
#[derive(Debug, Serialize)]
pub struct ModeratedEntry {
    #[serde(flatten)]
    pub entry: Entry,
    pub hidden: bool,
}

/// Entries from the newest to the oldest, and where the next page begins.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    pub entries: Vec<T>,
    /// What `before` has to be for the next page; none on the last one.
    pub next_before: Option<String>,
}

/// Which entries are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    Shown,
    All,
}

/// At most `limit` entries that are older than the one with the id `before`.
pub async fn list(
    database: &Database,
    listed: Listed,
    before: i64,
    limit: u16,
) -> Result<Page<ModeratedEntry>, StoreError> {
    let statement = match listed {
        Listed::Shown => SHOWN,
        Listed::All => ALL,
    };
    // One more than wanted tells whether there is another page.
    let rows = database.query(statement, &[&before, &(i64::from(limit) + 1)]).await?;
    let limit = usize::from(limit);
    let entries: Vec<_> = rows.iter().take(limit).map(read).collect();
    let next_before = entries.last().filter(|_| rows.len() > limit).map(|last| last.entry.id.clone());
    Ok(Page { entries, next_before })
}

/// Adds an entry; the texts have been cleaned.
pub async fn add(database: &Database, name: &str, message: &str) -> Result<Entry, StoreError> {
    let rows = database.query(ADD, &[&name, &message]).await?;
    let row = rows.first().ok_or_else(|| StoreError::Broken("an insert returned no row".into()))?;
    Ok(read(row).entry)
}

/// Hides an entry or shows it again; none when it is not there.
pub async fn set_hidden(
    database: &Database,
    id: i64,
    hidden: bool,
) -> Result<Option<ModeratedEntry>, StoreError> {
    Ok(database.query(SET_HIDDEN, &[&id, &hidden]).await?.first().map(read))
}

/// Deletes an entry for good; says whether it was there.
pub async fn delete(database: &Database, id: i64) -> Result<bool, StoreError> {
    Ok(!database.query(DELETE, &[&id]).await?.is_empty())
}

fn read(row: &Row) -> ModeratedEntry {
    let id: i64 = row.get("id");
    let entry = Entry {
        id: id.to_string(),
        name: row.get("name"),
        message: row.get("message"),
        created_at: row.get("created_at"),
    };
    ModeratedEntry { entry, hidden: row.get("hidden") }
}
