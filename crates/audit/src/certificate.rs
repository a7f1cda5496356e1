//! The certificate that a person was erased: a signed note that anybody checks with the public key that checkpoints are
//! checked with. `docs/formats/erasure-certificate.md` has it line by line.
//!
//! The first line keeps it apart from everything else that the key signs; the second is the certificate as JSON.

use serde::{Deserialize, Serialize};

use crate::note::{Note, NoteError, Signer, VerifierKey};

/// The first line.
pub const HEADER: &str = "chancery erasure certificate v1";

/// What of the bus's name the signing key's name is: `<bus>/erasure`.
pub const KEY_SUFFIX: &str = "/erasure";

/// What is certified. Times are RFC 3339, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The bus.
    pub bus: String,
    /// The erasure's name.
    pub erasure: String,
    /// When this was written: what is answered later is not in it.
    pub issued: String,
    /// `approved` while parts wait, `carried-out` when none does.
    pub status: String,
    /// Why, and by which law.
    pub ground: String,
    /// Who asked.
    pub asked: Word,
    /// Who agreed.
    pub agreed: Vec<Word>,
    /// What was to be erased.
    pub parts: Vec<Part>,
    /// Who was handed events about the person, and what they say that they did.
    pub told: Vec<Told>,
    /// Where the decisions stand in the audit.
    pub audit: Vec<Leaf>,
}

/// One person's word, in office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Who.
    pub by: String,
    /// Whose right it was, where another one spoke for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// The agencies whose data protection officer that is.
    #[serde(rename = "for")]
    pub speaks_for: Vec<String>,
    /// When.
    pub at: String,
}

/// What one agency's keys seal about the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Whose keys.
    pub agency: String,
    /// What they call the person; left out for who may not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudonym: Option<String>,
    /// `open`, `held`, `kept`, `erased`, `declined`, `withdrawn`.
    pub status: String,
    /// When the bus stopped giving the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<String>,
    /// From when on the key cannot be had from any copy either. Of what is erased and has none: from the end of the
    /// epoch of keys on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable_in_every_copy: Option<Turn>,
}

/// The end of an epoch of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The epoch that ended.
    pub epoch: u32,
    /// When what its keys were wrapped under was destroyed.
    pub at: String,
}

/// An agency that was handed events about the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Which.
    pub agency: String,
    /// Of whose part.
    pub part: String,
    /// How many events.
    pub events: u64,
    /// When it was told.
    pub at: String,
    /// By when it has to answer.
    pub answer_by: String,
    /// What it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// What an agency says that it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The legal ground on which it keeps the events; none: it deleted them.
    pub kept: Option<String>,
    /// Who says so.
    pub by: String,
    /// When.
    pub at: String,
}

/// A leaf of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// The log's origin: `<bus>/standard`.
    pub log: String,
    /// The leaf's index.
    pub leaf: u64,
}

impl Certificate {
    /// Signs it; the signer is that of `<bus>/erasure`.
    pub fn sign(&self, signer: &Signer) -> Result<String, NoteError> {
        let line = serde_json::to_string(self).map_err(|_| NoteError::Malformed("it does not encode"))?;
        Ok(signer.sign(&format!("{HEADER}\n{line}\n"))?.to_string())
    }

    /// Whether a file says that it is a certificate; nothing is checked yet.
    pub fn is_one(text: &str) -> bool {
        text.strip_prefix(HEADER).is_some_and(|rest| rest.starts_with('\n'))
    }

    /// Checks that `key`, which is the bus's, signed a certificate, and reads it.
    pub fn verify(text: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        let note = Note::parse(text)?;
        let named = key.named(&format!("{}{KEY_SUFFIX}", key.name()))?;
        note.verify(&[named])?;
        let line = note.text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let line = line.ok_or(NoteError::Malformed("its first line is not that of a certificate"))?;
        serde_json::from_str(line).map_err(|_| NoteError::Malformed("the certificate in it does not read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> Certificate {
        let at = || "2026-11-26T08:00:00.000Z".to_owned();
        let by =
            |by: &str| Word { by: by.to_owned(), instead_of: None, speaks_for: vec!["a".into()], at: at() };
        Certificate {
            bus: "bus".into(),
            erasure: "e-1".into(),
            issued: at(),
            status: "carried-out".into(),
            ground: "§17\nof the Act".into(),
            asked: by("d@a"),
            agreed: vec![by("root@central")],
            parts: vec![Part {
                agency: "a".into(),
                pseudonym: Some("00".repeat(16)),
                status: "erased".into(),
                erased: Some(at()),
                unreadable_in_every_copy: Some(Turn { epoch: 2, at: at() }),
            }],
            told: vec![Told {
                agency: "b".into(),
                part: "a".into(),
                events: 2,
                at: at(),
                answer_by: at(),
                answer: Some(Answer { kept: None, by: "d@b".into(), at: at() }),
            }],
            audit: vec![Leaf { log: "bus/standard".into(), leaf: 7 }],
        }
    }

    #[test]
    fn a_certificate_verifies_with_the_key_of_the_bus_and_with_no_other() {
        let signer = Signer::from_seed("bus/erasure", &[7; 32]).unwrap();
        let key = signer.verifier().named("bus").unwrap();
        let text = certificate().sign(&signer).unwrap();
        assert!(Certificate::is_one(&text));
        assert_eq!(Certificate::verify(&text, &key), Ok(certificate()));
        let other = Signer::from_seed("bus", &[8; 32]).unwrap();
        assert_eq!(Certificate::verify(&text, other.verifier()), Err(NoteError::Unsigned));
        for (from, to) in [("\"events\":2", "\"events\":1"), ("v1\n", "v2\n"), ("d@b", "d@c")] {
            let altered = text.replace(from, to);
            assert_ne!(altered, text);
            assert_eq!(Certificate::verify(&altered, &key), Err(NoteError::WrongSignature), "{from}");
        }
    }

    #[test]
    fn a_note_that_the_key_signed_for_something_else_is_no_certificate() {
        let signer = Signer::from_seed("bus/erasure", &[7; 32]).unwrap();
        let key = signer.verifier().named("bus").unwrap();
        let note = signer.sign("bus/standard\n1\nroot\n").unwrap().to_string();
        assert!(!Certificate::is_one(&note));
        assert!(matches!(Certificate::verify(&note, &key), Err(NoteError::Malformed(_))));
        for text in ["", HEADER, "chancery erasure certificate v1\n{}\n\n— x y\n"] {
            assert!(Certificate::verify(text, &key).is_err());
        }
    }
}
