//! FindCoordinator: the one broker coordinates every group and every transaction.

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse, ResponseKind};

use super::{BROKER, Call};
use crate::names::wire;

/// The key is a group's id.
const GROUP: i8 = 0;

/// The broker, for each key asked for.
pub fn answer(call: &Call, request: &FindCoordinatorRequest) -> ResponseKind {
    let (host, port) = call.advertised();
    let asked = if request.coordinator_keys.is_empty() {
        vec![request.key.clone()]
    } else {
        request.coordinator_keys.clone()
    };
    if request.key_type == GROUP {
        asked.iter().for_each(|group| call.works_for(group));
    }
    let answer = FindCoordinatorResponse::default();
    if call.version < 4 {
        return ResponseKind::FindCoordinator(
            answer.with_node_id(BROKER).with_host(wire(host)).with_port(port),
        );
    }
    let one = |key| {
        let coordinator = Coordinator::default().with_key(key).with_node_id(BROKER);
        coordinator.with_host(wire(host.as_str())).with_port(port)
    };
    ResponseKind::FindCoordinator(answer.with_coordinators(asked.into_iter().map(one).collect()))
}
