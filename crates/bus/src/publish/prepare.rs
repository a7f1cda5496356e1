//! One event made ready to commit: checked against its contract, its people found, sealed, encoded, hashed.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use contract::check::{Checked, Key, Shape, Span, Violation, Workspace};
use contract::cloudevents::{AttributeRules, check_attributes};
use contract::compile::Contract;
use contract::{Class, CloudEvent, Data};
use seal::{AgencyKeys, PersonKey, Pseudonym};
use seal::{Attribute, Binding, Fragment, Subject};

use super::guard;
use crate::core::Core;
use crate::lanes::{NewKey, ReadyEvent};
use crate::limits::EVENT_MAX_BYTES;
use crate::record::{self, DataKind, Head};
use crate::topics::Topic;
use crate::{Refusal, RefusalKind};

thread_local! {
    /// The checker's buffers, kept between events.
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

/// Checks, seals and encodes one event; its body is appended to `bodies`. On a refusal `bodies` is as before.
pub fn prepare(
    core: &Core,
    topic: &Arc<Topic>,
    index: usize,
    event: CloudEvent,
    bodies: &mut Vec<u8>,
) -> Result<ReadyEvent, Refusal> {
    let contract = contract_of(core, topic, &event)?;
    let data = data_of(topic, &contract, &event)?;
    let checked = WORKSPACE
        .with_borrow_mut(|workspace| contract.check(&data, workspace))
        .map_err(|violations| breaks_contract(topic, &contract, &violations))?;
    guard::no_person_outside_the_seal(topic, &contract, &event, &checked.subjects)?;
    let people = People::find(core, topic, &contract, &checked)?;
    let start = bodies.len();
    let mut ready = Sealing { core, topic, contract: &contract, checked: &checked, people: &people }
        .write(event, &data, bodies)
        .inspect_err(|_| bodies.truncate(start))?;
    ready.index = index;
    ready.new_keys = people.new_keys;
    ready.hash = audit::leaf_hash(&bodies[ready.body.clone()]);
    Ok(ready)
}

/// Checks the attributes and finds the contract version that they ask for.
fn contract_of(core: &Core, topic: &Topic, event: &CloudEvent) -> Result<Arc<Contract>, Refusal> {
    let newest = topic.active(None);
    let empty = Default::default();
    let rules = AttributeRules {
        topic: &topic.name,
        extensions: newest.as_ref().map_or(&empty, |contract| &contract.definition().extensions),
        source_prefixes: &topic.sources,
        state_prefix: core.settings.state_prefix.as_deref(),
    };
    let named = check_attributes(event, &rules).map_err(|violations| {
        let version = topic.newest().map_or_else(String::new, |version| format!(" {version}"));
        violated(topic, &version, &violations)
    })?;
    match named.version {
        None => newest,
        version => topic.active(version),
    }
}

fn data_of(topic: &Topic, contract: &Contract, event: &CloudEvent) -> Result<Bytes, Refusal> {
    let version = contract.definition().version;
    let refuse = |what: &str| {
        let text = format!("contract {} {version}: {what} ({})", topic.name, topic.answers_for_it());
        Err(Refusal::new(RefusalKind::Contract, text))
    };
    match &event.data {
        Some(Data::Json(text)) if text.len() <= EVENT_MAX_BYTES => Ok(text.clone()),
        Some(Data::Json(text)) => {
            let text = format!(
                "contract {} {version}: the data is {} bytes; the bus takes {EVENT_MAX_BYTES}",
                topic.name,
                text.len()
            );
            Err(Refusal::new(RefusalKind::TooLarge, text).hint("put large payloads behind dataref"))
        }
        Some(Data::Binary(_)) => refuse("the data is not JSON, which the contract's format asks for"),
        None => refuse("the event has no data"),
    }
}

fn breaks_contract(topic: &Topic, contract: &Contract, violations: &[Violation]) -> Refusal {
    violated(topic, &format!(" {}", contract.definition().version), violations)
}

fn violated(topic: &Topic, version: &str, violations: &[Violation]) -> Refusal {
    let said: Vec<String> = violations.iter().map(ToString::to_string).collect();
    let text = format!("contract {}{version}: {} ({})", topic.name, said.join("; "), topic.answers_for_it());
    Refusal::new(RefusalKind::Contract, text)
        .hint(format!("chancery contract schema {} prints what an event must look like", topic.name))
}

/// The people that an event is about, each with a pseudonym and a key; after them, where the contract has internal
/// fields, the topic itself.
struct People {
    keys: Arc<AgencyKeys>,
    sealed_under: Vec<(Pseudonym, Arc<PersonKey>)>,
    persons: usize,
    new_keys: Vec<NewKey>,
}

impl People {
    fn find(core: &Core, topic: &Topic, contract: &Contract, checked: &Checked) -> Result<Self, Refusal> {
        let keys = core.keyring.agency(&topic.owner)?;
        let mut people =
            People { sealed_under: Vec::new(), persons: checked.subjects.len(), new_keys: Vec::new(), keys };
        for subject in &checked.subjects {
            let pseudonym = people.keys.pseudonym_of_person(subject);
            people.add(core, topic, pseudonym)?;
        }
        if contract.classes().contains(&Class::Internal) {
            let pseudonym = people.keys.pseudonym_of_topic(topic.name.as_str());
            people.add(core, topic, pseudonym)?;
        }
        Ok(people)
    }

    fn add(&mut self, core: &Core, topic: &Topic, pseudonym: Pseudonym) -> Result<(), Refusal> {
        let found = core.keyring.for_sealing(&topic.owner, &self.keys, &pseudonym, topic.keys)?;
        self.sealed_under.push((pseudonym, found.key));
        self.new_keys.extend(found.new);
        Ok(())
    }

    fn persons(&self) -> &[(Pseudonym, Arc<PersonKey>)] {
        &self.sealed_under[..self.persons]
    }

    /// A digest of the content that dies with the first person's key; without persons, keyed by the agency.
    fn digest(&self, parts: &[&[u8]]) -> [u8; 16] {
        match self.sealed_under.first() {
            Some((_, key)) => key.content_digest(parts),
            None => self.keys.content_digest(parts),
        }
    }

    fn index_of(&self, span: &Span) -> u16 {
        if span.subject == Span::TOPIC { self.persons as u16 } else { span.subject }
    }
}

struct Sealing<'a> {
    core: &'a Core,
    topic: &'a Topic,
    contract: &'a Contract,
    checked: &'a Checked,
    people: &'a People,
}

impl Sealing<'_> {
    fn write(&self, mut event: CloudEvent, data: &[u8], bodies: &mut Vec<u8>) -> Result<ReadyEvent, Refusal> {
        let digest = self.people.digest(&content(&event, data));
        let partition = self.partition(&event);
        let marks = self.marks(&event);
        let hidden = self.hide_attributes(&mut event);
        let definition = self.contract.definition();
        let start = bodies.len();
        let head = Head { contract: definition.version, digest, data: DataKind::Json };
        record::write_body(bodies, &head, &event);
        let binding = Binding {
            topic: self.topic.name.as_str(),
            source: &event.source,
            id: &event.id,
            contract_version: definition.version.0,
        };
        let attributes: Vec<Attribute<'_>> = hidden
            .iter()
            .map(|(name, value)| Attribute { name, value, class: Class::Personal.as_str(), subject: 0 })
            .collect();
        let subjects: Vec<Subject<'_>> =
            self.people.sealed_under.iter().map(|(pseudonym, key)| Subject { pseudonym: *pseudonym, key }).collect();
        seal::seal(data, &self.fragments(), &attributes, &binding, &subjects, bodies)
            .map_err(|error| Refusal::unavailable(format!("the event could not be sealed: {error}")))?;
        let identity = self.core.marker.identity(&self.topic.name, &event.source, &event.id);
        Ok(ReadyEvent {
            index: 0,
            contract: definition.version,
            partition,
            identity,
            marks,
            digest,
            hash: Default::default(),
            body: start..bodies.len(),
            new_keys: Vec::new(),
        })
    }

    fn fragments(&self) -> Vec<Fragment<'_>> {
        let classes = self.contract.classes();
        let fragment = |span: &Span| Fragment {
            start: span.start,
            end: span.end,
            class: classes[usize::from(span.class)].as_str(),
            subject: self.people.index_of(span),
            shape: match span.shape {
                Shape::Member => 0,
                Shape::Item => 1,
                Shape::Whole => 2,
            },
        };
        self.checked.spans.iter().map(fragment).collect()
    }

    /// Takes the attributes that could name a person out of the event: they are sealed, and outside stands a
    /// pseudonym. Where the contract is about nobody, they stay.
    fn hide_attributes(&self, event: &mut CloudEvent) -> Vec<(&'static str, String)> {
        let Some((first, _)) = self.people.persons().first() else { return Vec::new() };
        let mut hidden = Vec::new();
        if let Some(subject) = event.subject.take() {
            let known = self.checked.subjects.iter().position(|known| *known == subject);
            let pseudonym = known.and_then(|index| self.people.persons().get(index)).map_or(first, |(p, _)| p);
            event.subject = Some(pseudonym.to_string());
            hidden.push(("subject", subject));
        }
        if let Some(at) = event.extensions.iter().position(|(name, _)| name == "partitionkey") {
            if let contract::AttributeValue::String(value) = event.extensions.remove(at).1 {
                hidden.push(("partitionkey", value));
            }
        }
        hidden
    }

    fn partition(&self, event: &CloudEvent) -> u32 {
        let count = self.topic.partitions.len() as u64;
        let marker = &self.core.marker;
        let key = match (&self.checked.key, event.extension("partitionkey")) {
            (Some(Key::Subject(index)), _) => self.people.persons().get(*index).map(|(p, _)| marker.person(p)),
            (Some(Key::Value { text, .. }), _) => Some(marker.ordering_key(text)),
            (None, Some(text)) => Some(marker.ordering_key(text)),
            (None, None) => None,
        };
        let hash = key.unwrap_or_else(|| marker.identity(&self.topic.name, &event.source, &event.id) as u64);
        (hash % count) as u32
    }

    fn marks(&self, event: &CloudEvent) -> Vec<u64> {
        let marker = &self.core.marker;
        let mut marks = Vec::with_capacity(4);
        marks.push(marker.event_id(&event.id));
        marks.extend(event.extension("correlationid").map(|id| marker.correlation(id)));
        marks.extend(event.extension("causationid").map(|id| marker.causation(id)));
        marks.extend(self.people.persons().iter().map(|(pseudonym, _)| marker.person(pseudonym)));
        marks
    }
}

/// What makes two events of one identity the same: type, subject, time, data. Tracing attributes may differ, since a
/// retry may carry another trace.
fn content<'a>(event: &'a CloudEvent, data: &'a [u8]) -> [&'a [u8]; 4] {
    let text = |text: &'a Option<String>| text.as_deref().unwrap_or_default().as_bytes();
    [event.ty.as_bytes(), text(&event.subject), text(&event.time), data]
}
