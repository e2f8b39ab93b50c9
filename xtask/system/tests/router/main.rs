//! The load balancer's stand-in against servers that end, hang, close and stream.

mod draining;
mod failing;
mod leading;
mod support;
