//! One module for each request, or for a few that belong together.

mod administration;
pub mod api_versions;
mod cluster;
mod configs;
mod coordinator;
mod fetch;
mod groups;
mod list_offsets;
mod metadata;
mod modern_groups;
mod offsets;
pub mod produce;
mod producers;
mod transactions;

use std::net::SocketAddr;
use std::sync::Arc;

use bus::Caller;
use kafka_protocol::messages::{BrokerId, RequestKind, ResponseKind};

use crate::Door;

/// The number of the one broker that clients see.
pub const BROKER: BrokerId = BrokerId(1);

/// Of a partition that has one leader for ever.
pub const LEADER_EPOCH: i32 = 0;

/// Says that operations were not asked for, or that there is nothing to say of them.
pub const NO_OPERATIONS: i32 = i32::MIN;

/// Who asks, and over which connection.
pub struct Call {
    /// The door.
    pub door: Arc<Door>,
    /// The caller.
    pub caller: Arc<Caller>,
    /// What the client calls itself.
    pub client: String,
    /// The address that the client reached.
    pub local: SocketAddr,
    /// The client's address.
    pub peer: SocketAddr,
    /// The request's version.
    pub version: i16,
}

impl Call {
    /// The host and port that clients are to connect to.
    pub fn advertised(&self) -> (String, i32) {
        match &self.door.options.advertised {
            Some((host, port)) => (host.clone(), i32::from(*port)),
            None => (self.local.ip().to_string(), i32::from(self.local.port())),
        }
    }

    /// The client's address as groups show it.
    pub fn host(&self) -> String {
        format!("/{}", self.peer.ip())
    }

    /// The client works for a group.
    pub fn works_for(&self, group: &str) {
        let now_ms = self.door.bus.now_ms();
        self.door.groups.uses.note(&self.caller.principal, &self.client, group, now_ms);
    }
}

/// Answers everything but what a connection answers itself.
pub async fn answer(call: Call, request: RequestKind) -> ResponseKind {
    let call = &call;
    match request {
        RequestKind::Metadata(request) => metadata::answer(call, &request),
        RequestKind::DescribeTopicPartitions(request) => metadata::describe(call, &request),
        RequestKind::DescribeCluster(request) => cluster::answer(call, &request),
        RequestKind::Fetch(request) => fetch::answer(call, request).await,
        RequestKind::ListOffsets(request) => list_offsets::answer(call, &request),
        RequestKind::OffsetForLeaderEpoch(request) => list_offsets::end_of_epoch(call, &request),
        RequestKind::FindCoordinator(request) => coordinator::answer(call, &request),
        RequestKind::JoinGroup(request) => groups::join(call, request).await,
        RequestKind::SyncGroup(request) => groups::sync(call, request).await,
        RequestKind::Heartbeat(request) => groups::heartbeat(call, &request),
        RequestKind::LeaveGroup(request) => groups::leave(call, &request).await,
        RequestKind::DescribeGroups(request) => groups::describe(call, &request),
        RequestKind::ListGroups(request) => groups::list(call, &request),
        RequestKind::DeleteGroups(request) => groups::delete(call, &request).await,
        RequestKind::ConsumerGroupHeartbeat(request) => modern_groups::heartbeat(call, request),
        RequestKind::ConsumerGroupDescribe(request) => modern_groups::describe(call, &request),
        RequestKind::OffsetCommit(request) => offsets::commit(call, &request).await,
        RequestKind::OffsetFetch(request) => offsets::fetch(call, &request),
        RequestKind::OffsetDelete(request) => offsets::delete(call, &request).await,
        RequestKind::InitProducerId(request) => producers::answer(call, &request),
        RequestKind::AddPartitionsToTxn(request) => transactions::add_partitions(call, &request),
        RequestKind::AddOffsetsToTxn(request) => transactions::add_offsets(call, &request),
        RequestKind::TxnOffsetCommit(request) => transactions::commit_offsets(call, &request),
        RequestKind::EndTxn(request) => transactions::end(call, &request).await,
        RequestKind::DescribeConfigs(request) => configs::answer(call, &request),
        request => administration::answer(&request),
    }
}
