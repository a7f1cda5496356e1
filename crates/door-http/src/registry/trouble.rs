//! Refusals as the registry's clients know them: a number whose first three digits are the status, and a sentence.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bus::{Refusal, RefusalKind};
use serde_json::json;

use super::wire::Answer;

/// A refusal on its way out.
pub struct Trouble(pub Refusal);

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

/// The clients' number for a refusal.
fn error_code(refusal: &Refusal) -> u32 {
    match (refusal.code, refusal.kind) {
        (Some("unknown-subject" | "unknown"), _) => 40401,
        (Some("unknown-version"), _) => 40402,
        (Some("unknown-schema" | "unknown-id"), _) => 40403,
        (Some("subject-soft-deleted"), _) => 40404,
        (Some("subject-not-soft-deleted"), _) => 40405,
        (Some("version-soft-deleted"), _) => 40406,
        (Some("version-not-soft-deleted"), _) => 40407,
        (Some("no-compatibility"), _) => 40408,
        (Some("no-mode"), _) => 40409,
        (Some("incompatible"), _) => 409,
        (Some("invalid-schema" | "invalid-contract"), _) => 42201,
        (Some("invalid-version"), _) => 42202,
        (Some("invalid-compatibility"), _) => 42203,
        (Some("invalid-mode"), _) => 42204,
        (Some("read-only" | "operation-not-permitted" | "not-deprecated" | "before-sunset"), _) => 42205,
        (Some("referenced"), _) => 42206,
        (_, RefusalKind::Unauthenticated) => 40101,
        (_, RefusalKind::Forbidden) => 40301,
        (_, RefusalKind::Unknown) => 40401,
        (_, RefusalKind::Malformed) => 400,
        (_, RefusalKind::Contract) => 42201,
        (_, RefusalKind::TooLarge) => 413,
        (_, RefusalKind::Throttled) => 42901,
        (_, RefusalKind::Unavailable) => 50003,
        (
            _,
            RefusalKind::Conflict | RefusalKind::Abandoned | RefusalKind::OutOfOrder | RefusalKind::Fenced,
        ) => 409,
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let code = error_code(&self.0);
        let status = if code < 1000 { code } else { code / 100 };
        let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let message = match &self.0.hint {
            None => self.0.text.clone(),
            Some(hint) => format!("{}; {hint}", self.0.text),
        };
        let body = json!({ "error_code": code, "message": message });
        let mut response = Answer(body).into_response();
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if self.0.kind == RefusalKind::Unauthenticated {
            let value = header::HeaderValue::from_static("Basic realm=\"chancery\", Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

/// A refusal that the door makes of what it cannot read.
pub fn unreadable(code: &'static str, text: impl Into<String>) -> Trouble {
    Trouble(Refusal { code: Some(code), ..Refusal::new(RefusalKind::Malformed, text) })
}
