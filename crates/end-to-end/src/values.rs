//! One value sealed for many recipients, and opened by one.
//!
//! A fresh key encrypts the value (AES-256-GCM); for each recipient that key is wrapped by HPKE in base mode. The
//! ciphertext is bound to everything before it, so no recipient can be taken out or put in. A digest of the key stands in
//! the form (the commitment): nobody can seal one thing for one recipient and another for the next.

use std::convert::Infallible;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::form::{self, Addressee, COMMITMENT_BYTES, ENCAPSULATED_BYTES, Sealed, WRAPPED_BYTES};
use crate::keys::{PrivateKey, PublicKey, Recipient};
use crate::limits::{POINTER_BYTES, RECIPIENTS, VALUE_BYTES};
use crate::padding::padded;
use crate::{Context, OpenError, SealError};

pub(crate) type Kem = X25519HkdfSha256;
type Kdf = HkdfSha256;

/// A key encrypts one value, so one nonce is enough.
const NONCE: [u8; 12] = [0; 12];
const COMMITS: &[u8] = b"chancery end-to-end 1 commitment";

/// Seals one value, given as JSON text, for its recipients; the text of the sealed value fits into a string. What is sealed
/// for nobody, nobody can open.
pub fn seal(json: &str, recipients: &[Recipient], context: &Context<'_>) -> Result<String, SealError> {
    let mut random = Zeroizing::new(vec![0; 32 * (recipients.len() + 1)]);
    getrandom::fill(&mut random).map_err(|_| SealError::NoRandomness)?;
    let (draws, _) = random.as_chunks::<32>();
    seal_with(json, recipients, context, draws)
}

/// The same with this randomness: the value's key, then what the key for each recipient is made from.
pub(crate) fn seal_with(
    json: &str,
    recipients: &[Recipient],
    context: &Context<'_>,
    random: &[[u8; 32]],
) -> Result<String, SealError> {
    let json = json.trim_matches([' ', '\t', '\n', '\r']);
    check(json, recipients, context)?;
    let (key, ephemeral) = random.split_first().ok_or(SealError::NoRandomness)?;
    let info = context.bytes();
    let mut addressees = Vec::with_capacity(recipients.len());
    for (recipient, material) in recipients.iter().zip(ephemeral) {
        let Recipient { agency, key: public } = recipient;
        let id = public.id();
        let wrapped = wrap(public, key, &info, &form::named(agency, id), material);
        let (encapsulated, wrapped) = wrapped.ok_or(SealError::BadKey(id))?;
        let wrapped = wrapped.try_into().map_err(|_| SealError::BadKey(id))?;
        addressees.push(Addressee { agency: agency.clone(), key: id, encapsulated, wrapped });
    }
    addressees.sort_by(|a, b| (&a.agency, a.key).cmp(&(&b.agency, b.key)));
    if let Some(pair) =
        addressees.windows(2).find(|pair| (&pair[0].agency, pair[0].key) == (&pair[1].agency, pair[1].key))
    {
        return Err(SealError::SameRecipientTwice(pair[0].key));
    }
    encrypt(json, key, addressees, context)
}

/// The value under its key, bound to those for whom the key was wrapped.
fn encrypt(
    json: &str,
    key: &[u8; 32],
    addressees: Vec<Addressee>,
    context: &Context<'_>,
) -> Result<String, SealError> {
    let pointer = context.pointer.to_owned();
    let mut sealed = Sealed { pointer, addressees, commitment: commitment(key), ciphertext: Vec::new() };
    let length = padded(json.len());
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    text.extend(json.as_bytes());
    text.resize(length, b' ');
    let aad = [context.bytes(), sealed.header()].concat();
    let payload = Payload { msg: &text, aad: &aad };
    let encrypted = Aes256Gcm::new(&(*key).into()).encrypt(&Nonce::from(NONCE), payload);
    sealed.ciphertext = encrypted.map_err(|_| SealError::TooLong)?;
    Ok(sealed.to_text())
}

fn check(json: &str, recipients: &[Recipient], context: &Context<'_>) -> Result<(), SealError> {
    if json.len() > VALUE_BYTES {
        return Err(SealError::TooLong);
    }
    serde_json::from_str::<&RawValue>(json).map_err(|_| SealError::NotJson)?;
    if recipients.len() > RECIPIENTS {
        return Err(SealError::TooManyRecipients);
    }
    let named = recipients.iter().all(|one| form::is_agency(&one.agency));
    if !named || context.pointer.len() > POINTER_BYTES {
        return Err(SealError::BadName);
    }
    Ok(())
}

/// Opens a value with whichever of the keys it is sealed for: its JSON text.
pub fn open(text: &str, keys: &[PrivateKey], context: &Context<'_>) -> Result<Zeroizing<String>, OpenError> {
    let sealed = Sealed::parse(text)?;
    if sealed.pointer != context.pointer {
        return Err(OpenError::Misplaced);
    }
    let info = context.bytes();
    let key = value_key(&sealed, keys, &info)?;
    let aad = [info, sealed.header()].concat();
    let payload = Payload { msg: &sealed.ciphertext, aad: &aad };
    let opened = Aes256Gcm::new(&(*key).into()).decrypt(&Nonce::from(NONCE), payload);
    let opened = Zeroizing::new(opened.map_err(|_| OpenError::Forged)?);
    let json = std::str::from_utf8(&opened).map_err(|_| OpenError::Forged)?.trim_end_matches(' ');
    serde_json::from_str::<&RawValue>(json).map_err(|_| OpenError::Forged)?;
    Ok(Zeroizing::new(json.to_owned()))
}

/// The key of a value, from whichever addressee one of the keys opens it for: several may name one key, and a sealer in bad
/// faith may have given the first of them another.
fn value_key(sealed: &Sealed, keys: &[PrivateKey], info: &[u8]) -> Result<Zeroizing<[u8; 32]>, OpenError> {
    let ids: Vec<_> = keys.iter().map(|key| (key.id(), key)).collect();
    let mut why = OpenError::NotForUs;
    for one in &sealed.addressees {
        let Some((_, private)) = ids.iter().find(|(id, _)| *id == one.key) else { continue };
        match unwrap(private, one, info).filter(|key| commitment(key) == sealed.commitment) {
            Some(key) => return Ok(key),
            None => why = OpenError::Forged,
        }
    }
    Err(why)
}

/// Tells keys apart without telling anything of them.
fn commitment(key: &[u8; 32]) -> [u8; COMMITMENT_BYTES] {
    Sha256::new().chain_update(COMMITS).chain_update(key).finalize().into()
}

/// HPKE's SealBase (RFC 9180, 6.1): the encapsulated key, and `text` encrypted under it. Nothing for a public key that
/// HPKE refuses.
pub(crate) fn wrap(
    public: &PublicKey,
    text: &[u8],
    info: &[u8],
    aad: &[u8],
    material: &[u8; 32],
) -> Option<([u8; ENCAPSULATED_BYTES], Vec<u8>)> {
    let public = <Kem as hpke::Kem>::PublicKey::from_bytes(public.as_bytes()).ok()?;
    let (mode, random) = (OpModeS::Base, &mut Given(material));
    let sealed =
        hpke::single_shot_seal_with_rng::<AesGcm256, Kdf, Kem>(&mode, &public, info, text, aad, random);
    let (encapsulated, wrapped) = sealed.ok()?;
    Some((encapsulated.to_bytes().into(), wrapped))
}

/// HPKE's OpenBase (RFC 9180, 6.1).
fn unwrap(private: &PrivateKey, one: &Addressee, info: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(&one.encapsulated).ok()?;
    let (wrapped, aad): (&[u8; WRAPPED_BYTES], _) = (&one.wrapped, form::named(&one.agency, one.key));
    let opened = hpke::single_shot_open::<AesGcm256, Kdf, Kem>(
        &OpModeR::Base,
        &private.secret,
        &encapsulated,
        info,
        wrapped,
        &aad,
    );
    let opened = Zeroizing::new(opened.ok()?);
    Some(Zeroizing::new(opened.as_slice().try_into().ok()?))
}

/// Randomness drawn before: HPKE takes as much as a private key is long, once, and cannot be told that there is none.
pub(crate) struct Given<'a>(pub(crate) &'a [u8; 32]);

impl TryRng for Given<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        debug_assert_eq!(bytes.len(), self.0.len(), "HPKE draws a key's length, once");
        bytes.iter_mut().zip(self.0.iter().cycle()).for_each(|(byte, drawn)| *byte = *drawn);
        Ok(())
    }
}

impl TryCryptoRng for Given<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two addressees have one key, and for the first of them it wraps another: the second opens it all the same.
    #[test]
    fn every_addressee_with_a_key_is_tried() {
        let key = PrivateKey::generate().unwrap();
        let context = Context { topic: "a.b", source: "urn:xx:a", id: "1", pointer: "/a" };
        let for_agency = |agency: &str, value_key: &[u8; 32]| {
            let name = form::named(agency, key.id());
            let (encapsulated, wrapped) =
                wrap(key.public(), value_key, &context.bytes(), &name, &[3; 32]).unwrap();
            let wrapped = wrapped.try_into().unwrap();
            Addressee { agency: agency.to_owned(), key: key.id(), encapsulated, wrapped }
        };
        let open = |addressees: Vec<Addressee>| {
            let text = encrypt("\"B20\"", &[1; 32], addressees, &context).unwrap();
            open(&text, std::slice::from_ref(&key), &context).map(|json| json.to_string())
        };
        let (false_one, true_one) = (for_agency("a", &[2; 32]), for_agency("b", &[1; 32]));
        assert_eq!(open(vec![false_one.clone(), true_one]), Ok("\"B20\"".to_owned()));
        assert_eq!(open(vec![false_one]), Err(OpenError::Forged));
        assert_eq!(open(Vec::new()), Err(OpenError::NotForUs));
    }

    /// The vector of `docs/formats/end-to-end.md`, from its randomness.
    #[test]
    fn the_vector_of_the_page_comes_out_of_its_randomness() {
        let key = PrivateKey::from_bytes(&[0x11; 32]).unwrap();
        let recipients = [Recipient { agency: "health-institute".to_owned(), key: key.public().clone() }];
        let context = Context {
            topic: "health.case.reported",
            source: "urn:xx:clinic",
            id: "case-4711",
            pointer: "/finding",
        };
        let text = seal_with(r#"{"icd":"B20"}"#, &recipients, &context, &[[0x22; 32], [0x33; 32]]).unwrap();
        let page = include_str!("../../../docs/formats/end-to-end.md");
        assert!(page.contains(&format!("| sealed value | `{text}` |")), "| sealed value | `{text}` |");
        let (private, public, id) = (key.to_text(), key.public().to_string(), key.id().to_string());
        for (name, wanted) in [("private key", private.as_str()), ("public key", &public), ("key id", &id)] {
            assert!(page.contains(&format!("| {name} | `{wanted}` |")), "| {name} | `{wanted}` |");
        }
    }
}
