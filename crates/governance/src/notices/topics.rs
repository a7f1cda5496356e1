//! The bus's own topics: governed like every other, but that the bus alone publishes to them and writes their contract.
//!
//! They belong to the agency that runs the bus, which answers for it. Their steward and deputy are two principals of that
//! agency, `steward@…` and `deputy@…`, without a token until an operator issues one; `change-topic` names others.

use std::sync::Arc;

use contract::{
    AgencyName, Class, ContractVersion, Definition, FieldRule, Format, KeyRule, Pointer, PrincipalName,
    TopicName,
};

use super::{KINDS, Kind};
use crate::clerk::clerk;
use crate::decide::name_steward;
use crate::events::{By, ContractEvent, TopicEvent};
use crate::{Event, Latency, State};

/// The form of a notice.
const SCHEMA: &str = include_str!("notice.schema.json");

/// What the bus's own topics begin with; nobody else's may.
const PREFIX: &str = "bus.";

/// How long notices are kept, where the standards allow it: as long as somebody may have to show what they were told.
const RETENTION_S: u64 = 365 * 24 * 60 * 60;

/// What everybody may know even of a notice that is internal to the agencies concerned.
const ALWAYS_PUBLIC: [&str; 3] = ["/notice", "/topic", "/at"];

/// Every member of a notice.
const MEMBERS: [&str; 14] = [
    "/notice",
    "/text",
    "/topic",
    "/version",
    "/weight",
    "/subscription",
    "/agency",
    "/reason",
    "/sunset",
    "/concerns",
    "/asks",
    "/by",
    "/instead_of",
    "/at",
];

/// Whether nobody but the bus may register a topic of this name.
pub fn is_reserved(topic: &TopicName) -> bool {
    topic.as_str().starts_with(PREFIX)
}

/// Whether it is a topic of the bus's own.
pub fn is_own(topic: &TopicName) -> bool {
    topic.as_str().strip_prefix(PREFIX).is_some_and(|name| Kind::named(name).is_some())
}

/// The facts that make those of the bus's own topics that there are not yet; none before the bus has an operator.
pub fn missing(state: &State) -> Vec<Event> {
    let Some(owner) = state.central() else { return Vec::new() };
    let kinds: Vec<Kind> = KINDS.into_iter().filter(|kind| state.topic(&kind.topic()).is_none()).collect();
    let Some((steward, deputy)) = people(state, owner).filter(|_| !kinds.is_empty()) else {
        return Vec::new();
    };
    let by = By::own(clerk());
    let people = [&steward, &deputy].into_iter();
    let mut events: Vec<Event> = people.filter_map(|name| name_steward(state, name, owner, &by)).collect();
    let limits = &state.standards().limits;
    let retention_s =
        RETENTION_S.clamp(limits.retention_min_s, limits.retention_max_s.max(limits.retention_min_s));
    for kind in kinds {
        let topic = kind.topic();
        events.push(Event::Topic(TopicEvent::TopicCreated {
            topic: topic.clone(),
            owner: owner.clone(),
            steward: steward.clone(),
            deputy: deputy.clone(),
            description: kind.says.to_owned(),
            legal_basis: "the standards of the bus: no change behind anyone's back".to_owned(),
            latency: Latency::Standard,
            partitions: 1,
            retention_s,
            keep_s: 0,
            key: KeyRule::None,
            access: String::new(),
            by: by.clone(),
        }));
        let (definition, version) = (Arc::new(definition(&kind)), ContractVersion(1));
        let (registered, impact, rehearsal) = Default::default();
        events.push(Event::Contract(ContractEvent::ContractProposed {
            definition,
            registered,
            impact,
            rehearsal,
            by: by.clone(),
        }));
        events.push(Event::Contract(ContractEvent::ContractActivated { topic, version, by: by.clone() }));
    }
    events
}

/// Who answers for a further topic: those who do for the others, or else the two of the beginning.
fn people(state: &State, owner: &AgencyName) -> Option<(PrincipalName, PrincipalName)> {
    let named = |who: &str| PrincipalName::parse(&format!("{who}@{owner}")).ok();
    let known = KINDS.iter().find_map(|kind| state.topic(&kind.topic()));
    let known = known.map(|topic| (topic.steward.clone(), topic.deputy.clone()));
    known.or_else(|| Some((named("steward")?, named("deputy")?)))
}

/// The contract of a kind's notices.
pub fn definition(kind: &Kind) -> Definition {
    let rule = |member: &str| {
        // Who reads a topic is between them and its owner.
        let public = ALWAYS_PUBLIC.contains(&member) || (kind.open && member != "/concerns");
        let class = if public { Class::Public } else { Class::Internal };
        let place = Pointer::parse(member).expect("the table holds pointers");
        (place, FieldRule::from(class))
    };
    Definition {
        topic: kind.topic(),
        version: ContractVersion(1),
        format: Format::JsonSchema,
        schema: SCHEMA.to_owned(),
        compatibility: "BACKWARD".to_owned(),
        subject: Vec::new(),
        classify: MEMBERS.into_iter().map(rule).collect(),
        key: KeyRule::None,
        extensions: Default::default(),
        identity: None,
        identity_window_s: None,
        end_to_end: Default::default(),
        migration: None,
    }
}
