//! On SoftHSM2, a token in software of the same interface.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::kms::battery;

const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
];

/// A new token in a folder; `SOFTHSM2_CONF` is read once by a process, when it loads the module.
fn new_token(folder: &Path) -> Pkcs11Settings {
    let module = MODULES.iter().map(PathBuf::from).find(|module| module.exists());
    let module = module.expect("SoftHSM2 is installed: ./dev test does so (apt-get install softhsm2)");
    let conf = folder.join("softhsm2.conf");
    fs::create_dir(folder.join("tokens")).unwrap();
    fs::write(&conf, format!("directories.tokendir = {}/tokens\nlog.level = ERROR\n", folder.display()))
        .unwrap();
    let made = Command::new("softhsm2-util")
        .env("SOFTHSM2_CONF", &conf)
        .args(["--init-token", "--free", "--label", "chancery-test", "--pin", "4711", "--so-pin", "0815"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    fs::write(folder.join("pin"), "4711\n").unwrap();
    Pkcs11Settings {
        module,
        token: "chancery-test".to_owned(),
        pin_file: folder.join("pin"),
        prefix: "bus".to_owned(),
    }
}

/// The module reads its configuration from the environment of the process, so the test runs in one of its own.
#[test]
fn it_does_what_every_service_does_and_finds_its_way_back() {
    const IN_CHILD: &str = "CHANCERY_TEST_TOKEN_FOLDER";
    let Some(folder) = std::env::var_os(IN_CHILD) else {
        let folder = tempfile::tempdir().unwrap();
        new_token(folder.path());
        let name = "kms::pkcs11::tests::it_does_what_every_service_does_and_finds_its_way_back";
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(IN_CHILD, folder.path())
            .env("SOFTHSM2_CONF", folder.path().join("softhsm2.conf"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && said.contains("1 passed"), "{child:?}");
        return;
    };
    let folder = PathBuf::from(folder);
    let module = MODULES.iter().map(PathBuf::from).find(|module| module.exists()).unwrap();
    let settings = Pkcs11Settings {
        module,
        token: "chancery-test".to_owned(),
        pin_file: folder.join("pin"),
        prefix: "bus".to_owned(),
    };
    battery::run(Service::Pkcs11, || open(&settings).unwrap());

    let token = Token::open(&settings).unwrap();
    let secret = Secret::generate().unwrap();
    let wrapped = token.wrap("tax-office", &secret).unwrap();
    // Whatever ended the session, the next call opens another.
    *token.session.lock().unwrap() = None;
    assert_eq!(token.unwrap("tax-office", &wrapped).unwrap().expose(), secret.expose());
    // Keys that are not seen without a login are not taken for destroyed.
    token.session.lock().unwrap().as_ref().unwrap().logout().unwrap();
    assert_eq!(token.unwrap("tax-office", &wrapped).unwrap().expose(), secret.expose());
    token
        .within(|session| {
            let keys = session.find_objects(&[Attribute::Label(b"bus-tax-office".to_vec())]).unwrap();
            assert_eq!(keys.len(), 2, "one of the battery was destroyed");
            let asked = [AttributeType::Sensitive, AttributeType::Extractable, AttributeType::Token];
            let said = session.get_attributes(keys[0], &asked).unwrap();
            let wanted = [Attribute::Sensitive(true), Attribute::Extractable(false), Attribute::Token(true)];
            assert_eq!(said, wanted);
            Ok(())
        })
        .unwrap();

    let elsewhere = Token::open(&Pkcs11Settings { token: "another".to_owned(), ..settings.clone() }).unwrap();
    assert!(matches!(elsewhere.wrap("tax-office", &secret), Err(KmsError::Unavailable(_))));
    // The process is logged in; a wrong PIN shows once it is not.
    *token.session.lock().unwrap() = None;
    fs::write(folder.join("pin"), "1234").unwrap();
    assert!(matches!(Token::open(&settings).unwrap().wrap("tax-office", &secret), Err(KmsError::Denied(_))));
}
