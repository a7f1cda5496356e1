//! Who calls: the bearer token of a request; the same as the password of a principal, for clients that know only basic
//! authentication (RFC 7617); or where a request has neither, the certificate of its connection.

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bus::{Bus, Caller, Refusal, RefusalKind};

use crate::Door;
use crate::listener::Client;
use crate::problem::Problem;

/// An authenticated caller, as an argument of a handler.
pub struct Authenticated(pub Caller);

impl FromRequestParts<Door> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Problem> {
        let Some(header) = parts.headers.get(AUTHORIZATION) else {
            return Ok(Self(by_certificate(parts, &door.bus)?));
        };
        let proof = header.to_str().ok().and_then(proof).ok_or_else(no_token)?;
        let caller = door.bus.identify(&proof.token)?;
        match proof.user {
            Some(user) if user != caller.principal.as_str() => {
                let refusal = Refusal::new(RefusalKind::Unauthenticated, "the token is not this principal's");
                Err(refusal.hint("the user is NAME@AGENCY, the password its token").into())
            }
            _ => Ok(Self(caller)),
        }
    }
}

/// Who the connection's certificate says that calls.
fn by_certificate(parts: &Parts, bus: &Bus) -> Result<Caller, Refusal> {
    let client = parts.extensions.get::<ConnectInfo<Client>>();
    if client.is_some_and(|ConnectInfo(Client(holder))| holder.is_some()) && from_another_site(parts) {
        let text = "a browser sends this for another site, and a certificate alone does not say that its holder wants it";
        return Err(Refusal::new(RefusalKind::Unauthenticated, text).hint("send a token"));
    }
    match client.and_then(|ConnectInfo(Client(holder))| holder.as_ref()) {
        Some(Ok(name)) => bus.identify_certificate(name),
        Some(Err(unnamed)) => {
            let refusal = Refusal::new(RefusalKind::Unauthenticated, unnamed.to_string());
            Err(refusal.hint("send a token, or a certificate that names NAME@AGENCY: docs/operators.md"))
        }
        None => Err(no_token()),
    }
}

/// Browsers show a certificate for every site that asks them to send something here; they say so (Fetch Metadata).
fn from_another_site(parts: &Parts) -> bool {
    let site = parts.headers.get("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin" && site != "none")
}

fn no_token() -> Refusal {
    Refusal::new(RefusalKind::Unauthenticated, "the request carries no token")
        .hint("send the header Authorization: Bearer TOKEN, or Basic with the principal and its token")
}

/// What a request proves itself with.
struct Proof {
    user: Option<String>,
    token: String,
}

fn proof(header: &str) -> Option<Proof> {
    let (scheme, given) = header.split_once(' ')?;
    let given = given.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Proof { user: None, token: given.to_owned() });
    }
    let pair = scheme.eq_ignore_ascii_case("basic").then(|| BASE64.decode(given).ok())??;
    let pair = String::from_utf8(pair).ok()?;
    let (user, token) = pair.split_once(':')?;
    Some(Proof { user: Some(user.to_owned()), token: token.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_as_a_bearer_or_as_a_password() {
        let told = |header: &str| proof(header).map(|proof| (proof.user, proof.token));
        assert_eq!(told("Bearer abc"), Some((None, "abc".to_owned())));
        // "p@a:abc"
        assert_eq!(told("Basic cEBhOmFiYw=="), Some((Some("p@a".to_owned()), "abc".to_owned())));
        for odd in ["", "abc", "Basic %%%", "Basic YWJj", "Digest x"] {
            assert_eq!(told(odd), None, "{odd}");
        }
    }
}
