//! Who calls: the bearer token of a request, or what stands for it.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use bus::{Caller, Refusal, RefusalKind};

use crate::Door;
use crate::problem::Problem;

/// An authenticated caller, as an argument of a handler.
pub struct Authenticated(pub Caller);

impl FromRequestParts<Door> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        let token = token.ok_or_else(|| {
            Refusal::new(RefusalKind::Unauthenticated, "the request carries no bearer token")
                .hint("send the header Authorization: Bearer TOKEN")
        })?;
        Ok(Self(door.bus.identify(token)?))
    }
}
