//! Files and folders that nobody else may read, written so that they are there whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::kms::read_secret;

/// Makes a folder for its owner only, where there is none; refuses one that others may enter.
pub fn folder(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        sync(parent(path))?;
    }
    owners_only(path, 0o700)
}

/// A file's bytes; `None` where there is none. Refuses one that others may read.
pub fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    match read_secret(path) {
        Ok(bytes) => owners_only(path, 0o600).map(|()| Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a new file, durable when this returns. If we die in between, a part of it may be there.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| sync(parent(path)));
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Makes or replaces a file in one step: if we die in between, the old one is there whole. What stood in the old one is
/// overwritten afterwards.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let old = OpenOptions::new().write(true).open(path).ok();
    fs::rename(prepare(path, bytes)?, path)?;
    sync(parent(path))?;
    old.map_or(Ok(()), overwrite)
}

/// Writes what is to take a file's place beside it, durable when this returns.
pub fn prepare(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let prepared = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&prepared)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(prepared)
}

/// Takes away what was prepared and never took the file's place, because whoever prepared it died.
pub fn abandon(path: &Path) -> io::Result<()> {
    let prepared = path.with_extension("new");
    match prepared.try_exists()? {
        true => destroy(&prepared),
        false => Ok(()),
    }
}

/// Waits until no other process changes files in the folder; none does until what is returned is dropped.
pub fn lock(folder: &Path) -> io::Result<File> {
    let folder = File::open(folder)?;
    folder.lock()?;
    Ok(folder)
}

/// Makes an empty file, durable when this returns; it may be there already.
pub fn touch(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?.sync_all()?;
    sync(parent(path))
}

/// Overwrites and removes a file, which may be gone already, or be removed by another caller meanwhile.
pub fn destroy(path: &Path) -> io::Result<()> {
    let opened = OpenOptions::new().write(true).open(path);
    match opened.and_then(overwrite).and_then(|()| fs::remove_file(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync(parent(path)),
    }
}

fn overwrite(mut file: File) -> io::Result<()> {
    let length = file.metadata()?.len();
    io::copy(&mut io::Read::take(io::repeat(0), length), &mut file)?;
    file.sync_all()
}

fn owners_only(path: &Path, wanted: u32) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let text = format!("{} may be used by others (mode {mode:03o}): chmod {wanted:03o} it", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
