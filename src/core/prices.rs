//! What AWS charges, in one table. Estimates: discounts, free tiers and other regions are left out.
//!
//! Source: aws.amazon.com/s3/pricing and aws.amazon.com/cloudfront/pricing, us-east-1, S3 Standard, November 2026.

/// Millionths of a US dollar.
pub type MicroDollars = u64;

/// When the prices below were read.
pub const PRICE_DATE: &str = "2026-11";

/// Per 1,000 PUT, COPY, POST or LIST requests: $0.005.
const WRITES_PER_THOUSAND: MicroDollars = 5_000;

/// Per 1,000 GET or HEAD requests: $0.0004. DELETE requests are free.
const READS_PER_THOUSAND: MicroDollars = 400;

/// Per GB (10^9 bytes) and month of S3 Standard, the first 50 TB: $0.023.
const STORED_PER_GIGABYTE: MicroDollars = 23_000;

/// Per invalidation path after the first 1,000 of a month and account: $0.005. A wildcard or a tag counts as one.
const PER_INVALIDATION_PATH: MicroDollars = 5_000;

/// Invalidation paths that cost nothing each month, for all distributions of an account together.
pub const FREE_INVALIDATION_PATHS: u64 = 1_000;

/// What requests to S3 cost, rounded up.
pub fn s3_requests(write_requests: u64, read_requests: u64) -> MicroDollars {
    (write_requests * WRITES_PER_THOUSAND + read_requests * READS_PER_THOUSAND).div_ceil(1000)
}

/// What keeping so many bytes costs for a month, rounded up.
pub fn stored_for_a_month(bytes: u64) -> MicroDollars {
    let cost = (u128::from(bytes) * u128::from(STORED_PER_GIGABYTE)).div_ceil(1_000_000_000);
    MicroDollars::try_from(cost).unwrap_or(MicroDollars::MAX)
}

/// What invalidation paths cost when the month's free ones are used up.
pub fn invalidation_paths(paths: u64) -> MicroDollars {
    paths * PER_INVALIDATION_PATH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_those_of_the_table() {
        assert_eq!(s3_requests(1_000_000, 0), 5_000_000);
        assert_eq!(s3_requests(0, 1_000_000), 400_000);
        assert_eq!(s3_requests(0, 1), 1);
        assert_eq!(stored_for_a_month(10_000_000_000), 230_000);
        assert_eq!((stored_for_a_month(0), stored_for_a_month(1)), (0, 1));
        assert_eq!(invalidation_paths(200), 1_000_000);
    }
}
