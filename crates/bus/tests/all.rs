//! What the bus promises. One binary, because linking one for each file takes longer than running them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod batches;
mod carrying;
mod common;
mod consent_waits;
mod corners;
mod end_to_end;
mod end_to_end_binary;
mod erasures;
mod folders;
mod forms;
mod keys;
mod leaks;
mod notices;
mod ownership;
mod person_consents;
mod planted_values;
mod policies;
mod promises;
mod quarantine;
mod quarantine_decided;
mod quarantine_waits;
mod transactions;
