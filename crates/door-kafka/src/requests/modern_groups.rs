//! The consumer group protocol of KIP-848: one request in which members live, come, go and are told their parts.

use std::collections::BTreeSet;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment as DescribedAssignment, DescribedGroup, Member as DescribedMember,
    TopicPartitions as DescribedPartitions,
};
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, ResponseKind,
};

use super::groups::may_join;
use super::{Call, NO_OPERATIONS};
use crate::groups::{Beat, HEARTBEAT_MS, Modern, Told, Wishes};
use crate::names::{self, topic_id, wire, wire_topic};

/// The ways of dealing out that members may ask for; with one topic they come to the same.
const ASSIGNORS: [&str; 2] = ["uniform", "range"];

/// A member is a consumer of this protocol, not one of the classic (KIP-1099).
const MEMBER_TYPE: i8 = 1;

/// A member speaks.
pub fn heartbeat(call: &Call, request: ConsumerGroupHeartbeatRequest) -> ResponseKind {
    let answer = ConsumerGroupHeartbeatResponse::default();
    ResponseKind::ConsumerGroupHeartbeat(match hear(call, request) {
        Err((error, text)) => answer.with_error_code(error.code()).with_error_message(Some(wire(text))),
        Ok((topic, told)) => {
            let assignment = told.parts.map(|parts| {
                let partitions = TopicPartitions::default()
                    .with_topic_id(topic_id(&topic))
                    .with_partitions(parts.into_iter().collect());
                let some = (!partitions.partitions.is_empty()).then_some(partitions);
                Assignment::default().with_topic_partitions(some.into_iter().collect())
            });
            answer
                .with_member_id(Some(wire(told.member)))
                .with_member_epoch(told.epoch)
                .with_heartbeat_interval_ms(HEARTBEAT_MS)
                .with_assignment(assignment)
        }
    })
}

type Fault = (ResponseError, String);

fn hear(call: &Call, request: ConsumerGroupHeartbeatRequest) -> Result<(contract::TopicName, Told), Fault> {
    let group = request.group_id.to_string();
    let said = |error: ResponseError| (error, error.to_string());
    may_join(call, &group).map_err(said)?;
    call.works_for(&group);
    let topic = topic_of(call, &group).map_err(said)?;
    let beat = read(call, &topic, request)?;
    let partitions = topic.partitions as i32;
    let heard = call.door.groups.hear(&group, beat, partitions, call.door.bus.now_ms());
    heard.map(|told| (topic.name.clone(), told)).map_err(said)
}

/// The topic that a group's subscription is to.
fn topic_of(call: &Call, group: &str) -> Result<std::sync::Arc<governance::Topic>, ResponseError> {
    let name = names::subscription(group)?;
    let state = call.door.bus.state(&call.caller).map_err(|refusal| crate::errors::of_group(&refusal))?;
    let subscription = state.subscription(&name).ok_or(ResponseError::GroupAuthorizationFailed)?;
    let found = state.topics().find(|topic| topic.name == subscription.topic);
    found.cloned().ok_or(ResponseError::UnknownTopicOrPartition)
}

fn read(
    call: &Call,
    topic: &governance::Topic,
    request: ConsumerGroupHeartbeatRequest,
) -> Result<Beat, Fault> {
    let comes = request.member_epoch == 0;
    if request.member_id.is_empty() && (!comes || call.version >= 1) {
        return Err((ResponseError::InvalidRequest, "the member's id is missing".to_owned()));
    }
    if let Some(assignor) = request.server_assignor.as_ref().filter(|it| !ASSIGNORS.contains(&it.as_str())) {
        let text =
            format!("the assignor {} is not known: {} are", assignor.as_str(), ASSIGNORS.join(" and "));
        return Err((ResponseError::UnsupportedAssignor, text));
    }
    let member = match request.member_id.is_empty() {
        true => uuid::Uuid::new_v4().to_string(),
        false => request.member_id.to_string(),
    };
    let id = topic_id(&topic.name);
    let holds = request.topic_partitions.map(|all| {
        let own = all.into_iter().filter(|one| one.topic_id == id);
        own.flat_map(|one| one.partitions).collect::<BTreeSet<i32>>()
    });
    Ok(Beat {
        member,
        epoch: request.member_epoch,
        instance: request.instance_id.map(|instance| instance.to_string()),
        client: (call.client.clone(), call.host()),
        rebalance_ms: u64::try_from(request.rebalance_timeout_ms).ok(),
        wishes: wishes(topic, request.subscribed_topic_names, request.subscribed_topic_regex)?,
        holds,
    })
}

fn wishes(
    topic: &governance::Topic,
    names: Option<Vec<kafka_protocol::messages::TopicName>>,
    pattern: Option<kafka_protocol::protocol::StrBytes>,
) -> Result<Option<Wishes>, Fault> {
    if names.is_none() && pattern.is_none() {
        return Ok(None);
    }
    let topics: Vec<String> = names.into_iter().flatten().map(|name| name.to_string()).collect();
    let pattern = pattern.map(|pattern| pattern.to_string()).filter(|pattern| !pattern.is_empty());
    let by_pattern = match &pattern {
        None => false,
        Some(pattern) => {
            let read = regex::Regex::new(&format!("^(?:{pattern})$"));
            let read = read.map_err(|error| {
                (ResponseError::InvalidRegularExpression, format!("the pattern does not read: {error}"))
            })?;
            read.is_match(topic.name.as_str())
        }
    };
    let ours = by_pattern || topics.iter().any(|name| name == topic.name.as_str());
    Ok(Some(Wishes { topics, pattern, ours }))
}

/// Groups with their members.
pub fn describe(call: &Call, request: &ConsumerGroupDescribeRequest) -> ResponseKind {
    let groups = request.group_ids.iter().map(|id| {
        let answer =
            DescribedGroup::default().with_group_id(id.clone()).with_authorized_operations(NO_OPERATIONS);
        let known = names::subscription(id).and_then(|name| {
            call.door.bus.places(&call.caller, &name).map_err(|refusal| crate::errors::of_group(&refusal))
        });
        let topic = known.and_then(|_| topic_of(call, id));
        match topic {
            Err(error) => answer.with_error_code(error.code()),
            Ok(topic) => {
                let found =
                    call.door.groups.peek_modern(id, |group| described(&topic, group, answer.clone()));
                found.unwrap_or_else(|| {
                    let text = "nobody is in the group by this protocol";
                    answer
                        .with_error_code(ResponseError::GroupIdNotFound.code())
                        .with_error_message(Some(wire(text)))
                })
            }
        }
    });
    ResponseKind::ConsumerGroupDescribe(
        ConsumerGroupDescribeResponse::default().with_groups(groups.collect()),
    )
}

fn described(topic: &governance::Topic, group: &Modern, answer: DescribedGroup) -> DescribedGroup {
    let assignment = |parts: BTreeSet<i32>| {
        let partitions = DescribedPartitions::default()
            .with_topic_id(topic_id(&topic.name))
            .with_topic_name(wire_topic(&topic.name))
            .with_partitions(parts.into_iter().collect());
        let some = (!partitions.partitions.is_empty()).then_some(partitions);
        DescribedAssignment::default().with_topic_partitions(some.into_iter().collect())
    };
    let members = group.members().iter().map(|(id, member)| {
        let topics = member.wishes.topics.iter();
        let topics = topics.map(|name| kafka_protocol::messages::TopicName(wire(name.as_str())));
        DescribedMember::default()
            .with_member_id(wire(id.as_str()))
            .with_instance_id(member.instance.clone().map(wire))
            .with_member_epoch(member.epoch)
            .with_client_id(wire(member.client.0.as_str()))
            .with_client_host(wire(member.client.1.as_str()))
            .with_subscribed_topic_names(topics.collect())
            .with_subscribed_topic_regex(member.wishes.pattern.clone().map(wire))
            .with_assignment(assignment(member.parts.clone()))
            .with_target_assignment(assignment(group.target_of(id)))
            .with_member_type(MEMBER_TYPE)
    });
    answer
        .with_group_state(wire(group.state()))
        .with_group_epoch(group.epoch())
        .with_assignment_epoch(group.epoch())
        .with_assignor_name(wire(ASSIGNORS[0]))
        .with_members(members.collect())
}
