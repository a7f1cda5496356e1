//! Sealing: cut the fragments out, one envelope for each class and person.
//!
//! Everything is checked and measured before the first plaintext byte is copied, so that the output is allocated
//! once and encrypted in place: no plaintext is left behind in a buffer that grew.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::{fmt, ptr};

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use zeroize::Zeroize;

use crate::binding::Associated;
pub use crate::binding::Binding;
use crate::form::{ENTRY_BYTES, HEADER_BYTES, HOLE_BYTES, TAG_BYTES, VERSION};
use crate::keys::{PersonKey, Pseudonym};
use crate::random::{self, NONCE_BYTES};

/// A classified span of the data, in bytes. Fragments come in order and do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Where it begins.
    pub start: u32,
    /// Where it ends (exclusive).
    pub end: u32,
    /// Its class.
    pub class: &'a str,
    /// Whose it is: an index into the subjects.
    pub subject: u16,
    /// How a redaction looks. Kept as it is, means nothing to the seal.
    pub shape: u8,
}

/// A CloudEvents attribute that must not stand outside the seal.
#[derive(Clone, Copy)]
pub struct Attribute<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: &'a str,
    /// Its class.
    pub class: &'a str,
    /// Whose it is: an index into the subjects.
    pub subject: u16,
}

impl fmt::Debug for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attribute {{ name: {:?}, class: {:?}, .. }}", self.name, self.class)
    }
}

/// A person, or a topic's own key, that fragments are sealed under.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What they are called outside the seal.
    pub pseudonym: Pseudonym,
    /// Their key.
    pub key: &'a PersonKey,
}

/// Why nothing was sealed. The output is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealError {
    /// The fragment ends before it begins, begins before the one before it ends, or ends after the data.
    FragmentOutOfPlace {
        /// Its index.
        fragment: usize,
    },
    /// A fragment or attribute names a subject that is not among the subjects.
    NoSuchSubject {
        /// The subject it names.
        subject: u16,
    },
    /// A class or attribute name is empty or longer than 255 bytes.
    NameLength {
        /// How long it is.
        bytes: usize,
    },
    /// More than 65,535 envelopes, or more than 4 GiB.
    TooLarge,
    /// The random generator or the cipher failed; nothing may be sealed now.
    Cipher,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealError::FragmentOutOfPlace { fragment } => {
                write!(f, "fragment {fragment} overlaps the one before it or lies outside the data")
            }
            SealError::NoSuchSubject { subject } => write!(f, "there is no subject {subject} to seal under"),
            SealError::NameLength { bytes } => write!(f, "a name has 1 to 255 bytes, not {bytes}"),
            SealError::TooLarge => f.write_str("more than 65,535 envelopes or 4 GiB: split the event"),
            SealError::Cipher => f.write_str("the random generator or the cipher failed: nothing was sealed"),
        }
    }
}

impl std::error::Error for SealError {}

/// Appends the sealed form of `data` to `out`.
///
/// One envelope holds what is of one class and about one subject. A form without fragments and attributes has no
/// envelope, and then nothing in it is authenticated. Keys must be the subjects' own: this is not checked. Budget: 1.2 µs for 1 KiB with five fragments of two people.
pub fn seal(
    data: &[u8],
    fragments: &[Fragment<'_>],
    attributes: &[Attribute<'_>],
    binding: &Binding<'_>,
    subjects: &[Subject<'_>],
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    let job = Job { data, fragments, attributes, subjects };
    WORKSPACE.with_borrow_mut(|Workspace { plan, associated }| {
        job.plan(plan)?;
        let start = out.len();
        out.reserve_exact(plan.total);
        let sealed = job.write(plan, binding, associated, out);
        if sealed.is_err() {
            out[start..].zeroize();
            out.truncate(start);
        }
        associated.shrink(WORKSPACE_BYTES);
        sealed
    })
}

/// What a thread keeps of the workspace for public bytes after a large event.
const WORKSPACE_BYTES: usize = 64 * 1024;

/// What sealing needs besides its output; kept, because allocating it anew for each event costs about 200 ns. Holds
/// numbers and public bytes, never plaintext.
#[derive(Default)]
struct Workspace {
    plan: Plan,
    associated: Associated,
}

thread_local! {
    // Owned by its thread; borrowed for one call, which calls nobody back.
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

struct Job<'a> {
    data: &'a [u8],
    fragments: &'a [Fragment<'a>],
    attributes: &'a [Attribute<'a>],
    subjects: &'a [Subject<'a>],
}

/// What goes where, before anything is written.
#[derive(Default)]
struct Plan {
    /// Fragments, then attributes (numbered on), sorted by subject, class and number.
    order: Vec<u32>,
    envelopes: Vec<Planned>,
    /// The envelope of each fragment.
    envelope_of: Vec<u16>,
    skeleton: usize,
    total: usize,
}

struct Planned {
    /// Its items in `order`.
    items: std::ops::Range<usize>,
    subject: u16,
    plaintext: usize,
    nonce: [u8; NONCE_BYTES],
}

enum Item<'a> {
    Fragment(&'a Fragment<'a>),
    Attribute(&'a Attribute<'a>),
}

impl<'a> Job<'a> {
    fn item(&self, number: u32) -> Item<'a> {
        let number = number as usize;
        match number.checked_sub(self.fragments.len()) {
            None => Item::Fragment(&self.fragments[number]),
            Some(number) => Item::Attribute(&self.attributes[number]),
        }
    }

    fn owner(&self, number: u32) -> (u16, &'a str) {
        match self.item(number) {
            Item::Fragment(fragment) => (fragment.subject, fragment.class),
            Item::Attribute(attribute) => (attribute.subject, attribute.class),
        }
    }

    /// The order of envelopes: by subject, then by class. Classes of one contract are mostly one and the same text.
    fn compare(&self, a: u32, b: u32) -> Ordering {
        let ((subject, class), (other, other_class)) = (self.owner(a), self.owner(b));
        subject.cmp(&other).then_with(|| match ptr::eq(class, other_class) {
            true => Ordering::Equal,
            false => class.cmp(other_class),
        })
    }

    /// Writes a plan over an older one.
    fn plan(&self, plan: &mut Plan) -> Result<(), SealError> {
        let Plan { order, envelopes, envelope_of, skeleton, total } = plan;
        let cut = self.check()?;
        let items =
            u32::try_from(self.fragments.len() + self.attributes.len()).map_err(|_| SealError::TooLarge)?;
        order.clear();
        order.extend(0..items);
        // Most often all is of one class and about one person, and stands in order already.
        if !order.is_sorted_by(|&a, &b| self.compare(a, b).is_le()) {
            order.sort_unstable_by(|&a, &b| self.compare(a, b).then(a.cmp(&b)));
        }
        envelope_of.clear();
        envelope_of.resize(self.fragments.len(), 0);
        envelopes.clear();
        *skeleton = self.data.len() - cut;
        *total = HEADER_BYTES + HOLE_BYTES * self.fragments.len() + *skeleton;
        let mut at = 0;
        for run in order.chunk_by(|&a, &b| self.compare(a, b).is_eq()) {
            let index = u16::try_from(envelopes.len()).map_err(|_| SealError::TooLarge)?;
            for &number in run {
                // Attributes are numbered after the fragments and leave no hole.
                if let Some(envelope) = envelope_of.get_mut(number as usize) {
                    *envelope = index;
                }
            }
            let plaintext = run.iter().map(|&number| self.plaintext_length(number)).sum();
            let nonce = random::nonce().map_err(|_| SealError::Cipher)?;
            let (subject, class) = self.owner(run[0]);
            envelopes.push(Planned { items: at..at + run.len(), subject, plaintext, nonce });
            *total += ENTRY_BYTES + class.len() + plaintext + TAG_BYTES;
            at += run.len();
        }
        if envelopes.len() > usize::from(u16::MAX) {
            return Err(SealError::TooLarge);
        }
        u32::try_from(*total).map(|_| ()).map_err(|_| SealError::TooLarge)
    }

    /// Checks every item; how many bytes are cut out.
    fn check(&self) -> Result<usize, SealError> {
        let (mut before, mut cut) = (0, 0);
        for (index, fragment) in self.fragments.iter().enumerate() {
            let (start, end) = (fragment.start as usize, fragment.end as usize);
            if start < before || end < start || end > self.data.len() {
                return Err(SealError::FragmentOutOfPlace { fragment: index });
            }
            before = end;
            cut += end - start;
            self.check_owner(fragment.subject, fragment.class)?;
        }
        for attribute in self.attributes {
            check_name(attribute.name)?;
            self.check_owner(attribute.subject, attribute.class)?;
        }
        Ok(cut)
    }

    fn check_owner(&self, subject: u16, class: &str) -> Result<(), SealError> {
        if usize::from(subject) >= self.subjects.len() {
            return Err(SealError::NoSuchSubject { subject });
        }
        check_name(class)
    }

    fn plaintext_length(&self, number: u32) -> usize {
        match self.item(number) {
            Item::Fragment(fragment) => 4 + (fragment.end - fragment.start) as usize,
            Item::Attribute(attribute) => 1 + attribute.name.len() + 4 + attribute.value.len(),
        }
    }

    fn write(
        &self,
        plan: &Plan,
        binding: &Binding<'_>,
        associated: &mut Associated,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let start = out.len();
        self.write_public(plan, out)?;
        associated.bind(binding, &out[start..], plan.envelopes.len());
        let mut index = 0;
        // A person's envelopes stand together, so that their cipher is made ready once.
        for of_one in plan.envelopes.chunk_by(|a, b| a.subject == b.subject) {
            let cipher = self.subjects[usize::from(of_one[0].subject)].key.sealing();
            for envelope in of_one {
                self.write_envelope(plan, envelope, &cipher, associated.of_envelope(index), out)?;
                index += 1;
            }
        }
        Ok(())
    }

    fn write_public(&self, plan: &Plan, out: &mut Vec<u8>) -> Result<(), SealError> {
        out.push(VERSION);
        let envelopes = u16::try_from(plan.envelopes.len()).map_err(|_| SealError::TooLarge)?;
        out.extend_from_slice(&envelopes.to_le_bytes());
        put_length(self.fragments.len(), out)?;
        put_length(plan.skeleton, out)?;
        for envelope in &plan.envelopes {
            let (subject, class) = self.owner(plan.order[envelope.items.start]);
            put_name(class, out)?;
            out.extend_from_slice(&self.subjects[usize::from(subject)].pseudonym.0);
            out.extend_from_slice(&envelope.nonce);
            put_length(envelope.plaintext, out)?;
        }
        let mut cut = 0;
        for (fragment, envelope) in self.fragments.iter().zip(&plan.envelope_of) {
            out.extend_from_slice(&(fragment.start - cut).to_le_bytes());
            out.extend_from_slice(&envelope.to_le_bytes());
            out.push(fragment.shape);
            cut += fragment.end - fragment.start;
        }
        let mut from = 0;
        for fragment in self.fragments {
            out.extend_from_slice(&self.data[from..fragment.start as usize]);
            from = fragment.end as usize;
        }
        out.extend_from_slice(&self.data[from..]);
        Ok(())
    }

    fn write_envelope(
        &self,
        plan: &Plan,
        envelope: &Planned,
        cipher: &LessSafeKey,
        associated: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let start = out.len();
        for &number in &plan.order[envelope.items.clone()] {
            match self.item(number) {
                Item::Fragment(fragment) => {
                    put_length((fragment.end - fragment.start) as usize, out)?;
                    out.extend_from_slice(&self.data[fragment.start as usize..fragment.end as usize]);
                }
                Item::Attribute(attribute) => {
                    put_name(attribute.name, out)?;
                    put_length(attribute.value.len(), out)?;
                    out.extend_from_slice(attribute.value.as_bytes());
                }
            }
        }
        let nonce = Nonce::assume_unique_for_key(envelope.nonce);
        let tag = cipher
            .seal_in_place_separate_tag(nonce, Aad::from(associated), &mut out[start..])
            .map_err(|_| SealError::Cipher)?;
        out.extend_from_slice(tag.as_ref());
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), SealError> {
    if name.is_empty() || name.len() > usize::from(u8::MAX) {
        return Err(SealError::NameLength { bytes: name.len() });
    }
    Ok(())
}

fn put_name(name: &str, out: &mut Vec<u8>) -> Result<(), SealError> {
    out.push(u8::try_from(name.len()).map_err(|_| SealError::NameLength { bytes: name.len() })?);
    out.extend_from_slice(name.as_bytes());
    Ok(())
}

fn put_length(length: usize, out: &mut Vec<u8>) -> Result<(), SealError> {
    out.extend_from_slice(&u32::try_from(length).map_err(|_| SealError::TooLarge)?.to_le_bytes());
    Ok(())
}
