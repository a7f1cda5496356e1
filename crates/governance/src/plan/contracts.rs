//! The steps for a topic's contract.

use std::sync::Arc;

use contract::{AgencyName, Definition};

use super::Plan;
use crate::{Command, State, Status, Topic, Version};

/// Proposes the folder's version where it is new, and activates it where nobody is waited for.
pub(super) fn plan(plan: &mut Plan, state: &State, topic: &Topic, wish: &Arc<Definition>, now_ms: u64) {
    let number = wish.version;
    let known = topic.versions.get(&number).filter(|known| *known.definition == **wish);
    if known.is_some_and(|known| known.status != Status::Proposed) {
        let newer = topic.versions.range(number..).skip(1).filter(|(_, v)| v.status != Status::Retired);
        plan.unmanaged.extend(newer.map(|(newer, _)| format!("contract {newer} of {}", topic.name)));
        return;
    }
    if known.is_none() {
        let what = match topic.versions.get(&number) {
            None => format!("+ contract {number} of {}", topic.name),
            Some(former) => format!("~ contract {number} of {} ({})", topic.name, former.status),
        };
        plan.step(Command::ProposeContract { definition: wish.clone() }, what);
    }
    match waits_for(state, topic, known, now_ms) {
        None => {
            let command = Command::ActivateContract { topic: topic.name.clone(), version: number };
            plan.step(command, format!("~ contract {number} of {}: active", topic.name));
        }
        Some(whom) => plan.waits.push(format!("contract {number} of {} waits for {whom}", topic.name)),
    }
}

/// Whom a proposed version waits for; a version not proposed yet has nobody's agreement.
fn waits_for(state: &State, topic: &Topic, known: Option<&Version>, now_ms: u64) -> Option<String> {
    let subscribed = state.subscribed_agencies(topic, now_ms);
    let objects = |agency: &&AgencyName| known.is_some_and(|v| v.objections.contains_key(*agency));
    let silent = |agency: &&AgencyName| known.is_none_or(|v| !v.acknowledged.contains_key(*agency));
    let objecting: Vec<&str> = subscribed.iter().filter(objects).map(AgencyName::as_str).collect();
    if !objecting.is_empty() {
        return Some(format!("{}, which object", objecting.join(", ")));
    }
    let silent: Vec<&str> = subscribed.iter().filter(silent).map(AgencyName::as_str).collect();
    (!silent.is_empty() && !state.in_bootstrap()).then(|| silent.join(", "))
}
