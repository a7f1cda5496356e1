//! The rights of the hot path, as pure functions: who publishes, who consumes, who reads metadata.
//!
//! They look at the actor as it was authenticated. A connection must be authenticated again when the governance state
//! changes, so that a disabled principal or a revoked subscription takes effect on what is open.

use contract::AgencyName;

use crate::clerk::BUS;
use crate::standards::Ownership;
use crate::{Actor, Refused, Role, Subscription, Topic, notices, ownership};

/// A producer of the owner agency publishes to its topics, while somebody answers for them; the bus alone to its own.
pub fn may_publish(actor: &Actor, topic: &Topic, rules: &Ownership, now_ms: u64) -> Result<(), Refused> {
    let publisher = if notices::is_own(&topic.name) { BUS } else { topic.owner.as_str() };
    if actor.agency.as_str() == publisher && actor.is(Role::Producer) {
        return ownership::suspended(topic, rules, now_ms).map_or(Ok(()), Err);
    }
    let what = format!("publishing to {}", topic.name);
    Err(Refused::not_allowed(&what, format!("a producer of {publisher}")))
}

/// A consumer of the subscription's agency takes events while the subscription is live.
pub fn may_consume(actor: &Actor, subscription: &Subscription, now_ms: u64) -> Result<(), Refused> {
    if !actor.is_of(&subscription.agency, Role::Consumer) {
        let what = format!("consuming under {}", subscription.name);
        return Err(Refused::not_allowed(&what, format!("a consumer of {}", subscription.agency)));
    }
    if subscription.is_live(now_ms) {
        return Ok(());
    }
    let status = subscription.status(now_ms);
    let hint = match status {
        "requested" => {
            "it waits for approval by the topic's steward or deputy and, where it clears classes about a \
                        person, by its agency's data protection officer"
        }
        "expired" => "a steward of its agency asks for a later day (change-subscription)",
        _ => "a steward of its agency can request it again (request-subscription)",
    };
    Err(Refused::new("subscription-not-live", format!("{} is {status}", subscription.name)).hint(hint))
}

/// Who reads metadata (lag, approvals, dead letters' reasons, disclosures; never a payload) that concerns `agencies`:
/// those agencies themselves, operators and regulators. The catalogue of topics, agencies and contracts concerns no
/// agency in particular and is open to every principal.
pub fn may_read_metadata(actor: &Actor, agencies: &[&AgencyName]) -> Result<(), Refused> {
    let central = actor.is(Role::Operator) || actor.is(Role::Regulator);
    if central || agencies.is_empty() || agencies.contains(&&actor.agency) {
        return Ok(());
    }
    let names: Vec<&str> = agencies.iter().map(|agency| agency.as_str()).collect();
    let who = format!("a principal of {}, an operator or a regulator", names.join(" or "));
    Err(Refused::not_allowed("reading this", who))
}

/// Who follows an affair across agencies: those who oversee, and those who answer for topics or for people's data.
/// A trace is metadata: ids, times, places, who was handed what; never a payload.
pub fn may_trace(actor: &Actor) -> Result<(), Refused> {
    let roles = [Role::Operator, Role::Regulator, Role::Steward, Role::Dpo];
    if roles.into_iter().any(|role| actor.is(role)) {
        return Ok(());
    }
    Err(Refused::not_allowed(
        "tracing across agencies",
        "an operator, a regulator, a steward or a data protection officer",
    ))
}

/// Who learns what letters to an agency's webhook are signed with: its stewards, and operators.
pub fn may_read_secret(actor: &Actor, agency: &AgencyName) -> Result<(), Refused> {
    if actor.is_of(agency, Role::Steward) || actor.is(Role::Operator) {
        return Ok(());
    }
    let what = format!("reading the webhook secret of {agency}");
    Err(Refused::not_allowed(&what, format!("a steward of {agency} or an operator")))
}

/// Who reads the whole audit: those who oversee.
pub fn may_read_audit(actor: &Actor) -> Result<(), Refused> {
    if actor.is(Role::Operator) || actor.is(Role::Regulator) {
        return Ok(());
    }
    Err(Refused::not_allowed("reading the audit of all agencies", "an operator or a regulator"))
}

/// Who begins another epoch of keys: the bus's operators.
pub fn may_rotate_keys(actor: &Actor) -> Result<(), Refused> {
    if actor.is(Role::Operator) {
        return Ok(());
    }
    Err(Refused::not_allowed("rotating the keys of all agencies", "an operator"))
}

/// Who asks which agencies were handed events about one person: a regulator everywhere, a data protection officer for
/// the topics of its own agency.
pub fn may_read_about_people(actor: &Actor, agency: Option<&AgencyName>) -> Result<(), Refused> {
    let own = agency.is_some_and(|agency| actor.is_of(agency, Role::Dpo));
    if actor.is(Role::Regulator) || own {
        return Ok(());
    }
    let who = "a regulator, or for the topics of one agency that agency's data protection officer";
    Err(Refused::not_allowed("reading who was handed events about a person", who))
}
