//! Personal data where the contract says that there is none: the standards say whether the event is refused, quarantined or
//! the finding noted. What is found is never repeated.

use contract::CloudEvent;
use std::borrow::Cow;
use std::collections::BTreeSet;

use contract::check::{Checked, Leak};
use contract::compile::Contract;
use contract::leaks::{Search, Set, detector, detectors, national_identifier, scan};

use governance::leaks::Answer;

use super::guard::open_attributes;
use crate::core::Core;
use crate::findings::place;
use crate::limits::LEAKS_TOLD;
use crate::quarantine::Leaked;
use crate::topics::Topic;
use crate::{Refusal, RefusalKind};

/// Attributes that are signs of machines; the form of each is checked elsewhere.
const MACHINES: [&str; 4] = ["time", "datacontenttype", "type", "traceparent"];

/// What was found in an event that may be taken.
#[derive(Default)]
pub struct Kept {
    /// All of it. It is told by the lane, as the lane alone knows whether the event is taken.
    pub found: Vec<Leak>,
    /// Whether something of it quarantines the event.
    pub is_quarantined: bool,
}

/// Refuses an event with what the standards refuse, and tells of that; the answer is what else was found. `event` is what is
/// about to be stored: what the contract seals has left it already.
pub fn keep(
    core: &Core,
    topic: &Topic,
    contract: &Contract,
    event: &CloudEvent,
    checked: &Checked,
) -> Result<Kept, Refusal> {
    let mut found = checked.leaks.clone();
    if !topic.watch.is_empty() {
        in_attributes(topic.watch, event, checked.subjects.is_empty(), &mut found);
    }
    if checked.subjects.is_empty() {
        found.extend(whole_subject(topic, event));
    }
    if found.is_empty() {
        return Ok(Kept::default());
    }
    // Members of a map have one place: what is there counts once for an event.
    found.sort_by(|a, b| (&a.pointer, a.detector).cmp(&(&b.pointer, b.detector)));
    found.dedup();
    let has = |set: Set| found.iter().any(|leak| set.has(leak.detector));
    if !has(topic.refuses) {
        let is_quarantined = has(topic.quarantines);
        return Ok(Kept { found, is_quarantined });
    }
    core.findings.tell(&core.metrics, &topic.name, &found, Answer::Refuse);
    found.retain(|leak| topic.refuses.has(leak.detector));
    Err(refusal(topic, contract, &found))
}

/// What a producer is told of it, and an officer who decides.
pub fn told(found: &[Leak]) -> Vec<Leaked> {
    let one =
        |leak: &Leak| Leaked { place: place(leak), detector: detectors()[leak.detector].name.to_owned() };
    found.iter().take(LEAKS_TOLD).map(one).collect()
}

fn in_attributes(watch: Set, event: &CloudEvent, names_nobody: bool, found: &mut Vec<Leak>) {
    // The subject of an event about nobody stays as it is; of any other it is a pseudonym by now.
    let subject =
        event.subject.as_deref().filter(|_| names_nobody).map(|text| ("subject", Cow::Borrowed(text)));
    let open = open_attributes(event).filter(|(name, _)| !MACHINES.contains(name)).chain(subject);
    for (name, value) in open {
        let search = Search { wanted: watch, named: name, ..Search::default() };
        let leak = |detector| Leak { pointer: format!("attribute {name}"), detector };
        found.extend(scan(&value, search).places().map(leak));
    }
}

/// A subject that is nothing but a national identifier, by the strictest of its answers: of an event about nobody it stays as it
/// is. What is refused of it was refused before.
fn whole_subject(topic: &Topic, event: &CloudEvent) -> Option<Leak> {
    let subject = event.subject.as_deref()?;
    let known =
        [topic.quarantines, topic.watch].into_iter().find_map(|set| national_identifier(subject, set))?;
    Some(Leak { pointer: "attribute subject".to_owned(), detector: detector(known.name)? })
}

fn refusal(topic: &Topic, contract: &Contract, refused: &[Leak]) -> Refusal {
    let definition = contract.definition();
    let said = refused.iter().map(|leak| {
        let place = if leak.pointer.is_empty() { "the document" } else { &leak.pointer };
        format!("{place} holds {}, and is classified as nobody's", detectors()[leak.detector].what)
    });
    let said: Vec<String> = said.collect();
    let (name, version, whose) = (&topic.name, definition.version, topic.answers_for_it());
    let text = format!("contract {name} {version}: {} ({whose})", said.join("; "));
    let of_fields = refused.iter().filter(|leak| !leak.pointer.starts_with("attribute "));
    let names: BTreeSet<&str> = of_fields.map(|leak| detectors()[leak.detector].name).collect();
    let mut hint = "leave it out, or put it into a field that the contract seals".to_owned();
    if !names.is_empty() {
        let names: Vec<&str> = names.into_iter().collect();
        hint.push_str(&format!(
            "; where it names no person, the steward lets the field have it (`may_hold: [{}]`)",
            names.join(", ")
        ));
    }
    Refusal::new(RefusalKind::Contract, text).hint(hint)
}
