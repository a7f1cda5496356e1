//! Inclusion and consistency proofs, RFC 9162 section 2.1, made from stored tile levels.

use std::fmt;

use crate::tiles::TILE_HEIGHT;
use crate::tree::{Frontier, Hash, node_hash};

/// Reads the hashes that a `TileWriter` had appended.
pub trait HashReader {
    /// The hash at `index` of tile level `level`, the root of 256^level leaves; `None` when it is not stored.
    fn hash(&self, level: u8, index: u64) -> Option<Hash>;
}

/// Why a proof cannot be made, or does not prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofError {
    /// A hash is not stored.
    Missing {
        /// Its tile level.
        level: u8,
        /// Its index in the level.
        index: u64,
    },
    /// The leaf or the older tree is not within the tree.
    OutOfRange,
    /// The proof has too few or too many hashes.
    WrongLength,
    /// The proof leads to another root.
    WrongRoot,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProofError::Missing { level, index } => {
                write!(f, "hash {index} of tile level {level} is not stored")
            }
            ProofError::OutOfRange => f.write_str("the leaf or the older tree is not within the tree"),
            ProofError::WrongLength => f.write_str("the proof has the wrong number of hashes"),
            ProofError::WrongRoot => f.write_str("the proof leads to another root"),
        }
    }
}

impl std::error::Error for ProofError {}

/// The root of the tree of the first `size` leaves.
pub fn root(size: u64, hashes: &dyn HashReader) -> Result<Hash, ProofError> {
    Ok(frontier(size, hashes)?.root())
}

/// The compact range of the first `size` leaves.
pub fn frontier(size: u64, hashes: &dyn HashReader) -> Result<Frontier, ProofError> {
    let mut roots = Vec::with_capacity(size.count_ones() as usize);
    let mut start = 0;
    for height in (0..u64::BITS).rev().filter(|height| size >> height & 1 == 1) {
        roots.push(full_subtree(height, start >> height, hashes)?);
        start += 1 << height;
    }
    Frontier::from_hashes(size, roots).ok_or(ProofError::OutOfRange)
}

/// The proof that the leaf at `index` is in the tree of the first `size` leaves.
pub fn inclusion_proof(index: u64, size: u64, hashes: &dyn HashReader) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange);
    }
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(subtree(middle, end, hashes)?);
            end = middle;
        } else {
            proof.push(subtree(start, middle, hashes)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of the first `new` leaves extends the tree of the first `old`. Empty where there is
/// nothing to prove: `old` is 0 or `new`.
pub fn consistency_proof(old: u64, new: u64, hashes: &dyn HashReader) -> Result<Vec<Hash>, ProofError> {
    if old > new {
        return Err(ProofError::OutOfRange);
    }
    let mut proof = Vec::new();
    if old == 0 {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new);
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(subtree(middle, end, hashes)?);
            end = middle;
        } else {
            proof.push(subtree(start, middle, hashes)?);
            start = middle;
        }
    }
    // The verifier knows the old root already when the old tree is one full subtree from leaf 0.
    if start > 0 {
        proof.push(subtree(start, end, hashes)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks an inclusion proof, RFC 9162 section 2.1.3.2.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            if node & 1 == 0 {
                let up = node.trailing_zeros().min(u64::BITS - 1);
                (node, last) = (node >> up, last >> up);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    match (last == 0, hash == *root) {
        (false, _) => Err(ProofError::WrongLength),
        (true, false) => Err(ProofError::WrongRoot),
        (true, true) => Ok(()),
    }
}

/// Checks a consistency proof, RFC 9162 section 2.1.4.2. Of an empty old tree everything is an extension; of a tree
/// of the same size only the same root.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::OutOfRange);
    }
    if old == 0 || old == new {
        let same = if old == new { old_root == new_root } else { *old_root == Frontier::default().root() };
        return match (proof.is_empty(), same) {
            (false, _) => Err(ProofError::WrongLength),
            (true, false) => Err(ProofError::WrongRoot),
            (true, true) => Ok(()),
        };
    }
    let (first, rest) = match proof {
        _ if old.is_power_of_two() => (old_root, proof),
        [first, rest @ ..] => (first, rest),
        [] => return Err(ProofError::WrongLength),
    };
    let up = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> up, (new - 1) >> up);
    let (mut of_old, mut of_new) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if node & 1 == 1 || node == last {
            of_old = node_hash(sibling, &of_old);
            of_new = node_hash(sibling, &of_new);
            if node & 1 == 0 {
                let up = node.trailing_zeros().min(u64::BITS - 1);
                (node, last) = (node >> up, last >> up);
            }
        } else {
            of_new = node_hash(&of_new, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    match (last == 0, of_old == *old_root && of_new == *new_root) {
        (false, _) => Err(ProofError::WrongLength),
        (true, false) => Err(ProofError::WrongRoot),
        (true, true) => Ok(()),
    }
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// The root of leaves `start..end`, which begin where a subtree of the RFC's recursion does.
fn subtree(start: u64, end: u64, hashes: &dyn HashReader) -> Result<Hash, ProofError> {
    let size = end - start;
    if size.is_power_of_two() {
        let height = size.trailing_zeros();
        return full_subtree(height, start >> height, hashes);
    }
    let middle = start + split(size);
    Ok(node_hash(&subtree(start, middle, hashes)?, &subtree(middle, end, hashes)?))
}

/// The root of the full subtree at `index` among those of 2^height leaves: up to 128 hashes of the level below it.
fn full_subtree(height: u32, index: u64, hashes: &dyn HashReader) -> Result<Hash, ProofError> {
    let (level, above) = ((height / TILE_HEIGHT) as u8, height % TILE_HEIGHT);
    let mut range = Frontier::default();
    for index in index << above..(index + 1) << above {
        range.push(hashes.hash(level, index).ok_or(ProofError::Missing { level, index })?);
    }
    Ok(range.root())
}
