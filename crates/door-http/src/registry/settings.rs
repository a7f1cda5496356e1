//! How versions of subjects relate, and whether subjects take schemas.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use bus::{Caller, Refusal, RefusalKind};
use contract::schemas::Compatibility;
use governance::{Command, Mode};
use serde::Deserialize;
use serde_json::json;

use super::trouble::{Trouble, unreadable};
use super::wire::{self, Answer, Answered, Client, flag, plain};
use crate::Door;

/// `?defaultToGlobal=`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    #[serde(default, deserialize_with = "flag")]
    default_to_global: bool,
}

#[derive(Deserialize)]
struct CompatibilityBody {
    compatibility: Option<String>,
}

#[derive(Deserialize)]
struct ModeBody {
    mode: String,
}

fn none_set(code: &'static str, subject: &str, what: &str) -> Trouble {
    let text = format!("Subject '{subject}' does not have subject-level {what} configured");
    Trouble(Refusal { code: Some(code), ..Refusal::new(RefusalKind::Unknown, text) })
}

/// `GET /config`.
pub async fn compatibility(State(door): State<Door>, Client(caller): Client) -> Answered {
    Ok(Answer(json!({ "compatibilityLevel": door.bus.state(&caller)?.compatibility() })))
}

/// `GET /config/{subject}`.
pub async fn compatibility_of(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
) -> Answered {
    let (state, subject) = (door.bus.state(&caller)?, plain(&subject));
    let own = state.own_compatibility_of(subject);
    let found = own.or_else(|| asked.default_to_global.then(|| state.compatibility()));
    let found = found.ok_or_else(|| none_set("no-compatibility", subject, "compatibility"))?;
    Ok(Answer(json!({ "compatibilityLevel": found })))
}

async fn put_compatibility(door: &Door, caller: &Caller, subject: Option<String>, body: &[u8]) -> Answered {
    let body: CompatibilityBody = wire::read(body)?;
    let said = body.compatibility.unwrap_or_default();
    let compatibility: Compatibility = said.parse().map_err(|_| {
        let known = "Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and \
                     full_transitive";
        unreadable("invalid-compatibility", format!("Invalid compatibility level. {known}"))
    })?;
    let command = Command::SetCompatibility { subject, compatibility: Some(compatibility) };
    door.bus.govern(caller, command).await?;
    Ok(Answer(json!({ "compatibility": compatibility })))
}

/// `PUT /config`.
pub async fn set_compatibility(State(door): State<Door>, Client(caller): Client, body: Bytes) -> Answered {
    put_compatibility(&door, &caller, None, &body).await
}

/// `PUT /config/{subject}`.
pub async fn set_compatibility_of(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Client(caller): Client,
    body: Bytes,
) -> Answered {
    put_compatibility(&door, &caller, Some(plain(&subject).to_owned()), &body).await
}

/// `DELETE /config`.
pub async fn reset_compatibility(State(door): State<Door>, Client(caller): Client) -> Answered {
    let before = door.bus.state(&caller)?.compatibility();
    let command = Command::SetCompatibility { subject: None, compatibility: None };
    door.bus.govern(&caller, command).await?;
    Ok(Answer(json!({ "compatibilityLevel": before })))
}

/// `DELETE /config/{subject}`.
pub async fn reset_compatibility_of(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Client(caller): Client,
) -> Answered {
    let subject = plain(&subject).to_owned();
    let set = door.bus.state(&caller)?.schemas().settings(&subject).compatibility;
    let before = set.ok_or_else(|| none_set("no-compatibility", &subject, "compatibility"))?;
    let command = Command::SetCompatibility { subject: Some(subject), compatibility: None };
    door.bus.govern(&caller, command).await?;
    Ok(Answer(json!({ "compatibilityLevel": before })))
}

/// `GET /mode`.
pub async fn mode(State(door): State<Door>, Client(caller): Client) -> Answered {
    let mode = door.bus.state(&caller)?.schemas().defaults().mode.unwrap_or_default();
    Ok(Answer(json!({ "mode": mode })))
}

/// `GET /mode/{subject}`.
pub async fn mode_of(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
) -> Answered {
    let (state, subject) = (door.bus.state(&caller)?, plain(&subject));
    let own = state.schemas().settings(subject).mode;
    let found = own.or_else(|| asked.default_to_global.then(|| state.mode_of(subject)));
    Ok(Answer(json!({ "mode": found.ok_or_else(|| none_set("no-mode", subject, "mode"))? })))
}

async fn put_mode(door: &Door, caller: &Caller, subject: Option<String>, body: &[u8]) -> Answered {
    let body: ModeBody = wire::read(body)?;
    let mode: Mode = serde_json::from_value(json!(body.mode)).map_err(|_| {
        let said = "Invalid mode. Valid values are READWRITE and READONLY; ids are given by the bus, so that IMPORT, \
                    FORWARD and READONLY_OVERRIDE have no use here";
        unreadable("invalid-mode", said)
    })?;
    door.bus.govern(caller, Command::SetMode { subject, mode: Some(mode) }).await?;
    Ok(Answer(json!({ "mode": mode })))
}

/// `PUT /mode`.
pub async fn set_mode(State(door): State<Door>, Client(caller): Client, body: Bytes) -> Answered {
    put_mode(&door, &caller, None, &body).await
}

/// `PUT /mode/{subject}`.
pub async fn set_mode_of(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Client(caller): Client,
    body: Bytes,
) -> Answered {
    put_mode(&door, &caller, Some(plain(&subject).to_owned()), &body).await
}

/// `DELETE /mode`.
pub async fn reset_mode(State(door): State<Door>, Client(caller): Client) -> Answered {
    let before = door.bus.state(&caller)?.schemas().defaults().mode.unwrap_or_default();
    door.bus.govern(&caller, Command::SetMode { subject: None, mode: None }).await?;
    Ok(Answer(json!({ "mode": before })))
}

/// `DELETE /mode/{subject}`.
pub async fn reset_mode_of(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Client(caller): Client,
) -> Answered {
    let subject = plain(&subject).to_owned();
    let set = door.bus.state(&caller)?.schemas().settings(&subject).mode;
    let before = set.ok_or_else(|| none_set("no-mode", &subject, "mode"))?;
    door.bus.govern(&caller, Command::SetMode { subject: Some(subject), mode: None }).await?;
    Ok(Answer(json!({ "mode": before })))
}
