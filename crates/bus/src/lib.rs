//! The bus: `publish`, `deliver`, `govern` are the only ways in and out, and every rule lives below them.
//!
//! Doors translate a protocol into these verbs and back. Start reading at `publish` (the path of an event in),
//! `deliver` (the path out) and `govern` (decisions); `lanes` is the group commit that all three end in, and `open`
//! shows how every view is folded from the journal.
//!
//! What never happens here: a protocol, a plaintext of a classified field outside the checker, the seal and a cleared
//! delivery, an answer before the journal is durable.

mod api;
mod audit_logs;
mod authorise;
mod clerk;
pub mod clock;
mod codec;
mod core;
mod credentials;
mod deliver;
pub mod doctor;
mod erasures;
mod findings;
mod fold;
mod govern;
mod identities;
mod keyring;
mod lanes;
pub mod limits;
mod mark_table;
mod marks;
mod metrics;
mod notices;
mod open;
mod person_consents;
mod planning;
mod policies;
mod publish;
mod quarantine;
mod questions;
mod recipients;
mod record;
mod refusal;
mod rehearse;
mod retention;
mod rotation;
mod schema_ids;
mod schemas;
mod secrets;
mod streams;
mod subscriptions;
mod tail;
mod topics;
mod trace;
mod transactions;

pub use api::{
    Caller, DeadLetter, Delivered, Delivery, Disclosed, From, Governed, Lag, Letters, Outcome, Pull, Receipt,
    TraceStep, Usage,
};
pub use audit_logs::AuditLogs;
pub use core::{Bus, KeySettings, Settings};
pub use credentials::{Mechanism, ScramParty};
pub use deliver::{Fetch, Fetched, Grounds, Portion, Refused, Wanted};
pub use erasures::{Listed, Page, Reference, Subject};
pub use govern::NewPrincipal;
pub use governance::policy::{DEFAULTS as POLICY_DEFAULTS, SCHEMA as POLICY_SCHEMA};
pub use lanes::Sequence;
pub use notices::Told;
pub use notices::courier::{Carrier, Letter};
pub use open::{OpenError, Opened};
pub use person_consents::{Consent, KnownConsent, Standing};
pub use policies::{Decisions, Explained, ExplainedStep};
pub use publish::{Batch, Incoming, Submitted};
pub use quarantine::{Leaked, SetApart, Waiting};
pub use recipients::{Readers, Recipients, Sealing};
pub use refusal::{Refusal, RefusalKind};
pub use rotation::KeysStand;
pub use schema_ids::{Framing, SchemaId};
pub use schemas::{Registered, Which};
pub use subscriptions::cursor::Cursor;
pub use trace::PersonDisclosure;
pub use transactions::{Producer, Speaker};
