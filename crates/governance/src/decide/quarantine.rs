//! What becomes of a quarantined event. A data protection officer of the topic's owner says it, once.

use contract::TopicName;
use contract::leaks::{Search, Set, detectors, national_identifier, scan};

use super::authority::{Case, reason_given};
use crate::commands::QuarantinedAt;
use crate::events::{By, LeakEvent};
use crate::quarantine::Quarantined;
use crate::{Event, Refused, Role};

/// It is nobody's data: everybody who reads the topic gets it.
pub(super) fn release(case: &Case<'_>, at: &QuarantinedAt) -> Result<Vec<Event>, Refused> {
    let (by, found) = found(case, at, "releasing")?;
    match found {
        Quarantined::Undecided { is_replaced: false, .. } => {}
        Quarantined::Undecided { is_replaced: true, .. } => return Err(replaced(at)),
        Quarantined::Released => return Ok(Vec::new()),
        Quarantined::Discarded => return Err(decided(at, "discarded")),
    }
    reason_holds_nobodys(&at.reason)?;
    let QuarantinedAt { topic, partition, offset, reason } = at.clone();
    Ok(vec![Event::Leak(LeakEvent::QuarantineReleased { topic, partition, offset, reason, by })])
}

/// Nobody ever reads it: its key is destroyed. Not while a hold keeps the topic's events.
pub(super) fn discard(case: &Case<'_>, at: &QuarantinedAt) -> Result<Vec<Event>, Refused> {
    let (by, found) = found(case, at, "discarding")?;
    let key = match found {
        Quarantined::Undecided { key, .. } => key,
        Quarantined::Discarded => return Ok(Vec::new()),
        Quarantined::Released => return Err(decided(at, "released")),
    };
    reason_holds_nobodys(&at.reason)?;
    if case.state.is_held(&at.topic) {
        let text = format!("a legal hold keeps the events of {} from being deleted", at.topic);
        return Err(Refused::new("held", text).hint("it can be discarded when that is lifted"));
    }
    let QuarantinedAt { topic, partition, offset, reason } = at.clone();
    Ok(vec![Event::Leak(LeakEvent::QuarantineDiscarded { topic, partition, offset, key, reason, by })])
}

fn found(case: &Case<'_>, at: &QuarantinedAt, what: &str) -> Result<(By, Quarantined), Refused> {
    let topic = case.topic(&at.topic)?;
    let by = case.in_role(&topic.owner, Role::Dpo).ok_or_else(|| {
        let what = format!("{what} a quarantined event of {}", at.topic);
        Refused::not_allowed(&what, case.those(&topic.owner, Role::Dpo))
    })?;
    let found = case.check.quarantined(&at.topic, at.partition, at.offset);
    let found = found.ok_or_else(|| {
        Refused::unknown("quarantined event", place(&at.topic, at.partition, at.offset))
            .hint(format!("chancery topic quarantine list {} shows what waits", at.topic))
    })?;
    Ok((by, found))
}

/// A reason is in the audit and in notices, and whoever decides has just read what was found.
fn reason_holds_nobodys(reason: &str) -> Result<(), Refused> {
    reason_given(reason)?;
    if reason.chars().count() > REASON_MAX_CHARS {
        let text = format!("the reason is longer than {REASON_MAX_CHARS} characters");
        return Err(
            Refused::new("reason-too-long", text).hint("say it shortly, or name the file in which it stands")
        );
    }
    let scanned = scan(reason, Search { wanted: Set::all(), ..Search::default() });
    let known = scanned.places().next().and_then(|at| detectors().get(at));
    let Some(known) = known.or_else(|| national_identifier(reason, Set::all())) else { return Ok(()) };
    let text = format!("the reason holds {}: it is told to those concerned and kept", known.what);
    Err(Refused::new("personal-data", text).hint("say why without what was found"))
}

/// Longest reason.
const REASON_MAX_CHARS: usize = 500;

fn replaced(at: &QuarantinedAt) -> Refused {
    let place = place(&at.topic, at.partition, at.offset);
    let text = format!(
        "the event at {place} cannot be released: another one of its source and id was published since"
    );
    Refused::new("replaced", text)
        .hint("discard it; if it is needed, its producer sends it with an id of its own")
}

fn decided(at: &QuarantinedAt, what: &str) -> Refused {
    let place = place(&at.topic, at.partition, at.offset);
    Refused::new("decided", format!("the event at {place} was {what} already"))
        .hint("about a quarantined event is decided once")
}

fn place(topic: &TopicName, partition: u32, offset: u64) -> String {
    format!("{topic}, partition {partition}, offset {offset}")
}
