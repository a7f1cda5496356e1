//! Where subscriptions stand: the next offset to process, per partition. A fold over the `places/…` streams.

use std::collections::{BTreeMap, HashMap};

use contract::SubscriptionName;
use journal::{Journal, JournalError, StreamId};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

/// The record of one commit. `p` holds partition → next offset; on disk, never rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The subscription.
    #[serde(rename = "s")]
    pub subscription: SubscriptionName,
    /// The next offset per partition.
    #[serde(rename = "p")]
    pub next: BTreeMap<u32, u64>,
    /// The partitions whose places are forgotten.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub forgotten: Vec<u32>,
    /// In a snapshot, the offset in this stream up to which it speaks: commits behind that are newer than it.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<u64>,
    /// When, in milliseconds since 1970; commits of older buses do not say.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
}

impl Committed {
    /// The journal's form.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and numbers always encode")
    }
}

/// The view.
#[derive(Default)]
pub struct Places {
    by_subscription: RwLock<HashMap<SubscriptionName, Stand>>,
}

/// Where a subscription stands, and since when.
#[derive(Default)]
struct Stand {
    next: BTreeMap<u32, u64>,
    committed_ms: Option<u64>,
}

impl Places {
    /// Where a subscription stands; partitions that it never committed are absent.
    pub fn of(&self, subscription: &SubscriptionName) -> BTreeMap<u32, u64> {
        self.by_subscription.read().get(subscription).map(|stand| stand.next.clone()).unwrap_or_default()
    }

    /// When a subscription last committed, in milliseconds since 1970.
    pub fn committed_ms(&self, subscription: &SubscriptionName) -> Option<u64> {
        self.by_subscription.read().get(subscription)?.committed_ms
    }

    /// A commit is durable.
    pub fn apply(&self, committed: &Committed) {
        let mut all = self.by_subscription.write();
        let stand = all.entry(committed.subscription.clone()).or_default();
        stand.committed_ms = stand.committed_ms.max(committed.at_ms);
        stand.next.extend(&committed.next);
        stand.next.retain(|partition, _| !committed.forgotten.contains(partition));
    }

    /// Everything, as records: what a compacted stream begins with.
    pub fn snapshot(&self, as_of: u64, of_lane: impl Fn(&SubscriptionName) -> bool) -> Vec<Committed> {
        let all = self.by_subscription.read();
        let record = |(name, stand): (&SubscriptionName, &Stand)| Committed {
            subscription: name.clone(),
            next: stand.next.clone(),
            forgotten: Vec::new(),
            as_of: Some(as_of),
            at_ms: stand.committed_ms,
        };
        all.iter().filter(|(name, _)| of_lane(name)).map(record).collect()
    }

    /// Folds a stream from its first record on.
    pub fn fold(&self, journal: &dyn Journal, stream: StreamId) -> Result<(), JournalError> {
        let mut said: HashMap<(SubscriptionName, u32), u64> = HashMap::new();
        crate::fold::each(journal, stream, 0, |record| {
            let Ok(mut committed) = serde_json::from_slice::<Committed>(&record.body) else { return };
            if let Some(as_of) = committed.as_of {
                let key = |partition: &u32| (committed.subscription.clone(), *partition);
                committed.next.retain(|partition, _| said.get(&key(partition)).is_none_or(|at| *at < as_of));
            }
            for partition in committed.next.keys().chain(&committed.forgotten) {
                said.insert((committed.subscription.clone(), *partition), record.offset);
            }
            self.apply(&committed);
        })
    }
}
