//! The epochs of the keys that wrap persons' keys: what is journaled of them, and what it comes to. Pure.
//!
//! An epoch has a wrapping secret of each agency. Its end is what makes destroyed keys truly gone: when a new one has
//! begun (`begun`), every person's key but those of the erased is wrapped anew (`rewrapped`), and then the key management
//! service destroys what the old epoch's secrets were wrapped under (`destroyed`). Whatever copy of the journal there is
//! from before, nobody can open a key in it.

use std::collections::HashMap;

use contract::AgencyName;
use serde::{Deserialize, Serialize};

/// The epoch that a bus begins with.
pub const FIRST: u32 = 1;

/// An agency's secrets of one epoch, wrapped by the KMS, in hex. On disk: never rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgencySecret {
    /// Whose.
    pub agency: AgencyName,
    /// The epoch.
    pub epoch: u32,
    /// Makes pseudonyms and digests: the same secret in every epoch, wrapped anew.
    pub lasting: String,
    /// Wraps persons' keys.
    pub wrapping: String,
}

/// What the stream `agency-keys` holds. On disk: never rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum KeyFact {
    /// A new agency has secrets.
    Made(AgencySecret),
    /// An epoch begins: from now on its secrets wrap.
    Begun {
        /// Its number.
        epoch: u32,
        /// The secrets of all agencies there are.
        secrets: Vec<AgencySecret>,
    },
    /// All keys are wrapped in this epoch.
    Rewrapped {
        /// The epoch that runs.
        epoch: u32,
        /// How many of people who were not erased.
        keys: u64,
        /// How many of erased people were left behind.
        left_behind: u64,
    },
    /// What the epoch's secrets were wrapped under is destroyed.
    Destroyed {
        /// The epoch that was before.
        epoch: u32,
    },
}

impl KeyFact {
    /// The journal's form.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names, numbers and hex always encode")
    }
}

/// How far the epoch that runs has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// There is no other.
    #[default]
    Settled,
    /// Keys of the one before are being wrapped anew.
    Rewrapping,
    /// All keys are; what the secrets of the one before were wrapped under has to be destroyed.
    Destroying,
}

/// What an agency has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets {
    /// Of the epoch that runs.
    pub now: AgencySecret,
    /// Of the one before, until that is destroyed.
    pub before: Option<AgencySecret>,
}

/// An epoch that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Its number.
    pub epoch: u32,
    /// When the one after it began, in milliseconds since 1970. Who was erased before that is in no copy of a key any more.
    pub followed_ms: u64,
    /// When what its secrets were wrapped under was destroyed.
    pub destroyed_ms: u64,
    /// How many keys of erased people it took with it.
    pub left_behind: u64,
}

/// All epochs: a fold over `agency-keys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epochs {
    /// The epoch that runs.
    pub running: u32,
    /// When it began, in milliseconds since 1970: the first one with the first agency.
    pub since_ms: u64,
    /// How far it has come.
    pub stage: Stage,
    /// Those that ended, in order.
    pub ended: Vec<Ended>,
    agencies: Vec<Secrets>,
    numbers: HashMap<AgencyName, u32>,
    /// When all keys were wrapped in it, in milliseconds since 1970; 0 before that.
    pub rewrapped_ms: u64,
    left_behind: u64,
}

impl Default for Epochs {
    fn default() -> Self {
        Self {
            running: FIRST,
            since_ms: 0,
            stage: Stage::Settled,
            ended: Vec::new(),
            agencies: Vec::new(),
            numbers: HashMap::new(),
            rewrapped_ms: 0,
            left_behind: 0,
        }
    }
}

impl Epochs {
    /// Takes in a fact of the time given, in milliseconds since 1970.
    pub fn apply(&mut self, fact: &KeyFact, at_ms: u64) {
        match fact {
            KeyFact::Made(secret) => {
                self.put(secret);
                self.since_ms = if self.since_ms == 0 { at_ms } else { self.since_ms };
            }
            KeyFact::Begun { epoch, secrets } => {
                secrets.iter().for_each(|secret| self.put(secret));
                (self.running, self.since_ms, self.stage) = (*epoch, at_ms, Stage::Rewrapping);
            }
            KeyFact::Rewrapped { left_behind, .. } => {
                (self.stage, self.rewrapped_ms, self.left_behind) = (Stage::Destroying, at_ms, *left_behind);
            }
            KeyFact::Destroyed { epoch } => {
                self.agencies.iter_mut().for_each(|agency| agency.before = None);
                self.stage = Stage::Settled;
                let (followed_ms, left_behind) = (self.since_ms, self.left_behind);
                self.ended.push(Ended { epoch: *epoch, followed_ms, destroyed_ms: at_ms, left_behind });
            }
        }
    }

    fn put(&mut self, secret: &AgencySecret) {
        match self.numbers.get(&secret.agency) {
            Some(number) => {
                let known = &mut self.agencies[*number as usize];
                let was = std::mem::replace(&mut known.now, secret.clone());
                // Told twice, an epoch's beginning must not take the place of what was before it.
                if was.epoch != secret.epoch {
                    known.before = Some(was);
                }
            }
            None => {
                self.numbers.insert(secret.agency.clone(), self.agencies.len() as u32);
                self.agencies.push(Secrets { now: secret.clone(), before: None });
            }
        }
    }

    /// The number that stands for an agency in records: its place among all that ever had secrets.
    pub fn number(&self, agency: &AgencyName) -> Option<u32> {
        self.numbers.get(agency).copied()
    }

    /// What the agency of that number has.
    pub fn secrets(&self, number: u32) -> Option<&Secrets> {
        self.agencies.get(number as usize)
    }

    /// What all agencies have, by their numbers.
    pub fn all(&self) -> &[Secrets] {
        &self.agencies
    }

    /// The epoch whose keys are still wrapped otherwise, if there is one.
    pub fn before(&self) -> Option<u32> {
        (self.stage != Stage::Settled).then(|| self.running - 1)
    }

    /// Since when somebody who was erased at a time is in no copy whatever: when the epoch of that time was destroyed.
    pub fn final_since(&self, erased_ms: u64) -> Option<&Ended> {
        self.ended.iter().find(|ended| ended.followed_ms > erased_ms)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(agency: &str, epoch: u32) -> AgencySecret {
        let agency = AgencyName::parse(agency).unwrap();
        AgencySecret { agency, epoch, lasting: format!("{epoch:02x}"), wrapping: "aa".to_owned() }
    }

    #[test]
    fn an_epoch_runs_from_its_beginning_to_the_destruction_of_the_one_before() {
        let mut epochs = Epochs::default();
        epochs.apply(&KeyFact::Made(secret("courts", 1)), 5);
        epochs.apply(&KeyFact::Begun { epoch: 2, secrets: vec![secret("courts", 2)] }, 100);
        assert_eq!((epochs.running, epochs.stage, epochs.before()), (2, Stage::Rewrapping, Some(1)));
        epochs.apply(&KeyFact::Made(secret("tax-office", 2)), 101);
        let courts = epochs.secrets(epochs.number(&AgencyName::parse("courts").unwrap()).unwrap()).unwrap();
        assert_eq!((courts.now.epoch, courts.before.as_ref().unwrap().epoch), (2, 1));
        epochs.apply(&KeyFact::Rewrapped { epoch: 2, keys: 7, left_behind: 1 }, 102);
        assert_eq!(epochs.stage, Stage::Destroying);
        assert_eq!(epochs.final_since(99), None, "it is not destroyed yet");
        epochs.apply(&KeyFact::Destroyed { epoch: 1 }, 110);
        assert_eq!((epochs.stage, epochs.before()), (Stage::Settled, None));
        assert!(epochs.all().iter().all(|agency| agency.before.is_none()));
        assert_eq!(epochs.final_since(99).map(|ended| ended.destroyed_ms), Some(110));
        assert_eq!(epochs.final_since(100), None, "who was erased later may have been wrapped anew");
    }

    proptest! {
        #[test]
        fn facts_are_read_as_they_were_written(epoch: u32, keys: u64, left_behind: u64, lasting in "[0-9a-f]{0,64}") {
            let one = AgencySecret { lasting, ..secret("courts", epoch) };
            let facts = [
                KeyFact::Made(one.clone()),
                KeyFact::Begun { epoch, secrets: vec![one.clone(), one] },
                KeyFact::Rewrapped { epoch, keys, left_behind },
                KeyFact::Destroyed { epoch },
            ];
            for fact in facts {
                prop_assert_eq!(serde_json::from_slice::<KeyFact>(&fact.encode()).unwrap(), fact);
            }
        }
    }
}
