//! The standards' policies, and decisions asked again.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Door;
use crate::caller::Authenticated;
use crate::problem::Problem;

/// `GET /v1/policies`.
pub async fn list(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "policies": door.bus.policies(&caller)? })))
}

/// `?before=&limit=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionsQuery {
    before: Option<u64>,
    #[serde(default = "fifty")]
    limit: usize,
}

fn fifty() -> usize {
    50
}

/// `GET /v1/audit/decisions`.
pub async fn decisions(
    State(door): State<Door>,
    Query(query): Query<DecisionsQuery>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    door.bus.may_read_audit(&caller)?;
    let DecisionsQuery { before, limit } = query;
    let found = tokio::task::spawn_blocking(move || door.bus.decisions(before, limit.min(10_000)));
    let found = found.await.map_err(|_| bus::Refusal::unavailable("reading was broken off"))??;
    Ok(Json(json!(found)))
}

/// `GET /v1/audit/decisions/{index}`: asked again.
pub async fn explain(
    State(door): State<Door>,
    Path(index): Path<u64>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let explained = tokio::task::spawn_blocking(move || door.bus.explain(&caller, index));
    let explained = explained.await.map_err(|_| bus::Refusal::unavailable("reading was broken off"))??;
    Ok(Json(json!(explained)))
}
