//! Metadata and DescribeTopicPartitions: which topics there are, and that one broker leads all of their partitions.

use std::sync::Arc;

use governance::Role;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_topic_partitions_response::{
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    self, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, MetadataRequest, MetadataResponse,
    ResponseKind,
};
use uuid::Uuid;

use super::{BROKER, Call, LEADER_EPOCH, NO_OPERATIONS};
use crate::names::{self, topic_id, wire, wire_topic};

/// The broker, and the topics asked for: by name, by id, or all that concern the caller.
pub fn answer(call: &Call, request: &MetadataRequest) -> ResponseKind {
    let (host, port) = call.advertised();
    let broker = MetadataResponseBroker::default().with_node_id(BROKER).with_host(wire(host)).with_port(port);
    // In version 0 nobody could ask for none: an empty list asks for all.
    let named = request.topics.as_ref().filter(|topics| call.version > 0 || !topics.is_empty());
    let topics = match named {
        None => concerning(call).iter().map(|topic| found(topic)).collect(),
        Some(named) => {
            let one = |wanted: &messages::metadata_request::MetadataRequestTopic| {
                let name = wanted.name.as_ref().map_or("", |name| name.as_str());
                match names::topic(call, name, wanted.topic_id) {
                    Ok(topic) => found(&topic),
                    Err(error) => missing(wanted.name.clone(), wanted.topic_id, error),
                }
            };
            named.iter().map(one).collect()
        }
    };
    ResponseKind::Metadata(
        MetadataResponse::default()
            .with_brokers(vec![broker])
            .with_cluster_id(Some(wire(call.door.options.cluster.as_str())))
            .with_controller_id(BROKER)
            .with_topics(topics)
            .with_cluster_authorized_operations(NO_OPERATIONS),
    )
}

/// The topics that the caller has to do with: its agency's own, and those it has a live subscription to; for those who
/// oversee, all.
fn concerning(call: &Call) -> Vec<Arc<governance::Topic>> {
    let Ok(state) = call.door.bus.state(&call.caller) else { return Vec::new() };
    let all = call.caller.is(Role::Operator) || call.caller.is(Role::Regulator);
    let concerns = |topic: &&Arc<governance::Topic>| {
        all || topic.owner == call.caller.agency
            || !call.door.bus.may_consume_from(&call.caller, &topic.name).is_empty()
    };
    state.topics().filter(concerns).cloned().collect()
}

fn found(topic: &governance::Topic) -> MetadataResponseTopic {
    let partition = |index: u32| {
        MetadataResponsePartition::default()
            .with_partition_index(index as i32)
            .with_leader_id(BROKER)
            .with_leader_epoch(LEADER_EPOCH)
            .with_replica_nodes(vec![BROKER])
            .with_isr_nodes(vec![BROKER])
    };
    MetadataResponseTopic::default()
        .with_name(Some(wire_topic(&topic.name)))
        .with_topic_id(topic_id(&topic.name))
        .with_partitions((0..topic.partitions).map(partition).collect())
        .with_topic_authorized_operations(NO_OPERATIONS)
}

fn missing(name: Option<messages::TopicName>, id: Uuid, error: ResponseError) -> MetadataResponseTopic {
    MetadataResponseTopic::default()
        .with_error_code(error.code())
        .with_name(name.or_else(|| Some(messages::TopicName::default())))
        .with_topic_id(id)
        .with_topic_authorized_operations(NO_OPERATIONS)
}

/// The same for clients that page through partitions; all of them come at once.
pub fn describe(call: &Call, request: &DescribeTopicPartitionsRequest) -> ResponseKind {
    let partition = |index: u32| {
        DescribeTopicPartitionsResponsePartition::default()
            .with_partition_index(index as i32)
            .with_leader_id(BROKER)
            .with_leader_epoch(LEADER_EPOCH)
            .with_replica_nodes(vec![BROKER])
            .with_isr_nodes(vec![BROKER])
            .with_eligible_leader_replicas(Some(Vec::new()))
            .with_last_known_elr(Some(Vec::new()))
    };
    let one = |wanted: &messages::describe_topic_partitions_request::TopicRequest| {
        let answer = DescribeTopicPartitionsResponseTopic::default()
            .with_name(Some(wanted.name.clone()))
            .with_topic_authorized_operations(NO_OPERATIONS);
        match names::topic(call, wanted.name.as_str(), Uuid::nil()) {
            Ok(topic) => answer
                .with_topic_id(topic_id(&topic.name))
                .with_partitions((0..topic.partitions).map(partition).collect()),
            Err(error) => answer.with_error_code(error.code()),
        }
    };
    let topics = request.topics.iter().map(one).collect();
    ResponseKind::DescribeTopicPartitions(DescribeTopicPartitionsResponse::default().with_topics(topics))
}
