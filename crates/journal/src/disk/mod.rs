//! All that the engine knows of the operating system.
//!
//! Assumed of a disk: a write that was flushed by `sync_data` stays; a name that was flushed by
//! `sync_dir` stays; of writes that were not, any 512-byte sectors may survive; bytes outside a write
//! are not harmed by it. Nothing is assumed after a failed flush.

mod real;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub use real::RealDisk;

/// How a file is opened.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Access {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    Write,
    /// A new empty file in place of whatever has the name.
    Create,
    /// The same, for much data that nobody is likely to read soon: where it can be, it goes to the disk past the
    /// kernel's cache.
    CreateCold,
}

/// A folder of files. Paths are whole paths.
pub trait Disk: Send + Sync + 'static {
    /// Opens a file; the handle stays good when the file is renamed or removed.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives a file another name, replacing what has it; durable after `sync_dir` of both folders.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file's name; durable after `sync_dir`.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder, in no order; empty when there is no such folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Makes a folder and its parents, durable when it returns.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Locks a folder against other processes until the guard is dropped: alone, or together with
    /// other readers. `WouldBlock` when somebody else has it.
    fn lock(&self, folder: &Path, exclusive: bool) -> io::Result<Box<dyn Send + Sync>>;
    /// A number that nobody can guess.
    fn random(&self) -> u64;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads up to `buffer.len()` bytes; fewer than that does not mean the end, none does.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes all of `bytes`; durable after `sync_data`.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    /// Makes the writes so far durable. After an error nothing is known about them.
    fn sync_data(&self) -> io::Result<()>;
    /// The file's length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Reserves space so that the file has at least `bytes`, which read as zeros.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
    /// The first byte from `position` on that may be other than zero; none where all that follows is. A disk that
    /// cannot tell says `position`.
    fn next_data(&self, position: u64) -> io::Result<Option<u64>> {
        Ok(Some(position))
    }
    /// These bytes will be read soon. Only advice: what cannot take it does nothing.
    fn will_read(&self, _position: u64, _length: u64) {}
    /// Whether it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Reads until `buffer` is full or the file ends; tells how much was read.
pub(crate) fn read_full(file: &dyn DiskFile, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], position + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Reads exactly `length` bytes.
pub(crate) fn read_exact(file: &dyn DiskFile, position: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; length];
    if read_full(file, &mut buffer, position)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(buffer)
}
