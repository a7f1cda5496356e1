//! Who answers for topics, and who takes over what agencies have, as JSON.

use bus::clock::rfc3339;
use governance::ownership::{self, Schedule};
use governance::state::{Accepted, Offer, Share, Tenure};
use governance::{Agency, Standing, State, Topic, succession, transfer};
use serde_json::{Value, json};

/// Whether somebody answers for a topic, what comes when nobody does, and who owned it since when.
pub(crate) fn of(topic: &Topic, state: &State, now_ms: u64) -> Value {
    let held = &topic.stewardship;
    let at = Schedule::of(topic, &state.standards().ownership);
    let standing = at.standing(now_ms);
    let tenure = |tenure: &Tenure| {
        json!({
            "agency": tenure.agency.as_str(), "since": rfc3339(tenure.since_ms),
            "by": tenure.by.principal.as_str(),
        })
    };
    json!({
        "standing": standing.as_str(),
        "confirmed_at": rfc3339(held.confirmed.at_ms),
        "confirmed_by": held.confirmed.by.principal.as_str(),
        "due_at": at.due_ms.map(rfc3339),
        "freezes_at": at.freezes_ms.map(rfc3339),
        "suspends_at": at.suspends_ms.map(rfc3339),
        "steward_left_at": held.steward_left_ms.map(rfc3339),
        "deputy_left_at": held.deputy_left_ms.map(rfc3339),
        "remedy": (standing > Standing::Held).then(|| ownership::remedy(topic)),
        "owners": held.owners.iter().map(tenure).collect::<Vec<_>>(),
        "sealed_by": topic.sealed_by.as_str(),
        "offered": held.offer.as_ref().map(|offer| offered(topic, offer, state, now_ms)),
    })
}

fn offered(topic: &Topic, offer: &Offer, state: &State, now_ms: u64) -> Value {
    json!({
        "to": offer.to.as_str(), "on": offer.on.to_string(), "by": offer.by.principal.as_str(),
        "accepted": offer.accepted.as_ref().map(accepted),
        "waits": transfer::waits(state, topic, offer, now_ms),
    })
}

fn accepted(accepted: &Accepted) -> Value {
    json!({
        "steward": accepted.steward.as_str(), "deputy": accepted.deputy.as_str(),
        "by": accepted.by.principal.as_str(), "at": rfc3339(accepted.at_ms),
    })
}

/// Who took over what an agency had, and who is to.
pub(crate) fn succession(agency: &Agency, state: &State, now_ms: u64) -> Value {
    let took_place = agency.succeeded.iter().map(|succeeded| {
        let successors: Vec<&str> = succeeded.successors.iter().map(|name| name.as_str()).collect();
        json!({"successors": successors, "at": rfc3339(succeeded.at_ms)})
    });
    let to_come = state.succession(&agency.agency).map(|agreed| {
        let by = agreed.accepted.iter().map(|(name, it)| (name.to_string(), accepted(it)));
        json!({
            "on": agreed.on.to_string(), "by": agreed.by.principal.as_str(),
            "shares": agreed.shares.shares.iter().map(share).collect::<Vec<_>>(),
            "rest": agreed.shares.rest.as_ref().map(|rest| rest.as_str()),
            "accepted": by.collect::<serde_json::Map<_, _>>(),
            "waits": succession::waits(state, &agency.agency, agreed, now_ms),
        })
    });
    json!({"took_place": took_place.collect::<Vec<_>>(), "to_come": to_come})
}

fn share(share: &Share) -> Value {
    json!({
        "agency": share.agency.as_str(),
        "topics": share.topics.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        "subscriptions": share.subscriptions.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        "subjects": share.subjects,
    })
}
