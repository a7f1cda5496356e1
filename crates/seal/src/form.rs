//! The sealed form's bytes, parsed. `docs/formats/sealed-form.md` has the layout.
//!
//! Parsing borrows, checks every length before it trusts it, and allocates no more than the bytes given could
//! describe. It proves nothing about who wrote the bytes: that is [`SealedForm::reveal`]'s business.

use std::fmt;

use crate::keys::Pseudonym;
use crate::random::NONCE_BYTES;

/// The only version there is.
pub(crate) const VERSION: u8 = 1;
pub(crate) const HEADER_BYTES: usize = 1 + 2 + 4 + 4;
/// A directory entry without its class name.
pub(crate) const ENTRY_BYTES: usize = 1 + 16 + NONCE_BYTES + 4;
pub(crate) const HOLE_BYTES: usize = 4 + 2 + 1;
pub(crate) const TAG_BYTES: usize = 16;

/// An event's data with its classified fragments cut out and sealed.
#[derive(Debug, Clone)]
pub struct SealedForm<'a> {
    /// Everything before the ciphertexts.
    pub(crate) public: &'a [u8],
    pub(crate) envelopes: Vec<Envelope<'a>>,
    pub(crate) holes: &'a [[u8; HOLE_BYTES]],
    pub(crate) skeleton: &'a [u8],
}

/// What is sealed of one class under one person's key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope<'a> {
    pub(crate) class: &'a str,
    pub(crate) pseudonym: Pseudonym,
    pub(crate) nonce: [u8; NONCE_BYTES],
    pub(crate) ciphertext: &'a [u8],
    pub(crate) tag: &'a [u8],
}

/// Where a fragment was cut out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hole {
    /// Offset in the skeleton, in bytes.
    pub(crate) position: usize,
    /// Index in the directory.
    pub(crate) envelope: usize,
    /// How a redaction looks; means nothing here.
    pub(crate) shape: u8,
}

impl Hole {
    pub(crate) fn read(&[p0, p1, p2, p3, e0, e1, shape]: &[u8; HOLE_BYTES]) -> Self {
        Self {
            position: u32::from_le_bytes([p0, p1, p2, p3]) as usize,
            envelope: usize::from(u16::from_le_bytes([e0, e1])),
            shape,
        }
    }
}

/// Bytes that are not a sealed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub what: &'static str,
    /// The offset in the form, in bytes.
    pub at: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a sealed form: {} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

impl<'a> SealedForm<'a> {
    /// Parses a sealed form that fills `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.array::<1>("the version is missing")? != [VERSION] {
            return Err(Malformed { what: "a version that is not 1", at: 0 });
        }
        let envelopes = usize::from(u16::from_le_bytes(reader.array("the header is cut short")?));
        let holes = reader.u32("the header is cut short")?;
        let skeleton = reader.u32("the header is cut short")?;
        let (mut envelopes, lengths) = directory(&mut reader, envelopes)?;
        let holes_at = reader.at;
        let wanted = holes.checked_mul(HOLE_BYTES).ok_or(reader.short("more holes than bytes"))?;
        let (holes, _) = reader.take(wanted, "more holes than bytes")?.as_chunks::<HOLE_BYTES>();
        check_holes(holes, envelopes.len(), skeleton)
            .map_err(|(index, what)| Malformed { what, at: holes_at + index * HOLE_BYTES })?;
        let skeleton = reader.take(skeleton, "the skeleton is cut short")?;
        let public = &bytes[..reader.at];
        for (envelope, length) in envelopes.iter_mut().zip(lengths) {
            envelope.ciphertext = reader.take(length, "a ciphertext is cut short")?;
            envelope.tag = reader.take(TAG_BYTES, "a tag is cut short")?;
        }
        if reader.at != bytes.len() {
            return Err(reader.short("bytes after the end"));
        }
        Ok(Self { public, envelopes, holes, skeleton })
    }

    /// The pseudonyms in the directory, one for each envelope: a person appears once for each class.
    pub fn subjects(&self) -> impl Iterator<Item = Pseudonym> {
        self.envelopes.iter().map(|envelope| envelope.pseudonym)
    }

    /// The class names in the directory, one for each envelope: a class appears once for each person.
    pub fn classes(&self) -> impl Iterator<Item = &'a str> {
        self.envelopes.iter().map(|envelope| envelope.class)
    }

    /// Whether nothing in it is sealed: the skeleton is the data.
    pub fn is_open(&self) -> bool {
        self.envelopes.is_empty() && self.holes.is_empty()
    }

    /// The data without its sealed fragments: what anybody may know of it.
    pub fn skeleton(&self) -> &'a [u8] {
        self.skeleton
    }
}

/// Reads the directory; ciphertexts and tags are still empty, their lengths come beside.
fn directory<'a>(
    reader: &mut Reader<'a>,
    count: usize,
) -> Result<(Vec<Envelope<'a>>, Vec<usize>), Malformed> {
    // Before anything is allocated for them: so many envelopes need at least so many bytes.
    if reader.bytes.len() - reader.at < count * (ENTRY_BYTES + TAG_BYTES) {
        return Err(reader.short("more envelopes than bytes"));
    }
    let mut envelopes = Vec::with_capacity(count);
    let mut lengths = Vec::with_capacity(count);
    for _ in 0..count {
        let [length] = reader.array::<1>("the directory is cut short")?;
        let at = reader.at;
        let class = reader.take(usize::from(length), "a class name is cut short")?;
        let class = std::str::from_utf8(class).map_err(|_| Malformed { what: "a class not in UTF-8", at })?;
        if class.is_empty() {
            return Err(Malformed { what: "a class without a name", at });
        }
        let pseudonym = Pseudonym(reader.array("the directory is cut short")?);
        let nonce = reader.array("the directory is cut short")?;
        lengths.push(reader.u32("the directory is cut short")?);
        envelopes.push(Envelope { class, pseudonym, nonce, ciphertext: &[], tag: &[] });
    }
    Ok((envelopes, lengths))
}

fn check_holes(
    holes: &[[u8; HOLE_BYTES]],
    envelopes: usize,
    skeleton: usize,
) -> Result<(), (usize, &'static str)> {
    let mut before = 0;
    for (index, hole) in holes.iter().map(Hole::read).enumerate() {
        if hole.position < before || hole.position > skeleton {
            return Err((index, "a hole out of place"));
        }
        if hole.envelope >= envelopes {
            return Err((index, "a hole without its envelope"));
        }
        before = hole.position;
    }
    Ok(())
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, short: &'static str) -> Result<&'a [u8], Malformed> {
        let taken = self.bytes[self.at..].get(..length).ok_or(self.short(short))?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, short: &'static str) -> Result<[u8; N], Malformed> {
        let taken = self.bytes[self.at..].first_chunk::<N>().ok_or(self.short(short))?;
        self.at += N;
        Ok(*taken)
    }

    fn u32(&mut self, short: &'static str) -> Result<usize, Malformed> {
        Ok(u32::from_le_bytes(self.array(short)?) as usize)
    }

    fn short(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.at }
    }
}
