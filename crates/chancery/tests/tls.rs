//! Both doors inside TLS: with a token, with a certificate, and while the certificate changes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/certificates.rs"]
mod certificates;
mod support;

use std::time::Duration;

use certificates::{Authority, Files, http, kafka};
use support::{Server, stderr};

const API_VERSIONS: i16 = 18;
const METADATA: i16 = 3;
const SASL_HANDSHAKE: i16 = 17;
const SASL_AUTHENTICATE: i16 = 36;

/// `Metadata` version 0 of all topics.
const ALL_TOPICS: [u8; 4] = [0; 4];

struct Bus {
    server: Server,
    authority: Authority,
    files: Files,
    _folder: tempfile::TempDir,
}

/// A bus with the example's governance and one principal, `desk@tax-office`; and the principal's token.
fn bus() -> (Bus, String) {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let files = Files::write(folder.path(), &authority);
    let data = folder.path().join("data");
    let plain = Server::with_example(&data);
    let token = plain.principal("desk@tax-office", "consumer");
    drop(plain);
    let mut server = Server::start_with(&data, &files.settings());
    server.url = server.url.replace("http://", "https://");
    (Bus { server, authority, files, _folder: folder }, token)
}

impl Bus {
    fn https(&self) -> &str {
        self.server.url.strip_prefix("https://").unwrap()
    }
}

#[test]
fn https_takes_a_token_or_a_certificate_and_the_token_decides() {
    let (bus, token) = bus();
    let ask = |shown: Option<&str>, header: &str| {
        let shown = shown.map(|name| bus.authority.client(name));
        http(bus.authority.connect(bus.https(), shown.as_ref()), "/v1/subscriptions", header)
    };
    let bearer = format!("authorization: Bearer {token}\r\n");
    assert!(ask(None, &bearer).starts_with("HTTP/1.1 200"));
    assert!(ask(Some("desk@tax-office"), "").starts_with("HTTP/1.1 200"));
    assert!(ask(Some("stranger@nowhere"), &bearer).starts_with("HTTP/1.1 200"));
    let refused = |shown: Option<&str>, header: &str, why: &str| {
        let answer = ask(shown, header);
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains(why), "{answer}");
    };
    refused(None, "", "carries no token");
    refused(Some("desk@tax-office"), "authorization: Bearer wrong\r\n", "nobody holds this token");
    refused(Some("stranger@nowhere"), "", "stranger@nowhere, who is no principal");
    refused(Some("desk@tax-office"), "sec-fetch-site: cross-site\r\n", "for another site");
    assert!(ask(Some("desk@tax-office"), "sec-fetch-site: none\r\n").starts_with("HTTP/1.1 200"));
    refused(Some("Jane.Doe@post.example"), "", "which is not NAME@AGENCY");
}

#[test]
fn the_command_line_trusts_the_authority_that_it_is_told_and_no_other() {
    let (bus, token) = bus();
    let authority = bus.files.authority.to_str().unwrap();
    let listed = bus.server.cli(&token, &["--ca", authority, "topic", "list"]);
    assert!(listed.status.success(), "{}", stderr(&listed));
    let untrusted = bus.server.cli(&token, &["topic", "list"]);
    assert!(!untrusted.status.success());
    let none = bus.server.cli(&token, &["--ca", bus.files.key.to_str().unwrap(), "topic", "list"]);
    assert!(stderr(&none).contains("no certificate"), "{}", stderr(&none));
}

#[test]
fn kafka_takes_a_certificate_in_place_of_sasl() {
    let (bus, _) = bus();
    let shown = bus.authority.client("desk@tax-office");
    let mut stream = bus.authority.connect(&bus.server.kafka, Some(&shown));
    let versions = kafka(&mut stream, API_VERSIONS, 0, &[]).unwrap();
    assert_eq!(versions[..2], [0, 0]);
    let metadata = kafka(&mut stream, METADATA, 0, &ALL_TOPICS).unwrap();
    let port = bus.server.kafka.rsplit_once(':').unwrap().1.parse::<i32>().unwrap();
    assert!(metadata.windows(4).any(|found| found == port.to_be_bytes()), "itself as the broker");

    for nobody in [None, Some(bus.authority.client("stranger@nowhere"))] {
        let mut stream = bus.authority.connect(&bus.server.kafka, nobody.as_ref());
        assert_eq!(kafka(&mut stream, API_VERSIONS, 0, &[]).unwrap()[..2], [0, 0]);
        assert!(kafka(&mut stream, METADATA, 0, &ALL_TOPICS).is_err());
    }
}

#[test]
fn kafka_takes_sasl_inside_tls() {
    let (bus, token) = bus();
    let mut stream = bus.authority.connect(&bus.server.kafka, None);
    let handshake = kafka(&mut stream, SASL_HANDSHAKE, 1, b"\x00\x05PLAIN").unwrap();
    assert_eq!(handshake[..2], [0, 0]);
    let proof = format!("\0desk@tax-office\0{token}");
    let mut body = (proof.len() as i32).to_be_bytes().to_vec();
    body.extend(proof.as_bytes());
    assert_eq!(kafka(&mut stream, SASL_AUTHENTICATE, 0, &body).unwrap()[..2], [0, 0]);
    assert!(kafka(&mut stream, METADATA, 0, &ALL_TOPICS).is_ok());
}

#[test]
fn a_running_bus_takes_a_renewed_certificate_and_keeps_its_connections() {
    let (bus, _) = bus();
    let shown = bus.authority.client("desk@tax-office");
    let connect = || bus.authority.connect(&bus.server.kafka, Some(&shown));
    let mut open = connect();
    kafka(&mut open, METADATA, 0, &ALL_TOPICS).unwrap();
    let first = open.conn.peer_certificates().unwrap()[0].clone();

    bus.files.put(bus.authority.server());
    let renewed = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let mut new = connect();
        kafka(&mut new, API_VERSIONS, 0, &[]).unwrap();
        new.conn.peer_certificates().unwrap()[0] != first
    });
    assert!(renewed, "the new certificate never came");
    kafka(&mut open, METADATA, 0, &ALL_TOPICS).unwrap();
}

#[test]
fn a_bus_whose_certificate_is_no_good_says_so_and_does_not_start() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let files = Files::write(folder.path(), &authority);
    std::fs::write(&files.key, "").unwrap();
    let data = folder.path().join("data");
    let mut serve = vec!["serve", "--data", data.to_str().unwrap()];
    serve.extend(files.settings());
    let output = support::chancery(&serve);
    assert!(!output.status.success() && stderr(&output).contains("bus.key"), "{}", stderr(&output));
    assert!(!data.exists(), "nothing was begun");
}
