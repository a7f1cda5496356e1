//! How a member comes into a group, or back into it.

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use tokio::sync::oneshot;

use super::classic::{Group, Member, refuse};
use super::words::{Join, Joined, State};

/// Session timeouts that are taken, in milliseconds.
const SESSION_MS: std::ops::RangeInclusive<u64> = 1_000..=1_800_000;

/// What became of a request to be in.
enum Placed {
    /// It can be answered now.
    Told(Joined),
    /// The member of this id waits for the others.
    Waits(String),
}

impl Group {
    /// A member wants to be in; it is answered when all have joined. One that gets an id first is told generation -1.
    pub fn join(&mut self, join: Join, now_ms: u64, reply: oneshot::Sender<Result<Joined, ResponseError>>) {
        match self.place(join, now_ms) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(Placed::Told(joined)) => drop(reply.send(Ok(joined))),
            Ok(Placed::Waits(id)) => {
                if let Some(member) = self.members.get_mut(&id) {
                    member.joining = Some(reply);
                }
                self.rebalance(now_ms);
            }
        }
    }

    fn place(&mut self, mut join: Join, now_ms: u64) -> Result<Placed, ResponseError> {
        if !SESSION_MS.contains(&join.session_ms) {
            return Err(ResponseError::InvalidSessionTimeout);
        }
        if !self.fits(&join) {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        let known_instance =
            join.instance.as_ref().and_then(|instance| self.instances.get(instance)).cloned();
        if join.member.is_empty() {
            let id = self.new_id(&join);
            if let Some(old) = known_instance {
                return Ok(self.replace(&old, id, join, now_ms));
            }
            if join.instance.is_none() && join.takes_id_first {
                self.promised.insert(id.clone(), now_ms + join.session_ms);
                return Ok(Placed::Told(Joined::only_id(id)));
            }
            join.member = id;
            return Ok(self.admit(join, now_ms));
        }
        if known_instance.is_some_and(|known| known != join.member) {
            return Err(ResponseError::FencedInstanceId);
        }
        if self.promised.remove(&join.member).is_some() {
            return Ok(self.admit(join, now_ms));
        }
        let member = self.members.get_mut(&join.member).ok_or(ResponseError::UnknownMemberId)?;
        let same = member.join.protocols == join.protocols;
        let id = join.member.clone();
        member.seen_ms = now_ms;
        member.join = join;
        let nothing_new = match self.state {
            State::Completing => same,
            State::Stable => same && id != self.leader,
            State::Empty | State::Preparing => false,
        };
        Ok(if nothing_new { Placed::Told(self.told(&id)) } else { Placed::Waits(id) })
    }

    fn new_id(&mut self, join: &Join) -> String {
        self.made += 1;
        let name = join.instance.as_deref().unwrap_or(&join.client.0);
        format!("{name}-{}", uuid::Uuid::from_u128(unique(self.made)))
    }

    /// Whether the member knows a way of dealing out that all others know too.
    fn fits(&self, join: &Join) -> bool {
        let others = || self.members.iter().filter(|(id, _)| **id != join.member).map(|(_, member)| member);
        let same_kind = others().all(|member| member.join.protocol_type == join.protocol_type);
        let shared = |(name, _): &(String, Bytes)| others().all(|member| member.knows(name));
        !join.protocol_type.is_empty() && same_kind && join.protocols.iter().any(shared)
    }

    fn admit(&mut self, join: Join, now_ms: u64) -> Placed {
        let id = join.member.clone();
        if let Some(instance) = &join.instance {
            self.instances.insert(instance.clone(), id.clone());
        }
        let member = Member { join, assignment: Bytes::new(), seen_ms: now_ms, joining: None, syncing: None };
        self.members.insert(id.clone(), member);
        Placed::Waits(id)
    }

    /// A member that came back under its instance takes the place of what it was; nothing is dealt out anew where its
    /// wishes are the same (KIP-345).
    fn replace(&mut self, old: &str, id: String, mut join: Join, now_ms: u64) -> Placed {
        join.member.clone_from(&id);
        let Some(mut member) = self.members.remove(old) else { return self.admit(join, now_ms) };
        refuse(&mut member.joining, ResponseError::FencedInstanceId);
        refuse(&mut member.syncing, ResponseError::FencedInstanceId);
        if let Some(instance) = &join.instance {
            self.instances.insert(instance.clone(), id.clone());
        }
        if self.leader == old {
            self.leader.clone_from(&id);
        }
        let settled = self.state == State::Stable && member.join.protocols == join.protocols;
        member.join = join;
        member.seen_ms = now_ms;
        self.members.insert(id.clone(), member);
        if !settled {
            return Placed::Waits(id);
        }
        // Without the leader's list, so that it does not deal out what stands.
        Placed::Told(Joined { members: Vec::new(), ..self.told(&id) })
    }
}

/// A number that no other member has, here or after a restart: Kafka's clients take ids for unique.
fn unique(count: u64) -> u128 {
    use std::hash::{BuildHasher, RandomState};
    u128::from(RandomState::new().hash_one(count)) << 64 | u128::from(RandomState::new().hash_one(!count))
}
