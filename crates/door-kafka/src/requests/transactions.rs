//! Transactions (KIP-98): the requests between a transactional producer and its coordinator. The bus keeps what a
//! transaction holds until it ends, so that nothing here ever has to be marked as aborted.

use std::collections::BTreeMap;

use bus::{Producer, Refusal, Speaker};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestTopic;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    EndTxnRequest, EndTxnResponse, ProducerId, ResponseKind, TransactionalId, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
};
use uuid::Uuid;

use super::{Call, groups, offsets};
use crate::groups::Who;
use crate::{errors, names};

/// Who speaks, in the bus's words.
pub fn speaker(id: &TransactionalId, number: ProducerId, epoch: i16) -> Speaker {
    let producer = Producer { number: number.0.max(0) as u64, epoch: epoch.max(0) as u16 };
    Speaker { id: id.to_string(), producer }
}

fn code(result: Result<(), Refusal>) -> i16 {
    result.err().map_or(0, |refusal| told(&refusal).code())
}

fn told(refusal: &Refusal) -> ResponseError {
    tracing::info!(%refusal, "a transaction's request was refused");
    errors::of_transaction(refusal)
}

/// Topics that the transaction will write to.
pub fn add_partitions(call: &Call, request: &AddPartitionsToTxnRequest) -> ResponseKind {
    let speaker = speaker(
        &request.v3_and_below_transactional_id,
        request.v3_and_below_producer_id,
        request.v3_and_below_producer_epoch,
    );
    let topics = request.v3_and_below_topics.iter().map(|asked| {
        let error = added(call, &speaker, asked);
        let partition = |index: &i32| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*index)
                .with_partition_error_code(error)
        };
        AddPartitionsToTxnTopicResult::default()
            .with_name(asked.name.clone())
            .with_results_by_partition(asked.partitions.iter().map(partition).collect())
    });
    let answer = AddPartitionsToTxnResponse::default();
    ResponseKind::AddPartitionsToTxn(answer.with_results_by_topic_v3_and_below(topics.collect()))
}

fn added(call: &Call, speaker: &Speaker, asked: &AddPartitionsToTxnTopic) -> i16 {
    match names::topic(call, &asked.name, Uuid::nil()) {
        Err(error) => error.code(),
        Ok(topic) => code(call.door.bus.open_transaction(&call.caller, speaker, Some(&topic.name))),
    }
}

/// A group whose places the transaction will move.
pub fn add_offsets(call: &Call, request: &AddOffsetsToTxnRequest) -> ResponseKind {
    let speaker = speaker(&request.transactional_id, request.producer_id, request.producer_epoch);
    let error = match groups::may_join(call, &request.group_id) {
        Err(error) => error.code(),
        Ok(()) => code(call.door.bus.open_transaction(&call.caller, &speaker, None)),
    };
    ResponseKind::AddOffsetsToTxn(AddOffsetsToTxnResponse::default().with_error_code(error))
}

/// Places that become a group's with the transaction.
pub fn commit_offsets(call: &Call, request: &TxnOffsetCommitRequest) -> ResponseKind {
    let speaker = speaker(&request.transactional_id, request.producer_id, request.producer_epoch);
    let verdict = may_commit(call, request);
    let topics = request.topics.iter().map(|asked| {
        let error = match &verdict {
            Err(error) => error.code(),
            Ok(name) => placed(call, &speaker, name, asked),
        };
        let partitions = asked.partitions.iter().map(|one| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(one.partition_index)
                .with_error_code(error)
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(asked.name.clone())
            .with_partitions(partitions.collect())
    });
    ResponseKind::TxnOffsetCommit(TxnOffsetCommitResponse::default().with_topics(topics.collect()))
}

/// Whether the producer's consumer is a member of the present generation (KIP-447). One that names no member is taken at
/// its word, as before that.
fn may_commit(
    call: &Call,
    request: &TxnOffsetCommitRequest,
) -> Result<contract::SubscriptionName, ResponseError> {
    groups::may_join(call, &request.group_id)?;
    call.works_for(&request.group_id);
    if !request.member_id.is_empty() || request.generation_id >= 0 {
        let who = Who {
            member: request.member_id.to_string(),
            instance: request.group_instance_id.as_ref().map(|instance| instance.to_string()),
            generation: request.generation_id,
        };
        call.door.groups.may_commit(&request.group_id, &who, call.door.bus.now_ms())?;
    }
    names::subscription(&request.group_id)
}

fn placed(
    call: &Call,
    speaker: &Speaker,
    name: &contract::SubscriptionName,
    asked: &TxnOffsetCommitRequestTopic,
) -> i16 {
    if let Err(error) = offsets::is_of(call, name, &asked.name) {
        return error.code();
    }
    let place =
        |one: &kafka_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestPartition| {
            Some((u32::try_from(one.partition_index).ok()?, u64::try_from(one.committed_offset).ok()?))
        };
    let next: Option<BTreeMap<u32, u64>> = asked.partitions.iter().map(place).collect();
    match next {
        None => ResponseError::InvalidCommitOffsetSize.code(),
        Some(next) => code(call.door.bus.stage_places(&call.caller, speaker, name, next)),
    }
}

/// The transaction ends.
pub async fn end(call: &Call, request: &EndTxnRequest) -> ResponseKind {
    let speaker = speaker(&request.transactional_id, request.producer_id, request.producer_epoch);
    let ended = call.door.bus.end_transaction(&call.caller, &speaker, request.committed).await;
    ResponseKind::EndTxn(EndTxnResponse::default().with_error_code(code(ended)))
}
