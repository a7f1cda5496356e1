//! Governance from outside. One binary, because linking one for each file takes longer than running them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod access;
mod authority;
mod encoding;
mod erasures;
mod example_folder;
mod folders;
mod handing_over;
mod life;
mod notices;
mod own_topics;
mod ownership;
mod person_consent;
mod policies;
mod profiles;
mod public_fields;
mod quarantine;
mod rebuild;
mod schemas;
mod sealing_keys;
mod support;
mod table;
mod unheld;
