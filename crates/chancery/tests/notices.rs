//! Notices as agencies meet them: over HTTP, by webhook, by e-mail, on the command line.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[allow(dead_code, reason = "each test file uses its own part")]
#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/hook.rs"]
mod hook;
#[path = "support/kafka.rs"]
mod kafka;
#[path = "support/post.rs"]
mod post;
mod support;

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certificates::{Authority, Files};
use hook::webhook;
use post::{Mail, Office};
use serde_json::{Value, json};
use support::{Server, stderr, stdout};

const PATIENCE: Duration = Duration::from_secs(30);
const LOOPBACK: &str = "127.0.0.1";

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

    // A Kafka client reads the same, under the subscription that its agency has.
    let mut desk = kafka::Kafka::connect(&server.kafka, "service@tax-office", &tax, "desk");
    let values = desk.values("bus.contract.proposed", 1);
    let read: Vec<Value> = values.iter().map(|value| serde_json::from_str(value).unwrap()).collect();
    assert!(read.contains(&event["data"]), "{read:?}");

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

#[test]
fn an_agency_is_written_to_in_plain_text_with_what_is_wanted_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (port, letters) = post::open(LOOPBACK, Office::default());
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
    let Mail { envelope, text, .. } = letters.find(|mail| !mail.text.is_empty()).unwrap();
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
    let ((hook, posted), (post, letters)) = (webhook(), post::open(LOOPBACK, Office::default()));
    let smtp = format!("smtp://127.0.0.1:{post}");
    let settings =
        ["--notices-webhooks", "true", "--notices-smtp", &smtp, "--notices-from", "bus@central.example"];
    let (mut server, tax) = subscribed(folder.path(), &settings);
    let url = format!("http://127.0.0.1:{hook}/notices");
    wishes(&server, json!({"email": ["desk@tax.example"], "webhook": url, "kinds": ["contract.proposed"]}));
    propose(&server, "desk");
    let refused = posted.recv_timeout(PATIENCE).unwrap();
    let mail = letters.recv_timeout(PATIENCE).unwrap().text;
    measured(&server, r#"chancery_notices_sent_total{agency="tax-office",way="email"} 1"#);
    let before = proposals(&server, &tax, 1);

    server.end();
    let server = Server::start_with(folder.path(), &settings);
    // What the webhook refused comes again, the same; what arrived by e-mail does not.
    let again = posted.recv_timeout(PATIENCE).unwrap();
    assert_eq!((again.header("webhook-id"), &again.body), (refused.header("webhook-id"), &refused.body));
    propose(&server, "hall");
    let next = letters.recv_timeout(PATIENCE).unwrap().text;
    assert_ne!(message_id(&next), message_id(&mail));
    let after = proposals(&server, &tax, 2);
    assert_eq!((after.len(), &after[0]), (2, &before[0]), "each decision is one event");
    assert_ne!(after[0]["id"], after[1]["id"]);
    let bodies: Value = serde_json::from_slice(&posted.recv_timeout(PATIENCE).unwrap().body).unwrap();
    assert_eq!((bodies.as_array().unwrap().len(), &bodies[0]["id"]), (1, &after[1]["id"]));
}

#[test]
fn letters_go_in_tls_to_whom_the_operators_authority_vouches_for() {
    let folder = tempfile::tempdir().unwrap();
    let (own, strange) = (Authority::new(), Authority::new());
    let files = Files::write(folder.path(), &own);
    let (post, letters) =
        post::open(LOOPBACK, Office { shown: Some(post::shows(own.server())), ..Office::default() });
    let hook = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/notices", hook.local_addr().unwrap());
    let (stranger, (send, heard)) = (post::shows(strange.server()), channel());
    thread::spawn(move || {
        for stream in hook.incoming() {
            let mut stream = post::secured(&stranger, stream.unwrap());
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
    assert_eq!(letters.recv_timeout(PATIENCE).unwrap().envelope.len(), 2, "from one to one");
    measured(&server, r#"chancery_notices_failed_total{agency="tax-office",way="webhook"} 1"#);
    assert!(!heard.recv_timeout(PATIENCE).unwrap(), "a stranger hears nothing");
}

/// The bus says who it is in TLS, and nowhere else; after STARTTLS, by either way of saying so.
#[test]
fn the_bus_says_who_it_is_once_the_conversation_is_sealed() {
    // Another address of this machine: at the usual one letters go in the clear.
    let host = "127.0.0.2";
    for how in ["PLAIN", "LOGIN"] {
        let folder = tempfile::tempdir().unwrap();
        let own = Authority::new();
        let files = Files::write(folder.path(), &own);
        let shown = Some(post::shows(own.server_at([127, 0, 0, 2])));
        let (port, letters) = post::open(host, Office { shown, starts_late: true, login: Some(how) });
        let settings = told_to_log_in(folder.path(), &format!("smtp://{host}:{port}"), &files);
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let server = with_example(&folder.path().join("data"), &settings);
        wishes(&server, json!({"email": ["desk@tax.example"], "kinds": ["contract.proposed"]}));
        propose(&server, "desk");
        let mail = letters.recv_timeout(PATIENCE).unwrap();
        assert_eq!(mail.login.as_deref(), Some("chancery:a password"), "{how}");
        assert!(mail.text.contains("v2 proposed"), "{}", mail.text);
    }
}

#[test]
fn a_mail_server_without_tls_hears_neither_password_nor_letter() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::write(folder.path(), &Authority::new());
    let (port, letters) = post::open("127.0.0.2", Office { login: Some("PLAIN"), ..Office::default() });
    let settings = told_to_log_in(folder.path(), &format!("smtp://127.0.0.2:{port}"), &files);
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let server = with_example(&folder.path().join("data"), &settings);
    wishes(&server, json!({"email": ["desk@tax.example"], "kinds": ["contract.proposed"]}));
    propose(&server, "desk");
    measured(&server, r#"chancery_notices_failed_total{agency="tax-office",way="email"} 1"#);
    assert!(letters.try_iter().all(|mail| mail.login.is_none() && mail.envelope.is_empty()));
}

fn told_to_log_in(folder: &Path, smtp: &str, files: &Files) -> Vec<String> {
    let password = folder.join("password");
    std::fs::write(&password, "a password\n").unwrap();
    let settings = [
        ["--notices-smtp", smtp, "--notices-from", "bus@central.example"],
        ["--notices-smtp-user", "chancery", "--notices-smtp-password-file", password.to_str().unwrap()],
    ];
    let ca = ["--notices-ca", files.authority.to_str().unwrap()];
    settings.as_flattened().iter().chain(&ca).map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_mail_server_that_never_answers_holds_up_no_webhook() {
    let folder = tempfile::tempdir().unwrap();
    // It takes connections, and says nothing.
    let silent = TcpListener::bind((LOOPBACK, 0)).unwrap();
    let smtp = format!("smtp://{}", silent.local_addr().unwrap());
    let settings =
        ["--notices-webhooks", "true", "--notices-smtp", &smtp, "--notices-from", "bus@central.example"];
    let mut server = with_example(&folder.path().join("data"), &settings);
    // More than may be under way at once, each told that it joined the bus.
    for number in 0..40 {
        let notices = json!({"email": [format!("desk@office{number}.example")]});
        let agency = format!("office{number}");
        govern(
            &server,
            &server.operator,
            json!({"command": "register-agency", "agency": agency, "name": agency, "notices": notices}),
        );
    }
    let (port, posted) = webhook();
    let url = format!("http://{LOOPBACK}:{port}/notices");
    wishes(&server, json!({"webhook": url, "kinds": ["contract.proposed"]}));
    propose(&server, "desk");
    // Sooner than any mail server's time is over.
    assert!(posted.recv_timeout(Duration::from_secs(10)).is_ok());

    measured(&server, r#"chancery_notices_failed_total{agency="tax-office",way="webhook"} 1"#);
    server.end();
    let looked = support::chancery(&["doctor", "--data", folder.path().join("data").to_str().unwrap()]);
    let said = stdout(&looked);
    let told = said.lines().find(|line| line.contains("notices: ")).unwrap();
    for wanted in
        ["office7 by email 1", "; last failure by webhook: tax-office at 20", "the webhook answered 503"]
    {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
}
