//! How keys stand, and their epochs.

use axum::Json;
use axum::extract::State;
use bus::KeysStand;
use bus::clock::rfc3339;
use serde_json::{Value, json};

use crate::Door;
use crate::caller::Authenticated;
use crate::problem::Problem;

/// `GET /v1/keys`.
pub async fn stand(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&door.bus.keys_stand(&caller)?)))
}

/// `POST /v1/keys/rotate`: begins another epoch.
pub async fn rotate(
    State(door): State<Door>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&door.bus.rotate_keys(&caller).await?)))
}

fn shown(stand: &KeysStand) -> Value {
    let closed = stand.closed.iter().map(|(agency, why)| json!({ "agency": agency, "why": why }));
    let ended = stand.ended.iter().map(|ended| {
        json!({
            "epoch": ended.epoch,
            "followed_at": rfc3339(ended.followed_ms),
            "destroyed_at": rfc3339(ended.destroyed_ms),
            "left_behind": ended.left_behind,
        })
    });
    json!({
        "epoch": stand.epoch,
        "since": rfc3339(stand.since_ms),
        "stage": stand.stage,
        "destroys_at": stand.destroys_ms.map(rfc3339),
        "keys": stand.keys,
        "closed": closed.collect::<Vec<_>>(),
        "not_final_since": stand.not_final_since_ms.map(rfc3339),
        "ended": ended.collect::<Vec<_>>(),
    })
}
