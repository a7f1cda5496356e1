//! C2SP signed-note: a text with signatures under it, and the Ed25519 keys that make and check them.
//!
//! A note is kept byte for byte, signatures of others (witnesses' cosignatures) included.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::tree::Hash;

/// The signature type of Ed25519 in key ids and verifier keys.
const ED25519_TYPE: u8 = 1;
/// More than any note needs; bounds the work that a hostile one causes.
const MAX_SIGNATURES: usize = 100;
const MAX_NOTE_BYTES: usize = 1_000_000;
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// What is wrong with a note or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteError {
    /// Not a signed note.
    Malformed(&'static str),
    /// A key's name is empty or contains white space or `+`.
    Name,
    /// Not a verifier key `name+id+base64`, or its id does not fit.
    Key(&'static str),
    /// No signature by the key.
    Unsigned,
    /// A signature by the key that does not verify.
    WrongSignature,
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoteError::Malformed(what) => write!(f, "not a signed note: {what}"),
            NoteError::Name => {
                f.write_str("a key's name is not empty and has neither white space nor a plus")
            }
            NoteError::Key(what) => write!(f, "not a verifier key (name+id+base64): {what}"),
            NoteError::Unsigned => f.write_str("no signature by the expected key"),
            NoteError::WrongSignature => f.write_str("the signature does not verify"),
        }
    }
}

impl std::error::Error for NoteError {}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The signing key's name.
    pub name: String,
    /// The signing key's id.
    pub key_id: [u8; 4],
    /// What follows the id: 64 bytes of Ed25519 for the log's own, a time and 64 bytes for a cosignature.
    pub bytes: Vec<u8>,
}

/// A parsed note. Nothing is verified by parsing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The signed text, with its last newline.
    pub text: String,
    /// The signatures in their order.
    pub signatures: Vec<Signature>,
}

impl Note {
    /// Parses a signed note.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(NoteError::Malformed("longer than a megabyte"));
        }
        if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return Err(NoteError::Malformed("a control character"));
        }
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed("no blank line before the signatures"))?;
        let (text, signatures) = (&note[..=split], &note[split + 2..]);
        let lines =
            signatures.strip_suffix('\n').ok_or(NoteError::Malformed("the last newline is missing"))?;
        let signatures = lines.split('\n').take(MAX_SIGNATURES + 1).map(Signature::parse);
        let signatures = signatures.collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("more than 100 signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// Checks that one of `keys` signed the text. A signature that claims to be by one of them and is not is an
    /// error even beside a good one; signatures by other keys are passed over.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<(), NoteError> {
        let mut signed = false;
        for signature in &self.signatures {
            let by = |key: &&VerifierKey| key.name == signature.name && key.id() == signature.key_id;
            if let Some(key) = keys.iter().find(by) {
                let public = UnparsedPublicKey::new(&ED25519, &key.public);
                public
                    .verify(self.text.as_bytes(), &signature.bytes)
                    .map_err(|_| NoteError::WrongSignature)?;
                signed = true;
            }
        }
        if signed { Ok(()) } else { Err(NoteError::Unsigned) }
    }

    /// Adds a signature line of somebody else, as a witness returns it. Not verified here.
    pub fn add_signature(&mut self, line: &str) -> Result<(), NoteError> {
        let signature = Signature::parse(line.strip_suffix('\n').unwrap_or(line))?;
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::Malformed("more than 100 signatures"));
        }
        if !self.signatures.contains(&signature) {
            self.signatures.push(signature);
        }
        Ok(())
    }
}

/// The note's text form; what was parsed comes out byte for byte.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl Signature {
    fn parse(line: &str) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed("a signature line that is not '— name base64'");
        let (name, signature) =
            line.strip_prefix(SIGNATURE_PREFIX).and_then(|rest| rest.split_once(' ')).ok_or(malformed)?;
        if !is_name(name) {
            return Err(malformed);
        }
        let bytes = STANDARD.decode(signature).map_err(|_| malformed)?;
        match bytes.split_first_chunk::<4>() {
            Some((key_id, bytes)) if !bytes.is_empty() => {
                Ok(Self { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_owned() })
            }
            _ => Err(malformed),
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = STANDARD.encode([&self.key_id, &self.bytes[..]].concat());
        write!(f, "{SIGNATURE_PREFIX}{} {encoded}", self.name)
    }
}

/// A public key that notes are verified with: `name+id+base64(0x01 ‖ public key)` as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

impl VerifierKey {
    /// Parses the text form.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        // Base64 may contain a plus; names and ids cannot.
        let mut parts = text.trim_end().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key("three parts joined by '+' are needed"));
        };
        if !is_name(name) {
            return Err(NoteError::Name);
        }
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key("the last part is not base64"))?;
        let public = match bytes.split_first() {
            Some((&ED25519_TYPE, public)) => public.try_into().ok(),
            _ => None,
        };
        let public = public.ok_or(NoteError::Key("the last part is not an Ed25519 key"))?;
        let key = Self { name: name.to_owned(), public };
        if hex(key.id()) != id {
            return Err(NoteError::Key("the id does not belong to the name and key"));
        }
        Ok(key)
    }

    /// The same key under another name, and so with another id.
    pub fn named(&self, name: &str) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Name);
        }
        Ok(Self { name: name.to_owned(), public: self.public })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key).
    pub fn id(&self) -> [u8; 4] {
        let hash = Hash::of(&[self.name.as_bytes(), &[b'\n', ED25519_TYPE], &self.public].concat());
        [hash.0[0], hash.0[1], hash.0[2], hash.0[3]]
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = STANDARD.encode([&[ED25519_TYPE], &self.public[..]].concat());
        write!(f, "{}+{}+{encoded}", self.name, hex(self.id()))
    }
}

/// Signs notes with Ed25519.
pub struct Signer {
    pair: Ed25519KeyPair,
    key: VerifierKey,
}

impl Signer {
    /// The signer of a 32-byte seed, under `name`.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Name);
        }
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NoteError::Key("not an Ed25519 seed"))?;
        let public =
            pair.public_key().as_ref().try_into().map_err(|_| NoteError::Key("not an Ed25519 key"))?;
        Ok(Self { pair, key: VerifierKey { name: name.to_owned(), public } })
    }

    /// The key to verify with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// Signs `text`, which ends with a newline.
    pub fn sign(&self, text: &str) -> Result<Note, NoteError> {
        if !text.ends_with('\n') {
            return Err(NoteError::Malformed("the last newline is missing"));
        }
        if text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return Err(NoteError::Malformed("a control character"));
        }
        let signature = Signature {
            name: self.key.name.clone(),
            key_id: self.key.id(),
            bytes: self.pair.sign(text.as_bytes()).as_ref().to_vec(),
        };
        Ok(Note { text: text.to_owned(), signatures: vec![signature] })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}
