//! What the bus promises. One binary, because linking one for each file takes longer than running them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod batches;
mod carrying;
mod common;
mod corners;
mod erasures;
mod folders;
mod keys;
mod leaks;
mod notices;
mod ownership;
mod person_consents;
mod planted_values;
mod policies;
mod promises;
mod transactions;
