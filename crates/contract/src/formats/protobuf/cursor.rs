//! The wire encoding of Protocol Buffers, read from its bytes ("Encoding" in its documentation).
//!
//! Every length is compared with the bytes that are left of what surrounds it before anything is done with it.

use std::fmt;

/// Why bytes cannot be what the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// The document, or a message in it, ends inside a value.
    Ends,
    /// A number has more than 64 bits.
    LongNumber,
    /// A number has more bits than its type.
    OutOfRange,
    /// A length reaches over the end of what surrounds it.
    LengthBeyondEnd,
    /// A boolean is neither 0 nor 1.
    NotBoolean,
    /// A string is not UTF-8.
    NotUtf8,
    /// A closed enumeration has no such number.
    NoSymbol,
    /// A field number is 0 or too large.
    NoNumber,
    /// The message has no field of this number.
    UnknownField(u32),
    /// A field is not encoded as its type is.
    WireType(u32),
    /// A singular field stands twice.
    Twice(u32),
    /// Two fields of one oneof.
    SecondOfOneof(u32),
    /// A map has the same key twice.
    KeyTwice,
    /// Messages are nested deeper than this.
    TooDeep(usize),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Damage::Ends => "it ends inside a value",
            Damage::LongNumber => "a number of more than 64 bits",
            Damage::OutOfRange => "a number that its type cannot hold",
            Damage::LengthBeyondEnd => "a length that reaches over the end",
            Damage::NotBoolean => "a boolean that is neither 0 nor 1",
            Damage::NotUtf8 => "a text that is not UTF-8",
            Damage::NoSymbol => "a number that its enumeration does not have",
            Damage::NoNumber => "a tag that names no field",
            Damage::UnknownField(number) => {
                return write!(f, "field {number}, which the contract does not know");
            }
            Damage::WireType(number) => return write!(f, "field {number} is not encoded as its type is"),
            Damage::Twice(number) => return write!(f, "field {number} is given twice"),
            Damage::SecondOfOneof(number) => {
                return write!(f, "field {number} stands beside another of its oneof");
            }
            Damage::KeyTwice => "a map has the same key twice",
            Damage::TooDeep(limit) => return write!(f, "nested deeper than {limit} levels"),
        })
    }
}

/// How a field's value is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Varint,
    Fixed64,
    Length,
    Fixed32,
}

/// A place in a document, and where what is being read ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'d> {
    pub(super) data: &'d [u8],
    pub(super) at: usize,
    pub(super) end: usize,
}

impl<'d> Cursor<'d> {
    /// Unsigned LEB128.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Damage> {
        let left = &self.data[self.at..self.end];
        match left.first() {
            Some(first) if *first < 0x80 => {
                self.at += 1;
                Ok(u64::from(*first))
            }
            Some(_) => self.varint_of_several(left),
            None => Err(Damage::Ends),
        }
    }

    fn varint_of_several(&mut self, left: &[u8]) -> Result<u64, Damage> {
        let mut number = 0_u64;
        for (index, byte) in left.iter().take(10).enumerate() {
            if index == 9 && *byte > 1 {
                return Err(Damage::LongNumber);
            }
            number |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.at += index + 1;
                return Ok(number);
            }
        }
        Err(Damage::Ends)
    }

    /// A field's number and how its value is encoded.
    #[inline]
    pub(super) fn tag(&mut self) -> Result<(u32, Wire), Damage> {
        let tag = u32::try_from(self.varint()?).map_err(|_| Damage::NoNumber)?;
        let number = tag >> 3;
        if number == 0 {
            return Err(Damage::NoNumber);
        }
        let wire = match tag & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Length,
            5 => Wire::Fixed32,
            _ => return Err(Damage::WireType(number)),
        };
        Ok((number, wire))
    }

    /// A length, compared with what is left.
    #[inline]
    pub(super) fn length(&mut self) -> Result<usize, Damage> {
        let length = usize::try_from(self.varint()?).map_err(|_| Damage::LengthBeyondEnd)?;
        if length > self.end - self.at { Err(Damage::LengthBeyondEnd) } else { Ok(length) }
    }

    /// A length, and so many bytes.
    pub(super) fn bytes(&mut self) -> Result<&'d [u8], Damage> {
        let length = self.length()?;
        let taken = &self.data[self.at..self.at + length];
        self.at += length;
        Ok(taken)
    }

    pub(super) fn text(&mut self) -> Result<&'d str, Damage> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damage::NotUtf8)
    }

    /// As many bytes as an array has.
    pub(super) fn array<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], Damage> {
        let taken = self.data[self.at..self.end].first_chunk().ok_or(Damage::Ends)?;
        self.at += SIZE;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::varint;

    fn cursor(data: &[u8]) -> Cursor<'_> {
        Cursor { data, at: 0, end: data.len() }
    }

    proptest! {
        #[test]
        fn a_number_reads_as_it_was_written(number: u64, shift in 0u32..64) {
            let mut data = Vec::new();
            varint::put(&mut data, number >> shift);
            let mut cursor = cursor(&data);
            prop_assert_eq!(cursor.varint(), Ok(number >> shift));
            prop_assert_eq!(cursor.at, data.len());
        }
    }

    #[test]
    fn what_is_no_number_no_tag_and_no_length_is_refused() {
        assert_eq!(cursor(&[]).varint(), Err(Damage::Ends));
        assert_eq!(cursor(&[0x80; 5]).varint(), Err(Damage::Ends));
        assert_eq!(cursor(&[0xff; 10]).varint(), Err(Damage::LongNumber));
        assert_eq!(cursor(&[0x00]).tag(), Err(Damage::NoNumber));
        assert_eq!(cursor(&[0x0b]).tag(), Err(Damage::WireType(1)), "a group");
        assert_eq!(cursor(&[0x12]).tag(), Ok((2, Wire::Length)));
        assert_eq!(cursor(&[3, 1, 2]).bytes(), Err(Damage::LengthBeyondEnd));
        assert_eq!(cursor(&[2, 0xc3, 0x28]).text(), Err(Damage::NotUtf8));
        let mut inner = Cursor { data: &[2, 1, 2], at: 0, end: 2 };
        assert_eq!(inner.bytes(), Err(Damage::LengthBeyondEnd), "of what surrounds it");
    }
}
