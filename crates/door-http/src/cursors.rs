//! Pull, commit, reject, seek, lag.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use bus::{Cursor, Delivery, Pull};
use contract::CloudEvent;
use contract::cloudevents::write_batch;
use serde::Deserialize;
use serde_json::Value;

use crate::Door;
use crate::caller::Authenticated;
use crate::problem::{Problem, malformed};
use crate::wire::{self, CursorBody, RejectBody, SeekBody};

/// The header that carries the cursor to commit.
pub const CURSOR: HeaderName = HeaderName::from_static("chancery-cursor");

/// The header that names the contract's version that a subscription is carried on.
const CARRIED_ON: HeaderName = HeaderName::from_static("chancery-carried-on");

/// Events in a delivery where the caller does not say.
const DEFAULT_MAX: usize = 100;

/// `?max=&wait=&from=&consumer=`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct PullQuery {
    max: Option<usize>,
    wait: Option<f64>,
    from: Option<String>,
    pub(crate) consumer: Option<String>,
}

impl PullQuery {
    /// What it asks the bus for.
    pub fn pull(&self) -> Result<Pull, Problem> {
        let wait_s = self.wait.unwrap_or(0.0);
        if !(0.0..=3600.0).contains(&wait_s) {
            return Err(malformed("wait is a number of seconds, 0 to 3600 (decimals allowed)"));
        }
        Ok(Pull {
            max: self.max.unwrap_or(DEFAULT_MAX),
            wait_ms: (wait_s * 1000.0) as u64,
            from: self.from.as_deref().map(wire::from).transpose()?,
            consumer: self.consumer.clone(),
            ..Pull::default()
        })
    }
}

/// `GET /v1/subscriptions/{name}/events`.
pub async fn pull(
    State(door): State<Door>,
    Path(name): Path<String>,
    Query(query): Query<PullQuery>,
    Authenticated(caller): Authenticated,
) -> Result<Response, Problem> {
    let name = wire::name(&name)?;
    let mut closing = door.closing.clone();
    let delivery = tokio::select! {
        delivery = door.bus.pull(&caller, &name, query.pull()?) => delivery?,
        _ = closing.wait_for(|closed| *closed) => Delivery::default(),
    };
    let cursor =
        HeaderValue::from_str(&delivery.cursor.encode()).map_err(|error| malformed(error.to_string()))?;
    let carried_on = delivery.carried_on.map(|version| [(CARRIED_ON, HeaderValue::from(version.0))]);
    let events: Vec<CloudEvent> = delivery.events.into_iter().map(wire::delivered).collect();
    let mut body = Vec::new();
    write_batch(&events, &mut body);
    let content_type = HeaderValue::from_static("application/cloudevents-batch+json");
    let headers = [(header::CONTENT_TYPE, content_type), (CURSOR, cursor)];
    Ok((headers, carried_on.map(AppendHeaders), body).into_response())
}

/// `POST /v1/subscriptions/{name}/cursor`.
pub async fn commit(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let body: CursorBody = wire::read(&body)?;
    door.bus.commit(&caller, &wire::name(&name)?, &Cursor::parse(&body.cursor)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/subscriptions/{name}/reject`.
pub async fn reject(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let body: RejectBody = wire::read(&body)?;
    let name = wire::name(&name)?;
    let letter = door.bus.reject(&caller, &name, body.partition, body.offset, &body.reason).await?;
    Ok((StatusCode::CREATED, Json(wire::dead_letter(&letter))))
}

/// `POST /v1/subscriptions/{name}/seek`.
pub async fn seek(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let body: SeekBody = wire::read(&body)?;
    door.bus.seek(&caller, &wire::name(&name)?, &wire::from(&body.to)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/subscriptions/{name}/lag`.
pub async fn lag(
    State(door): State<Door>,
    Path(name): Path<String>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let name: contract::SubscriptionName = wire::name(&name)?;
    let lags = door.bus.lag(&caller, &name)?;
    let state = door.bus.state(&caller)?;
    let topic = state.subscription(&name).map(|subscription| subscription.topic.to_string());
    Ok(Json(wire::lag(name.as_str(), &topic.unwrap_or_default(), &lags)))
}
