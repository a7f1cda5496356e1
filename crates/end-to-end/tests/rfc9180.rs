//! That what is beneath is HPKE: RFC 9180's own vector, and another implementation.

use end_to_end::{Context, Malformed, PrivateKey, Recipient, Sealed};
use hpke::aead::AesGcm128;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem as _, OpModeR, Serializable};
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};

fn unhex(text: &str) -> Vec<u8> {
    let digit = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(digit).collect()
}

/// RFC 9180, A.1.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode, sequence number 0. The RFC has no
/// vector with AES-256-GCM; that part is held against another implementation below.
#[test]
fn the_vector_of_rfc_9180_opens() {
    type Kem = X25519HkdfSha256;
    let private = unhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8");
    let private = <Kem as hpke::Kem>::PrivateKey::from_bytes(&private).unwrap();
    let public = unhex("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d");
    assert_eq!(Kem::sk_to_pk(&private).to_bytes().as_slice(), public);
    let ours = PrivateKey::from_bytes(private.to_bytes().as_slice().try_into().unwrap()).unwrap();
    assert_eq!(ours.public().as_bytes().as_slice(), public);
    let material = unhex("6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037");
    assert_eq!(Kem::derive_keypair(&material).1.to_bytes().as_slice(), public);
    let encapsulated = unhex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431");
    let opened = hpke::single_shot_open::<AesGcm128, HkdfSha256, Kem>(
        &OpModeR::Base,
        &private,
        &<Kem as hpke::Kem>::EncappedKey::from_bytes(&encapsulated).unwrap(),
        &unhex("4f6465206f6e2061204772656369616e2055726e"),
        &unhex("f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"),
        &unhex("436f756e742d30"),
    );
    assert_eq!(opened.unwrap(), b"Beauty is truth, truth beauty");
}

/// What this crate wraps, the HPKE of rustls (over AWS-LC) unwraps, by what the page says and nothing of this crate.
#[test]
fn another_implementation_opens_what_is_sealed_here() {
    let suite: &dyn Hpke = DH_KEM_X25519_HKDF_SHA256_AES_256;
    let (public, secret) = suite.generate_key_pair().unwrap();
    let HpkePublicKey(public) = public;
    let key = end_to_end::PublicKey::from_bytes(public.try_into().unwrap()).unwrap();
    let id = unhex(&key.id().to_string());
    let context = Context { topic: "health.case.reported", source: "urn:c", id: "1", pointer: "/a" };
    let text = end_to_end::seal("\"x\"", &[Recipient { agency: "h".to_owned(), key }], &context).unwrap();
    let bytes = {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&text[5..]).unwrap()
    };
    let mut info = b"chancery end-to-end 1".to_vec();
    for part in [context.topic, context.source, context.id, context.pointer] {
        info.extend((part.len() as u32).to_be_bytes());
        info.extend(part.as_bytes());
    }
    let recipient = &bytes[6 + 2 + 2 + 2..];
    let aad = &recipient[..1 + 1 + 16];
    assert_eq!(aad, [&b"\x01h"[..], &id].concat());
    let encapsulated = EncapsulatedSecret(recipient[18..50].to_vec());
    let opened = suite.open(&encapsulated, &info, aad, &recipient[50..98], &secret).unwrap();
    assert_eq!(opened.len(), 32);
    // And the other way: a private key that this crate makes is one for them.
    let ours = PrivateKey::generate().unwrap();
    let theirs = HpkePublicKey(ours.public().as_bytes().to_vec());
    let (encapsulated, sealed) = suite.seal(&info, aad, b"hello", &theirs).unwrap();
    let text = ours.to_text();
    let bytes = {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text.rsplit_once('.').unwrap().1).unwrap()
    };
    let secret = HpkePrivateKey::from(bytes);
    assert_eq!(suite.open(&encapsulated, &info, aad, &sealed, &secret).unwrap(), b"hello");
}

#[test]
fn another_suite_is_not_taken_for_this_one() {
    let context = Context { topic: "a.b.c", source: "s", id: "1", pointer: "/a" };
    let text = end_to_end::seal("1", &[], &context).unwrap();
    // The third byte pair of the suite: AES-128-GCM.
    let other = text.replacen("e2e1.ACAAAQAC", "e2e1.ACAAAQAB", 1);
    assert_ne!(text, other);
    assert_eq!(Sealed::parse(&other).unwrap_err(), Malformed::UnknownSuite);
}
