//! The governance stream's form on disk, one fact of each kind. A line here that has to change is a stream that an
//! older bus wrote and a newer one cannot read: add a tag or a defaulted field instead.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use governance::{Command, Event};
use serde_json::{Value, json};

const FACTS: &str = include_str!("events.jsonl");

const TAGS: [&str; 87] = [
    "bus-opened",
    "bootstrap-closed",
    "standards-set",
    "agency-registered",
    "agency-changed",
    "principal-created",
    "principal-changed",
    "token-issued",
    "principal-disabled",
    "topic-created",
    "topic-changed",
    "contract-proposed",
    "contract-acknowledged",
    "contract-objected",
    "contract-activated",
    "contract-deprecated",
    "contract-retired",
    "subscription-requested",
    "subscription-change-requested",
    "subscription-narrowed",
    "subscription-approved",
    "subscription-granted",
    "subscription-refused",
    "subscription-revoked",
    "contract-proposed",
    "schema-registered",
    "schema-deleted",
    "compatibility-set",
    "mode-set",
    "contract-proposed",
    "objection-answered",
    "contract-overridden",
    "standards-set",
    "delegation-given",
    "delegation-ended",
    "subscription-approved",
    "subscription-expiring",
    "subscription-expired",
    "standards-set",
    "topic-confirmed",
    "steward-left",
    "confirmation-due",
    "freeze-ahead",
    "topic-orphaned",
    "suspension-ahead",
    "topic-suspended",
    "topic-healed",
    "standards-set",
    "topic-offered",
    "topic-accepted",
    "offer-withdrawn",
    "topic-transferred",
    "succession-proposed",
    "succession-accepted",
    "succession-withdrawn",
    "subscription-moved",
    "subject-moved",
    "agency-succeeded",
    "agency-changed",
    "contract-proposed",
    "subscription-carried",
    "subscription-caught-up",
    "events-set-aside",
    "topic-created",
    "topic-changed",
    "standards-set",
    "erasure-requested",
    "erasure-approved",
    "erasure-declined",
    "erasure-withdrawn",
    "erasure-looked",
    "erasure-asked-of",
    "person-erased",
    "erasure-told",
    "erasure-traced",
    "erasure-answered",
    "hold-placed",
    "hold-placed",
    "hold-lifted",
    "public-confirmed",
    "leak-found",
    "quarantine-released",
    "quarantine-discarded",
    "sealing-key-published",
    "sealing-key-retired",
    "standards-set",
    "subscription-narrowed",
];

fn facts() -> Vec<Value> {
    FACTS.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_kind_of_fact_is_read_and_written_as_it_stands_on_disk() {
    let tags: Vec<Value> = facts().iter().map(|fact| fact["event"].clone()).collect();
    assert_eq!(tags, TAGS);
    for fact in facts() {
        let event = Event::read(fact.to_string().as_bytes()).unwrap_or_else(|| panic!("{fact}"));
        assert_eq!(serde_json::to_value(&event).unwrap(), fact);
        let tag = format!("{{\"event\":{},", fact["event"]);
        assert!(serde_json::to_string(&event).unwrap().starts_with(&tag), "readers look at it first");
    }
}

#[test]
fn a_field_that_a_newer_bus_added_is_passed_over() {
    for fact in facts() {
        let mut newer = fact.clone();
        newer["since_a_later_version"] = json!({"deep": [1]});
        let read = Event::read(newer.to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), fact);
    }
}

#[test]
fn a_misspelt_command_is_not_half_understood() {
    for wrong in [
        json!({"command": "request-subscription", "subscription": "a.b", "topic": "x.y", "agency": "a", "purpose": "p",
            "legal_basis": "l", "clear": ["personal"], "expires": "2030-01-01"}),
        json!({"command": "register-agency", "agency": "a", "name": "A", "source": ["urn:a"]}),
        json!({"command": "revoke-subscription", "subscription": "a.b", "reason": "r", "dry_run": true}),
        json!({"command": "close-the-bus"}),
    ] {
        assert!(serde_json::from_value::<Command>(wrong.clone()).is_err(), "{wrong}");
    }
}
