//! `[kms]`: where agencies' secrets are kept, as written and as meant.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use crate::output::Failure;

/// The settings of the key management service, as written.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TypedKms {
    /// Where agencies' secrets are kept: file [default], vault (HashiCorp Vault or OpenBao) or pkcs11
    #[arg(long = "kms", id = "kms_kind", env = "CHANCERY_KMS")]
    pub kind: Option<String>,
    /// File: the folder with its keys [default: DATA/kms]; outside of DATA, no old copy of DATA takes it along
    #[arg(long = "kms-folder", env = "CHANCERY_KMS_FOLDER")]
    pub folder: Option<PathBuf>,
    /// File: the file with the passphrase that seals its root key [default: systemd's credential chancery-kms-passphrase]
    #[arg(long = "kms-passphrase-file", env = "CHANCERY_KMS_PASSPHRASE_FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Vault: its address, such as `https://vault.example:8200`
    #[arg(long = "kms-vault-address", env = "CHANCERY_KMS_VAULT_ADDRESS")]
    pub vault_address: Option<String>,
    /// Vault: the file with the bus's token; read anew for each call
    #[arg(long = "kms-vault-token-file", env = "CHANCERY_KMS_VAULT_TOKEN_FILE")]
    pub vault_token_file: Option<PathBuf>,
    /// Vault: where its transit engine is mounted [default: transit]
    #[arg(long = "kms-vault-mount", env = "CHANCERY_KMS_VAULT_MOUNT")]
    pub vault_mount: Option<String>,
    /// Vault: the namespace [default: none]
    #[arg(long = "kms-vault-namespace", env = "CHANCERY_KMS_VAULT_NAMESPACE")]
    pub vault_namespace: Option<String>,
    /// Vault: who may sign its certificate, PEM [default: the public authorities]
    #[arg(long = "kms-vault-ca", id = "kms_vault_ca", env = "CHANCERY_KMS_VAULT_CA")]
    pub vault_ca: Option<PathBuf>,
    /// PKCS#11: the module, such as /usr/lib/softhsm/libsofthsm2.so
    #[arg(long = "kms-pkcs11-module", env = "CHANCERY_KMS_PKCS11_MODULE")]
    pub pkcs11_module: Option<PathBuf>,
    /// PKCS#11: the token's label
    #[arg(long = "kms-pkcs11-token", env = "CHANCERY_KMS_PKCS11_TOKEN")]
    pub pkcs11_token: Option<String>,
    /// PKCS#11: the file with its user's PIN
    #[arg(long = "kms-pkcs11-pin-file", env = "CHANCERY_KMS_PKCS11_PIN_FILE")]
    pub pkcs11_pin_file: Option<PathBuf>,
    /// Vault and PKCS#11: what keys are called, before a hyphen and the agency [default: chancery]
    #[arg(long = "kms-key-prefix", env = "CHANCERY_KMS_KEY_PREFIX")]
    pub key_prefix: Option<String>,
}

impl TypedKms {
    /// These settings where they are set, else those of `other`.
    pub fn over(self, other: Self) -> Self {
        Self {
            kind: self.kind.or(other.kind),
            folder: self.folder.or(other.folder),
            passphrase_file: self.passphrase_file.or(other.passphrase_file),
            vault_address: self.vault_address.or(other.vault_address),
            vault_token_file: self.vault_token_file.or(other.vault_token_file),
            vault_mount: self.vault_mount.or(other.vault_mount),
            vault_namespace: self.vault_namespace.or(other.vault_namespace),
            vault_ca: self.vault_ca.or(other.vault_ca),
            pkcs11_module: self.pkcs11_module.or(other.pkcs11_module),
            pkcs11_token: self.pkcs11_token.or(other.pkcs11_token),
            pkcs11_pin_file: self.pkcs11_pin_file.or(other.pkcs11_pin_file),
            key_prefix: self.key_prefix.or(other.key_prefix),
        }
    }
}

/// Where agencies' secrets are kept.
#[derive(Debug, Clone)]
pub enum Meant {
    /// By a folder of keys.
    File(FileSettings),
    /// By a transit engine.
    Vault(VaultSettings),
    /// By a token of a PKCS#11 module.
    Pkcs11(Pkcs11Settings),
}

/// A folder of keys.
#[derive(Debug, Clone)]
pub struct FileSettings {
    /// Where.
    pub folder: PathBuf,
    /// What seals its root key; `None`: nothing.
    pub passphrase: Option<Passphrase>,
}

/// Where a passphrase is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passphrase {
    /// The file that it stands in.
    pub file: PathBuf,
    /// Whether it is one of systemd's credentials, which says by itself who may read it.
    pub is_credential: bool,
}

impl Passphrase {
    /// What the credential is called, in the folder that systemd names.
    const CREDENTIAL: &str = "chancery-kms-passphrase";

    /// The file of the settings, else the credential, if there is one.
    fn find(given: Option<PathBuf>, credentials: Option<&Path>) -> Option<Self> {
        if let Some(file) = given {
            return Some(Self { file, is_credential: false });
        }
        let file = credentials?.join(Self::CREDENTIAL);
        file.exists().then_some(Self { file, is_credential: true })
    }
}

/// A transit engine.
#[derive(Debug, Clone)]
pub struct VaultSettings {
    /// Scheme, host and port.
    pub address: String,
    /// The file with the token.
    pub token_file: PathBuf,
    /// Where the engine is mounted, without slashes around.
    pub mount: String,
    /// What keys are called, before a hyphen and the agency.
    pub prefix: String,
    /// The namespace, where there are such.
    pub namespace: Option<String>,
    /// Who may sign the certificate; `None`: the public authorities.
    pub ca: Option<PathBuf>,
}

/// A token of a module.
#[derive(Debug, Clone)]
pub struct Pkcs11Settings {
    /// The module's library.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The file with its user's PIN.
    pub pin_file: PathBuf,
    /// What keys are called, before a hyphen and the agency.
    pub prefix: String,
}

impl Meant {
    /// Whether the service's own keys lie in the data folder, and go with each copy of it.
    pub fn lies_in(&self, data: &Path) -> bool {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        matches!(self, Meant::File(settings) if absolute(&settings.folder).starts_with(absolute(data)))
    }

    /// What the settings come to, for a bus with this data folder.
    pub fn new(typed: TypedKms, data: &Path) -> Result<Self, Failure> {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self::with(typed, data, credentials.as_deref())
    }

    /// The same, where systemd's credentials lie in a folder.
    fn with(typed: TypedKms, data: &Path, credentials: Option<&Path>) -> Result<Self, Failure> {
        let kind = typed.kind.as_deref().unwrap_or("file");
        let prefix = key_prefix(typed.key_prefix)?;
        let for_file = typed.folder.is_some() || typed.passphrase_file.is_some();
        let for_vault = typed.vault_address.is_some() || typed.vault_token_file.is_some();
        let for_token =
            typed.pkcs11_module.is_some() || typed.pkcs11_token.is_some() || typed.pkcs11_pin_file.is_some();
        match kind {
            "file" if !for_vault && !for_token => Ok(Meant::File(FileSettings {
                folder: typed.folder.unwrap_or_else(|| data.join("kms")),
                passphrase: Passphrase::find(typed.passphrase_file, credentials),
            })),
            "vault" if !for_file && !for_token => {
                let (Some(address), Some(token_file)) = (typed.vault_address, typed.vault_token_file) else {
                    return Err(Failure::usage("kms: vault needs vault_address and vault_token_file"));
                };
                let mount = typed.vault_mount.unwrap_or_else(|| "transit".to_owned());
                Ok(Meant::Vault(VaultSettings {
                    address: vault_address(&address)?,
                    token_file,
                    mount: mount.trim_matches('/').to_owned(),
                    prefix,
                    namespace: typed.vault_namespace,
                    ca: typed.vault_ca,
                }))
            }
            "pkcs11" if !for_file && !for_vault => {
                let given = (typed.pkcs11_module, typed.pkcs11_token, typed.pkcs11_pin_file);
                let (Some(module), Some(token), Some(pin_file)) = given else {
                    return Err(Failure::usage(
                        "kms: pkcs11 needs pkcs11_module, pkcs11_token and pkcs11_pin_file",
                    ));
                };
                Ok(Meant::Pkcs11(Pkcs11Settings { module, token, pin_file, prefix }))
            }
            "file" | "vault" | "pkcs11" => {
                Err(Failure::usage(format!("kms: it is {kind}, and there are settings of another"))
                    .hint("say --kms file, --kms vault or --kms pkcs11, or leave those settings out"))
            }
            other => Err(Failure::usage(format!("kms: {other:?} is none")).hint("file, vault or pkcs11")),
        }
    }
}

/// The name of a key is a part of a path and a label: letters and digits, and what may stand between them.
fn key_prefix(given: Option<String>) -> Result<String, Failure> {
    let prefix = given.unwrap_or_else(|| "chancery".to_owned());
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let begins_well = prefix.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    if begins_well && prefix.len() <= 64 && prefix.bytes().all(is_plain) {
        return Ok(prefix);
    }
    Err(Failure::usage(format!("kms.key_prefix: {prefix:?} is no beginning of a key's name"))
        .hint("up to 64 letters, digits, hyphens, dots and underscores"))
}

/// Keys travel to and from there, so the way is secured, or does not leave this machine.
fn vault_address(text: &str) -> Result<String, Failure> {
    let address = text.trim_end_matches('/');
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_local = local.iter().any(|begin| address.strip_prefix(begin).is_some_and(is_port));
    if is_local || address.strip_prefix("https://").is_some_and(|host| !host.is_empty()) {
        return Ok(address.to_owned());
    }
    Err(Failure::usage(format!("kms.vault_address: {text:?} is not https:// and not on this machine")))
}

/// Nothing, or a colon and a number: what else a colon begins may name another host.
fn is_port(rest: &str) -> bool {
    rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(toml: &str) -> Result<Meant, String> {
        let typed: TypedKms = toml::from_str(toml).map_err(|error| error.to_string())?;
        Meant::with(typed, Path::new("data"), None).map_err(|failure| failure.to_string())
    }

    #[test]
    fn keys_lie_in_the_data_folder_or_where_it_is_said_and_a_passphrase_is_given_or_a_credential() {
        let Ok(Meant::File(settings)) = meant("") else { panic!() };
        assert_eq!((settings.folder, settings.passphrase), (PathBuf::from("data/kms"), None));
        let Ok(Meant::File(settings)) = meant("folder = \"/srv/kms\"\npassphrase_file = \"p\"") else {
            panic!()
        };
        let given = Passphrase { file: PathBuf::from("p"), is_credential: false };
        assert_eq!((settings.folder, settings.passphrase), (PathBuf::from("/srv/kms"), Some(given.clone())));

        let credentials = tempfile::tempdir().unwrap();
        assert_eq!(Passphrase::find(None, Some(credentials.path())), None);
        let file = credentials.path().join("chancery-kms-passphrase");
        std::fs::write(&file, "open sesame").unwrap();
        let credential = Some(Passphrase { file, is_credential: true });
        assert_eq!(Passphrase::find(None, Some(credentials.path())), credential);
        assert_eq!(Passphrase::find(Some(PathBuf::from("p")), Some(credentials.path())), Some(given));
    }

    #[test]
    fn each_kind_asks_for_its_own_and_for_no_other() {
        assert!(matches!(meant("kind = \"file\""), Ok(Meant::File(_))));
        let vault =
            "kind = \"vault\"\nvault_address = \"https://vault.example:8200/\"\nvault_token_file = \"t\"\n";
        let Ok(Meant::Vault(settings)) = meant(&format!("{vault}vault_mount = \"/a/transit/\"")) else {
            panic!()
        };
        assert_eq!(
            (settings.address.as_str(), settings.mount.as_str()),
            ("https://vault.example:8200", "a/transit")
        );
        assert!(meant(&vault.replace("https", "http")).unwrap_err().contains("https://"));
        assert!(meant(&vault.replace("https://vault.example", "http://127.0.0.1.evil.example")).is_err());
        assert!(
            meant(&vault.replace("https://vault.example:8200", "http://127.0.0.1:1@evil.example")).is_err()
        );
        assert!(meant(&vault.replace("https://vault.example", "http://127.0.0.1")).is_ok());
        assert!(meant(&vault.replace("kind = \"vault\"", "")).unwrap_err().contains("settings of another"));
        assert!(meant("kind = \"vault\"").unwrap_err().contains("vault_address"));
        let token = "kind = \"pkcs11\"\npkcs11_module = \"m.so\"\npkcs11_token = \"t\"\n";
        assert!(meant(token).unwrap_err().contains("pkcs11_pin_file"));
        assert!(matches!(meant(&format!("{token}pkcs11_pin_file = \"p\"")), Ok(Meant::Pkcs11(_))));
        assert!(meant(&format!("{vault}folder = \"k\"")).unwrap_err().contains("settings of another"));
        for prefix in ["", "-a", "a/b", "a b", "a?", &"a".repeat(65)] {
            assert!(
                meant(&format!("key_prefix = {prefix:?}")).unwrap_err().contains("kms.key_prefix"),
                "{prefix}"
            );
        }
        assert!(meant("kind = \"cloud\"").unwrap_err().contains("\"cloud\" is none"));
    }
}
