//! Public fields that speak of a person: a contract has them when a data protection officer of the topic's owner has said
//! that they hold nobody's data.

use contract::{AgencyName, Definition, Pointer};

use super::authority::{Case, reason_given};
use crate::commands::PublicFields;
use crate::events::{By, LeakEvent};
use crate::{Event, Refused, Role};

/// Most fields that are confirmed at once.
const FIELDS_MAX: usize = 100;

/// A data protection officer of the owner; of a topic that is not there yet, of whichever agency it is to be of.
pub(super) fn confirm(case: &Case<'_>, wish: &PublicFields) -> Result<Vec<Event>, Refused> {
    let topic = case.state.topic(&wish.topic);
    let agency = topic.map_or(&case.actor.agency, |topic| &topic.owner);
    let by = case.in_role(agency, Role::Dpo).or_else(|| case.stand_in()).ok_or_else(|| {
        let what = format!("confirming public fields of {}", wish.topic);
        Refused::not_allowed(&what, case.those(agency, Role::Dpo))
    })?;
    if wish.fields.is_empty() {
        return Err(Refused::new("malformed", "fields: name at least one, such as /office/email"));
    }
    if wish.fields.len() > FIELDS_MAX {
        return Err(Refused::new("malformed", format!("fields: {FIELDS_MAX} at once at most")));
    }
    reason_given(&wish.reason)?;
    let known = case.state.confirmed_public(&wish.topic, agency);
    if wish.fields.iter().all(|field| known.contains(field)) {
        return Ok(Vec::new());
    }
    let PublicFields { topic, fields, reason } = wish.clone();
    Ok(vec![Event::Leak(LeakEvent::PublicConfirmed { topic, agency: agency.clone(), fields, reason, by })])
}

/// What a definition has as public and speaks of a person is confirmed, or it is no contract. What counts as approved in
/// the bootstrap, does here too.
pub(super) fn is_confirmed(
    case: &Case<'_>,
    owner: &AgencyName,
    definition: &Definition,
    by: &By,
) -> Result<(), Refused> {
    if by.bootstrap {
        return Ok(());
    }
    let known = case.state.confirmed_public(&definition.topic, owner);
    // What all may read already is not asked about again.
    let newest = case.state.topic(&definition.topic).and_then(|topic| topic.newest());
    let had = newest.map(|newest| case.check.smells(&newest.definition)).unwrap_or_default();
    let is_new = |field: &Pointer, what: &str| had.get(field).is_none_or(|before| *before != what);
    let smells = case.check.smells(definition).into_iter();
    let open: Vec<_> = smells.filter(|(field, what)| !known.contains(field) && is_new(field, what)).collect();
    if open.is_empty() {
        return Ok(());
    }
    let said: Vec<String> =
        open.iter().map(|(field, what)| format!("{field} speaks of {what} and is public")).collect();
    let fields: Vec<String> = open.iter().map(|(field, _)| field.to_string()).collect();
    let hint = format!(
        "classify it, or let {} confirm that it is nobody's: chancery contract confirm-public {} {} --reason …",
        case.those(owner, Role::Dpo),
        definition.topic,
        fields.join(" ")
    );
    Err(Refused::new("public-not-confirmed", said.join("\n")).hint(hint))
}
