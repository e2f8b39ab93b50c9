//! The embedded CDN edge: function, cache, origin.

pub mod clock;
pub mod function;
pub mod store;
