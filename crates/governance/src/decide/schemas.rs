//! What the registry is asked for. A schema under a topic's subject is a proposal of a contract's version and takes the
//! same way as every other; free subjects belong to the agency that began them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::schemas::{Compatibility, Source};
use contract::{AgencyName, Class, ContractVersion, Definition, FieldRule, Pointer};

use super::authority::Case;
use super::{ReadSchema, contracts, tags};
use crate::events::{By, ContractEvent, SchemaEvent};
use crate::state::schemas::{NUMBERS_MAX, topic_of};
use crate::state::{Listed, Mode, Schema, Topic};
use crate::{Event, Refused, Role, Status};

/// A schema under a subject. One that stands there already is not registered again.
pub(super) fn register(
    case: &Case<'_>,
    subject: &str,
    schema: &Arc<Schema>,
    normalize: bool,
) -> Result<Vec<Event>, Refused> {
    let source = case.state.source_of(schema).map_err(|fault| Refused::new("invalid-schema", fault))?;
    let read = case.check.read(&source, normalize).map_err(|fault| Refused::new("invalid-schema", fault))?;
    let listed = case.state.listed(subject);
    let schema = Arc::new(Schema { text: read.text.clone(), ..with_what_stands_beside(schema, &listed) });
    if listed.iter().any(|known| !known.deleted && stands_as(case, known, &schema)) {
        // A producer's serializer registers what it writes by; where that stands, it asks for nothing.
        return Ok(Vec::new());
    }
    let (by, agency) = who(case, subject, &format!("registering a schema under {subject}"))?;
    if case.state.schemas().is_full() {
        return Err(Refused::new("full", format!("the bus has {NUMBERS_MAX} schemas and takes no more")));
    }
    if case.state.mode_of(subject) == Mode::ReadOnly {
        let text = format!("Subject {subject} is in read-only mode");
        return Err(Refused::new("read-only", text).hint("its mode can be set to READWRITE"));
    }
    follows(case, subject, &Source { text: read.text.clone(), ..source }, &listed)?;
    match case.state.topic_of_subject(subject) {
        Some(topic) => propose(case, topic, schema, &read),
        None => {
            let newest = case.state.schemas().free(subject).map_or(0, |series| series.newest);
            let (subject, version) = (subject.to_owned(), newest + 1);
            Ok(vec![Event::Schema(SchemaEvent::SchemaRegistered { subject, agency, version, schema, by })])
        }
    }
}

/// A client that says nothing of metadata and rules means those that stand.
fn with_what_stands_beside(schema: &Schema, listed: &[Listed]) -> Schema {
    let mut schema = schema.clone();
    if let Some(latest) = listed.iter().rev().find(|known| known.in_force) {
        schema.metadata = schema.metadata.or_else(|| latest.schema.metadata.clone());
        schema.rule_set = schema.rule_set.or_else(|| latest.schema.rule_set.clone());
    }
    schema
}

/// Whether a version is this schema. A contract's text may stand there as its steward wrote it.
fn stands_as(case: &Case<'_>, known: &Listed, schema: &Schema) -> bool {
    let same = |known: &Schema| {
        (known.format, &known.references, &known.metadata, &known.rule_set)
            == (schema.format, &schema.references, &schema.metadata, &schema.rule_set)
    };
    if !same(&known.schema) {
        return false;
    }
    let source = case.state.source_of(&known.schema);
    known.schema.text == schema.text
        || source.is_ok_and(|source| case.check.read(&source, false).is_ok_and(|it| it.text == schema.text))
}

/// Whether the schema goes on from the versions in force as the subject's mode asks.
fn follows(case: &Case<'_>, subject: &str, new: &Source, listed: &[Listed]) -> Result<(), Refused> {
    let in_force = listed.iter().filter(|known| known.in_force);
    let earlier: Vec<Source> =
        in_force.filter_map(|known| case.state.source_of(&known.schema).ok()).collect();
    let mode = case.state.compatibility_of(subject);
    let faults = case.check.incompatibilities(mode, new, &earlier);
    if faults.is_empty() {
        return Ok(());
    }
    let text = format!(
        "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{}]",
        faults.join(", ")
    );
    Err(Refused::new("incompatible", text).hint(format!("its compatibility is {mode}")))
}

/// Who may change a subject: the topic's steward or deputy, the stewards of the agency that began a free one.
fn who(case: &Case<'_>, subject: &str, what: &str) -> Result<(By, AgencyName), Refused> {
    if let Some(topic) = case.state.topic_of_subject(subject) {
        return Ok((case.as_changing(topic, what)?, topic.owner.clone()));
    }
    if let Some(topic) = topic_of(subject) {
        return Err(Refused::unknown("topic", &topic).hint(
            "a topic begins with its contract: owner, steward, legal basis, classes (chancery apply)",
        ));
    }
    let agency = case.state.schemas().free(subject).map_or(&case.actor.agency, |series| &series.agency);
    let by = case.as_steward_of(agency, what)?;
    Ok((by, agency.clone()))
}

/// The next version of the topic's contract, or other text for one that is proposed. What the newest version says of
/// its fields holds on where the fields are still there; tags say what the new ones are.
fn propose(
    case: &Case<'_>,
    topic: &Topic,
    schema: Arc<Schema>,
    read: &ReadSchema,
) -> Result<Vec<Event>, Refused> {
    let Some(newest) = topic.newest() else { return Err(Refused::unknown("contract", &topic.name)) };
    let number = match newest.status {
        Status::Proposed => newest.number(),
        _ => ContractVersion(newest.number().0 + 1),
    };
    let mut classify = newest.definition.classify.clone();
    classify.retain(|pointer, _| pointer.tokens().is_empty() || read.places.contains(pointer));
    for (pointer, rule) in tagged(case, &schema, read) {
        // A tag says the class and no more: what else is known of a field of that class holds on.
        if classify.get(&pointer).is_none_or(|known| known.class != rule.class) {
            classify.insert(pointer, rule);
        }
    }
    let definition = Arc::new(Definition {
        version: number,
        format: schema.format,
        schema: read.standalone.clone(),
        compatibility: case
            .state
            .compatibility_of(&crate::state::schemas::subject_of(&topic.name))
            .to_string(),
        classify,
        // It led to the newest version, not from it.
        migration: None,
        ..Definition::clone(&newest.definition)
    });
    let events = contracts::propose(case, &definition).map_err(|refused| match refused.code {
        "invalid-contract" => refused.hint(
            "a new field needs a class: a tag (PUBLIC, INTERNAL, PII, SPECIAL) on it, or `classify` in a proposal of \
             the whole contract (chancery contract propose)",
        ),
        _ => refused,
    })?;
    let registered = |event| match event {
        Event::Contract(ContractEvent::ContractProposed { definition, impact, rehearsal, by, .. }) => {
            Event::Contract(ContractEvent::ContractProposed {
                definition,
                registered: Some(schema.clone()),
                impact,
                rehearsal,
                by,
            })
        }
        other => other,
    };
    Ok(events.into_iter().map(registered).collect())
}

/// The classes that tags give, in the text and beside it.
fn tagged(case: &Case<'_>, schema: &Schema, read: &ReadSchema) -> BTreeMap<Pointer, FieldRule> {
    let mut by_place: BTreeMap<Pointer, BTreeSet<String>> = read.tags.clone();
    for (pointer, tags) in tags::beside(schema.metadata.as_ref(), &read.places) {
        by_place.entry(pointer).or_default().extend(tags);
    }
    let extra: Vec<Class> = case.state.standards().classes.iter().cloned().collect();
    let rule = |(pointer, tags): (Pointer, BTreeSet<String>)| {
        let class = tags::class_of(&tags, &extra)?;
        Some((pointer, FieldRule::from(class)))
    };
    by_place.into_iter().filter_map(rule).collect()
}

/// Ends a version, or all. A contract's version ends as its life says.
pub(super) fn delete(
    case: &Case<'_>,
    subject: &str,
    version: Option<u32>,
    permanently: bool,
) -> Result<Vec<Event>, Refused> {
    let (by, _) = who(case, subject, &format!("deleting schemas of {subject}"))?;
    let listed = case.state.listed(subject);
    if listed.is_empty() {
        return Err(Refused::new("unknown-subject", format!("Subject '{subject}' not found.")));
    }
    if let Some(topic) = case.state.topic_of_subject(subject) {
        return end_contract(case, topic, version, permanently);
    }
    let found: Vec<&Listed> =
        listed.iter().filter(|known| version.is_none_or(|wanted| known.version == wanted)).collect();
    if found.is_empty() {
        let text = format!("Version {} not found.", version.unwrap_or_default());
        return Err(Refused::new("unknown-version", text));
    }
    may_go(case, subject, version, &found, permanently)?;
    let gone = found.into_iter().filter(|known| permanently || !known.deleted);
    let event = |known: &Listed| {
        Event::Schema(SchemaEvent::SchemaDeleted {
            subject: subject.to_owned(),
            version: known.version,
            permanently,
            by: by.clone(),
        })
    };
    Ok(gone.map(event).collect())
}

/// Whether free versions may be deleted: not while another refers to them, and for good only after softly.
fn may_go(
    case: &Case<'_>,
    subject: &str,
    version: Option<u32>,
    found: &[&Listed],
    permanently: bool,
) -> Result<(), Refused> {
    let alive = found.iter().find(|known| !known.deleted);
    match (permanently, alive, version) {
        (true, Some(_), None) => {
            let text = format!("Subject '{subject}' was not deleted first before being permanently deleted");
            return Err(Refused::new("subject-not-soft-deleted", text));
        }
        (true, Some(known), Some(_)) => {
            let text = format!(
                "Subject '{subject}' Version {} was not deleted first before being permanently deleted",
                known.version
            );
            return Err(Refused::new("version-not-soft-deleted", text));
        }
        (false, None, None) => {
            let text =
                format!("Subject '{subject}' was soft deleted. Set permanent=true to delete permanently");
            return Err(Refused::new("subject-soft-deleted", text));
        }
        (false, None, Some(version)) => {
            let text = format!(
                "Subject '{subject}' Version {version} was soft deleted. Set permanent=true to delete permanently"
            );
            return Err(Refused::new("version-soft-deleted", text));
        }
        _ => {}
    }
    for known in found {
        if let Some((name, listed)) = case.state.referrers(subject, known.version).first() {
            let text = format!(
                "One or more references exist to the schema {{subject={subject}, version={}}}: {name} version {}",
                known.version, listed.version
            );
            return Err(Refused::new("referenced", text));
        }
    }
    Ok(())
}

fn end_contract(
    case: &Case<'_>,
    topic: &Topic,
    version: Option<u32>,
    permanently: bool,
) -> Result<Vec<Event>, Refused> {
    let kept = |text: String| {
        Err(Refused::new("operation-not-permitted", text).hint(
            "deprecate a version with a sunset, then delete it: it retires (chancery contract deprecate)",
        ))
    };
    match version {
        None => kept(format!("{} keeps its contract: events were written by it", topic.name)),
        Some(_) if permanently => {
            kept(format!("versions of {} are never forgotten: events were written by them", topic.name))
        }
        Some(number) => contracts::retire(case, &topic.name, ContractVersion(number)),
    }
}

/// How versions relate from now on.
pub(super) fn set_compatibility(
    case: &Case<'_>,
    subject: Option<&String>,
    compatibility: Option<Compatibility>,
) -> Result<Vec<Event>, Refused> {
    let what = "setting how versions of schemas relate";
    let by = match subject {
        None => case.as_operator(what)?,
        Some(subject) => who(case, subject, what)?.0,
    };
    let now = match subject {
        None => case.state.schemas().defaults().compatibility,
        Some(subject) => case.state.schemas().settings(subject).compatibility,
    };
    if now == compatibility {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Schema(SchemaEvent::CompatibilitySet { subject: subject.cloned(), compatibility, by })])
}

/// Whether schemas are taken from now on.
pub(super) fn set_mode(
    case: &Case<'_>,
    subject: Option<&String>,
    mode: Option<Mode>,
) -> Result<Vec<Event>, Refused> {
    let what = "setting whether schemas are taken";
    let by = match subject {
        // Freezing a subject for a migration is the operator's business too.
        Some(subject) if !case.actor.is(Role::Operator) => who(case, subject, what)?.0,
        _ => case.as_operator(what)?,
    };
    let now = match subject {
        None => case.state.schemas().defaults().mode,
        Some(subject) => case.state.schemas().settings(subject).mode,
    };
    if now == mode {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Schema(SchemaEvent::ModeSet { subject: subject.cloned(), mode, by })])
}
