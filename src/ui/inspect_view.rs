//! What would be published, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::core::headers::ObjectHeaders;
use crate::core::inventory::{ExcludedFile, LocalFile, LocalInventory, Packing};
use crate::core::key::ObjectKey;
use crate::core::object_class::ObjectClass;

use super::human;
use super::terminal::style::{self, paint};

/// The document that `sitepush inspect --json` prints.
#[derive(Serialize)]
pub struct InspectDocument<'a> {
    files: Vec<FileRow<'a>>,
    excluded: &'a [ExcludedFile],
    secrets: Vec<SecretRow<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct FileRow<'a> {
    key: &'a ObjectKey,
    size_bytes: u64,
    sha256: String,
    content_type: Option<&'a str>,
    cache_control: Option<&'a str>,
    content_encoding: Option<&'a str>,
    compression: Packing,
    fingerprinted: bool,
    class: ObjectClass,
    headers: &'a ObjectHeaders,
    rule: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct SecretRow<'a> {
    key: &'a ObjectKey,
    what: &'a str,
}

/// The document for an inventory and the secrets found in it.
pub fn document<'a>(
    inventory: &'a LocalInventory,
    secrets: &'a [(ObjectKey, String)],
) -> InspectDocument<'a> {
    InspectDocument {
        files: inventory.files.iter().map(|(key, file)| row(key, file)).collect(),
        excluded: &inventory.excluded,
        secrets: secrets.iter().map(|(key, what)| SecretRow { key, what }).collect(),
        warnings: &inventory.warnings,
    }
}

fn row<'a>(key: &'a ObjectKey, file: &'a LocalFile) -> FileRow<'a> {
    FileRow {
        key,
        size_bytes: file.size_bytes,
        sha256: file.sha256.to_string(),
        content_type: file.headers.content_type.as_deref(),
        cache_control: file.headers.cache_control.as_deref(),
        content_encoding: file.headers.content_encoding.as_deref(),
        compression: file.packing,
        fingerprinted: file.class == ObjectClass::Fingerprinted,
        class: file.class,
        headers: &file.headers,
        rule: &file.explanation.rule,
        reason: &file.explanation.reason,
    }
}

/// The table: one line a file, grouped by what decided its caching.
pub fn render(inventory: &LocalInventory, secrets: &[(ObjectKey, String)]) -> String {
    let mut text = String::new();
    let width = inventory.files.keys().map(|key| key.as_str().chars().count()).max().unwrap_or(0).min(56);
    let type_width = inventory.files.values().map(|file| served_as(file).len()).max().unwrap_or(0).min(40);
    for (key, file) in &inventory.files {
        let mark = if file.class == ObjectClass::Fingerprinted {
            paint(style::ADD, "immutable ")
        } else {
            paint(style::CHANGE, "revalidate")
        };
        let _ = writeln!(
            text,
            "{key:width$}  {size:>7}  {mark}  {served_as:type_width$}  {why}",
            key = key.as_str(),
            size = human::bytes(file.size_bytes),
            served_as = served_as(file),
            why = paint(style::DIM, &file.explanation.reason),
        );
    }
    for excluded in &inventory.excluded {
        let line = format!("{:width$}  left out: {}", excluded.path, excluded.reason);
        let _ = writeln!(text, "{}", paint(style::DIM, &line));
    }
    for (key, what) in secrets {
        let _ = writeln!(text, "{} {what} in `{key}`: a push is refused", paint(style::ERROR, "secret:"));
    }
    for warning in &inventory.warnings {
        let _ = writeln!(text, "{} {warning}", paint(style::WARNING, "warning:"));
    }
    text.push_str(&totals(inventory));
    if inventory.files.is_empty() && secrets.is_empty() {
        let _ = writeln!(
            text,
            "{} there is nothing to publish: a push is refused",
            paint(style::ERROR, "empty:")
        );
    }
    text
}

/// The content type, and the encoding where there is one.
fn served_as(file: &LocalFile) -> String {
    let content_type = file.headers.content_type.as_deref().unwrap_or("-");
    match &file.headers.content_encoding {
        Some(encoding) => format!("{content_type}, {encoding}"),
        None => content_type.to_owned(),
    }
}

fn totals(inventory: &LocalInventory) -> String {
    let bytes = inventory.files.values().map(|file| file.size_bytes).sum();
    let immutable =
        inventory.files.values().filter(|file| file.class == ObjectClass::Fingerprinted).count() as u64;
    format!(
        "{}, {}; {} immutable\n",
        human::count(inventory.files.len() as u64, "file", "files"),
        human::bytes(bytes),
        human::thousands(immutable)
    )
}
