//! The steps for one topic.

use super::{Plan, contracts, differs, new_stewards};
use crate::commands::{NewTopic, TopicChange};
use crate::{Command, ContractCheck, State, Topic, duration};

/// Registers the topic, or changes what differs, and sees to its contract.
pub(super) fn plan(plan: &mut Plan, state: &State, wish: &NewTopic, at: (&dyn ContractCheck, u64)) {
    match state.topic(&wish.topic) {
        None => create(plan, state, wish),
        Some(topic) => {
            change(plan, state, topic, wish);
            contracts::plan(plan, state, topic, &wish.contract, at);
        }
    }
}

fn create(plan: &mut Plan, state: &State, wish: &NewTopic) {
    let owner = wish.owner.as_ref().map_or("nobody", |owner| owner.as_str());
    let NewTopic { topic, latency, partitions, retention, contract, .. } = wish;
    let duty = wish.keep.as_ref().map(|keep| format!(", by law for {keep}")).unwrap_or_default();
    let what = format!(
        "+ topic {topic} of {owner}, contract {}, {latency}, partitions {partitions}, kept {retention}{duty}{}",
        contract.version,
        new_stewards(state, [wish.steward.as_ref(), wish.deputy.as_ref()])
    );
    plan.step(Command::CreateTopic(wish.clone()), what);
}

fn change(plan: &mut Plan, state: &State, topic: &Topic, wish: &NewTopic) {
    let mut details = Vec::new();
    let mut change = TopicChange::of(topic.name.clone());
    let steward = wish.steward.as_ref().unwrap_or(&topic.steward);
    let deputy = wish.deputy.as_ref().unwrap_or(&topic.deputy);
    change.steward = differs(&mut details, "steward", &topic.steward, steward);
    change.deputy = differs(&mut details, "deputy", &topic.deputy, deputy);
    change.description = differs(&mut details, "description", &topic.description, &wish.description);
    change.legal_basis = differs(&mut details, "legal_basis", &topic.legal_basis, &wish.legal_basis);
    // By its length, not its text: 14w is 98d.
    if duration::parse_seconds(&wish.retention) != Ok(topic.retention_s) {
        let retention = duration::to_text(topic.retention_s);
        change.retention = differs(&mut details, "retention", &retention, &wish.retention);
    }
    let keep = wish.keep.as_deref().unwrap_or("0d");
    if duration::parse_seconds(keep) != Ok(topic.keep_s) {
        change.keep = differs(&mut details, "keep", &duration::to_text(topic.keep_s), &keep.to_owned());
    }
    if topic.access.local_text() != wish.access {
        details.push("\n    ~ access.cedar".to_owned());
        change.access = Some(wish.access.clone());
    }
    change.latency = differs(&mut details, "latency", &topic.latency, &wish.latency);
    change.partitions = differs(&mut details, "partitions", &topic.partitions, &wish.partitions);
    change.key = differs(&mut details, "key", &topic.key, &wish.contract.key);
    let owner = wish.owner.as_ref().unwrap_or(&topic.owner);
    change.owner = differs(&mut details, "owner", &topic.owner, owner);
    if !details.is_empty() {
        details.push(new_stewards(state, [change.steward.as_ref(), change.deputy.as_ref()]));
        let what = format!("~ topic {}{}", topic.name, details.concat());
        plan.step(Command::ChangeTopic(change), what);
    }
}
