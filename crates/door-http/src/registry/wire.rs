//! The registry's shapes on the wire. What clients send beyond what is read here is passed over; what they did not ask
//! for is not sent.

use axum::extract::FromRequestParts;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bus::{Caller, Registered, Which};
use contract::Format;
use governance::{Reference, Schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::trouble::{Trouble, unreadable};
use crate::Door;
use crate::caller::Authenticated;

/// What the registry's answers are.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// An answer.
pub struct Answer(pub Value);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, MEDIA_TYPE)], self.0.to_string()).into_response()
    }
}

/// What a handler of the registry gives.
pub type Answered = Result<Answer, Trouble>;

/// An authenticated caller; who is not one hears it in the registry's words.
pub struct Client(pub Caller);

impl FromRequestParts<Door> for Client {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Trouble> {
        let caller = Authenticated::from_request_parts(parts, door).await;
        caller.map(|Authenticated(caller)| Self(caller)).map_err(|problem| Trouble(problem.0))
    }
}

/// A flag in a query: clients write `true`, `True` or `1`; anything else is no.
pub fn flag<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    let text = String::deserialize(from)?;
    Ok(text == "1" || text.eq_ignore_ascii_case("true"))
}

/// A schema as clients send it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemaBody {
    schema: String,
    schema_type: Option<String>,
    #[serde(default)]
    references: Option<Vec<Reference>>,
    metadata: Option<Value>,
    rule_set: Option<Value>,
}

impl SchemaBody {
    /// Reads a body.
    pub fn read(body: &[u8]) -> Result<Schema, Trouble> {
        let body: Self = read(body)?;
        let format = match body.schema_type.as_deref() {
            None => Format::Avro,
            Some(name) => format_named(name).ok_or_else(|| {
                unreadable(
                    "invalid-schema",
                    format!("Invalid schema type {name}: AVRO, JSON and PROTOBUF are served"),
                )
            })?,
        };
        Ok(Schema {
            format,
            text: body.schema,
            references: body.references.unwrap_or_default(),
            metadata: body.metadata.filter(|it| !it.is_null()),
            rule_set: body.rule_set.filter(|it| !it.is_null()),
        })
    }
}

/// Any body of JSON.
pub fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Trouble> {
    serde_json::from_slice(body)
        .map_err(|error| unreadable("malformed", format!("the body does not read: {error}")))
}

fn format_named(name: &str) -> Option<Format> {
    match name {
        "AVRO" => Some(Format::Avro),
        "JSON" => Some(Format::JsonSchema),
        "PROTOBUF" => Some(Format::Protobuf),
        _ => None,
    }
}

fn name_of(format: Format) -> &'static str {
    match format {
        Format::Avro => "AVRO",
        Format::JsonSchema => "JSON",
        Format::Protobuf => "PROTOBUF",
    }
}

/// `latest`, `-1` or a number.
pub fn which(text: &str) -> Result<Which, Trouble> {
    if text == "latest" || text == "-1" {
        return Ok(Which::Latest);
    }
    let number = text.parse().ok().filter(|number| *number > 0);
    number.map(Which::Version).ok_or_else(|| {
        let said = "is not a valid version id: a number from 1, or \"latest\"";
        unreadable("invalid-version", format!("The specified version '{text}' {said}"))
    })
}

/// A subject without the name of the default context, `:.:`; other contexts are not kept.
pub fn plain(subject: &str) -> &str {
    subject.strip_prefix(":.:").unwrap_or(subject)
}

/// What a schema says, with the text given; `AVRO` goes without saying.
pub fn schema(schema: &Schema, text: String) -> Map<String, Value> {
    let mut said = Map::new();
    if schema.format != Format::Avro {
        said.insert("schemaType".to_owned(), name_of(schema.format).into());
    }
    said.insert("schema".to_owned(), text.into());
    if !schema.references.is_empty() {
        said.insert("references".to_owned(), json!(schema.references));
    }
    let beside = [("metadata", &schema.metadata), ("ruleSet", &schema.rule_set)];
    said.extend(beside.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))));
    said
}

/// A schema where it stands.
pub fn registered(found: &Registered, text: String) -> Value {
    let mut said = Map::new();
    said.insert("subject".to_owned(), found.subject.as_str().into());
    said.insert("version".to_owned(), found.version.into());
    said.insert("id".to_owned(), found.id.0.into());
    said.insert("guid".to_owned(), found.guid.to_string().into());
    said.extend(schema(&found.schema, text));
    if found.deleted {
        said.insert("deleted".to_owned(), true.into());
    }
    Value::Object(said)
}
