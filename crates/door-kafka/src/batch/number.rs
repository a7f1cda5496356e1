//! Zigzag LEB128, as records write their numbers.

/// Appends a number.
pub(super) fn put(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// How many bytes a number takes.
pub(super) fn length(number: i64) -> usize {
    let zigzag = ((number << 1) ^ (number >> 63)) as u64;
    (64 - (zigzag | 1).leading_zeros() as usize).div_ceil(7)
}

/// Takes the number at the start; `None` where there is none of at most 64 bits.
pub(super) fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
        if *byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some((number >> 1) as i64 ^ -((number & 1) as i64));
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
        fn a_number_reads_as_it_was_written(number: i64) {
            for number in [number, number >> 40, number >> 60, 0, -1] {
                let mut out = Vec::new();
                put(&mut out, number);
                prop_assert_eq!(out.len(), length(number));
                prop_assert_eq!(take(&mut &out[..]), Some(number));
            }
        }
    }

    #[test]
    fn a_number_without_end_is_none() {
        assert_eq!(take(&mut &[0xff; 12][..]), None);
        assert_eq!(take(&mut &[][..]), None);
    }
}
