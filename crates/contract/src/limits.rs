//! What one document may cost, with the reason beside each bound.

/// Bounds that [`Document::parse`](crate::document::Document::parse) keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest text, in bytes.
    pub document_bytes: usize,
    /// Deepest nesting of objects and arrays.
    pub depth: usize,
}

/// 1 MiB: what Kafka's `max.message.bytes` allows by default, so that every door carries the same events.
pub const DOCUMENT_BYTES: usize = 1 << 20;

/// Deeper data is a mistake or an attack: validators and consumers recurse over it.
pub const DEPTH: usize = 64;

/// The parser recurses; whatever limit is asked for, this much stack is safe in a 2 MiB thread.
pub const DEPTH_CEILING: usize = 512;

/// Spans count bytes in 32 bits.
pub const DOCUMENT_BYTES_CEILING: usize = u32::MAX as usize - 1;

/// Up to here a new key is compared with each earlier one (a few cached words); above, a hash set decides.
pub(crate) const KEYS_COMPARED_IN_PAIRS: usize = 32;

/// Data subjects that one event may be about: each costs a key look-up in the seal.
pub const SUBJECTS: usize = 4096;

/// Longest identifier of a data subject, in bytes; identifiers are names of keys, not documents.
pub const SUBJECT_BYTES: usize = 512;

/// A producer repairs the first mistakes first; more would only repeat data back to it.
pub const VIOLATIONS: usize = 10;

/// Most findings of one kind of personal data that are told of one document; of another kind there are as many.
pub const LEAKS: usize = 8;

/// Most sealed classes of one contract: ids of its redacted schemas have a bit for each.
pub const SEALED_CLASSES: usize = 11;

/// Steps of one migration: each is taken for each event of each reader that is carried.
pub const MIGRATION_STEPS: usize = 100;

/// Sealed classes up to which a migration is tried for every clearance that there can be: sixteen of them.
pub(crate) const REHEARSED_CLASSES: usize = 4;

/// Nodes of a contract's classification: far above any real schema, low enough that none explodes in memory.
pub(crate) const PLAN_NODES: usize = 50_000;

/// Items of an Avro document's arrays that may take no bytes: a count of a few bytes must not cost work without end.
pub(crate) const EMPTY_ITEMS: usize = 1024;

/// How deep types may lead into others, each by its own name: what reads schemas recurses over them, and documents end
/// at [`DEPTH`].
pub(crate) const TYPE_DEPTH: usize = 4 * DEPTH;

/// Characters of an undeclared member's name that a violation repeats: enough to recognise a typing mistake.
pub(crate) const SHOWN_NAME_CHARS: usize = 40;

/// Characters of a public value, or of an enumeration, that a violation repeats.
pub(crate) const SHOWN_VALUE_CHARS: usize = 120;

/// Longest `id`, `source`, `type`, `subject`, `dataschema` or `datacontenttype`, in bytes. CloudEvents asks
/// intermediaries to carry events of 64 KiB with all attributes; these are kept in memory for deduplication.
pub const ATTRIBUTE_BYTES: usize = 1024;

/// Longest value of an extension attribute, in bytes.
pub const EXTENSION_BYTES: usize = 4096;

/// Extension attributes of one event.
pub const EXTENSIONS: usize = 32;

/// Events of one batch; beyond them reading stops, so that a long list of nothing costs no memory.
pub const BATCH_EVENTS: usize = 10_000;

/// CloudEvents 1.0, section 3: names SHOULD NOT exceed 20 characters.
pub const EXTENSION_NAME_CHARS: usize = 20;

const _: () = assert!(DEPTH <= DEPTH_CEILING && DOCUMENT_BYTES <= DOCUMENT_BYTES_CEILING);
const _: () = assert!(SUBJECTS < u16::MAX as usize, "u16::MAX means the topic itself");

impl Default for Limits {
    fn default() -> Self {
        Self { document_bytes: DOCUMENT_BYTES, depth: DEPTH }
    }
}
