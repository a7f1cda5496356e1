//! The table of all routes, and what every request passes through: a limit, a trace, a net under panics.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use bus::limits::BATCH_MAX_BYTES;
use bus::{Bus, Refusal, RefusalKind};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::problem::Problem;
use crate::{
    Door, Reach, audit, consents, contracts, cursors, dead_letters, erasures, events, exports, governance,
    health, keys, notices, people, policies, quarantine, registry, sealing_keys, stream,
};

/// Most of what the framework says of a request that it refuses.
const SAID_MAX_BYTES: usize = 4096;

/// A method, a path, its handler.
pub(crate) type Route = (&'static str, String, MethodRouter<Door>);

/// Every route of the door.
fn table() -> Vec<Route> {
    let own = own().into_iter().map(|(method, path, handler)| (method, path.to_owned(), handler));
    own.chain(registry::table()).collect()
}

/// The routes that are the bus's own.
fn own() -> Vec<(&'static str, &'static str, MethodRouter<Door>)> {
    vec![
        ("get", "/", get(health::front)),
        ("get", "/healthz", get(health::healthz)),
        ("get", "/readyz", get(health::readyz)),
        ("get", "/metrics", get(health::metrics)),
        ("get", "/openapi.json", get(health::openapi)),
        ("get", "/asyncapi.json", get(exports::asyncapi)),
        ("post", "/v1/topics/{topic}/events", post(events::publish)),
        ("get", "/v1/subscriptions/{name}/events", get(cursors::pull)),
        ("post", "/v1/subscriptions/{name}/cursor", post(cursors::commit)),
        ("post", "/v1/subscriptions/{name}/reject", post(cursors::reject)),
        ("post", "/v1/subscriptions/{name}/seek", post(cursors::seek)),
        ("get", "/v1/subscriptions/{name}/lag", get(cursors::lag)),
        ("get", "/v1/subscriptions/{name}/stream", get(stream::stream)),
        ("get", "/v1/agencies", get(governance::agencies)),
        ("get", "/v1/agencies/{agency}", get(governance::one_agency)),
        ("get", "/v1/agencies/{agency}/sealing-keys", get(sealing_keys::of_agency)),
        ("get", "/v1/principals", get(governance::principals)),
        ("post", "/v1/principals", post(governance::create_principal)),
        ("post", "/v1/principals/{name}/token", post(governance::issue_token)),
        ("get", "/v1/topics", get(governance::topics)),
        ("get", "/v1/topics/{topic}", get(governance::one_topic)),
        ("get", "/v1/topics/{topic}/recipients", get(sealing_keys::recipients)),
        ("get", "/v1/topics/{topic}/quarantine", get(quarantine::list)),
        ("get", "/v1/topics/{topic}/quarantine/{partition}/{offset}", get(quarantine::show)),
        ("post", "/v1/topics/{topic}/quarantine/{partition}/{offset}/release", post(quarantine::release)),
        ("post", "/v1/topics/{topic}/quarantine/{partition}/{offset}/discard", post(quarantine::discard)),
        ("get", "/v1/contracts/{topic}", get(contracts::all)),
        ("get", "/v1/contracts/{topic}/diff", get(contracts::diff)),
        ("get", "/v1/contracts/{topic}/{version}", get(contracts::one)),
        ("get", "/v1/contracts/{topic}/{version}/schema", get(contracts::schema)),
        ("get", "/v1/contracts/{topic}/{version}/readers", get(contracts::readers)),
        ("get", "/v1/subscriptions", get(governance::subscriptions)),
        ("get", "/v1/subscriptions/{name}", get(governance::one_subscription)),
        ("post", "/v1/govern", post(governance::govern)),
        ("post", "/v1/plan", post(governance::plan)),
        ("post", "/v1/lint", post(contracts::lint)),
        ("post", "/v1/apply", post(governance::apply)),
        ("get", "/v1/export/catalogue", get(exports::catalogue)),
        ("get", "/v1/export/governance", get(exports::governance)),
        ("get", "/v1/export/odcs/{topic}", get(exports::odcs)),
        ("get", "/v1/notices", get(notices::list)),
        ("get", "/v1/notices/secret", get(notices::secret)),
        ("get", "/v1/keys", get(keys::stand)),
        ("post", "/v1/keys/rotate", post(keys::rotate)),
        ("get", "/v1/dead-letters", get(dead_letters::list)),
        ("get", "/v1/dead-letters/{id}", get(dead_letters::show)),
        ("post", "/v1/dead-letters/redrive", post(dead_letters::redrive_all)),
        ("post", "/v1/dead-letters/discard", post(dead_letters::discard_all)),
        ("post", "/v1/dead-letters/{id}/redrive", post(dead_letters::redrive)),
        ("post", "/v1/dead-letters/{id}/discard", post(dead_letters::discard)),
        ("get", "/v1/trace/{id}", get(people::trace)),
        ("get", "/v1/people/{subject}/disclosures", get(people::disclosures)),
        ("post", "/v1/consents/show", post(consents::show)),
        ("post", "/v1/erasures", post(erasures::request)),
        ("get", "/v1/erasures", get(erasures::list)),
        ("get", "/v1/erasures/{id}", get(erasures::show)),
        ("post", "/v1/erasures/{id}/approve", post(erasures::approve)),
        ("post", "/v1/erasures/{id}/decline", post(erasures::decline)),
        ("post", "/v1/erasures/{id}/withdraw", post(erasures::withdraw)),
        ("post", "/v1/erasures/{id}/acknowledge", post(erasures::acknowledge)),
        ("get", "/v1/erasures/{id}/certificate", get(erasures::certificate)),
        ("get", "/v1/erasures/{id}/references", get(erasures::references)),
        ("post", "/v1/holds", post(erasures::place_hold)),
        ("get", "/v1/holds", get(erasures::holds)),
        ("post", "/v1/holds/{id}/lift", post(erasures::lift_hold)),
        ("get", "/v1/audit", get(audit::overview)),
        ("get", "/v1/audit/export", get(audit::export)),
        ("get", "/v1/audit/prove", get(audit::prove)),
        ("get", "/v1/audit/disclosures", get(audit::disclosures)),
        ("get", "/v1/audit/decisions", get(policies::decisions)),
        ("get", "/v1/audit/decisions/{index}", get(policies::explain)),
        ("get", "/v1/policies", get(policies::list)),
        ("get", "/audit/{lane}/checkpoint", get(audit::checkpoint)),
        ("get", "/audit/{lane}/tile/{*path}", get(audit::tile)),
    ]
}

/// The door's router.
pub fn router(bus: Bus, reach: Reach, closing: tokio::sync::watch::Receiver<bool>) -> Router {
    let mut router = Router::new();
    for (_, path, handler) in table() {
        router = router.route(&path, handler);
    }
    router
        .fallback(|| async {
            Problem(
                Refusal::new(RefusalKind::Unknown, "there is no such route").hint("/openapi.json lists them"),
            )
        })
        .method_not_allowed_fallback(|| async {
            let refusal = Refusal::new(RefusalKind::Malformed, "the route does not take this method")
                .hint("/openapi.json lists routes with their methods");
            let mut response = Problem(refusal).into_response();
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response
        })
        .layer(middleware::map_response(as_problem))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(traced))
        .layer(DefaultBodyLimit::max(BATCH_MAX_BYTES))
        .with_state(Door { bus, reach: Arc::new(reach), closing })
}

/// What the framework refuses by itself (a body too large, a query that does not read) is told like everything else.
async fn as_problem(response: Response) -> Response {
    let is_ours =
        response.headers().get(CONTENT_TYPE).is_none_or(|it| !it.as_bytes().starts_with(b"text/plain"));
    if !response.status().is_client_error() || is_ours {
        return response;
    }
    let status = response.status();
    let said = to_bytes(response.into_body(), SAID_MAX_BYTES).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let refusal = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Refusal::new(RefusalKind::TooLarge, format!("the body is larger than {BATCH_MAX_BYTES} bytes"))
                .hint("send smaller batches; large payloads belong behind dataref")
        }
        _ => Refusal::new(RefusalKind::Malformed, said),
    };
    Problem(refusal).into_response()
}

/// A bug of ours must not look like a broken connection.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    let refusal = Refusal::new(
        RefusalKind::Unavailable,
        "the bus failed on this request; its operator finds why in the log",
    );
    let mut response = Problem(refusal).into_response();
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// One log line a request: route, status, time, trace. Never a path, a query or a body: they may name a person.
async fn traced(matched: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let parent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let trace =
        parent.and_then(|parent| parent.split('-').nth(1)).filter(|id| id.len() == 32).map(str::to_owned);
    let trace = trace.unwrap_or_else(|| uuid::Uuid::now_v7().simple().to_string());
    let route = matched.as_ref().map_or("-", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let started = Instant::now();
    let span = tracing::info_span!("request", %trace, %method, route);
    let response = next.run(request).instrument(span).await;
    let (status, ms) = (response.status().as_u16(), started.elapsed().as_millis() as u64);
    if status >= 500 {
        tracing::warn!(%trace, %method, route, status, ms, "answered");
    } else {
        tracing::debug!(%trace, %method, route, status, ms, "answered");
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn openapi_describes_every_route_and_no_other() {
        let document: serde_json::Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
                methods.map(move |method| (method.clone(), path.clone()))
            })
            .collect();
        // The registry's routes stand once in the document; the same under another root would say nothing new.
        let again = |path: &str| path.starts_with(crate::registry::CCOMPAT);
        let served: BTreeSet<(String, String)> = table()
            .into_iter()
            .filter(|(_, path, _)| !again(path))
            .map(|(method, path, _)| (method.to_owned(), path.replace("{*", "{")))
            .collect();
        assert_eq!(described, served);
    }
}
