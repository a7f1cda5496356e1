//! Quarantined events: list, show, release, discard.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bus::Waiting;
use bus::clock::rfc3339;
use contract::TopicName;
use contract::cloudevents::write_structured;
use governance::commands::QuarantinedAt;
use serde_json::{Value, json};

use crate::Door;
use crate::caller::Authenticated;
use crate::problem::Problem;
use crate::wire::{self, ReasonBody};

/// `GET /v1/topics/{topic}/quarantine`.
pub async fn list(
    State(door): State<Door>,
    Path(topic): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let topic: TopicName = wire::name(&topic)?;
    let waiting = door.bus.quarantined(&caller, &topic)?;
    Ok(Json(json!({ "topic": topic.as_str(), "quarantine": waiting.iter().map(one).collect::<Vec<_>>() })))
}

fn one(waiting: &Waiting) -> Value {
    json!({
        "partition": waiting.partition, "offset": waiting.offset, "at": rfc3339(waiting.at_ms),
        "by": waiting.by.as_str(), "agency": waiting.agency.as_str(), "found": wire::leaked(&waiting.found),
    })
}

type Place = (String, u32, u64);

/// `GET /v1/topics/{topic}/quarantine/{partition}/{offset}`: a CloudEvent.
pub async fn show(
    State(door): State<Door>,
    Path((topic, partition, offset)): Path<Place>,
    Authenticated(caller): Authenticated,
) -> Result<Response, Problem> {
    let topic = wire::name(&topic)?;
    let event = door.bus.show_quarantined(&caller, &topic, partition, offset).await?;
    let mut text = Vec::new();
    write_structured(&event, &mut text);
    Ok(([(CONTENT_TYPE, "application/cloudevents+json")], text).into_response())
}

/// `POST /v1/topics/{topic}/quarantine/{partition}/{offset}/release`: the receipt of the event as everybody reads it.
pub async fn release(
    State(door): State<Door>,
    Path(place): Path<Place>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire::receipt(&door.bus.release_quarantined(&caller, at(place, &body)?).await?)))
}

/// `POST /v1/topics/{topic}/quarantine/{partition}/{offset}/discard`.
pub async fn discard(
    State(door): State<Door>,
    Path(place): Path<Place>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let at = at(place, &body)?;
    let answer = json!({ "topic": at.topic.as_str(), "partition": at.partition, "offset": at.offset });
    door.bus.discard_quarantined(&caller, at).await?;
    Ok(Json(answer))
}

fn at((topic, partition, offset): Place, body: &Bytes) -> Result<QuarantinedAt, Problem> {
    let body: ReasonBody = wire::read(body)?;
    Ok(QuarantinedAt { topic: wire::name(&topic)?, partition, offset, reason: body.reason })
}
