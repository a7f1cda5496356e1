//! The bus in the words of other people's standards: AsyncAPI, the Open Data Contract Standard, a catalogue, a folder.
//!
//! Each document is rendered by a function of what the bus lets the caller see; nothing is left out or added here.

mod asyncapi;
mod catalogue;
mod odcs;
mod servers;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bus::{Refusal, RefusalKind};
use contract::ContractVersion;
use governance::Version;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::caller::Authenticated;
use crate::problem::{Problem, malformed};
use crate::{Door, found};

pub use servers::Reach;
use servers::Servers;

/// `GET /asyncapi.json`.
pub async fn asyncapi(
    State(door): State<Door>,
    servers: Servers,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let state = door.bus.state(&caller)?;
    Ok(Json(asyncapi::document(door.bus.name(), &servers, &state)))
}

/// `GET /v1/export/catalogue`.
pub async fn catalogue(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let (state, subscriptions) = (door.bus.state(&caller)?, door.bus.subscriptions(&caller));
    Ok(Json(catalogue::document(door.bus.name(), &state, &subscriptions, door.bus.now_ms())))
}

/// `GET /v1/export/governance`.
pub async fn governance(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "files": door.bus.governance_files(&caller)? })))
}

/// `?version=&as=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OdcsQuery {
    version: Option<u32>,
    #[serde(rename = "as")]
    language: Option<String>,
}

/// `GET /v1/export/odcs/{topic}`.
pub async fn odcs(
    State(door): State<Door>,
    Path(name): Path<String>,
    Query(query): Query<OdcsQuery>,
    servers: Servers,
    Authenticated(caller): Authenticated,
) -> Result<Response, Problem> {
    let state = door.bus.state(&caller)?;
    let topic = found::topic(&state, &name)?;
    let number = query.version.map(ContractVersion).or_else(|| topic.read_by().map(Version::number));
    let version = number.map_or_else(|| topic.newest(), |number| topic.versions.get(&number));
    let version = version.ok_or_else(|| found::missing("such contract of", &name))?;
    let contract = door.bus.contract(&caller, &topic.name, Some(version.number()))?;
    let owner = state.agency(&topic.owner);
    let of = odcs::Of { bus: door.bus.name(), servers: &servers, topic, owner, version };
    let document = odcs::document(&of, &contract.outline());
    match query.language.as_deref() {
        None | Some("json") => Ok(Json(document).into_response()),
        Some("yaml") => {
            let text = serde_saphyr::to_string(&document).map_err(|error| {
                Refusal::new(RefusalKind::Unavailable, format!("the document cannot be written: {error}"))
            })?;
            Ok(([(header::CONTENT_TYPE, "application/yaml")], text).into_response())
        }
        Some(other) => Err(malformed(format!("as={other} is neither json nor yaml"))),
    }
}
