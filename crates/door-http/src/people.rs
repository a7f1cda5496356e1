//! Following what happened: one affair, one person. Metadata only.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Door;
use crate::caller::Authenticated;
use crate::problem::Problem;
use crate::wire;

/// `GET /v1/trace/{id}`.
pub async fn trace(
    State(door): State<Door>,
    Path(id): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let steps = tokio::task::spawn_blocking(move || door.bus.trace(&caller, &id));
    let steps = steps.await.map_err(|_| bus::Refusal::unavailable("reading was broken off"))??;
    Ok(Json(json!({ "steps": steps.iter().map(wire::step).collect::<Vec<_>>() })))
}

/// `?agency=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgencyQuery {
    agency: Option<String>,
}

/// `GET /v1/people/{subject}/disclosures`.
pub async fn disclosures(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Query(query): Query<AgencyQuery>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let agency = query.agency.as_deref().map(wire::name).transpose()?;
    let report =
        tokio::task::spawn_blocking(move || door.bus.person_disclosures(&caller, &subject, agency.as_ref()));
    let report = report.await.map_err(|_| bus::Refusal::unavailable("reading was broken off"))??;
    Ok(Json(json!({ "disclosures": report.iter().map(wire::person_disclosure).collect::<Vec<_>>() })))
}
