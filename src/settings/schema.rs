//! The JSON schema of sitepush.toml, for editors.

use super::config::Config;

/// The schema as pretty JSON with a closing newline; the same on every run.
///
/// # Panics
/// Never: the schema is JSON by its type.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(Config);
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}
