//! On SoftHSM2, a token in software of the same interface.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

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
fn a_secret_opens_for_its_agency_only_and_in_a_new_session() {
    const IN_CHILD: &str = "CHANCERY_TEST_TOKEN_FOLDER";
    let Some(folder) = std::env::var_os(IN_CHILD) else {
        let folder = tempfile::tempdir().unwrap();
        new_token(folder.path());
        let name = "kms::pkcs11::tests::a_secret_opens_for_its_agency_only_and_in_a_new_session";
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
    let token = Token::open(&settings).unwrap();
    let secret = Secret::generate().unwrap();
    let mut wrapped = token.wrap("tax-office", &secret).unwrap();
    assert!(!wrapped.windows(8).any(|part| part == &secret.expose()[..8]));
    token.wrap("courts", &secret).unwrap();
    assert_eq!(token.unwrap("tax-office", &wrapped).unwrap().expose(), secret.expose());
    assert_eq!(token.unwrap("courts", &wrapped).unwrap_err(), KmsError::Tampered);
    assert!(matches!(token.unwrap("nobody", &wrapped), Err(KmsError::Denied(_))));
    assert_eq!(token.unwrap("tax-office", b"vault:v1:").unwrap_err(), KmsError::Tampered);

    // Whatever ended the session, the next call opens another.
    *token.session.lock().unwrap() = None;
    assert_eq!(token.unwrap("tax-office", &wrapped).unwrap().expose(), secret.expose());
    let last = wrapped.len() - 1;
    wrapped[last] ^= 1;
    assert_eq!(token.unwrap("tax-office", &wrapped).unwrap_err(), KmsError::Tampered);

    let elsewhere = Token::open(&Pkcs11Settings { token: "another".to_owned(), ..settings.clone() }).unwrap();
    assert!(matches!(elsewhere.wrap("tax-office", &secret), Err(KmsError::Unavailable(_))));
    // The process is logged in; a wrong PIN shows once it is not.
    *token.session.lock().unwrap() = None;
    fs::write(folder.join("pin"), "1234").unwrap();
    assert!(matches!(Token::open(&settings).unwrap().wrap("tax-office", &secret), Err(KmsError::Denied(_))));
}
