//! Certificates that change while connections are open, and clients that keep nobody waiting, nor have what they do not take.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tls::{Current, Files, Listener, Peer, Protocol};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How often the tests look at files.
const LOOK: Duration = Duration::from_millis(20);

/// An authority that signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate and its key, PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        roots
    }

    /// A client that trusts this authority, and shows a certificate where it has one.
    fn client(&self, shown: Option<(String, String)>) -> TlsConnector {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(self.roots());
        let config = match shown {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

fn put(folder: &Path, (certificate, key): (String, String)) -> Files {
    let files =
        Files { certificate: folder.join("bus.pem"), key: folder.join("bus.key"), client_authorities: None };
    fs::write(&files.certificate, certificate).unwrap();
    fs::write(&files.key, key).unwrap();
    files
}

/// A bus's door that says back what it hears, and on whose certificate.
async fn echo(current: &Arc<Current>) -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut listener = Listener::new(tcp, Some(current.clone()), Protocol::Kafka);
    tokio::spawn(async move {
        loop {
            let (mut stream, Peer { holder, .. }) = listener.accept().await;
            tokio::spawn(async move {
                let who = match holder {
                    None => "nobody".to_owned(),
                    Some(Ok(name)) => name.to_string(),
                    Some(Err(unnamed)) => unnamed.to_string(),
                };
                stream.write_all(format!("{who}\n").as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                let mut heard = [0; 64];
                while let Ok(length @ 1..) = stream.read(&mut heard).await {
                    stream.write_all(&heard[..length]).await.unwrap();
                    stream.flush().await.unwrap();
                }
            });
        }
    });
    address
}

async fn connect(client: &TlsConnector, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await?;
    client.connect(ServerName::try_from("localhost").unwrap(), tcp).await
}

/// The line with which a door greets.
async fn greeting(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    let mut line = Vec::new();
    loop {
        match stream.read_u8().await? {
            b'\n' => return Ok(String::from_utf8(line).unwrap()),
            byte => line.push(byte),
        }
    }
}

/// The certificate that the other end showed.
fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Whether new connections get to see another certificate than `old` before long.
async fn changes(client: &TlsConnector, address: SocketAddr, old: &CertificateDer<'_>, looks: u32) -> bool {
    for _ in 0..looks {
        tokio::time::sleep(LOOK).await;
        if shown(&connect(client, address).await.unwrap()) != *old {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_changed_certificate_is_used_for_new_connections_while_old_ones_live_on() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let current = Arc::new(Current::open(put(folder.path(), authority.sign("first"))).unwrap());
    let watched = current.clone();
    tokio::spawn(async move { watched.watch(LOOK).await });
    let (address, client) = (echo(&current).await, authority.client(None));

    let mut open = connect(&client, address).await.unwrap();
    assert_eq!(greeting(&mut open).await.unwrap(), "nobody");
    let first = shown(&open);
    put(folder.path(), authority.sign("second"));
    assert!(changes(&client, address, &first, 500).await, "the new certificate never came");

    open.write_all(b"still here").await.unwrap();
    let mut heard = [0; 10];
    open.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"still here");
}

#[tokio::test]
async fn files_that_are_no_good_change_nothing_until_they_are_mended() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let files = put(folder.path(), authority.sign("first"));
    let current = Arc::new(Current::open(files.clone()).unwrap());
    let watched = current.clone();
    tokio::spawn(async move { watched.watch(LOOK).await });
    let (address, client) = (echo(&current).await, authority.client(None));
    let first = shown(&connect(&client, address).await.unwrap());

    let (other_certificate, _) = authority.sign("with another key");
    fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\nAAAA").unwrap();
    assert!(!changes(&client, address, &first, 10).await);
    fs::write(&files.certificate, other_certificate).unwrap();
    assert!(!changes(&client, address, &first, 10).await);
    fs::remove_file(&files.certificate).unwrap();
    assert!(!changes(&client, address, &first, 10).await);
    put(folder.path(), authority.sign("mended"));
    assert!(changes(&client, address, &first, 500).await, "the mended certificate never came");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let good = authority.sign("first");
    let said = |files: &Files| Current::open(files.clone()).map(|_| ()).unwrap_err().to_string();

    let files = put(folder.path(), (String::new(), good.1.clone()));
    assert!(said(&files).contains("bus.pem: holds no certificate"), "{}", said(&files));
    let files = put(folder.path(), (good.0.clone(), "secret".to_owned()));
    let text = said(&files);
    assert!(text.contains("bus.key: no private key") && !text.contains("secret"), "{text}");
    let files = put(folder.path(), (good.0.clone(), authority.sign("other").1));
    assert!(said(&files).contains("bus.pem: does not go with the key in "), "{}", said(&files));
    let mut files = put(folder.path(), good);
    files.client_authorities = Some(folder.path().join("nowhere.pem"));
    assert!(said(&files).contains("nowhere.pem: no certificate can be read"), "{}", said(&files));
    fs::write(folder.path().join("nowhere.pem"), "").unwrap();
    assert!(said(&files).contains("nowhere.pem: holds no certificate"), "{}", said(&files));
}

#[tokio::test]
async fn a_client_is_who_its_certificate_names_only_where_our_authority_signed_it() {
    let (folder, authority, foreign) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let mut files = put(folder.path(), authority.sign("bus"));
    let path = folder.path().join("clients.pem");
    fs::write(&path, &authority.pem).unwrap();
    files.client_authorities = Some(path);
    let current = Arc::new(Current::open(files).unwrap());
    let address = echo(&current).await;

    let own = authority.client(Some(authority.sign("desk@tax-office")));
    for _ in 0..2 {
        let mut stream = connect(&own, address).await.unwrap();
        assert_eq!(greeting(&mut stream).await.unwrap(), "desk@tax-office");
    }
    let mut without = connect(&authority.client(None), address).await.unwrap();
    assert_eq!(greeting(&mut without).await.unwrap(), "nobody");

    let forged = authority.client(Some(foreign.sign("desk@tax-office")));
    let said = match connect(&forged, address).await {
        Ok(mut stream) => greeting(&mut stream).await,
        Err(error) => Err(error),
    };
    assert!(said.is_err(), "a foreign authority's certificate came in: {said:?}");
}

#[tokio::test]
async fn who_does_not_go_on_with_a_handshake_keeps_nobody_waiting() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let current = Arc::new(Current::open(put(folder.path(), authority.sign("bus"))).unwrap());
    let address = echo(&current).await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut stream = connect(&authority.client(None), address).await.unwrap();
    assert_eq!(greeting(&mut stream).await.unwrap(), "nobody");
    drop(idle);
}

#[tokio::test]
async fn who_takes_nothing_of_what_is_written_is_left_inside_tls_and_without_it() {
    // More than the sockets between hold.
    const WHOLE: usize = 16 << 20;
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let current = Arc::new(Current::open(put(folder.path(), authority.sign("bus"))).unwrap());
    for secured in [None, Some(current)] {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, is_secured) = (tcp.local_addr().unwrap(), secured.is_some());
        let mut listener =
            Listener::new(tcp, secured, Protocol::Kafka).writing_within(Duration::from_secs(2));
        let serving = tokio::spawn(async move {
            let (mut ended, whole) = (Vec::new(), vec![7; WHOLE]);
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await;
                let written = async {
                    stream.write_all(&whole).await?;
                    stream.flush().await
                };
                ended.push(written.await.map_err(|error| error.kind()));
            }
            ended
        });
        let client = authority.client(None);
        let connected = async || {
            let stream: Box<dyn AsyncRead + Unpin> = match is_secured {
                true => Box::new(connect(&client, address).await.unwrap()),
                false => Box::new(TcpStream::connect(address).await.unwrap()),
            };
            stream
        };
        let mut quick = connected().await;
        let mut taken = vec![0; WHOLE];
        quick.read_exact(&mut taken).await.unwrap();
        let mut slow = connected().await;
        let ended = tokio::time::timeout(Duration::from_secs(20), serving).await.unwrap().unwrap();
        assert_eq!(ended, [Ok(()), Err(std::io::ErrorKind::TimedOut)], "secured: {is_secured}");
        let mut rest = Vec::new();
        // It is told by the connection's end.
        let _ = slow.read_to_end(&mut rest).await;
        assert!(rest.len() < WHOLE, "secured: {is_secured}");
    }
}

/// Linux says that there is room in a socket when a third of its buffer is free: of the megabytes that it takes by itself a slow
/// client frees that much too seldom to be seen moving.
#[tokio::test]
async fn who_takes_what_is_written_slowly_but_steadily_is_not_left() {
    // Twice of what must be taken in the time given, a quarter of this: 80 KB/s where it is a minute.
    const WITHIN: Duration = Duration::from_secs(4);
    const STEP_BYTES: usize = 60_000;
    const STEP: Duration = Duration::from_millis(50);
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let mut listener = Listener::new(tcp, None, Protocol::Http).writing_within(WITHIN);
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await;
        let piece = vec![7; 16 * 1024];
        loop {
            if let Err(error) = stream.write_all(&piece).await {
                return error.kind();
            }
        }
    });
    let mut slow = TcpStream::connect(address).await.unwrap();
    let (mut steps, mut taken) = (tokio::time::interval(STEP), vec![0; STEP_BYTES]);
    for _ in 0..80 {
        steps.tick().await;
        slow.read_exact(&mut taken).await.unwrap();
    }
    assert!(!serving.is_finished());
    serving.abort();
}
