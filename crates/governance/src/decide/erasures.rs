//! The erasure of a person: asked for, agreed to by another, carried out where nothing stands in the way, and answered by
//! those who were handed events.

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::{AgencyName, PrincipalName};

use super::authority::{Case, reason_given};
use crate::commands::ErasureRequest;
use crate::erasure::{self, after, carry_out, sight, speakers};
use crate::events::{By, ErasureEvent};
use crate::state::{Erasure, Found, Part, Person};
use crate::{Event, Refused, Role};

/// A data protection officer of an agency whose keys or topics are concerned, or an operator. Who has no right to ask
/// hears the same whether the bus knows the person or not.
pub(super) fn request(case: &Case<'_>, wish: &ErasureRequest) -> Result<Vec<Event>, Refused> {
    erasure::may_ask(case.actor)?;
    let answers = |part: &Person| {
        let mut answering = erasure::answering(case.state, &part.agency).into_iter();
        answering.any(|agency| case.in_role(agency, Role::Dpo).is_some())
    };
    if !case.actor.is(Role::Operator) && !wish.parts.iter().any(answers) {
        let text = "nothing is sealed about this person that is yours to have erased";
        return Err(Refused::new("nothing-sealed", text)
            .hint("your agency's topics never had events about them, or they were erased already"));
    }
    if wish.parts.is_empty() {
        return Err(Refused::new("nothing-sealed", "no agency's keys seal anything about this person")
            .hint("no topic has events about them, or they were erased already"));
    }
    reason_given(&wish.reason)?;
    if case.state.erasure(&wish.erasure).is_some() {
        return Err(Refused::exists("erasure", &wish.erasure));
    }
    let asks_already = |known: &&Arc<Erasure>| {
        known.parts.iter().any(|part| part.is_open() && wish.parts.contains(&part.found.person))
    };
    if let Some(known) = case.state.erasures().find(asks_already) {
        let text = format!("erasure {} asks for it already", known.id);
        return Err(Refused::new("exists", text)
            .hint(format!("chancery erase show {} says what it waits for", known.id)));
    }
    let parts = wish.parts.iter().map(|person| found(case, person)).collect::<Result<Vec<_>, _>>()?;
    let (speaks_for, by) = speaks_for(case, parts.iter());
    let (erasure, reason) = (wish.erasure.clone(), wish.reason.clone());
    Ok(vec![Event::Erasure(ErasureEvent::ErasureRequested { erasure, parts, reason, speaks_for, by })])
}

fn found(case: &Case<'_>, person: &Person) -> Result<Found, Refused> {
    let topics = case.check.events_about(person).map_err(|why| Refused::new("unavailable", why))?;
    Ok(Found { person: person.clone(), topics })
}

/// Somebody else than who asked, and by nobody's authority that was used to ask. What is agreed on then, and held by
/// nothing, is erased in the same decision.
pub(super) fn approve(case: &Case<'_>, name: &str) -> Result<Vec<Event>, Refused> {
    let known = erasure(case, name)?;
    let open = open(case, known)?;
    let what = format!("approving erasure {name}");
    let (speaks_for, by) = speaks_for(case, open.iter().map(|part| &part.found));
    if speaks_for.is_empty() && !case.actor.is(Role::Operator) {
        return Err(Refused::not_allowed(&what, who(case, known, &open)));
    }
    if let Some(same) = authorities(&by).find(|one| authorities(&known.asked.by).any(|other| other == *one)) {
        let text = format!("{same} asked for erasure {name}, or was spoken for: another person approves it");
        return Err(Refused::new("four-eyes", text).hint(format!("{} can", who(case, known, &open))));
    }
    let same = known.agreed.iter().find(|word| word.by.principal == case.actor.principal);
    if same.is_some_and(|word| speaks_for.is_subset(&word.speaks_for)) {
        return Ok(Vec::new());
    }
    let mut events = vec![Event::Erasure(ErasureEvent::ErasureApproved {
        erasure: name.to_owned(),
        speaks_for,
        by: by.clone(),
    })];
    let next = after(case.state, &events, case.now_ms);
    let look = |person: &Person| case.check.events_about(person);
    if let Some(agreed) = next.erasure(name) {
        events.extend(carry_out(&next, agreed, &by, case.now_ms, &look));
    }
    Ok(events)
}

/// A data protection officer for the parts in which their agency has a word, an operator for all.
pub(super) fn decline(case: &Case<'_>, name: &str, reason: &str) -> Result<Vec<Event>, Refused> {
    let known = erasure(case, name)?;
    let open = open(case, known)?;
    let (speaks_for, by) = speaks_for(case, open.iter().map(|part| &part.found));
    let has_a_word = |part: &&&Part| {
        let mut speakers = speakers(case.state, &part.found).into_iter();
        case.actor.is(Role::Operator) || speakers.any(|agency| speaks_for.contains(agency))
    };
    let declined = open.iter().filter(has_a_word).map(|part| part.found.person.agency.clone());
    let agencies: BTreeSet<AgencyName> = declined.collect();
    if agencies.is_empty() {
        return Err(Refused::not_allowed(&format!("declining erasure {name}"), who(case, known, &open)));
    }
    reason_given(reason)?;
    Ok(vec![Event::Erasure(ErasureEvent::ErasureDeclined {
        erasure: name.to_owned(),
        agencies,
        reason: reason.to_owned(),
        by,
    })])
}

/// Who asked, a colleague of theirs in the same office, or an operator.
pub(super) fn withdraw(case: &Case<'_>, name: &str, reason: &str) -> Result<Vec<Event>, Refused> {
    let known = erasure(case, name)?;
    open(case, known)?;
    let asked = &known.asked.by.principal;
    let by = match case.actor.principal == *asked {
        true => Some(case.own()),
        false => case.in_role(&asked.agency(), Role::Dpo),
    };
    let by = match by {
        Some(by) => by,
        None if case.actor.is(Role::Operator) => case.own(),
        None => {
            let who = format!("{asked}, {} or an operator", case.those(&asked.agency(), Role::Dpo));
            return Err(Refused::not_allowed(&format!("withdrawing erasure {name}"), who));
        }
    };
    reason_given(reason)?;
    Ok(vec![Event::Erasure(ErasureEvent::ErasureWithdrawn {
        erasure: name.to_owned(),
        reason: reason.to_owned(),
        by,
    })])
}

/// A data protection officer or steward of an agency that was told.
pub(super) fn acknowledge(
    case: &Case<'_>,
    name: &str,
    agency: &AgencyName,
    kept: Option<&str>,
) -> Result<Vec<Event>, Refused> {
    let known = erasure(case, name)?;
    let what = format!("answering for {agency} what it did with the events of erasure {name}");
    let by = case.in_role(agency, Role::Dpo).or_else(|| case.in_role(agency, Role::Steward));
    let by = by.ok_or_else(|| {
        let who = format!("{} or {}", case.those(agency, Role::Dpo), case.those(agency, Role::Steward));
        Refused::not_allowed(&what, who)
    })?;
    let mut told = known.told(agency).peekable();
    if told.peek().is_none() {
        let text = format!("{agency} was handed no events that erasure {name} is about");
        return Err(Refused::new("not-told", text).hint("there is nothing to answer"));
    }
    if kept.is_some_and(|ground| ground.trim().is_empty()) {
        return Err(Refused::new("no-reason", "the legal ground on which the events are kept is missing"));
    }
    let same = |(_, informed): (_, &crate::state::Informed)| {
        informed.answer.as_ref().is_some_and(|answer| answer.kept.as_deref() == kept)
    };
    if told.all(same) {
        return Ok(Vec::new());
    }
    let (erasure, kept) = (name.to_owned(), kept.map(str::to_owned));
    Ok(vec![Event::Erasure(ErasureEvent::ErasureAnswered { erasure, agency: agency.clone(), kept, by })])
}

/// The erasure, where the actor may know that there is one.
fn erasure<'a>(case: &Case<'a>, name: &str) -> Result<&'a Erasure, Refused> {
    let known = case.state.erasure(name).map(|known| &**known);
    let unknown =
        || Refused::unknown("erasure", name).hint("chancery erase list shows those that concern you");
    let may_know = |known: &&Erasure| sight(case.state, case.actor, known, case.now_ms).is_some();
    known.filter(may_know).ok_or_else(unknown)
}

/// The parts that are neither erased nor given up.
fn open<'a>(case: &Case<'_>, known: &'a Erasure) -> Result<Vec<&'a Part>, Refused> {
    let open: Vec<&Part> = known.parts.iter().filter(|part| part.is_open()).collect();
    if open.is_empty() {
        let status = erasure::status(case.state, known);
        let text = format!("erasure {} is {status}: nothing of it is open", known.id);
        return Err(Refused::new("erasure-over", text).hint("another one is asked for anew"));
    }
    Ok(open)
}

/// For which agencies that have a word in these parts the actor is the data protection officer, and by whose right: by the
/// actor's own, if it has one.
fn speaks_for<'a>(case: &Case<'_>, parts: impl Iterator<Item = &'a Found>) -> (BTreeSet<AgencyName>, By) {
    let (mut speaks_for, mut by): (_, Option<By>) = (BTreeSet::new(), None);
    let speakers: BTreeSet<AgencyName> = parts
        .flat_map(|found| speakers(case.state, found).into_iter().cloned().collect::<Vec<_>>())
        .collect();
    for agency in speakers {
        if let Some(right) = case.in_role(&agency, Role::Dpo) {
            if by.as_ref().is_none_or(|by| by.instead_of.is_some()) {
                by = Some(right);
            }
            speaks_for.insert(agency);
        }
    }
    (speaks_for, by.unwrap_or_else(|| case.own()))
}

/// Who acts, and for whom.
fn authorities(by: &By) -> impl Iterator<Item = &PrincipalName> {
    std::iter::once(&by.principal).chain(&by.instead_of)
}

/// Who can say yes or no. Of parts that the actor may not see, it is not said in whose topics the person is.
fn who(case: &Case<'_>, known: &Erasure, open: &[&Part]) -> String {
    let seen = sight(case.state, case.actor, known, case.now_ms).map(|sight| sight.parts).unwrap_or_default();
    let of = |part: &'_ &Part| {
        let agency = &part.found.person.agency;
        let speakers = match seen.contains(agency) {
            true => speakers(case.state, &part.found),
            false => erasure::heirs(case.state, agency),
        };
        speakers.into_iter().cloned().collect::<Vec<_>>()
    };
    let speakers: BTreeSet<AgencyName> = open.iter().flat_map(of).collect();
    let those: Vec<String> = speakers.iter().map(|agency| case.those(agency, Role::Dpo)).collect();
    format!("{} or, beside them, an operator", those.join(" or "))
}
