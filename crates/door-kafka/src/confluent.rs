//! The wire format of Confluent's serializers: which schema a value follows, told before the value (magic byte 0 and the
//! id) or in a header (magic byte 1 and the GUID). For Protocol Buffers the place of the message in its file follows.

use bus::{Framing, SchemaId};
use bytes::Bytes;
use contract::Format;
use uuid::Uuid;

/// The header that names a value's schema.
pub const VALUE_HEADER: &str = "__value_schema_id";

const BY_ID: u8 = 0;
const BY_GUID: u8 = 1;

/// The place of a file's first message, which is a contract's: short for "one step, to 0".
const FIRST_MESSAGE: u8 = 0;

/// A name before a value: the framing, and how many bytes it takes.
pub fn prefix(value: &[u8]) -> Option<(Framing, usize)> {
    let (magic, rest) = value.split_first()?;
    let id = rest.first_chunk::<4>().filter(|_| *magic == BY_ID)?;
    Some((Framing::Id(SchemaId(u32::from_be_bytes(*id))), 5))
}

/// A name in a header.
pub fn header(value: &[u8]) -> Option<(Framing, usize)> {
    let (magic, rest) = value.split_first()?;
    let guid = rest.first_chunk::<16>().filter(|_| *magic == BY_GUID)?;
    Some((Framing::Guid(Uuid::from_bytes(*guid)), 17))
}

/// The bytes that say which message of its file follows. `None`: not the first, or nothing that reads.
pub fn message_steps(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [FIRST_MESSAGE, ..] => Some(1),
        // The long form: one step (zigzag 2), to 0.
        [2, 0, ..] => Some(2),
        _ => None,
    }
}

/// The document under a framing of `taken` bytes.
pub fn document(value: &Bytes, taken: usize, format: Format) -> Option<Bytes> {
    let steps = if format == Format::Protobuf { message_steps(&value[taken..])? } else { 0 };
    Some(value.slice(taken + steps..))
}

/// What stands before a document, or in the header.
pub fn written(framing: Framing, format: Format) -> Vec<u8> {
    let mut out = Vec::with_capacity(18);
    match framing {
        Framing::Id(id) => {
            out.push(BY_ID);
            out.extend_from_slice(&id.0.to_be_bytes());
        }
        Framing::Guid(guid) => {
            out.push(BY_GUID);
            out.extend_from_slice(guid.as_bytes());
        }
    }
    if format == Format::Protobuf {
        out.push(FIRST_MESSAGE);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_as_it_was() {
        let framings = [(Framing::Id(SchemaId(1 << 30 | 7)), 5), (Framing::Guid(Uuid::from_u128(7)), 17)];
        for (framing, taken) in framings {
            for format in [Format::JsonSchema, Format::Avro, Format::Protobuf] {
                let mut bytes = written(framing, format);
                bytes.extend_from_slice(b"document");
                let found = prefix(&bytes).or_else(|| header(&bytes));
                assert_eq!(found, Some((framing, taken)));
                assert_eq!(document(&Bytes::from(bytes), taken, format).as_deref(), Some(&b"document"[..]));
            }
        }
    }

    #[test]
    fn what_is_no_framing_is_none() {
        assert_eq!(prefix(b"{}"), None);
        assert_eq!(prefix(&[0, 0, 0, 1]), None);
        assert_eq!(header(&[1; 16]), None);
        assert_eq!(header(&[0; 17]), None);
        assert_eq!(document(&Bytes::from_static(&[0, 0, 0, 0, 1, 4, 1, 2, 9]), 5, Format::Protobuf), None);
        assert_eq!(document(&Bytes::from_static(&[0, 0, 0, 0, 1]), 5, Format::Protobuf), None);
    }
}
