//! The operating system's files.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Advice, FallocateFlags, FlockOperation, SeekFrom};
use rustix::process::Resource;

use super::{Access, Disk, DiskFile};

/// The disk of this machine.
#[derive(Debug)]
pub struct RealDisk;

impl RealDisk {
    /// Also lifts the process's soft limit of open files to the hard one: every settled segment keeps
    /// its file open, about 16 of them per GiB, and the usual soft limit is 1,024.
    pub fn new() -> Self {
        let mut limit = rustix::process::getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        if let Err(error) = rustix::process::setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files could not be lifted");
        }
        Self
    }
}

impl Default for RealDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(access != Access::Read);
        if matches!(access, Access::Create | Access::CreateCold) {
            options.create(true).truncate(true);
        }
        let file = options.open(path)?;
        if access == Access::Write {
            // A log at recovery: reserved space that the kernel read ahead would no longer be told from data, and all
            // of it would be read. Advice is only that; without it a start is slower.
            let _ = rustix::fs::fadvise(&file, 0, None, Advice::Random);
        }
        // Some file systems refuse this; then everything goes through the cache.
        let past_cache = (access == Access::CreateCold)
            .then(|| OpenOptions::new().write(true).custom_flags(DIRECT).open(path).ok())
            .flatten();
        Ok(Arc::new(RealFile { file, past_cache }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        match fs::read_dir(folder) {
            Ok(names) => names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        self.make_folder(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.sync_folder(parent)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn lock(&self, folder: &Path, exclusive: bool) -> io::Result<Box<dyn Send + Sync>> {
        let handle = File::open(folder)?;
        let how = if exclusive {
            FlockOperation::NonBlockingLockExclusive
        } else {
            FlockOperation::NonBlockingLockShared
        };
        rustix::fs::flock(&handle, how)?;
        Ok(Box::new(handle))
    }

    fn random(&self) -> u64 {
        // Keyed by the operating system's randomness; saves a dependency for one number per folder.
        RandomState::new().build_hasher().finish()
    }
}

/// What `O_DIRECT` wants position, length and memory to be multiples of, on every disk there is.
const DIRECT_BYTES: usize = 4096;

const DIRECT: i32 = rustix::fs::OFlags::DIRECT.bits() as i32;

struct RealFile {
    file: File,
    /// The same file, for writes that are aligned. Copying settled records into the cache was a seventh of the bus's
    /// processor time under load, for pages that were seldom read again.
    past_cache: Option<File>,
}

impl RealFile {
    fn writer(&self, bytes: &[u8], position: u64) -> &File {
        let is_aligned = bytes.as_ptr().align_offset(DIRECT_BYTES) == 0
            && bytes.len().is_multiple_of(DIRECT_BYTES)
            && position.is_multiple_of(DIRECT_BYTES as u64);
        self.past_cache.as_ref().filter(|_| is_aligned).unwrap_or(&self.file)
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.writer(bytes, position).write_all_at(bytes, position)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, bytes) {
            // Some network and overlay file systems cannot reserve; a sparse file still works there.
            Err(rustix::io::Errno::OPNOTSUPP) => self.file.set_len(bytes.max(self.len()?)),
            other => Ok(other?),
        }
    }

    fn will_read(&self, position: u64, length: u64) {
        let _ = rustix::fs::fadvise(&self.file, position, NonZeroU64::new(length), Advice::WillNeed);
    }

    fn next_data(&self, position: u64) -> io::Result<Option<u64>> {
        // Moves the descriptor's position, which nothing here uses.
        match rustix::fs::seek(&self.file, SeekFrom::Data(position)) {
            Ok(data) => Ok(Some(data)),
            Err(rustix::io::Errno::NXIO) => Ok(None),
            Err(_) => Ok(Some(position)),
        }
    }
}
