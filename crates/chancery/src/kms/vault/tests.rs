//! What the client does on any transit engine: on one that was written for the tests (`transit`), and on a real Vault
//! (`process`, by `./dev vault`).

mod process;
mod transit;

use std::path::Path;

use super::*;
use crate::kms::battery;

/// A transit engine, mounted at `secrets/transit`.
trait Engine {
    /// Scheme, host and port.
    fn address(&self) -> &str;
    /// A token with the rights that the manual asks for.
    fn token(&self) -> String;
    /// Nothing is opened any more until it is unsealed.
    fn seal(&self);
    fn unseal(&self);
    /// The names of its keys.
    fn keys(&self) -> Vec<String>;
}

fn vault(address: &str, folder: &Path) -> Vault {
    Vault::new(&VaultSettings {
        address: address.to_owned(),
        token_file: folder.join("token"),
        mount: "secrets/transit".to_owned(),
        prefix: "chancery".to_owned(),
        namespace: None,
        ca: None,
    })
    .unwrap()
}

/// A client with the right token, and the token's folder.
fn client(engine: &impl Engine) -> (Vault, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), engine.token() + "\n").unwrap();
    (vault(engine.address(), folder.path()), folder)
}

fn does_what_every_service_does(engine: &impl Engine) {
    let (_, folder) = client(engine);
    battery::run(Service::Vault, || vault(engine.address(), folder.path()));
    assert_eq!(engine.keys().len(), 2, "a destroyed one is not kept");
}

fn takes_the_token_of_the_moment(engine: &impl Engine) {
    let (vault, folder) = client(engine);
    let token = folder.path().join("token");
    let secret = Secret::generate().unwrap();
    let wrapped = vault.wrap("courts", &secret).unwrap();
    fs::write(&token, "s.other").unwrap();
    assert!(matches!(vault.unwrap("courts", &wrapped), Err(KmsError::Denied(_))));
    assert!(matches!(vault.destroy("courts", &wrapped), Err(KmsError::Denied(_))));
    fs::write(&token, engine.token()).unwrap();
    vault.unwrap("courts", &wrapped).unwrap();
    fs::write(&token, engine.token() + "\nX-Other: header").unwrap();
    assert!(matches!(vault.unwrap("courts", &wrapped), Err(KmsError::Denied(_))));
}

fn tells_what_is_worth_another_try(engine: &impl Engine) {
    let (reached, folder) = client(engine);
    let secret = Secret::generate().unwrap();
    let wrapped = reached.wrap("tax-office", &secret).unwrap();
    engine.seal();
    let said = reached.wrap("tax-office", &secret).unwrap_err();
    assert!(matches!(&said, KmsError::Unavailable(why) if why.contains("sealed")), "{said}");
    assert!(matches!(reached.unwrap("tax-office", &wrapped), Err(KmsError::Unavailable(_))));
    assert!(matches!(reached.destroy("tax-office", &wrapped), Err(KmsError::Unavailable(_))));
    engine.unseal();
    assert_eq!(reached.unwrap("tax-office", &wrapped).unwrap().expose(), secret.expose());
    let elsewhere = VaultSettings { mount: "transit".to_owned(), ..reached.settings.clone() };
    let elsewhere = Vault::new(&elsewhere).unwrap();
    assert!(matches!(elsewhere.unwrap("tax-office", &wrapped), Err(KmsError::Denied(_))));
    assert!(matches!(elsewhere.destroy("tax-office", &wrapped), Err(KmsError::Denied(_))));
    let away = vault("http://127.0.0.1:1", folder.path());
    assert!(matches!(away.wrap("tax-office", &secret), Err(KmsError::Unavailable(_))));
    fs::remove_file(folder.path().join("token")).unwrap();
    assert!(matches!(reached.wrap("tax-office", &secret), Err(KmsError::Denied(_))), "there is no token");
}
