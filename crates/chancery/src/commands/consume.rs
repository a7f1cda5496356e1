//! `chancery consume`: one structured CloudEvent a line; committed after each batch is printed.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::Options;
use super::opening::{self, Opening};
use crate::client::{Client, segment};
use crate::output::{self, Failure};

/// Print a subscription's next events, one CloudEvent a line
#[derive(Args)]
pub struct Consume {
    /// The subscription
    subscription: String,
    /// Stop after this many events
    #[arg(long)]
    max: Option<usize>,
    /// Go on until interrupted
    #[arg(long)]
    follow: bool,
    /// Start at: earliest, latest, an RFC 3339 time or a cursor [default: the committed place]
    #[arg(long)]
    from: Option<String>,
    /// This consumer's name among those who share the subscription
    #[arg(long)]
    consumer: Option<String>,
    /// Do not commit what was printed
    #[arg(long)]
    no_commit: bool,
    /// Open what was sealed end to end for your agency with the keys in this file (chancery agency key new)
    #[arg(long, env = "CHANCERY_KEYS", value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Wait this long for the first event, in seconds
    #[arg(long, default_value_t = 1.0)]
    wait: f64,
}

/// Events of one pull.
const BATCH: usize = 500;

impl Consume {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        let consumer = self.consumer.clone().unwrap_or_else(|| format!("cli-{}", std::process::id()));
        let base = format!("/v1/subscriptions/{}", segment(&self.subscription));
        let mut from = self.from.clone();
        let mut opening = self.opening(&client, &base)?;
        let mut left = self.max.unwrap_or(usize::MAX);
        while left > 0 {
            let wait = if self.follow { self.wait.max(20.0) } else { self.wait };
            let mut path =
                format!("{base}/events?max={}&wait={wait}&consumer={}", left.min(BATCH), segment(&consumer));
            if let Some(from) = &from {
                path += &format!("&from={}", segment(from));
            }
            let answer = client.send("GET", &path, "", None)?.good()?;
            let events: Vec<&serde_json::value::RawValue> = serde_json::from_slice(&answer.body)
                .map_err(|error| Failure::new(format!("the answer does not read: {error}")))?;
            for event in &events {
                let shown = match &mut opening {
                    Some(opening) => {
                        opening.open(event.get(), |topic| opening::readings(&client, &base, topic))?
                    }
                    None => event.get().to_owned(),
                };
                output::line(shown.replace('\n', " "));
            }
            left -= events.len().min(left);
            let cursor = answer.cursor.unwrap_or_default();
            match (events.is_empty(), self.follow) {
                (true, false) => break,
                (true, true) => continue,
                (false, _) if self.no_commit => from = Some(cursor),
                (false, _) => {
                    let body: Value = json!({ "cursor": cursor });
                    client.post(&format!("{base}/cursor"), &body)?;
                    from = None;
                }
            }
        }
        opening.map_or(Ok(()), Opening::end)
    }

    /// What opens the events, where keys are given: it must know their topic.
    fn opening(&self, client: &Client, base: &str) -> Result<Option<Opening>, Failure> {
        let Some(file) = &self.keys else { return Ok(None) };
        let topic = output::cell(&client.get(base)?["topic"]);
        Opening::read(file, topic).map(Some)
    }
}
