//! Who a connection's client is: SASL (RFC 4422) inside Kafka's own requests.

use std::sync::Arc;

use bus::{Bus, Caller};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{
    ResponseKind, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
    SaslHandshakeResponse,
};

use crate::names::wire;

/// The mechanisms that are served.
const MECHANISMS: [&str; 1] = ["PLAIN"];

/// What a connection knows of its client.
#[derive(Debug, Default)]
pub struct Session {
    caller: Option<Arc<Caller>>,
    /// The mechanism that was agreed on.
    mechanism: Option<&'static str>,
}

impl Session {
    /// Who the client is, once it said so.
    pub fn caller(&self) -> Option<Arc<Caller>> {
        self.caller.clone()
    }

    /// Agrees on a mechanism.
    pub fn handshake(&mut self, request: &SaslHandshakeRequest) -> ResponseKind {
        self.mechanism = MECHANISMS.into_iter().find(|known| **known == *request.mechanism);
        let error = if self.mechanism.is_some() { 0 } else { ResponseError::UnsupportedSaslMechanism.code() };
        let mechanisms = MECHANISMS.into_iter().map(wire).collect();
        ResponseKind::SaslHandshake(
            SaslHandshakeResponse::default().with_error_code(error).with_mechanisms(mechanisms),
        )
    }

    /// One step of the mechanism.
    pub fn authenticate(&mut self, bus: &Bus, request: &SaslAuthenticateRequest) -> ResponseKind {
        let answer = SaslAuthenticateResponse::default();
        let answer = match self.mechanism {
            None => answer
                .with_error_code(ResponseError::IllegalSaslState.code())
                .with_error_message(Some(wire("a handshake must come first"))),
            Some(_) => match plain(bus, &request.auth_bytes) {
                Ok(caller) => {
                    self.caller = Some(Arc::new(caller));
                    answer
                }
                Err(why) => answer
                    .with_error_code(ResponseError::SaslAuthenticationFailed.code())
                    .with_error_message(Some(wire(why))),
            },
        };
        ResponseKind::SaslAuthenticate(answer)
    }
}

/// RFC 4616: `[authzid] NUL authcid NUL passwd`; the user is the principal, the password its token.
fn plain(bus: &Bus, message: &[u8]) -> Result<Caller, &'static str> {
    const WRONG: &str =
        "the user is a principal, such as desk@tax-office, and the password its token; these do not fit";
    let text = std::str::from_utf8(message).map_err(|_| WRONG)?;
    let mut parts = text.split('\0');
    let (Some(acting_as), Some(user), Some(token), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(WRONG);
    };
    let caller = bus.identify(token).map_err(|_| WRONG)?;
    let is_own = caller.principal.as_str() == user && (acting_as.is_empty() || acting_as == user);
    if is_own { Ok(caller) } else { Err(WRONG) }
}
