//! Kafka's group protocol: which of a subscription's consumers reads which partitions.
//!
//! A group is a subscription; its place is the bus's and durable, its members are kept here, in memory: after a restart
//! they join again. `classic.rs` is the protocol that a group's leader decides in (JoinGroup, SyncGroup) and
//! `rebalance.rs` its way from one generation to the next: a state machine without I/O or clock. `uses.rs` remembers who works for which group, because a fetch does not say so.

mod classic;
mod rebalance;
mod uses;
mod words;

use std::collections::HashMap;

use parking_lot::Mutex;

pub use classic::Group;
pub use uses::Uses;
pub use words::{Join, Joined, State, Synced, Who};

/// All groups that have members, or had some.
#[derive(Default)]
pub struct Groups {
    by_id: Mutex<HashMap<String, Group>>,
    /// Who works for which group.
    pub uses: Uses,
}

impl Groups {
    /// Looks at a group, or changes it; a group that nobody joined yet is empty.
    pub fn with<T>(&self, id: &str, act: impl FnOnce(&mut Group) -> T) -> T {
        act(self.by_id.lock().entry(id.to_owned()).or_default())
    }

    /// Looks at a group that was joined at some time.
    pub fn peek<T>(&self, id: &str, look: impl FnOnce(&Group) -> T) -> Option<T> {
        self.by_id.lock().get(id).map(look)
    }

    /// Lets time pass: members that are silent go, rebalances that waited long enough end.
    pub fn tick(&self, now_ms: u64) {
        let mut groups = self.by_id.lock();
        groups.values_mut().for_each(|group| group.tick(now_ms));
        groups.retain(|_, group| !group.is_forgettable());
        drop(groups);
        self.uses.tick(now_ms);
    }
}
