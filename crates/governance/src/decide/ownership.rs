//! Who answers for a topic: confirmed again and again, and named anew when nobody is left.

use contract::{PrincipalName, TopicName};

use super::authority::Case;
use crate::commands::TopicChange;
use crate::events::{By, OwnershipEvent};
use crate::{Event, Refused, Role, State, Topic, ownership};

/// The steward or the deputy still answers for the topic.
pub(super) fn confirm(case: &Case<'_>, topic: &TopicName) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(topic)?;
    let what = format!("confirming who answers for {}", topic.name);
    if topic.stewardship.vacant_ms().is_some() {
        // Whoever could confirm is gone: others are named, which is a confirmation too.
        case.not_frozen(topic)?;
    }
    let by = case.as_owner_of(topic, &what)?;
    let mut events =
        vec![Event::Ownership(OwnershipEvent::TopicConfirmed { topic: topic.name.clone(), by: by.clone() })];
    events.extend(ownership::healed(topic, &by));
    Ok(events)
}

/// Who may name the people who answer for a topic: they themselves; when both are gone, any steward of its agency or an
/// operator.
pub(super) fn may_name(case: &Case<'_>, topic: &Topic, what: &str) -> Result<By, Refused> {
    if topic.stewardship.vacant_ms().is_none() {
        return case.as_owner_of(topic, what);
    }
    let operator = || case.actor.is(Role::Operator).then(|| case.own());
    let by = case.in_role(&topic.owner, Role::Steward).or_else(operator);
    by.ok_or_else(|| {
        let who = format!("{}, or an operator,", case.those(&topic.owner, Role::Steward));
        Refused::not_allowed(what, who)
    })
}

/// Where both are gone, both must be named, a line for each who is not.
pub(super) fn unnamed(topic: &Topic, change: &TopicChange) -> Vec<String> {
    let names_one = change.steward.is_some() || change.deputy.is_some();
    if topic.stewardship.vacant_ms().is_none() || !names_one {
        return Vec::new();
    }
    let people = [("steward", &change.steward, &topic.steward), ("deputy", &change.deputy, &topic.deputy)];
    let unnamed = people.into_iter().filter(|(_, named, _)| named.is_none());
    unnamed.map(|(field, _, gone)| format!("{field}: {gone} is gone; name somebody here too")).collect()
}

/// That somebody ends as a principal is a fact of every topic that they answer for.
pub(super) fn left(state: &State, person: &PrincipalName, by: &By) -> Vec<Event> {
    let serves = state.topics().filter(|topic| topic.steward == *person || topic.deputy == *person);
    let left = |topic: &std::sync::Arc<Topic>| {
        Event::Ownership(OwnershipEvent::StewardLeft {
            topic: topic.name.clone(),
            person: person.clone(),
            by: by.clone(),
        })
    };
    serves.map(left).collect()
}
