//! What the bus writes into the audit: who, what, under which contract or purpose; never a payload.

use std::collections::BTreeMap;

use audit::entry::{
    Decision, Disclosure, Finding, Found, Publication, Refusal as Refused, split_ranges, within_limit,
};
use audit::{Hash, Kind, Range};

use contract::check::Leak;
use contract::leaks::detectors;
use contract::{ClassSet, ContractVersion, PrincipalName, SubscriptionName, TopicName};
use governance::leaks::Answer;
use governance::{Basis, Event, Subscription};

use crate::Refusal;
use crate::api::Caller;
use crate::lanes::Lane;
use crate::limits::DISCLOSURE_BUCKET;
use crate::marks::Marker;
use crate::policies::question;
use crate::questions::Questions;
use crate::topics::Topic;

/// An audit entry that owns its texts.
pub type Entry = audit::Entry<'static>;

/// Longest id and detail that a refusal keeps.
const TEXT_MAX_CHARS: usize = 1000;

/// Most places and kinds that one finding tells.
const FOUND_PER_ENTRY: usize = 32;

fn entry(time: &str, lane: Lane, what: Kind<'static>) -> Entry {
    Entry::new(time.to_owned(), lane.name(), what)
}

fn short(text: &str) -> String {
    text.chars().take(TEXT_MAX_CHARS).collect()
}

/// Events of one publisher, topic and contract version, committed together.
pub fn publication_entry(
    publisher: &Caller,
    topic: &Topic,
    contract: ContractVersion,
    ranges: Vec<Range>,
    root: &Hash,
    time: &str,
) -> Entry {
    let what = Publication {
        principal: publisher.principal.to_string().into(),
        agency: publisher.agency.to_string().into(),
        topic: topic.name.to_string().into(),
        contract: contract.0,
        ranges: ranges.into(),
        root: *root,
    };
    entry(time, topic.lane, Kind::Publication(what))
}

/// An event that was not taken.
pub fn refusal_entry(
    caller: &Caller,
    topic: &TopicName,
    lane: Lane,
    id: Option<&str>,
    refusal: &Refusal,
    time: &str,
) -> Entry {
    let what = Refused {
        principal: caller.principal.to_string().into(),
        agency: caller.agency.to_string().into(),
        topic: topic.to_string().into(),
        id: id.map(|id| short(id).into()),
        reason: refusal.kind.code().into(),
        detail: short(&refusal.text).into(),
    };
    entry(time, lane, Kind::Refusal(what))
}

/// What was found in events of one chunk that are taken all the same, or into quarantine, each with what was in it; none where
/// there are none.
pub fn finding_entry(
    publisher: &Caller,
    topic: &Topic,
    noted: &[Vec<Leak>],
    answer: Answer,
    time: &str,
) -> Option<Entry> {
    if noted.is_empty() {
        return None;
    }
    let mut counted: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for leak in noted.iter().flatten() {
        let key = (leak.pointer.as_str(), detectors()[leak.detector].name);
        if counted.len() < FOUND_PER_ENTRY || counted.contains_key(&key) {
            *counted.entry(key).or_default() += 1;
        }
    }
    let found = counted.into_iter().map(|((place, detector), events)| Found {
        place: short(place).into(),
        detector: detector.into(),
        events,
    });
    let found: Vec<Found<'_>> = found.collect();
    let what = Finding {
        principal: publisher.principal.to_string().into(),
        agency: publisher.agency.to_string().into(),
        topic: topic.name.to_string().into(),
        answer: (answer == Answer::Quarantine).then(|| answer.as_str().into()),
        found: found.into(),
    };
    Some(entry(time, topic.lane, Kind::Finding(what)))
}

/// What came of a command.
pub struct DecisionOf<'a> {
    /// Whose command.
    pub caller: &'a Caller,
    /// Its name.
    pub command: &'a str,
    /// What it became; nothing where it was refused.
    pub events: &'a [Event],
    /// What decided.
    pub basis: &'a Basis,
    /// What was asked for the steps of a folder.
    pub questions: Option<&'a Questions>,
}

/// A command and what came of it.
pub fn decision_entry(of: &DecisionOf<'_>, time: &str) -> Entry {
    let DecisionOf { caller, command, events, basis, .. } = of;
    let value = |event: &Event| within_limit(serde_json::to_value(event).unwrap_or_default());
    let mut values: Vec<serde_json::Value> = events.iter().take(EVENTS_PER_DECISION).map(value).collect();
    if events.len() > EVENTS_PER_DECISION
        || values.iter().map(|v| v.to_string().len()).sum::<usize>() > DECISION_BYTES
    {
        // A whole folder applied at once: the events stand in the governance stream, here stands their digest.
        let all = serde_json::to_vec(events).unwrap_or_default();
        values =
            vec![serde_json::json!({ "events": events.len(), "sha256": Hash::of(&all), "bytes": all.len() })];
    }
    let what = Decision {
        by: caller.principal.to_string().into(),
        command: (*command).to_owned().into(),
        events: values.into(),
        policies: basis.policies.iter().map(|policy| policy.clone().into()).collect::<Vec<_>>().into(),
        asked: basis.asked.as_ref().map(|(asked, policies)| question(asked, policies)),
        tried: tried(&basis.tried),
        steps: of.questions.map(Questions::summary),
    };
    entry(time, Lane::Standard, Kind::Decision(what))
}

/// One trial as it is, several as a list.
fn tried(trials: &[serde_json::Value]) -> Option<serde_json::Value> {
    let all = match trials {
        [] => return None,
        [one] => one.clone(),
        several => serde_json::Value::Array(several.to_vec()),
    };
    Some(within_limit(all))
}

/// A change of the epoch of keys.
pub fn rotation_entry(by: &PrincipalName, what: serde_json::Value, time: &str) -> Entry {
    let what = Decision {
        by: by.to_string().into(),
        command: "rotate-keys".into(),
        events: vec![what].into(),
        policies: vec![governance::policy::RIGHTS.into()].into(),
        asked: None,
        tried: None,
        steps: None,
    };
    entry(time, Lane::Standard, Kind::Decision(what))
}

const EVENTS_PER_DECISION: usize = 200;
const DECISION_BYTES: usize = 48 * 1024;

/// What a disclosure is of.
pub struct DisclosureOf<'a> {
    /// Who fetches.
    pub caller: &'a Caller,
    /// The subscription's name.
    pub name: &'a SubscriptionName,
    /// The subscription.
    pub subscription: &'a Subscription,
    /// The topic.
    pub topic: &'a Topic,
    /// The classes opened.
    pub opened: &'a ClassSet,
    /// The classes of which something was shown in another form.
    pub veiled: &'a ClassSet,
}

/// That a quarantined event is shown to who decides about it.
pub fn shown_entry(caller: &Caller, topic: &Topic, (partition, offset): (u32, u64), time: &str) -> Entry {
    let range = Range { partition, first: offset, count: 1 };
    let what = Disclosure {
        subscription: "quarantine".into(),
        agency: caller.agency.to_string().into(),
        principal: caller.principal.to_string().into(),
        topic: topic.name.to_string().into(),
        purpose: "a decision about a quarantined event".into(),
        legal_basis: String::new().into(),
        consent: None,
        opened: vec!["internal".into()].into(),
        veiled: Vec::new().into(),
        ranges: vec![range].into(),
    };
    entry(time, topic.lane, Kind::Disclosure(what))
}

/// That what a person said is shown to who answers for a topic that says it: by the places of the records, none where there are
/// none. That it was asked is kept all the same.
pub fn consents_entries(caller: &Caller, topic: &Topic, places: &[(u32, u64)], time: &str) -> Vec<Entry> {
    let of = |ranges: &[Range]| Disclosure {
        subscription: "consents".into(),
        agency: caller.agency.to_string().into(),
        principal: caller.principal.to_string().into(),
        topic: topic.name.to_string().into(),
        purpose: "what a person consents to".into(),
        legal_basis: String::new().into(),
        consent: None,
        opened: vec!["personal".into()].into(),
        veiled: Vec::new().into(),
        ranges: ranges.to_vec().into(),
    };
    let all = ranges(places);
    let parts = match all.is_empty() {
        true => vec![&all[..]],
        false => split_ranges(&all).collect(),
    };
    parts.into_iter().map(|part| entry(time, topic.lane, Kind::Disclosure(of(part)))).collect()
}

/// The entries that a delivery of the events at `places` needs, each with the marks it is found by.
pub fn disclosure_entries(
    of: &DisclosureOf<'_>,
    places: &[(u32, u64)],
    marker: &Marker,
    time: &str,
) -> Vec<(Entry, Vec<u64>)> {
    let mut by_bucket: BTreeMap<(u32, u64), Vec<Range>> = BTreeMap::new();
    for range in ranges(places) {
        let bucket = (range.partition, range.first / DISCLOSURE_BUCKET);
        by_bucket.entry(bucket).or_default().push(range);
    }
    let buckets: Vec<((u32, u64), Vec<Range>)> = by_bucket.into_iter().collect();
    let mut entries = Vec::new();
    // One mark is the subscription's; the rest of a record's marks are for buckets.
    for some in buckets.chunks(journal::MARKS_MAX - 1) {
        let bucket_mark = |((partition, bucket), _): &((u32, u64), Vec<Range>)| {
            marker.disclosure(&of.topic.name, *partition, *bucket)
        };
        let marks: Vec<u64> =
            std::iter::once(marker.subscription(of.name)).chain(some.iter().map(bucket_mark)).collect();
        let all: Vec<Range> = some.iter().flat_map(|(_, ranges)| ranges.iter().copied()).collect();
        entries.extend(split_ranges(&all).map(|part| (disclosure_entry(of, part, time), marks.clone())));
    }
    entries
}

fn disclosure_entry(of: &DisclosureOf<'_>, ranges: &[Range], time: &str) -> Entry {
    let terms = of.subscription.granted_terms();
    let names = |classes: &ClassSet| classes.iter().map(|class| class.to_string().into()).collect::<Vec<_>>();
    let what = Disclosure {
        subscription: of.name.to_string().into(),
        agency: of.subscription.agency.to_string().into(),
        principal: of.caller.principal.to_string().into(),
        topic: of.topic.name.to_string().into(),
        purpose: terms.map(|terms| terms.purpose.clone()).unwrap_or_default().into(),
        legal_basis: terms.map(|terms| terms.legal_basis.clone()).unwrap_or_default().into(),
        consent: terms.and_then(|terms| terms.consent.clone()).map(Into::into),
        opened: names(of.opened).into(),
        veiled: names(of.veiled).into(),
        ranges: ranges.to_vec().into(),
    };
    entry(time, of.topic.lane, Kind::Disclosure(what))
}

/// Consecutive offsets of a partition, joined, but never across a bucket's border.
fn ranges(places: &[(u32, u64)]) -> Vec<Range> {
    let mut places = places.to_vec();
    places.sort_unstable();
    places.dedup();
    let mut ranges: Vec<Range> = Vec::new();
    for (partition, offset) in places {
        match ranges.last_mut() {
            Some(last)
                if last.partition == partition
                    && last.first + last.count == offset
                    && offset % DISCLOSURE_BUCKET != 0 =>
            {
                last.count += 1;
            }
            _ => ranges.push(Range { partition, first: offset, count: 1 }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_cover_each_place_once_and_stay_in_their_bucket(
            places in proptest::collection::vec((0u32..3, 0u64..10_000), 0..300)) {
            let ranges = ranges(&places);
            let mut covered = Vec::new();
            for range in &ranges {
                let last = range.first + range.count - 1;
                prop_assert_eq!(range.first / DISCLOSURE_BUCKET, last / DISCLOSURE_BUCKET);
                covered.extend((range.first..=last).map(|offset| (range.partition, offset)));
            }
            let mut wanted = places.clone();
            wanted.sort_unstable();
            wanted.dedup();
            prop_assert_eq!(covered, wanted);
        }
    }
}
