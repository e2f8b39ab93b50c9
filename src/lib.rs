//! `sitepush` publishes a built frontend to S3 behind CloudFront.

pub mod core;
pub mod local;
