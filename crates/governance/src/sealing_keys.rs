//! The public keys of agencies, and for whom a producer seals what a contract wants sealed end to end.
//!
//! A value is sealed for the agencies that may read it, no more and no fewer: those with a live subscription to the topic
//! that is cleared for its class. An agency that has published no key cannot be sealed for; it is left out, and misses what
//! is published until it has one, rather than that one reader's neglect keeps a topic from all. So where nobody may read a
//! class, its values are sealed for nobody.

use std::collections::{BTreeMap, BTreeSet};

use contract::{AgencyName, Class, TopicName};
use end_to_end::{Addressee, KeyId};

use crate::State;
use crate::events::By;

/// Keys in use that one agency may have: a few for rotation, as each makes every value longer.
pub const ACTIVE_MAX: usize = 4;

/// A public key of an agency. Its other half the bus never had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingKey {
    /// Its text, `e2e-public1.…`.
    pub public_key: String,
    /// Who published it.
    pub by: By,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// Since when nothing is sealed for it any more.
    pub retired: Option<Retired>,
}

/// That a key is not used any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// An agency that may read a class of a topic's events now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient<'s> {
    /// Which.
    pub agency: &'s AgencyName,
    /// Its keys in use, by id; none where it has published none.
    pub keys: Vec<(&'s str, &'s SealingKey)>,
}

/// The agencies that may read a class of a topic's events at `now_ms`, by name.
pub fn recipients<'s>(state: &'s State, topic: &TopicName, class: &Class, now_ms: u64) -> Vec<Recipient<'s>> {
    let live = state.subscriptions_of(topic).filter(|one| one.is_live(now_ms));
    let cleared = live.filter(|one| one.granted_terms().is_some_and(|terms| terms.clears.clears(class)));
    let agencies: BTreeSet<&AgencyName> = cleared.map(|one| &one.agency).collect();
    let recipient = |agency| Recipient {
        agency,
        keys: state.agency(agency).into_iter().flat_map(|known| known.keys_in_use()).collect(),
    };
    agencies.into_iter().map(recipient).collect()
}

/// What is wrong with whom a value is sealed for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mismatch {
    /// Not sealed for an agency that may read it.
    Missing(AgencyName),
    /// Sealed for an agency that may not read it.
    Stranger(String),
    /// Sealed for a key that the agency never published, or does not use any more.
    OtherKey(AgencyName, KeyId),
}

impl Mismatch {
    /// It in words that may be kept: who is no agency here is not named, as the name is whatever the producer wrote.
    pub fn told(&self, state: &State) -> String {
        let is_known = |name: &str| AgencyName::parse(name).is_ok_and(|name| state.agency(&name).is_some());
        match self {
            Mismatch::Missing(agency) => format!("is not sealed for {agency}, who may read it"),
            Mismatch::Stranger(agency) if is_known(agency) => {
                format!("is sealed for {agency:?}, who may not read it")
            }
            Mismatch::Stranger(_) => "is sealed for somebody who is no agency of this bus".to_owned(),
            Mismatch::OtherKey(agency, key) => {
                format!("is sealed for the key {key}, which is none that {agency} uses")
            }
        }
    }
}

/// Whether a value is sealed for just those who may read it: each by at least one of its keys in use, and no other key.
/// One of them is enough: a producer that has not seen an agency's newest key yet is not refused.
pub fn mismatches(recipients: &[Recipient<'_>], addressees: &[Addressee]) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let mut reached: BTreeMap<&AgencyName, bool> =
        recipients.iter().filter(|one| !one.keys.is_empty()).map(|one| (one.agency, false)).collect();
    for addressee in addressees {
        let known = recipients.iter().find(|one| one.agency.as_str() == addressee.agency);
        let Some(known) = known else {
            found.push(Mismatch::Stranger(addressee.agency.chars().take(64).collect()));
            continue;
        };
        let id = addressee.key.to_string();
        if known.keys.iter().any(|(key, _)| *key == id) {
            reached.insert(known.agency, true);
        } else {
            found.push(Mismatch::OtherKey(known.agency.clone(), addressee.key));
        }
    }
    let missing = reached.into_iter().filter(|(_, reached)| !reached);
    found.extend(missing.map(|(agency, _)| Mismatch::Missing(agency.clone())));
    found.sort();
    found.dedup();
    found
}
