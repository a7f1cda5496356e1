//! What an event of a topic must look like, and what in it is whose.
//!
//! A [`Definition`] is what a steward writes; [`compile`](crate::compile::compile) turns it into a
//! [`Contract`] or says everything that is wrong with it. A compiled contract checks one
//! document in one walk and yields the byte spans of its classified fields, each with its class and the person it is
//! about. The CloudEvents model and its JSON format live here too, because every door needs them.
//!
//! Pure: no I/O, no clock, no async.

pub mod check;
pub mod class;
pub mod cloudevents;
pub mod compile;
pub mod definition;
pub mod document;
pub mod end_to_end;
pub mod event;
mod formats;
pub mod frames;
pub mod impact;
pub mod leaks;
pub mod limits;
pub mod migration;
pub mod names;
pub mod outline;
mod places;
mod plan;
pub mod pointer;
pub mod profiles;
pub mod redact;
pub mod redaction;
pub mod schemas;
mod subjects;
pub mod texts;
mod varint;

pub use check::{Checked, Key, Shape, Span, Violation, Workspace};
pub use class::{Class, ClassSet};
pub use compile::{Contract, Fault, compile, compile_with};
pub use definition::{Definition, FieldRule, Format, KeyRule};
pub use event::{AttributeValue, CloudEvent, Data};
pub use frames::Frame;
pub use impact::{Effect, Weight, impact};
pub use migration::{Misfit, Rehearsal, Step};
pub use names::{AgencyName, ContractVersion, NameError, PrincipalName, SubscriptionName, TopicName};
pub use outline::Outline;
pub use pointer::{Pointer, PointerError};
pub use profiles::Profiles;
pub use redact::Redactor;
pub use redaction::{Look, Redaction};
