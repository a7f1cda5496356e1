//! OffsetCommit, OffsetFetch, OffsetDelete: a group's place is its subscription's, durable in the bus.

use std::collections::BTreeMap;

use contract::SubscriptionName;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestTopic;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    OffsetFetchResponse, ResponseKind, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::{Call, LEADER_EPOCH, groups};
use crate::errors;
use crate::groups::Who;
use crate::names::{self, wire_topic};

/// Puts the subscription's place where the group says. A topic that is not the subscription's is refused.
pub async fn commit(call: &Call, request: &OffsetCommitRequest) -> ResponseKind {
    let verdict = may_commit(call, request);
    let mut topics = Vec::with_capacity(request.topics.len());
    for asked in &request.topics {
        let error = match &verdict {
            Ok(name) => keep(call, name, asked).await.err(),
            Err(error) => Some(*error),
        };
        let error = error.map_or(0, |error| error.code());
        let partition = |index: i32| {
            OffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(error)
        };
        let partitions = asked.partitions.iter().map(|one| partition(one.partition_index)).collect();
        topics.push(
            OffsetCommitResponseTopic::default().with_name(asked.name.clone()).with_partitions(partitions),
        );
    }
    ResponseKind::OffsetCommit(OffsetCommitResponse::default().with_topics(topics))
}

fn may_commit(call: &Call, request: &OffsetCommitRequest) -> Result<SubscriptionName, ResponseError> {
    groups::may_join(call, &request.group_id)?;
    call.works_for(&request.group_id);
    let who = Who {
        member: request.member_id.to_string(),
        instance: request.group_instance_id.as_ref().map(|instance| instance.to_string()),
        generation: request.generation_id_or_member_epoch,
    };
    let now_ms = call.door.bus.now_ms();
    call.door.groups.may_commit(&request.group_id, &who, now_ms)?;
    names::subscription(&request.group_id)
}

async fn keep(
    call: &Call,
    name: &SubscriptionName,
    asked: &OffsetCommitRequestTopic,
) -> Result<(), ResponseError> {
    is_of(call, name, &asked.name)?;
    let place = |one: &kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition| {
        let partition =
            u32::try_from(one.partition_index).map_err(|_| ResponseError::UnknownTopicOrPartition)?;
        let offset =
            u64::try_from(one.committed_offset).map_err(|_| ResponseError::InvalidCommitOffsetSize)?;
        Ok((partition, offset))
    };
    let next: BTreeMap<u32, u64> =
        asked.partitions.iter().map(place).collect::<Result<_, ResponseError>>()?;
    call.door.bus.keep_places(&call.caller, name, next).await.map_err(|refusal| errors::of_group(&refusal))
}

/// Whether a topic is the one that the subscription is to.
pub fn is_of(call: &Call, name: &SubscriptionName, topic: &TopicName) -> Result<(), ResponseError> {
    let state = call.door.bus.state(&call.caller).map_err(|refusal| errors::of_group(&refusal))?;
    let subscription = state.subscription(name).ok_or(ResponseError::GroupAuthorizationFailed)?;
    let is_own = subscription.topic.as_str() == topic.as_str();
    if is_own { Ok(()) } else { Err(ResponseError::TopicAuthorizationFailed) }
}

/// The committed places of one partition of one topic; -1 for one that was never committed.
struct Place {
    partition: i32,
    offset: i64,
}

/// Where groups stand.
pub fn fetch(call: &Call, request: &OffsetFetchRequest) -> ResponseKind {
    let answer = OffsetFetchResponse::default();
    if call.version >= 8 {
        let groups = request.groups.iter().map(|asked| {
            let topics = asked.topics.as_ref().map(|topics| {
                topics.iter().map(|topic| (topic.name.clone(), topic.partition_indexes.clone())).collect()
            });
            group_answer(call, asked, topics)
        });
        return ResponseKind::OffsetFetch(answer.with_groups(groups.collect()));
    }
    let topics = request.topics.as_ref().map(|topics| {
        topics.iter().map(|topic| (topic.name.clone(), topic.partition_indexes.clone())).collect()
    });
    ResponseKind::OffsetFetch(match places(call, &request.group_id, topics) {
        Err(error) if call.version >= 2 => answer.with_error_code(error.code()),
        Err(_) => answer,
        Ok(found) => {
            let partition = |place: Place| {
                OffsetFetchResponsePartition::default()
                    .with_partition_index(place.partition)
                    .with_committed_offset(place.offset)
                    .with_committed_leader_epoch(epoch_of(&place, call.version >= 5))
                    .with_metadata(Some(StrBytes::default()))
            };
            let topic = |(name, places): (TopicName, Vec<Place>)| {
                let partitions = places.into_iter().map(partition).collect();
                OffsetFetchResponseTopic::default().with_name(name).with_partitions(partitions)
            };
            answer.with_topics(found.into_iter().map(topic).collect())
        }
    })
}

fn epoch_of(place: &Place, has_epochs: bool) -> i32 {
    if place.offset >= 0 && has_epochs { LEADER_EPOCH } else { -1 }
}

type Wanted = Option<Vec<(TopicName, Vec<i32>)>>;

fn group_answer(call: &Call, asked: &OffsetFetchRequestGroup, wanted: Wanted) -> OffsetFetchResponseGroup {
    let group = &asked.group_id;
    let answer = OffsetFetchResponseGroup::default().with_group_id(group.clone());
    // A member of the newer protocol asks with its epoch, so that it never goes on from a place that another moved.
    let member = asked.member_id.as_deref().filter(|_| asked.member_epoch >= 0);
    let current = member.and_then(|member| {
        call.door.groups.peek_modern(group, |known| known.may_commit(member, asked.member_epoch))
    });
    if let Some(Err(error)) = current {
        return answer.with_error_code(error.code());
    }
    match places(call, group, wanted) {
        Err(error) => answer.with_error_code(error.code()),
        Ok(found) => {
            let partition = |place: Place| {
                OffsetFetchResponsePartitions::default()
                    .with_partition_index(place.partition)
                    .with_committed_offset(place.offset)
                    .with_committed_leader_epoch(epoch_of(&place, true))
                    .with_metadata(Some(StrBytes::default()))
            };
            let topic = |(name, places): (TopicName, Vec<Place>)| {
                let partitions = places.into_iter().map(partition).collect();
                OffsetFetchResponseTopics::default().with_name(name).with_partitions(partitions)
            };
            answer.with_topics(found.into_iter().map(topic).collect())
        }
    }
}

/// The places asked for, or all there are.
fn places(call: &Call, group: &str, wanted: Wanted) -> Result<Vec<(TopicName, Vec<Place>)>, ResponseError> {
    let name = names::subscription(group)?;
    let known = call.door.bus.places(&call.caller, &name).map_err(|refusal| errors::of_group(&refusal))?;
    if groups::may_join(call, group).is_ok() {
        call.works_for(group);
    }
    let state = call.door.bus.state(&call.caller).map_err(|refusal| errors::of_group(&refusal))?;
    let subscription = state.subscription(&name).ok_or(ResponseError::GroupAuthorizationFailed)?;
    let own = wire_topic(&subscription.topic);
    let Some(wanted) = wanted else {
        let all = known
            .iter()
            .map(|(partition, offset)| Place { partition: *partition as i32, offset: *offset as i64 });
        let all: Vec<Place> = all.collect();
        return Ok(if all.is_empty() { Vec::new() } else { vec![(own, all)] });
    };
    let one = |(topic, partitions): (TopicName, Vec<i32>)| {
        let offset = |partition: i32| {
            let known = known.get(&(partition.max(0) as u32)).filter(|_| topic == own);
            known.map_or(-1, |offset| *offset as i64)
        };
        let places =
            partitions.iter().map(|partition| Place { partition: *partition, offset: offset(*partition) });
        let places = places.collect();
        (topic, places)
    };
    Ok(wanted.into_iter().map(one).collect())
}

/// Forgets places, so that the group begins where its `auto.offset.reset` says.
pub async fn delete(call: &Call, request: &OffsetDeleteRequest) -> ResponseKind {
    let answer = OffsetDeleteResponse::default();
    let name = match groups::may_join(call, &request.group_id)
        .and_then(|()| names::subscription(&request.group_id))
    {
        Ok(name) => name,
        Err(error) => return ResponseKind::OffsetDelete(answer.with_error_code(error.code())),
    };
    if call.door.groups.state_and_kind(&request.group_id).0 != crate::groups::State::Empty.name() {
        let error = ResponseError::NonEmptyGroup.code();
        return ResponseKind::OffsetDelete(answer.with_error_code(error));
    }
    let mut topics = Vec::with_capacity(request.topics.len());
    for asked in &request.topics {
        let partitions: Vec<u32> =
            asked.partitions.iter().map(|one| one.partition_index.max(0) as u32).collect();
        let error = match is_of(call, &name, &asked.name) {
            Ok(()) => {
                let forgotten = call.door.bus.forget_places(&call.caller, &name, partitions).await;
                forgotten.map_err(|refusal| errors::of_group(&refusal)).err()
            }
            Err(error) => Some(error),
        };
        let error = error.map_or(0, |error| error.code());
        let partition = |index: i32| {
            OffsetDeleteResponsePartition::default().with_partition_index(index).with_error_code(error)
        };
        let partitions = asked.partitions.iter().map(|one| partition(one.partition_index)).collect();
        topics.push(
            OffsetDeleteResponseTopic::default().with_name(asked.name.clone()).with_partitions(partitions),
        );
    }
    ResponseKind::OffsetDelete(answer.with_topics(topics))
}
