//! The scheduler: tables of services and tasks.
