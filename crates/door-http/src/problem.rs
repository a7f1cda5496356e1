//! Refusals as RFC 9457 problem details: the one mapping from the bus's kinds to HTTP.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bus::{Refusal, RefusalKind};
use serde_json::{Value, json};

/// Seconds after which a refused call is worth another try.
const RETRY_AFTER_S: &str = "1";

/// Of every refusal (RFC 9457).
const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal on its way out.
#[derive(Debug)]
pub struct Problem(pub Refusal);

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

/// The status of a kind of refusal.
pub fn status(kind: RefusalKind) -> StatusCode {
    match kind {
        RefusalKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        RefusalKind::Forbidden => StatusCode::FORBIDDEN,
        RefusalKind::Unknown => StatusCode::NOT_FOUND,
        RefusalKind::Malformed => StatusCode::BAD_REQUEST,
        RefusalKind::Contract => StatusCode::UNPROCESSABLE_ENTITY,
        RefusalKind::Conflict | RefusalKind::Abandoned | RefusalKind::OutOfOrder | RefusalKind::Fenced => {
            StatusCode::CONFLICT
        }
        RefusalKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        RefusalKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
        RefusalKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn title(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::Unauthenticated => "Who calls is not known",
        RefusalKind::Forbidden => "The caller may not do this",
        RefusalKind::Unknown => "There is no such thing",
        RefusalKind::Malformed => "The request cannot be read",
        RefusalKind::Contract => "The event breaks its contract",
        RefusalKind::Conflict => "It does not fit the state of things",
        RefusalKind::Abandoned => "Another event of its batch was refused",
        RefusalKind::OutOfOrder => "The batch does not follow the last one",
        RefusalKind::Fenced => "A newer instance has taken the producer's place",
        RefusalKind::TooLarge => "Larger than the bus takes",
        RefusalKind::Throttled => "Too much at once",
        RefusalKind::Unavailable => "The bus cannot do it now",
    }
}

/// The problem as JSON.
pub fn body(refusal: &Refusal) -> Value {
    let mut body = json!({
        "type": format!("https://chancery.dev/problems/{}", refusal.kind.code()),
        "title": title(refusal.kind),
        "status": status(refusal.kind).as_u16(),
        "detail": refusal.text,
    });
    if let Some(hint) = &refusal.hint {
        body["hint"] = hint.as_str().into();
    }
    if let Some(code) = refusal.code {
        body["code"] = code.into();
    }
    body
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = status(self.0.kind);
        let mut response = (status, Json(body(&self.0))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if matches!(self.0.kind, RefusalKind::Throttled | RefusalKind::Unavailable) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        if self.0.kind == RefusalKind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A request that cannot be read.
pub fn malformed(text: impl Into<String>) -> Problem {
    Problem(Refusal::new(RefusalKind::Malformed, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_status_and_says_when_to_try_again() {
        let table = [
            (RefusalKind::Unauthenticated, 401, false),
            (RefusalKind::Forbidden, 403, false),
            (RefusalKind::Unknown, 404, false),
            (RefusalKind::Malformed, 400, false),
            (RefusalKind::Contract, 422, false),
            (RefusalKind::Conflict, 409, false),
            (RefusalKind::TooLarge, 413, false),
            (RefusalKind::Throttled, 429, true),
            (RefusalKind::Unavailable, 503, true),
        ];
        for (kind, wanted, again) in table {
            let response = Problem(Refusal::new(kind, "text").hint("do this")).into_response();
            assert_eq!(response.status().as_u16(), wanted);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), again, "{kind:?}");
        }
    }
}
