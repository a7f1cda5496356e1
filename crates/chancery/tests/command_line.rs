//! The command line: what it exits with and what it says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fs;

use support::{Server, chancery, event, stderr, stdout};

#[test]
fn the_demo_holds_its_checks() {
    let told = chancery(&["demo"]);
    assert!(told.status.success(), "{}{}", stdout(&told), stderr(&told));
    assert!(stdout(&told).contains("checks held") && !stdout(&told).contains('✗'), "{}", stdout(&told));
}

#[test]
fn wrong_usage_is_64_and_a_bus_that_is_not_there_is_1() {
    assert_eq!(chancery(&["no-such-verb"]).status.code(), Some(64));
    assert_eq!(chancery(&["serve", "--no-such-flag"]).status.code(), Some(64));
    let away = chancery(&["--url", "http://127.0.0.1:1", "--token", "t", "topic", "list"]);
    assert_eq!(away.status.code(), Some(1));
    assert!(stderr(&away).contains("127.0.0.1:1"), "{}", stderr(&away));
}

#[test]
fn it_does_not_listen_beyond_loopback_without_tls() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let refused = chancery(&["serve", "--http", "0.0.0.0:0", "--data", data]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(stderr(&refused).contains("TLS"), "{}", stderr(&refused));
}

#[test]
fn a_folder_is_planned_then_applied_and_then_nothing_is_left_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/governance");
    let operator = server.operator.clone();
    let planned = server.cli(&operator, &["plan", examples]);
    assert_eq!(planned.status.code(), Some(2), "{}", stderr(&planned));
    assert_eq!(server.cli(&operator, &["apply", examples]).status.code(), Some(0));
    assert_eq!(server.cli(&operator, &["plan", examples]).status.code(), Some(0));
    let real = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/real/governance");
    assert_eq!(server.cli(&operator, &["plan", real]).status.code(), Some(2));
}

#[test]
fn events_go_in_from_files_and_what_is_refused_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_example(folder.path());
    let token = server.principal("service@civil-registry", "producer");
    let tax = server.principal("service@tax-office", "consumer");
    let mut typo = event(3);
    typo["data"]["child"]["sex"] = "unknown".into();
    let lines = folder.path().join("events.jsonl");
    fs::write(&lines, format!("{}\n{typo}\n{}\n", event(1), event(2))).unwrap();
    let rejects = folder.path().join("rejects.jsonl");
    let (lines, rejects) = (lines.to_str().unwrap(), rejects.to_str().unwrap());

    let published = server.cli(&token, &["publish", lines, "--rejects", rejects]);
    assert_eq!(published.status.code(), Some(1));
    assert!(stdout(&published).starts_with("accepted 2, duplicate 0, refused 1"), "{}", stdout(&published));
    assert!(stderr(&published).contains("/child/sex"), "{}", stderr(&published));
    let aside: serde_json::Value = serde_json::from_str(&fs::read_to_string(rejects).unwrap()).unwrap();
    assert_eq!((&aside["event"]["id"], &aside["problem"]["status"]), (&"birth-3".into(), &422.into()));

    // Bare data: the identity is in it.
    let bare = folder.path().join("bare.json");
    fs::write(&bare, format!("[{}]", support::birth(4))).unwrap();
    let source = "urn:xx:civil-registry:register";
    let arguments =
        ["publish", bare.to_str().unwrap(), "--type", "civil.birth.registered", "--source", source];
    let identified = [&arguments[..], &["--id-from", "/registrationNumber"]].concat();
    assert!(server.cli(&token, &identified).status.success());
    let again = server.cli(&token, &identified);
    assert!(stdout(&again).starts_with("accepted 0, duplicate 1, refused 0"), "{}", stdout(&again));
    // What has none keeps nothing else back.
    fs::write(&bare, format!("[{{}}, {}]", support::birth(4))).unwrap();
    let beside = server.cli(&token, &identified);
    assert!(stdout(&beside).starts_with("accepted 0, duplicate 1, refused 1"), "{}", stdout(&beside));
    assert!(stderr(&beside).contains("/registrationNumber is not in this data"), "{}", stderr(&beside));

    let consumed = server.cli(&tax, &["--json", "consume", "tax-office.births", "--max", "10"]);
    assert_eq!(stdout(&consumed).lines().count(), 3, "{}{}", stdout(&consumed), stderr(&consumed));
}

#[test]
fn what_is_quarantined_waits_for_the_owners_officer() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_example(folder.path());
    let token = server.principal("service@civil-registry", "producer");
    let tax = server.principal("service@tax-office", "consumer");
    let officer = server.principal("officer@civil-registry", "dpo");
    let standards = r#"{"command": "set-standards", "standards": {"leaks": {"otherwise": "quarantine"}}}"#;
    let set = server.post("/v1/govern", &server.operator, &[("content-type", "application/json")], standards);
    assert_eq!(set.status, 200, "{}", set.text);
    let mut leaking = event(2);
    leaking["data"]["registrationOffice"] = "pay to NL91 ABNA 0417 1643 00".into();
    let lines = folder.path().join("events.jsonl");
    fs::write(&lines, format!("{}\n{leaking}\n", event(1))).unwrap();
    let published = server.cli(&token, &["publish", lines.to_str().unwrap()]);
    assert!(published.status.success(), "{}", stderr(&published));
    assert!(
        stderr(&published).contains("quarantined birth-2: found /registrationOffice (iban); it is taken")
    );
    let said = stdout(&published);
    assert!(
        said.starts_with("accepted 2,") && said.contains("1 of the accepted events are in quarantine"),
        "{said}"
    );

    let consume = ["--json", "consume", "tax-office.births", "--max", "10", "--consumer", "one"];
    assert_eq!(stdout(&server.cli(&tax, &consume)).lines().count(), 1);
    let topic = "civil.birth.registered";
    let list = ["topic", "quarantine", "list", topic];
    let listed = stdout(&server.cli(&officer, &list));
    assert!(
        listed.contains("service@civil-registry") && listed.contains("/registrationOffice (iban)"),
        "{listed}"
    );
    assert!(!listed.contains("ABNA"), "{listed}");
    assert!(!server.cli(&tax, &list).status.success());
    let path = format!("/v1/topics/{topic}/quarantine");
    let place = server.get(&path, &officer).json()["quarantine"][0].clone();
    let (partition, offset) = (place["partition"].to_string(), place["offset"].to_string());
    let shown = server.get(&format!("{path}/{partition}/{offset}"), &officer);
    assert_eq!((shown.status, &*shown.content_type), (200, "application/cloudevents+json"), "{}", shown.text);
    assert!(shown.text.contains("ABNA") && !shown.text.contains("Wilhelmina"), "{}", shown.text);
    let refused = server.get(&format!("{path}/{partition}/{offset}"), &server.operator);
    assert_eq!(refused.status, 403, "{}", refused.text);

    let release =
        ["topic", "quarantine", "release", topic, &partition, &offset, "--reason", "the office's own"];
    let released = server.cli(&officer, &release);
    assert!(released.status.success(), "{}", stderr(&released));
    let discard = ["topic", "quarantine", "discard", topic, &partition, &offset, "--reason", "after all"];
    let discarded = server.cli(&officer, &discard);
    assert!(stderr(&discarded).contains("was released already"), "{}", stderr(&discarded));
    let consumed = stdout(&server.cli(&tax, &consume));
    assert!(consumed.contains("birth-2") && consumed.contains("ABNA"), "{consumed}");

    // Whoever sends it again is told what became of it.
    let mut other = leaking.clone();
    other["id"] = "birth-3".into();
    fs::write(&lines, format!("{leaking}\n{other}\n")).unwrap();
    server.cli(&token, &["publish", lines.to_str().unwrap()]);
    let place = server.get(&path, &officer).json()["quarantine"][0].clone();
    let (partition, offset) = (place["partition"].to_string(), place["offset"].to_string());
    let discard = ["topic", "quarantine", "discard", topic, &partition, &offset, "--reason", "sent in error"];
    assert!(server.cli(&officer, &discard).status.success());
    let again = server.cli(&token, &["publish", lines.to_str().unwrap()]);
    let (said, told) = (stdout(&again), stderr(&again));
    assert!(said.starts_with("accepted 0, duplicate 2,") && !said.contains("quarantine"), "{said}");
    assert!(told.contains("discarded birth-3: it was taken, and then discarded"), "{told}");
    assert!(!told.contains("birth-2"), "{told}");
}

#[test]
fn an_exported_audit_verifies_without_the_bus_and_not_when_a_byte_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::with_example(folder.path());
    let token = server.principal("service@civil-registry", "producer");
    let lines = folder.path().join("events.jsonl");
    fs::write(&lines, (0..50).map(|number| format!("{}\n", event(number))).collect::<String>()).unwrap();
    assert!(server.cli(&token, &["publish", lines.to_str().unwrap()]).status.success());
    let (bundle, key) = (folder.path().join("audit.jsonl"), folder.path().join("audit.pub"));
    let (bundle, key) = (bundle.to_str().unwrap(), key.to_str().unwrap());
    let operator = server.operator.clone();
    let exported = server.cli(&operator, &["audit", "export", "--out", bundle]);
    assert!(exported.status.success(), "{}", stderr(&exported));
    let public = server.cli(&operator, &["audit", "key"]);
    fs::write(key, public.stdout).unwrap();
    server.end();

    let verified = chancery(&["verify", bundle, "--key", key]);
    assert!(verified.status.success(), "{}{}", stdout(&verified), stderr(&verified));
    // The births, and the notices of what was decided before them.
    let events =
        stdout(&verified).lines().find_map(|line| line.trim().split_once(" events of ")?.0.parse().ok());
    assert!(events.is_some_and(|events: u32| events > 50), "{}", stdout(&verified));
    let text = fs::read_to_string(bundle).unwrap();
    fs::write(bundle, text.replacen("publication", "Publication", 1)).unwrap();
    assert_eq!(chancery(&["verify", bundle, "--key", key]).status.code(), Some(1));

    let doctor = chancery(&["doctor", "--data", folder.path().to_str().unwrap()]);
    assert!(doctor.status.success(), "{}{}", stdout(&doctor), stderr(&doctor));
}

#[test]
fn an_operator_begins_an_epoch_of_keys_and_sees_how_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_example(folder.path());
    let (operator, token) = (server.operator.clone(), server.principal("service@civil-registry", "producer"));
    let refused = server.cli(&token, &["keys", "rotate"]);
    assert!(
        !refused.status.success() && stderr(&refused).contains("an operator can"),
        "{}",
        stderr(&refused)
    );
    let stands = server.cli(&operator, &["keys", "status"]);
    assert!(stdout(&stands).starts_with("epoch 1 since 20"), "{}{}", stdout(&stands), stderr(&stands));
    let begun = server.cli(&operator, &["keys", "rotate", "--wait"]);
    let said = stdout(&begun);
    assert!(
        said.starts_with("epoch 2 since 20") && said.contains("open nothing any more after 20"),
        "{said}"
    );
    let conflict = server.cli(&operator, &["keys", "rotate"]);
    assert!(stderr(&conflict).contains("epoch 1 of keys has not ended yet"), "{}", stderr(&conflict));
}

const CASES: &str = "topic: health.case.reported
owner: clinic
steward: head@clinic
deputy: nurse@clinic
description: A case of a disease that must be reported.
legal_basis: Infection Protection Act §7
retention: 10y
contract:
  version: 1
  format: json-schema
  schema: v1.schema.json
  subject: /personId
  end_to_end: [special]
  classify: {/personId: personal, /ward: public, /tests/*/result: special, /finding: special}
";

const CASE: &str = r#"{"type": "object", "additionalProperties": false, "properties": {
  "personId": {"type": "string"}, "ward": {"type": "string"}, "finding": {"type": "string"},
  "tests": {"type": "array", "items": {"type": "object", "additionalProperties": false,
    "properties": {"result": {"type": "string"}}}}}}"#;

/// A clinic that reports cases, and an institute that may read them.
fn clinic(
    data: &std::path::Path,
    folder: &std::path::Path,
    (format, file, schema): (&str, &str, &str),
) -> Server {
    let topic = CASES.replace("json-schema", format).replace("v1.schema.json", file);
    let agency = |name: &str| {
        format!("agency: {name}\nname: {name}\nmandate: An Act\ncontacts: [a@b.example]\ndpo: a@b.example\n")
    };
    let reads = |name: &str, clears: &str| {
        format!(
            "subscription: institute.{name}\ntopic: health.case.reported\nagency: institute\npurpose: to count\nlegal_basis: An Act\nclears: {clears}\nexpires: 2035-01-01\n"
        )
    };
    for (name, text) in [
        ("agencies/clinic.yaml", agency("clinic")),
        ("agencies/institute.yaml", agency("institute")),
        ("topics/health.case.reported/topic.yaml", topic),
        (&format!("topics/health.case.reported/{file}"), schema.to_owned()),
        ("subscriptions/institute.cases.yaml", reads("cases", "[personal, special]")),
        ("subscriptions/institute.findings.yaml", reads("findings", "[special]")),
    ] {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let server = Server::start(data);
    let applied = server.cli(&server.operator, &["apply", folder.to_str().unwrap(), "--close-bootstrap"]);
    assert!(applied.status.success(), "{}", stderr(&applied));
    // Written down, the contract still wants it.
    let written = server
        .cli(&server.operator, &["export", "governance", "--out", folder.join("out").to_str().unwrap()]);
    assert!(written.status.success(), "{}", stderr(&written));
    let written = fs::read_to_string(folder.join("out/topics/health.case.reported/topic.yaml")).unwrap();
    assert!(written.contains("end_to_end:"), "{written}");
    server
}

fn holds(folder: &std::path::Path, secret: &str) -> bool {
    fs::read_dir(folder).unwrap().map(Result::unwrap).any(|entry| match entry.path().is_dir() {
        true => holds(&entry.path(), secret),
        false => {
            let bytes = fs::read(entry.path()).unwrap();
            let first = secret.as_bytes()[0];
            let mut windows = bytes.windows(secret.len());
            windows.any(|window| window[0] == first && window == secret.as_bytes())
        }
    })
}

#[test]
fn what_is_sealed_end_to_end_is_sealed_and_opened_on_the_callers_machines() {
    use std::os::unix::fs::PermissionsExt;
    let (data, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let case = ("json-schema", "v1.schema.json", CASE);
    let mut server = clinic(data.path(), &home.path().join("governance"), case);
    let producer = server.principal("ward@clinic", "producer");
    let consumer = server.principal("count@institute", "consumer");
    let officer = server.principal("officer@institute", "dpo");

    let made = chancery(&["--json", "agency", "key", "new", "institute", "--out", &at("keys")]);
    assert!(made.status.success(), "{}", stderr(&made));
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let public = made["public_key"].as_str().unwrap();
    assert_eq!(fs::metadata(at("keys")).unwrap().permissions().mode() & 0o777, 0o600);
    let again = chancery(&["agency", "key", "new", "institute", "--out", &at("keys")]);
    assert_eq!(again.status.code(), Some(64), "a key is not written over");
    let file = fs::read_to_string(at("keys")).unwrap();
    let private = file.lines().find(|line| line.starts_with("e2e-private1.")).unwrap();
    let wrong = server.cli(&officer, &["agency", "key", "publish", "institute", private]);
    assert!(wrong.status.code() == Some(64) && !stderr(&wrong).contains(private), "{}", stderr(&wrong));
    let operator = server.operator.clone();
    let refused = server.cli(&operator, &["agency", "key", "publish", "institute", public]);
    assert!(stderr(&refused).contains("not yours to do"), "{}", stderr(&refused));
    let published = server.cli(&officer, &["agency", "key", "publish", "institute", public]);
    assert!(published.status.success(), "{}", stderr(&published));
    let listed = server.cli(&producer, &["topic", "recipients", "health.case.reported"]);
    assert!(
        stdout(&listed).contains(&format!("special  institute  {}", made["key"].as_str().unwrap())),
        "{}",
        stdout(&listed)
    );
    let told = server.cli(&officer, &["notices"]);
    assert!(stdout(&told).contains("institute published the sealing key"), "{}", stdout(&told));

    let case = r#"{"specversion":"1.0","id":"c-1","source":"urn:clinic","type":"health.case.reported","datacontenttype":"application/json","data":{"personId":"P-1","ward":"North","finding":"Morbus Exemplaris","tests":[{"result":"Positivum"}]}}"#;
    // What cannot be sealed is set aside, and the rest goes on; the file is there, and everybody's, before.
    let bare = case.replace("c-1", "c-0").replace("\"data\":{", "\"data_base64\":\"e30=\",\"was\":{");
    let deep =
        case.replace("c-1", "c-00").replace("\"North\"", &format!("{}{}", "[".repeat(200), "]".repeat(200)));
    let over_lines = bare.replace("{\"specversion\"", "{\n\"specversion\"");
    fs::write(at("cases"), format!("[{over_lines},\n{deep},\n7,\n{case}]")).unwrap();
    fs::write(at("rejects"), "").unwrap();
    fs::set_permissions(at("rejects"), fs::Permissions::from_mode(0o644)).unwrap();
    let (cases, rejects) = (at("cases"), at("rejects"));
    let sent = ["publish", &cases, "--rejects", &rejects, "--topic", "health.case.reported"];
    let sent = server.cli(&producer, &sent);
    assert_eq!(sent.status.code(), Some(1));
    assert!(
        stdout(&sent).starts_with("accepted 1, duplicate 0, refused 3"),
        "{}{}",
        stdout(&sent),
        stderr(&sent)
    );
    let aside = fs::read_to_string(at("rejects")).unwrap();
    assert_eq!((aside.lines().count(), aside.matches("not sent").count()), (3, 3), "{aside}");
    assert_eq!(fs::metadata(at("rejects")).unwrap().permissions().mode() & 0o777, 0o600);
    let header = [("content-type", "application/cloudevents+json")];
    let path = "/v1/topics/health.case.reported/events";
    let clear = server.post(path, &producer, &header, &case.replace("c-1", "c-2"));
    assert_eq!((clear.status, clear.json()["code"].as_str()), (422, Some("not-sealed-end-to-end")));
    assert!(!clear.text.contains("Morbus"), "{}", clear.text);

    let closed = server.cli(&consumer, &["consume", "institute.cases", "--consumer", "one", "--no-commit"]);
    assert!(stdout(&closed).contains("e2e1.") && !stdout(&closed).contains("Morbus"), "{}", stdout(&closed));
    let opened = server.cli(
        &consumer,
        &["consume", "institute.cases", "--consumer", "one", "--no-commit", "--keys", &at("keys")],
    );
    let event: serde_json::Value = serde_json::from_str(stdout(&opened).trim()).unwrap();
    let wanted: serde_json::Value = serde_json::from_str(case).unwrap();
    assert_eq!(event["data"], wanted["data"], "{}", stderr(&opened));
    chancery(&["agency", "key", "new", "institute", "--out", &at("others")]);
    let left =
        server.cli(&consumer, &["consume", "institute.cases", "--consumer", "one", "--keys", &at("others")]);
    assert!(
        stdout(&left).contains("e2e1.") && stderr(&left).contains("for none of the keys"),
        "{}",
        stderr(&left)
    );

    // One event's values under another's id: the bus cannot tell, and whoever opens it is told.
    let sealed: serde_json::Value = serde_json::from_str(stdout(&closed).trim()).unwrap();
    let mut moved = wanted;
    moved["id"] = "c-3".into();
    moved["data"] = sealed["data"].clone();
    assert_eq!(server.post(path, &producer, &header, &moved.to_string()).status, 201);
    let told = server.cli(&consumer, &["consume", "institute.cases", "--no-commit", "--keys", &at("keys")]);
    assert_eq!(told.status.code(), Some(1), "{}", stderr(&told));
    assert!(
        stderr(&told).contains("event c-3, /finding") && stdout(&told).contains("c-3"),
        "{}",
        stderr(&told)
    );

    server.end();
    let secret = private.rsplit('.').next().unwrap();
    for never in ["Morbus Exemplaris", "Positivum", secret] {
        assert!(!holds(data.path(), never), "{never}");
    }
}

const AVRO_CASE: &str = r#"{"type": "record", "name": "Case", "fields": [
  {"name": "personId", "type": "string"}, {"name": "ward", "type": "string"},
  {"name": "tests", "type": {"type": "array", "items":
    {"type": "record", "name": "Test", "fields": [{"name": "result", "type": "string"}]}}},
  {"name": "finding", "type": ["null", "string"]}]}"#;

const PROTOBUF_CASE: &str = r#"syntax = "proto3";
message Case { string personId = 1; string ward = 2; repeated Test tests = 3; optional string finding = 4; }
message Test { string result = 1; }
"#;

/// A number as both formats write it, but for Avro's zigzag.
fn varint(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

/// A document for the person, with a test whose block says how long it is.
fn avro_case(person: &str) -> Vec<u8> {
    let text = |text: &str| [varint(text.len() << 1), text.as_bytes().to_vec()].concat();
    let test = text("Positivum");
    let tests = [vec![1], varint(test.len() << 1), test, vec![0]].concat();
    [text(person), text("North"), tests, vec![2], text("Morbus Exemplaris")].concat()
}

fn protobuf_case(person: &str) -> Vec<u8> {
    let field = |number: u8, text: &[u8]| [vec![number << 3 | 2], varint(text.len()), text.to_vec()].concat();
    let tests = field(3, &field(1, b"Positivum"));
    [field(1, person.as_bytes()), field(2, b"North"), tests, field(4, b"Morbus Exemplaris")].concat()
}

fn binary_event(id: &str, data: &[u8]) -> serde_json::Value {
    serde_json::json!({
        "specversion": "1.0", "id": id, "source": "urn:clinic", "type": "health.case.reported",
        "datacontenttype": "application/octet-stream",
        "data_base64": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, data),
    })
}

/// The data of an event that was printed alone.
fn printed(told: &std::process::Output) -> Vec<u8> {
    let event: serde_json::Value = serde_json::from_str(stdout(told).trim()).unwrap();
    let data = event["data_base64"].as_str().unwrap();
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap()
}

#[test]
fn what_is_sealed_end_to_end_in_binary_formats_is_sealed_and_opened_on_the_callers_machines() {
    for (case, document) in [
        (("avro", "v1.avsc", AVRO_CASE), avro_case as fn(&str) -> Vec<u8>),
        (("protobuf", "v1.proto", PROTOBUF_CASE), protobuf_case),
    ] {
        let format = case.0;
        let (data, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
        let mut server = clinic(data.path(), &home.path().join("governance"), case);
        let producer = server.principal("ward@clinic", "producer");
        let consumer = server.principal("count@institute", "consumer");
        let officer = server.principal("officer@institute", "dpo");
        let made = chancery(&["--json", "agency", "key", "new", "institute", "--out", &at("keys")]);
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
        let public = made["public_key"].as_str().unwrap();
        assert!(server.cli(&officer, &["agency", "key", "publish", "institute", public]).status.success());

        // What is no document of the contract, or not known to be all of it, is not sent; the rest goes on.
        let whole = document("P-1");
        let mut torn = binary_event("c-0", &whole[..whole.len() - 1]);
        let json = serde_json::json!({
            "specversion": "1.0", "id": "c-00", "source": "urn:clinic", "type": "health.case.reported", "data": {"a": 1},
        });
        let mut both = binary_event("c-000", &whole);
        both["data"] = "x".into();
        torn["subject"] = "P-1".into();
        let mut events = vec![torn, json, both, binary_event("c-1", &whole)];
        // A singular field that stands twice: the walk that seals would read it, the contract's check does not.
        if format == "protobuf" {
            let again = [&whole[..], &[4 << 3 | 2, 6], b"Morbus"].concat();
            events.insert(0, binary_event("c-0000", &again));
        }
        let refused = events.len() - 1;
        let lines: Vec<String> = events.iter().map(ToString::to_string).collect();
        fs::write(at("cases"), lines.join("\n")).unwrap();
        let (cases, rejects) = (at("cases"), at("rejects"));
        let sent = server.cli(&producer, &["publish", &cases, "--rejects", &rejects]);
        let told = format!("{format}: {}{}", stdout(&sent), stderr(&sent));
        assert!(stdout(&sent).starts_with(&format!("accepted 1, duplicate 0, refused {refused}")), "{told}");
        let aside = fs::read_to_string(at("rejects")).unwrap();
        let kept = (aside.lines().count(), aside.matches("not sent").count());
        assert_eq!(kept, (refused, refused), "{aside}");
        assert!(!told.contains("Morbus"), "{told}");
        let (path, header) =
            ("/v1/topics/health.case.reported/events", [("content-type", "application/cloudevents+json")]);
        let clear = server.post(path, &producer, &header, &binary_event("c-2", &whole).to_string());
        assert_eq!((clear.status, clear.json()["code"].as_str()), (422, Some("not-sealed-end-to-end")));

        let consume = |subscription: &str, keys: &[&str]| {
            let arguments = ["consume", subscription, "--consumer", "one", "--no-commit"];
            server.cli(&consumer, &[&arguments[..], keys].concat())
        };
        let holds_text = |data: &[u8], text: &str| String::from_utf8_lossy(data).contains(text);
        let closed = printed(&consume("institute.cases", &[]));
        assert!(holds_text(&closed, "e2e1.") && !holds_text(&closed, "Morbus"));
        let keys = at("keys");
        let opened = consume("institute.cases", &["--keys", &keys]);
        assert_eq!(printed(&opened), whole, "{format}: to the byte: {}", stderr(&opened));
        // By the schema of who is not cleared for all of it.
        let opened = consume("institute.findings", &["--keys", &keys]);
        let left = printed(&opened);
        assert!(opened.status.success(), "{format}: {}", stderr(&opened));
        assert!(holds_text(&left, "Morbus Exemplaris") && holds_text(&left, "Positivum"), "{format}");
        assert!(!holds_text(&left, "P-1") && !holds_text(&left, "e2e1."), "{format}");
        chancery(&["agency", "key", "new", "institute", "--out", &at("others")]);
        let left = consume("institute.cases", &["--keys", &at("others")]);
        assert_eq!(printed(&left), closed, "what the keys do not open stays");
        assert!(left.status.success() && stderr(&left).contains("for none of the keys"), "{}", stderr(&left));

        // One event's values under another's id: the bus cannot tell, and whoever opens it is told.
        let moved = binary_event("c-3", &closed);
        assert_eq!(server.post(path, &producer, &header, &moved.to_string()).status, 201);
        let told = consume("institute.cases", &["--keys", &keys]);
        assert_eq!(told.status.code(), Some(1), "{}", stderr(&told));
        assert!(
            stderr(&told).contains("event c-3, /finding") && stdout(&told).contains("c-3"),
            "{}",
            stderr(&told)
        );

        server.end();
        let file = fs::read_to_string(at("keys")).unwrap();
        let private = file.lines().find(|line| line.starts_with("e2e-private1.")).unwrap();
        for never in ["Morbus Exemplaris", "Positivum", private.rsplit('.').next().unwrap()] {
            assert!(!holds(data.path(), never), "{format}: {never}");
        }
    }
}
