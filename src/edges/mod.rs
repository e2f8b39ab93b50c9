//! The outside systems, one file each. SDK types stop here.

pub mod acm;
pub mod aws;
pub mod call;
pub mod clock;
pub mod cloudfront;
mod connections;
mod credentials;
pub mod dns;
pub mod files;
pub mod folder_watch;
pub mod git;
pub mod http;
pub mod key_value_store;
pub mod process;
mod put;
pub mod route53;
pub mod s3;
pub mod site_dir;
pub mod sts;
mod xml;
