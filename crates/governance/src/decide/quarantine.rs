//! What becomes of a quarantined event. A data protection officer of the topic's owner says it, once.

use contract::TopicName;

use super::authority::{Case, reason_given};
use crate::commands::QuarantinedAt;
use crate::events::By;
use crate::quarantine::Quarantined;
use crate::{Event, Refused, Role};

/// It is nobody's data: everybody who reads the topic gets it.
pub(super) fn release(case: &Case<'_>, at: &QuarantinedAt) -> Result<Vec<Event>, Refused> {
    let (by, found) = found(case, at, "releasing")?;
    match found {
        Quarantined::Undecided { .. } => {}
        Quarantined::Released => return Ok(Vec::new()),
        Quarantined::Discarded => return Err(decided(at, "discarded")),
    }
    reason_given(&at.reason)?;
    let QuarantinedAt { topic, partition, offset, reason } = at.clone();
    Ok(vec![Event::QuarantineReleased { topic, partition, offset, reason, by }])
}

/// Nobody ever reads it: its key is destroyed. Not while a hold keeps the topic's events.
pub(super) fn discard(case: &Case<'_>, at: &QuarantinedAt) -> Result<Vec<Event>, Refused> {
    let (by, found) = found(case, at, "discarding")?;
    let key = match found {
        Quarantined::Undecided { key } => key,
        Quarantined::Discarded => return Ok(Vec::new()),
        Quarantined::Released => return Err(decided(at, "released")),
    };
    reason_given(&at.reason)?;
    if case.state.is_held(&at.topic) {
        let text = format!("a legal hold keeps the events of {} from being deleted", at.topic);
        return Err(Refused::new("held", text).hint("it can be discarded when that is lifted"));
    }
    let QuarantinedAt { topic, partition, offset, reason } = at.clone();
    Ok(vec![Event::QuarantineDiscarded { topic, partition, offset, key, reason, by }])
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

fn decided(at: &QuarantinedAt, what: &str) -> Refused {
    let place = place(&at.topic, at.partition, at.offset);
    Refused::new("decided", format!("the event at {place} was {what} already"))
        .hint("about a quarantined event is decided once")
}

fn place(topic: &TopicName, partition: u32, offset: u64) -> String {
    format!("{topic}, partition {partition}, offset {offset}")
}
