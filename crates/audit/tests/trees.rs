//! Trees, tiles and proofs against known answers, another implementation, and every small size.

#![allow(clippy::unwrap_used, reason = "the tests' helpers stand outside test functions")]

use audit::proof::{
    consistency_proof, frontier, inclusion_proof, root, verify_consistency, verify_inclusion,
};
use audit::tiles::{Content, append_entry, entries, level_length, tiles_since};
use audit::{Frontier, Hash, HashReader, ProofError, Tile, TileWriter, leaf_hash, merkle_root};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

/// The levels as a lane keeps them.
#[derive(Default)]
struct Levels {
    writer: TileWriter,
    levels: Vec<Vec<Hash>>,
}

impl Levels {
    fn of(leaves: u64) -> Self {
        let mut levels = Self::default();
        (0..leaves).for_each(|n| levels.push(leaf_hash(&n.to_be_bytes())));
        levels
    }

    fn push(&mut self, leaf: Hash) {
        let Self { writer, levels } = self;
        writer.push(leaf, |level, hash| {
            let level = usize::from(level);
            if levels.len() == level {
                levels.push(Vec::new());
            }
            levels[level].push(hash);
        });
    }
}

impl HashReader for Levels {
    fn hash(&self, level: u8, index: u64) -> Option<Hash> {
        self.levels.get(usize::from(level))?.get(index as usize).copied()
    }
}

/// The leaves and roots of certificate-transparency's reference tests.
#[test]
fn the_reference_trees_have_the_reference_roots() {
    let leaves: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    for (size, expected) in roots.iter().enumerate() {
        assert_eq!(merkle_root(&hashes[..size]).to_string(), *expected, "{size} leaves");
    }
}

#[test]
fn a_large_leaf_hashes_like_a_small_one() {
    for length in [0, 1, 1022, 1023, 1024, 5000] {
        let leaf = vec![7; length];
        assert_eq!(leaf_hash(&leaf), Hash::of(&[&[0][..], &leaf].concat()), "{length}");
    }
}

#[test]
fn every_tree_up_to_300_agrees_with_another_implementation() {
    let mut levels = Levels::default();
    let mut other = MemoryBackedTree::<Sha256, [u8; 8]>::new();
    for size in 1..=300u64 {
        levels.push(leaf_hash(&(size - 1).to_be_bytes()));
        other.push((size - 1).to_be_bytes());
        assert_eq!(levels.writer.root().0[..], other.root().as_bytes()[..], "{size}");
        let proof = inclusion_proof(size / 2, size, &levels).unwrap();
        let bytes: Vec<u8> = proof.iter().flat_map(|hash| hash.0).collect();
        assert_eq!(bytes, other.prove_inclusion(size as usize / 2).as_bytes(), "{size}");
    }
}

#[test]
fn every_inclusion_proof_up_to_300_verifies_and_no_other_leaf_place_or_size_does() {
    let levels = Levels::of(300);
    for size in 1..=300 {
        let root = root(size, &levels).unwrap();
        for index in 0..size {
            let leaf = levels.levels[0][index as usize];
            let proof = inclusion_proof(index, size, &levels).unwrap();
            assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
            assert!(verify_inclusion(&Hash([1; 32]), index, size, &proof, &root).is_err());
            assert!(verify_inclusion(&leaf, index ^ 1, size, &proof, &root).is_err());
            assert!(verify_inclusion(&leaf, index, size, &proof, &Hash([1; 32])).is_err());
        }
    }
    assert_eq!(inclusion_proof(5, 5, &levels), Err(ProofError::OutOfRange));
}

#[test]
fn every_consistency_proof_up_to_130_verifies_and_no_other_root_does() {
    let levels = Levels::of(130);
    for new in 0..=130 {
        let new_root = root(new, &levels).unwrap();
        for old in 0..=new {
            let old_root = root(old, &levels).unwrap();
            let proof = consistency_proof(old, new, &levels).unwrap();
            let check = |old_root: &Hash, new_root: &Hash, proof: &[Hash]| {
                verify_consistency(old, old_root, new, new_root, proof)
            };
            assert_eq!(check(&old_root, &new_root, &proof), Ok(()), "{old} {new}");
            assert!(check(&Hash([1; 32]), &new_root, &proof).is_err(), "{old} {new}");
            if old > 0 {
                assert!(check(&old_root, &Hash([1; 32]), &proof).is_err(), "{old} {new}");
            }
            assert!(check(&old_root, &new_root, &[&proof[..], &[Hash([1; 32])]].concat()).is_err());
        }
    }
}

#[test]
fn no_altered_proof_verifies() {
    let levels = Levels::of(300);
    for (index, size) in [(0, 2), (7, 8), (200, 300), (299, 300), (128, 257)] {
        let root = root(size, &levels).unwrap();
        let leaf = levels.levels[0][index as usize];
        let proof = inclusion_proof(index, size, &levels).unwrap();
        let old_root = frontier(index + 1, &levels).unwrap().root();
        let consistency = consistency_proof(index + 1, size, &levels).unwrap();
        for bit in 0..proof.len().max(consistency.len()) * 256 {
            let flip = |proof: &[Hash]| {
                let mut altered = proof.to_vec();
                altered
                    .get_mut(bit / 256)
                    .map(|hash| hash.0[bit / 8 % 32] ^= 1 << (bit % 8))
                    .map(|()| altered)
            };
            if let Some(altered) = flip(&proof) {
                assert!(verify_inclusion(&leaf, index, size, &altered, &root).is_err());
            }
            if let Some(altered) = flip(&consistency) {
                assert!(verify_consistency(index + 1, &old_root, size, &root, &altered).is_err());
            }
        }
        assert!(verify_inclusion(&leaf, index, size, &proof[1..], &root).is_err());
    }
}

#[test]
fn proofs_reach_across_tile_levels() {
    let mut levels = Levels::of(65_800);
    assert_eq!(levels.levels.iter().map(Vec::len).collect::<Vec<_>>(), [65_800, 257, 1]);
    // Nothing but what the writer appended is needed, and what it appended is the tree.
    levels.levels[0].truncate(65_800);
    let reference = merkle_root(&levels.levels[0]);
    assert_eq!(levels.writer.root(), reference);
    for size in [255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_800] {
        let root = root(size, &levels).unwrap();
        assert_eq!(root, merkle_root(&levels.levels[0][..size as usize]), "{size}");
        for index in [0, 1, 254, 255, 256, 65_535, 65_536, size - 1].into_iter().filter(|index| *index < size)
        {
            let proof = inclusion_proof(index, size, &levels).unwrap();
            let leaf = levels.levels[0][index as usize];
            assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()), "{index} {size}");
            let old = frontier(index + 1, &levels).unwrap().root();
            let proof = consistency_proof(index + 1, size, &levels).unwrap();
            assert_eq!(verify_consistency(index + 1, &old, size, &root, &proof), Ok(()), "{index} {size}");
        }
    }
    let missing = inclusion_proof(0, 70_000, &levels).unwrap_err();
    assert_eq!(missing, ProofError::Missing { level: 1, index: 257 });
}

#[test]
fn a_writer_resumed_from_its_hashes_goes_on_the_same() {
    let whole = Levels::of(700);
    for size in [0, 1, 255, 256, 257, 600] {
        let stored = Levels::of(size);
        let writer = TileWriter::from_stored(size, &stored).unwrap();
        let mut resumed = Levels { writer, levels: stored.levels };
        (size..700).for_each(|n| resumed.push(leaf_hash(&n.to_be_bytes())));
        assert_eq!(resumed.levels, whole.levels);
        assert_eq!(resumed.writer.frontier(), whole.writer.frontier());
    }
}

#[test]
fn a_frontier_needs_a_hash_for_each_bit_of_its_size() {
    let hashes = vec![Hash([0; 32]); 2];
    assert!(Frontier::from_hashes(3, hashes.clone()).is_some());
    assert!(Frontier::from_hashes(4, hashes.clone()).is_none());
    assert!(Frontier::from_hashes(7, hashes).is_none());
}

#[test]
fn tile_paths_are_spelt_as_the_specification_says() {
    let hashes = |level, index, width| Tile { content: Content::Hashes { level }, index, width };
    let table = [
        ("tile/0/000", hashes(0, 0, 256)),
        ("tile/0/x001/x234/067", hashes(0, 1_234_067, 256)),
        ("tile/1/x001/000.p/17", hashes(1, 1000, 17)),
        ("tile/63/999.p/255", hashes(63, 999, 255)),
        ("tile/0/x018/x446/x744/x073/x709/x551/615", hashes(0, u64::MAX, 256)),
        ("tile/entries/x001/x234/067.p/1", Tile { content: Content::Entries, index: 1_234_067, width: 1 }),
    ];
    for (path, tile) in table {
        assert_eq!(tile.to_string(), path);
        assert_eq!(Tile::parse(path), Some(tile));
    }
    let wrong = [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0/x000/001",
        "tile/0/x000/x001/001",
        "tile/0/001/001",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "/tile/0/000",
        "tile/entry/000",
        "tile/0/+01",
        "tile/0/x01/000",
        "tile/0/X001/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
    ];
    for path in wrong {
        assert_eq!(Tile::parse(path), None, "{path}");
    }
}

/// The example of the specification: a tree of 70,000.
#[test]
fn a_tree_of_70000_has_the_tiles_of_the_specification() {
    let tiles = tiles_since(0, 70_000);
    let count = |level, full| {
        let of = |tile: &&Tile| tile.content == Content::Hashes { level } && (tile.width == 256) == full;
        tiles.iter().filter(of).collect::<Vec<_>>()
    };
    assert_eq!((count(0, true).len(), count(1, true).len(), count(2, true).len()), (273, 1, 0));
    let partial: Vec<_> = (0..3).map(|level| count(level, false)[0].width).collect();
    assert_eq!(partial, [112, 17, 1]);
    assert_eq!(
        tiles_since(0, 256).iter().map(Tile::to_string).collect::<Vec<_>>(),
        ["tile/0/000", "tile/1/000.p/1"]
    );
    assert_eq!(tiles_since(256, 256), []);
    assert!(tiles.iter().all(|tile| tile.is_in(70_000)));
    assert!(!Tile::parse("tile/0/273").unwrap().is_in(70_000));
    assert!(!Tile::parse("tile/9/000.p/1").unwrap().is_in(u64::MAX));
    assert_eq!(level_length(1, 70_000), 273);
}

#[test]
fn a_tile_is_its_hashes_one_after_the_other() {
    let levels = Levels::of(600);
    let tile = Tile::parse("tile/0/001").unwrap().read(&levels).unwrap();
    assert_eq!(tile.len(), 8192);
    assert_eq!(tile[..32], levels.levels[0][256].0);
    let partial = Tile::parse("tile/1/000.p/2").unwrap().read(&levels).unwrap();
    assert_eq!(partial, [levels.levels[1][0].0, levels.levels[1][1].0].concat());
    assert_eq!(levels.levels[1][1], merkle_root(&levels.levels[0][256..512]));
    assert_eq!(Tile::parse("tile/1/000.p/3").unwrap().read(&levels), None);
}

#[test]
fn an_entry_bundle_gives_its_entries_back_and_a_cut_one_nothing() {
    let mut bundle = Vec::new();
    let longest = vec![1; 65_535];
    for entry in [&b"ab"[..], b"", &longest] {
        append_entry(&mut bundle, entry).unwrap();
    }
    assert_eq!(bundle[..6], *b"\0\x02ab\0\0");
    assert_eq!(entries(&bundle).unwrap(), [&b"ab"[..], b"", &longest]);
    assert_eq!(entries(&bundle[..bundle.len() - 1]), None);
    assert!(append_entry(&mut bundle, &[0; 65_536]).is_err());
}

proptest! {
    #[test]
    fn parsing_a_path_never_panics_and_only_takes_what_is_written(path in "tile/(entries|[0-9]{1,3})/(x[0-9]{3}/){0,7}[0-9]{3}(\\.p/[0-9]{1,4})?") {
        if let Some(tile) = Tile::parse(&path) {
            prop_assert_eq!(tile.to_string(), path);
        }
    }

    #[test]
    fn proofs_from_anybody_never_panic(leaf: [u8; 32], index: u64, size: u64, hashes in prop::collection::vec(any::<[u8; 32]>(), 0..70)) {
        let proof: Vec<_> = hashes.into_iter().map(Hash).collect();
        prop_assert!(verify_inclusion(&Hash(leaf), index, size, &proof, &Hash([0; 32])).is_err());
        prop_assert!(verify_consistency(index, &Hash(leaf), size, &Hash([0; 32]), &proof).is_err());
    }
}
