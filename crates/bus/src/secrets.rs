//! The bus's own secrets: files of mode 0600 in the data folder, made on first start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::rand;

/// A file's secret bytes. They are made only where `may_make` says that nothing depends on them yet: made anew in place
/// of lost ones, they would fit nothing that is stored.
pub fn file<const N: usize>(path: &Path, may_make: bool) -> io::Result<[u8; N]> {
    if path.exists() {
        let bytes = fs::read(path)?;
        return bytes.try_into().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{} does not hold {N} bytes", path.display()))
        });
    }
    if !may_make {
        let text = format!(
            "{} is missing, and what is stored depends on it: restore it from the copy of the data folder",
            path.display()
        );
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    let secret: [u8; N] = random();
    write(path, &secret)?;
    Ok(secret)
}

/// Writes a file of mode 0600 in one step: it is there whole after a crash, or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system's random source is there; without it nothing may start");
    bytes
}

/// A new token: 256 random bits behind a prefix that secret scanners can find.
pub fn new_token() -> String {
    format!("chancery_{}", crate::govern::hex(&random::<32>()))
}
