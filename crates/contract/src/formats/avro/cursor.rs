//! Avro's binary encoding, read from its bytes (Avro 1.12, "Binary Encoding").
//!
//! Every length is compared with the bytes that are left before anything is done with it. A number has one encoding
//! only: some readers refuse padded ones.

use std::fmt;

use crate::frames::{Coding, Frame};

/// Why bytes cannot be what the schema says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// The document ends inside a value.
    Ends,
    /// A number has more than 64 bits.
    LongNumber,
    /// A number has more bytes than it needs.
    PaddedNumber,
    /// An int has more than 32 bits.
    LongInt,
    /// A length is negative.
    NegativeLength,
    /// A length reaches over the end of the document.
    LengthBeyondEnd,
    /// A boolean is neither 0 nor 1.
    NotBoolean,
    /// A string is not UTF-8.
    NotUtf8,
    /// An enumeration has no symbol of this number.
    NoSymbol(i64),
    /// A union has no branch of this number.
    NoBranch(i64),
    /// A block's size is not that of its items.
    BlockSize,
    /// There are more items than the document can hold.
    TooManyItems,
    /// Containers are nested deeper than this.
    TooDeep(usize),
    /// Bytes follow the document.
    Trailing,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Damage::Ends => "the document ends inside it",
            Damage::LongNumber => "a number of more than 64 bits",
            Damage::PaddedNumber => "a number written with more bytes than it needs",
            Damage::LongInt => "an int of more than 32 bits",
            Damage::NegativeLength => "a negative length",
            Damage::LengthBeyondEnd => "a length that reaches over the end of the document",
            Damage::NotBoolean => "a boolean that is neither 0 nor 1",
            Damage::NotUtf8 => "a text that is not UTF-8",
            Damage::NoSymbol(index) => return write!(f, "the enumeration has no symbol {index}"),
            Damage::NoBranch(index) => return write!(f, "the union has no branch {index}"),
            Damage::BlockSize => "a block whose size is not that of its items",
            Damage::TooManyItems => "more items than the document has bytes for",
            Damage::TooDeep(limit) => return write!(f, "nested deeper than {limit} levels"),
            Damage::Trailing => "something follows the document",
        })
    }
}

/// A place in a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'d> {
    pub(super) data: &'d [u8],
    pub(super) at: usize,
}

impl<'d> Cursor<'d> {
    pub(super) fn left(&self) -> usize {
        self.data.len() - self.at
    }

    /// So many bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'d [u8], Damage> {
        let taken = self.data[self.at..].get(..count).ok_or(Damage::Ends)?;
        self.at += count;
        Ok(taken)
    }

    /// As many bytes as an array has.
    pub(super) fn array<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], Damage> {
        let taken = self.data[self.at..].first_chunk().ok_or(Damage::Ends)?;
        self.at += SIZE;
        Ok(*taken)
    }

    /// The head of a block: how many items it has, which are taken from those that may still come, and the frame of its size if
    /// that is said.
    pub(super) fn block(&mut self, items_left: &mut usize) -> Result<(usize, Option<Frame>), Damage> {
        let count = self.long()?;
        let mut frame = None;
        if count < 0 {
            let start = self.at as u32;
            let size = usize::try_from(self.long()?).map_err(|_| Damage::NegativeLength)?;
            if size > self.left() {
                return Err(Damage::LengthBeyondEnd);
            }
            let content = self.at as u32;
            frame = Some(Frame { start, content, end: content + size as u32, coding: Coding::Zigzag });
        }
        let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        *items_left = items_left.checked_sub(count).ok_or(Damage::TooManyItems)?;
        Ok((count, frame))
    }

    /// A number: zigzag, then unsigned LEB128.
    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Damage> {
        let first = *self.data.get(self.at).ok_or(Damage::Ends)?;
        if first < 0x80 {
            self.at += 1;
            return Ok(unzigzag(u64::from(first)));
        }
        self.long_of_several(u64::from(first & 0x7f))
    }

    fn long_of_several(&mut self, first: u64) -> Result<i64, Damage> {
        let mut number = first;
        for (index, byte) in self.data[self.at + 1..].iter().take(9).enumerate() {
            if index == 8 && *byte > 1 {
                return Err(Damage::LongNumber);
            }
            number |= u64::from(byte & 0x7f) << (7 * (index + 1));
            if *byte < 0x80 {
                if *byte == 0 {
                    return Err(Damage::PaddedNumber);
                }
                self.at += index + 2;
                return Ok(unzigzag(number));
            }
        }
        Err(Damage::Ends)
    }

    pub(super) fn int(&mut self) -> Result<i64, Damage> {
        let number = self.long()?;
        i32::try_from(number).map(i64::from).map_err(|_| Damage::LongInt)
    }

    /// A length, and so many bytes.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'d [u8], Damage> {
        let length = usize::try_from(self.long()?).map_err(|_| Damage::NegativeLength)?;
        let taken = self.data[self.at..].get(..length).ok_or(Damage::LengthBeyondEnd)?;
        self.at += length;
        Ok(taken)
    }

    #[inline]
    pub(super) fn text(&mut self) -> Result<&'d str, Damage> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damage::NotUtf8)
    }
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::varint;

    fn long(data: &[u8]) -> Result<i64, Damage> {
        let mut cursor = Cursor { data, at: 0 };
        let number = cursor.long()?;
        assert_eq!(cursor.at, data.len());
        Ok(number)
    }

    proptest! {
        #[test]
        fn a_number_reads_as_it_was_written(number: i64, shift in 0u32..64) {
            let number = number >> shift;
            let mut data = Vec::new();
            varint::put(&mut data, (number << 1 ^ number >> 63) as u64);
            prop_assert_eq!(long(&data), Ok(number));
        }
    }

    #[test]
    fn a_number_that_is_not_written_as_avro_does_is_refused() {
        let cases: [(&[u8], Damage); 6] = [
            (&[], Damage::Ends),
            (&[0x80], Damage::Ends),
            (&[0x80, 0x00], Damage::PaddedNumber),
            (&[0xff; 10], Damage::LongNumber),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], Damage::LongNumber),
            (&[0xff; 9], Damage::Ends),
        ];
        for (data, damage) in cases {
            assert_eq!(long(data), Err(damage), "{data:?}");
        }
        assert_eq!(long(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), Ok(i64::MIN));
        assert_eq!(Cursor { data: &[0x80, 0x80, 0x80, 0x80, 0x10], at: 0 }.int(), Err(Damage::LongInt));
    }

    #[test]
    fn a_length_is_compared_with_what_is_left() {
        assert_eq!(Cursor { data: &[4, 1], at: 0 }.bytes(), Err(Damage::LengthBeyondEnd));
        assert_eq!(Cursor { data: &[1], at: 0 }.bytes(), Err(Damage::NegativeLength));
        assert_eq!(Cursor { data: &[4, 0xc3, 0x28], at: 0 }.text(), Err(Damage::NotUtf8));
        assert_eq!(Cursor { data: &[4, b'o', b'k'], at: 0 }.text(), Ok("ok"));
    }
}
