//! Who works for which group.
//!
//! A fetch names no group. The client that fetches asks for its group's coordinator, its places or its membership on
//! another connection, under the same principal and client id: that is how a fetch is known to be a group's.

use std::collections::{BTreeMap, HashMap};

use contract::PrincipalName;
use parking_lot::Mutex;

/// A client that said nothing of a group for this long does not work for it any more.
const FORGOTTEN_AFTER_MS: u64 = 10 * 60 * 1000;

/// After a start of the bus, clients that went on have this long to say again whom they work for: their fetches may come
/// first.
const SAY_AGAIN_WITHIN_MS: u64 = 60 * 1000;

type Worker = (PrincipalName, String);

/// For each principal and client id, the groups that it works for, each with when it last said so.
pub struct Uses {
    began_ms: u64,
    by_worker: Mutex<HashMap<Worker, BTreeMap<String, u64>>>,
}

impl Uses {
    /// Nobody has said anything since the bus started, now.
    pub fn begin(now_ms: u64) -> Self {
        Self { began_ms: now_ms, by_worker: Mutex::default() }
    }

    /// Whether a client that said nothing may be one from before the start, which says it yet.
    pub fn may_be_said_yet(&self, now_ms: u64) -> bool {
        now_ms < self.began_ms + SAY_AGAIN_WITHIN_MS
    }

    /// A client works for a group.
    pub fn note(&self, principal: &PrincipalName, client: &str, group: &str, now_ms: u64) {
        let mut all = self.by_worker.lock();
        all.entry((principal.clone(), client.to_owned())).or_default().insert(group.to_owned(), now_ms);
    }

    /// The groups that a client works for.
    pub fn of(&self, principal: &PrincipalName, client: &str) -> Vec<String> {
        let all = self.by_worker.lock();
        let found = all.get(&(principal.clone(), client.to_owned()));
        found.map(|groups| groups.keys().cloned().collect()).unwrap_or_default()
    }

    /// Forgets those who were silent for long.
    pub fn tick(&self, now_ms: u64) {
        self.by_worker.lock().retain(|_, groups| {
            groups.retain(|_, said_ms| *said_ms + FORGOTTEN_AFTER_MS > now_ms);
            !groups.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_from_before_a_start_have_a_minute_to_say_whom_they_work_for() {
        let uses = Uses::begin(5_000);
        assert!(uses.may_be_said_yet(5_000 + SAY_AGAIN_WITHIN_MS - 1));
        assert!(!uses.may_be_said_yet(5_000 + SAY_AGAIN_WITHIN_MS));
    }

    #[test]
    fn a_client_works_for_a_group_until_it_was_silent_for_long() {
        let uses = Uses::begin(0);
        let desk = PrincipalName::parse("desk@tax-office").unwrap();
        uses.note(&desk, "app", "tax-office.births", 0);
        uses.note(&desk, "app", "tax-office.deaths", FORGOTTEN_AFTER_MS);
        assert_eq!(uses.of(&desk, "app").len(), 2);
        assert!(uses.of(&desk, "other").is_empty());
        uses.tick(FORGOTTEN_AFTER_MS);
        assert_eq!(uses.of(&desk, "app"), ["tax-office.deaths"]);
    }
}
