//! What agencies are told of governance: the latest notices, and what letters to a webhook are signed with.

use axum::Json;
use axum::extract::{Query, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus::Told;
use contract::AgencyName;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Door;
use crate::caller::Authenticated;
use crate::problem::Problem;
use crate::wire;

/// Notices in one answer, where none is named.
const MAX: usize = 50;

/// `?agency=&max=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    agency: Option<String>,
    max: Option<usize>,
}

/// `?agency=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretQuery {
    agency: Option<String>,
}

/// `GET /v1/notices`.
pub async fn list(
    State(door): State<Door>,
    Query(query): Query<ListQuery>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let agency: Option<AgencyName> = query.agency.as_deref().map(wire::name).transpose()?;
    let told = door.bus.notices(&caller, agency.as_ref(), query.max.unwrap_or(MAX))?;
    let one = |told: &Told| {
        let mut value = json!(*told.notice);
        value["id"] = door.bus.notice_event(told).id.into();
        value
    };
    Ok(Json(json!({ "notices": told.iter().map(one).collect::<Vec<_>>() })))
}

/// `GET /v1/notices/secret`.
pub async fn secret(
    State(door): State<Door>,
    Query(query): Query<SecretQuery>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let agency: Option<AgencyName> = query.agency.as_deref().map(wire::name).transpose()?;
    let agency = agency.unwrap_or_else(|| caller.agency.clone());
    let secret = door.bus.webhook_secret(&caller, &agency)?;
    Ok(Json(json!({ "agency": agency.as_str(), "secret": format!("whsec_{}", STANDARD.encode(secret)) })))
}
