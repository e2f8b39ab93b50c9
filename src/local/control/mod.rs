//! The CloudFront management API of the embedded target.
