//! Who a connection's client is: SASL (RFC 4422) inside Kafka's own requests, or the certificate that it came with.

mod bearer;
mod scram;

use std::sync::Arc;

use bus::{Bus, Caller, Mechanism};
use contract::PrincipalName;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{
    ResponseKind, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
    SaslHandshakeResponse,
};
use tls::Unnamed;

use crate::names::wire;
use bearer::Bearer;
use scram::{Said, Scram};

/// The mechanisms that are served.
const MECHANISMS: [&str; 4] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];

/// What a client is told that is not let in: what was expected, never what was wrong.
const WRONG: &str = "the user is a principal, such as desk@tax-office, and the password its token (OAUTHBEARER: the token alone); \
     these do not fit";

/// What a connection knows of its client.
#[derive(Debug, Default)]
pub struct Session {
    caller: Option<Arc<Caller>>,
    /// Why its certificate does not say who it is, where it showed one.
    stranger: Option<String>,
    /// The mechanism that was agreed on, where it is.
    exchange: Option<Exchange>,
    /// Whether it said wrongly who it is: it gets no second try on its connection.
    failed: bool,
}

#[derive(Debug)]
enum Exchange {
    Plain,
    Bearer,
    Scram(Scram),
}

impl Session {
    /// A session that begins with what the client's certificate says, where it showed one. SASL may still say otherwise.
    pub fn begin(bus: &Bus, holder: Option<&Result<PrincipalName, Unnamed>>) -> Self {
        match holder {
            None => Self::default(),
            Some(Err(unnamed)) => Self { stranger: Some(unnamed.to_string()), ..Self::default() },
            Some(Ok(name)) => match bus.identify_certificate(name) {
                Ok(caller) => Self { caller: Some(Arc::new(caller)), ..Self::default() },
                Err(refusal) => Self { stranger: Some(refusal.to_string()), ..Self::default() },
            },
        }
    }

    /// Why it is not known who the client is, for the operator.
    pub fn unknown(&self) -> &str {
        self.stranger.as_deref().unwrap_or("clients set security.protocol to SASL, or show a certificate")
    }

    /// Who the client is, once it said so.
    pub fn caller(&self) -> Option<Arc<Caller>> {
        self.caller.clone()
    }

    /// Whether the client could not prove who it is. As with other brokers the connection ends when it was told.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Agrees on a mechanism.
    pub fn handshake(&mut self, request: &SaslHandshakeRequest) -> ResponseKind {
        self.exchange = match &*request.mechanism {
            "PLAIN" => Some(Exchange::Plain),
            "OAUTHBEARER" => Some(Exchange::Bearer),
            "SCRAM-SHA-256" => Some(Exchange::Scram(Scram::new(Mechanism::Sha256))),
            "SCRAM-SHA-512" => Some(Exchange::Scram(Scram::new(Mechanism::Sha512))),
            _ => None,
        };
        let error = if self.exchange.is_some() { 0 } else { ResponseError::UnsupportedSaslMechanism.code() };
        let mechanisms = MECHANISMS.into_iter().map(wire).collect();
        ResponseKind::SaslHandshake(
            SaslHandshakeResponse::default().with_error_code(error).with_mechanisms(mechanisms),
        )
    }

    /// One step of the mechanism.
    pub fn authenticate(&mut self, bus: &Bus, request: &SaslAuthenticateRequest) -> ResponseKind {
        let answer = SaslAuthenticateResponse::default();
        let said = match &mut self.exchange {
            None => {
                let error = ResponseError::IllegalSaslState.code();
                let text = "a handshake must come first";
                return ResponseKind::SaslAuthenticate(
                    answer.with_error_code(error).with_error_message(Some(wire(text))),
                );
            }
            Some(Exchange::Plain) => {
                plain(bus, &request.auth_bytes).map(|caller| (String::new(), Some(caller)))
            }
            // RFC 7628 would have a refusal said as a challenge that the client must answer; the error says it at once.
            Some(Exchange::Bearer) => {
                bearer(bus, &request.auth_bytes).map(|caller| (String::new(), Some(caller)))
            }
            Some(Exchange::Scram(scram)) => match scram.take(bus, &request.auth_bytes) {
                Ok(Said::Challenge(text)) => Some((text, None)),
                Ok(Said::Proven(text, caller)) => Some((text, Some(caller))),
                Err(scram::Refused) => None,
            },
        };
        ResponseKind::SaslAuthenticate(match said {
            Some((text, caller)) => {
                self.caller = caller.map(Arc::new).or(self.caller.take());
                answer.with_auth_bytes(text.into_bytes().into())
            }
            None => {
                self.caller = None;
                self.failed = true;
                answer
                    .with_error_code(ResponseError::SaslAuthenticationFailed.code())
                    .with_error_message(Some(wire(WRONG)))
            }
        })
    }
}

/// RFC 4616: `[authzid] NUL authcid NUL passwd`; the user is the principal, the password its token.
fn plain(bus: &Bus, message: &[u8]) -> Option<Caller> {
    let text = std::str::from_utf8(message).ok()?;
    let mut parts = text.split('\0');
    let (Some(acting_as), Some(user), Some(token), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let caller = bus.identify(token).ok()?;
    let is_own = caller.principal.as_str() == user && (acting_as.is_empty() || acting_as == user);
    is_own.then_some(caller)
}

fn bearer(bus: &Bus, message: &[u8]) -> Option<Caller> {
    let said = Bearer::read(message)?;
    let caller = bus.identify(said.token).ok()?;
    said.acting_as.is_none_or(|name| caller.principal.as_str() == name).then_some(caller)
}
