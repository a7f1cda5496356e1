//! Subjects and their versions.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use governance::Command;
use serde::Deserialize;
use serde_json::{Value, json};

use super::trouble::Trouble;
use super::wire::{Answer, Answered, Client, SchemaBody, flag, plain, registered, which};
use crate::Door;

/// What may be asked beside the path; what does not concern a route is passed over there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    #[serde(default, deserialize_with = "flag")]
    deleted: bool,
    #[serde(default, deserialize_with = "flag")]
    deleted_only: bool,
    #[serde(default, deserialize_with = "flag")]
    permanent: bool,
    #[serde(default, deserialize_with = "flag")]
    normalize: bool,
    #[serde(default)]
    subject_prefix: String,
    #[serde(default)]
    format: String,
    offset: Option<usize>,
    limit: Option<i64>,
}

/// The part of a list that was asked for.
pub fn page<T>(all: Vec<T>, offset: Option<usize>, limit: Option<i64>) -> Vec<T> {
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    all.into_iter().skip(offset.unwrap_or(0)).take(limit.unwrap_or(usize::MAX)).collect()
}

/// `GET /subjects`.
pub async fn all(State(door): State<Door>, Query(asked): Query<Asked>, Client(caller): Client) -> Answered {
    let prefix = plain(&asked.subject_prefix);
    let prefix = if prefix == ":*:" { "" } else { prefix };
    let mut names = door.bus.schema_subjects(&caller, prefix, asked.deleted || asked.deleted_only)?;
    if asked.deleted_only {
        let alive = door.bus.schema_subjects(&caller, prefix, false)?;
        names.retain(|name| !alive.contains(name));
    }
    Ok(Answer(json!(page(names, asked.offset, asked.limit))))
}

/// `GET /subjects/{subject}/versions`.
pub async fn versions(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
) -> Answered {
    let found = door.bus.schema_versions(&caller, plain(&subject), asked.deleted || asked.deleted_only)?;
    let shown = found.into_iter().filter(|found| found.deleted || !asked.deleted_only);
    let numbers: Vec<u32> = shown.map(|found| found.version).collect();
    Ok(Answer(json!(page(numbers, asked.offset, asked.limit))))
}

/// `POST /subjects/{subject}/versions`.
pub async fn register(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
    body: Bytes,
) -> Answered {
    let schema = SchemaBody::read(&body)?;
    let found = door.bus.register_schema(&caller, plain(&subject), schema, asked.normalize).await?;
    Ok(Answer(json!({ "id": found.id.0, "version": found.version, "guid": found.guid.to_string() })))
}

/// `POST /subjects/{subject}`.
pub async fn find(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
    body: Bytes,
) -> Answered {
    let schema = SchemaBody::read(&body)?;
    let found = door.bus.find_schema(&caller, plain(&subject), &schema, asked.normalize, asked.deleted)?;
    shown(&door, &caller, &found, &asked.format)
}

fn shown(door: &Door, caller: &bus::Caller, found: &bus::Registered, format: &str) -> Answered {
    let text = door.bus.schema_text(caller, &found.schema, format == "serialized")?;
    Ok(Answer(registered(found, text)))
}

/// `GET /subjects/{subject}/versions/{version}`.
pub async fn one(
    State(door): State<Door>,
    Path((subject, version)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
) -> Answered {
    let found = door.bus.schema_version(&caller, plain(&subject), which(&version)?, asked.deleted)?;
    shown(&door, &caller, &found, &asked.format)
}

/// `GET /subjects/{subject}/versions/{version}/schema`: the text alone.
pub async fn text(
    State(door): State<Door>,
    Path((subject, version)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
) -> Result<Response, Trouble> {
    let found = door.bus.schema_version(&caller, plain(&subject), which(&version)?, asked.deleted)?;
    let text = door.bus.schema_text(&caller, &found.schema, asked.format == "serialized")?;
    let mut response = Answer(Value::Null).into_response();
    *response.body_mut() = text.into();
    Ok(response)
}

/// `GET /subjects/{subject}/versions/{version}/referencedby`.
pub async fn referenced_by(
    State(door): State<Door>,
    Path((subject, version)): Path<(String, String)>,
    Client(caller): Client,
) -> Answered {
    let subject = plain(&subject);
    let found = door.bus.schema_version(&caller, subject, which(&version)?, true)?;
    let ids: Vec<u32> =
        door.bus.schema_referrers(&caller, subject, found.version)?.into_iter().map(|id| id.0).collect();
    Ok(Answer(json!(ids)))
}

/// `GET /subjects/{subject}/metadata?key=&value=`: the newest version with these properties.
pub async fn by_metadata(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Query(asked): Query<Vec<(String, String)>>,
    Client(caller): Client,
) -> Answered {
    let all = |wanted: &str| -> Vec<String> {
        asked.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.clone()).collect()
    };
    let wanted: Vec<(String, String)> = all("key").into_iter().zip(all("value")).collect();
    let deleted = all("deleted").iter().any(|value| value == "true");
    let has = |found: &bus::Registered| {
        let properties = found.schema.metadata.as_ref().and_then(|metadata| metadata.get("properties"));
        wanted
            .iter()
            .all(|(key, value)| properties.and_then(|it| it.get(key)).and_then(Value::as_str) == Some(value))
    };
    let versions = door.bus.schema_versions(&caller, plain(&subject), deleted)?;
    let found = versions.into_iter().rev().find(has).ok_or_else(|| {
        super::trouble::unreadable("unknown-schema", "no version of the subject has these properties")
    })?;
    shown(&door, &caller, &found, all("format").first().map_or("", String::as_str))
}

/// `DELETE /subjects/{subject}`: the versions that went.
pub async fn delete(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
) -> Answered {
    let subject = plain(&subject).to_owned();
    let before = door.bus.schema_versions(&caller, &subject, true)?;
    let command = Command::DeleteSchema { subject, version: None, permanently: asked.permanent };
    door.bus.govern(&caller, command).await?;
    let gone = before.into_iter().filter(|it| asked.permanent || !it.deleted);
    Ok(Answer(json!(gone.map(|it| it.version).collect::<Vec<_>>())))
}

/// `DELETE /subjects/{subject}/versions/{version}`.
pub async fn delete_version(
    State(door): State<Door>,
    Path((subject, version)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
) -> Answered {
    let subject = plain(&subject).to_owned();
    let found = door.bus.schema_version(&caller, &subject, which(&version)?, true)?;
    let command =
        Command::DeleteSchema { subject, version: Some(found.version), permanently: asked.permanent };
    door.bus.govern(&caller, command).await?;
    Ok(Answer(json!(found.version)))
}
