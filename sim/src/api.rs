//! The bus's HTTP interface, as far as the simulation needs it. One blocking agent per thread.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use ureq::Agent;
use ureq::http::Response;

use crate::events::Place;

/// Longest that one request may take. The bus is on this machine.
const REQUEST_MAX: Duration = Duration::from_secs(60);

/// More than any answer but the audit's bundle.
const ANSWER_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// A caller of one bus with one token.
#[derive(Clone)]
pub struct Api {
    agent: Agent,
    url: String,
    token: String,
}

/// Why no answer can be used.
#[derive(Debug)]
pub enum Failure {
    /// The connection was refused or broke off: it is not known whether the request was served.
    Broken(String),
    /// The bus said no.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem document or whatever came.
        said: String,
    },
    /// The answer is not of the agreed form.
    Strange(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Broken(why) => write!(f, "the connection broke: {why}"),
            Self::Refused { status, said } => write!(f, "HTTP {status}: {said}"),
            Self::Strange(said) => write!(f, "strange answer: {said}"),
        }
    }
}

/// What became of a published event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// New.
    Accepted(Place),
    /// Was here before.
    Duplicate(Place),
    /// Not taken, with the problem.
    Refused(String),
}

/// An event as delivered; data byte for byte.
#[derive(Debug, Deserialize)]
pub struct Delivered {
    /// `id`.
    pub id: String,
    /// `source`.
    pub source: String,
    /// `type`.
    #[serde(rename = "type")]
    pub ty: String,
    /// The extension `partition`.
    pub partition: u32,
    /// The extension `offset`.
    #[serde(deserialize_with = "number_or_text")]
    pub offset: u64,
    /// `data`.
    pub data: Option<Box<RawValue>>,
}

impl Delivered {
    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { partition: self.partition, offset: self.offset }
    }
}

/// Offsets beyond 2³¹−1 travel as strings, since CloudEvents integers have 32 bits.
fn number_or_text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    match Either::deserialize(from)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

/// A delivery.
#[derive(Debug)]
pub struct Delivery {
    /// The events.
    pub events: Vec<Delivered>,
    /// What to commit, or to go on from.
    pub cursor: String,
}

/// Where a subscription stands in a partition.
#[derive(Debug, Deserialize)]
pub struct PartitionLag {
    /// The partition.
    pub partition: u32,
    /// The next offset to be processed.
    pub place: u64,
}

#[derive(Deserialize)]
struct Receipt {
    topic: String,
    partition: u32,
    offset: u64,
}

#[derive(Deserialize)]
struct BatchAnswer {
    results: Vec<OneOfBatch>,
}

#[derive(Deserialize)]
struct OneOfBatch {
    status: String,
    receipt: Option<Receipt>,
    problem: Option<serde_json::Value>,
}

impl Api {
    /// A caller of the bus at `url`.
    pub fn new(url: &str, token: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_MAX))
            .proxy(None)
            .build();
        Self { agent: config.into(), url: url.to_owned(), token: token.to_owned() }
    }

    /// Publishes one event in the structured form.
    pub fn publish_structured(&self, topic: &str, event: &str) -> Result<Fate, Failure> {
        let path = format!("/v1/topics/{topic}/events");
        let (status, body) =
            self.post(&path, &[("Content-Type", "application/cloudevents+json")], event.as_bytes())?;
        one_fate(topic, status, &body)
    }

    /// Publishes one event in the binary form: attributes as headers.
    pub fn publish_binary(&self, topic: &str, source: &str, id: &str, data: &str) -> Result<Fate, Failure> {
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-id", id),
            ("ce-source", source),
            ("ce-type", topic),
            ("Content-Type", "application/json"),
        ];
        let (status, body) = self.post(&format!("/v1/topics/{topic}/events"), &headers, data.as_bytes())?;
        one_fate(topic, status, &body)
    }

    /// Publishes a batch; the fates are index-aligned.
    pub fn publish_batch(&self, topic: &str, batch: &str, count: usize) -> Result<Vec<Fate>, Failure> {
        let headers = [("Content-Type", "application/cloudevents-batch+json")];
        let (status, body) = self.post(&format!("/v1/topics/{topic}/events"), &headers, batch.as_bytes())?;
        if !matches!(status, 200 | 207 | 422) {
            return Err(refused(status, &body));
        }
        let answer: BatchAnswer = parse(&body)?;
        if answer.results.len() != count {
            return Err(Failure::Strange(format!("{} results for {count} events", answer.results.len())));
        }
        answer.results.into_iter().map(|one| one.fate(topic)).collect()
    }

    /// Asks for the next events.
    pub fn pull(
        &self,
        subscription: &str,
        max: usize,
        wait_s: f32,
        from: Option<&str>,
    ) -> Result<Delivery, Failure> {
        let from = from.map(|from| format!("&from={from}")).unwrap_or_default();
        let path = format!("/v1/subscriptions/{subscription}/events?max={max}&wait={wait_s}{from}");
        let mut response = self.get(&path)?;
        let cursor = response.headers().get("Chancery-Cursor").and_then(|value| value.to_str().ok());
        let cursor = cursor.unwrap_or_default().to_owned();
        let (status, body) = read(&mut response)?;
        if status != 200 {
            return Err(refused(status, &body));
        }
        if cursor.is_empty() {
            return Err(Failure::Strange("a delivery without Chancery-Cursor".into()));
        }
        Ok(Delivery { events: parse(&body)?, cursor })
    }

    /// Commits a cursor.
    pub fn commit(&self, subscription: &str, cursor: &str) -> Result<(), Failure> {
        let body = serde_json::json!({ "cursor": cursor }).to_string();
        self.post_json(&format!("/v1/subscriptions/{subscription}/cursor"), &body, 204).map(drop)
    }

    /// Where a subscription stands.
    pub fn lag(&self, subscription: &str) -> Result<Vec<PartitionLag>, Failure> {
        #[derive(Deserialize)]
        struct Lag {
            partitions: Vec<PartitionLag>,
        }
        let lag: Lag = self.get_json(&format!("/v1/subscriptions/{subscription}/lag"))?;
        Ok(lag.partitions)
    }

    /// Applies a folder of governance.
    pub fn apply(&self, files: &BTreeMap<String, String>) -> Result<(), Failure> {
        let body = serde_json::json!({ "files": files, "close_bootstrap": false }).to_string();
        self.post_json("/v1/apply", &body, 200).map(drop)
    }

    /// Creates a principal and gives its token.
    pub fn create_principal(&self, principal: &str, roles: &[&str]) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Created {
            token: String,
        }
        let (_, agency) = principal.split_once('@').unwrap_or_default();
        let body =
            serde_json::json!({ "principal": principal, "agency": agency, "roles": roles }).to_string();
        let created: Created = parse(&self.post_json("/v1/principals", &body, 201)?)?;
        Ok(created.token)
    }

    /// A token for a principal that there is; its former one ends.
    pub fn issue_token(&self, principal: &str) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Issued {
            token: String,
        }
        let issued: Issued =
            parse(&self.post_json(&format!("/v1/principals/{principal}/token"), "{}", 200)?)?;
        Ok(issued.token)
    }

    /// The verifier key of the audit.
    pub fn audit_key(&self) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Audit {
            key: String,
        }
        Ok(self.get_json::<Audit>("/v1/audit")?.key)
    }

    /// The signed head of a lane's audit tree.
    pub fn checkpoint(&self, lane: &str) -> Result<String, Failure> {
        let (status, body) = read(&mut self.get(&format!("/audit/{lane}/checkpoint"))?)?;
        if status != 200 {
            return Err(refused(status, &body));
        }
        String::from_utf8(body).map_err(|error| Failure::Strange(error.to_string()))
    }

    /// Writes the audit's bundle.
    pub fn export_audit(&self, hashes: bool, out: &mut dyn io::Write) -> Result<u64, Failure> {
        let mut response = self.get(&format!("/v1/audit/export?hashes={hashes}"))?;
        if response.status() != 200 {
            let (status, body) = read(&mut response)?;
            return Err(refused(status, &body));
        }
        io::copy(&mut response.body_mut().as_reader(), out)
            .map_err(|error| Failure::Broken(error.to_string()))
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(u16, Vec<u8>), Failure> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.send(body).map_err(|error| Failure::Broken(error.to_string()))?;
        read(&mut response)
    }

    fn post_json(&self, path: &str, body: &str, expected: u16) -> Result<Vec<u8>, Failure> {
        let (status, answer) = self.post(path, &[("Content-Type", "application/json")], body.as_bytes())?;
        if status == expected { Ok(answer) } else { Err(refused(status, &answer)) }
    }

    fn get(&self, path: &str) -> Result<Response<ureq::Body>, Failure> {
        let request = self.agent.get(format!("{}{path}", self.url));
        let request = request.header("Authorization", format!("Bearer {}", self.token));
        request.call().map_err(|error| Failure::Broken(error.to_string()))
    }

    fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let (status, body) = read(&mut self.get(path)?)?;
        if status == 200 { parse(&body) } else { Err(refused(status, &body)) }
    }
}

impl OneOfBatch {
    fn fate(self, topic: &str) -> Result<Fate, Failure> {
        let strange = || Failure::Strange(format!("a result {:?} without its receipt", self.status));
        match self.status.as_str() {
            "accepted" => self.receipt.as_ref().ok_or_else(strange)?.place(topic).map(Fate::Accepted),
            "duplicate" => self.receipt.as_ref().ok_or_else(strange)?.place(topic).map(Fate::Duplicate),
            "refused" => {
                Ok(Fate::Refused(self.problem.map(|problem| problem.to_string()).unwrap_or_default()))
            }
            other => Err(Failure::Strange(format!("status {other:?} of a batch's result"))),
        }
    }
}

impl Receipt {
    fn place(&self, topic: &str) -> Result<Place, Failure> {
        if self.topic == topic {
            return Ok(Place { partition: self.partition, offset: self.offset });
        }
        Err(Failure::Strange(format!("a receipt of {} for an event of {topic}", self.topic)))
    }
}

fn one_fate(topic: &str, status: u16, body: &[u8]) -> Result<Fate, Failure> {
    match status {
        201 => parse::<Receipt>(body)?.place(topic).map(Fate::Accepted),
        200 => parse::<Receipt>(body)?.place(topic).map(Fate::Duplicate),
        409 | 422 => Ok(Fate::Refused(String::from_utf8_lossy(body).into_owned())),
        status => Err(refused(status, body)),
    }
}

fn refused(status: u16, body: &[u8]) -> Failure {
    Failure::Refused { status, said: String::from_utf8_lossy(body).chars().take(600).collect() }
}

fn read(response: &mut Response<ureq::Body>) -> Result<(u16, Vec<u8>), Failure> {
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(ANSWER_MAX_BYTES).read_to_vec();
    Ok((status, body.map_err(|error| Failure::Broken(error.to_string()))?))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let begin: String = String::from_utf8_lossy(body).chars().take(200).collect();
        Failure::Strange(format!("{error}: {begin}"))
    })
}
