//! The root key, which wraps the keys of a folder: plain, or sealed with a passphrase (`docs/formats/kms.md`).
//!
//! From a passphrase Argon2id makes the key that seals it, by the second recommended option of RFC 9106, section 4:
//! 64 MiB, three passes, four lanes. What a file says is bounded, so that no file makes a start hang.

use std::path::Path;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::aead::LessSafeKey;
use zeroize::Zeroizing;

use super::cipher::{self, KEY_BYTES, Key, NO_RANDOMNESS};
use super::private;
use crate::output::Failure;

const PLAIN: &[u8] = b"chanceryr\x01";
const SEALED: &[u8] = b"chanceryp\x01";
const SALT_BYTES: usize = 16;

/// Argon2id's costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Costs {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

const RECOMMENDED: Costs = Costs { memory_kib: 64 * 1024, passes: 3, lanes: 4 };

/// The first recommended option of RFC 9106 has 2 GiB and one pass.
const BOUND: Costs = Costs { memory_kib: 2 * 1024 * 1024, passes: 16, lanes: 64 };

/// Opens the root key in `path`; makes it where there is none. Given a passphrase, a plain one is sealed with it.
pub fn open(path: &Path, passphrase: Option<&[u8]>) -> Result<LessSafeKey, Failure> {
    private::abandon(path).map_err(|error| named(path, &error))?;
    let Some(Root { key, is_sealed }) = read(path, passphrase)? else {
        let key = cipher::random::<KEY_BYTES>().ok_or_else(|| Failure::new(NO_RANDOMNESS))?;
        write(path, &key, passphrase)?;
        return Ok(cipher::usable(&key));
    };
    if passphrase.is_some() && !is_sealed {
        write(path, &key, passphrase)?;
        tracing::info!("the root key {} is sealed with the passphrase from now on", path.display());
    }
    Ok(cipher::usable(&key))
}

/// Seals the root key in `path` with another passphrase; a plain one has no `old`. If we die in between, it is the old one
/// or the new one, whole.
pub fn reseal(path: &Path, old: Option<&[u8]>, new: &[u8]) -> Result<(), Failure> {
    let root = read(path, old)?;
    let Root { key, is_sealed } = root.ok_or_else(|| {
        Failure::new(format!("kms.folder: there is no root key {}", path.display()))
            .hint("--kms-folder, or kms.folder in the file that --config names, says where the bus has it")
    })?;
    if is_sealed && old == Some(new) {
        return Err(Failure::usage("the new passphrase is the one that the root key is sealed with already"));
    }
    write(path, &key, Some(new))
}

/// What a root key's file holds.
struct Root {
    key: Key,
    is_sealed: bool,
}

/// The root key in `path`; `None` where there is none.
fn read(path: &Path, passphrase: Option<&[u8]>) -> Result<Option<Root>, Failure> {
    let Some(bytes) = private::read(path).map_err(|error| named(path, &error))? else { return Ok(None) };
    if let Some(key) = bytes.strip_prefix(PLAIN) {
        let key = <&[u8; KEY_BYTES]>::try_from(key).map_err(|_| no_root_key(path))?;
        return Ok(Some(Root { key: Zeroizing::new(*key), is_sealed: false }));
    }
    let sealed = bytes.strip_prefix(SEALED).ok_or_else(|| no_root_key(path))?;
    let passphrase = passphrase.ok_or_else(|| {
        Failure::new(format!(
            "the root key {} is sealed with a passphrase, and none is given",
            path.display()
        ))
        .hint(
            "--kms-passphrase-file FILE, or LoadCredential=chancery-kms-passphrase:FILE in its systemd unit",
        )
    })?;
    let key = unsealed(sealed, passphrase).map_err(|why| match why {
        Wrong::Form => no_root_key(path),
        Wrong::Passphrase => {
            Failure::new(format!("the passphrase does not open the root key {}", path.display())).hint(
                "give the one that it was sealed with; without it nothing in the data folder can be opened",
            )
        }
    })?;
    Ok(Some(Root { key, is_sealed: true }))
}

fn write(path: &Path, key: &Key, passphrase: Option<&[u8]>) -> Result<(), Failure> {
    private::replace(path, &written(key, passphrase)?).map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("kms.folder: {}: {error}", path.display()))
}

/// Why a sealed root key does not open.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Form,
    Passphrase,
}

fn no_root_key(path: &Path) -> Failure {
    Failure::new(format!("kms.folder: {} is no root key of a format that is known here", path.display()))
        .hint("bring it back from its copy")
}

/// The file's bytes.
fn written(key: &Key, passphrase: Option<&[u8]>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let no_randomness = || Failure::new(NO_RANDOMNESS);
    let mut bytes = Zeroizing::new(Vec::with_capacity(128));
    let Some(passphrase) = passphrase else {
        bytes.extend(PLAIN);
        bytes.extend(&**key);
        return Ok(bytes);
    };
    let salt = cipher::random::<SALT_BYTES>().ok_or_else(no_randomness)?;
    let Costs { memory_kib, passes, lanes } = RECOMMENDED;
    bytes.extend(SEALED);
    bytes.extend([memory_kib, passes, lanes].map(u32::to_le_bytes).as_flattened());
    bytes.extend(&*salt);
    let sealing = stretched(passphrase, &*salt, RECOMMENDED).ok_or_else(no_randomness)?;
    let sealed = cipher::encrypt(&cipher::usable(&sealing), &bytes, &**key).ok_or_else(no_randomness)?;
    bytes.extend(&sealed);
    Ok(bytes)
}

/// The root key in what follows the mark of a sealed one.
fn unsealed(bytes: &[u8], passphrase: &[u8]) -> Result<Key, Wrong> {
    let (numbers, rest) = bytes.split_first_chunk::<12>().ok_or(Wrong::Form)?;
    let (salt, sealed) = rest.split_first_chunk::<SALT_BYTES>().ok_or(Wrong::Form)?;
    let number =
        |at: usize| u32::from_le_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]]);
    let costs = Costs { memory_kib: number(0), passes: number(4), lanes: number(8) };
    let is_bounded =
        costs.memory_kib <= BOUND.memory_kib && costs.passes <= BOUND.passes && costs.lanes <= BOUND.lanes;
    let sealing = Some(costs).filter(|_| is_bounded).and_then(|costs| stretched(passphrase, salt, costs));
    let sealing = sealing.ok_or(Wrong::Form)?;
    let header = [SEALED, numbers, salt].concat();
    let opened = cipher::decrypt(&cipher::usable(&sealing), &header, sealed).ok_or(Wrong::Passphrase)?;
    <[u8; KEY_BYTES]>::try_from(&opened[..]).map(Zeroizing::new).map_err(|_| Wrong::Form)
}

/// Argon2id, version 1.3; `None` for costs that it does not know or memory that is not there.
fn stretched(passphrase: &[u8], salt: &[u8], costs: Costs) -> Option<Key> {
    let params = Params::new(costs.memory_kib, costs.passes, costs.lanes, Some(KEY_BYTES)).ok()?;
    let mut memory = Zeroizing::new(vec![Block::default(); params.block_count()]);
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passphrase, salt, &mut *key, &mut memory[..])
        .ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn same(one: &LessSafeKey, other: &LessSafeKey) -> bool {
        let sealed = cipher::encrypt(one, b"", b"x").unwrap();
        cipher::decrypt(other, b"", &sealed).is_some()
    }

    fn said(path: &Path, passphrase: Option<&[u8]>) -> String {
        open(path, passphrase).err().unwrap().to_string()
    }

    #[test]
    fn a_plain_key_is_sealed_once_a_passphrase_is_given_and_then_opens_with_it_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let key = open(&path, None).unwrap();
        let plain = fs::read(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(same(&key, &open(&path, None).unwrap()));
        assert!(same(&key, &open(&path, Some(b"open sesame")).unwrap()));
        let sealed = fs::read(&path).unwrap();
        assert!(sealed.starts_with(SEALED) && !sealed.windows(8).any(|part| plain[10..].starts_with(part)));
        assert!(same(&key, &open(&path, Some(b"open sesame")).unwrap()));
        assert_eq!(fs::read(&path).unwrap(), sealed, "a sealed one is left as it is");
        assert!(said(&path, None).contains("--kms-passphrase-file"));
        assert!(said(&path, Some(b"open barley")).contains("the passphrase does not open the root key"));
        for at in [12, 30, 60] {
            let mut spoiled = sealed.clone();
            spoiled[at] ^= 1;
            fs::write(&path, &spoiled).unwrap();
            assert!(open(&path, Some(b"open sesame")).is_err(), "byte {at}");
        }
    }

    #[test]
    fn another_passphrase_opens_the_same_key_and_the_old_one_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let refused = |old, new| reseal(&path, old, new).unwrap_err().to_string();
        assert!(refused(None, b"open sesame").contains("there is no root key"));
        let key = open(&path, None).unwrap();
        reseal(&path, None, b"open sesame").unwrap();
        let first = folder.path().join("same-file");
        fs::hard_link(&path, &first).unwrap();
        let sealed = fs::read(&path).unwrap();
        assert!(refused(None, b"open barley").contains("--kms-passphrase-file"));
        assert!(refused(Some(b"open oats"), b"open barley").contains("the passphrase does not open"));
        assert_eq!(fs::read(&path).unwrap(), sealed, "what was refused changed nothing");
        reseal(&path, Some(b"open sesame"), b"open barley").unwrap();
        assert!(same(&key, &open(&path, Some(b"open barley")).unwrap()));
        assert!(said(&path, Some(b"open sesame")).contains("the passphrase does not open the root key"));
        assert!(fs::read(&first).unwrap().iter().all(|byte| *byte == 0), "the old file is not left behind");
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.count(), 2, "the key and the test's own link");
    }

    /// All that a crash can leave: the old key's file, and of the new one as much as was written of it.
    #[test]
    fn a_change_that_was_cut_off_leaves_the_old_passphrase_and_nothing_of_the_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let key = open(&path, Some(b"open sesame")).unwrap();
        let Root { key: plain, .. } = read(&path, Some(b"open sesame")).unwrap().unwrap();
        let whole = written(&plain, Some(b"open barley")).unwrap();
        for length in [0, 1, 50, whole.len()] {
            let prepared = private::prepare(&path, &whole[..length]).unwrap();
            assert!(same(&key, &open(&path, Some(b"open sesame")).unwrap()), "{length} bytes were written");
            assert!(!prepared.exists(), "{length} bytes were written");
        }
        private::prepare(&path, &whole[..50]).unwrap();
        reseal(&path, Some(b"open sesame"), b"open barley").unwrap();
        assert!(same(&key, &open(&path, Some(b"open barley")).unwrap()));
    }

    #[test]
    fn a_file_that_is_none_or_asks_too_much_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        private::write_new(&path, &[7; 32]).unwrap();
        assert!(said(&path, None).contains("no root key"));
        let greedy = [SEALED, &[0xff; 4], &3_u32.to_le_bytes(), &4_u32.to_le_bytes(), &[0; 76]].concat();
        fs::write(&path, greedy).unwrap();
        assert!(said(&path, Some(b"x")).contains("no root key"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(said(&path, None).contains("chmod 600"));
    }

    /// RFC 9106 has no vector without a secret and associated data; this one is of the reference implementation's tests.
    #[test]
    fn the_key_is_stretched_as_others_do() {
        let costs = Costs { memory_kib: 64 * 1024, passes: 2, lanes: 1 };
        let key = stretched(b"password", b"somesalt", costs).unwrap();
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
    }
}
