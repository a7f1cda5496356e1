//! What is told of the keys that producers seal for: to the agency whose they are, so that it notices one that it did not
//! publish, and to the owners of the topics that it reads.

use contract::AgencyName;

use super::{Telling, named};
use crate::events::{AgencyEvent, By, Event};
use crate::notices::Notice;

impl Telling<'_> {
    pub(super) fn sealing_key(&self, event: &Event) -> Option<Notice> {
        match event {
            Event::Agency(AgencyEvent::SealingKeyPublished { agency, key, by, .. }) => {
                let text = format!("{agency} published the sealing key {key}");
                self.of_key("agency.key-published", agency, &text, by)
            }
            Event::Agency(AgencyEvent::SealingKeyRetired { agency, key, reason, by }) => {
                let text =
                    format!("{agency} retired the sealing key {key}: nothing is sealed for it any more");
                let notice = self.of_key("agency.key-retired", agency, &text, by)?;
                Some(Notice { reason: Some(super::in_a_line(reason)), ..notice })
            }
            _ => None,
        }
    }

    fn of_key(&self, kind: &str, agency: &AgencyName, text: &str, by: &By) -> Option<Notice> {
        let read = self.state.subscriptions().filter(|one| one.agency == *agency && one.is_live(self.at_ms));
        let owners = read.filter_map(|one| self.state.topic(&one.topic)).map(|topic| topic.owner.clone());
        let concerns = named(owners.chain([agency.clone()]).collect());
        Some(Notice { agency: Some(agency.clone()), concerns, ..self.begin(kind, text, by)? })
    }
}
