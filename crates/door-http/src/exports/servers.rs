//! Where clients reach the bus: where this request reached it, and what its operator says of the Kafka door.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use crate::Door;

/// What the operator's settings say of how clients come in.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// The Kafka door's port, and the host that clients are told where one is set; nothing where the door is off.
    pub kafka: Option<(Option<String>, u16)>,
    /// Whether the doors speak TLS.
    pub tls: bool,
}

/// The doors' addresses, `host:port`.
pub struct Servers {
    /// The HTTP door's.
    pub http: String,
    /// The Kafka door's, where it is on.
    pub kafka: Option<String>,
    /// Whether they speak TLS.
    pub tls: bool,
}

impl Servers {
    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// A path of the HTTP door as a URL.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme(), self.http)
    }
}

impl FromRequestParts<Door> for Servers {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Infallible> {
        let named = parts.headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        let reached = named.or_else(|| parts.uri.authority().cloned());
        let host = reached.as_ref().map_or("localhost", Authority::host);
        let port = reached.as_ref().and_then(Authority::port_u16);
        let kafka = door.reach.kafka.as_ref().map(|(advertised, port)| {
            let host = advertised.as_deref().unwrap_or(host);
            format!("{host}:{port}")
        });
        let http = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self { http, kafka, tls: door.reach.tls })
    }
}
