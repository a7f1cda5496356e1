//! Topics are made, changed and ended by governance. Whoever tries it through Kafka is told how it is done.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    AlterConfigsResponse, ApiVersionsResponse, CreatePartitionsResponse, CreateTopicsResponse,
    DeleteRecordsResponse, DeleteTopicsResponse, IncrementalAlterConfigsResponse, RequestKind, ResponseKind,
    alter_configs_response, incremental_alter_configs_response,
};

use crate::names::wire;

const CREATE: &str = "topics begin with a contract, an owner and a steward: write topics/NAME/topic.yaml and run \
                      `chancery apply`; for an internal topic of a stream application, its agency's steward registers \
                      one with the name that the application gives it";
const DELETE: &str =
    "a topic ends with its contract: its steward deprecates it with `chancery contract deprecate`";
const PARTITIONS: &str = "the number of partitions is fixed, so that the events of one key stay in order: register \
                          another topic and deprecate this one's contract";
const CHANGE: &str =
    "what holds for a topic stands in topics/NAME/topic.yaml: change it there and run `chancery apply`";

fn refused() -> i16 {
    ResponseError::PolicyViolation.code()
}

/// A refusal for each thing asked for.
pub fn answer(request: &RequestKind) -> ResponseKind {
    match request {
        RequestKind::CreateTopics(request) => {
            let one = |topic: &kafka_protocol::messages::create_topics_request::CreatableTopic| {
                CreatableTopicResult::default()
                    .with_name(topic.name.clone())
                    .with_error_code(refused())
                    .with_error_message(Some(wire(CREATE)))
            };
            let topics = request.topics.iter().map(one).collect();
            ResponseKind::CreateTopics(CreateTopicsResponse::default().with_topics(topics))
        }
        RequestKind::DeleteTopics(request) => {
            let named = request.topic_names.iter().map(|name| (Some(name.clone()), uuid::Uuid::nil()));
            let states = request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id));
            let one = |(name, id)| {
                DeletableTopicResult::default()
                    .with_name(name)
                    .with_topic_id(id)
                    .with_error_code(refused())
                    .with_error_message(Some(wire(DELETE)))
            };
            let responses = named.chain(states).map(one).collect();
            ResponseKind::DeleteTopics(DeleteTopicsResponse::default().with_responses(responses))
        }
        RequestKind::CreatePartitions(request) => {
            let one = |topic: &kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic| {
                CreatePartitionsTopicResult::default()
                    .with_name(topic.name.clone())
                    .with_error_code(refused())
                    .with_error_message(Some(wire(PARTITIONS)))
            };
            let results = request.topics.iter().map(one).collect();
            ResponseKind::CreatePartitions(CreatePartitionsResponse::default().with_results(results))
        }
        RequestKind::AlterConfigs(request) => {
            let one = |resource: &kafka_protocol::messages::alter_configs_request::AlterConfigsResource| {
                alter_configs_response::AlterConfigsResourceResponse::default()
                    .with_resource_type(resource.resource_type)
                    .with_resource_name(resource.resource_name.clone())
                    .with_error_code(refused())
                    .with_error_message(Some(wire(CHANGE)))
            };
            let responses = request.resources.iter().map(one).collect();
            ResponseKind::AlterConfigs(AlterConfigsResponse::default().with_responses(responses))
        }
        RequestKind::IncrementalAlterConfigs(request) => {
            let one = |resource: &kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource| {
                incremental_alter_configs_response::AlterConfigsResourceResponse::default()
                    .with_resource_type(resource.resource_type)
                    .with_resource_name(resource.resource_name.clone())
                    .with_error_code(refused())
                    .with_error_message(Some(wire(CHANGE)))
            };
            let responses = request.resources.iter().map(one).collect();
            ResponseKind::IncrementalAlterConfigs(
                IncrementalAlterConfigsResponse::default().with_responses(responses),
            )
        }
        RequestKind::DeleteRecords(request) => {
            let one = |topic: &kafka_protocol::messages::delete_records_request::DeleteRecordsTopic| {
                let partition = |index: i32| {
                    DeleteRecordsPartitionResult::default()
                        .with_partition_index(index)
                        .with_low_watermark(-1)
                        .with_error_code(refused())
                };
                let partitions = topic.partitions.iter().map(|one| partition(one.partition_index)).collect();
                DeleteRecordsTopicResult::default().with_name(topic.name.clone()).with_partitions(partitions)
            };
            let topics = request.topics.iter().map(one).collect();
            ResponseKind::DeleteRecords(DeleteRecordsResponse::default().with_topics(topics))
        }
        // Everything in the table of apis.rs is answered before; this is for what is added there and forgotten here.
        _ => {
            let error = ResponseError::UnsupportedVersion.code();
            ResponseKind::ApiVersions(ApiVersionsResponse::default().with_error_code(error))
        }
    }
}
