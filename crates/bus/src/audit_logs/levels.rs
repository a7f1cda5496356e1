//! The level files of one lane's tree: file `<l>` holds the roots of all full subtrees of 256^l leaves, 32 bytes each,
//! in order. `settled` holds how many leaves are in synced files; behind that a crash may leave anything.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use audit::tiles::level_length;
use audit::{Hash, HashReader};

use crate::secrets;

const HASH_BYTES: u64 = 32;
/// 256^7 leaves are more than there will be.
const LEVELS: u8 = 7;

/// The files, open.
pub struct Levels {
    folder: PathBuf,
    files: Vec<File>,
}

impl Levels {
    /// Opens the files and cuts them back to what was settled, which is given back; never more than `leaves`.
    pub fn open(folder: &Path, leaves: u64) -> io::Result<(Self, u64)> {
        fs::create_dir_all(folder)?;
        let settled =
            fs::read_to_string(folder.join("settled")).ok().and_then(|text| text.trim().parse().ok());
        let settled: u64 = settled.filter(|size| *size <= leaves).unwrap_or(0);
        let open = |level: u8| {
            let path = folder.join(level.to_string());
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            file.set_len(level_length(level, settled) * HASH_BYTES)?;
            Ok(file)
        };
        let files = (0..LEVELS).map(open).collect::<io::Result<_>>()?;
        Ok((Self { folder: folder.to_owned(), files }, settled))
    }

    /// The files as they are, for looking only, with the settled size; `None` where there are none.
    pub fn kept(folder: &Path) -> Option<(Self, u64)> {
        let settled = fs::read_to_string(folder.join("settled")).ok()?.trim().parse().ok()?;
        let files =
            (0..LEVELS).map(|level| File::open(folder.join(level.to_string()))).collect::<io::Result<_>>();
        Some((Self { folder: folder.to_owned(), files: files.ok()? }, settled))
    }

    /// Appends hashes to their levels; `before` is the tree's size before them.
    pub fn append(&self, before: u64, hashes: &[(u8, Hash)]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(hashes.len() * HASH_BYTES as usize);
        for level in 0..LEVELS {
            bytes.clear();
            hashes
                .iter()
                .filter(|(of, _)| *of == level)
                .for_each(|(_, hash)| bytes.extend_from_slice(&hash.0));
            if bytes.is_empty() {
                break;
            }
            self.files[usize::from(level)].write_all_at(&bytes, level_length(level, before) * HASH_BYTES)?;
        }
        Ok(())
    }

    /// Syncs the files and notes that `size` leaves are in them.
    pub fn settle(&self, size: u64) -> io::Result<()> {
        self.files.iter().try_for_each(File::sync_data)?;
        secrets::write(&self.folder.join("settled"), size.to_string().as_bytes())
    }
}

impl HashReader for Levels {
    fn hash(&self, level: u8, index: u64) -> Option<Hash> {
        let mut hash = [0; HASH_BYTES as usize];
        self.files.get(usize::from(level))?.read_exact_at(&mut hash, index * HASH_BYTES).ok()?;
        Some(Hash(hash))
    }
}
