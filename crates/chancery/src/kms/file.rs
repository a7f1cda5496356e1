//! The embedded default: a root key in a file, which wraps agencies' secrets with AES-256-GCM.
//!
//! The wrapped form is nonce (12 bytes), ciphertext, tag (16 bytes); the agency's name is associated data, so that one
//! agency's secret cannot pass for another's. The file must be readable by nobody else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand;
use seal::{Kms, KmsError, Secret};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// The file KMS.
pub struct FileKms {
    root: LessSafeKey,
}

impl FileKms {
    /// Opens the root key at `path`; makes it where there is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        if !path.exists() {
            make(path)?;
        }
        let mode = fs::metadata(path)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let text = format!("{} may be read by others (mode {mode:03o}): chmod 600 it", path.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let key = fs::read(path)?;
        let wrong =
            |_| io::Error::new(io::ErrorKind::InvalidData, format!("{} is not a root key", path.display()));
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(wrong)?;
        Ok(Self { root: LessSafeKey::new(key) })
    }
}

/// In one step: after a crash the key is there whole, or not at all.
fn make(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut key = [0; KEY_BYTES];
    rand::fill(&mut key).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

impl Kms for FileKms {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        let no_randomness = |_| KmsError::Unavailable("the system gives no random bytes".to_owned());
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce).map_err(no_randomness)?;
        let mut wrapped = secret.expose().to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.root
            .seal_in_place_append_tag(unique, Aad::from(agency.as_bytes()), &mut wrapped)
            .map_err(|_| KmsError::Unavailable("the cipher failed".to_owned()))?;
        wrapped.splice(0..0, nonce);
        Ok(wrapped)
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_BYTES>().ok_or(KmsError::Tampered)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.root.open_in_place(nonce, Aad::from(agency.as_bytes()), &mut sealed);
        Secret::new(opened.map_err(|_| KmsError::Tampered)?).map_err(|_| KmsError::Tampered)
    }

    fn destroy(&self, _: &str, _: &[u8]) -> Result<(), KmsError> {
        Err(KmsError::Denied("one root key wraps all secrets".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_agency_only_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kms/root.key");
        let secret = Secret::generate().unwrap();
        let mut wrapped = FileKms::open(&path).unwrap().wrap("tax-office", &secret).unwrap();
        let again = FileKms::open(&path).unwrap();
        assert_eq!(again.unwrap("tax-office", &wrapped).unwrap().expose(), secret.expose());
        assert!(matches!(again.unwrap("courts", &wrapped), Err(KmsError::Tampered)));
        wrapped[20] ^= 1;
        assert!(matches!(again.unwrap("tax-office", &wrapped), Err(KmsError::Tampered)));
        assert!(matches!(again.unwrap("tax-office", &[1, 2]), Err(KmsError::Tampered)));
    }

    #[test]
    fn a_root_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        FileKms::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let said = FileKms::open(&path).err().unwrap().to_string();
        assert!(said.contains("chmod 600"), "{said}");
    }
}
