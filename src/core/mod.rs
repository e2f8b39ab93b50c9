//! The pure part: decisions as values. No files, clock, environment, network, async or SDK types.

pub mod build;
pub mod cache_rules;
pub mod cache_tags;
pub mod commit;
pub mod compressed_form;
pub mod content_type;
pub mod diff;
pub mod digest;
pub mod edge_settings;
pub mod event;
pub mod fingerprint;
pub mod guard;
pub mod headers;
pub mod headers_file;
pub mod invalidation;
pub mod inventory;
pub mod key;
pub mod lock;
pub mod manifest;
pub mod object_class;
pub mod outcome;
pub mod plan;
pub mod planning;
pub mod prices;
pub mod release;
pub mod secrets;
