//! Images, pushed to a registry that nobody here wrote and looked at with other people's tools.
//!
//! Most tests make a repository of their own, with a service that has no dependencies and is built in a second; `real` looks at
//! the images of this repository's services.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it could not look at")]
#![allow(clippy::disallowed_methods, reason = "the walls are the product's; tests are free to touch files")]

mod building;
mod checkout;
mod container;
mod faults;
mod pushing;
mod real;
mod registry;
mod running;
