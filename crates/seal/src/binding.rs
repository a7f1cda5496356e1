//! What ties a sealed form to its event: the associated data of every envelope.

use aws_lc_rs::digest::{SHA256, digest};

/// The event that a sealed form belongs to. A form opens only under the binding it was sealed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The CloudEvents `source`.
    pub source: &'a str,
    /// The CloudEvents `id`.
    pub id: &'a str,
    /// The version of the contract that classified the fields.
    pub contract_version: u32,
}

const LABEL: &[u8] = b"chancery/sealed-form/1";

/// Up to this many envelopes the public part goes into each envelope's associated data as it is, because GHASH runs
/// at a fraction of SHA-256's cost per byte; above, its SHA-256 does, which bounds the cost of a form with many
/// people. Part of the format.
pub(crate) const WHOLE_UP_TO_ENVELOPES: usize = 6;

/// The associated data of a form's envelopes. It holds the whole public part (version, directory, holes, skeleton)
/// or its digest, so that nothing in it can be altered or rearranged unseen by a reader who opens an envelope.
#[derive(Default)]
pub(crate) struct Associated {
    bytes: Vec<u8>,
}

impl Associated {
    /// Prepares for the envelopes of one form.
    pub(crate) fn bind(&mut self, binding: &Binding<'_>, public: &[u8], envelopes: usize) {
        let texts = binding.topic.len() + binding.source.len() + binding.id.len();
        let bytes = &mut self.bytes;
        bytes.clear();
        bytes.reserve(LABEL.len() + 3 * 8 + texts + 4 + 1 + public.len().max(32) + 2);
        bytes.extend_from_slice(LABEL);
        for text in [binding.topic, binding.source, binding.id] {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.extend_from_slice(&binding.contract_version.to_le_bytes());
        if envelopes <= WHOLE_UP_TO_ENVELOPES {
            bytes.push(0);
            bytes.extend_from_slice(public);
        } else {
            bytes.push(1);
            bytes.extend_from_slice(digest(&SHA256, public).as_ref());
        }
        bytes.extend_from_slice(&[0; 2]);
    }

    /// The associated data of the envelope at `index` of the directory, which names its class and pseudonym.
    pub(crate) fn of_envelope(&mut self, index: u16) -> &[u8] {
        let at = self.bytes.len() - 2;
        self.bytes[at..].copy_from_slice(&index.to_le_bytes());
        &self.bytes
    }

    /// Gives back memory that one large form needed.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(bytes);
    }
}
