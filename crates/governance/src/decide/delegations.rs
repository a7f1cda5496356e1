//! Who is away lets a colleague speak for them, so that nothing waits for one person. The colleague acts under its own
//! name; the fact says for whom.

use contract::PrincipalName;

use super::authority::{Case, reason_given};
use crate::events::PrincipalEvent;
use crate::{Date, Event, Refused, duration};

/// Lets `to` speak for `principal` until a day.
pub(super) fn give(
    case: &Case<'_>,
    principal: &PrincipalName,
    to: &PrincipalName,
    until: Date,
    reason: &str,
) -> Result<Vec<Event>, Refused> {
    let by = own_or_operator(case, principal, "letting somebody speak for")?;
    let (from, speaker) = (case.principal(principal)?, case.principal(to)?);
    if from.agency != speaker.agency || principal == to {
        let text = format!("{to} is no colleague of {principal}");
        return Err(
            Refused::new("no-colleague", text).hint(format!("name another principal of {}", from.agency))
        );
    }
    if let Some(next) = speaker.speaker(case.now_ms) {
        // Nobody would know any more whose word it is.
        let text = format!("{to} is away: {next} speaks for it");
        return Err(Refused::new("away-too", text).hint("name somebody who is there"));
    }
    reason_given(reason)?;
    let (until_ms, max_s) = (until.starts_ms(), case.state.standards().access.delegation_max_s);
    if until_ms <= case.now_ms {
        return Err(Refused::new("invalid-day", format!("until: {until} is not ahead")));
    }
    if until_ms - case.now_ms > max_s.saturating_mul(1000) {
        let text =
            format!("until: {until} is further ahead than the standards' {}", duration::to_text(max_s));
        return Err(Refused::new("invalid-day", text));
    }
    let known = from.delegation.as_ref();
    if known.is_some_and(|known| known.to == *to && known.until == until && known.reason == reason) {
        return Ok(Vec::new());
    }
    let (principal, to, reason) = (principal.clone(), to.clone(), reason.to_owned());
    Ok(vec![Event::Principal(PrincipalEvent::DelegationGiven { principal, to, until, reason, by })])
}

/// The principal speaks for itself alone again.
pub(super) fn end(case: &Case<'_>, principal: &PrincipalName) -> Result<Vec<Event>, Refused> {
    let by = own_or_operator(case, principal, "ending that somebody speaks for")?;
    if case.principal(principal)?.delegation.is_none() {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Principal(PrincipalEvent::DelegationEnded { principal: principal.clone(), by })])
}

fn own_or_operator(case: &Case<'_>, principal: &PrincipalName, what: &str) -> Result<crate::By, Refused> {
    if case.actor.principal == *principal {
        return Ok(case.own());
    }
    case.as_operator(&format!("{what} {principal}"))
}
