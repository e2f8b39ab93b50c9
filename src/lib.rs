//! `sitepush` publishes a built frontend to S3 behind CloudFront.

pub mod cli;
pub mod core;
pub mod edges;
pub mod error;
pub mod execute;
pub mod exit_code;
