//! After a restart: is everything there that was acknowledged, once, unaltered, at its place, and provable?

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::api::{Api, Delivered, Failure, Fate};
use crate::binary;
use crate::events::{self, EventId};
use crate::governance::{TOPICS, inspection_subscription, office_subscription};
use crate::ledger::Ledger;
use crate::violation::{Halt, Violation, none_broken};

/// Events asked for at once.
const PULL: usize = 5_000;

/// The lanes, each with its own tree.
const LANES: [&str; 3] = ["realtime", "standard", "batch"];

/// Reads the log of every topic, through subscriptions that are cleared for everything.
pub struct Inspection {
    seed: u64,
    /// Where reading goes on, per topic; none: from the earliest event.
    cursors: Vec<Option<String>>,
}

impl Inspection {
    /// Starts at the earliest event of every topic.
    pub fn from_the_start(seed: u64) -> Self {
        Self { seed, cursors: vec![None; TOPICS.len()] }
    }

    /// Reads every topic from where it was left to its end and enters it into the ledger.
    pub fn read_on(&mut self, inspector: &Api, ledger: &mut Ledger) -> Result<(), Halt> {
        let mut violations = Vec::new();
        for topic in 0..TOPICS.len() as u8 {
            self.read_topic(topic, inspector, ledger, &mut violations)?;
        }
        violations.extend(ledger.settle());
        none_broken(violations)
    }

    fn read_topic(
        &mut self,
        topic: u8,
        inspector: &Api,
        ledger: &mut Ledger,
        violations: &mut Vec<Violation>,
    ) -> Result<(), Halt> {
        let subscription = inspection_subscription(&TOPICS[usize::from(topic)]);
        let cursor = &mut self.cursors[usize::from(topic)];
        loop {
            let from = cursor.as_deref().unwrap_or("earliest");
            let delivery = inspector
                .pull(&subscription, PULL, 0.0, Some(from))
                .map_err(answer("an inspection's pull"))?;
            *cursor = Some(delivery.cursor);
            if delivery.events.is_empty() {
                return Ok(());
            }
            for delivered in &delivery.events {
                violations.extend(enter(self.seed, topic, delivered, ledger));
            }
        }
    }
}

/// Enters one event of the log into the ledger, and compares its content with what was sent.
fn enter(seed: u64, topic: u8, delivered: &Delivered, ledger: &mut Ledger) -> Vec<Violation> {
    let identity = || format!("{} {}", delivered.source, delivered.id);
    let event = EventId::read(topic, &delivered.source, &delivered.id).ok_or_else(identity);
    let mut violations = ledger.read(topic, event.clone(), delivered.place());
    if let Ok(event) = event
        && let Some(what) = difference(seed, event, delivered)
    {
        violations.push(Violation::Altered { event, found: delivered.place(), what });
    }
    violations
}

/// How an event differs from what was sent under its name.
fn difference(seed: u64, event: EventId, delivered: &Delivered) -> Option<String> {
    let sent = events::data(seed, event);
    let came = delivered.data.as_ref().map_or("", |data| data.get());
    if delivered.ty != event.topic().name {
        return Some(format!("its type is {}", delivered.ty));
    }
    (came != sent).then(|| {
        let at = came.bytes().zip(sent.bytes()).take_while(|(a, b)| a == b).count();
        format!("its data differs from byte {at} on ({} bytes came, {} were sent)", came.len(), sent.len())
    })
}

/// The office's subscriptions stand where they committed, or further where a commit was in flight.
pub fn places(consumer: &Api, ledger: &Ledger) -> Result<(), Halt> {
    let mut violations = Vec::new();
    for (topic, number) in TOPICS.iter().zip(0_u8..) {
        let subscription = office_subscription(topic);
        for partition in consumer.lag(&subscription).map_err(answer("asking for a subscription's place"))? {
            violations.extend(ledger.stands(&subscription, number, partition.partition, partition.place));
        }
    }
    none_broken(violations)
}

/// Sends again what was never answered: what is in the log must come back as a duplicate at its place, the rest must
/// be accepted. Gives how many were there already.
pub fn send_again(seed: u64, publisher: &Api, ledger: &mut Ledger) -> Result<usize, Halt> {
    let (mut violations, mut were_there) = (Vec::new(), 0);
    for event in ledger.take_unanswered() {
        let body = events::structured(seed, event);
        let fate =
            publisher.publish_structured(event.topic().name, &body).map_err(answer("sending again"))?;
        let place = match (ledger.found_at(event), fate) {
            (Some(found), Fate::Duplicate(place)) if place == found => {
                were_there += 1;
                place
            }
            (None, Fate::Accepted(place)) => place,
            (found, fate) => {
                let there =
                    found.map_or("not in the log".to_owned(), |place| format!("in the log at {place}"));
                let what = format!("was not answered, is {there}, was sent again and got {fate:?}");
                violations.push(Violation::WrongAnswer { event, what });
                continue;
            }
        };
        violations.extend(ledger.acknowledged(event, place).err());
    }
    none_broken(violations)?;
    Ok(were_there)
}

/// The audit: each bundle must verify and extend the signed checkpoints that were seen before it.
pub struct Audit {
    folder: PathBuf,
    key: String,
    number: u32,
}

impl Audit {
    /// Bundles go to `folder`; `key` is the verifier key, learnt once and trusted from then on.
    pub fn new(folder: &Path, key: String) -> Self {
        Self { folder: folder.to_owned(), key, number: 0 }
    }

    /// Keeps the checkpoints that the bus signs now: what was signed must never be taken back, not by a kill either.
    pub fn keep_checkpoints(&self, regulator: &Api) -> Result<(), Failure> {
        let mut notes = String::new();
        for lane in LANES {
            notes += &regulator.checkpoint(lane)?;
            notes.push('\n');
        }
        fs::write(self.checkpoints(), notes)
            .map_err(|error| Failure::Strange(format!("keeping checkpoints: {error}")))
    }

    /// Exports a bundle and verifies it with the command line; gives its size in bytes.
    pub fn check(&mut self, binary: &Path, regulator: &Api, hashes: bool) -> Result<u64, Halt> {
        self.number += 1;
        let path = self.folder.join(format!("audit-{}.ndjson", self.number));
        let file = File::create(&path).map_err(|error| Halt::setup("writing the audit's bundle", error))?;
        let mut out = BufWriter::new(file);
        let bytes = regulator.export_audit(hashes, &mut out).map_err(answer("exporting the audit"))?;
        out.flush().map_err(|error| Halt::setup("writing the audit's bundle", error))?;
        let (bundle, kept) = (path.to_string_lossy().into_owned(), self.checkpoints());
        let kept_text = kept.to_string_lossy().into_owned();
        let mut arguments = vec!["verify", &bundle, "--key", &self.key];
        if kept.exists() {
            arguments.extend(["--previous", &kept_text]);
        }
        binary::run(binary, &arguments, &[]).map_err(|said| Halt::broken(Violation::Audit(said)))?;
        fs::remove_file(path).map_err(|error| Halt::setup("removing a bundle", error))?;
        self.keep_checkpoints(regulator).map_err(answer("asking for the audit's checkpoints"))?;
        Ok(bytes)
    }

    fn checkpoints(&self) -> PathBuf {
        self.folder.join("checkpoints")
    }
}

/// A failed request of a check is a broken promise: the bus serves.
fn answer(doing: &'static str) -> impl Fn(Failure) -> Halt {
    move |failure| Halt::broken(Violation::Answer(format!("{doing}: {failure}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(event: EventId, data: &str) -> Delivered {
        let text = format!(
            "{{\"id\":\"{}\",\"source\":\"{}\",\"type\":\"{}\",\"partition\":1,\"offset\":\"0\",\"data\":{data}}}",
            event.id(),
            event.source(),
            event.topic().name
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_delivery_is_compared_byte_for_byte() {
        let event = EventId { topic: 2, worker: 1, serial: 8 };
        let sent = events::data(7, event);
        assert_eq!(difference(7, event, &delivered(event, &sent)), None);
        let altered = sent.replacen("\"person\"", " \"person\"", 1);
        assert!(difference(7, event, &delivered(event, &altered)).is_some(), "white space counts");
    }

    #[test]
    fn an_event_of_the_log_is_entered_once() {
        let event = EventId { topic: 2, worker: 1, serial: 8 };
        let came = delivered(event, &events::data(7, event));
        let mut ledger = Ledger::default();
        ledger.unanswered(event);
        assert_eq!(enter(7, 2, &came, &mut ledger), []);
        assert!(!enter(7, 2, &came, &mut ledger).is_empty(), "a second time is twice");
    }
}
