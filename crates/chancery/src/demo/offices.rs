//! The agencies' services: each with a token of its own, through public routes only.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};
use serde_json::{Value, json};

use crate::client::{Client, segment};
use crate::output::{Failure, cell};

static GOVERNANCE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../examples/governance");

/// The agencies of the example.
pub const AGENCIES: [&str; 6] =
    ["civil-registry", "tax-office", "social-insurance", "permits-office", "courts", "emergency-services"];

/// The example's folder: relative path → content.
pub fn governance_files() -> BTreeMap<String, String> {
    fn collect(folder: &Dir<'_>, files: &mut BTreeMap<String, String>) {
        for file in folder.files() {
            let text = file.contents_utf8().unwrap_or_default().to_owned();
            files.insert(file.path().to_string_lossy().into_owned(), text);
        }
        folder.dirs().for_each(|inner| collect(inner, files));
    }
    let mut files = BTreeMap::new();
    collect(&GOVERNANCE, &mut files);
    files
}

/// Where the bus is and who calls it.
pub struct Offices {
    url: String,
    tokens: BTreeMap<String, String>,
    officers: BTreeMap<String, String>,
    operator: String,
}

impl Offices {
    /// Applies the example's governance as the operator, makes each agency's service, and closes the bootstrap.
    /// Gives the number of changes, too.
    pub fn found(url: &str, operator: &str) -> Result<(Self, usize), Failure> {
        let client = Client::new(url, Some(operator.to_owned()));
        let applied = client.post("/v1/apply", &json!({"files": governance_files()}))?;
        let mut tokens = BTreeMap::new();
        for agency in AGENCIES {
            let principal = format!("service@{agency}");
            let made = client.post(
                "/v1/principals",
                &json!({"principal": principal, "roles": ["producer", "consumer"]}),
            )?;
            tokens.insert(agency.to_owned(), cell(&made["token"]));
        }
        let mut officers = BTreeMap::new();
        for agency in AGENCIES {
            let body = json!({"principal": format!("dpo@{agency}"), "roles": ["dpo"]});
            officers.insert(agency.to_owned(), cell(&client.post("/v1/principals", &body)?["token"]));
        }
        client.govern(json!({"command": "close-bootstrap"}))?;
        let changes = applied["applied"].as_array().map_or(0, Vec::len);
        Ok((Self { url: url.to_owned(), tokens, officers, operator: operator.to_owned() }, changes))
    }

    /// A client for an agency's service.
    pub fn client(&self, agency: &str) -> Client {
        Client::new(&self.url, self.tokens.get(agency).cloned())
    }

    /// A client for an agency's data protection officer.
    pub fn officer(&self, agency: &str) -> Client {
        Client::new(&self.url, self.officers.get(agency).cloned())
    }

    /// A client for the operator.
    pub fn operator(&self) -> Client {
        Client::new(&self.url, Some(self.operator.clone()))
    }
}

/// Publishes one event; the status and the answer.
pub fn publish_one(client: &Client, event: &Value) -> Result<(u16, Value), Failure> {
    let path = format!("/v1/topics/{}/events", segment(event["type"].as_str().unwrap_or_default()));
    let body = event.to_string();
    let answer = client.send("POST", &path, "application/cloudevents+json", Some(body.as_bytes()))?;
    Ok((answer.status, answer.json()?))
}

/// Pulls the next events and the cursor behind them.
pub fn pull(client: &Client, subscription: &str, query: &str) -> Result<(Vec<Value>, String), Failure> {
    let path = format!("/v1/subscriptions/{subscription}/events?consumer=desk&{query}");
    let answer = client.send("GET", &path, "", None)?.good()?;
    let events = answer.json()?.as_array().cloned().unwrap_or_default();
    Ok((events, answer.cursor.unwrap_or_default()))
}

/// The event of this id, as a subscription sees it.
pub fn find(client: &Client, subscription: &str, id: &str) -> Result<Value, Failure> {
    let mut from = "earliest".to_owned();
    loop {
        let (events, cursor) = pull(client, subscription, &format!("max=1000&from={from}"))?;
        if events.is_empty() {
            return Err(Failure::new(format!("{subscription} does not see {id}")));
        }
        if let Some(event) = events.into_iter().find(|event| event["id"] == id) {
            return Ok(event);
        }
        from = cursor;
    }
}

/// Commits a cursor.
pub fn commit(client: &Client, subscription: &str, cursor: &str) -> Result<(), Failure> {
    client.post(&format!("/v1/subscriptions/{subscription}/cursor"), &json!({ "cursor": cursor })).map(|_| ())
}
