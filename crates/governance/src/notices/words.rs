//! From a fact to its notice: whom it concerns, what it says, who has to do what.

mod carrying;
mod contracts;
mod erasure;
mod handing_over;
mod ownership;
mod quarantine;
mod sealing_keys;
mod subscriptions;

use contract::{AgencyName, ContractVersion, TopicName};

use super::{Kind, Notice};
use crate::events::{
    AgencyEvent, BusEvent, By, CarryingEvent, ContractEvent, ErasureEvent, Event, LeakEvent, OwnershipEvent,
    PrincipalEvent, SchemaEvent, SubscriptionEvent, SuccessionEvent, TopicEvent,
};
use crate::ownership::remedy;
use crate::state::{Topic, Version};
use crate::{State, duration};

/// The notice of a fact, from the `state` just after it. Facts that concern nobody besides who made them have none:
/// principals, tokens and delegations, free schemas, another profile of an agency, a word that stands already, and the
/// bus's own topics coming to be, and that a public field is nobody's. Of an erasure that is carried out they are told when it is known who was handed what.
pub fn notice(state: &State, event: &Event, at_ms: u64) -> Option<Notice> {
    let told = Telling { state, at_ms };
    match event {
        Event::Bus(BusEvent::BootstrapClosed { .. } | BusEvent::StandardsSet { .. })
        | Event::Agency(AgencyEvent::AgencyRegistered { .. }) => told.bus(event),
        Event::Topic(TopicEvent::TopicCreated { .. } | TopicEvent::TopicChanged { .. }) => told.topic(event),
        Event::Contract(ContractEvent::ContractProposed { definition, by, .. }) => {
            told.proposed(&definition.topic, definition.version, by)
        }
        Event::Contract(
            ContractEvent::ContractAcknowledged { .. }
            | ContractEvent::ContractObjected { .. }
            | ContractEvent::ObjectionAnswered { .. }
            | ContractEvent::ContractOverridden { .. },
        ) => told.hearing(event),
        Event::Contract(
            ContractEvent::ContractActivated { .. }
            | ContractEvent::ContractDeprecated { .. }
            | ContractEvent::ContractRetired { .. },
        ) => told.life(event),
        Event::Subscription(
            SubscriptionEvent::SubscriptionRequested { .. }
            | SubscriptionEvent::SubscriptionChangeRequested { .. }
            | SubscriptionEvent::SubscriptionApproved { .. }
            | SubscriptionEvent::SubscriptionGranted { .. }
            | SubscriptionEvent::SubscriptionNarrowed { .. }
            | SubscriptionEvent::SubscriptionRefused { .. }
            | SubscriptionEvent::SubscriptionRevoked { .. }
            | SubscriptionEvent::SubscriptionExpiring { .. }
            | SubscriptionEvent::SubscriptionExpired { .. },
        )
        | Event::Succession(SuccessionEvent::SubscriptionMoved { .. }) => told.subscription(event),
        Event::Carrying(
            CarryingEvent::SubscriptionCarried { .. }
            | CarryingEvent::SubscriptionCaughtUp { .. }
            | CarryingEvent::EventsSetAside { .. },
        ) => told.carrying(event),
        Event::Ownership(
            OwnershipEvent::StewardLeft { .. }
            | OwnershipEvent::ConfirmationDue { .. }
            | OwnershipEvent::FreezeAhead { .. }
            | OwnershipEvent::TopicOrphaned { .. }
            | OwnershipEvent::SuspensionAhead { .. }
            | OwnershipEvent::TopicSuspended { .. }
            | OwnershipEvent::TopicHealed { .. },
        ) => told.ownership(event),
        Event::Ownership(
            OwnershipEvent::TopicOffered { .. }
            | OwnershipEvent::TopicAccepted { .. }
            | OwnershipEvent::OfferWithdrawn { .. }
            | OwnershipEvent::TopicTransferred { .. },
        ) => told.transfer(event),
        Event::Succession(
            SuccessionEvent::SuccessionProposed { .. }
            | SuccessionEvent::SuccessionAccepted { .. }
            | SuccessionEvent::SuccessionWithdrawn { .. }
            | SuccessionEvent::AgencySucceeded { .. },
        ) => told.succession(event),
        Event::Erasure(
            ErasureEvent::ErasureRequested { .. }
            | ErasureEvent::ErasureAskedOf { .. }
            | ErasureEvent::ErasureDeclined { .. }
            | ErasureEvent::ErasureWithdrawn { .. }
            | ErasureEvent::ErasureTold { .. }
            | ErasureEvent::ErasureTraced { .. }
            | ErasureEvent::ErasureAnswered { .. },
        ) => told.erasure(event),
        Event::Agency(AgencyEvent::SealingKeyPublished { .. } | AgencyEvent::SealingKeyRetired { .. }) => {
            told.sealing_key(event)
        }
        Event::Leak(LeakEvent::LeakFound { .. }) => told.leak(event),
        Event::Leak(LeakEvent::QuarantineReleased { .. } | LeakEvent::QuarantineDiscarded { .. }) => {
            told.quarantine(event)
        }
        Event::Erasure(ErasureEvent::HoldPlaced { hold, reason, by, .. }) => {
            told.hold("hold.placed", hold, reason, by)
        }
        Event::Erasure(ErasureEvent::HoldLifted { hold, reason, by }) => {
            told.hold("hold.lifted", hold, reason, by)
        }
        Event::Bus(BusEvent::BusOpened { .. })
        | Event::Agency(AgencyEvent::AgencyChanged { .. })
        | Event::Principal(
            PrincipalEvent::PrincipalCreated { .. }
            | PrincipalEvent::PrincipalChanged { .. }
            | PrincipalEvent::TokenIssued { .. }
            | PrincipalEvent::PrincipalDisabled { .. }
            | PrincipalEvent::DelegationGiven { .. }
            | PrincipalEvent::DelegationEnded { .. },
        )
        | Event::Ownership(OwnershipEvent::TopicConfirmed { .. })
        | Event::Leak(LeakEvent::PublicConfirmed { .. })
        | Event::Succession(SuccessionEvent::SubjectMoved { .. })
        | Event::Erasure(
            ErasureEvent::ErasureApproved { .. }
            | ErasureEvent::ErasureLooked { .. }
            | ErasureEvent::PersonErased { .. },
        )
        | Event::Schema(
            SchemaEvent::SchemaRegistered { .. }
            | SchemaEvent::SchemaDeleted { .. }
            | SchemaEvent::CompatibilitySet { .. }
            | SchemaEvent::ModeSet { .. },
        ) => None,
    }
}

/// What a notice is made from.
struct Telling<'a> {
    state: &'a State,
    at_ms: u64,
}

impl<'a> Telling<'a> {
    /// A notice that concerns nobody yet; none where the bus has no topic for it.
    fn begin(&self, kind: &str, text: &str, by: &By) -> Option<Notice> {
        let kind = Kind::named(kind)?;
        self.state.topic(&kind.topic())?;
        let (topic, version, weight, subscription, agency, reason, sunset) = Default::default();
        Some(Notice {
            kind: kind.name,
            text: in_a_line(text),
            topic,
            version,
            weight,
            subscription,
            agency,
            reason,
            sunset,
            concerns: Vec::new(),
            asks: Vec::new(),
            by: by.principal.clone(),
            instead_of: by.instead_of.clone(),
            at: instant(self.at_ms),
            at_ms: self.at_ms,
        })
    }

    fn bus(&self, event: &Event) -> Option<Notice> {
        match event {
            Event::Bus(BusEvent::BootstrapClosed { by }) => {
                let text = "the bootstrap is closed: from now on owners and data protection officers approve";
                Some(Notice { concerns: self.everybody(), ..self.begin("bootstrap.closed", text, by)? })
            }
            Event::Bus(BusEvent::StandardsSet { by, .. }) => {
                let text = "the standards changed; they hold for what is decided from now on";
                Some(Notice { concerns: self.everybody(), ..self.begin("standards.changed", text, by)? })
            }
            Event::Agency(AgencyEvent::AgencyRegistered { agency, profile, by }) => {
                let text = format!("agency {agency} ({}) joined the bus", profile.name);
                let notice = self.begin("agency.registered", &text, by)?;
                Some(Notice { agency: Some(agency.clone()), concerns: vec![agency.clone()], ..notice })
            }
            _ => None,
        }
    }

    fn everybody(&self) -> Vec<AgencyName> {
        self.state.agencies().map(|agency| agency.agency.clone()).collect()
    }

    /// The owner and those who read the topic now.
    fn around(&self, topic: &Topic) -> Vec<AgencyName> {
        let mut all = self.state.subscribed_agencies(topic, self.at_ms);
        all.push(topic.owner.clone());
        named(all)
    }

    fn version(&self, topic: &TopicName, number: ContractVersion) -> Option<(&'a Topic, &'a Version)> {
        let topic = self.state.topic(topic)?;
        Some((topic, topic.versions.get(&number)?))
    }

    fn topic(&self, event: &Event) -> Option<Notice> {
        let notice = match event {
            Event::Topic(TopicEvent::TopicCreated { topic, owner, steward, by, .. })
                if !super::is_own(topic) =>
            {
                let text = format!("topic {topic} created, owned by {owner} (steward {steward})");
                Notice { topic: Some(topic.clone()), ..self.begin("topic.created", &text, by)? }
            }
            Event::Topic(TopicEvent::TopicChanged {
                topic,
                steward,
                deputy,
                description,
                legal_basis,
                by,
                ..
            }) => {
                let Event::Topic(TopicEvent::TopicChanged { retention_s, keep_s, access, .. }) = event else {
                    return None;
                };
                let changes = [
                    steward.as_ref().map(|name| format!("steward {name}")),
                    deputy.as_ref().map(|name| format!("deputy {name}")),
                    description.as_ref().map(|_| "its description".to_owned()),
                    legal_basis.as_ref().map(|text| format!("legal basis {text}")),
                    retention_s.map(|seconds| format!("retention {}", duration::to_text(seconds))),
                    keep_s.map(|seconds| format!("kept by law for {}", duration::to_text(seconds))),
                    access.as_ref().map(|_| "what its steward permits ahead".to_owned()),
                ];
                let changes: Vec<String> = changes.into_iter().flatten().collect();
                let text = format!("topic {topic} changed: {}", changes.join(", "));
                Notice { topic: Some(topic.clone()), ..self.begin("topic.changed", &text, by)? }
            }
            _ => return None,
        };
        let concerns = self.around(self.state.topic(notice.topic.as_ref()?)?);
        Some(Notice { concerns, ..notice })
    }
}

fn named(mut agencies: Vec<AgencyName>) -> Vec<AgencyName> {
    agencies.sort();
    agencies.dedup();
    agencies
}

/// Those of a topic's steward and deputy who are there; where neither is, who names others comes first.
fn answerable(topic: &Topic) -> String {
    let there: Vec<&str> =
        topic.stewardship.present(&topic.steward, &topic.deputy).map(|name| name.as_str()).collect();
    if there.is_empty() { remedy(topic) } else { there.join(" or ") }
}

/// A text that people gave may have lines; a notice has one.
fn in_a_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// RFC 3339, UTC.
fn instant(at_ms: u64) -> String {
    let time = i64::try_from(at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    // The calendar ends with the year 9999; what lasts longer ends with it.
    time.unwrap_or(jiff::Timestamp::MAX).to_string()
}
