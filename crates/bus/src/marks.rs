//! Search marks: keyed 64-bit digests under which the journal finds records again.
//!
//! Keyed with a secret of this bus, so that nobody can craft two identities with one mark, and so that a mark on disk
//! says nothing about the id behind it. A mark can collide; whoever finds by mark compares the record itself.

use std::hash::Hasher;

use contract::{CloudEvent, SubscriptionName, TopicName};
use seal::Pseudonym;
use siphasher::sip128::{Hasher128, SipHasher13};
use smallvec::SmallVec;

/// Makes the marks of one bus.
#[derive(Clone)]
pub struct Marker {
    keys: (u64, u64),
}

/// What a mark stands for. The numbers are on disk: never reuse one.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Identity = 1,
    EventId = 2,
    Correlation = 3,
    Causation = 4,
    Person = 5,
    // 6 was that of persons' keys, which their pseudonyms mark.
    Disclosure = 7,
    Subscription = 8,
    OrderingKey = 9,
    /// Nowhere on disk.
    Stranger = 10,
    Questions = 11,
    Erasure = 12,
}

impl Marker {
    /// A marker keyed with 16 secret bytes.
    pub fn new(secret: [u8; 16]) -> Self {
        let number = u128::from_le_bytes(secret);
        Self { keys: (number as u64, (number >> 64) as u64) }
    }

    fn wide(&self, kind: Kind, parts: &[&[u8]]) -> u128 {
        let mut hasher = SipHasher13::new_with_keys(self.keys.0, self.keys.1);
        hasher.write_u8(kind as u8);
        for part in parts {
            hasher.write_u32(part.len() as u32);
            hasher.write(part);
        }
        hasher.finish128().as_u128()
    }

    fn mark(&self, kind: Kind, parts: &[&[u8]]) -> u64 {
        self.wide(kind, parts) as u64
    }

    /// (`source`, `id`) in a topic: what must be unique. The low half is the mark; the whole tells two events of one
    /// group apart, which have no records yet to compare.
    pub fn identity(&self, topic: &TopicName, source: &str, id: &str) -> u128 {
        self.wide(Kind::Identity, &[topic.as_str().as_bytes(), source.as_bytes(), id.as_bytes()])
    }

    /// A value that orders events.
    pub fn ordering_key(&self, text: &str) -> u64 {
        self.mark(Kind::OrderingKey, &[text.as_bytes()])
    }

    /// An event's `id` in any topic.
    pub fn event_id(&self, id: &str) -> u64 {
        self.mark(Kind::EventId, &[id.as_bytes()])
    }

    /// A `correlationid`.
    pub fn correlation(&self, id: &str) -> u64 {
        self.mark(Kind::Correlation, &[id.as_bytes()])
    }

    /// A `causationid`.
    pub fn causation(&self, id: &str) -> u64 {
        self.mark(Kind::Causation, &[id.as_bytes()])
    }

    /// An event about a person.
    pub fn person(&self, pseudonym: &Pseudonym) -> u64 {
        self.mark(Kind::Person, &[&pseudonym.0])
    }

    /// The marks by which an event is found beside its identity, in their order.
    pub fn marks_of(
        &self,
        event: &CloudEvent,
        persons: impl Iterator<Item = Pseudonym>,
    ) -> SmallVec<[u64; 4]> {
        let mut marks = SmallVec::new();
        marks.push(self.event_id(&event.id));
        marks.extend(event.extension("correlationid").map(|id| self.correlation(id)));
        marks.extend(event.extension("causationid").map(|id| self.causation(id)));
        marks.extend(persons.map(|pseudonym| self.person(&pseudonym)));
        marks
    }

    /// A disclosure of a partition's offsets in one bucket (`offset / DISCLOSURE_BUCKET`).
    pub fn disclosure(&self, topic: &TopicName, partition: u32, bucket: u64) -> u64 {
        let place = [partition.to_le_bytes().as_slice(), bucket.to_le_bytes().as_slice()].concat();
        self.mark(Kind::Disclosure, &[topic.as_str().as_bytes(), &place])
    }

    /// A user whom nobody knows: the salt that it is told.
    pub fn stranger(&self, name: &str) -> u128 {
        self.wide(Kind::Stranger, &[name.as_bytes()])
    }

    /// What policies were asked for a folder, by the digest that the audit has of it.
    pub fn questions(&self, sha256: &audit::Hash) -> u64 {
        self.mark(Kind::Questions, &[&sha256.0])
    }

    /// The decisions about an erasure.
    pub fn erasure(&self, name: &str) -> u64 {
        self.mark(Kind::Erasure, &[name.as_bytes()])
    }

    /// A subscription's disclosures.
    pub fn subscription(&self, name: &SubscriptionName) -> u64 {
        self.mark(Kind::Subscription, &[name.as_str().as_bytes()])
    }
}
