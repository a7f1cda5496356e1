//! Schemas by id and by GUID: what a deserializer asks for. Also what the registry says of itself.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bus::{Caller, Refusal, RefusalKind, SchemaId, Which};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::subjects::page;
use super::trouble::Trouble;
use super::wire::{self, Answer, Answered, Client, flag, plain};
use crate::Door;

/// What may be asked beside the path.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    #[serde(default)]
    format: String,
    #[serde(default, deserialize_with = "flag")]
    deleted: bool,
    #[serde(default, deserialize_with = "flag")]
    latest_only: bool,
    #[serde(default)]
    subject_prefix: String,
    subject: Option<String>,
    offset: Option<usize>,
    limit: Option<i64>,
}

/// `GET /schemas`: every version of every subject.
pub async fn all(State(door): State<Door>, Query(asked): Query<Asked>, Client(caller): Client) -> Answered {
    let mut found = Vec::new();
    for subject in door.bus.schema_subjects(&caller, plain(&asked.subject_prefix), asked.deleted)? {
        match asked.latest_only {
            true => found.push(door.bus.schema_version(&caller, &subject, Which::Latest, asked.deleted)?),
            false => found.extend(door.bus.schema_versions(&caller, &subject, asked.deleted)?),
        }
    }
    let shown = page(found, asked.offset, asked.limit);
    let shown: Vec<Value> =
        shown.iter().map(|found| wire::registered(found, found.schema.text.clone())).collect();
    Ok(Answer(json!(shown)))
}

/// `GET /schemas/types`.
pub async fn types() -> Answer {
    Answer(json!(["JSON", "PROTOBUF", "AVRO"]))
}

/// `GET /contexts`: there is one.
pub async fn contexts(_: Client) -> Answer {
    Answer(json!(["."]))
}

/// `GET /v1/metadata/id`.
pub async fn server_id(State(door): State<Door>) -> Answer {
    let clusters = json!({ "kafka-cluster": door.bus.name(), "schema-registry-cluster": door.bus.name() });
    Answer(json!({ "id": "", "scope": { "path": [], "clusters": clusters } }))
}

/// `GET /v1/metadata/version`.
pub async fn server_version() -> Answer {
    Answer(json!({ "version": env!("CARGO_PKG_VERSION"), "commitId": "" }))
}

fn number(text: &str) -> Result<SchemaId, Trouble> {
    text.parse().map(SchemaId).map_err(|_| {
        let refusal = Refusal::new(RefusalKind::Unknown, format!("Schema {text} not found"));
        Trouble(Refusal { code: Some("unknown-id"), ..refusal })
    })
}

fn shown(door: &Door, caller: &Caller, id: SchemaId, asked: &Asked) -> Answered {
    let schema = door.bus.schema_of_id(caller, id)?;
    let text = door.bus.schema_text(caller, &schema, asked.format == "serialized")?;
    let mut said = wire::schema(&schema, text);
    if let Some(subject) = asked.subject.as_deref().filter(|subject| !subject.is_empty()) {
        let uses = door.bus.schema_uses(caller, id, true)?;
        if let Some(found) = uses.into_iter().find(|found| found.subject == plain(subject)) {
            said.insert("subject".to_owned(), found.subject.into());
            said.insert("version".to_owned(), found.version.into());
        }
    }
    said.insert("guid".to_owned(), door.bus.schema_guid(caller, id)?.to_string().into());
    Ok(Answer(Value::Object(said)))
}

/// `GET /schemas/ids/{id}`.
pub async fn by_id(
    State(door): State<Door>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
) -> Answered {
    shown(&door, &caller, number(&id)?, &asked)
}

/// `GET /schemas/ids/{id}/schema`: the text alone.
pub async fn text_by_id(
    State(door): State<Door>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
) -> Result<Response, Trouble> {
    let schema = door.bus.schema_of_id(&caller, number(&id)?)?;
    let text = door.bus.schema_text(&caller, &schema, asked.format == "serialized")?;
    let mut response = Answer(Value::Null).into_response();
    *response.body_mut() = text.into();
    Ok(response)
}

/// `GET /schemas/ids/{id}/subjects`.
pub async fn subjects_of_id(
    State(door): State<Door>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
) -> Answered {
    let mut subjects: Vec<String> = door
        .bus
        .schema_uses(&caller, number(&id)?, asked.deleted)?
        .into_iter()
        .map(|it| it.subject)
        .collect();
    subjects.dedup();
    Ok(Answer(json!(subjects)))
}

/// `GET /schemas/ids/{id}/versions`.
pub async fn versions_of_id(
    State(door): State<Door>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
) -> Answered {
    let uses = door.bus.schema_uses(&caller, number(&id)?, asked.deleted)?.into_iter();
    let shown: Vec<Value> = uses.map(|it| json!({ "subject": it.subject, "version": it.version })).collect();
    Ok(Answer(json!(shown)))
}

fn guid(text: &str) -> Result<Uuid, Trouble> {
    text.parse().map_err(|_| {
        let refusal = Refusal::new(RefusalKind::Unknown, format!("Schema {text} not found"));
        Trouble(Refusal { code: Some("unknown-id"), ..refusal })
    })
}

/// `GET /schemas/guids/{guid}`.
pub async fn by_guid(
    State(door): State<Door>,
    Path(text): Path<String>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
) -> Answered {
    let id = door.bus.schema_id_of_guid(&caller, guid(&text)?)?;
    shown(&door, &caller, id, &asked)
}

/// `GET /schemas/guids/{guid}/ids`.
pub async fn ids_of_guid(
    State(door): State<Door>,
    Path(text): Path<String>,
    Client(caller): Client,
) -> Answered {
    let id = door.bus.schema_id_of_guid(&caller, guid(&text)?)?;
    door.bus.schema_of_id(&caller, id)?;
    Ok(Answer(json!([{ "context": ".", "id": id.0 }])))
}
