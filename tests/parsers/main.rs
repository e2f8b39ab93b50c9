//! The parsers against a corpus and what grows from it: configuration, `_headers`, manifest, lock, intent, saved plan,
//! listings, answers to deletes, and errors.
//!
//! Everything goes through the product's own entry points. `tests/corpus` holds a folder for each parser: small files,
//! each with one point, and `outcomes.toml`, which says what becomes of each. What a campaign finds is kept as one more
//! file there; proptest keeps the seed besides, in `tests/proptest-regressions`.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod campaign;
mod config;
mod corpus;
mod headers_file;
mod listing;
mod manifest;
mod program;
mod saved_plan;
mod server;
mod state_files;
mod values;
