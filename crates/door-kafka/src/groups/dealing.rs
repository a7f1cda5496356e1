//! How the leader's dealing out reaches the members.

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use tokio::sync::oneshot;

use super::classic::Group;
use super::words::{State, Synced, Who};

impl Group {
    /// A member is ready for its part; the leader brings everybody's. When it has, [`Group::tell_parts`] is to follow, once
    /// the group is kept.
    pub fn sync(
        &mut self,
        who: &Who,
        parts: Vec<(String, Bytes)>,
        now_ms: u64,
        reply: oneshot::Sender<Result<Synced, ResponseError>>,
    ) {
        if let Err(error) = self.is_current(who) {
            let _ = reply.send(Err(error));
            return;
        }
        let (state, is_leader) = (self.state, who.member == self.leader);
        let Some(member) = self.members.get_mut(&who.member) else { return };
        member.seen_ms = now_ms;
        match state {
            State::Empty => {
                let _ = reply.send(Err(ResponseError::UnknownMemberId));
            }
            State::Preparing => {
                let _ = reply.send(Err(ResponseError::RebalanceInProgress));
            }
            State::Stable => {
                let assignment = member.assignment.clone();
                let _ = reply.send(Ok(self.synced(assignment)));
            }
            State::Completing => {
                member.syncing = Some(reply);
                if is_leader {
                    self.deal_out(parts);
                }
            }
        }
    }

    fn deal_out(&mut self, parts: Vec<(String, Bytes)>) {
        self.state = State::Stable;
        self.unkept = true;
        for (id, part) in parts {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = part;
            }
        }
    }

    /// Tells those who wait their part.
    pub fn tell_parts(&mut self) {
        if self.state != State::Stable {
            return;
        }
        let (protocol_type, protocol) = (self.protocol_type().to_owned(), self.protocol.clone());
        for member in self.members.values_mut() {
            if let Some(reply) = member.syncing.take() {
                let assignment = member.assignment.clone();
                let (protocol_type, protocol) = (protocol_type.clone(), protocol.clone());
                let _ = reply.send(Ok(Synced { protocol_type, protocol, assignment }));
            }
        }
    }

    fn synced(&self, assignment: Bytes) -> Synced {
        Synced { protocol_type: self.protocol_type().to_owned(), protocol: self.protocol.clone(), assignment }
    }
}
