//! The embedded default: a folder with a root key, and a key-encryption key for each wrapped secret, which the root key
//! wraps. `docs/formats/kms.md` tells its files to the byte.
//!
//! Who has an old copy of this folder opens what was destroyed since. So it is of most use where no copy of the data
//! folder takes it along: outside of it, in `kms.folder`. Its files must be readable by nobody else.
//!
//! A destroyed key leaves an empty file behind, which tells it from a key that is missing for another reason: a folder
//! brought back from an old copy, or the wrong one.

mod cipher;
mod private;
mod root;

use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::LessSafeKey;
use seal::{Kms, KmsError, Secret};
use zeroize::Zeroizing;

use self::cipher::{KEY_BYTES, NO_RANDOMNESS};
use super::wrapped::{Service, Wrapped};
use crate::config::kms::{FileSettings, Passphrase};
use crate::kms::read_passphrase;
use crate::output::Failure;

const KEY: &[u8] = b"chanceryk\x01";
const ID_BYTES: usize = 16;

/// The file of the root key.
const ROOT: &str = "root.key";

/// The file KMS.
pub struct FileKms {
    keys: PathBuf,
    root: LessSafeKey,
}

impl FileKms {
    /// Opens the folder; makes it where there is none.
    pub fn open(settings: &FileSettings) -> Result<Self, Failure> {
        let FileSettings { folder, passphrase } = settings;
        let passphrase = read_given(passphrase.as_ref())?;
        let (keys, root) = (folder.join("keys"), folder.join(ROOT));
        let prepared = private::folder(folder).and_then(|()| private::folder(&keys));
        let prepared = prepared.and_then(|()| private::lock(folder));
        let _alone = prepared.map_err(|error| Failure::new(format!("kms.folder: {error}")))?;
        if !root.exists() && keys.read_dir()?.next().is_some() {
            return Err(Failure::new(format!(
                "{} is missing, and it wrapped the keys beside it",
                root.display()
            ))
            .hint("bring it back from its copy; another root key cannot open them"));
        }
        Ok(Self { root: root::open(&root, passphrase.as_ref().map(|text| text.as_bytes()))?, keys })
    }

    /// The key-encryption key of what was wrapped for an agency.
    fn key(&self, id: &[u8; ID_BYTES], agency: &str) -> Result<LessSafeKey, KmsError> {
        let (key, gone) = self.paths(id);
        let read = private::read(&key);
        // Asked after the reading: whatever of a destruction the reading met, this was there before.
        if gone.try_exists().map_err(|error| unavailable(&gone, &error))? {
            return Err(KmsError::Destroyed);
        }
        let bytes = read.map_err(|error| unavailable(&key, &error))?.ok_or_else(|| missing(&key))?;
        let sealed = bytes.strip_prefix(KEY).ok_or(KmsError::Tampered)?;
        let opened = cipher::decrypt(&self.root, &about(id, agency), sealed).ok_or(KmsError::Tampered)?;
        let opened = <&[u8; KEY_BYTES]>::try_from(&opened[..]).map_err(|_| KmsError::Tampered)?;
        Ok(cipher::usable(opened))
    }

    /// The file of a key, and the one that says that it was destroyed.
    fn paths(&self, id: &[u8; ID_BYTES]) -> (PathBuf, PathBuf) {
        let name: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        (self.keys.join(format!("{name}.key")), self.keys.join(format!("{name}.gone")))
    }
}

/// Seals the root key of a folder with another passphrase: that of the settings opens it, the one in `new` from then on. The
/// key itself stays, and with it all that it wraps, so a bus that runs goes on.
pub fn change_passphrase(settings: &FileSettings, new: &Passphrase) -> Result<(), Failure> {
    let FileSettings { folder, passphrase } = settings;
    let old = read_given(passphrase.as_ref())?;
    let new = read_passphrase(new, "--new-passphrase-file")?;
    let failed = |error| Failure::new(format!("kms.folder: {}: {error}", folder.display()));
    let _alone = private::lock(folder).map_err(failed)?;
    root::reseal(&folder.join(ROOT), old.as_ref().map(|text| text.as_bytes()), new.as_bytes())
}

fn read_given(passphrase: Option<&Passphrase>) -> Result<Option<Zeroizing<String>>, Failure> {
    passphrase.map(|passphrase| read_passphrase(passphrase, "kms.passphrase_file")).transpose()
}

/// What a key is bound to.
fn about(id: &[u8; ID_BYTES], agency: &str) -> Vec<u8> {
    [KEY, id, agency.as_bytes()].concat()
}

fn parse(agency: &str, wrapped: &[u8]) -> Result<([u8; ID_BYTES], Vec<u8>), KmsError> {
    let Wrapped { key, sealed } = Wrapped::parse(Service::File, agency, wrapped)?;
    Ok((key.try_into().map_err(|_| KmsError::Tampered)?, sealed))
}

fn unavailable(path: &Path, error: &io::Error) -> KmsError {
    KmsError::Unavailable(format!("{}: {error}", path.display()))
}

fn missing(key: &Path) -> KmsError {
    KmsError::Denied(format!(
        "there is no {}, and nothing says that it was destroyed: is kms.folder an old copy, or another folder?",
        key.display()
    ))
}

impl Kms for FileKms {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        let no_randomness = || KmsError::Unavailable(NO_RANDOMNESS.to_owned());
        let id = cipher::random::<ID_BYTES>().ok_or_else(no_randomness)?;
        let key = cipher::random::<KEY_BYTES>().ok_or_else(no_randomness)?;
        let kept = cipher::encrypt(&self.root, &about(&id, agency), &*key).ok_or_else(no_randomness)?;
        let sealed = cipher::encrypt(&cipher::usable(&key), agency.as_bytes(), secret.expose());
        let sealed = sealed.ok_or_else(no_randomness)?;
        let (path, _) = self.paths(&id);
        private::write_new(&path, &[KEY, &kept].concat()).map_err(|error| unavailable(&path, &error))?;
        Ok(Wrapped { key: id.to_vec(), sealed }.encode(Service::File, agency))
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        let (id, sealed) = parse(agency, wrapped)?;
        let opened = cipher::decrypt(&self.key(&id, agency)?, agency.as_bytes(), &sealed);
        Secret::new(&opened.ok_or(KmsError::Tampered)?).map_err(|_| KmsError::Tampered)
    }

    /// If we die behind the first step, `unwrap` already says that it was destroyed, and whoever asks again has the rest
    /// done.
    fn destroy(&self, agency: &str, wrapped: &[u8]) -> Result<(), KmsError> {
        let (id, _) = parse(agency, wrapped)?;
        let (key, gone) = self.paths(&id);
        match self.key(&id, agency) {
            Ok(_) | Err(KmsError::Destroyed) => {}
            Err(error) => return Err(error),
        }
        private::touch(&gone).map_err(|error| unavailable(&gone, &error))?;
        private::destroy(&key).map_err(|error| unavailable(&key, &error))
    }
}

#[cfg(test)]
mod tests;
