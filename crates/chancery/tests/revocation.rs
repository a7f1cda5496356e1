//! Revoked means no further byte: whoever reads and waits, by whichever door and in whichever manner, is told that the
//! right has ended and gets nothing that was published after; another agency's subscription goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/doors.rs"]
mod doors;
#[path = "support/kafka.rs"]
mod kafka;
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use bus::clock::{Clock, SystemClock};
use doors::{Doors, Served};
use kafka::Kafka;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, FetchRequest, FetchResponse, GroupId, HeartbeatRequest, JoinGroupRequest,
    SyncGroupRequest,
};
use serde_json::json;
use support::{Server, event};

const TOPIC: &str = "civil.birth.registered";
const PARTITIONS: usize = 4;
const READER: &str = "reader@tax-office";
const LIVE: &str = "social-insurance.births";

const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
const GROUP_AUTHORIZATION_FAILED: i16 = 30;

/// The ways of reading, each under a subscription of its own. The agency has one more to the topic, which stays: a reader
/// must not slip into it.
const WAYS: [(&str, Open); 5] = [
    ("tax-office.poll", poll),
    ("tax-office.stream", stream),
    ("tax-office.classic", classic),
    ("tax-office.modern", modern),
    ("tax-office.alone", alone),
];

/// Opens a way of reading, which has had the first event when this returns, and waits for the next.
type Open = fn(&Doors, &str, &str) -> JoinHandle<Heard>;

/// What came after the first event.
struct Heard {
    bytes: Vec<u8>,
    /// A Kafka reader's connection, still open, and where it went on.
    kafka: Option<Member>,
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn ask(doors: &Doors, token: &str, path: &str) -> TcpStream {
    ask_on(TcpStream::connect(&doors.http).unwrap(), token, path)
}

fn ask_on(mut stream: TcpStream, token: &str, path: &str) -> TcpStream {
    let header = format!("host: bus\r\nauthorization: Bearer {token}\r\nconnection: close\r\n");
    write!(stream, "GET {path} HTTP/1.1\r\n{header}\r\n").unwrap();
    stream
}

fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Reads until a text has come.
fn until(stream: &mut TcpStream, text: &str) -> Vec<u8> {
    let (mut bytes, mut step) = (Vec::new(), [0; 4096]);
    while !contains(&bytes, text) {
        let read = stream.read(&mut step).unwrap();
        assert!(read > 0, "ended before {text}: {}", String::from_utf8_lossy(&bytes));
        bytes.extend(&step[..read]);
    }
    bytes
}

/// HTTP: a pull that waits.
fn poll(doors: &Doors, name: &str, token: &str) -> JoinHandle<Heard> {
    let path = format!("/v1/subscriptions/{name}/events?wait=30");
    let first = String::from_utf8(rest(ask(doors, token, &path))).unwrap();
    assert!(first.contains("birth-1"), "{first}");
    let cursor = first.lines().find_map(|line| line.strip_prefix("chancery-cursor: ")).unwrap();
    let waiting = ask(doors, token, &format!("{path}&from={cursor}"));
    spawn(move || Heard { bytes: rest(waiting), kafka: None })
}

/// HTTP: server-sent events.
fn stream(doors: &Doors, name: &str, token: &str) -> JoinHandle<Heard> {
    let mut stream = ask(doors, token, &format!("/v1/subscriptions/{name}/stream"));
    if !until(&mut stream, "birth-1").ends_with(b"\n\n") {
        until(&mut stream, "\n\n");
    }
    spawn(move || Heard { bytes: rest(stream), kafka: None })
}

/// A Kafka client, and the group that it is in.
struct Member {
    kafka: Kafka,
    offsets: Vec<i64>,
    group: Group,
}

enum Group {
    Classic { group: GroupId, generation: i32, member: kafka_protocol::protocol::StrBytes },
    Modern { group: GroupId, member: kafka_protocol::protocol::StrBytes, epoch: i32 },
    None,
}

fn group_of(name: &str) -> GroupId {
    GroupId(kafka::wire(name))
}

/// Kafka: a member of a group by the classic protocol.
fn classic(doors: &Doors, name: &str, token: &str) -> JoinHandle<Heard> {
    let mut kafka = Kafka::connect(&doors.kafka, READER, token, "classic-client");
    let mut metadata = vec![0, 0, 0, 0, 0, 1, 0, TOPIC.len() as u8];
    metadata.extend(TOPIC.as_bytes());
    metadata.extend([0xff; 4]);
    let protocol =
        JoinGroupRequestProtocol::default().with_name(kafka::wire("range")).with_metadata(metadata.into());
    let group = group_of(name);
    let join = JoinGroupRequest::default()
        .with_group_id(group.clone())
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_protocol_type(kafka::wire("consumer"))
        .with_protocols(vec![protocol]);
    let (joined, _) = kafka.ask(3, &join);
    assert_eq!(joined.error_code, 0);
    let sync = SyncGroupRequest::default()
        .with_group_id(group.clone())
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone());
    assert_eq!(kafka.ask(3, &sync).0.error_code, 0);
    let group = Group::Classic { group, generation: joined.generation_id, member: joined.member_id };
    fetching(Member { kafka, offsets: vec![0; PARTITIONS], group })
}

/// Kafka: a member of a group by the protocol of KIP-848.
fn modern(doors: &Doors, name: &str, token: &str) -> JoinHandle<Heard> {
    let mut kafka = Kafka::connect(&doors.kafka, READER, token, "modern-client");
    let (group, member) = (group_of(name), kafka::wire("member-of-the-modern-kind"));
    let come = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group.clone())
        .with_member_id(member.clone())
        .with_member_epoch(0)
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(vec![kafka::topic(TOPIC)]))
        .with_topic_partitions(Some(Vec::new()));
    let (told, _) = kafka.ask(1, &come);
    assert_eq!(told.error_code, 0, "{:?}", told.error_message);
    let group = Group::Modern { group, member, epoch: told.member_epoch };
    fetching(Member { kafka, offsets: vec![0; PARTITIONS], group })
}

/// Kafka: without a group, by the client's id.
fn alone(doors: &Doors, name: &str, token: &str) -> JoinHandle<Heard> {
    let kafka = Kafka::connect(&doors.kafka, READER, token, name);
    fetching(Member { kafka, offsets: vec![0; PARTITIONS], group: Group::None })
}

fn errors(said: &FetchResponse) -> Vec<i16> {
    said.responses[0].partitions.iter().map(|partition| partition.error_code).collect()
}

/// Fetches the first event, then waits for more until there is an error.
fn fetching(mut member: Member) -> JoinHandle<Heard> {
    let (said, raw) = member.kafka.fetch(TOPIC, &member.offsets, 20_000);
    assert!(contains(&raw, "birth-1"), "{said:?}");
    for (offset, partition) in member.offsets.iter_mut().zip(&said.responses[0].partitions) {
        *offset = partition.high_watermark;
    }
    spawn(move || {
        let mut bytes = Vec::new();
        loop {
            let (said, raw) = member.kafka.fetch(TOPIC, &member.offsets, 20_000);
            bytes.extend(raw);
            if errors(&said).iter().any(|code| *code != 0) {
                assert_eq!(errors(&said), [TOPIC_AUTHORIZATION_FAILED; PARTITIONS]);
                return Heard { bytes, kafka: Some(member) };
            }
            assert!(!contains(&bytes, "birth-2"), "an event after the end");
        }
    })
}

/// The connection is open, and stays without right.
fn gets_nothing_more(mut member: Member) {
    let (said, raw) = member.kafka.fetch(TOPIC, &[0; PARTITIONS], 0);
    assert_eq!(errors(&said), [TOPIC_AUTHORIZATION_FAILED; PARTITIONS]);
    assert!(!contains(&raw, "birth-"), "what it could read before either");
    let told = match member.group {
        Group::None => return,
        Group::Classic { group, generation, member: id } => {
            let alive = HeartbeatRequest::default()
                .with_group_id(group)
                .with_generation_id(generation)
                .with_member_id(id);
            member.kafka.ask(3, &alive).0.error_code
        }
        Group::Modern { group, member: id, epoch } => {
            let alive = ConsumerGroupHeartbeatRequest::default()
                .with_group_id(group)
                .with_member_id(id)
                .with_member_epoch(epoch);
            member.kafka.ask(1, &alive).0.error_code
        }
    };
    assert_eq!(told, GROUP_AUTHORIZATION_FAILED);
}

/// Opens every way, ends the right, publishes, and looks at what each reader heard.
fn no_further_byte(doors: &Doors, end: impl FnOnce(&Doors), wanted: &str) {
    doors.apply(&doors::files(WAYS.map(|(name, _)| name)));
    let producer = doors.principal("service@civil-registry", "producer");
    let reader = doors.principal(READER, "consumer");
    let other = doors.principal("reader@social-insurance", "consumer");
    let publish = |number: u32| {
        let answer = doors.post(&format!("/v1/topics/{TOPIC}/events"), &producer, &event(number).to_string());
        assert_eq!(answer.0, 201, "{}", answer.1);
    };
    publish(1);
    let open = WAYS.map(|(name, open)| (name, open(doors, name, &reader)));
    sleep(Duration::from_millis(500));
    assert!(open.iter().all(|(_, waiting)| !waiting.is_finished()), "they wait");

    end(doors);
    publish(2);
    for (name, waiting) in open {
        let heard = waiting.join().unwrap_or_else(|_| panic!("{name} broke"));
        let said = String::from_utf8_lossy(&heard.bytes).into_owned();
        assert!(!said.contains("birth-2") && !said.contains("Wilhelmina Q2"), "{name} was handed it: {said}");
        match heard.kafka {
            Some(member) => gets_nothing_more(member),
            None => {
                let words = if name == "tax-office.stream" { "event: revoked" } else { "HTTP/1.1 403" };
                assert!(said.contains(words) && said.contains(wanted), "{name} was told: {said}");
            }
        }
    }
    let live = rest(ask(doors, &other, &format!("/v1/subscriptions/{LIVE}/events?wait=10")));
    assert!(contains(&live, "birth-1") && contains(&live, "birth-2"), "the other goes on");
}

#[test]
fn a_revoked_subscription_gets_no_further_byte() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let revoke = |doors: &Doors| {
        for (name, _) in WAYS {
            doors.govern(&json!({"command": "revoke-subscription", "subscription": name, "reason": "moved"}));
        }
    };
    no_further_byte(&Doors::of(&server), revoke, "is revoked");
}

#[test]
fn a_disabled_principal_gets_no_further_byte() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let disable = |doors: &Doors| doors.govern(&json!({"command": "disable-principal", "principal": READER}));
    no_further_byte(&Doors::of(&server), disable, "a consumer of tax-office");
}

/// Shorter than what the bus remembers of who works for which group.
const AHEAD_MS: u64 = 2 * 60 * 1000;

/// A day comes sooner in a process whose clock the test moves ahead; the doors are the same.
#[test]
fn an_expired_subscription_gets_no_further_byte() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), doors::ENDS_MS - AHEAD_MS);
    no_further_byte(&served.doors, |_| served.clock.advance(AHEAD_MS), "is expired");
}

const NOTES: &str = "note.text.written";
const NOTES_TOPIC: &str = "topic: note.text.written
owner: courts
steward: s.one@courts
deputy: s.two@courts
description: A note was written.
legal_basis: Courts Act §1
retention: 1y
contract:
  version: 1
  format: json-schema
  schema: v1.schema.json
  classify: {/text: public}
";
const NOTES_SCHEMA: &str =
    r#"{"type":"object","additionalProperties":false,"properties":{"text":{"type":"string"}}}"#;
const NOTES_READ: &str = "subscription: tax-office.notes
topic: note.text.written
agency: tax-office
purpose: read notes
legal_basis: Courts Act §2
clears: []
expires: 2030-01-01
";

/// A connection whose reader has room for little, so that what it does not read stays with the bus.
fn narrow(address: &str) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(address.parse().unwrap()).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream
}

/// Notes of 20 KB each, more in all than the sockets between hold; who may read them.
fn notes(doors: &Doors, events: usize) -> String {
    let mut files = doors::files([]);
    for (path, text) in [
        ("topics/note.text.written/topic.yaml", NOTES_TOPIC),
        ("topics/note.text.written/v1.schema.json", NOTES_SCHEMA),
        ("subscriptions/tax-office.notes.yaml", NOTES_READ),
    ] {
        files.insert(path.to_owned(), text.to_owned());
    }
    doors.apply(&files);
    let producer = doors.principal("desk@courts", "producer");
    for number in 0..events {
        let note = json!({
            "specversion": "1.0", "id": format!("note-{number}"), "source": "urn:xx:courts:desk", "type": NOTES,
            "data": {"text": "x".repeat(20_000)},
        });
        let answer = doors.post(&format!("/v1/topics/{NOTES}/events"), &producer, &note.to_string());
        assert_eq!(answer.0, 201, "{}", answer.1);
    }
    doors.principal(READER, "consumer")
}

/// A stream whose reader is slow has events ready that have not left yet: they do not leave any more. One round of the
/// stream takes all of them, more than the sockets between hold.
#[test]
fn what_a_slow_stream_has_ready_does_not_leave_after_the_end() {
    const EVENTS: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let doors = Doors::of(&server);
    let reader = notes(&doors, EVENTS);
    let mut stream = ask_on(narrow(&doors.http), &reader, "/v1/subscriptions/tax-office.notes/stream");
    let mut said = until(&mut stream, "event: event");
    sleep(Duration::from_millis(500));
    let revoke = json!({"command": "revoke-subscription", "subscription": "tax-office.notes", "reason": "x"});
    doors.govern(&revoke);
    said.extend(rest(stream));
    let said = String::from_utf8_lossy(&said);
    let handed_over = said.matches("event: event").count();
    assert!(said.contains("event: revoked"), "it is told");
    assert!(handed_over < EVENTS - 10, "{handed_over} events left: more than were on their way");
}

/// Who asks and then reads nothing has had its answer looked at, and would have it whenever it likes: it is given some time.
#[test]
fn an_answer_that_is_not_taken_in_time_does_not_leave_later() {
    const EVENTS: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let now_ms = SystemClock.now_ms() + 1000;
    let served = Served::start_writing_within(folder.path(), now_ms, Duration::from_secs(2));
    let doors = &served.doors;
    let reader = notes(doors, EVENTS);
    let pull = format!("/v1/subscriptions/tax-office.notes/events?max={EVENTS}");
    let quick = rest(ask(doors, &reader, &pull));
    assert!(quick.len() > 20_000 * EVENTS, "who reads it has all of it");
    let whole = FetchPartition::default().with_partition_max_bytes(i32::MAX);
    let whole = FetchTopic::default().with_topic(kafka::topic(NOTES)).with_partitions(vec![whole]);
    let whole =
        FetchRequest::default().with_max_bytes(i32::MAX).with_session_epoch(-1).with_topics(vec![whole]);
    let mut client = Kafka::connect(&doors.kafka, READER, &reader, "quick");
    assert!(client.ask(12, &whole).1.len() > 20_000 * EVENTS);

    let client = Kafka::connect_on(narrow(&doors.kafka), READER, &reader, "slow");
    let slow = [
        ("pull", ask_on(narrow(&doors.http), &reader, &pull)),
        ("stream", ask_on(narrow(&doors.http), &reader, "/v1/subscriptions/tax-office.notes/stream")),
        ("kafka", client.leave(12, &whole)),
    ];
    sleep(Duration::from_secs(3));
    for (way, mut stream) in slow {
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (mut taken, mut step) = (0, vec![0; 1 << 16]);
        let ended = loop {
            match stream.read(&mut step) {
                Ok(0) => break None,
                Ok(read) => taken += read,
                Err(error) => break Some(error.kind()),
            }
        };
        assert!(taken < 1_000_000, "{way}: {taken} bytes came after the time was over");
        assert!(matches!(ended, None | Some(ErrorKind::ConnectionReset)), "{way} was closed: {ended:?}");
    }
}

const CONSENT_TOPIC: &str = "consent.record.changed";

/// A consent record of everybody in the births of these numbers.
fn consents(doors: &Doors, producer: &str, numbers: [u32; 2], state: &str) {
    let who = numbers.map(|number| [format!("2026-1000-{number:04}"), format!("1990-1000-{number:04}")]);
    for (number, who) in who.as_flattened().iter().enumerate() {
        let record = json!({
            "specversion": "1.0", "id": format!("consent-{number}-{state}"), "source": "urn:xx:civil-registry:consents",
            "type": CONSENT_TOPIC,
            "data": {"schema_version": "1", "record_id": "r", "pii_principal_id": who, "privacy_notice": "https://n.example",
                "purposes": [{"purpose": "family benefit advice"}],
                "event": {"event_time": "2026-11-26T00:00:00Z", "event_type": "explicit", "event_state": state}},
        });
        let answer = doors.post(&format!("/v1/topics/{CONSENT_TOPIC}/events"), producer, &record.to_string());
        assert_eq!(answer.0, 201, "{}", answer.1);
    }
}

/// Waits until every way was handed so many events, or more.
fn handed_over(doors: &Doors, events: f64) {
    let counted = |said: &str, name: &str| {
        let label = format!("subscription=\"{name}\"");
        let mut lines =
            said.lines().filter(|line| line.contains("events_delivered") && line.contains(&label));
        lines.find_map(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
    };
    for _ in 0..600 {
        let said = String::from_utf8(rest(ask(doors, &doors.operator, "/metrics"))).unwrap();
        if WAYS.iter().all(|(name, _)| counted(&said, name) >= events) {
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("not every way was handed {events} events");
}

/// Whoever reads by consent goes on when it is withdrawn, and finds nothing more of those who withdrew it: in no event that
/// is published after, by no door that was open.
#[test]
fn withdrawn_consent_reaches_whoever_reads_and_waits() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let doors = Doors::of(&server);
    let mut files = doors::files(WAYS.map(|(name, _)| name));
    let shipped = doors::folder("examples/consent");
    files.extend(shipped.into_iter().filter(|(path, _)| path.contains('/')));
    for (name, _) in WAYS {
        files
            .get_mut(&format!("subscriptions/{name}.yaml"))
            .unwrap()
            .push_str("consent: family benefit advice\n");
    }
    doors.apply(&files);
    let producer = doors.principal("service@civil-registry", "producer");
    let reader = doors.principal(READER, "consumer");
    let publish = |number: u32| {
        let answer = doors.post(&format!("/v1/topics/{TOPIC}/events"), &producer, &event(number).to_string());
        assert_eq!(answer.0, 201, "{}", answer.1);
    };
    consents(&doors, &producer, [1, 3], "given");
    publish(1);
    for (name, _) in WAYS {
        let read = String::from_utf8(rest(ask(&doors, &reader, &format!("/v1/subscriptions/{name}/events"))))
            .unwrap();
        assert!(read.contains("Wilhelmina Q1"), "{name}: {read}");
    }
    let officer = doors.principal("dpo@civil-registry", "dpo");
    let person = folder.path().join("person");
    std::fs::write(&person, "2026-1000-0001\n").unwrap();
    let known = || {
        let person = person.to_str().unwrap();
        let shown = server.cli(&officer, &["consent", "show", "--subject-file", person]);
        assert!(shown.status.success(), "{}", support::stderr(&shown));
        support::stdout(&shown)
    };
    assert!(known().contains("family benefit advice  any     given"), "{}", known());
    let open = WAYS.map(|(name, open)| (name, open(&doors, name, &reader)));
    consents(&doors, &producer, [1, 3], "withdrawn");
    assert!(known().contains("withdrawn") && known().contains(CONSENT_TOPIC), "{}", known());
    publish(3);
    // Each way had the first event twice.
    handed_over(&doors, 3.0);
    for (name, _) in WAYS {
        doors.govern(&json!({"command": "revoke-subscription", "subscription": name, "reason": "moved"}));
    }
    for (name, waiting) in open {
        let heard = waiting.join().unwrap_or_else(|_| panic!("{name} broke"));
        let said = String::from_utf8_lossy(&heard.bytes).into_owned();
        assert!(said.contains("birth-3") && said.contains("withheld"), "{name} was told: {said}");
        assert!(!said.contains("Wilhelmina") && !said.contains("2026-1000"), "{name} was handed it: {said}");
    }
}

const LETTERS: &str = "note.letter.written";
const LETTERS_TOPIC: &str = "topic: note.letter.written
owner: courts
steward: s.one@courts
deputy: s.two@courts
description: A letter to somebody was written.
legal_basis: Courts Act §1
partitions: 1
retention: 1y
contract:
  version: 1
  format: json-schema
  schema: v1.schema.json
  subject: [/personId]
  classify: {/personId: personal, /text: personal}
";
const LETTERS_SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["personId"],
    "properties":{"personId":{"type":"string"},"text":{"type":"string"}}}"#;
const LETTERS_READ: &str = "subscription: tax-office.letters
topic: note.letter.written
agency: tax-office
purpose: read letters
legal_basis: Courts Act §2
clears: [personal]
expires: 2030-01-01
consent: family benefit advice
";

/// A stream whose reader is slow has events ready that have not left yet: they leave without what was withdrawn meanwhile, or
/// what a first demand of consent keeps back, and each once. One round of the stream takes all of them, more than the sockets
/// between hold.
#[test]
fn what_a_slow_stream_has_ready_leaves_as_consent_and_terms_are_by_then() {
    const EVENTS: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let doors = Doors::of(&server);
    let mut files = doors::files([]);
    files.extend(doors::folder("examples/consent").into_iter().filter(|(path, _)| path.contains('/')));
    let freely = LETTERS_READ.replace("tax-office.letters", "tax-office.post");
    let freely = freely.replace("consent: family benefit advice\n", "");
    for (path, text) in [
        ("topics/note.letter.written/topic.yaml", LETTERS_TOPIC),
        ("topics/note.letter.written/v1.schema.json", LETTERS_SCHEMA),
        ("subscriptions/tax-office.letters.yaml", LETTERS_READ),
        ("subscriptions/tax-office.post.yaml", &freely),
    ] {
        files.insert(path.to_owned(), text.to_owned());
    }
    doors.apply(&files);
    let keeper = doors.principal("service@civil-registry", "producer");
    let producer = doors.principal("desk@courts", "producer");
    let reader = doors.principal(READER, "consumer");
    consents(&doors, &keeper, [1, 3], "given");
    for number in 0..EVENTS {
        let letter = json!({
            "specversion": "1.0", "id": format!("letter-{number:03}"), "source": "urn:xx:courts:desk", "type": LETTERS,
            "data": {"personId": "2026-1000-0001", "text": "x".repeat(20_000)},
        });
        let answer = doors.post(&format!("/v1/topics/{LETTERS}/events"), &producer, &letter.to_string());
        assert_eq!(answer.0, 201, "{}", answer.1);
    }
    let withdraw = || consents(&doors, &keeper, [1, 3], "withdrawn");
    let demand = || {
        doors.govern(&json!({"command": "change-subscription", "subscription": "tax-office.post",
            "consent": "family benefit advice"}));
    };
    let ways: [(&str, &dyn Fn()); 2] = [("tax-office.letters", &withdraw), ("tax-office.post", &demand)];
    for (name, change) in ways {
        let mut stream = ask_on(narrow(&doors.http), &reader, &format!("/v1/subscriptions/{name}/stream"));
        let mut said = until(&mut stream, "event: event");
        sleep(Duration::from_millis(500));
        change();
        let (last, mut step) = (format!("letter-{:03}", EVENTS - 1), vec![0; 1 << 16]);
        while !contains(&said[said.len().saturating_sub(step.len() + 100)..], &last) {
            let read = stream.read(&mut step).unwrap();
            assert!(read > 0, "ended early");
            said.extend(&step[..read]);
        }
        let said = String::from_utf8_lossy(&said).into_owned();
        for number in 0..EVENTS {
            assert_eq!(said.matches(&format!("letter-{number:03}\"")).count(), 1, "{name}: event {number}");
        }
        let open = said.matches("2026-1000-0001").count();
        assert!(
            open > 0 && open < EVENTS - 10,
            "{name}: {open} events left open: more than were on their way"
        );
        assert!(said.contains("withheld"), "{name}");
    }
}
