use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::kms::Passphrase;
use crate::kms::battery;

fn settings(folder: &Path) -> FileSettings {
    FileSettings { folder: folder.join("kms"), passphrase: None }
}

fn said(settings: &FileSettings) -> String {
    FileKms::open(settings).err().unwrap().to_string()
}

/// The files of keys, and those of destroyed ones.
fn kept(settings: &FileSettings) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let files = fs::read_dir(settings.folder.join("keys")).unwrap().map(|entry| entry.unwrap().path());
    files.partition(|path| path.extension().unwrap() == "key")
}

#[test]
fn it_does_what_every_service_does() {
    let folder = tempfile::tempdir().unwrap();
    battery::run(Service::File, || FileKms::open(&settings(folder.path())).unwrap());
}

#[test]
fn a_destroyed_key_leaves_an_empty_file_and_an_old_copy_of_the_folder_still_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let kms = FileKms::open(&settings).unwrap();
    let secret = Secret::generate().unwrap();
    let wrapped = kms.wrap("courts", &secret).unwrap();
    let (keys, _) = kept(&settings);
    let copy = fs::read(&keys[0]).unwrap();
    let before = fs::hard_link(&keys[0], folder.path().join("same-file"));
    kms.destroy("courts", &wrapped).unwrap();
    let (none, gone) = kept(&settings);
    assert!(none.is_empty() && gone.len() == 1 && fs::read(&gone[0]).unwrap().is_empty());
    assert!(
        before.is_ok() && fs::read(folder.path().join("same-file")).unwrap().iter().all(|byte| *byte == 0)
    );

    // A key that comes back by itself stays destroyed; the folder of before opens it.
    fs::write(&keys[0], &copy).unwrap();
    fs::set_permissions(&keys[0], fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(kms.unwrap("courts", &wrapped).unwrap_err(), KmsError::Destroyed);
    fs::remove_file(&gone[0]).unwrap();
    assert_eq!(kms.unwrap("courts", &wrapped).unwrap().expose(), secret.expose());
}

#[test]
fn a_destruction_that_was_cut_off_is_one_and_is_ended_when_it_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    for overwritten in [false, true] {
        let kms = FileKms::open(&settings).unwrap();
        let wrapped = kms.wrap("courts", &Secret::generate().unwrap()).unwrap();
        let (keys, _) = kept(&settings);
        private::touch(&keys[0].with_extension("gone")).unwrap();
        if overwritten {
            fs::write(&keys[0], [0; 10]).unwrap();
        }
        let kms = FileKms::open(&settings).unwrap();
        assert_eq!(kms.unwrap("courts", &wrapped).unwrap_err(), KmsError::Destroyed);
        kms.destroy("courts", &wrapped).unwrap();
        assert!(kept(&settings).0.is_empty());
    }
}

#[test]
fn who_unwraps_beside_a_destruction_gets_the_secret_or_is_told_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let kms = FileKms::open(&settings(folder.path())).unwrap();
    for _ in 0..20 {
        let secret = Secret::generate().unwrap();
        let wrapped = kms.wrap("courts", &secret).unwrap();
        std::thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    loop {
                        match kms.unwrap("courts", &wrapped) {
                            Ok(opened) => assert_eq!(opened.expose(), secret.expose()),
                            Err(error) => break assert_eq!(error, KmsError::Destroyed),
                        }
                    }
                });
                threads.spawn(|| kms.destroy("courts", &wrapped).unwrap());
            }
        });
    }
}

#[test]
fn a_key_that_is_missing_is_not_said_to_be_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let kms = FileKms::open(&settings).unwrap();
    let wrapped = kms.wrap("courts", &Secret::generate().unwrap()).unwrap();
    let (keys, _) = kept(&settings);
    let copy = fs::read(&keys[0]).unwrap();
    fs::write(&keys[0], &copy[1..]).unwrap();
    assert_eq!(kms.unwrap("courts", &wrapped).unwrap_err(), KmsError::Tampered);
    fs::remove_file(&keys[0]).unwrap();
    let error = kms.unwrap("courts", &wrapped).unwrap_err();
    assert!(matches!(&error, KmsError::Denied(why) if why.contains("kms.folder")), "{error}");
    assert!(matches!(kms.destroy("courts", &wrapped), Err(KmsError::Denied(_))));
}

#[test]
fn folders_and_files_are_their_owners_only_and_a_root_key_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let kms = FileKms::open(&settings).unwrap();
    let wrapped = kms.wrap("courts", &Secret::generate().unwrap()).unwrap();
    let (keys, _) = kept(&settings);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let below = settings.folder.join("keys");
    assert_eq!([&settings.folder, &below].map(|path| mode(path)), [0o700; 2]);
    assert_eq!([&settings.folder.join("root.key"), &keys[0]].map(|path| mode(path)), [0o600; 2]);
    for path in [&settings.folder, &below] {
        set(path, 0o750);
        assert!(said(&settings).contains("chmod 700"));
        set(path, 0o700);
    }
    set(&keys[0], 0o640);
    let error = kms.unwrap("courts", &wrapped).unwrap_err();
    assert!(matches!(&error, KmsError::Unavailable(why) if why.contains("chmod 600")), "{error}");
    fs::rename(settings.folder.join("root.key"), folder.path().join("kept")).unwrap();
    assert!(said(&settings).contains("is missing"));
}

#[test]
fn a_passphrase_seals_the_folder_and_its_file_is_its_owners_only() {
    let folder = tempfile::tempdir().unwrap();
    let plain = settings(folder.path());
    let secret = Secret::generate().unwrap();
    let wrapped = FileKms::open(&plain).unwrap().wrap("courts", &secret).unwrap();
    let file = folder.path().join("passphrase");
    let with = |is_credential| FileSettings {
        passphrase: Some(Passphrase { file: file.clone(), is_credential }),
        ..plain.clone()
    };
    assert!(said(&with(false)).contains("kms.passphrase_file"));
    private::write_new(&file, b"open sesame\n").unwrap();
    let opened = FileKms::open(&with(false)).unwrap().unwrap("courts", &wrapped).unwrap();
    assert_eq!(opened.expose(), secret.expose());
    assert!(said(&plain).contains("sealed with a passphrase"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).unwrap();
    assert!(said(&with(false)).contains("chmod 600"));
    assert!(FileKms::open(&with(true)).is_ok(), "systemd's own modes");
    fs::write(&file, " \n").unwrap();
    assert!(said(&with(true)).contains("it is empty"));
}
