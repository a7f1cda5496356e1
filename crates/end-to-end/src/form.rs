//! The form of a sealed value, parsed and written. `docs/formats/end-to-end.md` has the layout.
//!
//! Parsing checks every length before it trusts it and takes no more memory than the text is long. It proves nothing
//! about who wrote the text; that all of it belongs together is [`crate::open`]'s business.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::limits::{AGENCY_BYTES, POINTER_BYTES, RECIPIENTS, TEXT_BYTES};
use crate::{KeyId, Malformed};

/// What a sealed value begins with.
pub const PREFIX: &str = "e2e1.";

/// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM by their numbers in RFC 9180, section 7.
const SUITE: [u8; 6] = [0x00, 0x20, 0x00, 0x01, 0x00, 0x02];
pub(crate) const ENCAPSULATED_BYTES: usize = 32;
pub(crate) const WRAPPED_BYTES: usize = 32 + TAG_BYTES;
pub(crate) const COMMITMENT_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const KEY_ID_BYTES: usize = 16;

/// One key that a value is sealed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// The agency.
    pub agency: String,
    /// Its key.
    pub key: KeyId,
    pub(crate) encapsulated: [u8; ENCAPSULATED_BYTES],
    pub(crate) wrapped: [u8; WRAPPED_BYTES],
}

/// A sealed value, as far as it can be read without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub(crate) pointer: String,
    pub(crate) addressees: Vec<Addressee>,
    pub(crate) commitment: [u8; COMMITMENT_BYTES],
    pub(crate) ciphertext: Vec<u8>,
}

impl Sealed {
    /// Whether a text begins like a sealed value.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads a sealed value.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > TEXT_BYTES {
            return Err(Malformed::TooLong);
        }
        let coded = text.strip_prefix(PREFIX).ok_or(Malformed::NotSealed)?;
        let bytes = BASE64.decode(coded).map_err(|_| Malformed::NotBase64)?;
        let mut reader = Reader { rest: &bytes };
        if reader.array::<6>()? != SUITE {
            return Err(Malformed::UnknownSuite);
        }
        let length = reader.count()?;
        let pointer = reader.text(length, POINTER_BYTES)?;
        let count = reader.count()?;
        if count > RECIPIENTS {
            return Err(Malformed::Form("too many recipients"));
        }
        let mut addressees: Vec<Addressee> = Vec::new();
        for _ in 0..count {
            let next = reader.addressee()?;
            if addressees.last().is_some_and(|last| (&last.agency, last.key) >= (&next.agency, next.key)) {
                return Err(Malformed::Form("its recipients are not in order"));
            }
            addressees.push(next);
        }
        let commitment = reader.array()?;
        if reader.rest.len() <= TAG_BYTES {
            return Err(Malformed::Form("it ends too early"));
        }
        Ok(Self { pointer, addressees, commitment, ciphertext: reader.rest.to_vec() })
    }

    /// The place in the document that it was sealed for, a JSON pointer.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The keys that it is sealed for, by agency and id.
    pub fn addressees(&self) -> &[Addressee] {
        &self.addressees
    }

    /// Everything before the ciphertext; the ciphertext is bound to it.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut bytes = SUITE.to_vec();
        bytes.extend((self.pointer.len() as u16).to_be_bytes());
        bytes.extend(self.pointer.as_bytes());
        bytes.extend((self.addressees.len() as u16).to_be_bytes());
        for one in &self.addressees {
            bytes.extend(named(&one.agency, one.key));
            bytes.extend(one.encapsulated);
            bytes.extend(one.wrapped);
        }
        bytes.extend(self.commitment);
        bytes
    }

    /// Its text.
    pub(crate) fn to_text(&self) -> String {
        let mut bytes = self.header();
        bytes.extend(&self.ciphertext);
        let mut text = PREFIX.to_owned();
        BASE64.encode_string(bytes, &mut text);
        text
    }
}

/// A recipient's name and key, as they stand in the form; a wrapped key is bound to them.
pub(crate) fn named(agency: &str, key: KeyId) -> Vec<u8> {
    let mut bytes = vec![agency.len() as u8];
    bytes.extend(agency.as_bytes());
    bytes.extend(key.0);
    bytes
}

/// Whether a text can be an agency's name in the form.
pub(crate) fn is_agency(text: &str) -> bool {
    !text.is_empty() && text.len() <= AGENCY_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic())
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Form("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn count(&mut self) -> Result<usize, Malformed> {
        Ok(usize::from(u16::from_be_bytes(self.array()?)))
    }

    fn text(&mut self, length: usize, longest: usize) -> Result<String, Malformed> {
        if length > longest {
            return Err(Malformed::Form("a name in it is too long"));
        }
        let text = std::str::from_utf8(self.take(length)?);
        text.map(str::to_owned).map_err(|_| Malformed::Form("a name in it is not UTF-8"))
    }

    fn addressee(&mut self) -> Result<Addressee, Malformed> {
        let [length] = self.array()?;
        let agency = self.text(usize::from(length), AGENCY_BYTES)?;
        if !is_agency(&agency) {
            return Err(Malformed::Form("a recipient has no name"));
        }
        let key = KeyId(self.array::<KEY_ID_BYTES>()?);
        Ok(Addressee { agency, key, encapsulated: self.array()?, wrapped: self.array()? })
    }
}
