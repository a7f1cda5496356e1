//! The offline bundle: one file of JSON lines that a regulator can verify with nothing but the public key.
//!
//! A header line comes first. The lines of one lane are in the order of its leaves; lanes may alternate. Whoever
//! exports writes [`Line`]s; [`crate::verify()`] reads them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::tree::Hash;

/// The format that is written and read.
pub const FORMAT: &str = "chancery-audit-bundle/1";
/// The longest line that is read. A leaf's line is far below it; event hashes are split over several lines.
pub const MAX_LINE_BYTES: usize = 1 << 20;
/// Event hashes that fit into a line.
pub const HASHES_PER_LINE: usize = 10_000;

const _: () = assert!(HASHES_PER_LINE * 67 < MAX_LINE_BYTES - 1000);

/// One line of a bundle, `{"line": …, …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Line<'a> {
    /// The first line.
    Header(Header),
    /// A leaf.
    Leaf(Leaf<'a>),
    /// Hashes of the events of the publication whose leaf came last in its lane.
    Hashes(EventHashes<'a>),
    /// A proof that a lane's tree extends an earlier one.
    Consistency(Consistency<'a>),
}

/// What the bundle is and what its lanes' trees are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// The bus.
    pub bus: String,
    /// When it was exported, RFC 3339.
    pub exported_at: String,
    /// Its lanes.
    pub lanes: Vec<Lane>,
}

/// One lane's tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The lane's name, as leaves and entries have it.
    pub lane: String,
    /// The checkpoint's origin, `<bus>/<lane>`.
    pub origin: String,
    /// The signed checkpoint of the tree that the leaves end at.
    pub checkpoint: String,
    /// The index of the first leaf in the bundle.
    pub start: u64,
    /// The compact range of the leaves before it: the roots of full subtrees, largest first.
    pub frontier: Vec<Hash>,
}

/// A leaf with its exact bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf<'a> {
    /// Its lane's name.
    pub lane: Cow<'a, str>,
    /// Its index in the tree.
    pub index: u64,
    /// Its bytes: entries are UTF-8, so that the string is exact.
    pub entry: Cow<'a, str>,
}

/// The leaf hashes of a publication's sealed events, in the order of its ranges. Optional; several lines may follow
/// one another for one publication, and then all its hashes must come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventHashes<'a> {
    /// The lane's name.
    pub lane: Cow<'a, str>,
    /// The index of the publication's leaf.
    pub index: u64,
    /// The hashes.
    pub hashes: Cow<'a, [Hash]>,
}

/// A consistency proof, RFC 9162 section 2.1.4. Needed only where the earlier tree is smaller than the lane's start:
/// otherwise the leaves themselves prove it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consistency<'a> {
    /// The lane's name.
    pub lane: Cow<'a, str>,
    /// The size of the earlier tree.
    pub old_size: u64,
    /// The proof from there to the lane's checkpoint.
    pub proof: Cow<'a, [Hash]>,
}

impl Line<'_> {
    /// Appends the line with its newline.
    pub fn write(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(&mut *out, self).expect("texts and numbers into memory");
        out.push(b'\n');
    }
}
