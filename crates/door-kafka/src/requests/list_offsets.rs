//! ListOffsets and OffsetForLeaderEpoch: where partitions begin and end, and which offset a time has.

use bus::Refusal;
use contract::TopicName;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    ResponseKind,
};
use uuid::Uuid;

use super::{Call, LEADER_EPOCH};
use crate::{errors, names};

/// In place of a time: the next offset that will be given.
const LATEST: i64 = -1;
/// The first offset that is kept.
const EARLIEST: i64 = -2;
/// The event with the greatest time (KIP-734).
const MAX_TIMESTAMP: i64 = -3;
/// The first offset that is kept on the broker itself (KIP-405): there is no other place.
const EARLIEST_LOCAL: i64 = -4;
/// The last offset that was moved elsewhere (KIP-1005): none ever is.
const LATEST_TIERED: i64 = -5;

/// One offset for each partition and time asked for.
pub fn answer(call: &Call, request: &ListOffsetsRequest) -> ResponseKind {
    let topics = request.topics.iter().map(|asked| {
        let topic = names::topic(call, asked.name.as_str(), Uuid::nil());
        let partitions = asked.partitions.iter().map(|partition| {
            let answer =
                ListOffsetsPartitionResponse::default().with_partition_index(partition.partition_index);
            let found = topic.as_ref().map_err(|error| *error).and_then(|topic| {
                let index = u32::try_from(partition.partition_index);
                let index = index.map_err(|_| ResponseError::UnknownTopicOrPartition)?;
                offset(call, &topic.name, index, partition.timestamp)
                    .map_err(|refusal| errors::of_topic(&refusal))
            });
            match found {
                Ok((offset, time)) => {
                    let epoch = if call.version >= 4 && offset >= 0 { LEADER_EPOCH } else { -1 };
                    answer.with_offset(offset).with_timestamp(time).with_leader_epoch(epoch)
                }
                Err(error) => answer.with_error_code(error.code()),
            }
        });
        ListOffsetsTopicResponse::default()
            .with_name(asked.name.clone())
            .with_partitions(partitions.collect())
    });
    ResponseKind::ListOffsets(ListOffsetsResponse::default().with_topics(topics.collect()))
}

/// Offset and time; -1 for what there is not.
fn offset(call: &Call, topic: &TopicName, partition: u32, time: i64) -> Result<(i64, i64), Refusal> {
    let bus = &call.door.bus;
    let (first, next) = bus.bounds(topic, partition)?;
    let event = match time {
        LATEST => return Ok((next as i64, -1)),
        EARLIEST | EARLIEST_LOCAL => return Ok((first as i64, -1)),
        LATEST_TIERED => None,
        MAX_TIMESTAMP => bus.last_event(topic, partition)?,
        time => bus.event_at(topic, partition, time.max(0) as u64)?,
    };
    Ok(event.map_or((-1, -1), |(offset, time)| (offset as i64, time as i64)))
}

/// There is one epoch, and it ends where the partition does.
pub fn end_of_epoch(call: &Call, request: &OffsetForLeaderEpochRequest) -> ResponseKind {
    let topics = request.topics.iter().map(|asked| {
        let topic = names::topic(call, asked.topic.as_str(), Uuid::nil());
        let partitions = asked.partitions.iter().map(|partition| {
            let answer = EpochEndOffset::default().with_partition(partition.partition);
            let end = topic.as_ref().map_err(|error| *error).and_then(|topic| {
                let end = offset(call, &topic.name, partition.partition.max(0) as u32, LATEST);
                end.map_err(|refusal| errors::of_topic(&refusal))
            });
            match end {
                Ok(_) if partition.leader_epoch > LEADER_EPOCH => {
                    answer.with_error_code(ResponseError::UnknownLeaderEpoch.code())
                }
                Ok((end, _)) => answer.with_leader_epoch(LEADER_EPOCH).with_end_offset(end),
                Err(error) => answer.with_error_code(error.code()),
            }
        });
        OffsetForLeaderTopicResult::default()
            .with_topic(asked.topic.clone())
            .with_partitions(partitions.collect())
    });
    ResponseKind::OffsetForLeaderEpoch(OffsetForLeaderEpochResponse::default().with_topics(topics.collect()))
}
