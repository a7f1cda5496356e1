//! Whatever people do, and however much time passes: a topic that nobody answers for does not change, and takes no
//! events once its time has come. Reckoned here from the facts alone, apart from the rules.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;

use crate::support::{Check, DAY_MS, NOW, actor, closed, command, definition, operator, small_bus};
use contract::TopicName;
use governance::events::{
    ContractEvent, OwnershipEvent, SchemaEvent, SubscriptionEvent, SuccessionEvent, TopicEvent,
};
use governance::{Actor, Command, Event, Role, State, apply, clerk, decide, may_publish};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

const TOPICS: [&str; 2] = ["x.one", "x.two"];
const PEOPLE: [&str; 8] = ["s@a", "t@a", "u@a", "v@a", "w@a", "c@b", "e@b", "f@b"];
const DAYS: [&str; 2] = ["2026-01-10", "2027-06-01"];

fn anybody() -> impl Strategy<Value = Actor> {
    let stewards = PEOPLE.map(|person| actor(person, &[Role::Steward]));
    let others = [operator(), operator(), actor("d@b", &[Role::Dpo])];
    select(stewards.into_iter().chain(others).collect::<Vec<_>>())
}

fn anything() -> impl Strategy<Value = Command> {
    let people = (select(&PEOPLE[..]), select(&PEOPLE[..]));
    let schema = select(vec!["{}", "{} more", "other"]);
    (0..16u8, select(&TOPICS[..]), people, 2..4u32, schema).prop_map(
        |(what, topic, (one, other), version, schema)| {
            let (day, to) = (DAYS[version as usize - 2], &other[2..]);
            let on = |what: &str| json!({"command": what, "topic": topic, "version": version});
            command(match what {
                0 | 1 => json!({"command": "disable-principal", "principal": one}),
                2 => json!({"command": "confirm-topic", "topic": topic}),
                3 => json!({"command": "change-topic", "topic": topic, "steward": one, "deputy": other}),
                4 => json!({"command": "change-topic", "topic": topic, "deputy": one}),
                5 => json!({"command": "change-topic", "topic": topic, "description": one}),
                6 => json!({"command": "propose-contract", "definition": definition(topic, version, schema)}),
                7 => on("activate-contract"),
                8 => {
                    json!({"command": "override-contract", "topic": topic, "version": version, "reason": one})
                }
                11 => json!({"command": "offer-topic", "topic": topic, "to": to, "on": day}),
                12 => json!({"command": "accept-topic", "topic": topic, "steward": one, "deputy": other}),
                13 => json!({"command": "propose-succession", "agency": &one[2..], "on": day, "rest": to}),
                14 => json!({"command": "accept-succession", "agency": &one[2..], "successor": to, "steward": other,
                    "deputy": "g@".to_owned() + to}),
                9 => json!({"command": "approve-subscription", "subscription": "b.asked"}),
                10 => json!({"command": "change-subscription", "subscription": "b.live", "clears": if version == 2 { &["internal"][..] } else { &[][..] }}),
                _ => json!({"command": "set-compatibility", "subject": format!("{topic}-value"),
                    "compatibility": if version == 2 { "FULL" } else { "NONE" }}),
            })
        },
    )
}

/// One who asks, what for, and how many days later.
type Asked = (Actor, Command, u64);

fn asked() -> impl Strategy<Value = Vec<Asked>> {
    let later = select(vec![0, 0, 1, 13, 40, 60, 100]);
    proptest::collection::vec((anybody(), anything(), later), 1..120)
}

/// What the facts say of one topic since its last confirmation: the tags of what people were told, and when.
type Told = BTreeMap<&'static str, u64>;

/// The facts' own reckoning of every topic.
#[derive(Default)]
struct Reckoned(BTreeMap<TopicName, Told>);

impl Reckoned {
    /// Takes a fact in; what was told before is not told again until somebody confirms.
    fn note(&mut self, event: &Event, now: u64) {
        let (topic, tag) = match event {
            Event::Ownership(
                OwnershipEvent::TopicConfirmed { topic, .. } | OwnershipEvent::TopicTransferred { topic, .. },
            ) => {
                return drop(self.0.remove(topic));
            }
            Event::Topic(TopicEvent::TopicChanged { topic, steward, deputy, .. })
                if steward.is_some() || deputy.is_some() =>
            {
                return drop(self.0.remove(topic));
            }
            Event::Ownership(OwnershipEvent::ConfirmationDue { topic, .. }) => (topic, "due"),
            Event::Ownership(OwnershipEvent::FreezeAhead { topic, .. }) => (topic, "freeze ahead"),
            Event::Ownership(OwnershipEvent::TopicOrphaned { topic, .. }) => (topic, "orphaned"),
            Event::Ownership(OwnershipEvent::SuspensionAhead { topic, .. }) => (topic, "suspension ahead"),
            Event::Ownership(OwnershipEvent::TopicSuspended { topic, .. }) => (topic, "suspended"),
            _ => return,
        };
        let before = self.0.entry(topic.clone()).or_default().insert(tag, now);
        assert_eq!(before, None, "{topic} was told twice: {tag}");
    }

    fn told(&self, topic: &TopicName, tag: &str) -> Option<u64> {
        self.0.get(topic)?.get(tag).copied()
    }

    /// Both gone, or not confirmed for 56 days after people were told to.
    fn is_orphaned(&self, state: &State, topic: &TopicName, now: u64) -> bool {
        let found = state.topic(topic).unwrap();
        let gone = |person| state.principal(person).unwrap().disabled;
        let overdue = self.told(topic, "due").is_some_and(|told| told + 56 * DAY_MS <= now);
        overdue || (gone(&found.steward) && gone(&found.deputy))
    }

    fn is_suspended(&self, topic: &TopicName, now: u64) -> bool {
        self.told(topic, "orphaned").is_some_and(|told| told + 91 * DAY_MS <= now)
    }
}

/// The topic that a fact changes, or opens to more.
fn changed<'a>(state: &'a State, event: &'a Event) -> Option<&'a TopicName> {
    match event {
        Event::Contract(ContractEvent::ContractProposed { definition, .. }) => Some(&definition.topic),
        Event::Contract(
            ContractEvent::ContractActivated { topic, .. } | ContractEvent::ContractOverridden { topic, .. },
        ) => Some(topic),
        Event::Topic(TopicEvent::TopicChanged { topic, description: Some(_), .. }) => Some(topic),
        Event::Subscription(SubscriptionEvent::SubscriptionGranted { subscription, .. }) => {
            Some(&state.subscription(subscription)?.topic)
        }
        Event::Schema(SchemaEvent::CompatibilitySet { subject: Some(subject), .. }) => {
            state.topics().map(|topic| &topic.name).find(|name| subject.starts_with(name.as_str()))
        }
        _ => None,
    }
}

fn play(asked: &[Asked]) -> Result<(), TestCaseError> {
    let (mut state, mut reckoned, mut now) = (closed(small_bus()), Reckoned::default(), NOW);
    for (who, command, days) in asked {
        now += days * DAY_MS;
        let by_time = |state: &State| clerk::due(state, now);
        let by_command = |state: &State| decide(state, who, command, now, &Check).unwrap_or_default();
        for decided in [&by_time as &dyn Fn(&State) -> Vec<Event>, &by_command] {
            let events = decided(&state);
            for topic in events.iter().filter_map(|event| changed(&state, event)) {
                prop_assert!(!reckoned.is_orphaned(&state, topic, now), "{topic} changed: {events:?}");
            }
            for event in &events {
                if let Event::Ownership(OwnershipEvent::TopicOrphaned { topic, .. }) = event {
                    prop_assert!(reckoned.is_orphaned(&state, topic, now), "{event:?}");
                }
                if let Event::Ownership(OwnershipEvent::TopicHealed { topic, .. }) = event {
                    prop_assert!(reckoned.told(topic, "orphaned").is_some(), "{event:?}");
                }
            }
            events.iter().for_each(|event| {
                apply(&mut state, event, now);
                reckoned.note(event, now);
            });
            nothing_is_left_behind(&state, &events)?;
            answered_for(&state, &reckoned, now)?;
        }
    }
    Ok(())
}

/// An agency that was succeeded has nothing any more.
fn nothing_is_left_behind(state: &State, events: &[Event]) -> Result<(), TestCaseError> {
    for event in events {
        let Event::Succession(SuccessionEvent::AgencySucceeded { agency, .. }) = event else { continue };
        prop_assert!(state.topics().all(|topic| topic.owner != *agency), "{agency}");
        prop_assert!(state.subscriptions().all(|it| it.agency != *agency || it.ended.is_some()), "{agency}");
    }
    Ok(())
}

/// Every topic has an owner, a steward and a deputy of the owner's; and takes events exactly while it is not suspended.
fn answered_for(state: &State, reckoned: &Reckoned, now: u64) -> Result<(), TestCaseError> {
    for topic in state.topics() {
        prop_assert!(state.agency(&topic.owner).is_some() && topic.steward != topic.deputy);
        for person in [&topic.steward, &topic.deputy] {
            let known = state.principal(person).unwrap();
            prop_assert!(
                known.agency == topic.owner && (known.disabled || known.roles.contains(Role::Steward))
            );
        }
        let producer = actor(&format!("p@{}", topic.owner), &[Role::Producer]);
        let may = may_publish(&producer, topic, &state.standards().ownership, now);
        prop_assert_eq!(may.is_err(), reckoned.is_suspended(&topic.name, now), "{}: {:?}", &topic.name, may);
        if let Err(refused) = may {
            prop_assert_eq!(refused.code, "topic-suspended");
            prop_assert!(refused.hint.is_some_and(|hint| hint.contains("chancery topic")));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_topic_that_nobody_answers_for_does_not_change_and_ends_up_silent(asked in asked()) {
        play(&asked)?;
    }
}
