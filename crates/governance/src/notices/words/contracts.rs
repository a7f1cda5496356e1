//! What is told of the life of contracts.

use contract::{AgencyName, ContractVersion, TopicName};

use super::{Telling, answerable, instant, named};
use crate::agreement::{self, Wait, is_overridden};
use crate::events::{By, ContractEvent, Event};
use crate::notices::{Ask, Notice, is_own};
use crate::state::{Topic, Version};

impl Telling<'_> {
    /// A notice of a version, which concerns its owner and its readers.
    fn of_version(
        &self,
        kind: &str,
        (topic, version): (&Topic, &Version),
        what: &str,
        by: &By,
    ) -> Option<Notice> {
        let number = version.number();
        let text = format!("contract {} {number} {what}", topic.name);
        Some(Notice {
            topic: Some(topic.name.clone()),
            version: Some(number.0),
            concerns: self.around(topic),
            ..self.begin(kind, &text, by)?
        })
    }

    pub(super) fn proposed(&self, topic: &TopicName, number: ContractVersion, by: &By) -> Option<Notice> {
        let (topic, version) = self.version(topic, number).filter(|(topic, _)| !is_own(&topic.name))?;
        let weight = version.weight();
        let notice =
            self.of_version("contract.proposed", (topic, version), &format!("proposed: {weight}"), by)?;
        Some(Notice { weight: Some(weight), asks: self.asked(topic, version), ..notice })
    }

    /// What a proposed version waits for, as what its readers have to do.
    fn asked(&self, topic: &Topic, version: &Version) -> Vec<Ask> {
        let number = version.number().0;
        let of = |agency: &AgencyName, by: Option<u64>| {
            let on = format!("{} {number} --agency {agency}", topic.name);
            let how = format!(
                "a steward of {agency}: chancery contract acknowledge {on}, or chancery contract object {on} --reason …"
            );
            Ask { agency: agency.clone(), wanted: "acknowledgement", how, by: by.map(instant) }
        };
        let waits = agreement::waits(self.state, topic, version, self.at_ms);
        let asks =
            waits.iter().filter(|wait| matches!(wait, Wait::Acknowledgement { .. } | Wait::Notice { .. }));
        asks.flat_map(|wait| wait.agencies().iter().map(move |agency| of(agency, wait.until_ms()))).collect()
    }

    pub(super) fn hearing(&self, event: &Event) -> Option<Notice> {
        match event {
            Event::Contract(ContractEvent::ContractAcknowledged { topic, version, agency, by }) => {
                let found = self.version(topic, *version)?;
                let what = format!("acknowledged by {agency}");
                let notice = self.of_version("contract.acknowledged", found, &what, by)?;
                Some(between(notice, agency, found.0))
            }
            Event::Contract(ContractEvent::ContractObjected { topic, version, agency, reason, by }) => {
                let found = self.version(topic, *version)?;
                let what = format!("objected to by {agency}: {reason}");
                let notice = self.of_version("contract.objected", found, &what, by)?;
                let (who, owner) = (answerable(found.0), &found.0.owner);
                let how = format!(
                    "{who}: chancery contract answer {topic} {} --agency {agency} --text …, or propose \
                     other text",
                    version.0
                );
                let asks = vec![Ask { agency: owner.clone(), wanted: "answer", how, by: None }];
                Some(Notice { reason: Some(reason.clone()), asks, ..between(notice, agency, found.0) })
            }
            Event::Contract(ContractEvent::ObjectionAnswered { topic, version, agency, answer, by }) => {
                let found = self.version(topic, *version)?;
                let what = format!("objection of {agency} answered: {answer}");
                let notice = self.of_version("contract.answered", found, &what, by)?;
                Some(Notice { reason: Some(answer.clone()), ..between(notice, agency, found.0) })
            }
            Event::Contract(ContractEvent::ContractOverridden { topic, version, reason, role, by }) => {
                let found = self.version(topic, *version)?;
                let so = if is_overridden(&found.1.overrides) {
                    "it may go live"
                } else {
                    "one of the two who are needed"
                };
                let what = format!("overridden by {} as {role}, {so}: {reason}", by.principal);
                let notice = self.of_version("contract.overridden", found, &what, by)?;
                Some(Notice { reason: Some(reason.clone()), ..notice })
            }
            _ => None,
        }
    }

    pub(super) fn life(&self, event: &Event) -> Option<Notice> {
        match event {
            Event::Contract(ContractEvent::ContractActivated { topic, version, by }) => {
                let found = self.version(topic, *version).filter(|(topic, _)| !is_own(&topic.name))?;
                let what = match &found.1.definition.migration {
                    None => "is live: events may follow it",
                    Some(_) => {
                        "is live: events may follow it; who has not agreed goes on by the version that they read, and \
                         goes over by acknowledging this one"
                    }
                };
                self.of_version("contract.activated", found, what, by)
            }
            Event::Contract(ContractEvent::ContractDeprecated { topic, version, sunset, by }) => {
                let found = self.version(topic, *version)?;
                let what = format!("ends on {sunset}: from that day on it takes no event");
                let notice = self.of_version("contract.deprecated", found, &what, by)?;
                Some(Notice { sunset: Some(*sunset), ..notice })
            }
            Event::Contract(ContractEvent::ContractRetired { topic, version, by }) => {
                let found = self.version(topic, *version)?;
                let what = if found.1.activated.is_some() { "ended" } else { "is withdrawn" };
                self.of_version("contract.retired", found, what, by)
            }
            _ => None,
        }
    }
}

/// A notice of what two agencies say to each other about a version.
fn between(notice: Notice, agency: &AgencyName, topic: &Topic) -> Notice {
    Notice {
        agency: Some(agency.clone()),
        concerns: named(vec![agency.clone(), topic.owner.clone()]),
        ..notice
    }
}
