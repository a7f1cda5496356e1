//! The requests of the classic group protocol, and those that list and describe groups. A group is a subscription.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, ResponseKind, SyncGroupRequest,
    SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::oneshot;

use super::{Call, NO_OPERATIONS};
use crate::closed;
use crate::groups::{Join, Joined, State, Synced, Who};
use crate::names::{self, wire};

/// The kind of group that consumers form.
const CONSUMER: &str = "consumer";

/// Whether the caller may be in the group: it may read under the subscription now.
pub fn may_join(call: &Call, group: &str) -> Result<(), ResponseError> {
    let denied = ResponseError::GroupAuthorizationFailed;
    let name = names::subscription(group)?;
    call.door.bus.may_consume(&call.caller, &name).map(drop).map_err(|refused| {
        tracing::info!(group, principal = %call.caller.principal, %refused, "a consumer was not let into its group");
        denied
    })
}

/// A consumer joins; answered when all have joined.
pub async fn join(call: &Call, request: JoinGroupRequest) -> ResponseKind {
    let wanted = request.member_id.clone();
    ResponseKind::JoinGroup(match wait_to_join(call, request).await {
        Ok(joined) if joined.generation < 0 => JoinGroupResponse::default()
            .with_error_code(ResponseError::MemberIdRequired.code())
            .with_generation_id(-1)
            .with_protocol_name(Some(StrBytes::default()))
            .with_member_id(wire(joined.member)),
        Ok(joined) => {
            let member = |(id, instance, metadata): (String, Option<String>, bytes::Bytes)| {
                JoinGroupResponseMember::default()
                    .with_member_id(wire(id))
                    .with_group_instance_id(instance.filter(|_| call.version >= 5).map(wire))
                    .with_metadata(metadata)
            };
            JoinGroupResponse::default()
                .with_generation_id(joined.generation)
                .with_protocol_type(Some(wire(joined.protocol_type)).filter(|_| call.version >= 7))
                .with_protocol_name(Some(wire(joined.protocol)))
                .with_leader(wire(joined.leader))
                .with_member_id(wire(joined.member))
                .with_members(joined.members.into_iter().map(member).collect())
        }
        Err(error) => JoinGroupResponse::default()
            .with_error_code(error.code())
            .with_generation_id(-1)
            .with_protocol_name(Some(StrBytes::default()))
            .with_member_id(wanted),
    })
}

async fn wait_to_join(call: &Call, request: JoinGroupRequest) -> Result<Joined, ResponseError> {
    may_join(call, &request.group_id)?;
    if call.door.groups.peek_modern(&request.group_id, |_| ()).is_some() {
        return Err(ResponseError::InconsistentGroupProtocol);
    }
    call.works_for(&request.group_id);
    let session_ms = request.session_timeout_ms.max(0) as u64;
    let join = Join {
        member: request.member_id.to_string(),
        instance: request.group_instance_id.map(|instance| instance.to_string()),
        client: (call.client.clone(), call.host()),
        session_ms,
        rebalance_ms: if call.version == 0 { session_ms } else { request.rebalance_timeout_ms.max(0) as u64 },
        protocol_type: request.protocol_type.to_string(),
        protocols: request.protocols.into_iter().map(|one| (one.name.to_string(), one.metadata)).collect(),
        takes_id_first: call.version >= 4,
    };
    let (reply, answer) = oneshot::channel();
    let now_ms = call.door.bus.now_ms();
    call.door.groups.with(&request.group_id, |group| group.join(join, now_ms, reply));
    until_closed(call, answer).await
}

/// Waits for a group's answer; a door that closes sends its members elsewhere.
async fn until_closed<T>(
    call: &Call,
    answer: oneshot::Receiver<Result<T, ResponseError>>,
) -> Result<T, ResponseError> {
    let mut closing = call.door.closing.clone();
    tokio::select! {
        answer = answer => answer.unwrap_or(Err(ResponseError::RebalanceInProgress)),
        () = closed(&mut closing) => Err(ResponseError::CoordinatorNotAvailable),
    }
}

/// A member waits for its part; the leader brings everybody's.
pub async fn sync(call: &Call, request: SyncGroupRequest) -> ResponseKind {
    ResponseKind::SyncGroup(match wait_to_sync(call, request).await {
        Ok(synced) => {
            let answer = SyncGroupResponse::default().with_assignment(synced.assignment);
            if call.version < 5 {
                answer
            } else {
                answer
                    .with_protocol_type(Some(wire(synced.protocol_type)))
                    .with_protocol_name(Some(wire(synced.protocol)))
            }
        }
        Err(error) => SyncGroupResponse::default().with_error_code(error.code()),
    })
}

async fn wait_to_sync(call: &Call, request: SyncGroupRequest) -> Result<Synced, ResponseError> {
    may_join(call, &request.group_id)?;
    let who = Who {
        member: request.member_id.to_string(),
        instance: request.group_instance_id.map(|instance| instance.to_string()),
        generation: request.generation_id,
    };
    let parts =
        request.assignments.into_iter().map(|part| (part.member_id.to_string(), part.assignment)).collect();
    let (reply, answer) = oneshot::channel();
    let now_ms = call.door.bus.now_ms();
    call.door.groups.with(&request.group_id, |group| group.sync(&who, parts, now_ms, reply));
    // Kept before anybody acts on it, so that a restart finds the generation that its members know.
    call.door.keep_groups().await;
    call.door.groups.with(&request.group_id, |group| group.tell_parts());
    until_closed(call, answer).await
}

/// A sign of life.
pub fn heartbeat(call: &Call, request: &HeartbeatRequest) -> ResponseKind {
    let who = Who {
        member: request.member_id.to_string(),
        instance: request.group_instance_id.as_ref().map(|instance| instance.to_string()),
        generation: request.generation_id,
    };
    let alive = may_join(call, &request.group_id).and_then(|()| {
        call.works_for(&request.group_id);
        let now_ms = call.door.bus.now_ms();
        call.door.groups.with(&request.group_id, |group| group.heartbeat(&who, now_ms))
    });
    let error = alive.err().map_or(0, |error| error.code());
    ResponseKind::Heartbeat(HeartbeatResponse::default().with_error_code(error))
}

/// Members go.
pub async fn leave(call: &Call, request: &LeaveGroupRequest) -> ResponseKind {
    let answer = left(call, request);
    call.door.keep_groups().await;
    ResponseKind::LeaveGroup(answer)
}

fn left(call: &Call, request: &LeaveGroupRequest) -> LeaveGroupResponse {
    let answer = LeaveGroupResponse::default();
    if let Err(error) = may_join(call, &request.group_id) {
        return answer.with_error_code(error.code());
    }
    let now_ms = call.door.bus.now_ms();
    let leave = |member: &str, instance: Option<&str>| {
        let left = call.door.groups.with(&request.group_id, |group| group.leave(member, instance, now_ms));
        left.err().map_or(0, |error| error.code())
    };
    if call.version < 3 {
        return answer.with_error_code(leave(&request.member_id, None));
    }
    let members = request.members.iter().map(|member| {
        let error = leave(&member.member_id, member.group_instance_id.as_deref());
        MemberResponse::default()
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
            .with_error_code(error)
    });
    answer.with_members(members.collect())
}

/// Groups with their members.
pub fn describe(call: &Call, request: &DescribeGroupsRequest) -> ResponseKind {
    let groups = request.groups.iter().map(|id| {
        let answer =
            DescribedGroup::default().with_group_id(id.clone()).with_authorized_operations(NO_OPERATIONS);
        let known = names::subscription(id).and_then(|name| {
            call.door.bus.places(&call.caller, &name).map_err(|refusal| crate::errors::of_group(&refusal))
        });
        let known = known.and_then(|_| match call.door.groups.peek_modern(id, |_| ()) {
            Some(()) => Err(ResponseError::GroupIdNotFound),
            None => Ok(()),
        });
        match known {
            Ok(()) => described(call, answer),
            // Version 6 tells groups apart that are not there (KIP-1043).
            Err(error) if call.version >= 6 => answer
                .with_error_code(error.code())
                .with_error_message(Some(wire("no classic group of this name that the caller may see"))),
            Err(error) => answer.with_error_code(error.code()),
        }
    });
    ResponseKind::DescribeGroups(DescribeGroupsResponse::default().with_groups(groups.collect()))
}

fn described(call: &Call, answer: DescribedGroup) -> DescribedGroup {
    let id = answer.group_id.clone();
    let found = call.door.groups.peek(&id, |group| {
        let members = group.members().into_iter().map(|member| {
            DescribedGroupMember::default()
                .with_member_id(wire(member.id))
                .with_group_instance_id(member.instance.filter(|_| call.version >= 4).map(wire))
                .with_client_id(wire(member.client.0))
                .with_client_host(wire(member.client.1))
                .with_member_metadata(member.metadata)
                .with_member_assignment(member.assignment)
        });
        answer
            .clone()
            .with_group_state(wire(group.state().name()))
            .with_protocol_type(wire(CONSUMER))
            .with_protocol_data(wire(group.protocol()))
            .with_members(members.collect())
    });
    found.unwrap_or_else(|| {
        answer.with_group_state(wire(State::Empty.name())).with_protocol_type(wire(CONSUMER))
    })
}

/// The subscriptions that the caller may see, as groups.
pub fn list(call: &Call, request: &ListGroupsRequest) -> ResponseKind {
    let now_ms = call.door.bus.now_ms();
    let seen = call.door.bus.subscriptions(&call.caller);
    let live = seen.iter().filter(|subscription| subscription.is_live(now_ms));
    let listed = live.filter_map(|subscription| {
        let id = subscription.name.as_str();
        let (group_state, kind) = call.door.groups.state_and_kind(id);
        let wanted = |filter: &[StrBytes], is: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(is))
        };
        if !wanted(&request.states_filter, group_state) || !wanted(&request.types_filter, kind) {
            return None;
        }
        let group =
            ListedGroup::default().with_group_id(GroupId(wire(id))).with_protocol_type(wire(CONSUMER));
        let group = if call.version >= 4 { group.with_group_state(wire(group_state)) } else { group };
        Some(if call.version >= 5 { group.with_group_type(wire(kind)) } else { group })
    });
    ResponseKind::ListGroups(ListGroupsResponse::default().with_groups(listed.collect()))
}

/// What a group is to Kafka, its places, is forgotten; the subscription stays: governance ends it.
pub async fn delete(call: &Call, request: &DeleteGroupsRequest) -> ResponseKind {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for id in &request.groups_names {
        let error = forget(call, id).await.err().map_or(0, |error| error.code());
        results.push(DeletableGroupResult::default().with_group_id(id.clone()).with_error_code(error));
    }
    ResponseKind::DeleteGroups(DeleteGroupsResponse::default().with_results(results))
}

async fn forget(call: &Call, id: &str) -> Result<(), ResponseError> {
    may_join(call, id)?;
    if call.door.groups.state_and_kind(id).0 != State::Empty.name() {
        return Err(ResponseError::NonEmptyGroup);
    }
    let name = names::subscription(id)?;
    let of_group = |refusal: bus::Refusal| crate::errors::of_group(&refusal);
    let places = call.door.bus.places(&call.caller, &name).map_err(of_group)?;
    call.door.bus.forget_places(&call.caller, &name, places.into_keys().collect()).await.map_err(of_group)
}
