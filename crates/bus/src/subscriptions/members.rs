//! Which consumer of a subscription reads which partitions.
//!
//! Consumers name themselves when they pull. Whoever pulled within the session time is a member; partitions are dealt
//! out over the members in order of their names. A partition that changes hands starts at the committed place, so an
//! event may come twice but never not at all. Where a subscription goes to another agency, its members are that agency's.
//! In memory only: after a restart consumers come again.

use std::collections::{BTreeMap, HashMap};

use contract::{AgencyName, SubscriptionName};
use parking_lot::Mutex;

use crate::limits::CONSUMER_SESSION_MS;

/// The members of all subscriptions.
#[derive(Default)]
pub struct Members {
    by_subscription: Mutex<HashMap<SubscriptionName, Group>>,
}

/// The members of one.
struct Group {
    agency: AgencyName,
    /// Each with when it is gone if nothing more is heard of it.
    gone_at_ms: BTreeMap<String, u64>,
}

impl Members {
    /// `consumer` of `agency`, whose subscription it is, is here at `now_ms` and stays at least until `until_ms`; its
    /// partitions out of `count`.
    pub fn present(
        &self,
        subscription: &SubscriptionName,
        (agency, consumer): (&AgencyName, &str),
        now_ms: u64,
        until_ms: u64,
        count: u32,
    ) -> Vec<u32> {
        let mut all = self.by_subscription.lock();
        let nobody = || Group { agency: agency.clone(), gone_at_ms: BTreeMap::new() };
        let group = all.entry(subscription.clone()).or_insert_with(nobody);
        if group.agency != *agency {
            *group = nobody();
        }
        let members = &mut group.gone_at_ms;
        members.insert(consumer.to_owned(), until_ms + CONSUMER_SESSION_MS);
        members.retain(|_, gone_at| *gone_at > now_ms);
        let mine = members.keys().position(|name| name == consumer).unwrap_or(0) as u32;
        (0..count).filter(|partition| partition % members.len() as u32 == mine).collect()
    }

    /// `consumer` leaves; its partitions go to the others at once.
    pub fn leave(&self, subscription: &SubscriptionName, consumer: &str) {
        if let Some(group) = self.by_subscription.lock().get_mut(subscription) {
            group.gone_at_ms.remove(consumer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(members: &Members, consumer: &str, now_ms: u64, count: u32) -> Vec<u32> {
        let name = SubscriptionName::parse("tax-office.births").unwrap();
        let agency = AgencyName::parse("tax-office").unwrap();
        members.present(&name, (&agency, consumer), now_ms, now_ms, count)
    }

    #[test]
    fn two_consumers_share_all_partitions_and_one_that_is_gone_gives_them_back() {
        let members = Members::default();
        let name = SubscriptionName::parse("tax-office.births").unwrap();
        assert_eq!(present(&members, "a", 0, 4), [0, 1, 2, 3]);
        let b = present(&members, "b", 1, 4);
        let a = present(&members, "a", 2, 4);
        assert_eq!((a, b), (vec![0, 2], vec![1, 3]));
        let later = 2 * CONSUMER_SESSION_MS;
        assert_eq!(present(&members, "a", later, 4), [0, 1, 2, 3]);
        present(&members, "b", later, 4);
        members.leave(&name, "b");
        assert_eq!(present(&members, "a", later, 4), [0, 1, 2, 3]);
    }

    #[test]
    fn the_consumers_of_the_agency_that_had_it_before_hold_nothing() {
        let members = Members::default();
        assert_eq!(present(&members, "a", 0, 4).len(), 4);
        let name = SubscriptionName::parse("tax-office.births").unwrap();
        let heir = AgencyName::parse("revenue-agency").unwrap();
        assert_eq!(members.present(&name, (&heir, "b"), 1, 1, 4), [0, 1, 2, 3]);
    }

    #[test]
    fn more_consumers_than_partitions_leaves_some_idle() {
        let members = Members::default();
        present(&members, "a", 0, 1);
        assert!(present(&members, "b", 0, 1).is_empty());
    }
}
