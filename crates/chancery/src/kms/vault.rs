//! HashiCorp Vault's or OpenBao's transit engine (<https://openbao.org/api-docs/secret/transit/>): a key for each wrapped
//! secret, which never leaves it.
//!
//! The key is called `PREFIX-AGENCY-` and 16 random hex digits; the wrapped form has that name and the engine's
//! ciphertext, `vault:v1:…`. The engine keeps nothing of a key that was deleted, so that one it does not know is one
//! that was destroyed. The token is read from its file for each call: whoever renews it writes it there.

use std::fs;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seal::{Kms, KmsError, Secret};
use serde::Deserialize;
use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;
use zeroize::Zeroizing;

use super::wrapped::{Service, Wrapped};
use super::{PATIENCE, read_text};
use crate::client::{Authorities, calling};
use crate::config::kms::VaultSettings;
use crate::output::Failure;

/// The longest answer that is read.
const ANSWER_BYTES: usize = 64 * 1024;

/// Hex digits behind a key's prefix and agency.
const RANDOM_DIGITS: usize = 16;

/// A transit engine.
pub struct Vault {
    agent: Agent,
    settings: VaultSettings,
}

/// What the engine decrypted; a secret stands in it, so it is zeroised.
#[derive(Deserialize)]
struct Decrypted {
    plaintext: Zeroizing<String>,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

impl Vault {
    /// The engine that the settings name; it is first asked when it is first needed.
    pub fn new(settings: &VaultSettings) -> Result<Self, Failure> {
        let read = settings.ca.as_deref().map(|path| {
            let pem = fs::read(path).map_err(|error| error.to_string());
            let read = pem.and_then(|pem| Authorities::parse(&pem));
            read.map_err(|error| Failure::new(format!("kms.vault_ca: {}: {error}", path.display())))
        });
        Ok(Self { agent: calling(read.transpose()?, PATIENCE), settings: settings.clone() })
    }

    /// One call; without a body it deletes. The path begins behind the mount and ends with a key's name or behind it.
    fn call(&self, path: &str, body: Option<&str>) -> Result<Zeroizing<String>, KmsError> {
        let VaultSettings { address, mount, namespace, .. } = &self.settings;
        let token = self.token()?;
        let mut request = Request::builder()
            .uri(format!("{address}/v1/{mount}/{path}"))
            .header("X-Vault-Token", token.as_str())
            .header("X-Vault-Request", "true");
        if let Some(namespace) = namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        let unreachable =
            |error: &dyn std::fmt::Display| KmsError::Unavailable(format!("{address}: {error}"));
        let malformed = |error| KmsError::Denied(format!("the token or the namespace: {error}"));
        let sent = match body {
            Some(body) => {
                let request = request.method("POST").header("Content-Type", "application/json");
                self.agent.run(request.body(body).map_err(malformed)?)
            }
            None => self.agent.run(request.method("DELETE").body(()).map_err(malformed)?),
        };
        let mut answer = sent.map_err(|error| unreachable(&error))?;
        let status = answer.status().as_u16();
        // Of one size from the start, so that no smaller copy stays behind.
        let mut text = Zeroizing::new(String::with_capacity(ANSWER_BYTES));
        let body = answer.body_mut().as_reader().take(ANSWER_BYTES as u64);
        { body }.read_to_string(&mut text).map_err(|error| unreachable(&error))?;
        match status {
            200..=299 => Ok(text),
            status => Err(refused(status, &text, path)),
        }
    }

    fn token(&self) -> Result<Zeroizing<String>, KmsError> {
        let path = &self.settings.token_file;
        read_text(path).map_err(|error| {
            KmsError::Denied(format!("its token cannot be read from {}: {error}", path.display()))
        })
    }

    /// What an agency's keys are called before their random digits.
    fn beginning(&self, agency: &str) -> String {
        format!("{}-{agency}-", self.settings.prefix)
    }

    /// The name of a key of this agency, and the ciphertext that it made.
    fn parse(&self, agency: &str, wrapped: &[u8]) -> Result<(String, String), KmsError> {
        let Wrapped { key, sealed } = Wrapped::parse(Service::Vault, agency, wrapped)?;
        let text = |bytes| String::from_utf8(bytes).map_err(|_| KmsError::Tampered);
        let (name, ciphertext) = (text(key)?, text(sealed)?);
        let digits = name.strip_prefix(&self.beginning(agency)).ok_or(KmsError::Tampered)?;
        let are_digits = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match digits.len() == RANDOM_DIGITS && are_digits {
            true => Ok((name, ciphertext)),
            false => Err(KmsError::Tampered),
        }
    }
}

/// What an answer that is no success means; its errors are texts for operators.
fn refused(status: u16, text: &str, path: &str) -> KmsError {
    // Keys that are not there: those of `encrypt` and `decrypt`, `config`, and the deletion.
    const NO_KEY: [&str; 3] =
        ["encryption key not found", "no existing key named", "could not delete key; not found"];
    let said = serde_json::from_str::<Value>(text).ok();
    let errors = said.as_ref().and_then(|said| said["errors"].as_array()).into_iter().flatten();
    let errors: Vec<&str> = errors.filter_map(Value::as_str).collect();
    let errors = errors.join("; ");
    match status {
        400 if NO_KEY.iter().any(|no_key| errors.contains(no_key)) => KmsError::Destroyed,
        400 if errors.contains("authentication failed") || errors.contains("invalid ciphertext") => {
            KmsError::Tampered
        }
        // A token that expired may be renewed, a mount or a right set up, but somebody has to.
        400 | 401 | 403 | 404 => KmsError::Denied(format!("{status} for {path}: {errors}")),
        _ => KmsError::Unavailable(format!("it answered {status}: {errors}")),
    }
}

/// The data of an answer.
fn read<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, KmsError> {
    let answer = serde_json::from_str::<Answer<T>>(text);
    answer.map(|answer| answer.data).map_err(|_| KmsError::Unavailable(format!("its answer has no {what}")))
}

impl Kms for Vault {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        let mut random = [0; RANDOM_DIGITS / 2];
        aws_lc_rs::rand::fill(&mut random)
            .map_err(|_| KmsError::Unavailable("the system gives no random bytes".to_owned()))?;
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{}{digits}", self.beginning(agency));
        self.call(&format!("keys/{name}"), Some(r#"{"type":"aes256-gcm96"}"#))?;

        let plain = Zeroizing::new(STANDARD.encode(secret.expose()));
        let body = Zeroizing::new([r#"{"plaintext":""#, plain.as_str(), r#""}"#].concat());
        let answer =
            self.call(&format!("encrypt/{name}"), Some(body.as_str())).map_err(|error| match error {
                KmsError::Destroyed => {
                    KmsError::Unavailable("the key that it just made is not there".to_owned())
                }
                error => error,
            })?;
        let Encrypted { ciphertext } = read(&answer, "ciphertext")?;
        Ok(Wrapped { key: name.into_bytes(), sealed: ciphertext.into_bytes() }.encode(Service::Vault, agency))
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        let (name, ciphertext) = self.parse(agency, wrapped)?;
        let body = serde_json::json!({ "ciphertext": ciphertext }).to_string();
        let answer = self.call(&format!("decrypt/{name}"), Some(&body))?;
        let Decrypted { plaintext } = read(&answer, "plaintext")?;
        let unreadable = || KmsError::Denied("its answer holds no secret of 32 to 64 bytes".to_owned());
        let plain = STANDARD.decode(plaintext.as_bytes()).map(Zeroizing::new).map_err(|_| unreadable())?;
        Secret::new(&plain).map_err(|_| unreadable())
    }

    /// If we die in between, the key may be deleted and is not: whoever asks again has it done.
    fn destroy(&self, agency: &str, wrapped: &[u8]) -> Result<(), KmsError> {
        let (name, _) = self.parse(agency, wrapped)?;
        let key = format!("keys/{name}");
        let allowed = self.call(&format!("{key}/config"), Some(r#"{"deletion_allowed":true}"#));
        match allowed.and_then(|_| self.call(&key, None)) {
            Ok(_) | Err(KmsError::Destroyed) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
