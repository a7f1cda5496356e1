//! What is told of topics that change hands, and of agencies that are succeeded.

use contract::AgencyName;

use super::{Telling, instant, named};
use crate::events::{By, Event, OwnershipEvent, SuccessionEvent};
use crate::notices::{Ask, Notice};
use crate::{Date, succession, transfer};

impl Telling<'_> {
    pub(super) fn transfer(&self, event: &Event) -> Option<Notice> {
        let (topic, other, notice) = match event {
            Event::Ownership(OwnershipEvent::TopicOffered { topic, to, on, by }) => {
                let what = format!("is offered to {to}, theirs from {on} on");
                let (topic, notice) = self.of_topic("topic.offered", topic, &what, by)?;
                let asks = vec![acceptance(to, transfer::acceptance(topic, to), *on)];
                (topic, Some(to), Notice { asks, ..notice })
            }
            Event::Ownership(OwnershipEvent::TopicAccepted { topic, steward, by, .. }) => {
                let offer = self.state.topic(topic)?.stewardship.offer.as_ref()?;
                let what =
                    format!("is accepted by {}, theirs from {} on (steward {steward})", offer.to, offer.on);
                let (topic, notice) = self.of_topic("topic.accepted", topic, &what, by)?;
                (topic, Some(&offer.to), notice)
            }
            Event::Ownership(OwnershipEvent::OfferWithdrawn { topic, reason, by }) => {
                let to = self.state.topic(topic)?.stewardship.no_longer_offered.as_ref();
                let whom = to.map_or("anybody", |agency| agency.as_str());
                let what = format!("is not offered to {whom} any more: {reason}");
                let (topic, notice) = self.of_topic("topic.offer-withdrawn", topic, &what, by)?;
                (topic, to, Notice { reason: Some(reason.clone()), ..notice })
            }
            Event::Ownership(OwnershipEvent::TopicTransferred { topic, owner, steward, by, .. }) => {
                let what = format!("belongs to {owner} now (steward {steward})");
                let (topic, notice) = self.of_topic("topic.transferred", topic, &what, by)?;
                let former = topic.stewardship.owners.iter().rev().nth(1).map(|tenure| &tenure.agency);
                (topic, former, notice)
            }
            _ => return None,
        };
        let concerns = named(self.around(topic).into_iter().chain(other.cloned()).collect());
        Some(Notice { agency: other.cloned(), concerns, ..notice })
    }

    pub(super) fn succession(&self, event: &Event) -> Option<Notice> {
        match event {
            Event::Succession(SuccessionEvent::SuccessionProposed { agency, on, shares, by }) => {
                let successors = shares.successors();
                let what = format!("is to be succeeded by {} on {on}", listed(&successors));
                let ask = |successor: &&AgencyName| {
                    acceptance(successor, succession::acceptance(agency, successor), *on)
                };
                let asks = successors.iter().map(ask).collect();
                Some(Notice { asks, ..self.of_agency("succession.proposed", agency, &what, by)? })
            }
            Event::Succession(SuccessionEvent::SuccessionAccepted { agency, successor, by, .. }) => {
                let on = self.state.succession(agency)?.on;
                let what = format!("is to be succeeded on {on}: {successor} agrees");
                self.of_agency("succession.accepted", agency, &what, by)
            }
            Event::Succession(SuccessionEvent::SuccessionWithdrawn { agency, reason, by }) => {
                let what = format!("is not to be succeeded any more: {reason}");
                let notice = self.of_agency("succession.withdrawn", agency, &what, by)?;
                Some(Notice { reason: Some(reason.clone()), ..notice })
            }
            Event::Succession(SuccessionEvent::AgencySucceeded { agency, successors, by }) => {
                let successors: Vec<&AgencyName> = successors.iter().collect();
                let what = format!("was succeeded by {}: what it had is theirs", listed(&successors));
                self.of_agency("succession.completed", agency, &what, by)
            }
            _ => None,
        }
    }

    /// A notice of an agency that ends or is split, which concerns everybody: each may have dealt with it.
    fn of_agency(&self, kind: &str, agency: &AgencyName, what: &str, by: &By) -> Option<Notice> {
        let notice = self.begin(kind, &format!("agency {agency} {what}"), by)?;
        Some(Notice { agency: Some(agency.clone()), concerns: self.everybody(), ..notice })
    }
}

/// That an agency is to take what it is offered; the day is the one on which it would be theirs.
fn acceptance(agency: &AgencyName, how: String, on: Date) -> Ask {
    Ask { agency: agency.clone(), wanted: "acceptance", how, by: Some(instant(on.starts_ms())) }
}

fn listed<'a>(agencies: impl IntoIterator<Item = &'a &'a AgencyName>) -> String {
    agencies.into_iter().map(|agency| agency.as_str()).collect::<Vec<_>>().join(", ")
}
