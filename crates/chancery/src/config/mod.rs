//! Configuration in two stages: `typed` is what file, environment and flags say; `meant` is what it comes to.

pub mod keys;
pub mod kms;
pub mod meant;
pub mod notices;
pub mod typed;
