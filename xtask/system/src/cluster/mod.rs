//! A local stand-in for ECS that really runs tasks: as processes on this machine, behind a load balancer.
//!
//! ```text
//! Terraform, sitepush's own clients -> api -> state <- engine: scheduler decides, task runs, load balancer routes
//! ```
//!
//! What it has in common with ECS: the API as far as Terraform's provider and the watcher use it, rolling deployments between
//! a minimum and a maximum, the circuit breaker, the states, the codes and the texts. It answers for a load balancer's target
//! health and for the tasks' logs too, because no emulator knows its tasks. What it lacks: tasks of several containers,
//! memory and CPU limits, networks, roles. Every task has a port of its own on loopback instead of an address of its own.

mod api;
mod clusters;
mod describe;
mod engine;
mod error;
mod image;
mod lifecycle;
mod load_balancer;
mod process;
mod query;
mod scheduler;
mod serve;
mod services;
mod state;
mod tags;
mod task_definitions;
mod tasks;

pub use image::{ImageSource, RegistryImages, UnpackedImage};
pub use load_balancer::{LoadBalancer, RoutedGroups};
pub use serve::{EnvironmentRule, Options, Running, SecretSource, Timing, serve};
pub use state::Fault;
