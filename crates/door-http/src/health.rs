//! Liveness, readiness, metrics, and the page that names the routes.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use crate::Door;
use crate::problem::Problem;

/// `GET /healthz`: the process lives.
pub async fn healthz() -> Json<Value> {
    Json(json!({"status": "alive"}))
}

/// `GET /readyz`: the bus takes and gives events.
pub async fn readyz(State(door): State<Door>) -> Result<Json<Value>, Problem> {
    door.bus.ready()?;
    Ok(Json(json!({"status": "ready"})))
}

/// `GET /metrics`.
pub async fn metrics(State(door): State<Door>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], door.bus.metrics_text()).into_response()
}

/// `GET /openapi.json`.
pub async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("openapi.json")).into_response()
}

/// `GET /`.
pub async fn front() -> Html<&'static str> {
    Html(include_str!("front.html"))
}
