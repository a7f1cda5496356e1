//! Values that hold no others: read from the bytes, and held against their logical types.

use super::cursor::{Cursor, Damage};
use super::logical::{self, Rule};
use super::schema::Kind;
use crate::formats::persons::Found;

/// A value that holds no other.
pub(super) fn read<'d>(cursor: &mut Cursor<'d>, kind: &'d Kind) -> Result<Found<'d>, Damage> {
    Ok(match kind {
        Kind::String => Found::Text(cursor.text()?),
        Kind::Int => Found::Long(cursor.int()?),
        Kind::Long => Found::Long(cursor.long()?),
        Kind::Boolean => match cursor.take(1)? {
            [0] => Found::Boolean(false),
            [1] => Found::Boolean(true),
            _ => return Err(Damage::NotBoolean),
        },
        Kind::Enum(symbols) => {
            let index = cursor.int()?;
            let symbol = usize::try_from(index).ok().and_then(|index| symbols.get(index));
            Found::Text(symbol.ok_or(Damage::NoSymbol(index))?)
        }
        Kind::Float => Found::Float(f32::from_le_bytes(cursor.array()?)),
        Kind::Double => Found::Double(f64::from_le_bytes(cursor.array()?)),
        Kind::Fixed(size) => Found::Bytes(cursor.take(*size)?),
        Kind::Bytes => Found::Bytes(cursor.bytes()?),
        Kind::Null | Kind::Record(_) | Kind::Array(_) | Kind::Map(_) | Kind::Union(_) => Found::Bytes(&[]),
    })
}

/// Whether a value keeps its logical type's rule.
pub(super) fn keeps(rule: &Rule, found: Found<'_>) -> bool {
    match (rule, found) {
        (Rule::Between { least, most, .. }, Found::Long(number)) => (*least..=*most).contains(&number),
        (Rule::Uuid, Found::Text(text)) => logical::is_uuid(text.as_bytes()),
        (Rule::Decimal(digits), Found::Bytes(bytes)) => digits.admit(bytes),
        _ => false,
    }
}
