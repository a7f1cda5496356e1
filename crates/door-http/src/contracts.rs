//! The contracts of topics: where each version is in its life, what it means, and what it waits for.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use bus::Caller;
use bus::clock::rfc3339;
use contract::impact::weight;
use contract::profiles::Finding;
use contract::{ContractVersion, Effect, Format, Profiles, Rehearsal, TopicName, impact};
use governance::agreement::{Reader, Wait, waits};
use governance::profiles::Linted;
use governance::state::{Acknowledgement, Objection, Override};
use governance::{Topic, Version, carrying};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::caller::Authenticated;
use crate::problem::Problem;
use crate::{Door, found, wire};

fn version(
    state: &governance::State,
    topic: &Topic,
    version: &Version,
    (now_ms, of_owner): (u64, bool),
) -> Value {
    let waits = &waits(state, topic, version, now_ms);
    let carries: BTreeSet<&str> =
        carrying::carried_on(state, topic, version.number(), now_ms).map(|one| one.agency.as_str()).collect();
    let waits_for: Vec<&str> = waits.iter().flat_map(Wait::agencies).map(|agency| agency.as_str()).collect();
    json!({
        "topic": topic.name.as_str(), "version": version.number().0, "status": version.status.to_string(),
        "proposed_by": version.proposed_by.principal.as_str(), "proposed_at": rfc3339(version.proposed_ms),
        "activated_by": version.activated.as_ref().map(|(by, _)| by.principal.as_str()),
        "activated_at": version.activated.as_ref().map(|(_, at_ms)| rfc3339(*at_ms)),
        "sunset": version.sunset.map(|day| day.to_string()),
        "weight": version.weight().as_str(),
        "compared_with": version.impact.as_ref().map(|impact| impact.against.0),
        "effects": version.impact.as_ref().map(|impact| &impact.effects),
        "acknowledged": version.acknowledged.iter().map(|(by, one)| acknowledged(by.as_str(), one)).collect::<Vec<_>>(),
        "objections": version.objections.iter().map(|(by, one)| objection(by.as_str(), one)).collect::<Vec<_>>(),
        "overrides": version.overrides.iter().map(overridden).collect::<Vec<_>>(),
        "rehearsal": version.rehearsal.as_ref().zip(version.impact.as_ref())
            .map(|(rehearsal, impact)| tried(rehearsal, impact.against, of_owner)),
        "carries": carries,
        "may_go_live": waits.is_empty(),
        "waits": waits.iter().map(|one| wait(topic, one)).collect::<Vec<_>>(),
        "waits_for": waits_for,
        "steward": topic.steward.as_str(), "deputy": topic.deputy.as_str(),
        "definition": *version.definition,
    })
}

/// What the version's migration made of real events; how often each place differs is for the owner to know.
fn tried(rehearsal: &Rehearsal, from: ContractVersion, of_owner: bool) -> Value {
    let mut shown = rehearsal.clone();
    if !of_owner {
        shown.losses.clear();
    }
    let mut value = json!(shown);
    value["told"] = shown.told(from).into();
    value
}

fn acknowledged(agency: &str, given: &Acknowledgement) -> Value {
    json!({"agency": agency, "by": given.by.principal.as_str(), "at": rfc3339(given.at_ms)})
}

fn objection(agency: &str, raised: &Objection) -> Value {
    let answer = raised.answer.as_ref().map(|answer| {
        json!({"text": answer.text, "by": answer.by.principal.as_str(), "at": rfc3339(answer.at_ms)})
    });
    json!({
        "agency": agency, "by": raised.by.principal.as_str(), "at": rfc3339(raised.at_ms),
        "reason": raised.reason, "answer": answer,
    })
}

fn overridden(one: &Override) -> Value {
    json!({
        "by": one.by.principal.as_str(), "role": one.role.as_str(), "at": rfc3339(one.at_ms), "reason": one.reason,
    })
}

fn wait(topic: &Topic, wait: &Wait) -> Value {
    json!({
        "code": wait.code(), "what": wait.to_string(), "remedy": wait.remedy(topic),
        "until": wait.until_ms().map(rfc3339),
        "agencies": wait.agencies().iter().map(|agency| agency.as_str()).collect::<Vec<_>>(),
    })
}

/// Now, and whether the caller answers for the topic.
fn seen(door: &Door, caller: &Caller, topic: &Topic) -> (u64, bool) {
    (door.bus.now_ms(), door.bus.may_read_disclosures(caller, Some(&topic.name), None).is_ok())
}

/// `GET /v1/contracts/{topic}`.
pub async fn all(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let state = door.bus.state(&caller)?;
    let found = found::topic(&state, &name)?;
    let seen = seen(&door, &caller, found);
    let versions = found.versions.values().map(|one| version(&state, found, one, seen));
    Ok(Json(json!({ "topic": name, "versions": versions.collect::<Vec<_>>() })))
}

/// `GET /v1/contracts/{topic}/{version}`.
pub async fn one(
    State(door): State<Door>,
    Path((name, number)): Path<(String, u32)>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let state = door.bus.state(&caller)?;
    let found = found::topic(&state, &name)?;
    let one = found::version(found, number)?;
    Ok(Json(version(&state, found, one, seen(&door, &caller, found))))
}

/// `?cleared=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaQuery {
    cleared: Option<String>,
}

/// `GET /v1/contracts/{topic}/{version}/schema`.
pub async fn schema(
    State(door): State<Door>,
    Path((name, number)): Path<(String, u32)>,
    Query(query): Query<SchemaQuery>,
    Authenticated(caller): Authenticated,
) -> Result<impl IntoResponse, Problem> {
    let contract = door.bus.contract(&caller, &wire::name(&name)?, Some(ContractVersion(number)))?;
    let media_type = match contract.definition().format {
        Format::JsonSchema => "application/schema+json",
        Format::Avro => "application/vnd.apache.avro+json",
        Format::Protobuf => "text/plain; charset=utf-8",
    };
    let text = match query.cleared {
        None => contract.definition().schema.clone(),
        Some(cleared) => {
            let classes = cleared.split(',').map(str::trim).filter(|class| !class.is_empty());
            contract.redacted_schema(&classes.map(contract::Class::from).collect())
        }
    };
    Ok(([(header::CONTENT_TYPE, media_type)], text))
}

/// `?from=&to=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffQuery {
    from: u32,
    to: u32,
}

/// `GET /v1/contracts/{topic}/diff`.
pub async fn diff(
    State(door): State<Door>,
    Path(name): Path<String>,
    Query(query): Query<DiffQuery>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let wanted: TopicName = wire::name(&name)?;
    let contract = |number: u32| door.bus.contract(&caller, &wanted, Some(ContractVersion(number)));
    let effects = impact(&*contract(query.from)?, &*contract(query.to)?);
    let changes: Vec<&str> = effects.iter().map(|effect| effect.what.as_str()).collect();
    Ok(Json(json!({
        "topic": name, "from": query.from, "to": query.to, "weight": weight(&effects).as_str(),
        "changes": changes, "effects": effects,
    })))
}

fn reader(reader: &Reader) -> Value {
    let touched = reader.touched.iter().map(|(Effect { what, weight, .. }, touch)| {
        json!({"what": what, "weight": weight.as_str(), "to_you": touch.told()})
    });
    json!({
        "subscription": reader.subscription.name.as_str(), "agency": reader.subscription.agency.as_str(),
        "carried_on": reader.subscription.carried_on().map(|version| version.0),
        "effects": touched.collect::<Vec<_>>(),
    })
}

/// `GET /v1/contracts/{topic}/{version}/readers`.
pub async fn readers(
    State(door): State<Door>,
    Path((name, number)): Path<(String, u32)>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let readers = door.bus.readers(&caller, &wire::name(&name)?, ContractVersion(number))?;
    let readers: Vec<Value> = readers.iter().map(reader).collect();
    Ok(Json(json!({ "topic": name, "version": number, "readers": readers })))
}

/// What to look at: a folder's contracts, or without one those that stand; under one profile, or those that are on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LintBody {
    files: Option<BTreeMap<String, String>>,
    profile: Option<String>,
}

fn linted(one: &Linted) -> Value {
    let Finding { profile, rule, what } = &one.finding;
    json!({
        "topic": one.topic.as_str(), "version": one.version.0, "profile": profile.id, "rule": rule.id,
        "level": rule.level.as_str(), "section": rule.section, "about": rule.about, "what": what,
        "remedy": rule.remedy, "text": one.finding.to_string(),
    })
}

/// `POST /v1/lint`.
pub async fn lint(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let LintBody { files, profile } = wire::read(&body)?;
    let only = |id: String| Profiles::only(&id).ok_or_else(|| found::missing("profile", &id));
    let profile = profile.map(only).transpose()?;
    let found = door.bus.lint(&caller, files.as_ref(), profile)?;
    Ok(Json(json!({ "findings": found.iter().map(linted).collect::<Vec<_>>() })))
}
