//! DescribeCluster: one broker, which is the bus.

use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse, ResponseKind};

use super::{BROKER, Call, NO_OPERATIONS};
use crate::names::wire;

/// The bus as a cluster of one.
pub fn answer(call: &Call, _: &DescribeClusterRequest) -> ResponseKind {
    let (host, port) = call.advertised();
    let broker =
        DescribeClusterBroker::default().with_broker_id(BROKER).with_host(wire(host)).with_port(port);
    ResponseKind::DescribeCluster(
        DescribeClusterResponse::default()
            .with_cluster_id(wire(call.door.options.cluster.as_str()))
            .with_controller_id(BROKER)
            .with_brokers(vec![broker])
            .with_cluster_authorized_operations(NO_OPERATIONS),
    )
}
