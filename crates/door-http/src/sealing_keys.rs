//! The keys that producers seal for, and for whom they seal what.

use axum::Json;
use axum::extract::{Path, State};
use bus::clock::rfc3339;
use bus::{Readers, Sealing};
use contract::AgencyName;
use governance::sealing_keys::SealingKey;
use serde_json::{Value, json};

use crate::caller::Authenticated;
use crate::problem::Problem;
use crate::{Door, found, wire};

fn key(id: &str, key: &SealingKey) -> Value {
    json!({
        "key": id, "public_key": key.public_key, "since": rfc3339(key.since_ms),
        "published_by": key.by.principal.as_str(),
        "retired": key.retired.as_ref().map(|end| json!({
            "at": rfc3339(end.at_ms), "by": end.by.principal.as_str(), "reason": end.reason,
        })),
    })
}

/// `GET /v1/agencies/{agency}/sealing-keys`.
pub async fn of_agency(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let state = door.bus.state(&caller)?;
    let found = found::agency(&state, &name)?;
    let keys: Vec<Value> = found.sealing_keys.iter().map(|(id, known)| key(id, known)).collect();
    Ok(Json(json!({ "agency": name, "keys": keys })))
}

fn sealing(version: &Sealing) -> Value {
    let field = |(at, class): &(contract::Pointer, contract::Class)| json!({"pointer": at.to_string(), "class": class.as_str()});
    json!({
        "version": version.version.0, "format": version.format, "fields": version.fields.iter().map(field).collect::<Vec<_>>(),
        "others": version.others.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn readers(readers: &Readers) -> Value {
    let key = |(id, text): &(String, String)| json!({"key": id, "public_key": text});
    let agency = |(agency, keys): &(AgencyName, Vec<(String, String)>)| json!({"agency": agency.as_str(), "keys": keys.iter().map(key).collect::<Vec<_>>()});
    json!({
        "class": readers.class.as_str(), "recipients": readers.agencies.iter().map(agency).collect::<Vec<_>>(),
    })
}

/// `GET /v1/topics/{topic}/recipients`.
pub async fn recipients(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let found = door.bus.recipients(&caller, &wire::name(&name)?)?;
    Ok(Json(json!({
        "topic": name, "newest": found.newest.map(|version| version.0),
        "versions": found.versions.iter().map(sealing).collect::<Vec<_>>(),
        "classes": found.readers.iter().map(readers).collect::<Vec<_>>(),
    })))
}
