//! Unsigned LEB128, as Protocol Buffers and (zigzag) Avro write numbers.

/// Appends a number.
pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// How many bytes a number takes.
pub(crate) fn length(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// The number at the start, and what is behind it. `None` where there is none of at most 64 bits.
pub(crate) fn take(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        if at == 9 && *byte > 1 {
            return None;
        }
        number |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_reads_as_it_was_written(number: u64) {
            for number in [number, number >> 32, number >> 56, 0, u64::MAX] {
                let mut out = Vec::new();
                put(&mut out, number);
                prop_assert_eq!(out.len(), length(number));
                out.push(7);
                prop_assert_eq!(take(&out), Some((number, &[7][..])));
            }
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_or_without_end_is_none() {
        assert_eq!(take(&[0xff; 10]), None);
        assert_eq!(take(&[0x80, 0x80]), None);
        assert_eq!(take(&[]), None);
    }
}
