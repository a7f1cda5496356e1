//! Erasures of people and legal holds. The identifier of a person comes in a body only: a path or a query is logged on the
//! way.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bus::clock::rfc3339;
use bus::{Listed, Page, Subject};
use contract::AgencyName;
use governance::Command;
use governance::erasure::{self, Sight, Wait};
use governance::state::{Erasure, EventAt, Handed, Hold, HoldOn, Informed, Part, Word};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Door;
use crate::caller::Authenticated;
use crate::problem::{Problem, malformed};
use crate::wire::{self, ReasonBody};

/// `{"subject", "reason"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestBody {
    subject: String,
    reason: String,
}

/// `{"agency", "kept"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerBody {
    agency: Option<String>,
    #[serde(default)]
    kept: Option<String>,
}

/// `{"subject" or "topic", "reason", "reference"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    topic: Option<String>,
    reason: String,
    reference: String,
}

/// `POST /v1/erasures`.
pub async fn request(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let RequestBody { subject, reason } = read(&body)?;
    let name = door.bus.request_erasure(&caller, &Subject::parse(subject)?, reason).await?;
    Ok((StatusCode::CREATED, Json(shown(&door, &caller, &name)?)))
}

/// As [`wire::read`], but that what does not read is not told: it may be the identifier.
pub(crate) fn read<T: serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        malformed(format!(
            "the body does not read, at line {line} column {column}; /openapi.json has its form"
        ))
    })
}

/// `?before=&limit=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    before: Option<String>,
    #[serde(default = "fifty")]
    limit: usize,
}

fn fifty() -> usize {
    50
}

/// Most of a list in one answer.
const LISTED_MAX: usize = 1_000;

impl From<ListQuery> for Page {
    fn from(query: ListQuery) -> Self {
        Self { before: query.before, limit: Some(query.limit.clamp(1, LISTED_MAX)) }
    }
}

/// `GET /v1/erasures`.
pub async fn list(
    State(door): State<Door>,
    Query(query): Query<ListQuery>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let Listed { found, before } = door.bus.erasures(&caller, &query.into());
    let shown: Result<Vec<Value>, Problem> =
        found.iter().map(|(known, sight)| erasure(&door, &caller, known, sight)).collect();
    Ok(Json(json!({ "erasures": shown?, "before": before })))
}

/// `GET /v1/erasures/{id}`.
pub async fn show(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&door, &caller, &name)?))
}

/// `POST /v1/erasures/{id}/approve`.
pub async fn approve(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    door.bus.govern_erasure(&caller, Command::ApproveErasure { erasure: name.clone() }).await?;
    Ok(Json(shown(&door, &caller, &name)?))
}

/// `POST /v1/erasures/{id}/decline`.
pub async fn decline(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let ReasonBody { reason } = wire::read(&body)?;
    door.bus.govern_erasure(&caller, Command::DeclineErasure { erasure: name.clone(), reason }).await?;
    Ok(Json(shown(&door, &caller, &name)?))
}

/// `POST /v1/erasures/{id}/withdraw`.
pub async fn withdraw(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let ReasonBody { reason } = wire::read(&body)?;
    door.bus.govern_erasure(&caller, Command::WithdrawErasure { erasure: name.clone(), reason }).await?;
    Ok(Json(shown(&door, &caller, &name)?))
}

/// `POST /v1/erasures/{id}/acknowledge`.
pub async fn acknowledge(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let AnswerBody { agency, kept } = wire::read(&body)?;
    let agency = agency.as_deref().map(wire::name).transpose()?.unwrap_or_else(|| caller.agency.clone());
    door.bus
        .govern_erasure(&caller, Command::AcknowledgeErasure { erasure: name.clone(), agency, kept })
        .await?;
    Ok(Json(shown(&door, &caller, &name)?))
}

/// `GET /v1/erasures/{id}/certificate`.
pub async fn certificate(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Response, Problem> {
    let text = door.bus.erasure_certificate(&caller, &name).await?;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}

/// `GET /v1/erasures/{id}/references`.
pub async fn references(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let found = door.bus.erasure_references(&caller, &name).await?;
    let one = |reference: &bus::Reference| {
        let mut value = place(&reference.at);
        value["subscription"] = reference.subscription.as_str().into();
        value["handed_at"] = reference.time.as_str().into();
        value
    };
    Ok(Json(json!({ "references": found.iter().map(one).collect::<Vec<_>>() })))
}

/// `POST /v1/holds`.
pub async fn place_hold(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let HoldBody { subject, topic, reason, reference } = read(&body)?;
    let said = (reason, reference);
    let name = match (subject, topic) {
        (Some(subject), None) => door.bus.hold_person(&caller, &Subject::parse(subject)?, said).await?,
        (None, Some(topic)) => door.bus.hold_topic(&caller, wire::name(&topic)?, said).await?,
        _ => return Err(malformed("a hold is on a person (subject) or on a topic")),
    };
    let placed = door.bus.hold(&caller, &name).map(|known| hold(&known));
    Ok((StatusCode::CREATED, Json(placed.unwrap_or_else(|| json!({ "hold": name })))))
}

/// `GET /v1/holds`.
pub async fn holds(
    State(door): State<Door>,
    Query(query): Query<ListQuery>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let Listed { found, before } = door.bus.holds(&caller, &query.into());
    let shown: Vec<Value> = found.iter().map(|known| hold(known)).collect();
    Ok(Json(json!({ "holds": shown, "before": before })))
}

/// `POST /v1/holds/{id}/lift`.
pub async fn lift_hold(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let ReasonBody { reason } = wire::read(&body)?;
    door.bus.govern(&caller, Command::LiftHold { hold: name, reason }).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(door: &Door, caller: &bus::Caller, name: &str) -> Result<Value, Problem> {
    let (known, sight) = door.bus.erasure(caller, name)?;
    erasure(door, caller, &known, &sight)
}

/// An erasure as the caller may see it.
fn erasure(door: &Door, caller: &bus::Caller, known: &Erasure, sight: &Sight) -> Result<Value, Problem> {
    let (state, now_ms) = (door.bus.state(caller)?, door.bus.now_ms());
    let within_ms = state.standards().erasure.answer_within_s.saturating_mul(1000);
    let seen = |((_, to), _): &(&(AgencyName, AgencyName), &Informed)| sight.sees_told(to);
    let told = known.informed.iter().filter(seen).map(|((part, to), informed)| {
        json!({
            "agency": to.as_str(), "part": part.as_str(),
            "handed": informed.handed.iter().map(handed).collect::<Vec<_>>(),
            "told_at": rfc3339(informed.at_ms),
            "answer_by": rfc3339(informed.at_ms.saturating_add(within_ms)),
            "overdue": informed.answer.is_none() && informed.at_ms.saturating_add(within_ms) <= now_ms,
            "answer": informed.answer.as_ref().map(|answer| json!({
                "kept": answer.kept, "by": answer.by.principal.as_str(), "at": rfc3339(answer.at_ms),
            })),
        })
    });
    let told: Vec<Value> = told.collect();
    let mut value = json!({ "erasure": known.id, "status": erasure::status(&state, known), "told": told });
    if sight.is_whole {
        value["reason"] = known.reason.as_str().into();
        value["asked"] = word(&known.asked);
        value["agreed"] = known.agreed.iter().map(word).collect();
        let parts = known.parts.iter();
        value["parts"] = parts.map(|one| part(&state, known, one, sight, now_ms)).collect();
    }
    Ok(value)
}

fn part(state: &governance::State, known: &Erasure, one: &Part, sight: &Sight, now_ms: u64) -> Value {
    let agency = &one.found.person.agency;
    let mut value = json!({
        "agency": agency.as_str(), "status": erasure::standing(state, one, now_ms),
        "erased_at": one.erased.as_ref().map(|(_, at_ms)| rfc3339(*at_ms)),
        "ended": one.ended.as_ref().map(|end| json!({
            "reason": end.reason, "by": end.by.principal.as_str(), "at": rfc3339(end.at_ms),
        })),
        "waits": erasure::waits(state, known, one, sight, now_ms).iter().map(said).collect::<Vec<_>>(),
    });
    if sight.parts.contains(agency) {
        value["pseudonym"] = one.found.person.pseudonym.as_str().into();
        value["topics"] = one.found.topics.keys().map(|topic| topic.as_str()).collect();
    }
    value
}

/// What a part waits for, in words.
fn said(wait: &Wait<'_>) -> String {
    match wait {
        Wait::Word(speakers) => {
            let names = |all: &BTreeSet<&AgencyName>| {
                all.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" and of ")
            };
            let whose = speakers.as_ref().map_or_else(|| "each agency that answers for it".to_owned(), names);
            format!("two people's word, among them that of a data protection officer of {whose}")
        }
        Wait::Hold(Some(hold)) => {
            format!("legal hold {} of {} ({}): {}", hold.id, hold.agency, hold.reference, hold.reason)
        }
        Wait::Hold(None) => "a legal hold".to_owned(),
        Wait::Keep { topic: Some(topic), until_ms } => {
            format!("{topic} keeps its events by law, the youngest until {}", rfc3339(*until_ms))
        }
        Wait::Keep { topic: None, until_ms } => format!("events kept by law until {}", rfc3339(*until_ms)),
    }
}

fn word(word: &Word) -> Value {
    json!({
        "by": word.by.principal.as_str(), "instead_of": word.by.instead_of.as_ref().map(|name| name.as_str()),
        "for": word.speaks_for.iter().map(|name| name.as_str()).collect::<Vec<_>>(), "at": rfc3339(word.at_ms),
    })
}

fn handed(handed: &Handed) -> Value {
    json!({
        "subscription": handed.subscription.as_str(), "topic": handed.topic.as_str(), "events": handed.events,
    })
}

pub(crate) fn place(at: &EventAt) -> Value {
    json!({"topic": at.topic.as_str(), "partition": at.partition, "offset": at.offset, "id": at.id})
}

/// A hold; whom it is on, nobody is told.
fn hold(hold: &Hold) -> Value {
    let (topic, agencies) = match &hold.on {
        HoldOn::Topic(topic) => (Some(topic.as_str()), None),
        HoldOn::Person(persons) => {
            (None, Some(persons.iter().map(|person| person.agency.as_str()).collect::<Vec<_>>()))
        }
    };
    json!({
        "hold": hold.id, "topic": topic, "person_at": agencies, "agency": hold.agency.as_str(),
        "reason": hold.reason, "reference": hold.reference, "by": hold.by.principal.as_str(),
        "at": rfc3339(hold.at_ms),
        "lifted": hold.lifted.as_ref().map(|(reason, by, at_ms)| json!({
            "reason": reason, "by": by.principal.as_str(), "at": rfc3339(*at_ms),
        })),
    })
}
