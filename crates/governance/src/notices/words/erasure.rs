//! What is told of erasures and holds: never who the person is. An agency that was handed events finds them by their
//! places.

use std::collections::BTreeSet;

use contract::AgencyName;

use super::{Telling, instant};
use crate::Role;
use crate::erasure::{concerned, speakers};
use crate::events::{By, ErasureEvent, Event};
use crate::notices::{Ask, Notice};
use crate::state::{Erasure, EventAt, HoldOn};

/// Most events that a notice names; the others are asked for.
const EVENTS_NAMED: usize = 10;

impl Telling<'_> {
    pub(super) fn erasure(&self, event: &Event) -> Option<Notice> {
        match event {
            Event::Erasure(ErasureEvent::ErasureRequested { erasure, reason, by, .. }) => {
                let known = self.state.erasure(erasure)?;
                let asks = self.approvals(known);
                let text = format!("erasure {erasure} of a person is asked for: {reason}");
                let notice = self.begin("erasure.requested", &text, by)?;
                let asked = asks.iter().map(|ask| ask.agency.clone());
                let concerns: BTreeSet<AgencyName> = self.answering(known).into_iter().chain(asked).collect();
                let concerns = concerns.into_iter().collect();
                Some(Notice { reason: Some(reason.clone()), concerns, asks, ..notice })
            }
            Event::Erasure(ErasureEvent::ErasureAskedOf { erasure, agency, by }) => {
                let known = self.state.erasure(erasure)?;
                let reason = &known.reason;
                let text = format!(
                    "{agency} has a word in erasure {erasure} of a person now, which waits for it: {reason}"
                );
                let notice = self.begin("erasure.requested", &text, by)?;
                let (concerns, asks) = (vec![agency.clone()], vec![self.approval(known, agency, Role::Dpo)]);
                let (agency, reason) = (Some(agency.clone()), Some(reason.clone()));
                Some(Notice { agency, reason, concerns, asks, ..notice })
            }
            Event::Erasure(ErasureEvent::ErasureDeclined { erasure, agencies, reason, by }) => {
                let of: Vec<&str> = agencies.iter().map(|agency| agency.as_str()).collect();
                let what = format!("is declined for what the keys of {} seal", of.join(", "));
                self.ended(erasure, &what, reason, by)
            }
            Event::Erasure(ErasureEvent::ErasureWithdrawn { erasure, reason, by }) => {
                self.ended(erasure, "is withdrawn", reason, by)
            }
            Event::Erasure(ErasureEvent::ErasureTraced { erasure, agency, by }) => {
                let known = self.state.erasure(erasure)?;
                let told = known.informed.keys().filter(|(part, _)| part == agency).count();
                let text = format!(
                    "erasure {erasure} is carried out for what the keys of {agency} seal; agencies told: {told}"
                );
                let notice = self.begin("erasure.carried-out", &text, by)?;
                let found = &known.part(agency)?.found;
                let concerns = speakers(self.state, found).into_iter().cloned().collect();
                Some(Notice { agency: Some(agency.clone()), concerns, ..notice })
            }
            Event::Erasure(ErasureEvent::ErasureTold { erasure, agency, to, handed, some, by }) => {
                let events: u64 = handed.iter().map(|one| one.events).sum();
                let what = if events == 1 { "event".to_owned() } else { format!("{events} events") };
                let text = format!(
                    "a person was erased (erasure {erasure}) from what the keys of {agency} seal: delete what {to} has of \
                     the {what} about them that it was handed, {}",
                    places(some, events, erasure)
                );
                let within_ms = self.state.standards().erasure.answer_within_s.saturating_mul(1000);
                let ask = Ask {
                    agency: to.clone(),
                    wanted: "answer",
                    how: format!(
                        "a data protection officer or steward of {to} says what it did: chancery erase acknowledge \
                         {erasure} --agency {to} --deleted, or --kept GROUND"
                    ),
                    by: Some(instant(self.at_ms.saturating_add(within_ms))),
                };
                let notice = self.begin("erasure.told", &text, by)?;
                Some(Notice {
                    agency: Some(to.clone()),
                    concerns: vec![to.clone()],
                    asks: vec![ask],
                    ..notice
                })
            }
            Event::Erasure(ErasureEvent::ErasureAnswered { erasure, agency, kept, by }) => {
                let known = self.state.erasure(erasure)?;
                let text = match kept {
                    None => format!("{agency} deleted the events that erasure {erasure} is about"),
                    Some(ground) => {
                        format!("{agency} keeps events that erasure {erasure} is about: {ground}")
                    }
                };
                let notice = self.begin("erasure.answered", &text, by)?;
                let (agency, reason) = (Some(agency.clone()), kept.clone());
                Some(Notice { agency, reason, concerns: self.answering(known), ..notice })
            }
            _ => None,
        }
    }

    fn ended(&self, erasure: &str, what: &str, reason: &str, by: &By) -> Option<Notice> {
        let known = self.state.erasure(erasure)?;
        let notice = self.begin("erasure.ended", &format!("erasure {erasure} {what}: {reason}"), by)?;
        Some(Notice { reason: Some(reason.to_owned()), concerns: self.answering(known), ..notice })
    }

    /// Those whose data protection officers speak for a part, and the agency of who asked.
    fn answering(&self, known: &Erasure) -> Vec<AgencyName> {
        let parts = known.parts.iter().flat_map(|part| speakers(self.state, &part.found));
        let asked = known.asked.by.principal.agency();
        parts.chain([&asked]).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whose word is wanted: that of each data protection officer who has not spoken; if there is none, that of anybody who
    /// can be the second.
    fn approvals(&self, known: &Erasure) -> Vec<Ask> {
        let second: BTreeSet<&AgencyName> =
            known.parts.iter().flat_map(|part| speakers(self.state, &part.found)).collect();
        let silent = second.iter().filter(|agency| !known.asked.speaks_for.contains(**agency));
        let silent: Vec<Ask> = silent.map(|agency| self.approval(known, agency, Role::Dpo)).collect();
        if !silent.is_empty() {
            return silent;
        }
        let officers = second.into_iter().map(|agency| self.approval(known, agency, Role::Dpo));
        let operators = self.state.central().map(|agency| self.approval(known, agency, Role::Operator));
        officers.chain(operators).collect()
    }

    fn approval(&self, known: &Erasure, agency: &AgencyName, role: Role) -> Ask {
        let others = self.state.principals_in(agency, role).map(|it| &it.principal);
        let others = others.filter(|who| **who != known.asked.by.principal).map(|who| who.as_str());
        let others: Vec<&str> = others.take(5).collect();
        let who = match (others.is_empty(), role) {
            (false, _) => others.join(" or "),
            (true, Role::Operator) => format!("an operator of {agency}"),
            (true, _) => format!("another data protection officer of {agency}"),
        };
        let how = format!("{who} agrees or declines: chancery erase approve {}", known.id);
        Ask { agency: agency.clone(), wanted: "approval", how, by: None }
    }

    pub(super) fn hold(&self, kind: &str, hold: &str, reason: &str, by: &By) -> Option<Notice> {
        let known = self.state.hold(hold)?;
        let (on, topic) = match &known.on {
            HoldOn::Person(_) => ("a person".to_owned(), None),
            HoldOn::Topic(topic) => (format!("topic {topic}"), Some(topic.clone())),
        };
        let done = if known.lifted.is_some() { "lifted" } else { "placed" };
        let text = format!("legal hold {hold} on {on} is {done} ({}): {reason}", known.reference);
        let notice = self.begin(kind, &text, by)?;
        let concerns: BTreeSet<AgencyName> =
            concerned(self.state, known).into_iter().chain([&known.agency]).cloned().collect();
        let (agency, reason) = (Some(known.agency.clone()), Some(reason.to_owned()));
        Some(Notice { topic, agency, reason, concerns: concerns.into_iter().collect(), ..notice })
    }
}

/// Where the events stand; some of many.
fn places(some: &[EventAt], events: u64, erasure: &str) -> String {
    let place =
        |at: &EventAt| format!("{} partition {} offset {} id {}", at.topic, at.partition, at.offset, at.id);
    let named: Vec<String> = some.iter().take(EVENTS_NAMED).map(place).collect();
    let all = format!("all of them: chancery erase references {erasure}");
    if (named.len() as u64) < events {
        format!("among them {}; {all}", named.join("; "))
    } else {
        format!("which are {}; {all}", named.join("; "))
    }
}
