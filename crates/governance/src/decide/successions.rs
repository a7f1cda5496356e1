//! What an agency has goes to others on a day: proposed by an operator, agreed to by each who gets something.

use contract::{AgencyName, PrincipalName};

use super::authority::{Case, reason_given};
use super::{no_faults, principals, transfers};
use crate::events::SuccessionEvent;
use crate::state::{Shares, Succession};
use crate::{Date, Event, Refused, Role, succession, transfer};

/// An operator says who gets what, and when. Another proposal takes the place of a former one, with nobody's agreement.
pub(super) fn propose(
    case: &Case<'_>,
    agency: &AgencyName,
    on: Date,
    shares: &Shares,
) -> Result<Vec<Event>, Refused> {
    let by = case.as_operator(&format!("proposing who succeeds agency {agency}"))?;
    case.agency(agency)?;
    transfers::is_ahead(case, on)?;
    no_faults("invalid-shares", &succession::faults(case.state, agency, shares))?;
    let known = case.state.succession(agency);
    if known.is_some_and(|known| known.on == on && known.shares == *shares) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Succession(SuccessionEvent::SuccessionProposed {
        agency: agency.clone(),
        on,
        shares: shares.clone(),
        by,
    })])
}

/// A successor agrees, and names who will answer for the topics that it gets.
pub(super) fn accept(
    case: &Case<'_>,
    agency: &AgencyName,
    successor: &AgencyName,
    steward: &PrincipalName,
    deputy: &PrincipalName,
) -> Result<Vec<Event>, Refused> {
    let agreed = proposed(case, agency)?;
    if !agreed.shares.successors().contains(successor) {
        let text = format!("{successor} does not succeed {agency}");
        return Err(
            Refused::new("not-a-successor", text).hint("an operator says who does (propose-succession)")
        );
    }
    let by = case.as_steward_of(successor, &format!("accepting for {successor} what {agency} has"))?;
    no_faults("invalid-people", &transfer::faults(case.state, successor, steward, deputy))?;
    let known = agreed.accepted.get(successor);
    if known.is_some_and(|it| it.steward == *steward && it.deputy == *deputy) {
        return Ok(Vec::new());
    }
    let named = [steward, deputy].into_iter();
    let mut events: Vec<Event> =
        named.filter_map(|name| principals::name_steward(case.state, name, successor, &by)).collect();
    let (agency, successor) = (agency.clone(), successor.clone());
    let (steward, deputy) = (steward.clone(), deputy.clone());
    events.push(Event::Succession(SuccessionEvent::SuccessionAccepted {
        agency,
        successor,
        steward,
        deputy,
        by,
    }));
    Ok(events)
}

/// The operator takes it back, or a successor declines it.
pub(super) fn withdraw(case: &Case<'_>, agency: &AgencyName, reason: &str) -> Result<Vec<Event>, Refused> {
    let agreed = proposed(case, agency)?;
    let is_successor =
        case.actor.is(Role::Steward) && agreed.shares.successors().contains(&case.actor.agency);
    let by = match is_successor {
        true => case.own(),
        false => case.as_operator(&format!("withdrawing who succeeds agency {agency}"))?,
    };
    reason_given(reason)?;
    Ok(vec![Event::Succession(SuccessionEvent::SuccessionWithdrawn {
        agency: agency.clone(),
        reason: reason.to_owned(),
        by,
    })])
}

fn proposed<'a>(case: &Case<'a>, agency: &AgencyName) -> Result<&'a Succession, Refused> {
    case.agency(agency)?;
    case.state.succession(agency).ok_or_else(|| {
        Refused::new("not-proposed", format!("nobody is to succeed {agency}"))
            .hint("an operator proposes it: chancery agency succeed AGENCY --on DAY --rest AGENCY")
    })
}
