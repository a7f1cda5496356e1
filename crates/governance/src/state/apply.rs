//! Folds a fact into the state.
//!
//! Total: a fact about something unknown changes nothing. `decide` never emits one, and a stream that lost its beginning
//! must not keep a bus from starting. No rule lives here: a fact holds because it was decided, even if today's rules
//! would decide otherwise.

mod carrying;
mod erasure;
mod ownership;
mod parties;
mod succession;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::{ContractVersion, Definition, SubscriptionName, TopicName};

use super::holdings::holder;
use super::schemas::{Home, Schema};
use super::subscription::{Approval, End, Ended, Grant, Request, Subscription, Told};
use super::topic::{Acknowledgement, Answer, Objection, Override, Status, Topic, Version};
use super::{State, Stewardship, Terms};
use crate::events::{
    BusEvent, By, ContractEvent, Event, LeakEvent, SchemaEvent, SubscriptionEvent, TopicEvent,
};
use crate::policy::Policies;

/// Folds `event`, decided at `at_ms` (milliseconds since 1970), into `state`.
pub fn apply(state: &mut State, event: &Event, at_ms: u64) {
    match event {
        Event::Bus(event) => bus(state, event),
        Event::Agency(event) => parties::agencies(state, event, at_ms),
        Event::Principal(event) => parties::principals(state, event, at_ms),
        Event::Topic(event) => topics(state, event, at_ms),
        Event::Ownership(event) => ownership::fold(state, event, at_ms),
        Event::Succession(event) => succession::fold(state, event, at_ms),
        Event::Contract(event) => contracts(state, event, at_ms),
        Event::Subscription(event) => subscriptions(state, event, at_ms),
        Event::Carrying(event) => carrying::fold(state, event, at_ms),
        Event::Schema(event) => schemas(state, event),
        Event::Erasure(event) => erasure::fold(state, event, at_ms),
        Event::Leak(event) => leaks(state, event, at_ms),
    }
}

fn bus(state: &mut State, event: &BusEvent) {
    match event {
        BusEvent::BusOpened { by } => state.central = Some(by.principal.agency()),
        BusEvent::BootstrapClosed { .. } => state.bootstrap_closed = true,
        BusEvent::StandardsSet { standards, .. } => {
            if standards.policies != state.standards.policies {
                state.policies = Arc::new(Policies::reread(&standards.policies));
            }
            state.standards = Arc::new(standards.clone());
        }
    }
}

fn leaks(state: &mut State, event: &LeakEvent, at_ms: u64) {
    match event {
        LeakEvent::PublicConfirmed { topic, agency, fields, .. } => {
            let by_agency = state.public.entry(topic.clone()).or_default();
            let known = by_agency.entry(agency.clone()).or_default();
            Arc::make_mut(known).extend(fields.iter().cloned());
        }
        LeakEvent::LeakFound { topic, place, detector, answer, .. } => {
            Arc::make_mut(&mut state.leaks_told).note(topic, place, detector, *answer, at_ms);
        }
        // The bus keeps what is quarantined.
        LeakEvent::QuarantineReleased { .. } | LeakEvent::QuarantineDiscarded { .. } => {}
    }
}

fn topics(state: &mut State, event: &TopicEvent, at_ms: u64) {
    match event {
        TopicEvent::TopicCreated { topic, owner, steward, deputy, description, legal_basis, by, .. } => {
            let TopicEvent::TopicCreated { latency, partitions, retention_s, keep_s, key, access, .. } =
                event
            else {
                return;
            };
            let record = Topic {
                name: topic.clone(),
                owner: owner.clone(),
                steward: steward.clone(),
                deputy: deputy.clone(),
                stewardship: Stewardship::begin(owner, by, at_ms),
                sealed_by: owner.clone(),
                description: description.clone(),
                legal_basis: legal_basis.clone(),
                latency: *latency,
                partitions: *partitions,
                retention_s: *retention_s,
                keep_s: *keep_s,
                key: key.clone(),
                access: Arc::new(Policies::reread_local(access)),
                access_by: if by.bootstrap { steward.clone() } else { by.principal.clone() },
                created_ms: at_ms,
                versions: BTreeMap::new(),
            };
            let former = state.topics.insert(topic.clone(), Arc::new(record));
            let was = former.as_ref().map(|former| &former.owner);
            Arc::make_mut(&mut state.holdings).topic(was, Some(owner));
        }
        TopicEvent::TopicChanged {
            topic,
            steward,
            deputy,
            description,
            legal_basis,
            retention_s,
            access,
            by,
            ..
        } => {
            let TopicEvent::TopicChanged { keep_s, .. } = event else { return };
            let Some(record) = state.topics.get_mut(topic).map(Arc::make_mut) else { return };
            ownership::name(record, (steward.as_ref(), deputy.as_ref()), by, at_ms);
            set(&mut record.description, description);
            set(&mut record.legal_basis, legal_basis);
            set(&mut record.retention_s, retention_s);
            set(&mut record.keep_s, keep_s);
            if let Some(text) = access {
                record.access = Arc::new(Policies::reread_local(text));
                record.access_by = if by.bootstrap { record.steward.clone() } else { by.principal.clone() };
            }
        }
    }
}

fn set<T: Clone>(field: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}

fn contracts(state: &mut State, event: &ContractEvent, at_ms: u64) {
    match event {
        ContractEvent::ContractProposed { definition, registered, impact, rehearsal, by } => {
            if let Some(topic) = state.topics.get_mut(&definition.topic) {
                let schema = registered.clone().unwrap_or_else(|| Arc::new(Schema::of(definition)));
                let home = Home::Contract(definition.topic.clone(), definition.version);
                let number = Arc::make_mut(&mut state.schemas).number(&schema, home);
                let mut version = proposed(definition, (schema, number), by, at_ms);
                version.impact.clone_from(impact);
                version.rehearsal.clone_from(rehearsal);
                Arc::make_mut(topic).versions.insert(definition.version, version);
            }
        }
        ContractEvent::ContractAcknowledged { topic, version, agency, by } => {
            change_version(state, topic, *version, |record| {
                record.objections.remove(agency);
                record.acknowledged.insert(agency.clone(), Acknowledgement { by: by.clone(), at_ms });
            });
        }
        ContractEvent::ContractObjected { topic, version, agency, reason, by } => {
            change_version(state, topic, *version, |record| {
                record.acknowledged.remove(agency);
                let objection = Objection { reason: reason.clone(), by: by.clone(), at_ms, answer: None };
                record.objections.insert(agency.clone(), objection);
            });
        }
        ContractEvent::ObjectionAnswered { topic, version, agency, answer, by } => {
            change_version(state, topic, *version, |record| {
                if let Some(objection) = record.objections.get_mut(agency) {
                    objection.answer = Some(Answer { text: answer.clone(), by: by.clone(), at_ms });
                }
            });
        }
        ContractEvent::ContractOverridden { topic, version, reason, role, by } => {
            change_version(state, topic, *version, |record| {
                let one = Override { reason: reason.clone(), role: *role, by: by.clone(), at_ms };
                record.overrides.push(one);
            });
        }
        ContractEvent::ContractActivated { topic, version, by } => {
            change_version(state, topic, *version, |record| {
                record.status = Status::Active;
                record.activated = Some((by.clone(), at_ms));
            });
        }
        ContractEvent::ContractDeprecated { topic, version, sunset, .. } => {
            change_version(state, topic, *version, |record| {
                record.status = Status::Deprecated;
                record.sunset = Some(*sunset);
            });
        }
        ContractEvent::ContractRetired { topic, version, .. } => {
            change_version(state, topic, *version, |record| record.status = Status::Retired);
        }
    }
}

fn proposed(
    definition: &Arc<Definition>,
    (schema, number): (Arc<Schema>, u32),
    by: &By,
    at_ms: u64,
) -> Version {
    Version {
        definition: definition.clone(),
        schema,
        number,
        status: Status::Proposed,
        proposed_by: by.clone(),
        proposed_ms: at_ms,
        activated: None,
        acknowledged: BTreeMap::new(),
        objections: BTreeMap::new(),
        impact: None,
        rehearsal: None,
        overrides: Vec::new(),
        sunset: None,
    }
}

fn change_version(
    state: &mut State,
    topic: &TopicName,
    number: ContractVersion,
    change: impl FnOnce(&mut Version),
) {
    let Some(topic) = state.topics.get_mut(topic) else { return };
    if let Some(version) = Arc::make_mut(topic).versions.get_mut(&number) {
        change(version);
    }
}

fn subscriptions(state: &mut State, event: &SubscriptionEvent, at_ms: u64) {
    match event {
        SubscriptionEvent::SubscriptionRequested { subscription, topic, agency, terms, by } => {
            let known = state.subscriptions.get(subscription);
            let record = Subscription {
                name: subscription.clone(),
                topic: topic.clone(),
                agency: agency.clone(),
                formerly: known.map(|known| known.formerly.clone()).unwrap_or_default(),
                granted: None,
                requested: Some(requested(terms, by, at_ms)),
                ended: None,
                carried: None,
                set_aside: BTreeSet::new(),
            };
            insert_subscription(state, record);
        }
        SubscriptionEvent::SubscriptionChangeRequested { subscription, terms, by } => {
            change_subscription(state, subscription, |record| {
                record.requested = Some(requested(terms, by, at_ms));
            });
        }
        SubscriptionEvent::SubscriptionNarrowed { subscription, terms, .. } => {
            change_subscription(state, subscription, |record| {
                record.requested = None;
                if let Some(grant) = &mut record.granted {
                    grant.terms = terms.clone();
                    if grant.expires_ms != terms.expires.starts_ms() {
                        grant.expires_ms = terms.expires.starts_ms();
                        grant.told = Told::Nothing;
                    }
                }
            });
        }
        SubscriptionEvent::SubscriptionApproved { subscription, side, conditions, by } => {
            change_subscription(state, subscription, |record| {
                if let Some(request) = &mut record.requested {
                    request
                        .approvals
                        .insert(*side, Approval { by: by.clone(), at_ms, conditions: conditions.clone() });
                }
            });
        }
        SubscriptionEvent::SubscriptionGranted { subscription, .. } => {
            change_subscription(state, subscription, |record| grant(record, at_ms));
        }
        SubscriptionEvent::SubscriptionExpiring { subscription, .. } => {
            told(state, subscription, Told::Expiring)
        }
        SubscriptionEvent::SubscriptionExpired { subscription, .. } => {
            told(state, subscription, Told::Expired)
        }
        SubscriptionEvent::SubscriptionRefused { subscription, reason, by } => {
            change_subscription(state, subscription, |record| {
                record.requested = None;
                if record.granted.is_none() {
                    record.ended = Some(ended(End::Refused, reason, by, at_ms));
                }
            });
        }
        SubscriptionEvent::SubscriptionRevoked { subscription, reason, by } => {
            change_subscription(state, subscription, |record| {
                record.requested = None;
                record.ended = Some(ended(End::Revoked, reason, by, at_ms));
            });
        }
    }
}

/// Keeps the record, the list of its topic's subscriptions and what its agency has in step.
fn insert_subscription(state: &mut State, record: Subscription) {
    let (name, topic) = (record.name.clone(), record.topic.clone());
    let former = state.subscriptions.get(&name).and_then(|former| holder(former));
    Arc::make_mut(&mut state.holdings).subscription(former, holder(&record));
    let former = state.subscriptions.insert(name.clone(), Arc::new(record));
    if let Some(names) = former.and_then(|former| state.subscribed.get_mut(&former.topic)) {
        Arc::make_mut(names).remove(&name);
    }
    Arc::make_mut(state.subscribed.entry(topic).or_default()).insert(name);
}

fn change_subscription(state: &mut State, name: &SubscriptionName, change: impl FnOnce(&mut Subscription)) {
    let Some(record) = state.subscriptions.get_mut(name).map(Arc::make_mut) else { return };
    let was = holder(record).cloned();
    change(record);
    if was.as_ref() != holder(record) {
        Arc::make_mut(&mut state.holdings).subscription(was.as_ref(), holder(record));
    }
}

fn told(state: &mut State, subscription: &SubscriptionName, told: Told) {
    change_subscription(state, subscription, |record| {
        if let Some(grant) = &mut record.granted {
            grant.told = told;
        }
    });
}

fn schemas(state: &mut State, event: &SchemaEvent) {
    let schemas = Arc::make_mut(&mut state.schemas);
    match event {
        SchemaEvent::SchemaRegistered { subject, agency, version, schema, .. } => {
            schemas.register(subject, agency, *version, schema);
        }
        SchemaEvent::SchemaDeleted { subject, version, permanently, .. } => {
            schemas.delete(subject, *version, *permanently);
        }
        SchemaEvent::CompatibilitySet { subject, compatibility, .. } => {
            schemas.set(subject.as_ref(), |settings| settings.compatibility = *compatibility);
        }
        SchemaEvent::ModeSet { subject, mode, .. } => {
            schemas.set(subject.as_ref(), |settings| settings.mode = *mode);
        }
    }
}

fn requested(terms: &Terms, by: &By, at_ms: u64) -> Request {
    Request { terms: terms.clone(), by: by.clone(), at_ms, approvals: BTreeMap::new() }
}

fn grant(record: &mut Subscription, at_ms: u64) {
    if let Some(Request { terms, approvals, .. }) = record.requested.take() {
        let expires_ms = terms.expires.starts_ms();
        record.granted = Some(Grant { terms, approvals, since_ms: at_ms, expires_ms, told: Told::Nothing });
    }
}

fn ended(how: End, reason: &str, by: &By, at_ms: u64) -> Ended {
    Ended { how, reason: reason.to_owned(), by: by.clone(), at_ms }
}
