//! Erasing people: their events turn into tombstones for good, what stands in the way is kept to, and nothing says whom it
//! was about.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod holds;
mod keys;
mod languages;
mod meanwhile;
mod search;
mod told;
mod tombstones;
mod words;

use std::path::Path;

use crate::common::*;
use bus::{Caller, Subject};
use contract::{AttributeValue, CloudEvent};
use governance::{Command, Role};
use serde_json::Value;

pub use languages::{FIELDS, LANGUAGES, languages};

const DAY_MS: u64 = 86_400_000;

/// A world past its bootstrap, with those who have a word in erasures.
pub struct Office {
    pub world: World,
    officer: Caller,
    other_dpo: Caller,
    stranger: Caller,
}

pub async fn office(folder: &Path) -> Office {
    staffed(world(folder).await).await
}

pub async fn staffed(world: World) -> Office {
    let (bus, operator) = (&world.bus, &world.operator);
    let officer = principal(bus, operator, "d@civil-registry", Role::Dpo).await;
    let other_dpo = principal(bus, operator, "d@tax-office", Role::Dpo).await;
    let stranger = principal(bus, operator, "s@statistics", Role::Steward).await;
    Office { world, officer, other_dpo, stranger }
}

fn subject(text: &str) -> Subject {
    Subject::parse(text.to_owned()).unwrap()
}

pub fn child(number: usize) -> String {
    format!("PID-{number:07}")
}

impl Office {
    pub async fn asked(&self, who: &str) -> String {
        let reason = "Data Protection Act §17".to_owned();
        self.world.bus.request_erasure(&self.officer, &subject(who), reason).await.unwrap()
    }

    pub async fn approved(&self, erasure: &str) {
        let command = Command::ApproveErasure { erasure: erasure.to_owned() };
        self.world.bus.govern_erasure(&self.world.operator, command).await.unwrap();
    }

    /// The data protection officer of the owner.
    pub fn officer(&self) -> &Caller {
        &self.officer
    }

    pub async fn erased(&self, who: &str) -> String {
        let erasure = self.asked(who).await;
        self.approved(&erasure).await;
        assert_eq!(self.status(&erasure), "carried-out");
        erasure
    }

    pub fn status(&self, erasure: &str) -> &'static str {
        let (known, _) = self.world.bus.erasure(&self.officer, erasure).unwrap();
        governance::erasure::status(&self.world.bus.state(&self.officer).unwrap(), &known)
    }

    pub async fn read(&self) -> Vec<CloudEvent> {
        let delivery = self.world.bus.pull(&self.world.tax, &cleared(), all()).await.unwrap();
        let mut events: Vec<CloudEvent> = delivery.events.into_iter().map(|it| it.event).collect();
        events.sort_by(|a, b| a.id.cmp(&b.id));
        events
    }
}

pub fn is_tombstone(event: &CloudEvent) -> bool {
    event.extensions.contains(&("erased".to_owned(), AttributeValue::Boolean(true)))
}

pub fn document(event: &CloudEvent) -> Value {
    serde_json::from_str(&text(event)).unwrap()
}
