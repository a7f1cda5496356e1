//! DescribeConfigs: what of a topic's contract Kafka has a word for, and the little that holds for all.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse, ResponseKind};
use uuid::Uuid;

use super::Call;
use crate::names::{self, wire};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Where a value comes from (`ConfigSource`): set for the topic, or the same for all.
const FROM_TOPIC: i8 = 1;
const FROM_DEFAULTS: i8 = 5;

/// Everything is read-only here: governance changes it.
pub fn answer(call: &Call, request: &DescribeConfigsRequest) -> ResponseKind {
    let results = request.resources.iter().map(|resource| one(call, resource)).collect();
    ResponseKind::DescribeConfigs(DescribeConfigsResponse::default().with_results(results))
}

fn one(call: &Call, resource: &DescribeConfigsResource) -> DescribeConfigsResult {
    let answer = DescribeConfigsResult::default()
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name.clone());
    let values = match resource.resource_type {
        TOPIC => match names::topic(call, &resource.resource_name, Uuid::nil()) {
            Ok(topic) => of_topic(&topic),
            Err(error) => return answer.with_error_code(error.code()),
        },
        BROKER => of_broker(),
        _ => {
            let text = "topics and the broker have a configuration here";
            return answer
                .with_error_code(ResponseError::InvalidRequest.code())
                .with_error_message(Some(wire(text)));
        }
    };
    let wanted = |name: &str| {
        resource.configuration_keys.as_ref().is_none_or(|keys| keys.iter().any(|key| &**key == name))
    };
    let configs = values.into_iter().filter(|(name, ..)| wanted(name)).map(|(name, value, source)| {
        DescribeConfigsResourceResult::default()
            .with_name(wire(name))
            .with_value(Some(wire(value)))
            .with_read_only(true)
            .with_config_source(source)
    });
    answer.with_configs(configs.collect())
}

fn of_topic(topic: &governance::Topic) -> Vec<(&'static str, String, i8)> {
    vec![
        ("cleanup.policy", "delete".to_owned(), FROM_DEFAULTS),
        ("compression.type", "producer".to_owned(), FROM_DEFAULTS),
        ("max.message.bytes", crate::batch::INFLATED_MAX_BYTES.to_string(), FROM_DEFAULTS),
        ("message.timestamp.type", "LogAppendTime".to_owned(), FROM_DEFAULTS),
        ("min.insync.replicas", "1".to_owned(), FROM_DEFAULTS),
        ("retention.bytes", "-1".to_owned(), FROM_DEFAULTS),
        ("retention.ms", topic.retention_s.saturating_mul(1000).to_string(), FROM_TOPIC),
    ]
}

fn of_broker() -> Vec<(&'static str, String, i8)> {
    vec![
        ("auto.create.topics.enable", "false".to_owned(), FROM_DEFAULTS),
        ("default.replication.factor", "1".to_owned(), FROM_DEFAULTS),
        ("message.max.bytes", crate::batch::INFLATED_MAX_BYTES.to_string(), FROM_DEFAULTS),
    ]
}
