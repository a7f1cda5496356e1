//! Dead letters: list, show, redrive, discard.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use bus::{Refusal, RefusalKind};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Door;
use crate::caller::Authenticated;
use crate::problem::Problem;
use crate::wire::{self, ReasonBody};

/// `?subscription=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    subscription: Option<String>,
}

/// `GET /v1/dead-letters`.
pub async fn list(
    State(door): State<Door>,
    Query(query): Query<ListQuery>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let subscription = query.subscription.as_deref().map(wire::name).transpose()?;
    let letters = door.bus.dead_letters(&caller, subscription.as_ref())?;
    Ok(Json(json!({ "dead_letters": letters.iter().map(wire::dead_letter).collect::<Vec<_>>() })))
}

/// `GET /v1/dead-letters/{id}`.
pub async fn show(
    State(door): State<Door>,
    Path(id): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let letters = door.bus.dead_letters(&caller, None)?;
    let found = letters.iter().find(|letter| letter.id == id).map(wire::dead_letter);
    found.map(Json).ok_or_else(|| {
        Problem(Refusal::new(
            RefusalKind::Unknown,
            format!("there is no dead letter {id:?} that you may see"),
        ))
    })
}

/// `POST /v1/dead-letters/{id}/redrive`.
pub async fn redrive(
    State(door): State<Door>,
    Path(id): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire::dead_letter(&door.bus.redrive(&caller, &id).await?)))
}

/// `POST /v1/dead-letters/{id}/discard`.
pub async fn discard(
    State(door): State<Door>,
    Path(id): Path<String>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let body: ReasonBody = wire::read(&body)?;
    Ok(Json(wire::dead_letter(&door.bus.discard(&caller, &id, &body.reason).await?)))
}

/// Which letters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllBody {
    subscription: String,
}

/// Which letters, and why they are given up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiscardAllBody {
    subscription: String,
    reason: String,
}

/// `POST /v1/dead-letters/redrive`: all of a subscription.
pub async fn redrive_all(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let body: AllBody = wire::read(&body)?;
    let letters = door.bus.redrive_all(&caller, &wire::name(&body.subscription)?).await?;
    Ok(Json(json!({ "letters": letters })))
}

/// `POST /v1/dead-letters/discard`: all of a subscription.
pub async fn discard_all(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let body: DiscardAllBody = wire::read(&body)?;
    let letters = door.bus.discard_all(&caller, &wire::name(&body.subscription)?, &body.reason).await?;
    Ok(Json(json!({ "letters": letters })))
}
