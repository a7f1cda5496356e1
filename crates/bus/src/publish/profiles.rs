//! What the event-design profiles that are on ask of an event: a broken MUST refuses it, a SHOULD is counted.

use contract::CloudEvent;
use contract::compile::Contract;
use contract::profiles::{EventRule, Level};

use crate::core::Core;
use crate::topics::Topic;
use crate::{Refusal, RefusalKind};

/// Refuses an event that breaks what a profile demands. With CloudEvents alone there is nothing to look at here.
pub fn keep(core: &Core, topic: &Topic, contract: &Contract, event: &CloudEvent) -> Result<(), Refusal> {
    let broken = |level: Level| {
        topic.rules.iter().filter(move |asked| asked.rule.level == level && !asked.is_kept_by(event))
    };
    let demanded: Vec<&EventRule> = broken(Level::Must).collect();
    if !demanded.is_empty() {
        return Err(refusal(topic, contract, &demanded));
    }
    broken(Level::Should).for_each(|asked| core.metrics.advised(&topic.name, asked));
    Ok(())
}

fn refusal(topic: &Topic, contract: &Contract, broken: &[&EventRule]) -> Refusal {
    let version = contract.definition().version;
    let said: Vec<String> = broken.iter().map(ToString::to_string).collect();
    let remedies: Vec<&str> = broken.iter().map(|asked| asked.rule.remedy).collect();
    let text = format!("contract {} {version}: {} ({})", topic.name, said.join("; "), topic.answers_for_it());
    Refusal::new(RefusalKind::Contract, text).hint(remedies.join("; "))
}
