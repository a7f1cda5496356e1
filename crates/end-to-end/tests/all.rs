//! One binary for all tests of the crate.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod documents;
mod page;
mod rfc9180;
mod sealing;
