//! Kafka's group protocol: which of a subscription's consumers reads which partitions.
//!
//! A group is a subscription; its place is the bus's and durable. Its members are known here; a settled group is kept in
//! the bus (`kept.rs`), so that its members go on after a restart. `classic.rs` is the protocol that a group's leader
//! decides in, with `joining.rs` (JoinGroup), `dealing.rs` (SyncGroup) and `rebalance.rs`, its way from one generation to
//! the next; `modern.rs` is the one in which the group decides (KIP-848): state machines without I/O or clock. A group is
//! in one of them at a time. `uses.rs` remembers who works for which group, because a fetch does not say so.

mod classic;
mod dealing;
mod joining;
mod kept;
mod modern;
mod rebalance;
mod uses;
mod words;

use std::collections::HashMap;

use contract::SubscriptionName;
use kafka_protocol::error::ResponseError;
use parking_lot::Mutex;

pub use classic::Group;
pub use modern::{Beat, HEARTBEAT_MS, Modern, Told, Wishes};
pub use uses::Uses;
pub use words::{Join, Joined, State, Synced, Who};

/// All groups that have members, or had some.
pub struct Groups {
    by_id: Mutex<HashMap<String, Group>>,
    /// Those whose members speak the newer protocol.
    modern: Mutex<HashMap<String, Modern>>,
    /// Who works for which group.
    pub uses: Uses,
}

impl Groups {
    /// The groups as they were kept when the bus starts, now.
    pub fn begin(kept: &[(SubscriptionName, Vec<u8>)], now_ms: u64) -> Self {
        let restored =
            kept.iter().filter_map(|(name, kept)| Some((name.to_string(), Group::restore(kept, now_ms)?)));
        Self { by_id: Mutex::new(restored.collect()), modern: Mutex::default(), uses: Uses::begin(now_ms) }
    }

    /// Looks at a group, or changes it; a group that nobody joined yet is empty.
    pub fn with<T>(&self, id: &str, act: impl FnOnce(&mut Group) -> T) -> T {
        act(self.by_id.lock().entry(id.to_owned()).or_default())
    }

    /// Looks at a group that was joined at some time.
    pub fn peek<T>(&self, id: &str, look: impl FnOnce(&Group) -> T) -> Option<T> {
        self.by_id.lock().get(id).map(look)
    }

    /// A member of the newer protocol speaks.
    pub fn hear(&self, id: &str, beat: Beat, partitions: i32, now_ms: u64) -> Result<Told, ResponseError> {
        if self.peek(id, |group| group.state() != State::Empty).unwrap_or_default() {
            return Err(ResponseError::GroupIdNotFound);
        }
        self.modern.lock().entry(id.to_owned()).or_default().hear(beat, partitions, now_ms)
    }

    /// Looks at a group whose members speak the newer protocol.
    pub fn peek_modern<T>(&self, id: &str, look: impl FnOnce(&Modern) -> T) -> Option<T> {
        self.modern.lock().get(id).filter(|group| !group.is_empty()).map(look)
    }

    /// Where a group is, in Kafka's words, and which protocol it speaks.
    pub fn state_and_kind(&self, id: &str) -> (&'static str, &'static str) {
        match self.peek_modern(id, Modern::state) {
            Some(state) => (state, "consumer"),
            None => (self.peek(id, Group::state).unwrap_or_default().name(), "classic"),
        }
    }

    /// Whether a member, or somebody from outside, may commit places.
    pub fn may_commit(&self, id: &str, who: &Who, now_ms: u64) -> Result<(), ResponseError> {
        match self.peek_modern(id, |group| group.may_commit(&who.member, who.generation)) {
            Some(verdict) => verdict,
            None => self.with(id, |group| group.may_commit(who, now_ms)),
        }
    }

    /// What is to be kept of the groups that changed.
    pub fn take_unkept(&self) -> Vec<(String, Vec<u8>)> {
        let mut groups = self.by_id.lock();
        groups.iter_mut().filter_map(|(id, group)| Some((id.clone(), group.take_unkept()?))).collect()
    }

    /// Lets time pass: members that are silent go, rebalances that waited long enough end.
    pub fn tick(&self, now_ms: u64) {
        let mut groups = self.by_id.lock();
        groups.values_mut().for_each(|group| group.tick(now_ms));
        groups.retain(|_, group| !group.is_forgettable());
        drop(groups);
        let mut modern = self.modern.lock();
        modern.values_mut().for_each(|group| group.tick(now_ms));
        modern.retain(|_, group| !group.is_empty());
        drop(modern);
        self.uses.tick(now_ms);
    }
}
