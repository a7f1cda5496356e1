//! Who may do what on the bus, decided by a pure function over what was decided before.
//!
//! [`decide()`] takes the state, who asks, what they ask for and the time, and answers with facts ([`Event`]) or with a
//! refusal that names who could do it. [`apply`] folds a fact into the [`State`] and never fails, so that a state
//! rebuilt from the journal is the live one. [`rights`] holds the rules of the hot path (publish, consume, read
//! metadata). [`Desired`] reads governance from files; [`plan()`] turns the difference into commands. [`notice()`] says
//! what agencies are told of a fact.
//!
//! No I/O, no clock, no randomness: tokens are made outside and only their SHA-256 comes in here. The crate never looks
//! into a schema; whether a contract holds water is asked through [`ContractCheck`].

pub mod access;
pub mod actor;
pub mod agreement;
pub mod carrying;
pub mod clerk;
pub mod commands;
pub mod date;
pub mod decide;
pub mod desired;
pub mod duration;
pub mod erasure;
pub mod events;
pub mod leaks;
pub mod notices;
pub mod ownership;
pub mod person_consent;
pub mod plan;
pub mod policy;
pub mod profiles;
pub mod quarantine;
pub mod refused;
pub mod rights;
pub mod scram;
pub mod sealing_keys;
pub mod standards;
pub mod state;
pub mod succession;
pub mod token;
pub mod transfer;

pub use actor::{Actor, Role, Roles};
pub use agreement::{Impact, Wait, waits};
pub use commands::Command;
pub use date::Date;
pub use decide::{ContractCheck, ReadSchema, Ruling, decide, rule, trials};
pub use desired::{Desired, FileFault};
pub use events::{By, Event, Side};
pub use notices::{Notice, notice};
pub use ownership::Standing;
pub use plan::{Plan, Step, apply_all, plan};
pub use policy::{Basis, Policies};
pub use quarantine::Quarantined;
pub use refused::Refused;
pub use rights::{may_consume, may_publish, may_read_metadata};
pub use scram::{Scram, Verifier};
pub use standards::{Access, Changes, Consenting, Erasing, Limits, Ownership, Standards};
pub use state::{
    Agency, Latency, Listed, Mode, Principal, Reference, Schema, Schemas, State, Status, Stewardship,
    Subscription, Terms, Topic, Version, apply,
};
pub use token::TokenHash;
