//! A year of the town: publishers and consumers at work side by side, through a crash in the middle.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::offices::{Offices, commit, publish_one, pull};
use super::town::{Town, alert, benefit_for, tax_id_for};
use crate::client::Client;
use crate::output::Failure;

/// How long anybody tries again while the bus is away.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was acknowledged: topic → id → (partition, offset). What the bus must never lose.
pub type Ledger = Mutex<BTreeMap<String, BTreeMap<String, (u64, u64)>>>;

/// What happened in the year.
#[derive(Default)]
pub struct Life {
    /// Everything acknowledged.
    pub ledger: Ledger,
    /// Answers that said the event was there already: what was sent again after the crash.
    pub duplicates: AtomicUsize,
    /// Events pulled and processed by the reacting offices.
    pub processed: AtomicUsize,
    /// Times until a batch was acknowledged, in milliseconds.
    pub batch_ms: Mutex<Vec<f64>>,
    /// Times until an alert was acknowledged, in milliseconds, of the attempt that was answered.
    pub alert_ms: Mutex<Vec<f64>>,
    published: AtomicBool,
}

impl Life {
    /// How many events were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        lock(&self.ledger).values().map(BTreeMap::len).sum()
    }

    /// Lives the year. `in_the_middle` runs when half of the events are published.
    pub fn live(
        &self,
        town: &Town,
        offices: &Offices,
        in_the_middle: impl FnOnce() -> Result<(), Failure> + Send,
    ) -> Result<(), Failure> {
        let own = [
            ("civil-registry", &town.births),
            ("civil-registry", &town.marriages),
            ("tax-office", &town.payments),
            ("permits-office", &town.permits),
            ("courts", &town.decisions),
        ];
        let half = own.iter().map(|(_, events)| events.len()).sum::<usize>() / 2;
        thread::scope(|scope| {
            let publishers: Vec<_> = own
                .into_iter()
                .map(|(agency, events)| scope.spawn(move || self.publish(&offices.client(agency), events)))
                .collect();
            let births = town.births.len();
            let reactions = [
                scope.spawn(move || {
                    self.react(&offices.client("tax-office"), "tax-office.births", births, tax_id_for)
                }),
                scope.spawn(move || {
                    self.react(
                        &offices.client("social-insurance"),
                        "social-insurance.births",
                        births,
                        benefit_for,
                    )
                }),
            ];
            let alerts = scope.spawn(move || self.warn(&offices.client("emergency-services")));
            while self.acknowledged() < half && !publishers.iter().all(|publisher| publisher.is_finished()) {
                thread::sleep(Duration::from_millis(5));
            }
            let middle = in_the_middle();
            let published: Result<Vec<()>, Failure> = publishers.into_iter().map(join).collect();
            self.published.store(true, Ordering::SeqCst);
            let reacted: Result<Vec<()>, Failure> = reactions.into_iter().map(join).collect();
            middle.and(published.map(|_| ())).and(reacted.map(|_| ())).and(join(alerts))
        })
    }

    /// Publishes in batches; sends again what got no answer.
    fn publish(&self, client: &Client, events: &[Value]) -> Result<(), Failure> {
        for batch in events.chunks(40) {
            self.publish_batch(client, batch)?;
            // A town is not a load test: leave the processors some air.
            thread::sleep(Duration::from_millis(8));
        }
        Ok(())
    }

    fn publish_batch(&self, client: &Client, batch: &[Value]) -> Result<(), Failure> {
        let Some(topic) = batch.first().and_then(|event| event["type"].as_str()) else { return Ok(()) };
        let body = Value::from(batch).to_string();
        let path = format!("/v1/topics/{topic}/events");
        let mut started = Instant::now();
        let answer = again_until(|| {
            started = Instant::now();
            let answer =
                client.send("POST", &path, "application/cloudevents-batch+json", Some(body.as_bytes()))?;
            if answer.status == 503 { answer.good() } else { Ok(answer) }
        })?;
        lock(&self.batch_ms).push(started.elapsed().as_secs_f64() * 1e3);
        let answer = answer.json()?;
        for result in answer["results"].as_array().into_iter().flatten() {
            if result["status"] == "refused" {
                return Err(Failure::new(format!("an event of the town was refused: {result}")));
            }
            self.acknowledge(topic, result["id"].as_str().unwrap_or_default(), &result["receipt"]);
            self.duplicates.fetch_add(usize::from(result["status"] == "duplicate"), Ordering::Relaxed);
        }
        Ok(())
    }

    fn acknowledge(&self, topic: &str, id: &str, receipt: &Value) {
        let number = |field: &str| receipt[field].as_u64().unwrap_or(u64::MAX);
        let place = (number("partition"), number("offset"));
        lock(&self.ledger).entry(topic.to_owned()).or_default().insert(id.to_owned(), place);
    }

    /// Pulls births, publishes what follows from each, and only then commits.
    fn react(
        &self,
        client: &Client,
        name: &str,
        births: usize,
        makes: fn(&Value) -> Value,
    ) -> Result<(), Failure> {
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < births {
            let (events, cursor) = again_until(|| pull(client, name, "max=100&wait=1"))?;
            if events.is_empty() && self.published.load(Ordering::SeqCst) && lag(client, name)? == 0 {
                break;
            }
            let follow: Vec<Value> = events.iter().map(makes).collect();
            for batch in follow.chunks(50) {
                self.publish_batch(client, batch)?;
            }
            seen.extend(events.iter().map(|event| event["id"].to_string()));
            if !events.is_empty() {
                again_until(|| commit(client, name, &cursor))?;
                self.processed.fetch_add(events.len(), Ordering::Relaxed);
            }
        }
        if seen.len() == births {
            return Ok(());
        }
        Err(Failure::new(format!("{name} saw {} of {births} births", seen.len())))
    }

    /// Warns every 25 ms, and takes the time until each warning is durable.
    fn warn(&self, client: &Client) -> Result<(), Failure> {
        for number in 0.. {
            if self.published.load(Ordering::SeqCst) && number >= 40 {
                break;
            }
            let warning = alert(number);
            let (mut started, mut status, mut answer) = (Instant::now(), 0, json!(null));
            again_until(|| {
                started = Instant::now();
                (status, answer) = publish_one(client, &warning)?;
                if status < 300 { Ok(()) } else { Err(Failure::new(answer.to_string())) }
            })?;
            lock(&self.alert_ms).push(started.elapsed().as_secs_f64() * 1e3);
            self.duplicates.fetch_add(usize::from(status == 200), Ordering::Relaxed);
            self.acknowledge("emergency.alert.issued", warning["id"].as_str().unwrap_or_default(), &answer);
            thread::sleep(Duration::from_millis(25));
        }
        Ok(())
    }
}

fn lag(client: &Client, subscription: &str) -> Result<u64, Failure> {
    let answer = client.get(&format!("/v1/subscriptions/{subscription}/lag"))?;
    Ok(answer["lag"].as_u64().unwrap_or(u64::MAX))
}

/// Tries again while the bus is away.
fn again_until<T>(mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    let started = Instant::now();
    loop {
        match attempt() {
            Err(_) if started.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(50)),
            answer => return answer,
        }
    }
}

fn join(thread: thread::ScopedJoinHandle<'_, Result<(), Failure>>) -> Result<(), Failure> {
    thread.join().map_err(|_| Failure::new("a thread of the demo panicked"))?
}

/// A thread that panicked has failed the demo already; what it left is still worth showing.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
