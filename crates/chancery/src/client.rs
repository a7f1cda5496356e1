//! The HTTP client of the command line: JSON in, JSON out, problems as readable reasons.

use std::io::Read;
use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use crate::output::Failure;

/// A client for services that the bus itself calls: where one moved is for its agency or operator to say, not for whoever
/// answers at the old address, and no proxy stands between. Without authorities, the public ones.
pub fn calling(authorities: Option<Authorities>, patience: Duration) -> Agent {
    let roots = authorities.map_or(RootCerts::WebPki, Authorities::into_roots);
    let config = Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(5)))
        .timeout_global(Some(patience))
        .build();
    config.into()
}

/// Who may sign a bus's certificate.
#[derive(Clone)]
pub struct Authorities(RootCerts);

impl Authorities {
    /// Those of a PEM file.
    pub fn read(path: &str) -> Result<Self, String> {
        Self::parse(&std::fs::read(path).map_err(|error| error.to_string())?)
    }

    /// Those of a PEM text.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let items: Result<Vec<_>, _> = parse_pem(text).collect();
        let items = items.map_err(|error| error.to_string())?;
        let found: Vec<_> = items
            .into_iter()
            .filter_map(|item| match item {
                PemItem::Certificate(certificate) => Some(certificate),
                _ => None,
            })
            .collect();
        if found.is_empty() {
            return Err("it holds no certificate".to_owned());
        }
        Ok(Self(RootCerts::new_with_certs(&found)))
    }

    /// As the HTTP client wants them.
    pub fn into_roots(self) -> RootCerts {
        self.0
    }
}

/// A client of one bus.
pub struct Client {
    agent: Agent,
    url: String,
    token: Option<String>,
}

/// An answer of the bus.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The cursor to commit, where there is one.
    pub cursor: Option<String>,
    /// When to try again, in seconds, where it is said.
    pub retry_after_s: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// A client for the bus at `url`.
    pub fn new(url: &str, token: Option<String>) -> Self {
        Self::trusting(url, token, Authorities(RootCerts::WebPki))
    }

    /// A client for the bus at `url`, which shows a certificate of one of these authorities.
    pub fn trusting(url: &str, token: Option<String>, authorities: Authorities) -> Self {
        let config = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(authorities.0).build())
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        Self { agent: config.into(), url: url.trim_end_matches('/').to_owned(), token }
    }

    fn bearer(&self) -> Result<String, Failure> {
        let token = self.token.as_deref().ok_or_else(|| {
            Failure::new("no token: who calls?")
                .hint("set CHANCERY_TOKEN or --token; the operator's first token is in the data folder, operator.token")
        })?;
        Ok(format!("Bearer {token}"))
    }

    /// Sends a request; any status is an answer.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Option<&[u8]>,
    ) -> Result<Answer, Failure> {
        let url = format!("{}{path}", self.url);
        let bearer = self.bearer()?;
        let sent = match (method, body) {
            ("GET", _) => self.agent.get(&url).header("authorization", bearer).call(),
            (_, body) => {
                let request = self.agent.post(&url).header("authorization", bearer);
                request.header("content-type", content_type).send(body.unwrap_or_default())
            }
        };
        sent.map_err(|error| self.unreachable(&error)).and_then(read)
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        Failure::new(format!("the bus at {} does not answer: {error}", self.url))
            .hint("chancery serve starts one; --url or CHANCERY_URL says where it is")
    }

    /// A GET whose answer must be good; its JSON.
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send("GET", path, "", None)?.good()?.json()
    }

    /// A POST of JSON whose answer must be good; its JSON, or null where it has no body.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        self.send("POST", path, "application/json", Some(&body))?.good()?.json()
    }

    /// A governance command.
    pub fn govern(&self, command: Value) -> Result<Value, Failure> {
        self.post("/v1/govern", &command)
    }

    /// A GET whose body goes to `out` as it comes; the number of bytes.
    pub fn download(&self, path: &str, out: &mut dyn std::io::Write) -> Result<u64, Failure> {
        let request = self.agent.get(format!("{}{path}", self.url)).header("authorization", self.bearer()?);
        let mut response = request.call().map_err(|error| self.unreachable(&error))?;
        if response.status().as_u16() != 200 {
            return read(response)?.good().map(|_| 0);
        }
        Ok(std::io::copy(&mut response.body_mut().as_reader(), out)?)
    }
}

fn read(mut response: Response<Body>) -> Result<Answer, Failure> {
    let header =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (cursor, retry_after) = (header("chancery-cursor"), header("retry-after"));
    let mut body = Vec::new();
    response.body_mut().as_reader().read_to_end(&mut body)?;
    Ok(Answer {
        status: response.status().as_u16(),
        cursor,
        retry_after_s: retry_after.and_then(|text| text.parse().ok()),
        body,
    })
}

impl Answer {
    /// The answer where its status is below 300; else the reason it gives.
    pub fn good(self) -> Result<Self, Failure> {
        if self.status < 300 {
            return Ok(self);
        }
        let problem = self.json().unwrap_or_default();
        Err(problem_text(self.status, &problem))
    }

    /// The body as JSON; null where it is empty.
    pub fn json(&self) -> Result<Value, Failure> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::new(format!("the answer does not read: {error}")))
    }
}

/// `422 contract: <detail>`, with the hint on its own line.
pub fn problem_text(status: u16, problem: &Value) -> Failure {
    let code = problem["type"].as_str().and_then(|kind| kind.rsplit('/').next()).unwrap_or("error");
    let failure =
        Failure::new(format!("{status} {code}: {}", problem["detail"].as_str().unwrap_or("no reason given")));
    match problem["hint"].as_str() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A text as one segment of a path (RFC 3986).
pub fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@:".contains(&byte);
    text.bytes().map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}
