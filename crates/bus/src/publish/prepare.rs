//! One event made ready to commit: checked against its contract, its people found, sealed, encoded, hashed.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use contract::check::{Checked, Key, Span, Violation, Workspace};
use contract::cloudevents::{AttributeRules, check_attributes};
use contract::compile::Contract;
use contract::frames;
use contract::{AttributeValue, Class, CloudEvent, ContractVersion, Data, Format};
use seal::{Attribute, Binding, Fragment, Subject};
use smallvec::SmallVec;

use super::leaks::{self, Kept};
use super::people::People;
use super::{end_to_end, guard, profiles};
use crate::api::Caller;
use crate::core::Core;
use crate::lanes::{NewKeys, Quarantined, ReadyEvent};
use crate::limits::EVENT_MAX_BYTES;
use crate::quarantine;
use crate::record::{self, DataKind, Head};
use crate::schema_ids::Framing;
use crate::topics::Topic;
use crate::{Refusal, RefusalKind};

thread_local! {
    /// The checker's buffers, kept between events.
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

/// Checks, seals and encodes one event; its body is appended to `bodies`. What is sealed is taken out of `event`. On a
/// refusal `bodies` is as before. Where its producer chose no partition, the contract does.
pub fn prepare(
    core: &Core,
    topic: &Arc<Topic>,
    publisher: &Caller,
    event: &mut CloudEvent,
    partition: Option<u32>,
    bodies: &mut Vec<u8>,
) -> Result<ReadyEvent, Refusal> {
    let contract = topic.active(meant_version(core, topic, event)?, core.clock.now_ms())?;
    // Where the contract says in which field the identity stands, a producer that cannot set attributes needs none.
    let is_bare = event.id.is_empty() && contract.definition().identity.is_some();
    if is_bare {
        end_to_end::is_named(topic, &contract)?;
    } else {
        attributes_fit(core, topic, &contract, event)?;
        profiles::keep(core, topic, &contract, event)?;
    }
    let data = data_of(topic, &contract, event)?;
    let checked = WORKSPACE
        .with_borrow_mut(|workspace| {
            workspace.watch = topic.watch;
            contract.check(&data, workspace)
        })
        .map_err(|violations| breaks_contract(topic, &contract, &violations))?;
    if is_bare {
        complete(topic, publisher, &checked, event);
        attributes_fit(core, topic, &contract, event)?;
        profiles::keep(core, topic, &contract, event)?;
    }
    let refused = end_to_end::keep(core, topic, &contract, &data).err();
    let people = People::find(core, topic, &contract, &checked)?;
    let start = bodies.len();
    let (mut ready, is_quarantined) =
        Sealing { core, topic, contract: &contract, checked: &checked, people: &people, partition }
            .write(event, &data, bodies)
            .inspect_err(|_| bodies.truncate(start))?;
    ready.new_keys = people.new_keys;
    ready.refused = refused.map(Box::new);
    // What is not taken needs no key of its own.
    if is_quarantined && ready.refused.is_none() {
        let key = quarantine::seal(core, topic, &people.keys, &mut ready, bodies)
            .inspect_err(|_| bodies.truncate(start))?;
        ready.quarantined = Some(Quarantined { key, found: leaks::told(&ready.found) });
    }
    ready.hash = audit::leaf_hash(&bodies[ready.body.clone()]);
    Ok(ready)
}

/// Whether the attributes are what the bus and the contract ask for.
fn attributes_fit(
    core: &Core,
    topic: &Topic,
    contract: &Contract,
    event: &CloudEvent,
) -> Result<(), Refusal> {
    let rules = AttributeRules {
        topic: &topic.name,
        extensions: &contract.definition().extensions,
        source_prefixes: &topic.sources,
        state_prefix: core.settings.state_prefix.as_deref(),
    };
    let fit = check_attributes(event, &rules);
    fit.map(drop).map_err(|violations| breaks_contract(topic, contract, &violations))
}

/// Fills in what a producer left out: the identity from the data, the source from who publishes, the type from the topic.
fn complete(topic: &Topic, publisher: &Caller, checked: &Checked, event: &mut CloudEvent) {
    event.id = checked.identity.clone().unwrap_or_default();
    if event.source.is_empty() {
        let prefix = topic.sources.first().map_or("", String::as_str);
        event.source = format!("{prefix}{}", publisher.principal);
    }
    if event.ty.is_empty() {
        event.ty = topic.name.to_string();
    }
}

/// The version that the event names: in its type, or by the schema that its data was framed with.
fn meant_version(core: &Core, topic: &Topic, event: &CloudEvent) -> Result<Option<ContractVersion>, Refusal> {
    let by_type = named_version(&event.ty);
    let Some(framing) = Framing::of(event.dataschema.as_deref()) else { return Ok(by_type) };
    let whose = topic.answers_for_it();
    let Some(version) = core.version_of(&topic.name, framing)? else {
        let text =
            format!("topic {}: the schema {} is not of its contract ({whose})", topic.name, named(framing));
        let hint = format!("GET /subjects/{}-value/versions/latest has the id to serialize with", topic.name);
        return Err(Refusal::new(RefusalKind::Contract, text).hint(hint));
    };
    match by_type {
        Some(other) if other != version => {
            let text = format!(
                "contract {} {other}: the event's type names {other}, but its data was framed with the schema of \
                 {version} ({whose})",
                topic.name
            );
            Err(Refusal::new(RefusalKind::Contract, text).hint("name one version in both"))
        }
        _ => Ok(Some(version)),
    }
}

fn named(framing: Framing) -> String {
    match framing {
        Framing::Id(id) => format!("id {}", id.0),
        Framing::Guid(guid) => guid.to_string(),
    }
}

/// The version of a `.vN` suffix. Whether the rest of the type is right is checked with the other attributes.
fn named_version(ty: &str) -> Option<ContractVersion> {
    let (_, suffix) = ty.rsplit_once(".v")?;
    suffix
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| suffix.parse().ok().map(ContractVersion))
        .flatten()
}

fn data_of(topic: &Topic, contract: &Contract, event: &CloudEvent) -> Result<Bytes, Refusal> {
    let definition = contract.definition();
    let refuse = |kind: RefusalKind, what: &str| {
        let (version, whose) = (definition.version, topic.answers_for_it());
        Err(Refusal::new(kind, format!("contract {} {version}: {what} ({whose})", topic.name)))
    };
    let (data, is_json) = match &event.data {
        None => return refuse(RefusalKind::Contract, "the event has no data"),
        Some(Data::Json(text)) => (text, true),
        Some(Data::Binary(bytes)) => (bytes, false),
    };
    match (definition.format, is_json) {
        (Format::JsonSchema, false) => {
            refuse(RefusalKind::Contract, "the data is not JSON, which the contract's format asks for")
        }
        (Format::Avro, true) => {
            refuse(RefusalKind::Contract, "the data is JSON, but the contract's format is Avro")
        }
        (Format::Protobuf, true) => {
            refuse(RefusalKind::Contract, "the data is JSON, but the contract's format is Protocol Buffers")
        }
        _ if data.len() > EVENT_MAX_BYTES => {
            let what = format!("the data is {} bytes; the bus takes {EVENT_MAX_BYTES}", data.len());
            let refused = refuse(RefusalKind::TooLarge, &what);
            refused.map_err(|refusal: Refusal| refusal.hint("put large payloads behind dataref"))
        }
        _ => Ok(data.clone()),
    }
}

fn breaks_contract(topic: &Topic, contract: &Contract, violations: &[Violation]) -> Refusal {
    let version = contract.definition().version;
    let said: Vec<String> = violations.iter().map(ToString::to_string).collect();
    let text = format!("contract {} {version}: {} ({})", topic.name, said.join("; "), topic.answers_for_it());
    Refusal::new(RefusalKind::Contract, text)
        .hint(format!("chancery contract schema {} prints what an event must look like", topic.name))
}

/// An attribute that is sealed with the data.
struct Hidden {
    name: String,
    value: String,
    class: Class,
    /// The person whom it names, the first one where it names none, or the topic: an index in what is sealed under.
    subject: u16,
}

/// An attribute's value as text: its canonical string, by the CloudEvents type system.
fn text_of(value: &mut AttributeValue) -> String {
    match value {
        AttributeValue::String(text) => std::mem::take(text),
        AttributeValue::Integer(number) => number.to_string(),
        AttributeValue::Boolean(yes) => yes.to_string(),
    }
}

struct Sealing<'a> {
    core: &'a Core,
    topic: &'a Topic,
    contract: &'a Contract,
    checked: &'a Checked,
    people: &'a People,
    partition: Option<u32>,
}

impl Sealing<'_> {
    fn write(
        &self,
        event: &mut CloudEvent,
        data: &[u8],
        bodies: &mut Vec<u8>,
    ) -> Result<(ReadyEvent, bool), Refusal> {
        let digest = self.people.digest(&content(event, data));
        let partition = self.partition.unwrap_or_else(|| self.partition_of(event));
        let persons = self.people.persons().iter().map(|(pseudonym, _)| *pseudonym);
        let marks = self.core.marker.marks_of(event, persons);
        let hidden = self.hide_attributes(event);
        if self.people.persons().is_empty()
            && let Some(orphan) = hidden.iter().find(|hidden| hidden.class.is_about_a_person())
        {
            return Err(self.belongs_to_nobody(&orphan.name));
        }
        guard::no_person_outside_the_seal(self.topic, self.contract, event, &self.checked.subjects)?;
        let Kept { found, is_quarantined } =
            leaks::keep(self.core, self.topic, self.contract, event, self.checked)?;
        let definition = self.contract.definition();
        let start = bodies.len();
        let head = Head { contract: definition.version, digest, data: DataKind::of(definition.format) };
        let frames = frames::cut(&self.checked.frames, &self.checked.spans);
        record::write_body(bodies, &head, event, &frames);
        let binding = Binding {
            topic: self.topic.name.as_str(),
            source: &event.source,
            id: &event.id,
            contract_version: definition.version.0,
        };
        let attributes: SmallVec<[Attribute<'_>; 4]> = hidden
            .iter()
            .map(|hidden| Attribute {
                name: &hidden.name,
                value: &hidden.value,
                class: hidden.class.as_str(),
                subject: hidden.subject,
            })
            .collect();
        let subjects: SmallVec<[Subject<'_>; 2]> = self
            .people
            .sealed_under
            .iter()
            .map(|(pseudonym, key)| Subject { pseudonym: *pseudonym, key })
            .collect();
        seal::seal(data, &self.fragments(), &attributes, &binding, &subjects, bodies)
            .map_err(|error| Refusal::unavailable(format!("the event could not be sealed: {error}")))?;
        let identity = self.core.marker.identity(&self.topic.name, &event.source, &event.id);
        let ready = ReadyEvent {
            index: 0,
            contract: definition.version,
            partition,
            identity,
            marks,
            digest,
            hash: audit::Hash([0; 32]),
            body: start..bodies.len(),
            new_keys: NewKeys::new(),
            found,
            refused: None,
            quarantined: None,
            released: None,
        };
        Ok((ready, is_quarantined))
    }

    fn belongs_to_nobody(&self, attribute: &str) -> Refusal {
        let (topic, version) = (self.topic, self.contract.definition().version);
        let text = format!(
            "contract {} {version}: attribute {attribute} is about a person, and the data names none ({})",
            topic.name,
            topic.answers_for_it()
        );
        Refusal::new(RefusalKind::Contract, text)
            .hint("leave the attribute out, or name the person where the contract's subject pointer points")
    }

    fn fragments(&self) -> SmallVec<[Fragment<'_>; 8]> {
        let classes = self.contract.classes();
        let fragment = |span: &Span| Fragment {
            start: span.start,
            end: span.end,
            class: classes[usize::from(span.class)].as_str(),
            subject: self.people.index_of(span),
            shape: span.look.byte(),
        };
        self.checked.spans.iter().map(fragment).collect()
    }

    /// Takes out of the event what must not stand outside the seal: `subject` and `partitionkey` of an event about a
    /// person, and extensions that the contract classifies. For `subject` a pseudonym stays behind.
    fn hide_attributes(&self, event: &mut CloudEvent) -> Vec<Hidden> {
        let mut hidden = Vec::new();
        let persons = self.people.persons();
        if let (Some((first, _)), Some(subject)) =
            (persons.first(), event.subject.take_if(|_| !persons.is_empty()))
        {
            let known = self.checked.subjects.iter().position(|known| *known == subject);
            let pseudonym =
                known.and_then(|index| persons.get(index)).map_or(first, |(pseudonym, _)| pseudonym);
            event.subject = Some(pseudonym.to_string());
            let person = known.unwrap_or(0) as u16;
            hidden.push(Hidden {
                name: "subject".to_owned(),
                value: subject,
                class: Class::Personal,
                subject: person,
            });
        }
        let declared = &self.contract.definition().extensions;
        event.extensions.retain_mut(|(name, value)| {
            let class = match declared.get(name) {
                Some(class) => class.clone(),
                None if name == "partitionkey" && !persons.is_empty() => Class::Personal,
                None => Class::Public,
            };
            if !class.is_sealed() {
                return true;
            }
            let value = text_of(value);
            let named = self.checked.subjects.iter().position(|known| *known == value).unwrap_or(0);
            let subject = if class.is_about_a_person() { named } else { self.people.persons } as u16;
            hidden.push(Hidden { name: std::mem::take(name), value, class, subject });
            false
        });
        hidden
    }

    fn partition_of(&self, event: &CloudEvent) -> u32 {
        let count = self.topic.partitions.len() as u64;
        let marker = &self.core.marker;
        let key = match (&self.checked.key, event.extension("partitionkey")) {
            (Some(Key::Subject(index)), _) => {
                self.people.persons().get(*index).map(|(p, _)| marker.person(p))
            }
            (Some(Key::Value { text, .. }), _) => Some(marker.ordering_key(text)),
            (None, Some(text)) => Some(marker.ordering_key(text)),
            (None, None) => None,
        };
        let hash = key.unwrap_or_else(|| marker.identity(&self.topic.name, &event.source, &event.id) as u64);
        (hash % count) as u32
    }
}

/// What makes two events of one identity the same: type, subject, time, data. Tracing attributes may differ, since a
/// retry may carry another trace.
fn content<'a>(event: &'a CloudEvent, data: &'a [u8]) -> [&'a [u8]; 4] {
    let text = |text: &'a Option<String>| text.as_deref().unwrap_or_default().as_bytes();
    [event.ty.as_bytes(), text(&event.subject), text(&event.time), data]
}
