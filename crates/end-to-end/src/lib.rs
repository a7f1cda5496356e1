//! Values that a producer seals for the agencies that may read them, so that nobody between can open them: HPKE
//! (RFC 9180), one value for many recipients. `docs/formats/end-to-end.md` has the layout to the byte.
//!
//! [`seal`] and [`open`] are for one value, [`documents`] for the fields of a JSON document. Private keys are made here,
//! by whoever will open with them, and have no way out but their owner's key file.
//!
//! What is sealed is bound to its topic, its event and its place in it. Who sealed it is not proved: for that, whoever
//! carries it vouches (the bus takes an event of a source from that source's agency only).
//!
//! Pure but for the system's randomness: no network, no files. The bus uses [`Sealed`] and [`PublicKey`] of it, and
//! nothing that opens.

mod context;
pub mod documents;
mod error;
mod form;
mod keys;
pub mod limits;
mod padding;
mod values;

pub use context::Context;
pub use error::{Malformed, OpenError, SealError};
pub use form::{Addressee, PREFIX, Sealed};
pub use keys::{KeyError, KeyId, PrivateKey, PublicKey, Recipient, read_keys};
pub use values::{open, seal};
