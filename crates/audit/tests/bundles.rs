//! Entries, and what verifying a bundle promises.

#![allow(clippy::unwrap_used, reason = "the tests' helpers stand outside test functions")]

use std::borrow::Cow;

use audit::bundle::{Consistency, EventHashes, FORMAT, Header, Lane, Leaf, Line};
use audit::entry::{
    Commit, DeadLetter, Decision, Disclosure, EntryError, Publication, RANGES_PER_ENTRY, Refusal,
    split_ranges, within_limit,
};
use audit::{
    Checkpoint, Entry, Finding, Frontier, Hash, Kind, Problem, Range, Report, Signer, leaf_hash, merkle_root,
    verify,
};
use proptest::prelude::*;

const TIME: &str = "2026-01-02T03:04:05Z";

fn publication(range: Range, events: &[Hash]) -> Kind<'static> {
    Kind::Publication(Publication {
        principal: "births@civil-registry".into(),
        agency: "civil-registry".into(),
        topic: "civil.birth.registered".into(),
        contract: 1,
        ranges: Cow::Owned(vec![range]),
        root: merkle_root(events),
    })
}

fn refusal() -> Kind<'static> {
    Kind::Refusal(Refusal {
        principal: "births@civil-registry".into(),
        agency: "civil-registry".into(),
        topic: "civil.birth.registered".into(),
        id: None,
        reason: "contract".into(),
        detail: "/child/name is missing".into(),
    })
}

fn disclosure() -> Kind<'static> {
    Kind::Disclosure(Disclosure {
        subscription: "tax-office.births".into(),
        agency: "tax-office".into(),
        principal: "intake@tax-office".into(),
        topic: "civil.birth.registered".into(),
        purpose: "assign tax identifiers".into(),
        legal_basis: "Tax Administration Act §139b".into(),
        consent: None,
        opened: vec!["personal".into()].into(),
        veiled: Vec::new().into(),
        ranges: vec![Range { partition: 0, first: 0, count: 2 }].into(),
    })
}

fn kinds() -> Vec<(Kind<'static>, &'static str)> {
    let decision = Decision {
        by: "operator".into(),
        command: "topic.create".into(),
        events: vec![serde_json::json!({"type": "topic-created"})].into(),
        policies: vec!["owner-approves".into()].into(),
        asked: None,
        tried: None,
        steps: None,
    };
    let commit = Commit {
        subscription: "s".into(),
        agency: "a".into(),
        principal: "p".into(),
        topic: "t".into(),
        partition: 1,
        next: 2,
    };
    let dead = DeadLetter {
        subscription: "s".into(),
        agency: "a".into(),
        principal: "p".into(),
        topic: "t".into(),
        partition: 1,
        offset: 2,
        reason: "r".into(),
    };
    let root = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let publication_text: &'static str = format!(r#""kind":"publication","principal":"births@civil-registry","agency":"civil-registry","topic":"civil.birth.registered","contract":1,"ranges":[{{"partition":1,"first":2,"count":0}}],"root":"{root}"}}"#).leak();
    vec![
        (publication(Range { partition: 1, first: 2, count: 0 }, &[]), publication_text),
        (
            refusal(),
            r#""kind":"refusal","principal":"births@civil-registry","agency":"civil-registry","topic":"civil.birth.registered","reason":"contract","detail":"/child/name is missing"}"#,
        ),
        (
            disclosure(),
            r#""kind":"disclosure","subscription":"tax-office.births","agency":"tax-office","principal":"intake@tax-office","topic":"civil.birth.registered","purpose":"assign tax identifiers","legal_basis":"Tax Administration Act §139b","opened":["personal"],"ranges":[{"partition":0,"first":0,"count":2}]}"#,
        ),
        (
            Kind::Decision(decision),
            r#""kind":"decision","by":"operator","command":"topic.create","events":[{"type":"topic-created"}],"policies":["owner-approves"]}"#,
        ),
        (
            Kind::Commit(commit),
            r#""kind":"commit","subscription":"s","agency":"a","principal":"p","topic":"t","partition":1,"next":2}"#,
        ),
        (
            Kind::DeadLetter(dead),
            r#""kind":"dead-letter","subscription":"s","agency":"a","principal":"p","topic":"t","partition":1,"offset":2,"reason":"r"}"#,
        ),
    ]
}

#[test]
fn every_kind_is_written_as_it_was_frozen_and_comes_back() {
    for (kind, text) in kinds() {
        let entry = Entry::new(TIME, "standard", kind);
        let mut bytes = Vec::new();
        entry.encode(&mut bytes).unwrap();
        let expected = format!(r#"{{"v":1,"time":"{TIME}","lane":"standard",{text}"#);
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
        assert_eq!(Entry::decode(&bytes).unwrap(), entry);
    }
}

/// A failed trial of a migration stood where questions to policies do.
#[test]
fn a_decision_of_an_older_bus_is_read() {
    let said = r#""kind":"decision","by":"s@a","command":"propose-contract","events":[],"policies":["p"],"asked":{"tried":{}}"#;
    let text = format!(r#"{{"v":1,"time":"{TIME}","lane":"standard",{said}}}"#);
    let Kind::Decision(decision) = Entry::decode(text.as_bytes()).unwrap().what else { panic!("{text}") };
    assert_eq!(decision.asked, Some(serde_json::json!({"tried": {}})));
    assert_eq!((decision.tried, decision.steps), (None, None));
}

#[test]
fn an_entry_of_the_future_is_read_and_never_written() {
    let text = format!(r#"{{"v":2,"time":"{TIME}","lane":"standard","kind":"seance","with":[1]}}"#);
    let entry = Entry::decode(text.as_bytes()).unwrap();
    assert_eq!(entry.what, Kind::Other);
    let mut out = b"before".to_vec();
    assert_eq!(entry.encode(&mut out), Err(EntryError::UnknownKind));
    assert_eq!(out, b"before");
    let mut bytes = Vec::new();
    Entry::new(TIME, "standard", refusal()).encode(&mut bytes).unwrap();
    let extended = String::from_utf8(bytes).unwrap().replace(r#""v":1"#, r#""v":1,"new":{"a":[]}"#);
    assert_eq!(Entry::decode(extended.as_bytes()).unwrap().what, refusal());
}

#[test]
fn an_entry_that_no_log_can_hold_is_refused_and_split_ranges_fit() {
    let widest = Range { partition: u32::MAX, first: u64::MAX, count: u64::MAX };
    let ranges = vec![widest; 3 * RANGES_PER_ENTRY + 1];
    let with = |ranges: &[Range]| {
        let mut what = publication(widest, &[]);
        if let Kind::Publication(publication) = &mut what {
            publication.ranges = ranges.to_vec().into();
        }
        let mut out = Vec::new();
        Entry::new(TIME, "standard", what).encode(&mut out).map(|()| out.len())
    };
    assert!(matches!(with(&ranges), Err(EntryError::TooLong { .. })));
    let parts: Vec<_> = split_ranges(&ranges).collect();
    assert_eq!(parts.len(), 4);
    assert!(parts.into_iter().all(|part| with(part).is_ok_and(|bytes| bytes < 50_000)));
}

#[test]
fn a_long_governance_event_goes_in_as_its_digest() {
    let short = serde_json::json!({"type": "a"});
    assert_eq!(within_limit(short.clone()), short);
    let long = serde_json::json!({"type": "contract-proposed", "schema": "x".repeat(10_000)});
    let text = long.to_string();
    let kept = within_limit(long);
    assert_eq!(kept["type"], "contract-proposed");
    assert_eq!(kept["sha256"], Hash::of(text.as_bytes()).to_string());
    assert_eq!(kept["bytes"], text.len());
}

/// A lane of a bundle in the making.
struct Made {
    name: &'static str,
    leaves: Vec<String>,
    hashes: Vec<(u64, Vec<Hash>)>,
    next: u64,
}

impl Made {
    fn new(name: &'static str) -> Self {
        Self { name, leaves: Vec::new(), hashes: Vec::new(), next: 0 }
    }

    fn add(&mut self, what: Kind<'_>) {
        let mut bytes = Vec::new();
        Entry::new(TIME, self.name, what).encode(&mut bytes).unwrap();
        self.leaves.push(String::from_utf8(bytes).unwrap());
    }

    fn publish(&mut self, count: u64) {
        let events: Vec<_> =
            (0..count).map(|n| leaf_hash(&[self.next.to_be_bytes(), n.to_be_bytes()].concat())).collect();
        self.hashes.push((self.leaves.len() as u64, events.clone()));
        self.add(publication(Range { partition: 0, first: self.next, count }, &events));
        self.next += count;
    }

    fn frontier(&self, size: usize) -> Frontier {
        let mut frontier = Frontier::default();
        self.leaves[..size].iter().for_each(|leaf| frontier.push(leaf_hash(leaf.as_bytes())));
        frontier
    }

    fn note(&self, size: usize) -> String {
        let origin = format!("bus.example/{}", self.name);
        let root = self.frontier(size).root();
        Checkpoint { origin, size: size as u64, root }.sign(&signer()).unwrap().note.to_string()
    }

    fn lane(&self, start: usize) -> Lane {
        Lane {
            lane: self.name.into(),
            origin: format!("bus.example/{}", self.name),
            checkpoint: self.note(self.leaves.len()),
            start: start as u64,
            frontier: self.frontier(start).hashes().to_vec(),
        }
    }

    fn lines(&self, start: usize) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        for (index, entry) in self.leaves.iter().enumerate().skip(start) {
            let index = index as u64;
            lines.push(Line::Leaf(Leaf { lane: self.name.into(), index, entry: entry.into() }));
            for (_, hashes) in self.hashes.iter().filter(|(of, _)| *of == index) {
                for part in hashes.chunks(2) {
                    lines.push(Line::Hashes(EventHashes {
                        lane: self.name.into(),
                        index,
                        hashes: part.into(),
                    }));
                }
            }
        }
        lines
    }
}

fn signer() -> Signer {
    Signer::from_seed("bus.example", &[7; 32]).unwrap()
}

fn bundle(lanes: Vec<Lane>, lines: &[Line<'_>]) -> Vec<u8> {
    let header = Header {
        format: FORMAT.into(),
        bus: "bus.example".into(),
        exported_at: "2026-02-01T00:00:00Z".into(),
        lanes,
    };
    let mut out = Vec::new();
    Line::Header(header).write(&mut out);
    lines.iter().for_each(|line| line.write(&mut out));
    out
}

fn made() -> Made {
    let mut lane = Made::new("standard");
    lane.publish(3);
    lane.add(refusal());
    lane.publish(1);
    lane.add(disclosure());
    lane.publish(5);
    lane
}

fn check(bytes: &[u8], previous: &[&str]) -> Result<Report, Vec<Finding>> {
    verify(bytes, signer().verifier(), previous)
}

fn problems(result: Result<Report, Vec<Finding>>) -> Vec<Problem> {
    result.unwrap_err().into_iter().map(|finding| finding.problem).collect()
}

#[test]
fn an_intact_bundle_is_reported_in_words() {
    let lane = made();
    let report = check(&bundle(vec![lane.lane(0)], &lane.lines(0)), &[&lane.note(3)]).unwrap();
    assert_eq!(
        report.to_string(),
        "The audit of bus.example as exported at 2026-02-01T00:00:00Z is intact.\n  \
         bus.example/standard: 5 leaves from number 0 on are the ones that were signed; \
         nothing before leaf 3 changed since the earlier checkpoint\n  \
         5 entries from 2026-01-02T03:04:05Z to 2026-01-02T03:04:05Z: 1 disclosure, 3 publication, 1 refusal\n  \
         9 events of 1 topics were published without gap or overlap; \
         the hashes of 9 are in the bundle and are the recorded ones\n"
    );
}

#[test]
fn every_altered_byte_of_leaves_hashes_and_checkpoints_is_found() {
    let lane = made();
    let bytes = bundle(vec![lane.lane(2)], &lane.lines(2));
    let honest = check(&bytes, &[]).unwrap();
    for at in 0..bytes.len() {
        for flip in [1, 32] {
            let mut altered = bytes.clone();
            altered[at] ^= flip;
            if let Ok(report) = check(&altered, &[]) {
                // The two unsigned texts of the header say nothing that is verified.
                let unsigned = (report.bus != honest.bus) || (report.exported_at != honest.exported_at);
                assert!(unsigned, "byte {at} of {}", String::from_utf8_lossy(&bytes));
            }
        }
    }
}

#[test]
fn a_cut_bundle_is_found_wherever_it_is_cut() {
    let lane = made();
    let bytes = bundle(vec![lane.lane(0)], &lane.lines(0));
    // The event hashes of the last publication may be left out altogether.
    let last_leaf = bytes.windows(9).rposition(|w| w == br#""line":"l"#).unwrap();
    let optional = last_leaf + bytes[last_leaf..].iter().position(|b| *b == b'\n').unwrap() + 1;
    for length in (0..bytes.len()).filter(|length| *length != optional) {
        assert!(check(&bytes[..length], &[]).is_err(), "{length}");
    }
    assert!(check(&bytes[..optional], &[]).is_ok());
}

#[test]
fn leaves_left_out_swapped_or_doubled_are_found() {
    let lane = made();
    let lines = lane.lines(0);
    let leaves: Vec<_> = lines.iter().filter(|line| matches!(line, Line::Leaf(_))).cloned().collect();
    let with = |leaves: &[Line<'_>]| problems(check(&bundle(vec![lane.lane(0)], leaves), &[]));
    assert_eq!(with(&leaves[..4]), [Problem::Missing { signed: 5 }]);
    assert_eq!(with(&[&leaves[..1], &leaves[2..]].concat()), [Problem::Order { expected: 1 }]);
    assert_eq!(with(&[&leaves[..], &leaves[4..]].concat()), [Problem::Order { expected: 5 }]);
    let extra = Line::Leaf(Leaf { lane: "standard".into(), index: 5, entry: "{}".into() });
    assert_eq!(with(&[&leaves[..], &[extra]].concat()), [Problem::BeyondCheckpoint]);
}

#[test]
fn event_hashes_must_be_whole_and_follow_their_publication() {
    let lane = made();
    let lines = lane.lines(0);
    let with = |lines: &[Line<'_>]| problems(check(&bundle(vec![lane.lane(0)], lines), &[]));
    let mut partial = lines.clone();
    partial.remove(1);
    assert_eq!(with(&partial), [Problem::IncompleteHashes]);
    let mut moved = lines.clone();
    let hashes = moved.remove(1);
    moved.insert(3, hashes);
    assert_eq!(with(&moved), [Problem::IncompleteHashes, Problem::StrayHashes]);
    let mut doubled = lines.clone();
    doubled.insert(1, lines[1].clone());
    assert!(with(&doubled).contains(&Problem::StrayHashes));
}

#[test]
fn a_gap_and_an_overlap_between_publications_are_found_with_their_leaf() {
    for (next, first) in [(4, 4), (2, 2)] {
        let mut lane = Made::new("standard");
        lane.publish(3);
        lane.next = next;
        lane.publish(2);
        let findings = check(&bundle(vec![lane.lane(0)], &lane.lines(0)), &[]).unwrap_err();
        let topic = "civil.birth.registered".to_owned();
        let problem = match next {
            4 => Problem::Gap { topic, partition: 0, expected: 3, first },
            _ => Problem::Overlap { topic, partition: 0, expected: 3, first },
        };
        assert_eq!(findings, [Finding { lane: Some("standard".into()), leaf: Some(1), line: None, problem }]);
    }
}

#[test]
fn a_topic_begins_at_zero_unless_the_bundle_begins_later() {
    let mut lane = Made::new("standard");
    lane.add(refusal());
    lane.next = 7;
    lane.publish(1);
    assert!(matches!(
        problems(check(&bundle(vec![lane.lane(0)], &lane.lines(0)), &[]))[..],
        [Problem::Gap { .. }]
    ));
    assert!(check(&bundle(vec![lane.lane(1)], &lane.lines(1)), &[]).is_ok());
}

#[test]
fn a_topic_that_changed_lanes_and_back_has_no_gap() {
    let (mut standard, mut batch) = (Made::new("standard"), Made::new("batch"));
    standard.publish(3);
    batch.next = 3;
    batch.publish(4);
    standard.next = 7;
    standard.publish(2);
    let lines = [batch.lines(0), standard.lines(0)].concat();
    let report = check(&bundle(vec![standard.lane(0), batch.lane(0)], &lines), &[]).unwrap();
    assert_eq!((report.events, report.lanes.len()), (9, 2));
}

#[test]
fn a_rewritten_or_rewound_past_is_found_by_an_earlier_checkpoint() {
    let lane = made();
    let mut other = made();
    other.leaves[1] = other.leaves[1].replace("/child/name", "/child/mane");
    let bytes = bundle(vec![lane.lane(0)], &lane.lines(0));
    assert!(check(&bytes, &[&lane.note(1)]).is_ok());
    assert!(check(&bytes, &[&lane.note(0)]).is_ok());
    assert!(check(&bytes, &[&lane.note(5)]).is_ok());
    assert_eq!(problems(check(&bytes, &[&other.note(3)])), [Problem::Forked { before: 3 }]);
    assert_eq!(problems(check(&bytes, &[&other.note(5)])), [Problem::Forked { before: 5 }]);
    let mut longer = made();
    longer.publish(1);
    assert_eq!(problems(check(&bytes, &[&longer.note(6)])), [Problem::Rewound { before: 6 }]);
    let elsewhere = Made::new("batch").note(0);
    let left_out = Problem::LaneLeftOut { origin: "bus.example/batch".into() };
    assert_eq!(problems(check(&bytes, &[&elsewhere])), [left_out]);
    assert!(matches!(problems(check(&bytes, &["nonsense"]))[..], [Problem::Previous(_)]));
}

#[test]
fn a_bundle_that_begins_later_needs_a_proof_back_to_the_earlier_checkpoint() {
    let lane = made();
    let later = bundle(vec![lane.lane(4)], &lane.lines(4));
    assert!(check(&later, &[&lane.note(4)]).is_ok());
    assert_eq!(problems(check(&later, &[&lane.note(3)])), [Problem::Unconnected { before: 3 }]);
    struct Leaves<'a>(&'a Made);
    impl audit::HashReader for Leaves<'_> {
        fn hash(&self, level: u8, index: u64) -> Option<Hash> {
            (level == 0).then(|| leaf_hash(self.0.leaves[index as usize].as_bytes()))
        }
    }
    let proof = audit::proof::consistency_proof(3, 5, &Leaves(&lane)).unwrap();
    let consistency = |proof: Vec<Hash>| {
        let line =
            Line::Consistency(Consistency { lane: "standard".into(), old_size: 3, proof: proof.into() });
        bundle(vec![lane.lane(4)], &[&[line], &lane.lines(4)[..]].concat())
    };
    assert!(check(&consistency(proof.clone()), &[&lane.note(3)]).is_ok());
    assert!(check(&consistency(proof[1..].to_vec()), &[&lane.note(3)]).is_err());
}

#[test]
fn a_bundle_signed_by_another_key_or_of_another_tree_is_found() {
    let lane = made();
    let stranger = Signer::from_seed("bus.example", &[8; 32]).unwrap();
    let bytes = bundle(vec![lane.lane(0)], &lane.lines(0));
    assert!(matches!(problems(verify(&bytes[..], stranger.verifier(), &[]))[..], [Problem::Checkpoint(_)]));
    let mut renamed = lane.lane(0);
    renamed.origin = "bus.example/batch".into();
    assert!(matches!(problems(check(&bundle(vec![renamed], &[]), &[]))[..], [Problem::Origin { .. }]));
    assert_eq!(
        problems(check(&bundle(vec![lane.lane(0), lane.lane(0)], &lane.lines(0)), &[])),
        [Problem::Header]
    );
    assert_eq!(problems(check(b"", &[])), [Problem::Header]);
}

#[test]
fn a_leaf_in_the_wrong_lane_or_of_no_kind_is_found() {
    let mut lane = made();
    lane.leaves[1] = lane.leaves[1].replace("standard", "batch");
    lane.leaves[3] = "{}".into();
    let found = problems(check(&bundle(vec![lane.lane(0)], &lane.lines(0)), &[]));
    assert_eq!(found, [Problem::OtherLane, Problem::Entry]);
}

#[test]
fn a_line_without_end_is_not_read_into_memory() {
    let found = problems(verify(std::io::BufReader::new(std::io::repeat(b'x')), signer().verifier(), &[]));
    assert_eq!(found, [Problem::LineTooLong]);
}

proptest! {
    #[test]
    fn verifying_survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400), lines in "(\\{\"line\":\"(leaf|hashes|header)\",[a-z\":0-9,\\[\\]]{0,30}\\}\n){0,5}") {
        prop_assert!(check(&bytes, &[]).is_err());
        prop_assert!(check(lines.as_bytes(), &[]).is_err());
    }
}
