//! Subscriptions: asked for by the consumer, approved by the owner and, for classes about a person, by the consumer's
//! data protection officer.

use contract::SubscriptionName;

use super::authority::{Case, owners, reason_given};
use super::no_faults;
use crate::commands::{SubscriptionChange, SubscriptionRequest};
use crate::events::{By, Side};
use crate::{Event, Refused, Role, Subscription, Terms, Topic, duration};

/// Asks for a place in a topic. What ended may be asked for again and is approved anew.
pub(super) fn request(case: &Case<'_>, wish: &SubscriptionRequest) -> Result<Vec<Event>, Refused> {
    let by = case.as_steward_of(&wish.agency, &format!("requesting a subscription for {}", wish.agency))?;
    case.agency(&wish.agency)?;
    case.topic(&wish.topic)?;
    let name = &wish.subscription;
    if name.as_str().strip_prefix(wish.agency.as_str()).is_none_or(|rest| !rest.starts_with('.')) {
        let text = format!("the subscription's name {name} does not start with its agency, {}.", wish.agency);
        return Err(Refused::new("bad-name", text));
    }
    if let Some(known) = case.state.subscription(name) {
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
    };
    no_faults("invalid-terms", &faults(case, &terms))?;
    let mut events = vec![Event::SubscriptionRequested {
        subscription: name.clone(),
        topic: wish.topic.clone(),
        agency: wish.agency.clone(),
        terms: terms.clone(),
        by,
    }];
    events.extend(granted_in_bootstrap(case, name, &terms));
    Ok(events)
}

/// While the bootstrap lasts, what an operator asks for is approved, and recorded as approved in this way.
fn granted_in_bootstrap(case: &Case<'_>, name: &SubscriptionName, terms: &Terms) -> Vec<Event> {
    let Some(by) = case.stand_in() else { return Vec::new() };
    let approved = terms.needs().iter().map(|side| approved(name, *side, &by));
    approved.chain([Event::SubscriptionGranted { subscription: name.clone(), by: by.clone() }]).collect()
}

fn approved(name: &SubscriptionName, side: Side, by: &By) -> Event {
    Event::SubscriptionApproved { subscription: name.clone(), side, by: by.clone() }
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
    let needed = subscription.wanted_terms().map_or(&[Side::Owner][..], Terms::needs);
    let own = |side: Side| match side {
        Side::Owner => topic.is_stewarded_by(case.actor),
        Side::Dpo => case.actor.is_of(&subscription.agency, Role::Dpo),
    };
    let right = |side: Side| if own(side) { Some(case.own()) } else { case.stand_in() };
    needed.iter().filter_map(|side| right(*side).map(|by| (*side, by))).collect()
}

fn may_speak(case: &Case<'_>, name: &SubscriptionName, verb: &str) -> Result<Vec<(Side, By)>, Refused> {
    let (subscription, topic) = case.subscription(name)?;
    let sides = sides(case, subscription, topic);
    if !sides.is_empty() {
        return Ok(sides);
    }
    let needs_dpo = subscription.wanted_terms().is_some_and(|terms| terms.needs().contains(&Side::Dpo));
    let mut who = owners(topic);
    if needs_dpo {
        who = format!("{who}, and for its agency {}", case.those(&subscription.agency, Role::Dpo));
    }
    Err(Refused::not_allowed(&format!("{verb} subscription {name}"), who))
}

/// Approves what is asked for, on each side that the actor may speak for.
pub(super) fn approve(case: &Case<'_>, name: &SubscriptionName) -> Result<Vec<Event>, Refused> {
    let sides = may_speak(case, name, "approving")?;
    let (subscription, _) = case.subscription(name)?;
    let Some(request) = &subscription.requested else {
        return match (&subscription.ended, &subscription.granted) {
            (None, Some(_)) => Ok(Vec::new()),
            _ => Err(nothing_asked(subscription, case.now_ms)),
        };
    };
    no_faults("invalid-terms", &faults(case, &request.terms))?;
    let mut missing: Vec<Side> = request.missing().collect();
    let mut events = Vec::new();
    for (side, by) in sides {
        if let Some(at) = missing.iter().position(|m| *m == side) {
            missing.remove(at);
            events.push(approved(name, side, &by));
            if missing.is_empty() {
                events.push(Event::SubscriptionGranted { subscription: name.clone(), by });
            }
        }
    }
    Ok(events)
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
    Ok(vec![Event::SubscriptionRefused { subscription: name.clone(), reason: reason.to_owned(), by }])
}

fn nothing_asked(subscription: &Subscription, now_ms: u64) -> Refused {
    let text =
        format!("{} is {}: nothing waits for approval", subscription.name, subscription.status(now_ms));
    Refused::new("nothing-asked", text)
}

/// Asks for other terms; narrower ones hold at once.
pub(super) fn change(case: &Case<'_>, change: &SubscriptionChange) -> Result<Vec<Event>, Refused> {
    let name = &change.subscription;
    let (subscription, _) = case.subscription(name)?;
    let by = case.as_steward_of(&subscription.agency, &format!("changing subscription {name}"))?;
    let (None, Some(wanted)) = (&subscription.ended, subscription.wanted_terms()) else {
        return Err(ended(subscription, case.now_ms).hint("request it again (request-subscription)"));
    };
    let terms = Terms {
        purpose: change.purpose.clone().unwrap_or_else(|| wanted.purpose.clone()),
        legal_basis: change.legal_basis.clone().unwrap_or_else(|| wanted.legal_basis.clone()),
        clears: change.clears.clone().unwrap_or_else(|| wanted.clears.clone()),
        expires: change.expires.unwrap_or(wanted.expires),
    };
    if terms == *wanted {
        return Ok(Vec::new());
    }
    no_faults("invalid-terms", &faults(case, &terms))?;
    let subscription_name = name.clone();
    if subscription.granted_terms().is_some_and(|granted| terms.are_within(granted)) {
        return Ok(vec![Event::SubscriptionNarrowed { subscription: subscription_name, terms, by }]);
    }
    let approvals = granted_in_bootstrap(case, name, &terms);
    let mut events = vec![Event::SubscriptionChangeRequested { subscription: subscription_name, terms, by }];
    events.extend(approvals);
    Ok(events)
}

/// Ends a subscription: the owner takes it back, or the consumer gives it up.
pub(super) fn revoke(case: &Case<'_>, name: &SubscriptionName, reason: &str) -> Result<Vec<Event>, Refused> {
    let (subscription, topic) = case.subscription(name)?;
    let (actor, agency) = (case.actor, &subscription.agency);
    let own =
        topic.is_stewarded_by(actor) || actor.is_of(agency, Role::Steward) || actor.is_of(agency, Role::Dpo);
    let by = own.then(|| case.own()).or_else(|| case.stand_in()).ok_or_else(|| {
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
    Ok(vec![Event::SubscriptionRevoked { subscription: name.clone(), reason: reason.to_owned(), by }])
}

fn ended(subscription: &Subscription, now_ms: u64) -> Refused {
    let text = format!("{} is {} already", subscription.name, subscription.status(now_ms));
    Refused::new("ended", text)
}
