//! The load of one round: publishers that send as fast as they are answered, consumers that pull and commit. Each
//! thread keeps its own log; nothing is shared but the sign that the bus is about to be killed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fastrand::Rng;

use crate::api::{Api, Failure, Fate};
use crate::events::{self, EventId, Place};
use crate::governance::{Kind, TOPICS, office_subscription};
use crate::violation::{Halt, Violation};

/// Publishing threads. Each sends to all topics.
pub const PUBLISHERS: u8 = 6;

/// Consuming threads. Each serves its share of the topics.
const CONSUMERS: usize = 4;

/// Events of one publisher that it may send a second time on purpose.
const REMEMBERED: usize = 256;

/// The tokens of the two sides.
#[derive(Clone)]
pub struct Tokens {
    /// Of who publishes.
    pub publisher: String,
    /// Of who consumes.
    pub consumer: String,
}

/// What one publisher did in a round.
#[derive(Default)]
pub struct PublisherLog {
    /// Events with their receipts, in the order of the answers.
    pub acknowledged: Vec<(EventId, Place)>,
    /// Events of the request that was never answered.
    pub unanswered: Vec<EventId>,
    /// Answers that were wrong.
    pub violations: Vec<Violation>,
    /// The publisher's next number.
    pub next_serial: u32,
}

/// What one consumer did in a round.
#[derive(Default)]
pub struct ConsumerLog {
    /// Per topic and partition: the furthest place that a commit was asked for, and that was acknowledged.
    pub commits: BTreeMap<(u8, u32), [u64; 2]>,
    /// How many events it was handed.
    pub handed: u64,
    /// Answers that were wrong.
    pub violations: Vec<Violation>,
}

/// A load that is running.
pub struct Load {
    killing: Arc<AtomicBool>,
    publishers: Vec<JoinHandle<PublisherLog>>,
    consumers: Vec<JoinHandle<ConsumerLog>>,
}

impl Load {
    /// Starts all threads. `serials` are the publishers' next numbers.
    pub fn start(url: &str, tokens: &Tokens, seed: u64, round_seed: u64, serials: &[u32]) -> Self {
        let killing = Arc::new(AtomicBool::new(false));
        let publishers = serials.iter().zip(0_u8..).map(|(next_serial, worker)| {
            let publisher = Publisher {
                api: Api::new(url, &tokens.publisher),
                killing: killing.clone(),
                rng: Rng::with_seed(round_seed ^ u64::from(worker) << 8),
                seed,
                worker,
                log: PublisherLog { next_serial: *next_serial, ..PublisherLog::default() },
            };
            thread::spawn(move || publisher.run())
        });
        let publishers = publishers.collect();
        let consumers = (0..CONSUMERS).map(|number| {
            let consumer = Consumer {
                api: Api::new(url, &tokens.consumer),
                killing: killing.clone(),
                rng: Rng::with_seed(round_seed ^ (number as u64) << 16),
                topics: (0..TOPICS.len() as u8)
                    .filter(|topic| usize::from(*topic) % CONSUMERS == number)
                    .collect(),
                log: ConsumerLog::default(),
            };
            thread::spawn(move || consumer.run())
        });
        let consumers = consumers.collect();
        Self { killing, publishers, consumers }
    }

    /// Tells the threads that from now on a broken connection is meant.
    pub fn about_to_kill(&self) {
        self.killing.store(true, Ordering::SeqCst);
    }

    /// Waits for all threads, after the bus was killed.
    pub fn join(self) -> Result<(Vec<PublisherLog>, Vec<ConsumerLog>), Halt> {
        let gone = |_| Halt::Setup("a thread of the load panicked".into());
        let publishers =
            self.publishers.into_iter().map(JoinHandle::join).collect::<Result<_, _>>().map_err(gone)?;
        let consumers =
            self.consumers.into_iter().map(JoinHandle::join).collect::<Result<_, _>>().map_err(gone)?;
        Ok((publishers, consumers))
    }
}

/// How a request is made.
enum Form {
    Structured,
    Binary,
    Batch,
}

struct Publisher {
    api: Api,
    killing: Arc<AtomicBool>,
    rng: Rng,
    seed: u64,
    worker: u8,
    log: PublisherLog,
}

impl Publisher {
    fn run(mut self) -> PublisherLog {
        while !self.killing.load(Ordering::SeqCst) {
            let topic = self.rng.u8(0..TOPICS.len() as u8);
            let goes_on = match self.rng.u8(0..100) {
                0..4 => self.repeat(),
                4..6 => self.offend(topic),
                6..50 => self.publish(topic, 1),
                50..90 => {
                    let count = self.rng.u32(2..=40);
                    self.publish(topic, count)
                }
                _ => {
                    let count = self.rng.u32(40..=400);
                    self.publish(topic, count)
                }
            };
            if !goes_on {
                break;
            }
        }
        self.log
    }

    fn new_event(&mut self, topic: u8) -> EventId {
        let serial = self.log.next_serial;
        self.log.next_serial += 1;
        EventId { topic, worker: self.worker, serial }
    }

    /// Publishes new events in one request. False: the connection broke.
    fn publish(&mut self, topic: u8, count: u32) -> bool {
        let events: Vec<EventId> = (0..count).map(|_| self.new_event(topic)).collect();
        let form = match (count, self.rng.bool()) {
            (1, true) => Form::Structured,
            (1, false) => Form::Binary,
            _ => Form::Batch,
        };
        let Some((fates, again)) = self.send(&events, &form) else {
            self.log.unanswered = events;
            return false;
        };
        for (event, fate) in events.into_iter().zip(fates) {
            match fate {
                Fate::Accepted(place) => self.log.acknowledged.push((event, place)),
                // After a refused attempt it may be there already.
                Fate::Duplicate(place) if again => self.log.acknowledged.push((event, place)),
                other => self.wrong(event, format!("a new event got {other:?}")),
            }
        }
        true
    }

    /// Sends an acknowledged event once more: the answer must be its first receipt.
    fn repeat(&mut self) -> bool {
        let recent = self.log.acknowledged.len().min(REMEMBERED);
        if recent == 0 {
            return true;
        }
        let (event, receipt) =
            self.log.acknowledged[self.log.acknowledged.len() - 1 - self.rng.usize(0..recent)];
        // An answer that does not come says nothing here: the event was acknowledged before.
        let Some((fates, _)) = self.send(&[event], &Form::Structured) else { return false };
        if fates != [Fate::Duplicate(receipt)] {
            self.wrong(event, format!("acknowledged at {receipt}, sent again, got {fates:?}"));
        }
        true
    }

    /// Sends an event that breaks its contract: it must be refused.
    fn offend(&mut self, topic: u8) -> bool {
        let event = self.new_event(topic);
        let body = events::structured(self.seed, event).replacen("\"number\":", "\"numero\":", 1);
        match self.api.publish_structured(event.topic().name, &body) {
            Ok(Fate::Refused(_)) => true,
            Ok(fate) => {
                self.wrong(event, format!("breaks its contract and got {fate:?}"));
                true
            }
            Err(Failure::Broken(why)) => self.broke(&why),
            Err(Failure::Refused { status: 429 | 503, .. }) => true,
            Err(failure) => {
                self.wrong(event, failure.to_string());
                true
            }
        }
    }

    /// The answer, and whether it took more than one attempt; none where the connection broke.
    fn send(&mut self, events: &[EventId], form: &Form) -> Option<(Vec<Fate>, bool)> {
        let mut again = false;
        loop {
            let failure = match self.attempt(events, form) {
                Ok(fates) => return Some((fates, again)),
                Err(failure) => failure,
            };
            match failure {
                Failure::Broken(why) => {
                    self.broke(&why);
                    return None;
                }
                Failure::Refused { status: 429 | 503, .. } if !self.killing.load(Ordering::SeqCst) => {
                    thread::sleep(Duration::from_millis(20));
                    again = true;
                }
                Failure::Refused { status: 429 | 503, .. } => return None,
                failure => {
                    self.log.violations.push(Violation::Answer(format!("to {}: {failure}", events[0])));
                    return None;
                }
            }
        }
    }

    fn attempt(&self, events: &[EventId], form: &Form) -> Result<Vec<Fate>, Failure> {
        let (event, topic) = (events[0], events[0].topic().name);
        match form {
            Form::Structured => self
                .api
                .publish_structured(topic, &events::structured(self.seed, event))
                .map(|fate| vec![fate]),
            Form::Binary => {
                let data = events::data(self.seed, event);
                self.api.publish_binary(topic, &event.source(), &event.id(), &data).map(|fate| vec![fate])
            }
            Form::Batch => {
                let bodies: Vec<String> =
                    events.iter().map(|event| events::structured(self.seed, *event)).collect();
                self.api.publish_batch(topic, &format!("[{}]", bodies.join(",\n")), events.len())
            }
        }
    }

    fn wrong(&mut self, event: EventId, what: String) {
        self.log.violations.push(Violation::WrongAnswer { event, what });
    }

    /// A connection broke: fine while the bus is killed, wrong before. Always false.
    fn broke(&mut self, why: &str) -> bool {
        if !self.killing.load(Ordering::SeqCst) {
            self.log
                .violations
                .push(Violation::Answer(format!("a publisher's connection broke before the kill: {why}")));
        }
        false
    }
}

struct Consumer {
    api: Api,
    killing: Arc<AtomicBool>,
    rng: Rng,
    topics: Vec<u8>,
    log: ConsumerLog,
}

impl Consumer {
    fn run(mut self) -> ConsumerLog {
        while !self.killing.load(Ordering::SeqCst) {
            for topic in self.topics.clone() {
                match self.turn(topic) {
                    Ok(()) => {}
                    Err(Failure::Refused { status: 429 | 503, .. }) => {
                        thread::sleep(Duration::from_millis(20))
                    }
                    Err(Failure::Broken(_)) if self.killing.load(Ordering::SeqCst) => return self.log,
                    Err(failure) => {
                        let said = format!("to a consumer of {}: {failure}", TOPICS[usize::from(topic)].name);
                        self.log.violations.push(Violation::Answer(said));
                        return self.log;
                    }
                }
            }
        }
        self.log
    }

    /// Pulls once and, mostly, commits.
    fn turn(&mut self, topic: u8) -> Result<(), Failure> {
        let subscription = office_subscription(&TOPICS[usize::from(topic)]);
        let max = self.rng.usize(1..600);
        let delivery = self.api.pull(&subscription, max, 0.02, None)?;
        let mut places = BTreeMap::new();
        for event in &delivery.events {
            let next = event.offset + 1;
            places
                .entry(event.partition)
                .and_modify(|place: &mut u64| *place = next.max(*place))
                .or_insert(next);
            let data = event.data.as_ref().map_or("", |data| data.get());
            if TOPICS[usize::from(topic)].kind == Kind::Person && data.contains("person-") {
                let said = format!("{subscription} was handed a person's identifier at {}", event.place());
                self.log.violations.push(Violation::Answer(said));
            }
        }
        self.log.handed += delivery.events.len() as u64;
        // Not every delivery is worked off; what was not committed must come again.
        if places.is_empty() || self.rng.u8(0..5) == 0 {
            return Ok(());
        }
        for (partition, place) in &places {
            self.note(topic, *partition, *place, 0);
        }
        self.api.commit(&subscription, &delivery.cursor)?;
        for (partition, place) in &places {
            self.note(topic, *partition, *place, 1);
        }
        Ok(())
    }

    fn note(&mut self, topic: u8, partition: u32, place: u64, which: usize) {
        let noted = self.log.commits.entry((topic, partition)).or_default();
        noted[which] = noted[which].max(place);
    }
}
