//! Classified spans of an event, sealed under the key of the person they are about.
//!
//! [`seal`] cuts the spans out of a document and encrypts them, one envelope for each class and person;
//! [`SealedForm::reveal`] splices the exact bytes back for a reader who is cleared, and leaves the rest out or hands it
//! to whoever shows it in another form.
//! The bytes in between are documented in `docs/formats/sealed-form.md`. Keys are in [`keys`]: a [`PersonKey`] is
//! destroyed to erase a person; [`AgencyKeys`] wrap it while it lives and make the [`Pseudonym`] it is known by.
//!
//! What never happens here: I/O, a clock, a key written anywhere, a plaintext in an error or a `Debug` text. A class
//! is a name and nothing more; which classes must be sealed is the contract's business. Whatever cannot be sealed or
//! opened as bound is an error, never plaintext.

mod binding;
mod digest;
pub mod form;
pub mod keys;
pub mod kms;
mod open;
mod random;
mod seal;

pub use form::{Malformed, SealedForm};
pub use keys::{AgencyKeys, AgencySecrets, PersonKey, Pseudonym, SEALS_PER_KEY, UnwrapError, WrappedKey};
pub use kms::{Kms, KmsError, Secret, SecretLength};
pub use open::{Access, OpenError, Piece, Revealed};
pub use seal::{Attribute, Binding, Fragment, SealError, Subject, seal};
