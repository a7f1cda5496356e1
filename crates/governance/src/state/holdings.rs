//! How much each agency has, counted as facts are folded: a policy with a quota must not count all there is each time.

use std::collections::BTreeMap;

use contract::AgencyName;

use super::{State, Subscription};

/// What every agency has; one that has nothing is not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Holdings {
    topics: BTreeMap<AgencyName, u64>,
    subscriptions: BTreeMap<AgencyName, u64>,
}

impl Holdings {
    /// A topic is another's now, or new.
    pub fn topic(&mut self, was: Option<&AgencyName>, is: Option<&AgencyName>) {
        moved(&mut self.topics, was, is);
    }

    /// A subscription is another's now, or new, or has ended.
    pub fn subscription(&mut self, was: Option<&AgencyName>, is: Option<&AgencyName>) {
        moved(&mut self.subscriptions, was, is);
    }
}

fn moved(counts: &mut BTreeMap<AgencyName, u64>, was: Option<&AgencyName>, is: Option<&AgencyName>) {
    if was == is {
        return;
    }
    if let Some((was, count)) = was.and_then(|was| Some((was, counts.get_mut(was)?))) {
        *count -= 1;
        if *count == 0 {
            counts.remove(was);
        }
    }
    if let Some(is) = is {
        *counts.entry(is.clone()).or_default() += 1;
    }
}

/// Whose a subscription is, as long as it has not ended.
pub(super) fn holder(subscription: &Subscription) -> Option<&AgencyName> {
    subscription.ended.is_none().then_some(&subscription.agency)
}

impl State {
    /// How many topics the agency owns.
    pub fn topics_owned(&self, agency: &AgencyName) -> u64 {
        self.holdings.topics.get(agency).copied().unwrap_or(0)
    }

    /// How many subscriptions the agency has that did not end.
    pub fn subscriptions_held(&self, agency: &AgencyName) -> u64 {
        self.holdings.subscriptions.get(agency).copied().unwrap_or(0)
    }
}
