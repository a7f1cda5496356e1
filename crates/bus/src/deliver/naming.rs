//! What a reading agency is told of people: pairwise pseudonyms, made of what the sealing agency calls them with a secret of
//! the reader's. So the names do not join what two agencies were handed (an event that both read does, by its id), and a person is
//! the same in all that one of them reads of one owner.

use contract::AgencyName;
use seal::Pseudonym;

use crate::Refusal;
use crate::core::Core;

/// Names people for one reader.
pub struct Naming<'c> {
    core: &'c Core,
    reader: &'c AgencyName,
    /// Most events name one person, several times.
    last: Option<(Pseudonym, String)>,
    /// Why the reader's keys cannot be had, if they were needed.
    failed: Option<Refusal>,
}

impl<'c> Naming<'c> {
    /// For readers of this agency.
    pub fn new(core: &'c Core, reader: &'c AgencyName) -> Self {
        Self { core, reader, last: None, failed: None }
    }

    /// What the reader is told, 32 hex digits; empty where its keys cannot be had, which [`Naming::finish`] tells.
    pub fn name(&mut self, person: &Pseudonym) -> &str {
        if self.last.as_ref().is_none_or(|(known, _)| known != person) {
            self.last = match self.core.keyring.agency(self.reader) {
                Ok(keys) => Some((*person, keys.pseudonym_for_reader(person).to_string())),
                Err(refusal) => {
                    self.failed = Some(refusal);
                    None
                }
            };
        }
        self.last.as_ref().map_or("", |(_, name)| name)
    }

    /// Whether every name that was asked for was there. If not, nothing of the event may be handed over.
    pub fn finish(self) -> Result<(), Refusal> {
        self.failed.map_or(Ok(()), Err)
    }
}
