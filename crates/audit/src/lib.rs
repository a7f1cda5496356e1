//! Merkle trees with signed checkpoints over what the bus did, verifiable by anybody with the public key.
//!
//! What happened is an [`Entry`]; its encoded bytes are a leaf. A lane hashes the leaf ([`leaf_hash`]), pushes it into
//! a [`TileWriter`], which says which hashes to append to which tile level, and signs a [`Checkpoint`] of its root.
//! [`proof`] makes and checks inclusion and consistency proofs from the stored hashes. [`verify()`] checks an exported
//! bundle offline, in one pass. Hashing is RFC 6962; tiles, checkpoints and notes are C2SP tlog-tiles,
//! tlog-checkpoint and signed-note, so that verifiers and witnesses of others work. `docs/formats/audit.md` has it all.
//!
//! What never happens here: I/O beyond reading from a given reader, a clock, personal data. Times are texts that the
//! caller gives.

pub mod bundle;
pub mod certificate;
pub mod checkpoint;
pub mod entry;
pub mod note;
pub mod proof;
pub mod report;
pub mod runs;
pub mod tiles;
pub mod tree;
pub mod verify;

pub use certificate::Certificate;
pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use entry::{Entry, EntryError, Kind, Range};
pub use note::{Note, NoteError, Signer, VerifierKey};
pub use proof::{HashReader, ProofError};
pub use report::{Finding, Problem, Report};
pub use tiles::{Tile, TileWriter};
pub use tree::{Frontier, Hash, leaf_hash, merkle_root, node_hash};
pub use verify::verify;
