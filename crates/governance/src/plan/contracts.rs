//! The steps for a topic's contract.

use std::sync::Arc;

use contract::{AgencyName, Definition, Effect, Weight};

use super::Plan;
use crate::agreement::{self, Wait};
use crate::{Command, ContractCheck, Impact, State, Status, Topic, Version, carrying, duration};

/// Proposes the folder's version where it is new, and activates it where nobody is waited for.
pub(super) fn plan(
    plan: &mut Plan,
    state: &State,
    topic: &Topic,
    wish: &Arc<Definition>,
    (check, now_ms): (&dyn ContractCheck, u64),
) {
    let number = wish.version;
    let known = topic.versions.get(&number).filter(|known| *known.definition == **wish);
    if known.is_some_and(|known| known.status != Status::Proposed) {
        let newer = topic.versions.range(number..).skip(1).filter(|(_, v)| v.status != Status::Retired);
        plan.unmanaged.extend(newer.map(|(newer, _)| format!("contract {newer} of {}", topic.name)));
        return;
    }
    let overtaken = known.is_some_and(|known| known.is_overtaken(topic));
    let impact = known.and_then(|known| known.impact.clone());
    let impact = impact.filter(|_| !overtaken).or_else(|| Impact::of(state, topic, wish, check));
    if known.is_none() || overtaken {
        let mut what = match topic.versions.get(&number) {
            None => format!("+ contract {number} of {}", topic.name),
            Some(former) => format!("~ contract {number} of {} ({})", topic.name, former.status),
        };
        what.extend(impact.iter().flat_map(|impact| &impact.effects).map(detail));
        plan.step(Command::ProposeContract { definition: wish.clone() }, what);
    }
    match waits_for(state, topic, known.filter(|_| !overtaken), (wish, impact.as_ref()), now_ms) {
        None => {
            let command = Command::ActivateContract { topic: topic.name.clone(), version: number };
            plan.step(command, format!("~ contract {number} of {}: active", topic.name));
        }
        Some(what) => plan.waits.push(format!("contract {number} of {}: {what}", topic.name)),
    }
}

fn detail(effect: &Effect) -> String {
    format!("\n    {} ({})", effect.what, effect.weight)
}

/// What a version will wait for. In the bootstrap an operator's word counts for everybody's, but not against an
/// objection.
fn waits_for(
    state: &State,
    topic: &Topic,
    known: Option<&Version>,
    (wish, impact): (&Definition, Option<&Impact>),
    now_ms: u64,
) -> Option<String> {
    if let Some(known) = known {
        let mut waits = agreement::waits(state, topic, known, now_ms);
        waits.retain(|wait| !state.in_bootstrap() || matches!(wait, Wait::Objection { .. }));
        let lines: Vec<String> = waits.iter().map(ToString::to_string).collect();
        return (!lines.is_empty()).then(|| lines.join("; "));
    }
    let subscribed = state.subscribed_agencies(topic, now_ms);
    let names: Vec<&str> = subscribed.iter().map(AgencyName::as_str).collect();
    if names.is_empty() || state.in_bootstrap() {
        return None;
    }
    let changes = &state.standards().changes;
    let is_compatible = impact.map(Impact::weight) == Some(Weight::Compatible);
    let asks_all = !is_compatible || !changes.silence_is_consent;
    let back_to = impact.filter(|_| wish.migration.is_some()).map(|impact| impact.against);
    let must_agree =
        |agency: &&AgencyName| carrying::must_agree(state, topic, (back_to, asks_all), agency, now_ms);
    let asked: Vec<&str> = subscribed.iter().filter(must_agree).map(AgencyName::as_str).collect();
    let (notice, names) = (duration::to_text(changes.notice_s), names.join(", "));
    match is_compatible {
        _ if !asked.is_empty() => Some(format!("waits for {}", asked.join(", "))),
        _ if changes.notice_s == 0 => None,
        true => Some(format!("goes live after a notice of {notice} unless somebody objects ({names})")),
        false => Some(format!(
            "may be activated after a notice of {notice}; who has not agreed by then is carried by its migration ({names})"
        )),
    }
}
