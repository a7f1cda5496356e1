//! What people consent to. The identifier of a person comes in a body only: a path or a query is logged on the way.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use bus::clock::rfc3339;
use bus::{KnownConsent, Standing, Subject};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Door;
use crate::caller::Authenticated;
use crate::erasures::{place, read};
use crate::problem::Problem;

/// `{"subject"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShowBody {
    subject: String,
}

/// `POST /v1/consents/show`.
pub async fn show(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let ShowBody { subject } = read(&body)?;
    let known = door.bus.consents_of(&caller, &Subject::parse(subject)?).await?;
    Ok(Json(json!({ "consents": known.iter().map(consent).collect::<Vec<_>>() })))
}

fn consent(known: &KnownConsent) -> Value {
    let state = match known.standing {
        Standing::Given => "given",
        Standing::Withdrawn => "withdrawn",
        Standing::Ended => "ended",
    };
    json!({
        "purpose": known.purpose, "agency": known.agency, "state": state, "since": rfc3339(known.since_ms),
        "until": known.until_ms.map(rfc3339), "event": place(&known.event),
    })
}
