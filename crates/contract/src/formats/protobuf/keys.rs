//! The keys of maps' entries: readers differ in which of two entries with one key they take.

use super::schema::Scalar;
use crate::formats::persons::Found;

/// The key of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// The map, by its index among the message's fields.
    pub(super) field: u32,
    pub(super) of: KeyOf,
}

/// A key's value, however it was written.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyOf {
    Number(u64),
    /// First byte and one past the last.
    Text(u32, u32),
}

impl KeyOf {
    /// The key that was read up to `end`.
    pub(super) fn new(found: Found<'_>, end: usize) -> Self {
        match found {
            Found::Text(text) => KeyOf::Text((end - text.len()) as u32, end as u32),
            Found::Long(number) => KeyOf::Number(number as u64),
            Found::Unsigned(number) => KeyOf::Number(number),
            Found::Boolean(value) => KeyOf::Number(value.into()),
            // No map has such keys.
            Found::Float(_) | Found::Double(_) | Found::Bytes(_) => KeyOf::Number(u64::MAX),
        }
    }

    /// The key of an entry that says none.
    pub(super) fn absent(of: Scalar) -> Self {
        if of == Scalar::String { KeyOf::Text(0, 0) } else { KeyOf::Number(0) }
    }
}

/// The map that has the same key twice, of those of one message.
pub(super) fn twice(keys: &mut [Key], data: &[u8]) -> Option<u32> {
    let value = |key: &Key| match key.of {
        KeyOf::Text(start, end) => (key.field, 0, &data[start as usize..end as usize]),
        KeyOf::Number(number) => (key.field, number, &[][..]),
    };
    keys.sort_unstable_by(|one, other| value(one).cmp(&value(other)));
    keys.windows(2).find(|pair| value(&pair[0]) == value(&pair[1])).map(|pair| pair[0].field)
}
