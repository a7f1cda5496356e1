//! What is told of those who answer for topics.

use contract::{AgencyName, TopicName};

use super::{Telling, instant, named};
use crate::agreement::minute;
use crate::events::{By, Event, OwnershipEvent};
use crate::notices::{Ask, Notice};
use crate::ownership::{remedy, why};
use crate::state::Topic;

impl Telling<'_> {
    pub(super) fn ownership(&self, event: &Event) -> Option<Notice> {
        match event {
            Event::Ownership(OwnershipEvent::StewardLeft { topic, person, by }) => {
                self.left(topic, person.as_str(), by)
            }
            Event::Ownership(
                OwnershipEvent::ConfirmationDue { topic, freezes_ms, by }
                | OwnershipEvent::FreezeAhead { topic, freezes_ms, by },
            ) => {
                let what = format!(
                    "is to be confirmed; otherwise nothing of it changes from {} on",
                    minute(*freezes_ms)
                );
                let (topic, notice) = self.of_topic("topic.confirmation-due", topic, &what, by)?;
                let asks = vec![heal(topic, Some(*freezes_ms))];
                Some(Notice { concerns: vec![topic.owner.clone()], asks, ..notice })
            }
            Event::Ownership(
                OwnershipEvent::TopicOrphaned { topic, suspends_ms, by }
                | OwnershipEvent::SuspensionAhead { topic, suspends_ms, by },
            ) => {
                let reason = why(self.state.topic(topic)?);
                let until = minute(*suspends_ms);
                let what = format!(
                    "is orphaned: {reason}; nothing of it changes, and from {until} on it takes no events"
                );
                self.unheld("topic.orphaned", topic, &what, Some(*suspends_ms), by)
            }
            Event::Ownership(OwnershipEvent::TopicSuspended { topic, by }) => {
                let what = format!("takes no events: {}", why(self.state.topic(topic)?));
                self.unheld("topic.suspended", topic, &what, None, by)
            }
            Event::Ownership(OwnershipEvent::TopicHealed { topic, by }) => {
                let (topic, notice) = self.of_topic("topic.healed", topic, "is answered for again", by)?;
                Some(Notice { concerns: self.around_and_central(topic), ..notice })
            }
            _ => None,
        }
    }

    /// A notice of a topic, which concerns nobody yet.
    pub(super) fn of_topic(
        &self,
        kind: &str,
        topic: &TopicName,
        what: &str,
        by: &By,
    ) -> Option<(&Topic, Notice)> {
        let topic = self.state.topic(topic)?;
        let notice = self.begin(kind, &format!("topic {} {what}", topic.name), by)?;
        Some((topic, Notice { topic: Some(topic.name.clone()), ..notice }))
    }

    fn left(&self, topic: &TopicName, person: &str, by: &By) -> Option<Notice> {
        let record = self.state.topic(topic)?;
        let office = if person == record.steward.as_str() { "steward" } else { "deputy" };
        let others: Vec<&str> =
            record.stewardship.present(&record.steward, &record.deputy).map(|name| name.as_str()).collect();
        let stands_in = match others.first() {
            Some(other) => format!("{other} stands in"),
            None => "nobody is left".to_owned(),
        };
        let what = format!("has lost its {office} {person}; {stands_in}");
        let (topic, notice) = self.of_topic("topic.steward-left", topic, &what, by)?;
        let (name, owner) = (&topic.name, &topic.owner);
        let how = match others.first() {
            Some(other) => format!("{other}: chancery topic name {name} --{office} NAME@{owner}"),
            None => remedy(topic),
        };
        let asks = vec![Ask { agency: owner.clone(), wanted: "nomination", how, by: None }];
        Some(Notice { concerns: vec![owner.clone()], asks, ..notice })
    }

    fn unheld(
        &self,
        kind: &str,
        topic: &TopicName,
        what: &str,
        until_ms: Option<u64>,
        by: &By,
    ) -> Option<Notice> {
        let (topic, notice) = self.of_topic(kind, topic, what, by)?;
        Some(Notice { concerns: self.around_and_central(topic), asks: vec![heal(topic, until_ms)], ..notice })
    }

    /// Those around a topic, and the agency that runs the bus: its operators can name people too.
    fn around_and_central(&self, topic: &Topic) -> Vec<AgencyName> {
        let central = self.state.central().cloned();
        named(self.around(topic).into_iter().chain(central).collect())
    }
}

/// What heals a topic that nobody answers for, or soon.
fn heal(topic: &Topic, until_ms: Option<u64>) -> Ask {
    let wanted = if topic.stewardship.vacant_ms().is_some() { "nomination" } else { "confirmation" };
    Ask { agency: topic.owner.clone(), wanted, how: remedy(topic), by: until_ms.map(instant) }
}
