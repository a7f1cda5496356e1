//! The operator's PEM files, and what is wrong with them.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::Protocol;

/// Where the certificate is, and who may hold one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate and those that lead to its authority, PEM.
    pub certificate: PathBuf,
    /// Its private key: PKCS #8, PKCS #1 or SEC 1, PEM, without a passphrase.
    pub key: PathBuf,
    /// The authorities whose clients need no token, PEM; `None`: no client is asked for a certificate.
    pub client_authorities: Option<PathBuf>,
}

/// What is wrong with a file, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble(String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Trouble {}

impl Trouble {
    fn new(path: &Path, what: impl fmt::Display) -> Self {
        Self(format!("{}: {what}", path.display()))
    }
}

/// What the files came to.
#[derive(Debug, Clone)]
pub struct Loaded {
    http: Arc<ServerConfig>,
    kafka: Arc<ServerConfig>,
    /// When the certificate ends.
    pub ends: Timestamp,
}

impl Loaded {
    /// How to shake hands.
    pub fn config(&self, protocol: Protocol) -> Arc<ServerConfig> {
        match protocol {
            Protocol::Http => self.http.clone(),
            Protocol::Kafka => self.kafka.clone(),
        }
    }
}

/// What changes when one of the files does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<Option<FileStamp>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    length_bytes: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
}

impl Files {
    /// The files as they lie there now; a file that is not there is a state too.
    pub fn stamp(&self) -> Stamp {
        let all = [Some(&self.certificate), Some(&self.key), self.client_authorities.as_ref()];
        let stamps = all.into_iter().flatten().map(|path| {
            let found = fs::metadata(path).ok()?;
            Some(FileStamp {
                device: found.dev(),
                inode: found.ino(),
                length_bytes: found.len(),
                modified: (found.mtime(), found.mtime_nsec()),
            })
        });
        Stamp(stamps.collect())
    }

    /// Reads all of them; they hold together or nothing is taken.
    pub fn load(&self) -> Result<Loaded, Trouble> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = certificates(&self.certificate)?;
        let first = chain.first().ok_or_else(|| no_certificate(&self.certificate))?;
        let ends =
            ends(first).ok_or_else(|| Trouble::new(&self.certificate, "its certificate does not read"))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| {
            let hint = "a PEM private key without a passphrase is wanted (openssl pkey -in OLD -out NEW)";
            Trouble::new(&self.key, format!("no private key can be read: {error}; {hint}"))
        })?;
        let verifier = self.verifier(&provider)?;
        let asks = verifier.is_some();
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Trouble(error.to_string()))?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut kafka = builder.with_single_cert(chain, key).map_err(|error| {
            let path = self.key.display();
            Trouble::new(&self.certificate, format!("does not go with the key in {path}: {error}"))
        })?;
        if asks {
            // A resumed session shows no certificate: it would outlive the certificate's end and its authority.
            kafka.session_storage = Arc::new(NoServerSessionStorage {});
            kafka.send_tls13_tickets = 0;
        }
        let mut http = kafka.clone();
        http.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Loaded { http: Arc::new(http), kafka: Arc::new(kafka), ends })
    }

    /// Takes clients without a certificate, and of those with one only the authorities'.
    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, Trouble> {
        let Some(path) = &self.client_authorities else { return Ok(None) };
        let mut roots = RootCertStore::empty();
        for authority in certificates(path)? {
            roots.add(authority).map_err(|error| Trouble::new(path, error))?;
        }
        if roots.is_empty() {
            return Err(no_certificate(path));
        }
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .allow_unauthenticated()
            .build()
            .map(Some)
            .map_err(|error| Trouble::new(path, error))
    }
}

fn no_certificate(path: &Path) -> Trouble {
    Trouble::new(path, "holds no certificate; PEM is wanted, -----BEGIN CERTIFICATE-----")
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|error| Trouble::new(path, format!("no certificate can be read: {error}")))
}

fn ends(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}
