//! The embedded S3 server, driven by the AWS SDK: what AWS documents is what it does.

mod buckets;
mod checksums;
mod conditions;
mod copies;
mod faults;
mod folder;
mod headers;
mod listing;
mod multipart;
mod server;
mod signatures;
mod support;
mod versions;
