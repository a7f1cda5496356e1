//! C2SP tlog-checkpoint: the signed head of a tree.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::note::{Note, NoteError, Signer, VerifierKey};
use crate::tree::Hash;

/// The head of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which tree: `<bus>/<lane>`.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// A checkpoint whose signature was verified, with the note it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The note, cosignatures included.
    pub note: Note,
}

impl Checkpoint {
    /// Parses a checkpoint's text; lines after the third are extensions and are passed over.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let body = text.strip_suffix('\n').ok_or(NoteError::Malformed("the last newline is missing"))?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteError::Malformed("a checkpoint has an origin, a size and a root"));
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(NoteError::Malformed("a checkpoint has no empty line"));
        }
        let decimal = size.bytes().all(|b| b.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
        let size = size.parse().ok().filter(|_| decimal);
        let root = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok());
        Ok(Self {
            origin: origin.to_owned(),
            size: size.ok_or(NoteError::Malformed("the checkpoint's size is not a number"))?,
            root: Hash(root.ok_or(NoteError::Malformed("the checkpoint's root is not 32 bytes in base64"))?),
        })
    }

    /// Signs it.
    pub fn sign(&self, signer: &Signer) -> Result<SignedCheckpoint, NoteError> {
        if self.origin.is_empty() || self.origin.contains('\n') {
            return Err(NoteError::Malformed("an origin is one line"));
        }
        let note = signer.sign(&self.to_string())?;
        Ok(SignedCheckpoint { checkpoint: self.clone(), note })
    }
}

/// The text that is signed: origin, size and root in base64, a line each.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, STANDARD.encode(self.root.0))
    }
}

impl SignedCheckpoint {
    /// Parses a note, checks that `key` signed it under its own name or under the checkpoint's origin, and reads the
    /// checkpoint in it.
    pub fn verify(note: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        let mut keys = vec![key.clone()];
        // An origin that cannot be a key's name was signed under the key's own.
        keys.extend(key.named(&checkpoint.origin));
        note.verify(&keys)?;
        Ok(Self { checkpoint, note })
    }
}
