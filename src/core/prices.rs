//! What AWS charges, in one table.

/// Millionths of a US dollar.
pub type MicroDollars = u64;
pub fn s3_requests(write_requests: u64, read_requests: u64) -> MicroDollars {
    write_requests * 5 + read_requests * 2 / 5
}
pub fn invalidation_paths(paths: u64) -> MicroDollars {
    paths * 5_000
}
