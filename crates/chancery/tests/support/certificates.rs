//! Certificates made on the spot, and connections that use them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A connection inside TLS.
pub type Secured = StreamOwned<ClientConnection, TcpStream>;

/// A certificate and its key, PEM.
pub type Pair = (String, String);

/// An authority that signs the bus's certificate and its clients'.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the state's authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn sign(&self, name: SanType) -> Pair {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// A server's.
    pub fn server(&self) -> Pair {
        self.server_at([127, 0, 0, 1])
    }

    /// A server's at this address.
    pub fn server_at(&self, address: [u8; 4]) -> Pair {
        self.sign(SanType::IpAddress(address.into()))
    }

    /// A client's that names somebody.
    pub fn client(&self, name: &str) -> Pair {
        self.sign(SanType::Rfc822Name(name.try_into().unwrap()))
    }

    /// Connects to a bus whose certificate this authority signed.
    pub fn connect(&self, address: &str, shown: Option<&Pair>) -> Secured {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(roots);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        };
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(connection, TcpStream::connect(address).unwrap())
    }
}

/// The files that a bus is told of.
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub authority: PathBuf,
}

impl Files {
    /// A bus's certificate, and the same authority for its clients.
    pub fn write(folder: &Path, authority: &Authority) -> Self {
        let at = |name: &str| folder.join(name);
        let files = Self { certificate: at("bus.pem"), key: at("bus.key"), authority: at("authority.pem") };
        std::fs::write(&files.authority, &authority.pem).unwrap();
        files.put(authority.server());
        files
    }

    /// Another certificate in its place.
    pub fn put(&self, (certificate, key): Pair) {
        std::fs::write(&self.certificate, certificate).unwrap();
        std::fs::write(&self.key, key).unwrap();
    }

    /// The settings of `serve`.
    pub fn settings(&self) -> [&str; 6] {
        let [certificate, key, authority] =
            [&self.certificate, &self.key, &self.authority].map(|path| path.to_str().unwrap());
        ["--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", authority]
    }
}

/// The answer to one HTTP request.
pub fn http(mut stream: Secured, path: &str, header: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: bus\r\nconnection: close\r\n{header}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The answer to one Kafka request without a client's name; what follows the number of the answer.
pub fn kafka(stream: &mut Secured, key: i16, version: i16, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut frame = Vec::new();
    frame.extend(key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(7_i32.to_be_bytes());
    frame.extend((-1_i16).to_be_bytes());
    frame.extend(body);
    stream.write_all(&(frame.len() as i32).to_be_bytes())?;
    stream.write_all(&frame)?;
    stream.flush()?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; i32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer)?;
    assert_eq!(answer[..4], 7_i32.to_be_bytes());
    Ok(answer.split_off(4))
}
