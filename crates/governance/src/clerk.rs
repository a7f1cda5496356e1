//! What time brings: facts that nobody asks for because the rules say when they come.

use contract::PrincipalName;

use crate::events::By;
use crate::policy::Asked;
use crate::{
    Actor, Event, Roles, State, Topic, access, agreement, carrying, ownership, succession, transfer,
};

/// The agency that the bus itself acts as; nobody else can be of it.
pub const BUS: &str = "bus";

/// Who decides what time brings.
pub fn clerk() -> PrincipalName {
    format!("clerk@{BUS}").parse().expect("a name in the form of names")
}

/// What is due at `now_ms` (milliseconds since 1970).
pub fn due(state: &State, now_ms: u64) -> Vec<Event> {
    // What changes hands stands alone: the rest is reckoned once that is so.
    for moved in [transfer::due(state, now_ms), succession::due(state, now_ms)] {
        if !moved.is_empty() {
            return moved;
        }
    }
    let by = By::own(clerk());
    let actor = Actor { principal: clerk(), agency: clerk().agency(), roles: Roles::default() };
    let forbidden = |topic: &Topic| {
        let policies = state.policies();
        !policies.is_empty()
            && !policies.judge(&Asked::activating(state, &actor, &topic.name, now_ms)).allowed
    };
    let ready = agreement::due(state, now_ms).filter(|(topic, _)| !forbidden(topic));
    let activated =
        ready.flat_map(|(topic, version)| carrying::goes_live(state, topic, version, &by, now_ms));
    activated.chain(access::due(state, now_ms, &by)).chain(ownership::due(state, now_ms)).collect()
}
