//! Notices as agencies meet them: over HTTP, by webhook, by e-mail, on the command line.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[allow(dead_code, reason = "each test file uses its own part")]
#[path = "support/certificates.rs"]
mod certificates;
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certificates::{Authority, Files};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use support::{Server, stderr, stdout};

const PATIENCE: Duration = Duration::from_secs(30);

fn govern(server: &Server, token: &str, command: Value) {
    let answer =
        server.post("/v1/govern", token, &[("content-type", "application/json")], &command.to_string());
    assert!(answer.status < 300, "{}: {command}", answer.text);
}

/// The topic's steward proposes version 2 of births with one more public field.
fn propose(server: &Server, field: &str) {
    let issued = server.cli(&server.operator, &["--json", "principal", "token", "m.okafor@civil-registry"]);
    let issued: Value = serde_json::from_slice(&issued.stdout).unwrap();
    let steward = issued["token"].as_str().unwrap();
    let mut definition =
        server.get("/v1/contracts/civil.birth.registered/1", steward).json()["definition"].clone();
    let mut schema: Value = serde_json::from_str(definition["schema"].as_str().unwrap()).unwrap();
    schema["properties"][field] = json!({"type": "string"});
    definition["schema"] = schema.to_string().into();
    definition["classify"][format!("/{field}")] = "public".into();
    definition["version"] = 2.into();
    govern(server, steward, json!({"command": "propose-contract", "definition": definition}));
}

fn wishes(server: &Server, notices: Value) {
    govern(
        server,
        &server.operator,
        json!({"command": "change-agency", "agency": "tax-office", "notices": notices}),
    );
}

/// A bus with the example's governance, where the tax office subscribes to proposals, and its consumer's token.
fn subscribed(data: &Path, settings: &[&str]) -> (Server, String) {
    let server = Server::start_with(data, settings);
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/governance");
    assert!(server.cli(&server.operator, &["apply", examples]).status.success());
    let request = "subscription request tax-office.proposals --topic bus.contract.proposed --purpose to-know \
                   --legal-basis Act --expires 2030-01-01";
    let asked = server.cli(&server.operator, &request.split_whitespace().collect::<Vec<_>>());
    assert!(asked.status.success(), "{}", stderr(&asked));
    assert!(server.cli(&server.operator, &["bootstrap", "close"]).status.success());
    let tax = server.principal("service@tax-office", "consumer");
    (server, tax)
}

/// The events that tell of version 2, as soon as there are so many.
fn proposals(server: &Server, token: &str, count: usize) -> Vec<Value> {
    let route = "/v1/subscriptions/tax-office.proposals/events?wait=20&from=earliest";
    for _ in 0..100 {
        let mut events = server.get(route, token).json().as_array().unwrap().clone();
        events.retain(|event| event["data"]["version"] == 2);
        if events.len() >= count {
            return events;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("there are not {count} proposals");
}

#[test]
fn an_agency_consumes_proposals_over_http_and_lists_what_concerns_it() {
    let folder = tempfile::tempdir().unwrap();
    let (server, tax) = subscribed(folder.path(), &[]);
    propose(&server, "desk");
    let event = proposals(&server, &tax, 1).remove(0);
    assert_eq!(
        (&event["type"], &event["source"]),
        (&json!("bus.contract.proposed"), &json!("urn:chancery:chancery"))
    );
    assert_eq!(event["subject"], "civil.birth.registered");
    assert_eq!(event["data"]["text"], "contract civil.birth.registered v2 proposed: compatible");
    let asked: Vec<&Value> =
        event["data"]["asks"].as_array().unwrap().iter().map(|ask| &ask["agency"]).collect();
    assert!(asked.contains(&&json!("tax-office")), "{asked:?}");

    let listed = server.cli(&tax, &["notices"]);
    assert!(
        stdout(&listed).contains("v2 proposed: compatible")
            && stdout(&listed).contains("acknowledgement of tax-office by "),
        "{}",
        stdout(&listed)
    );
    let other = server.cli(&tax, &["notices", "--agency", "courts"]);
    assert_eq!(other.status.code(), Some(1), "{}", stdout(&other));
    // Its secret is for its stewards, not for its machines.
    assert_eq!(server.cli(&tax, &["notices", "secret"]).status.code(), Some(1));
}

/// One request, as it came.
struct Posted {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Posted {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// An HTTP server that fails the first request and takes what comes then.
fn webhook() -> (u16, Receiver<Posted>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, posted) = channel();
    thread::spawn(move || {
        let answers = ["HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 204 Taken\r\n\r\n"];
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let request = read_request(&mut stream);
            stream.write_all(answers[number.min(1)].as_bytes()).unwrap();
            if send.send(request).is_err() {
                return;
            }
        }
    });
    (port, posted)
}

fn read_request(stream: &mut TcpStream) -> Posted {
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
    }
    let mut posted = Posted { headers, body: Vec::new() };
    posted.body = vec![0; posted.header("content-length").parse().unwrap()];
    reader.read_exact(&mut posted.body).unwrap();
    posted
}

#[test]
fn a_webhook_gets_signed_events_again_until_it_takes_them() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_example(folder.path(), &["--notices-webhooks", "true"]);
    let (port, posted) = webhook();
    wishes(
        &server,
        json!({"webhook": format!("http://127.0.0.1:{port}/notices"), "kinds": ["contract.proposed"]}),
    );
    let secret = server.cli(&server.operator, &["notices", "secret", "--agency", "tax-office"]);
    let secret = stdout(&secret);
    let secret = STANDARD.decode(secret.trim().strip_prefix("whsec_").unwrap()).unwrap();
    propose(&server, "desk");

    let first = posted.recv_timeout(PATIENCE).unwrap();
    let again = posted.recv_timeout(PATIENCE).unwrap();
    assert_eq!(first.header("webhook-id"), again.header("webhook-id"));
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("content-type"), "application/cloudevents-batch+json; charset=utf-8");
    let events: Value = serde_json::from_slice(&again.body).unwrap();
    assert_eq!(events[0]["type"], "bus.contract.proposed");
    assert_eq!(events[0]["data"]["version"], 2);
    let (id, timestamp) = (again.header("webhook-id"), again.header("webhook-timestamp"));
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &again.body].concat();
    let signature = STANDARD.decode(again.header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    hmac::verify(&key, &signed, &signature).unwrap();
    let metrics = server.get("/metrics", &server.operator).text;
    assert!(
        metrics.contains(r#"chancery_notices_failed_total{agency="tax-office",way="webhook"} 1"#),
        "{metrics}"
    );
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(folder.path().join("webhooks.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

fn with_example(data: &Path, settings: &[&str]) -> Server {
    let server = Server::start_with(data, settings);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/governance");
    let applied = server.cli(&server.operator, &["apply", folder, "--close-bootstrap"]);
    assert!(applied.status.success(), "{}", stderr(&applied));
    server
}

/// A mail server that knows as much of SMTP as one message takes: envelope and text of each. By TLS where it has
/// something to show.
fn post_office(shown: Option<Arc<ServerConfig>>) -> (u16, Receiver<(Vec<String>, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, letters) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let letter = match &shown {
                None => converse(stream),
                Some(config) => converse(secured(config, stream)),
            };
            // A conversation that broke off brought nothing.
            if letter.is_ok_and(|letter| send.send(letter).is_err()) {
                return;
            }
        }
    });
    (port, letters)
}

fn secured(config: &Arc<ServerConfig>, stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream)
}

fn converse(stream: impl Read + Write) -> std::io::Result<(Vec<String>, String)> {
    let mut stream = BufReader::new(stream);
    let (mut envelope, mut text) = (Vec::new(), String::new());
    let mut answer = "220 post.example ESMTP\r\n";
    loop {
        stream.get_mut().write_all(answer.as_bytes())?;
        let line = line(&mut stream)?;
        answer = match line.split([' ', ':']).next().unwrap_or_default().to_uppercase().as_str() {
            "EHLO" => "250-post.example\r\n250 8BITMIME\r\n",
            "RCPT" if line.contains("<gone@") => "550 nobody of that name\r\n",
            "MAIL" | "RCPT" => {
                envelope.push(line);
                "250 OK\r\n"
            }
            "DATA" => {
                stream.get_mut().write_all(b"354 go on\r\n")?;
                text = message(&mut stream)?;
                "250 taken\r\n"
            }
            "QUIT" => return Ok((envelope, text)),
            _ => "250 OK\r\n",
        };
    }
}

fn line(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn message(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut lines = Vec::new();
    loop {
        match line(stream)? {
            end if end == "." => return Ok(lines.join("\n")),
            more => lines.push(more),
        }
    }
}

#[test]
fn an_agency_is_written_to_in_plain_text_with_what_is_wanted_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (port, letters) = post_office(None);
    let smtp = format!("smtp://127.0.0.1:{port}");
    let settings = ["--notices-smtp", &smtp, "--notices-from", "Bus <bus@central.example>"];
    let server = with_example(folder.path(), &settings);
    wishes(
        &server,
        json!({"email": ["gone@tax.example", "desk@tax.example"], "kinds": ["contract.proposed"]}),
    );
    propose(&server, "desk");
    // Who is gone keeps the others from nothing.
    let mut letters = std::iter::repeat_with(|| letters.recv_timeout(PATIENCE).unwrap());
    let (envelope, text) = letters.find(|(_, text)| !text.is_empty()).unwrap();
    assert_eq!(envelope[0].split_whitespace().nth(1), Some("FROM:<bus@central.example>"));
    assert!(envelope.len() == 2 && envelope[1].contains("<desk@tax.example>"), "{envelope:?}");
    // Long lines may be folded and encoded; what is looked for is not.
    let unfolded = text.replace("=\n", "").replace("\n ", " ");
    for wanted in [
        "Subject: [chancery] contract civil.birth.registered v2 proposed: compatible;",
        "your acknowledgement is wanted",
        "Auto-Submitted: auto-generated",
        "Message-ID: <tax-office-email-",
        "Content-Type: text/plain; charset=utf-8",
        "* contract civil.birth.registered v2 proposed: compatible",
        "Your acknowledgement is wanted by 20",
        "chancery contract acknowledge civil.birth.registered 2 --agency tax-office",
    ] {
        assert!(unfolded.contains(wanted), "{wanted}:\n{text}");
    }
    let metrics = server.get("/metrics", &server.operator).text;
    assert!(!metrics.contains("chancery_notices_failed_total{agency"), "{metrics}");
}

/// Waits for a line of the metrics.
fn measured(server: &Server, line: &str) {
    for _ in 0..100 {
        if server.get("/metrics", &server.operator).text.lines().any(|one| one == line) {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("no metric says {line}");
}

fn message_id(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap()
}

#[test]
fn a_kill_loses_no_notice_and_tells_none_anew() {
    let folder = tempfile::tempdir().unwrap();
    let ((hook, posted), (post, letters)) = (webhook(), post_office(None));
    let smtp = format!("smtp://127.0.0.1:{post}");
    let settings =
        ["--notices-webhooks", "true", "--notices-smtp", &smtp, "--notices-from", "bus@central.example"];
    let (mut server, tax) = subscribed(folder.path(), &settings);
    let url = format!("http://127.0.0.1:{hook}/notices");
    wishes(&server, json!({"email": ["desk@tax.example"], "webhook": url, "kinds": ["contract.proposed"]}));
    propose(&server, "desk");
    let refused = posted.recv_timeout(PATIENCE).unwrap();
    let (_, mail) = letters.recv_timeout(PATIENCE).unwrap();
    measured(&server, r#"chancery_notices_sent_total{agency="tax-office",way="email"} 1"#);
    let before = proposals(&server, &tax, 1);

    server.end();
    let server = Server::start_with(folder.path(), &settings);
    // What the webhook refused comes again, the same; what arrived by e-mail does not.
    let again = posted.recv_timeout(PATIENCE).unwrap();
    assert_eq!((again.header("webhook-id"), &again.body), (refused.header("webhook-id"), &refused.body));
    propose(&server, "hall");
    let (_, next) = letters.recv_timeout(PATIENCE).unwrap();
    assert_ne!(message_id(&next), message_id(&mail));
    let after = proposals(&server, &tax, 2);
    assert_eq!((after.len(), &after[0]), (2, &before[0]), "each decision is one event");
    assert_ne!(after[0]["id"], after[1]["id"]);
    let bodies: Value = serde_json::from_slice(&posted.recv_timeout(PATIENCE).unwrap().body).unwrap();
    assert_eq!((bodies.as_array().unwrap().len(), &bodies[0]["id"]), (1, &after[1]["id"]));
}

/// What a server shows that the authority vouches for.
fn vouched(authority: &Authority) -> Arc<ServerConfig> {
    let (certificate, key) = authority.server();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(config.unwrap().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
}

#[test]
fn letters_go_in_tls_to_whom_the_operators_authority_vouches_for() {
    let folder = tempfile::tempdir().unwrap();
    let (own, strange) = (Authority::new(), Authority::new());
    let files = Files::write(folder.path(), &own);
    let (post, letters) = post_office(Some(vouched(&own)));
    let hook = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/notices", hook.local_addr().unwrap());
    let (stranger, (send, heard)) = (vouched(&strange), channel());
    thread::spawn(move || {
        for stream in hook.incoming() {
            let mut stream = secured(&stranger, stream.unwrap());
            let _ = send.send(stream.read(&mut [0; 1]).is_ok());
        }
    });
    let smtp = format!("smtps://127.0.0.1:{post}");
    let ca = files.authority.to_str().unwrap();
    let settings = [
        ["--notices-webhooks", "true", "--notices-smtp", &smtp],
        ["--notices-from", "bus@central.example", "--notices-ca", ca],
    ];
    let server = with_example(&folder.path().join("data"), &settings.concat());
    wishes(&server, json!({"email": ["desk@tax.example"], "webhook": url, "kinds": ["contract.proposed"]}));
    propose(&server, "desk");
    assert_eq!(letters.recv_timeout(PATIENCE).unwrap().0.len(), 2, "from one to one");
    measured(&server, r#"chancery_notices_failed_total{agency="tax-office",way="webhook"} 1"#);
    assert!(!heard.recv_timeout(PATIENCE).unwrap(), "a stranger hears nothing");
}
