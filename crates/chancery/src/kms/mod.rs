//! Key management services: clients of the trait in `seal`.

pub mod file;
