//! Whether a schema could come next.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use bus::{Caller, RefusalKind, Which};
use serde::Deserialize;
use serde_json::json;

use super::trouble::Trouble;
use super::wire::{Answer, Answered, Client, SchemaBody, flag, plain, which};
use crate::Door;

/// `?verbose=`.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default, deserialize_with = "flag")]
    verbose: bool,
}

/// `POST /compatibility/subjects/{subject}/versions/{version}`.
pub async fn with_one(
    State(door): State<Door>,
    Path((subject, version)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
    body: Bytes,
) -> Answered {
    answer(&door, &caller, &subject, Some(which(&version)?), asked.verbose, &body)
}

/// `POST /compatibility/subjects/{subject}/versions`.
pub async fn with_all(
    State(door): State<Door>,
    Path(subject): Path<String>,
    Query(asked): Query<Asked>,
    Client(caller): Client,
    body: Bytes,
) -> Answered {
    answer(&door, &caller, &subject, None, asked.verbose, &body)
}

fn answer(
    door: &Door,
    caller: &Caller,
    subject: &str,
    against: Option<Which>,
    verbose: bool,
    body: &[u8],
) -> Answered {
    let schema = SchemaBody::read(body)?;
    let faults = match door.bus.schema_faults(caller, plain(subject), &schema, against) {
        Ok(faults) => faults,
        // Nothing can be incompatible with what is not there yet.
        Err(refusal) if refusal.kind == RefusalKind::Unknown && against == Some(Which::Latest) => Vec::new(),
        Err(refusal) => return Err(Trouble(refusal)),
    };
    let mut said = json!({ "is_compatible": faults.is_empty() });
    if verbose {
        said["messages"] = json!(faults);
    }
    Ok(Answer(said))
}
