//! Principals and their tokens. The operator's own matter, but for stewards: naming one creates it.

use std::sync::Arc;

use contract::{AgencyName, PrincipalName};

use super::authority::Case;
use super::ownership;
use crate::events::{AgencyEvent, BusEvent, By, PrincipalEvent};
use crate::state::Profile;
use crate::{Event, Refused, Role, Roles, Scram, State, TokenHash};

/// First start: the central agency and its operator. Nobody exists who could be asked for the right to.
pub(super) fn open_bus(
    case: &Case<'_>,
    operator: &PrincipalName,
    name: &str,
    (token_hash, scram): (TokenHash, Option<Arc<Scram>>),
) -> Result<Vec<Event>, Refused> {
    if case.state.is_open() {
        return Err(Refused::new("already-open", "the bus has an operator already"));
    }
    let by = By::bootstrap(operator.clone());
    let (agency, token_hash) = (operator.agency(), Some(token_hash));
    let profile = Profile { name: name.to_owned(), ..Profile::default() };
    let (principal, roles) = (operator.clone(), Role::Operator.into());
    Ok(vec![
        Event::Agency(AgencyEvent::AgencyRegistered { agency: agency.clone(), profile, by: by.clone() }),
        Event::Principal(PrincipalEvent::PrincipalCreated {
            principal,
            agency,
            roles,
            token_hash,
            scram,
            by: by.clone(),
        }),
        Event::Bus(BusEvent::BusOpened { by }),
    ])
}

/// A new principal of any agency.
pub(super) fn create(
    case: &Case<'_>,
    principal: &PrincipalName,
    agency: &AgencyName,
    roles: Roles,
    (token_hash, scram): (Option<TokenHash>, Option<Arc<Scram>>),
) -> Result<Vec<Event>, Refused> {
    let by = case.as_operator(&format!("creating principal {principal}"))?;
    case.agency(agency)?;
    if principal.agency() != *agency {
        let text = format!("{principal} is named after agency {}, not {agency}", principal.agency());
        return Err(Refused::new("other-agency", text));
    }
    if case.state.principal(principal).is_some() {
        return Err(Refused::exists("principal", principal)
            .hint("issue-token gives it a token, change-principal other roles"));
    }
    has_a_role(principal, roles)?;
    token_hash.map_or(Ok(()), |hash| token_is_free(case.state, principal, hash))?;
    let (principal, agency) = (principal.clone(), agency.clone());
    Ok(vec![Event::Principal(PrincipalEvent::PrincipalCreated {
        principal,
        agency,
        roles,
        token_hash,
        scram,
        by,
    })])
}

/// Other roles.
pub(super) fn change(case: &Case<'_>, name: &PrincipalName, roles: Roles) -> Result<Vec<Event>, Refused> {
    let by = case.as_operator(&format!("changing principal {name}"))?;
    let former = case.principal(name)?.roles;
    has_a_role(name, roles)?;
    if !roles.contains(Role::Operator) {
        an_operator_remains(case.state, name)?;
    }
    if !roles.contains(Role::Steward) {
        no_topic_is_orphaned(case.state, name)?;
    }
    if roles == former {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Principal(PrincipalEvent::PrincipalChanged { principal: name.clone(), roles, by })])
}

/// A token; the former one ends.
pub(super) fn issue_token(
    case: &Case<'_>,
    name: &PrincipalName,
    (token_hash, scram): (TokenHash, Option<Arc<Scram>>),
) -> Result<Vec<Event>, Refused> {
    let by = case.as_operator(&format!("issuing a token for {name}"))?;
    case.principal(name)?;
    token_is_free(case.state, name, token_hash)?;
    Ok(vec![Event::Principal(PrincipalEvent::TokenIssued { principal: name.clone(), token_hash, scram, by })])
}

/// Ends a principal, at once, whatever it answers for: a person who leaves keeps no token. Topics that it answered for say
/// so.
pub(super) fn disable(case: &Case<'_>, name: &PrincipalName) -> Result<Vec<Event>, Refused> {
    let by = case.as_operator(&format!("disabling {name}"))?;
    let found = case.state.principal(name).ok_or_else(|| Refused::unknown("principal", name))?;
    if found.disabled {
        return Ok(Vec::new());
    }
    an_operator_remains(case.state, name)?;
    let left = ownership::left(case.state, name, &by);
    Ok([vec![Event::Principal(PrincipalEvent::PrincipalDisabled { principal: name.clone(), by })], left]
        .concat())
}

/// The facts that make `name` a steward of `agency`, if it is none yet.
pub(crate) fn name_steward(
    state: &State,
    name: &PrincipalName,
    agency: &AgencyName,
    by: &By,
) -> Option<Event> {
    let (principal, agency, by) = (name.clone(), agency.clone(), by.clone());
    match state.principal(name) {
        None => {
            let (roles, token_hash, scram) = (Role::Steward.into(), None, None);
            Some(Event::Principal(PrincipalEvent::PrincipalCreated {
                principal,
                agency,
                roles,
                token_hash,
                scram,
                by,
            }))
        }
        Some(known) if known.roles.contains(Role::Steward) => None,
        Some(known) => {
            let roles = known.roles.with(Role::Steward);
            Some(Event::Principal(PrincipalEvent::PrincipalChanged { principal, roles, by }))
        }
    }
}

fn has_a_role(name: &PrincipalName, roles: Roles) -> Result<(), Refused> {
    if roles.is_empty() {
        return Err(Refused::new("no-roles", format!("{name} would have no role"))
            .hint("roles are operator, steward, producer, consumer, regulator, dpo"));
    }
    Ok(())
}

fn token_is_free(state: &State, name: &PrincipalName, hash: TokenHash) -> Result<(), Refused> {
    match state.principal_by_token_hash(&hash.0) {
        // Whose it is stays untold: the asker would learn whose token they hold.
        Some(holder) if holder.principal != *name => {
            Err(Refused::new("token-taken", "that token belongs to another principal; make a new one"))
        }
        _ => Ok(()),
    }
}

fn an_operator_remains(state: &State, without: &PrincipalName) -> Result<(), Refused> {
    let mut operators = state.operators().map(|p| &p.principal);
    if operators.all(|operator| operator == without) {
        return Err(Refused::new("last-operator", format!("{without} is the last operator"))
            .hint("create another operator first"));
    }
    Ok(())
}

fn no_topic_is_orphaned(state: &State, without: &PrincipalName) -> Result<(), Refused> {
    let serves = |t: &&std::sync::Arc<crate::Topic>| t.steward == *without || t.deputy == *without;
    let topics: Vec<&str> = state.topics().filter(serves).map(|topic| topic.name.as_str()).collect();
    if topics.is_empty() {
        return Ok(());
    }
    let text = format!("{without} is steward or deputy of {}", topics.join(", "));
    Err(Refused::new("still-steward", text)
        .hint("name somebody else first (change-topic); a person who leaves is disabled (disable-principal)"))
}
