//! What hides a value's length: blanks behind it, which are no part of a JSON value.
//!
//! Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019): a length
//! keeps its highest bits, so what stays visible is O(log log n), for at most 12 % more bytes.

use crate::limits::LEAST_BYTES;

/// The length that a value of `length` bytes is brought to.
pub(crate) fn padded(length: usize) -> usize {
    if length <= LEAST_BYTES {
        return LEAST_BYTES;
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    let mask = (1_usize << (exponent - kept)) - 1;
    (length + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_fall_into_few_and_cost_little() {
        for (length, wanted) in [(0, 32), (1, 32), (32, 32), (33, 36), (100, 104), (1000, 1024), (9000, 9216)]
        {
            assert_eq!(padded(length), wanted, "{length}");
        }
        for length in 33..20_000 {
            let padded = padded(length);
            assert!(padded >= length && (padded - length) * 100 <= 12 * length, "{length} {padded}");
        }
    }
}
