//! What a contract wants sealed end to end: the bus cannot open it, and validates what it can. Each value is sealed at all,
//! for its place, and for just the agencies that may read it at this moment.

use contract::compile::Contract;
use contract::end_to_end::Value;
use end_to_end::Sealed;
use governance::sealing_keys::{mismatches, recipients};

use crate::core::Core;
use crate::limits::MISMATCHES_TOLD;
use crate::topics::Topic;
use crate::{Refusal, RefusalKind};

/// Refuses an event with a value that is not sealed so. Values are never repeated. It is the lane that says so, as it alone knows
/// whether the event was taken before: what is stored already was sealed for those who might read it then, and is a duplicate.
pub fn keep(core: &Core, topic: &Topic, contract: &Contract, data: &[u8]) -> Result<(), Refusal> {
    if !contract.is_end_to_end() {
        return Ok(());
    }
    // What keeps the contract is read once more. Were it not to be, something in it might be in the clear.
    let values =
        contract.end_to_end_values(data).map_err(|why| refusal(topic, contract, &[why.to_string()]))?;
    let wrong: Vec<String> =
        values.iter().flat_map(|value| wrong(core, topic, value)).take(MISMATCHES_TOLD).collect();
    if wrong.is_empty() { Ok(()) } else { Err(refusal(topic, contract, &wrong)) }
}

/// Refuses an event without an `id` where something is sealed end to end: for which event it was sealed, only its producer
/// can say.
pub fn is_named(topic: &Topic, contract: &Contract) -> Result<(), Refusal> {
    if !contract.is_end_to_end() {
        return Ok(());
    }
    let (name, version, whose) = (&topic.name, contract.definition().version, topic.answers_for_it());
    let text = format!(
        "contract {name} {version}: the event has no id, and what is sealed end to end is bound to the id and the source of \
         its event ({whose})"
    );
    let hint =
        "set id and source (by Kafka the headers ce_id and ce_source) to what the values are sealed for";
    Err(Refusal::new(RefusalKind::Contract, text).hint(hint))
}

fn wrong(core: &Core, topic: &Topic, value: &Value) -> Vec<String> {
    let Value { pointer, shown, class, text } = value;
    let sealed = match Sealed::parse(text) {
        Ok(sealed) => sealed,
        Err(why) => return vec![format!("{shown} ({class}) {why}")],
    };
    if sealed.pointer() != pointer {
        return vec![format!("{shown} ({class}) is sealed for another place")];
    }
    let state = core.state();
    let readers = recipients(&state, &topic.name, class, core.clock.now_ms());
    let found = mismatches(&readers, sealed.addressees());
    let mut told: Vec<String> =
        found.iter().map(|mismatch| format!("{shown} ({class}) {}", mismatch.told(&state))).collect();
    told.dedup();
    told
}

fn refusal(topic: &Topic, contract: &Contract, wrong: &[String]) -> Refusal {
    let (name, version, whose) = (&topic.name, contract.definition().version, topic.answers_for_it());
    let text = format!("contract {name} {version}: {} ({whose})", wrong.join("; "));
    Refusal {
        code: Some(NOT_SEALED),
        ..Refusal::new(RefusalKind::Contract, text).hint(format!(
            "the producer seals it end to end for those whom GET /v1/topics/{name}/recipients names, which changes: \
             chancery publish does so; whoever does it otherwise asks again and seals again"
        ))
    }
}

/// The refusal's code: another try with the recipients of this moment may do.
const NOT_SEALED: &str = "not-sealed-end-to-end";
