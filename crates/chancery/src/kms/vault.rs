//! HashiCorp Vault's or OpenBao's transit engine: a key for each agency, which never leaves it.
//!
//! A secret's wrapped form is the ciphertext of the agency's transit key
//! (<https://openbao.org/api-docs/secret/transit/>), `vault:v1:…`. So each agency's can be governed, rotated and destroyed by itself.
//! The token is read from its file for each call: whoever renews it writes it there.

use std::fs;
use std::io::Read as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seal::{Kms, KmsError, Secret};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;
use zeroize::Zeroizing;

use crate::client::{Authorities, calling};
use crate::config::kms::VaultSettings;
use crate::output::Failure;

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is read.
const ANSWER_BYTES: usize = 64 * 1024;

/// A transit engine.
pub struct Vault {
    agent: Agent,
    settings: VaultSettings,
}

/// What a call answers; a key stands in it, so it is zeroised.
#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    plaintext: Zeroizing<String>,
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

    /// One call about an agency's key.
    fn call(&self, path: &str, agency: &str, body: &Value) -> Result<Zeroizing<String>, KmsError> {
        let VaultSettings { address, mount, prefix, namespace, .. } = &self.settings;
        let url = format!("{address}/v1/{mount}/{path}/{prefix}-{agency}");
        let token = self.token()?;
        let mut request =
            self.agent.post(&url).header("X-Vault-Token", token.trim()).header("X-Vault-Request", "true");
        if let Some(namespace) = namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        let unreachable =
            |error: &dyn std::fmt::Display| KmsError::Unavailable(format!("{address}: {error}"));
        let mut answer = request.send_json(body).map_err(|error| unreachable(&error))?;
        let status = answer.status().as_u16();
        // Of one size from the start, so that no smaller copy stays behind.
        let mut text = Zeroizing::new(String::with_capacity(ANSWER_BYTES));
        let body = answer.body_mut().as_reader().take(ANSWER_BYTES as u64);
        { body }.read_to_string(&mut text).map_err(|error| unreachable(&error))?;
        match status {
            200..=299 => Ok(text),
            status => Err(refused(status, &text, agency)),
        }
    }

    fn token(&self) -> Result<Zeroizing<String>, KmsError> {
        let path = &self.settings.token_file;
        let read = fs::read_to_string(path).map(Zeroizing::new);
        read.map_err(|error| {
            KmsError::Denied(format!("its token cannot be read from {}: {error}", path.display()))
        })
    }
}

/// What an answer that is no success means; its errors are texts for operators.
fn refused(status: u16, text: &str, agency: &str) -> KmsError {
    let said = serde_json::from_str::<Value>(text).ok();
    let errors = said.as_ref().and_then(|said| said["errors"].as_array()).into_iter().flatten();
    let errors: Vec<&str> = errors.filter_map(Value::as_str).collect();
    let errors = errors.join("; ");
    match status {
        // A token that expired may be renewed, but somebody has to.
        401 | 403 => KmsError::Denied(format!("{status} for the key of {agency}: {errors}")),
        404 => KmsError::Denied(format!("there is no key of {agency}: {errors}")),
        400 if errors.contains("authentication failed") || errors.contains("invalid ciphertext") => {
            KmsError::Tampered
        }
        400 => KmsError::Denied(format!("{status} for the key of {agency}: {errors}")),
        _ => KmsError::Unavailable(format!("it answered {status}: {errors}")),
    }
}

/// The secret of an answer.
fn read(text: &str) -> Result<Secret, KmsError> {
    let unreadable = || KmsError::Denied("its answer holds no secret of 32 to 64 bytes".to_owned());
    let Answer { data } = serde_json::from_str(text).map_err(|_| unreadable())?;
    let plain = STANDARD.decode(data.plaintext.as_bytes()).map(Zeroizing::new).map_err(|_| unreadable())?;
    Secret::new(&plain).map_err(|_| unreadable())
}

impl Kms for Vault {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        // Where there is one already, nothing changes.
        self.call("keys", agency, &json!({"type": "aes256-gcm96"}))?;
        let answer = self.call("encrypt", agency, &json!({"plaintext": STANDARD.encode(secret.expose())}))?;
        let said = serde_json::from_str::<Value>(&answer).ok();
        let wrapped = said.as_ref().and_then(|said| said["data"]["ciphertext"].as_str());
        let wrapped = wrapped.filter(|text| text.starts_with("vault:v"));
        wrapped
            .map(|text| text.as_bytes().to_vec())
            .ok_or_else(|| KmsError::Unavailable("its answer has no ciphertext".to_owned()))
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        let wrapped = std::str::from_utf8(wrapped).ok().filter(|text| text.starts_with("vault:v"));
        let body = json!({"ciphertext": wrapped.ok_or(KmsError::Tampered)?});
        read(&self.call("decrypt", agency, &body)?)
    }

    fn destroy(&self, _: &str, _: &[u8]) -> Result<(), KmsError> {
        Err(KmsError::Denied("one transit key wraps all secrets of an agency".to_owned()))
    }
}

#[cfg(test)]
mod tests;
