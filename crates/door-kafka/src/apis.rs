//! What is served, in which versions, and the answer to everything else.

use bytes::{BufMut, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{ApiKey, ResponseKind};

use crate::requests::api_versions;

/// Each request that is served, with its lowest and highest version.
pub const SERVED: [(ApiKey, i16, i16); 35] = [
    (ApiKey::Produce, 3, 13),
    (ApiKey::Fetch, 4, 17),
    (ApiKey::ListOffsets, 1, 10),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::OffsetCommit, 2, 9),
    (ApiKey::OffsetFetch, 1, 9),
    (ApiKey::FindCoordinator, 0, 6),
    (ApiKey::JoinGroup, 0, 9),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::DescribeGroups, 0, 6),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::SaslHandshake, 0, 1),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::InitProducerId, 0, 5),
    // From version 4 on brokers speak among themselves.
    (ApiKey::AddPartitionsToTxn, 0, 3),
    (ApiKey::AddOffsetsToTxn, 0, 3),
    (ApiKey::EndTxn, 0, 3),
    (ApiKey::TxnOffsetCommit, 0, 3),
    (ApiKey::OffsetForLeaderEpoch, 2, 4),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::AlterConfigs, 0, 2),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::SaslAuthenticate, 0, 2),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::OffsetDelete, 0, 0),
    (ApiKey::DescribeCluster, 0, 2),
    (ApiKey::ConsumerGroupHeartbeat, 0, 1),
    (ApiKey::ConsumerGroupDescribe, 0, 1),
    (ApiKey::DescribeTopicPartitions, 0, 0),
];

/// Whether a request is served in a version.
pub fn serves(key: ApiKey, version: i16) -> bool {
    SERVED.iter().any(|(known, min, max)| *known == key && (*min..=*max).contains(&version))
}

/// The answer to what is not served. For `ApiVersions` of a version that is not known, version 0 of the answer, from
/// which the client learns what is (KIP-511); for everything else the bare error code, and the connection goes on.
pub fn unserved(code: i16, version: i16, correlation: i32) -> BytesMut {
    tracing::debug!(code, version, "a request that is not served");
    let mut out = BytesMut::new();
    out.put_i32(0);
    out.put_i32(correlation);
    if code == ApiKey::ApiVersions as i16 {
        let ResponseKind::ApiVersions(mut known) = api_versions::answer(0) else { return out };
        known.error_code = ResponseError::UnsupportedVersion.code();
        let _ = ResponseKind::ApiVersions(known).encode(&mut out, 0);
    } else {
        out.put_i16(ResponseError::UnsupportedVersion.code());
    }
    let length = (out.len() - 4) as i32;
    out[..4].copy_from_slice(&length.to_be_bytes());
    out
}
