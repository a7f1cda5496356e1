//! C2SP tlog-tiles: the tree as files of 256 hashes, and the entries in bundles beside them.
//!
//! Level `l` holds the roots of all full subtrees of 256^l leaves, in order. Levels only grow, so that each can be a
//! file that is appended to; a tile is a slice of it.

use std::fmt;

use crate::proof::HashReader;
use crate::tree::{Frontier, Hash};

/// Hashes (or entries) of a full tile.
pub const TILE_WIDTH: u64 = 256;
/// The height of a tile's own tree.
pub const TILE_HEIGHT: u32 = 8;
/// The highest level that a tree of at most 2⁶⁴ leaves has.
const TOP_LEVEL: u8 = 7;

/// Says what to append to which level as leaves come. Holds the compact range and nothing else, so that it is rebuilt
/// from a [`Frontier`].
#[derive(Debug, Clone, Default)]
pub struct TileWriter {
    frontier: Frontier,
}

impl TileWriter {
    /// Goes on where the tree of `frontier` stands.
    pub fn resume(frontier: Frontier) -> Self {
        Self { frontier }
    }

    /// Goes on with a tree of `size` leaves whose hashes are stored.
    pub fn from_stored(size: u64, hashes: &dyn HashReader) -> Result<Self, crate::ProofError> {
        Ok(Self::resume(crate::proof::frontier(size, hashes)?))
    }

    /// Appends a leaf, given its hash, and calls `append` for each level (lowest first) that gets a hash at its end.
    /// Budget: 400 ns.
    pub fn push(&mut self, leaf: Hash, mut append: impl FnMut(u8, Hash)) {
        self.frontier.push_each(leaf, |height, root| {
            if height % TILE_HEIGHT == 0 {
                append((height / TILE_HEIGHT) as u8, root);
            }
        });
    }

    /// How many leaves were pushed.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The tree's root.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The compact range, to be kept.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }
}

/// How many hashes level `level` of a tree of `size` leaves has.
pub fn level_length(level: u8, size: u64) -> u64 {
    size.checked_shr(TILE_HEIGHT * u32::from(level)).unwrap_or(0)
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// Hashes of a level.
    Hashes {
        /// The level, 0 for leaf hashes.
        level: u8,
    },
    /// The log entries themselves.
    Entries,
}

/// The name of a tile or entry bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    /// What is in it.
    pub content: Content,
    /// Its index within the level.
    pub index: u64,
    /// How many hashes or entries: 256, or fewer in a partial tile.
    pub width: u16,
}

impl Tile {
    /// Parses a path below the log's prefix, `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`; only the exact
    /// spelling of the specification.
    pub fn parse(path: &str) -> Option<Self> {
        let (content, name) = path.strip_prefix("tile/")?.split_once('/')?;
        let content = match content {
            "entries" => Content::Entries,
            level => {
                Content::Hashes { level: u8::try_from(decimal(level)?).ok().filter(|level| *level < 64)? }
            }
        };
        let (number, width) = match name.split_once(".p/") {
            None => (name, TILE_WIDTH),
            Some((number, width)) => {
                (number, decimal(width).filter(|width| (1..TILE_WIDTH).contains(width))?)
            }
        };
        let tile = Tile { content, index: parse_index(number)?, width: u16::try_from(width).ok()? };
        Some(tile)
    }

    /// The numbers of the hashes or entries in the tile.
    pub fn numbers(&self) -> Option<std::ops::Range<u64>> {
        let start = self.index.checked_mul(TILE_WIDTH)?;
        Some(start..start.checked_add(u64::from(self.width))?)
    }

    /// Whether a tree of `size` leaves has all of the tile.
    pub fn is_in(&self, size: u64) -> bool {
        let length = match self.content {
            Content::Entries => size,
            Content::Hashes { level } => level_length(level, size),
        };
        self.numbers().is_some_and(|numbers| numbers.end <= length)
    }

    /// The tile's bytes from the stored hashes; `None` when one is not stored, and for entry bundles.
    pub fn read(&self, hashes: &dyn HashReader) -> Option<Vec<u8>> {
        let Content::Hashes { level } = self.content else { return None };
        let mut bytes = Vec::with_capacity(usize::from(self.width) * 32);
        for index in self.numbers()? {
            bytes.extend_from_slice(&hashes.hash(level, index)?.0);
        }
        Some(bytes)
    }
}

/// The tiles that a tree of `size` leaves needs and one of `before` leaves did not: full ones that filled up since,
/// and the partial one at the end of each level. For mirroring a log.
pub fn tiles_since(before: u64, size: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for level in 0..=TOP_LEVEL {
        let (old, new) = (level_length(level, before), level_length(level, size));
        if old >= new {
            continue;
        }
        let content = Content::Hashes { level };
        let full = |index| Tile { content, index, width: TILE_WIDTH as u16 };
        tiles.extend((old / TILE_WIDTH..new / TILE_WIDTH).map(full));
        if new % TILE_WIDTH > 0 {
            tiles.push(Tile { content, index: new / TILE_WIDTH, width: (new % TILE_WIDTH) as u16 });
        }
    }
    tiles
}

/// The path below the log's prefix.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Entries => f.write_str("tile/entries/")?,
            Content::Hashes { level } => write!(f, "tile/{level}/")?,
        }
        let mut unit = 1_000_000_000_000_000_000;
        while unit > 1 {
            if self.index >= unit {
                write!(f, "x{:03}/", self.index / unit % 1000)?;
            }
            unit /= 1000;
        }
        write!(f, "{:03}", self.index % 1000)?;
        if u64::from(self.width) < TILE_WIDTH {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    (digits && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok())?
}

fn parse_index(text: &str) -> Option<u64> {
    let group = |digits: &str| {
        (digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse::<u64>().ok())?
    };
    let mut index: u64 = 0;
    let (upper, last) = text.rsplit_once('/').map_or((None, text), |(upper, last)| (Some(upper), last));
    for part in upper.into_iter().flat_map(|upper| upper.split('/')) {
        index = index.checked_mul(1000)?.checked_add(group(part.strip_prefix('x')?)?)?;
        if index == 0 {
            return None;
        }
    }
    index.checked_mul(1000)?.checked_add(group(last)?)
}

/// An entry that an entry bundle cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryTooLong {
    /// How many bytes it has; 65,535 would fit.
    pub bytes: usize,
}

/// Appends an entry to an entry bundle: its length as u16 big-endian, then its bytes.
pub fn append_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), EntryTooLong> {
    let length = u16::try_from(entry.len()).map_err(|_| EntryTooLong { bytes: entry.len() })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of an entry bundle; `None` when the bundle is cut short.
pub fn entries(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (length, after) = bundle.split_first_chunk::<2>()?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bundle = after;
    }
    Some(entries)
}

impl fmt::Display for EntryTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an entry of {} bytes: a log entry has at most 65,535", self.bytes)
    }
}

impl std::error::Error for EntryTooLong {}
