//! The audit: C2SP tiles and checkpoints, bundles, proofs, lists of disclosures.

use std::io::{self, Write};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::Door;
use crate::caller::Authenticated;
use crate::problem::Problem;
use crate::wire;

/// `GET /v1/audit`.
pub async fn overview(State(door): State<Door>, Authenticated(_): Authenticated) -> Json<Value> {
    let lanes = door.bus.audit().lanes().into_iter();
    let lanes = lanes.map(|(lane, origin, size)| json!({"lane": lane, "origin": origin, "size": size}));
    Json(json!({"key": door.bus.audit().verifier_key(), "lanes": lanes.collect::<Vec<_>>()}))
}

/// `GET /audit/{lane}/checkpoint`.
pub async fn checkpoint(
    State(door): State<Door>,
    Path(lane): Path<String>,
    Authenticated(_): Authenticated,
) -> Result<Response, Problem> {
    let text = door.bus.audit().checkpoint(&lane)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], text)
        .into_response())
}

/// `GET /audit/{lane}/tile/{*path}`. Tiles never change, so they may be kept for ever.
pub async fn tile(
    State(door): State<Door>,
    Path((lane, path)): Path<(String, String)>,
    Authenticated(caller): Authenticated,
) -> Result<Response, Problem> {
    let tile = door.bus.audit_tile(&caller, &lane, &path)?;
    let keep = "private, max-age=31536000, immutable";
    let headers = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, keep)];
    Ok((headers, tile).into_response())
}

/// `?hashes=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportQuery {
    #[serde(default)]
    hashes: bool,
}

/// `GET /v1/audit/export`: the bundle, streamed.
pub async fn export(
    State(door): State<Door>,
    Query(query): Query<ExportQuery>,
    Authenticated(caller): Authenticated,
) -> Result<Response, Problem> {
    door.bus.may_read_audit(&caller)?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut pipe = Pipe(sender);
        if let Err(refusal) = door.bus.export_audit(query.hashes, &mut pipe) {
            // The response has begun: breaking it off is the only honest way left.
            tracing::warn!(%refusal, "an audit export was broken off");
            let _ = pipe.0.blocking_send(Err(io::Error::other(refusal.to_string())));
        }
    });
    let lines = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let item = receiver.recv().await?;
        Some((item, receiver))
    });
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// Hands what is written to the response's body.
struct Pipe(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone");
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `?topic=&partition=&offset=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveQuery {
    topic: String,
    partition: u32,
    offset: u64,
}

/// `GET /v1/audit/prove`.
pub async fn prove(
    State(door): State<Door>,
    Query(query): Query<ProveQuery>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    door.bus.may_read_audit(&caller)?;
    Ok(Json(door.bus.audit().prove(&wire::name(&query.topic)?, query.partition, query.offset)?))
}

/// `?topic=&subscription=&limit=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisclosuresQuery {
    topic: Option<String>,
    subscription: Option<String>,
    #[serde(default = "hundred")]
    limit: usize,
}

fn hundred() -> usize {
    100
}

/// `GET /v1/audit/disclosures`.
pub async fn disclosures(
    State(door): State<Door>,
    Query(query): Query<DisclosuresQuery>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, Problem> {
    let topic = query.topic.as_deref().map(wire::name).transpose()?;
    let subscription = query.subscription.as_deref().map(wire::name).transpose()?;
    door.bus.may_read_disclosures(&caller, topic.as_ref(), subscription.as_ref())?;
    let found = tokio::task::spawn_blocking(move || {
        door.bus.audit().disclosures(topic.as_ref(), subscription.as_ref(), query.limit.min(10_000))
    });
    let found = found.await.map_err(|_| bus::Refusal::unavailable("reading was broken off"))??;
    Ok(Json(json!({ "disclosures": found })))
}
