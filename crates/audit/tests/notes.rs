//! Signed notes, keys and checkpoints.

#![allow(clippy::unwrap_used, reason = "the tests' helpers stand outside test functions")]

use audit::{Checkpoint, Hash, Note, NoteError, SignedCheckpoint, Signer, VerifierKey, merkle_root};
use proptest::prelude::*;

/// The note of Go's `golang.org/x/mod/sumdb/note` documentation.
const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

fn signed(size: u64) -> (Signer, SignedCheckpoint) {
    let signer = Signer::from_seed("bus.example/standard", &[7; 32]).unwrap();
    let checkpoint = Checkpoint { origin: "bus.example/standard".into(), size, root: merkle_root(&[]) };
    let signed = checkpoint.sign(&signer).unwrap();
    (signer, signed)
}

#[test]
fn the_reference_note_verifies_with_the_reference_key() {
    let key = VerifierKey::parse(KEY).unwrap();
    assert_eq!(key.to_string(), KEY);
    let note = Note::parse(NOTE).unwrap();
    assert_eq!(note.verify(&[key]), Ok(()));
    assert_eq!(note.to_string(), NOTE);
}

#[test]
fn a_checkpoint_is_three_lines_and_comes_back() {
    let (signer, signed) = signed(42);
    let note = signed.note.to_string();
    assert!(note.starts_with("bus.example/standard\n42\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— "));
    assert_eq!(SignedCheckpoint::verify(&note, signer.verifier()).unwrap(), signed);
}

#[test]
fn a_signature_counts_under_the_keys_name_and_under_the_origin() {
    let (_, signed) = signed(1);
    let note = signed.note.to_string();
    let bus = Signer::from_seed("bus.example", &[7; 32]).unwrap();
    assert!(SignedCheckpoint::verify(&note, bus.verifier()).is_ok());
    let other = Signer::from_seed("bus.example", &[8; 32]).unwrap();
    assert_eq!(SignedCheckpoint::verify(&note, other.verifier()), Err(NoteError::Unsigned));
}

#[test]
fn cosignatures_of_others_are_kept_and_not_taken_for_the_logs() {
    let (signer, signed) = signed(1);
    let witness = Signer::from_seed("witness.example", &[9; 32]).unwrap();
    let cosignature = witness.sign(&signed.note.text).unwrap().signatures[0].to_string();
    let mut note = signed.note.clone();
    note.add_signature(&cosignature).unwrap();
    note.add_signature(&format!("{cosignature}\n")).unwrap();
    assert_eq!(note.signatures.len(), 2);
    let read = SignedCheckpoint::verify(&note.to_string(), signer.verifier()).unwrap();
    assert_eq!(read.note, note);
    note.signatures.remove(0);
    assert_eq!(SignedCheckpoint::verify(&note.to_string(), signer.verifier()), Err(NoteError::Unsigned));
}

#[test]
fn every_altered_byte_of_a_note_is_noticed() {
    let (signer, signed) = signed(1);
    let note = signed.note.to_string();
    for at in 0..note.len() {
        for flip in [1, 2, 32, 128] {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= flip;
            if let Ok(altered) = String::from_utf8(bytes) {
                assert!(SignedCheckpoint::verify(&altered, signer.verifier()).is_err(), "byte {at}");
            }
        }
    }
}

#[test]
fn what_is_not_a_note_a_key_or_a_checkpoint_is_refused() {
    for note in [
        "",
        "\n",
        "a\n",
        "a\n\n",
        "a\n\nb\n",
        "a\n\n— \n",
        "a\n\n— b \n",
        "a\n\n— b YQ==\n",
        "a\n\n— b+c YWJjZGVm\n",
        "a\n\n— b YWJjZGVm",
        "a\t\n\n— b YWJjZGVm\n",
    ] {
        assert!(Note::parse(note).is_err(), "{note:?}");
    }
    for key in [
        "",
        "a+b",
        "a+00000000+AQ==",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        &KEY.replace("c74f", "c74e"),
        &KEY.replace("Neumann", "Newman"),
        &KEY.replace("c74f20a3", "C74F20A3"),
    ] {
        assert!(VerifierKey::parse(key).is_err(), "{key:?}");
    }
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    for text in [
        "",
        "a\n",
        "a\n1\n",
        &format!("a\n01\n{root}\n"),
        &format!("a\n+1\n{root}\n"),
        &format!("\n1\n{root}\n"),
        "a\n1\nYQ==\n",
        &format!("a\n1\n{root}"),
    ] {
        assert!(Checkpoint::parse(text).is_err(), "{text:?}");
    }
    let extended = Checkpoint::parse(&format!("a\n1\n{root}\nmore\n")).unwrap();
    assert_eq!(extended, Checkpoint { origin: "a".into(), size: 1, root: Hash::of(b"") });
    for name in ["", "a b", "a+b", "a\nb"] {
        assert!(Signer::from_seed(name, &[1; 32]).is_err(), "{name:?}");
    }
}

#[test]
fn debug_of_a_signer_shows_only_the_public_key() {
    let (signer, _) = signed(1);
    assert_eq!(format!("{signer:?}"), format!("Signer({})", signer.verifier()));
}

proptest! {
    #[test]
    fn reading_survives_any_text(text in "\\PC{0,200}", lines in "([a—+ =/A-Z0-9]{0,20}\n){0,6}") {
        let key = VerifierKey::parse(KEY).unwrap();
        for text in [&text, &lines] {
            let _ = VerifierKey::parse(text);
            prop_assert!(SignedCheckpoint::verify(text, &key).is_err());
        }
    }
}
