//! Where a value belongs: what it is bound to, so that nobody can move it.

/// The event and the place in it. The contract's version is not part of it: who is served by an earlier version opens the
/// same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The event's `source`.
    pub source: &'a str,
    /// The event's `id`.
    pub id: &'a str,
    /// The value's place in the event's data, a JSON pointer (RFC 6901).
    pub pointer: &'a str,
}

/// Says which rules the rest follows: nothing else that HPKE is used for begins so.
const LABEL: &[u8] = b"chancery end-to-end 1";

impl Context<'_> {
    /// The context as bytes, never the same for two: each part behind its length.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = LABEL.to_vec();
        for part in [self.topic, self.source, self.id, self.pointer] {
            bytes.extend((part.len() as u32).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes
    }
}
