//! The steps for one subscription.

use super::{Plan, differs};
use crate::commands::{SubscriptionChange, SubscriptionRequest};
use crate::events::Side;
use crate::{Command, State, Subscription, Terms};

/// Requests the subscription, or asks for other terms; in the bootstrap also approves what waits.
pub(super) fn plan(plan: &mut Plan, state: &State, wish: &SubscriptionRequest, now_ms: u64) {
    let name = &wish.subscription;
    let Some(known) = state.subscription(name) else {
        return request(plan, state, wish);
    };
    if known.topic != wish.topic || known.agency != wish.agency {
        return request(plan, state, wish);
    }
    // What somebody ended with a reason is not begun again because a file still mentions it.
    let (None, Some(wanted)) = (&known.ended, known.wanted_terms()) else {
        let status = known.status(now_ms);
        return plan.waits.push(format!(
            "subscription {name} was {status}: request it again by hand, or take the file out of the folder"
        ));
    };
    if change(plan, wish, wanted) {
        return;
    }
    if let Some(asked) = &known.requested {
        if state.in_bootstrap() {
            let command = Command::ApproveSubscription { subscription: name.clone(), conditions: Vec::new() };
            return plan.step(command, format!("~ subscription {name}: approved by the bootstrap"));
        }
        plan.waits.push(waits(known, asked.missing(&state.standards().access)));
    } else if known.is_expired(now_ms) {
        plan.waits.push(format!("subscription {name} expired: the folder would need a later day"));
    }
}

fn request(plan: &mut Plan, state: &State, wish: &SubscriptionRequest) {
    let clears: Vec<&str> = wish.clears.iter().map(|class| class.as_str()).collect();
    let clears = if clears.is_empty() { "public only".to_owned() } else { clears.join(", ") };
    let consent =
        wish.consent.as_ref().map(|purpose| format!(", with consent to {purpose:?}")).unwrap_or_default();
    let approved = if state.in_bootstrap() { ", approved by the bootstrap" } else { ", to be approved" };
    let what = format!(
        "+ subscription {} to {}, clears {clears}{consent}, until {}{approved}",
        wish.subscription, wish.topic, wish.expires
    );
    plan.step(Command::RequestSubscription(wish.clone()), what);
}

fn change(plan: &mut Plan, wish: &SubscriptionRequest, wanted: &Terms) -> bool {
    let mut details = Vec::new();
    let change = SubscriptionChange {
        subscription: wish.subscription.clone(),
        purpose: differs(&mut details, "purpose", &wanted.purpose, &wish.purpose),
        legal_basis: differs(&mut details, "legal_basis", &wanted.legal_basis, &wish.legal_basis),
        clears: differs(&mut details, "clears", &wanted.clears, &wish.clears),
        expires: differs(&mut details, "expires", &wanted.expires, &wish.expires),
        consent: differs(
            &mut details,
            "consent",
            &wanted.consent.clone().unwrap_or_default(),
            &wish.consent.clone().unwrap_or_default(),
        ),
    };
    if !details.is_empty() {
        let what = format!("~ subscription {}{}", wish.subscription, details.concat());
        plan.step(Command::ChangeSubscription(change), what);
    }
    !details.is_empty()
}

fn waits(known: &Subscription, missing: Vec<Side>) -> String {
    let whom = missing.into_iter().map(|side| match side {
        Side::SecondOwner => format!("the other one of the steward and deputy of {}", known.topic),
        Side::Owner => format!("the steward or deputy of {}", known.topic),
        Side::Dpo => format!("a dpo of {}", known.agency),
    });
    format!("subscription {} waits for {}", known.name, whom.collect::<Vec<_>>().join(" and "))
}
