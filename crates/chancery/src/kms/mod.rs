//! Key management services: clients of the trait in `seal`.
//!
//! Agencies' secrets leave a service for the bus's memory only. What is stored of them is wrapped, each under a
//! key-encryption key of its own, so that a service can destroy that key and with it what every copy has of the secret.

#[cfg(test)]
mod battery;
mod bounded;
pub mod file;
pub mod pkcs11;
pub mod vault;
mod wrapped;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use seal::Kms;
use zeroize::Zeroizing;

use crate::config::kms::{Meant, Passphrase};
use crate::output::Failure;

/// How long a service has for one call.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest file with a secret, token or PIN that is read.
const SECRET_FILE_BYTES: usize = 64 * 1024;

/// The service that the settings name.
pub fn open(meant: &Meant) -> Result<Arc<dyn Kms>, Failure> {
    Ok(match meant {
        Meant::File(settings) => Arc::new(file::FileKms::open(settings)?),
        Meant::Vault(settings) => Arc::new(vault::Vault::new(settings)?),
        Meant::Pkcs11(settings) => Arc::new(pkcs11::open(settings)?),
    })
}

/// A small file whose bytes are nobody's business. Their buffer has its size from the start, so that growing leaves no
/// copy behind.
fn read_secret(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_FILE_BYTES + 1));
    File::open(path)?.take(SECRET_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() > SECRET_FILE_BYTES {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than 64 KiB")),
        false => Ok(bytes),
    }
}

/// The same as text, without the white space around.
fn read_text(path: &Path) -> io::Result<Zeroizing<String>> {
    let bytes = read_secret(path)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text"))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// The passphrase of a root key: the file's text without the white space around. `setting` names the file in an error.
fn read_passphrase(passphrase: &Passphrase, setting: &str) -> Result<Zeroizing<String>, Failure> {
    let Passphrase { file, is_credential } = passphrase;
    let failed = |why: &dyn std::fmt::Display| Failure::new(format!("{setting}: {}: {why}", file.display()));
    let text = read_text(file).map_err(|error| failed(&error))?;
    let mode = file.metadata().map_err(|error| failed(&error))?.permissions().mode() & 0o777;
    // systemd lets the unit's user read a credential by an access list, which shows as other bits here.
    if !is_credential && mode & 0o077 != 0 {
        return Err(failed(&format_args!("it may be read by others (mode {mode:03o})")).hint("chmod 600 it"));
    }
    if text.is_empty() {
        return Err(failed(&"it is empty"));
    }
    Ok(text)
}
