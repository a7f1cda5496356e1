//! Who of a subscription's consumers has which part, as the door that deals out wants it kept: opaque here, durable, and
//! given back after a restart, so that consumers go on without joining anew. A fold over the `members/…` streams.

use std::collections::HashMap;

use contract::SubscriptionName;
use journal::{Journal, JournalError, StreamId};
use parking_lot::RwLock;

use crate::codec::{Reader, put_bytes};

/// The view.
#[derive(Default)]
pub struct Memberships {
    by_subscription: RwLock<HashMap<SubscriptionName, Vec<u8>>>,
    /// One record at a time, so that a compaction never writes an older word behind a newer one.
    pub writing: tokio::sync::Mutex<()>,
}

/// The record of one membership: the subscription's name, then what the door said.
pub fn encode(subscription: &SubscriptionName, said: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(said.len() + 64);
    put_bytes(&mut body, subscription.as_str().as_bytes());
    body.extend_from_slice(said);
    body
}

fn decode(body: &[u8]) -> Option<(SubscriptionName, Vec<u8>)> {
    let mut reader = Reader::new(body, "a membership");
    let name = SubscriptionName::parse(reader.text().ok()?).ok()?;
    Some((name, reader.rest().to_vec()))
}

impl Memberships {
    /// A membership is durable; nothing said means that nobody is in.
    pub fn apply(&self, subscription: &SubscriptionName, said: &[u8]) {
        let mut all = self.by_subscription.write();
        match said.is_empty() {
            true => drop(all.remove(subscription)),
            false => drop(all.insert(subscription.clone(), said.to_vec())),
        }
    }

    /// Everything there is.
    pub fn all(&self) -> Vec<(SubscriptionName, Vec<u8>)> {
        self.by_subscription.read().iter().map(|(name, said)| (name.clone(), said.clone())).collect()
    }

    /// Folds a stream from its first record on.
    pub fn fold(&self, journal: &dyn Journal, stream: StreamId) -> Result<(), JournalError> {
        crate::fold::each(journal, stream, 0, |record| {
            if let Some((name, said)) = decode(&record.body) {
                self.apply(&name, &said);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_and_nothing_said_is_nobody() {
        let name = SubscriptionName::parse("tax-office.births").unwrap();
        let memberships = Memberships::default();
        for said in [&b"one"[..], b"two"] {
            let (name, said) = decode(&encode(&name, said)).unwrap();
            memberships.apply(&name, &said);
        }
        assert_eq!(memberships.all(), [(name.clone(), b"two".to_vec())]);
        memberships.apply(&name, b"");
        assert!(memberships.all().is_empty());
    }
}
