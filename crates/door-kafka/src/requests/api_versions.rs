//! ApiVersions: what is served.

use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsResponse, ResponseKind};

use crate::apis::SERVED;

/// The table of `apis.rs`.
pub fn answer(_: i16) -> ResponseKind {
    let served = SERVED.iter().map(|(key, min, max)| {
        // librdkafka before 2.11 takes a lowest version above 0 for a broker too old for its message format; versions 0
        // to 2 are refused all the same (Kafka 4 says so too, see KIP-896).
        let min = if *key == ApiKey::Produce { 0 } else { *min };
        ApiVersion::default().with_api_key(*key as i16).with_min_version(min).with_max_version(*max)
    });
    ResponseKind::ApiVersions(ApiVersionsResponse::default().with_api_keys(served.collect()))
}
