//! Which consumer of a subscription reads which partitions.
//!
//! Consumers name themselves when they pull. Whoever pulled within the session time is a member; partitions are dealt
//! out over the members in order of their names. A partition that changes hands starts at the committed place, so an
//! event may come twice but never not at all. In memory only: after a restart consumers come again.

use std::collections::{BTreeMap, HashMap};

use contract::SubscriptionName;
use parking_lot::Mutex;

use crate::limits::CONSUMER_SESSION_MS;

/// The members of all subscriptions.
#[derive(Default)]
pub struct Members {
    by_subscription: Mutex<HashMap<SubscriptionName, BTreeMap<String, u64>>>,
}

impl Members {
    /// `consumer` is here at `now_ms` and stays at least until `until_ms`; its partitions out of `count`.
    pub fn present(
        &self,
        subscription: &SubscriptionName,
        consumer: &str,
        now_ms: u64,
        until_ms: u64,
        count: u32,
    ) -> Vec<u32> {
        let mut all = self.by_subscription.lock();
        let members = all.entry(subscription.clone()).or_default();
        members.insert(consumer.to_owned(), until_ms + CONSUMER_SESSION_MS);
        members.retain(|_, gone_at| *gone_at > now_ms);
        let mine = members.keys().position(|name| name == consumer).unwrap_or(0) as u32;
        (0..count).filter(|partition| partition % members.len() as u32 == mine).collect()
    }

    /// `consumer` leaves; its partitions go to the others at once.
    pub fn leave(&self, subscription: &SubscriptionName, consumer: &str) {
        if let Some(members) = self.by_subscription.lock().get_mut(subscription) {
            members.remove(consumer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_consumers_share_all_partitions_and_one_that_is_gone_gives_them_back() {
        let members = Members::default();
        let name = SubscriptionName::parse("tax-office.births").unwrap();
        assert_eq!(members.present(&name, "a", 0, 0, 4), [0, 1, 2, 3]);
        let b = members.present(&name, "b", 1, 1, 4);
        let a = members.present(&name, "a", 2, 2, 4);
        assert_eq!((a, b), (vec![0, 2], vec![1, 3]));
        let later = 2 * CONSUMER_SESSION_MS;
        assert_eq!(members.present(&name, "a", later, later, 4), [0, 1, 2, 3]);
        members.present(&name, "b", later, later, 4);
        members.leave(&name, "b");
        assert_eq!(members.present(&name, "a", later, later, 4), [0, 1, 2, 3]);
    }

    #[test]
    fn more_consumers_than_partitions_leaves_some_idle() {
        let members = Members::default();
        let name = SubscriptionName::parse("tax-office.births").unwrap();
        members.present(&name, "a", 0, 0, 1);
        assert!(members.present(&name, "b", 0, 0, 1).is_empty());
    }
}
