//! Opening: splice the exact bytes back for who is cleared, leave the rest out, or hand it to whoever shows it in another form.
//!
//! Every envelope that is needed is decrypted and verified before the first piece is handed over: a tampered form reveals
//! nothing. Plaintext lives in buffers that are zeroised when `reveal` returns.

use std::borrow::Borrow;
use std::fmt;

use aws_lc_rs::aead::{Aad, Nonce};
use zeroize::Zeroizing;

use crate::binding::{Associated, Binding};
use crate::form::{Envelope, Hole, Malformed, SealedForm};
use crate::keys::{PersonKey, Pseudonym};

/// What a reader may have of an envelope.
#[derive(Debug, Clone, Copy)]
pub enum Access {
    /// All of it.
    Opened,
    /// Not what it holds, but something made of the fragments for whose shape this says so. It is decrypted only if
    /// it has one.
    Veiled(fn(u8) -> bool),
    /// Nothing.
    LeftOut,
}

impl From<bool> for Access {
    /// All or nothing.
    fn from(cleared: bool) -> Self {
        if cleared { Access::Opened } else { Access::LeftOut }
    }
}

impl Access {
    /// Whether the envelope must be decrypted.
    fn is_needed(self) -> bool {
        !matches!(self, Access::LeftOut)
    }

    /// Whether something is made of a fragment of this shape.
    fn shows(self, shape: u8) -> bool {
        matches!(self, Access::Veiled(shows) if shows(shape))
    }
}

/// A part of the document, in order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes that were never sealed.
    Text(&'a [u8]),
    /// Bytes of a fragment that the reader is cleared for.
    Opened(&'a [u8]),
    /// A fragment that the reader is not cleared for, of which something else is shown.
    Veiled {
        /// Its bytes. They must not reach the reader.
        bytes: &'a [u8],
        /// Its shape.
        shape: u8,
        /// Whose it is.
        pseudonym: Pseudonym,
    },
    /// A fragment that the reader is not cleared for, with its shape.
    LeftOut(u8),
}

impl fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Piece::Text(bytes) => write!(f, "Text({} bytes)", bytes.len()),
            Piece::Opened(bytes) => write!(f, "Opened({} bytes)", bytes.len()),
            Piece::Veiled { bytes, shape, .. } => write!(f, "Veiled({} bytes, {shape})", bytes.len()),
            Piece::LeftOut(shape) => write!(f, "LeftOut({shape})"),
        }
    }
}

/// What a reader got and did not get: what a disclosure records.
pub struct Revealed<'a> {
    /// The attributes that were under the seal, by name. Values are zeroised on drop.
    pub attributes: Vec<(String, Zeroizing<String>)>,
    /// The classes that were opened, each once.
    pub opened: Vec<&'a str>,
    /// The classes of which something was shown otherwise, each once.
    pub veiled: Vec<&'a str>,
    /// The classes of which something was not opened, each once. A class can be in both, for different people.
    pub left_out: Vec<&'a str>,
    /// The people about whom something was opened, each once, in order.
    pub about: Vec<Pseudonym>,
}

impl fmt::Debug for Revealed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revealed")
            .field("opened", &self.opened)
            .field("veiled", &self.veiled)
            .field("left_out", &self.left_out)
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

/// Why nothing was revealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenError {
    /// The key is gone. To hand over the rest of the event, reveal it again without clearing this pseudonym.
    Erased {
        /// Whose key.
        pseudonym: Pseudonym,
    },
    /// The form was altered, was moved here from another event, or its person's key is another.
    Tampered {
        /// The class of the first envelope that did not verify.
        class: String,
    },
    /// An envelope verified, and what it holds does not fill the form's holes.
    Malformed(Malformed),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Erased { pseudonym } => {
                write!(f, "the key of {pseudonym} was destroyed: the person was erased")
            }
            OpenError::Tampered { class } => write!(
                f,
                "the sealed {class} fields do not verify: the event was altered, moved, or sealed under another key"
            ),
            OpenError::Malformed(malformed) => malformed.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl<'a> SealedForm<'a> {
    /// Hands the document to `visit`, piece by piece and in order.
    ///
    /// `access` says what the reader may have of a class about a person; by person too, because consent is theirs.
    /// `key_of` is asked once for each envelope that is decrypted; `None` means that the person was erased. A key that cannot
    /// be had *now* is not an erased one: find that out before, or from the closure afterwards.
    ///
    /// A reader for whom no envelope is opened gets pieces that nothing has authenticated.
    pub fn reveal<K: Borrow<PersonKey>>(
        &self,
        binding: &Binding<'_>,
        access: &dyn Fn(&str, &Pseudonym) -> Access,
        key_of: &mut dyn FnMut(&Pseudonym) -> Option<K>,
        visit: &mut dyn FnMut(Piece<'_>),
    ) -> Result<Revealed<'a>, OpenError> {
        let mut revealed = Revealed {
            attributes: Vec::new(),
            opened: Vec::new(),
            veiled: Vec::new(),
            left_out: Vec::new(),
            about: Vec::new(),
        };
        let mut associated = None;
        let access = self.needed(access);
        // One buffer for all plaintexts; no larger than the form.
        let needed = self.envelopes.iter().zip(&access).filter(|(_, access)| access.is_needed());
        let mut buffer = Zeroizing::new(vec![0; needed.map(|(envelope, _)| envelope.ciphertext.len()).sum()]);
        let mut free = &mut buffer[..];
        let mut rests: Vec<Option<&[u8]>> = Vec::with_capacity(self.envelopes.len());
        for ((index, envelope), access) in (0u16..).zip(&self.envelopes).zip(&access) {
            let classes = match access {
                Access::Opened => &mut revealed.opened,
                Access::Veiled(_) => &mut revealed.veiled,
                Access::LeftOut => &mut revealed.left_out,
            };
            add(classes, envelope.class);
            if !access.is_needed() {
                rests.push(None);
                continue;
            }
            let pseudonym = envelope.pseudonym;
            let key = key_of(&pseudonym).ok_or(OpenError::Erased { pseudonym })?;
            let associated: &mut Associated = associated.get_or_insert_with(|| self.associated(binding));
            let (plaintext, after) = std::mem::take(&mut free).split_at_mut(envelope.ciphertext.len());
            free = after;
            open(envelope, key.borrow(), associated.of_envelope(index), plaintext)?;
            rests.push(Some(plaintext));
            match access {
                Access::Opened => revealed.about.push(pseudonym),
                _ => add(&mut revealed.left_out, envelope.class),
            }
        }
        revealed.about.sort_unstable();
        revealed.about.dedup();
        let pieces = self.pieces(&access, &mut rests)?;
        let opened = rests.into_iter().zip(access).filter(|(_, access)| matches!(access, Access::Opened));
        for rest in opened.filter_map(|(rest, _)| rest) {
            take_attributes(rest, &mut revealed.attributes).ok_or_else(|| self.unfilled())?;
        }
        pieces.into_iter().for_each(visit);
        Ok(revealed)
    }

    /// What the reader may have of each envelope; nothing is veiled that has no fragment which asks for it.
    fn needed(&self, access: &dyn Fn(&str, &Pseudonym) -> Access) -> Vec<Access> {
        let access = self.envelopes.iter().map(|envelope| access(envelope.class, &envelope.pseudonym));
        let mut access: Vec<Access> = access.collect();
        if access.iter().any(|access| matches!(access, Access::Veiled(_))) {
            let mut asked = vec![false; access.len()];
            for hole in self.holes.iter().map(Hole::read) {
                asked[hole.envelope] |= access[hole.envelope].shows(hole.shape);
            }
            let veiled = access.iter_mut().zip(asked);
            for (access, _) in veiled.filter(|(it, asked)| matches!(it, Access::Veiled(_)) && !asked) {
                *access = Access::LeftOut;
            }
        }
        access
    }

    fn associated(&self, binding: &Binding<'_>) -> Associated {
        let mut associated = Associated::default();
        associated.bind(binding, self.public, self.envelopes.len());
        associated
    }

    /// Fills the holes from the envelopes that were decrypted, of which `rests` keeps what is left.
    fn pieces<'p>(
        &self,
        access: &[Access],
        rests: &mut [Option<&'p [u8]>],
    ) -> Result<Vec<Piece<'p>>, OpenError>
    where
        'a: 'p,
    {
        let mut pieces = Vec::with_capacity(2 * self.holes.len() + 1);
        let mut from = 0;
        for hole in self.holes.iter().map(Hole::read) {
            if hole.position > from {
                pieces.push(Piece::Text(&self.skeleton[from..hole.position]));
                from = hole.position;
            }
            pieces.push(match &mut rests[hole.envelope] {
                None => Piece::LeftOut(hole.shape),
                Some(rest) => {
                    let bytes = take_long(rest).ok_or_else(|| self.unfilled())?;
                    let (shape, pseudonym) = (hole.shape, self.envelopes[hole.envelope].pseudonym);
                    match access[hole.envelope] {
                        Access::Opened => Piece::Opened(bytes),
                        access if access.shows(shape) => Piece::Veiled { bytes, shape, pseudonym },
                        _ => Piece::LeftOut(shape),
                    }
                }
            });
        }
        if from < self.skeleton.len() {
            pieces.push(Piece::Text(&self.skeleton[from..]));
        }
        Ok(pieces)
    }

    fn unfilled(&self) -> OpenError {
        OpenError::Malformed(Malformed {
            what: "an envelope that does not fill its holes",
            at: self.public.len(),
        })
    }
}

fn open(
    envelope: &Envelope<'_>,
    key: &PersonKey,
    associated: &[u8],
    plaintext: &mut [u8],
) -> Result<(), OpenError> {
    let nonce = Nonce::assume_unique_for_key(envelope.nonce);
    key.sealing()
        .open_separate_gather(nonce, Aad::from(associated), envelope.ciphertext, envelope.tag, plaintext)
        .map_err(|_| OpenError::Tampered { class: envelope.class.to_owned() })
}

/// What follows the fragments in an envelope; `None` when it is not whole.
fn take_attributes(mut rest: &[u8], attributes: &mut Vec<(String, Zeroizing<String>)>) -> Option<()> {
    while let Some((&length, after)) = rest.split_first() {
        let (name, after) = after.split_at_checked(usize::from(length))?;
        rest = after;
        let value = std::str::from_utf8(take_long(&mut rest)?).ok()?;
        attributes.push((std::str::from_utf8(name).ok()?.to_owned(), Zeroizing::new(value.to_owned())));
    }
    Some(())
}

/// Bytes preceded by their length as u32.
fn take_long<'p>(rest: &mut &'p [u8]) -> Option<&'p [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (taken, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(taken)
}

fn add<'a>(classes: &mut Vec<&'a str>, class: &'a str) {
    if !classes.contains(&class) {
        classes.push(class);
    }
}
