//! Values that are no messages, read from the bytes. A number that its type cannot hold is refused: readers would cut it,
//! and see another than was checked.

use super::cursor::{Cursor, Damage, Wire};
use super::schema::{Field, Kind, Scalar};
use crate::formats::persons::Found;

/// How one value of a field is encoded.
pub(super) fn wire(field: &Field) -> Wire {
    match &field.kind {
        Kind::Message(_) => Wire::Length,
        Kind::Enum(_) => Wire::Varint,
        Kind::Scalar(scalar) => wire_of(*scalar),
    }
}

/// How a scalar is encoded.
pub(super) fn wire_of(scalar: Scalar) -> Wire {
    match scalar {
        Scalar::Bool
        | Scalar::Int32
        | Scalar::Int64
        | Scalar::Uint32
        | Scalar::Uint64
        | Scalar::Sint32
        | Scalar::Sint64 => Wire::Varint,
        Scalar::Fixed32 | Scalar::Sfixed32 | Scalar::Float => Wire::Fixed32,
        Scalar::Fixed64 | Scalar::Sfixed64 | Scalar::Double => Wire::Fixed64,
        Scalar::String | Scalar::Bytes => Wire::Length,
    }
}

/// One value.
pub(super) fn read<'d>(cursor: &mut Cursor<'d>, kind: &Kind) -> Result<Found<'d>, Damage> {
    let scalar = match kind {
        Kind::Scalar(scalar) => *scalar,
        Kind::Enum(known) => {
            let number = int32(cursor.varint()?)?;
            return match known {
                Some(known) if !known.contains(&number) => Err(Damage::NoSymbol),
                _ => Ok(Found::Long(number.into())),
            };
        }
        Kind::Message(_) => return cursor.bytes().map(Found::Bytes),
    };
    Ok(match scalar {
        Scalar::Bool => match cursor.varint()? {
            0 => Found::Boolean(false),
            1 => Found::Boolean(true),
            _ => return Err(Damage::NotBoolean),
        },
        Scalar::Int32 => Found::Long(int32(cursor.varint()?)?.into()),
        Scalar::Int64 => Found::Long(cursor.varint()? as i64),
        Scalar::Uint32 => Found::Long(uint32(cursor.varint()?)?.into()),
        Scalar::Uint64 => unsigned(cursor.varint()?),
        Scalar::Sint32 => {
            let number = uint32(cursor.varint()?)?;
            Found::Long(((number >> 1) as i32 ^ -((number & 1) as i32)).into())
        }
        Scalar::Sint64 => {
            let number = cursor.varint()?;
            Found::Long((number >> 1) as i64 ^ -((number & 1) as i64))
        }
        Scalar::Fixed32 => Found::Long(u32::from_le_bytes(cursor.array()?).into()),
        Scalar::Fixed64 => unsigned(u64::from_le_bytes(cursor.array()?)),
        Scalar::Sfixed32 => Found::Long(i32::from_le_bytes(cursor.array()?).into()),
        Scalar::Sfixed64 => Found::Long(i64::from_le_bytes(cursor.array()?)),
        Scalar::Float => Found::Float(f32::from_le_bytes(cursor.array()?)),
        Scalar::Double => Found::Double(f64::from_le_bytes(cursor.array()?)),
        Scalar::String => Found::Text(cursor.text()?),
        Scalar::Bytes => Found::Bytes(cursor.bytes()?),
    })
}

/// A negative one is written as 64 bits.
fn int32(number: u64) -> Result<i32, Damage> {
    i32::try_from(number as i64).map_err(|_| Damage::OutOfRange)
}

fn uint32(number: u64) -> Result<u32, Damage> {
    u32::try_from(number).map_err(|_| Damage::OutOfRange)
}

/// Numbers past the signed ones are kept apart from all others.
fn unsigned(number: u64) -> Found<'static> {
    match i64::try_from(number) {
        Ok(number) => Found::Long(number),
        Err(_) => Found::Unsigned(number),
    }
}
