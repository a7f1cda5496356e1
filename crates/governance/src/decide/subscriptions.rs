//! Subscriptions: asked for by the consumer, approved by the owner and, for classes about a person, by the consumer's
//! data protection officer.

use contract::{PrincipalName, SubscriptionName};

use super::authority::{Case, owners, reason_given};
use super::no_faults;
use crate::commands::{SubscriptionChange, SubscriptionRequest};
use crate::events::{By, Side, SubscriptionEvent};
use crate::state::Request;
use crate::{Event, Refused, Role, Subscription, Terms, Topic, duration, person_consent, policy};

/// Asks for a place in a topic. What ended may be asked for again and is approved anew.
pub(super) fn request(case: &Case<'_>, wish: &SubscriptionRequest) -> Result<Vec<Event>, Refused> {
    let by = case.as_steward_of(&wish.agency, &format!("requesting a subscription for {}", wish.agency))?;
    case.agency(&wish.agency)?;
    let topic = case.topic(&wish.topic)?;
    let name = &wish.subscription;
    let known = case.state.subscription(name);
    if let Some(known) = known.filter(|known| known.agency != wish.agency) {
        let text = format!("{name} is a subscription of {}", known.agency);
        return Err(Refused::new("other-agency", text).hint("choose another name"));
    }
    // One that came from another agency keeps its name.
    if known.is_none()
        && name.as_str().strip_prefix(wish.agency.as_str()).is_none_or(|rest| !rest.starts_with('.'))
    {
        let text = format!("the subscription's name {name} does not start with its agency, {}.", wish.agency);
        return Err(Refused::new("bad-name", text));
    }
    if let Some(known) = known {
        if known.topic != wish.topic {
            // Its name is its place: offsets of one topic mean nothing in another.
            let text = format!("{name} is a subscription of {} and stays one", known.topic);
            return Err(Refused::new("other-topic", text).hint("choose another name"));
        }
        if known.ended.is_none() {
            return Err(
                Refused::exists("subscription", name).hint("change-subscription asks for other terms")
            );
        }
    }
    let terms = Terms {
        purpose: wish.purpose.clone(),
        legal_basis: wish.legal_basis.clone(),
        clears: wish.clears.clone(),
        expires: wish.expires,
        consent: wish.consent.clone(),
    };
    no_faults("invalid-terms", &faults(case, &terms))?;
    let mut events = vec![Event::Subscription(SubscriptionEvent::SubscriptionRequested {
        subscription: name.clone(),
        topic: wish.topic.clone(),
        agency: wish.agency.clone(),
        terms: terms.clone(),
        by,
    })];
    agree_ahead(case, topic, (name, &terms), &mut events);
    Ok(events)
}

/// Adds to the facts of a request the approvals that it has before anybody looks at it.
fn agree_ahead(
    case: &Case<'_>,
    topic: &Topic,
    (name, terms): (&SubscriptionName, &Terms),
    events: &mut Vec<Event>,
) {
    let granted = granted_in_bootstrap(case, topic, name, terms);
    if !granted.is_empty() || case.not_frozen(topic).is_err() || !still_answers(topic) {
        return events.extend(granted);
    }
    let Some(policy) = policy::granting(case.state, case.actor, topic, (name, events), case.now_ms) else {
        return;
    };
    let by = By::policy(topic.access_by.clone(), policy);
    events.push(approved(name, Side::Owner, &[], &by));
    if terms.needs(&case.state.standards().access) == [Side::Owner] {
        events.push(Event::Subscription(SubscriptionEvent::SubscriptionGranted {
            subscription: name.clone(),
            by,
        }));
    }
}

/// Whether who wrote the topic's policies is still one of those who answer for it.
fn still_answers(topic: &Topic) -> bool {
    let mut present = topic.stewardship.present(&topic.steward, &topic.deputy);
    present.any(|person| *person == topic.access_by)
}

/// While the bootstrap lasts, what an operator asks for is approved, and recorded as approved in this way.
fn granted_in_bootstrap(
    case: &Case<'_>,
    topic: &Topic,
    name: &SubscriptionName,
    terms: &Terms,
) -> Vec<Event> {
    let Some(by) = case.stand_in().filter(|_| case.not_frozen(topic).is_ok()) else { return Vec::new() };
    let needs = terms.needs(&case.state.standards().access);
    let approved = needs.into_iter().map(|side| approved(name, side, &[], &by));
    approved
        .chain([Event::Subscription(SubscriptionEvent::SubscriptionGranted {
            subscription: name.clone(),
            by: by.clone(),
        })])
        .collect()
}

fn approved(name: &SubscriptionName, side: Side, conditions: &[String], by: &By) -> Event {
    let (subscription, conditions) = (name.clone(), conditions.to_vec());
    Event::Subscription(SubscriptionEvent::SubscriptionApproved {
        subscription,
        side,
        conditions,
        by: by.clone(),
    })
}

/// Longest purpose and legal basis: every disclosure carries both.
const TERM_MAX_BYTES: usize = 2_000;

/// Everything that is wrong with terms, a line each.
fn faults(case: &Case<'_>, terms: &Terms) -> Vec<String> {
    let standards = case.state.standards();
    let mut faults = Vec::new();
    for (field, text) in [("purpose", &terms.purpose), ("legal_basis", &terms.legal_basis)] {
        if text.trim().is_empty() {
            faults.push(format!("{field}: is missing"));
        } else if text.len() > TERM_MAX_BYTES {
            faults.push(format!("{field}: is longer than {TERM_MAX_BYTES} bytes"));
        }
    }
    faults.extend(standards.purpose_fault(&terms.purpose));
    faults.extend(
        terms.consent.as_deref().and_then(|purpose| person_consent::demand_fault(standards, purpose)),
    );
    for class in terms.clears.iter().filter(|class| !standards.knows(class)) {
        faults.push(format!("clears: no standard knows the class {class}"));
    }
    let (expires, max_s) = (terms.expires.starts_ms(), standards.limits.subscription_max_s);
    if expires <= case.now_ms {
        faults.push(format!("expires: {} is not ahead", terms.expires));
    } else if expires - case.now_ms > max_s.saturating_mul(1000) {
        let max = duration::to_text(max_s);
        faults.push(format!("expires: {} is further ahead than the standards' {max}", terms.expires));
    }
    faults
}

/// The sides that the actor may speak for, with the right it has to.
fn sides(case: &Case<'_>, subscription: &Subscription, topic: &Topic) -> Vec<(Side, By)> {
    let access = &case.state.standards().access;
    let needed = subscription.wanted_terms().map_or_else(|| vec![Side::Owner], |terms| terms.needs(access));
    let own = |side: Side| match side {
        Side::Owner | Side::SecondOwner => case.as_steward(topic),
        Side::Dpo => case.in_role(&subscription.agency, Role::Dpo),
    };
    needed.into_iter().filter_map(|side| Some((side, own(side).or_else(|| case.stand_in())?))).collect()
}

fn may_speak(case: &Case<'_>, name: &SubscriptionName, verb: &str) -> Result<Vec<(Side, By)>, Refused> {
    let (subscription, topic) = case.subscription(name)?;
    let sides = sides(case, subscription, topic);
    if !sides.is_empty() {
        return Ok(sides);
    }
    let access = &case.state.standards().access;
    let needs_dpo = subscription.wanted_terms().is_some_and(|terms| terms.needs(access).contains(&Side::Dpo));
    let mut who = owners(topic);
    if needs_dpo {
        who = format!("{who}, and for its agency {}", case.those(&subscription.agency, Role::Dpo));
    }
    Err(Refused::not_allowed(&format!("{verb} subscription {name}"), who))
}

/// Approves what is asked for, on each side that the actor may speak for.
pub(super) fn approve(
    case: &Case<'_>,
    name: &SubscriptionName,
    conditions: &[String],
) -> Result<Vec<Event>, Refused> {
    let sides = may_speak(case, name, "approving")?;
    let (subscription, topic) = case.subscription(name)?;
    case.not_frozen(topic)?;
    let Some(request) = &subscription.requested else {
        return match (&subscription.ended, &subscription.granted) {
            (None, Some(_)) => Ok(Vec::new()),
            _ => Err(nothing_asked(subscription, case.now_ms)),
        };
    };
    no_faults("invalid-terms", &faults(case, &request.terms))?;
    no_faults("invalid-conditions", &condition_faults(conditions))?;
    let mut missing = request.missing(&case.state.standards().access);
    let mut owner = request.approvals.get(&Side::Owner).map(|approval| approval.by.principal.clone());
    let mut events = Vec::new();
    for (side, by) in sides {
        if !missing.contains(&side) || is_same_owner(side, owner.as_ref(), &by) {
            continue;
        }
        not_own_request(case, subscription, request, side, &by)?;
        if side == Side::Owner {
            owner = Some(by.principal.clone());
        }
        missing.retain(|waits| *waits != side);
        events.push(approved(name, side, conditions, &by));
        if missing.is_empty() {
            events.push(Event::Subscription(SubscriptionEvent::SubscriptionGranted {
                subscription: name.clone(),
                by,
            }));
        }
    }
    if events.is_empty() && missing.contains(&Side::SecondOwner) {
        let text = format!("{name} has your approval, and the standards ask for two of the owner's side");
        let hint = format!("the other one approves it too: {}", owners(topic));
        return Err(Refused::new("second-owner", text).hint(hint));
    }
    Ok(events)
}

/// Two of the owner's side are two people, whomever they speak for; in the bootstrap the operator is everybody.
fn is_same_owner(side: Side, owner: Option<&PrincipalName>, by: &By) -> bool {
    side == Side::SecondOwner && !by.bootstrap && owner.is_none_or(|owner| *owner == by.principal)
}

/// Who asked for it does not also agree to it for a data protection officer who is away.
fn not_own_request(
    case: &Case<'_>,
    subscription: &Subscription,
    request: &Request,
    side: Side,
    by: &By,
) -> Result<(), Refused> {
    if side == Side::Dpo && by.instead_of.is_some() && by.principal == request.by.principal {
        let text = format!("{} asked for {} and cannot approve it too", by.principal, subscription.name);
        let hint = format!("{} approves it", case.those(&subscription.agency, Role::Dpo));
        return Err(Refused::new("own-request", text).hint(hint));
    }
    Ok(())
}

/// Most conditions of one approval.
const CONDITIONS_MAX: usize = 20;

fn condition_faults(conditions: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    if conditions.len() > CONDITIONS_MAX {
        faults.push(format!("conditions: are more than {CONDITIONS_MAX}"));
    }
    if conditions.iter().any(|condition| condition.trim().is_empty()) {
        faults.push("conditions: one of them is empty".to_owned());
    }
    if conditions.iter().any(|condition| condition.len() > TERM_MAX_BYTES) {
        faults.push(format!("conditions: one of them is longer than {TERM_MAX_BYTES} bytes"));
    }
    faults
}

/// Refuses what is asked for.
pub(super) fn refuse(case: &Case<'_>, name: &SubscriptionName, reason: &str) -> Result<Vec<Event>, Refused> {
    let sides = may_speak(case, name, "refusing")?;
    let (subscription, _) = case.subscription(name)?;
    if subscription.requested.is_none() {
        return Err(
            nothing_asked(subscription, case.now_ms).hint("revoke-subscription ends one that was granted")
        );
    }
    reason_given(reason)?;
    let by = sides.into_iter().next().map_or_else(|| case.own(), |(_, by)| by);
    Ok(vec![Event::Subscription(SubscriptionEvent::SubscriptionRefused {
        subscription: name.clone(),
        reason: reason.to_owned(),
        by,
    })])
}

fn nothing_asked(subscription: &Subscription, now_ms: u64) -> Refused {
    let text =
        format!("{} is {}: nothing waits for approval", subscription.name, subscription.status(now_ms));
    Refused::new("nothing-asked", text)
}

/// Asks for other terms; narrower ones hold at once.
pub(super) fn change(case: &Case<'_>, change: &SubscriptionChange) -> Result<Vec<Event>, Refused> {
    let name = &change.subscription;
    let (subscription, topic) = case.subscription(name)?;
    let by = case.as_steward_of(&subscription.agency, &format!("changing subscription {name}"))?;
    let (None, Some(wanted)) = (&subscription.ended, subscription.wanted_terms()) else {
        return Err(ended(subscription, case.now_ms).hint("request it again (request-subscription)"));
    };
    let terms = Terms {
        purpose: change.purpose.clone().unwrap_or_else(|| wanted.purpose.clone()),
        legal_basis: change.legal_basis.clone().unwrap_or_else(|| wanted.legal_basis.clone()),
        clears: change.clears.clone().unwrap_or_else(|| wanted.clears.clone()),
        expires: change.expires.unwrap_or(wanted.expires),
        consent: change
            .consent
            .clone()
            .map_or_else(|| wanted.consent.clone(), Some)
            .filter(|text| !text.is_empty()),
    };
    if terms == *wanted {
        return Ok(Vec::new());
    }
    no_faults("invalid-terms", &faults(case, &terms))?;
    let subscription_name = name.clone();
    if subscription.granted_terms().is_some_and(|granted| terms.are_within(granted)) {
        return Ok(vec![Event::Subscription(SubscriptionEvent::SubscriptionNarrowed {
            subscription: subscription_name,
            terms,
            by,
        })]);
    }
    let asked = Event::Subscription(SubscriptionEvent::SubscriptionChangeRequested {
        subscription: subscription_name,
        terms: terms.clone(),
        by,
    });
    let mut events = vec![asked];
    agree_ahead(case, topic, (name, &terms), &mut events);
    Ok(events)
}

/// Ends a subscription: the owner takes it back, or the consumer gives it up.
pub(super) fn revoke(case: &Case<'_>, name: &SubscriptionName, reason: &str) -> Result<Vec<Event>, Refused> {
    let (subscription, topic) = case.subscription(name)?;
    let agency = &subscription.agency;
    let of_agency = || [Role::Steward, Role::Dpo].into_iter().find_map(|role| case.in_role(agency, role));
    let own = case.as_steward(topic).or_else(of_agency).or_else(|| case.stand_in());
    let by = own.ok_or_else(|| {
        let steward = case.those(agency, Role::Steward);
        Refused::not_allowed(
            &format!("revoking subscription {name}"),
            format!("{}, or {steward},", owners(topic)),
        )
    })?;
    if subscription.ended.is_some() {
        return Err(ended(subscription, case.now_ms));
    }
    reason_given(reason)?;
    Ok(vec![Event::Subscription(SubscriptionEvent::SubscriptionRevoked {
        subscription: name.clone(),
        reason: reason.to_owned(),
        by,
    })])
}

fn ended(subscription: &Subscription, now_ms: u64) -> Refused {
    let text = format!("{} is {} already", subscription.name, subscription.status(now_ms));
    Refused::new("ended", text)
}
