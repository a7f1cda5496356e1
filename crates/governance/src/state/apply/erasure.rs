//! Folds persons' erasures and legal holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::State;
use crate::erasure::speakers;
use crate::events::ErasureEvent;
use crate::state::{Erasure, Hold, Informed, Part, Response, Stopped, Word};

pub(super) fn fold(state: &mut State, event: &ErasureEvent, at_ms: u64) {
    match event {
        ErasureEvent::ErasureRequested { erasure, parts, reason, speaks_for, by } => {
            let part = |found: &crate::state::Found| Part {
                found: found.clone(),
                ended: None,
                erased: None,
                traced_ms: None,
            };
            let record = Erasure {
                id: erasure.clone(),
                reason: reason.clone(),
                asked: Word { speaks_for: speaks_for.clone(), by: by.clone(), at_ms },
                agreed: Vec::new(),
                parts: parts.iter().map(part).collect(),
                asked_of: parts.iter().flat_map(|found| speakers(state, found)).cloned().collect(),
                informed: BTreeMap::new(),
            };
            state.erasures.insert(erasure.clone(), Arc::new(record));
        }
        ErasureEvent::HoldPlaced { hold, on, agency, reason, reference, by } => {
            let record = Hold {
                id: hold.clone(),
                on: on.clone(),
                agency: agency.clone(),
                reason: reason.clone(),
                reference: reference.clone(),
                by: by.clone(),
                at_ms,
                lifted: None,
            };
            state.holds.insert(hold.clone(), Arc::new(record));
        }
        ErasureEvent::HoldLifted { hold, reason, by } => {
            if let Some(record) = state.holds.get_mut(hold) {
                Arc::make_mut(record).lifted = Some((reason.clone(), by.clone(), at_ms));
            }
        }
        of_one => {
            let record = of_one.erasure().and_then(|erasure| state.erasures.get_mut(erasure));
            if let Some(record) = record {
                change(Arc::make_mut(record), of_one, at_ms);
            }
        }
    }
}

fn change(record: &mut Erasure, event: &ErasureEvent, at_ms: u64) {
    match event {
        ErasureEvent::ErasureApproved { speaks_for, by, .. } => {
            record.agreed.push(Word { speaks_for: speaks_for.clone(), by: by.clone(), at_ms });
        }
        ErasureEvent::ErasureDeclined { agencies, reason, by, .. } => {
            let end = Stopped { withdrawn: false, reason: reason.clone(), by: by.clone(), at_ms };
            let open = record.parts.iter_mut().filter(|part| part.is_open());
            open.filter(|part| agencies.contains(&part.found.person.agency))
                .for_each(|part| part.ended = Some(end.clone()));
        }
        ErasureEvent::ErasureWithdrawn { reason, by, .. } => {
            let end = Stopped { withdrawn: true, reason: reason.clone(), by: by.clone(), at_ms };
            let open = record.parts.iter_mut().filter(|part| part.is_open());
            open.for_each(|part| part.ended = Some(end.clone()));
        }
        ErasureEvent::ErasureLooked { agency, topics, .. } => {
            if let Some(part) = part(record, agency) {
                part.found.topics.clone_from(topics);
            }
        }
        ErasureEvent::ErasureAskedOf { agency, .. } => {
            record.asked_of.insert(agency.clone());
        }
        ErasureEvent::PersonErased { agency, topics, by, .. } => {
            if let Some(part) = part(record, agency) {
                part.found.topics.clone_from(topics);
                part.erased = Some((by.clone(), at_ms));
            }
        }
        ErasureEvent::ErasureTold { agency, to, handed, some, .. } => {
            let informed = Informed { handed: handed.clone(), some: some.clone(), at_ms, answer: None };
            record.informed.insert((agency.clone(), to.clone()), informed);
        }
        ErasureEvent::ErasureTraced { agency, .. } => {
            if let Some(part) = part(record, agency) {
                part.traced_ms = Some(at_ms);
            }
        }
        ErasureEvent::ErasureAnswered { agency, kept, by, .. } => {
            let told = record.informed.iter_mut().filter(|((_, to), _)| to == agency);
            told.for_each(|(_, informed)| {
                informed.answer = Some(Response { kept: kept.clone(), by: by.clone(), at_ms });
            });
        }
        _ => {}
    }
}

fn part<'a>(record: &'a mut Erasure, agency: &contract::AgencyName) -> Option<&'a mut Part> {
    record.parts.iter_mut().find(|part| part.found.person.agency == *agency)
}
