//! Legal holds: what must not be erased or deleted for the time being.

use super::authority::{Case, owners, reason_given};
use crate::commands::NewHold;
use crate::erasure;
use crate::events::{By, ErasureEvent};
use crate::state::{Hold, HoldOn};
use crate::{Event, Refused, Role};

/// An operator for all; a data protection officer or steward for what their agency answers for.
pub(super) fn place(case: &Case<'_>, wish: &NewHold) -> Result<Vec<Event>, Refused> {
    let by = match &wish.on {
        HoldOn::Person(persons) => on_person(case, persons)?,
        HoldOn::Topic(topic) => on_topic(case, topic)?,
    };
    reason_given(&wish.reason)?;
    if wish.reference.trim().is_empty() {
        let text = "a reference is missing: the case or order that the hold rests on";
        return Err(Refused::new("no-reference", text));
    }
    if case.state.hold(&wish.hold).is_some() {
        return Err(Refused::exists("hold", &wish.hold));
    }
    let NewHold { hold, on, reason, reference } = wish.clone();
    Ok(vec![Event::Erasure(ErasureEvent::HoldPlaced {
        hold,
        on,
        agency: case.actor.agency.clone(),
        reason,
        reference,
        by,
    })])
}

fn on_person(case: &Case<'_>, persons: &[crate::state::Person]) -> Result<By, Refused> {
    let own = erasure::may_hold(case.state, case.actor)?;
    match persons.iter().find(|person| !own.contains(&person.agency)) {
        None if persons.is_empty() => Err(Refused::new("malformed", "a hold on a person names nobody")),
        None => Ok(case.own()),
        Some(other) => Err(Refused::not_allowed(
            &format!("holding what the keys of {} seal", other.agency),
            format!("an operator, or {}", case.those(&other.agency, Role::Dpo)),
        )),
    }
}

fn on_topic(case: &Case<'_>, name: &contract::TopicName) -> Result<By, Refused> {
    let topic = case.topic(name)?;
    let right = case.as_steward(topic).or_else(|| case.in_role(&topic.owner, Role::Dpo));
    if let Some(by) = right {
        return Ok(by);
    }
    if case.actor.is(Role::Operator) {
        return Ok(case.own());
    }
    let who = format!("{}, {} or an operator", owners(topic), case.those(&topic.owner, Role::Dpo));
    Err(Refused::not_allowed(&format!("holding topic {name}"), who))
}

/// An operator, or a data protection officer or steward of the agency that placed it.
pub(super) fn lift(case: &Case<'_>, name: &str, reason: &str) -> Result<Vec<Event>, Refused> {
    let unknown = || Refused::unknown("hold", name).hint("chancery hold list shows those that concern you");
    let known = case.state.hold(name).ok_or_else(unknown)?;
    let Some(by) = right(case, known) else {
        if !erasure::may_see_hold(case.state, case.actor, known, case.now_ms) {
            return Err(unknown());
        }
        let agency = &known.agency;
        let who = format!(
            "an operator, {} or {}",
            case.those(agency, Role::Dpo),
            case.those(agency, Role::Steward)
        );
        return Err(Refused::not_allowed(&format!("lifting hold {name}"), who));
    };
    if known.lifted.is_some() {
        return Ok(Vec::new());
    }
    reason_given(reason)?;
    Ok(vec![Event::Erasure(ErasureEvent::HoldLifted {
        hold: name.to_owned(),
        reason: reason.to_owned(),
        by,
    })])
}

fn right(case: &Case<'_>, hold: &Hold) -> Option<By> {
    let own = [Role::Dpo, Role::Steward].into_iter().find_map(|role| case.in_role(&hold.agency, role));
    own.or_else(|| case.actor.is(Role::Operator).then(|| case.own()))
}
