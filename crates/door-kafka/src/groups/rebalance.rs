//! From one generation of a group to the next, and what time alone brings about.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use kafka_protocol::error::ResponseError;

use super::classic::{Group, Member, refuse};
use super::words::{Joined, State};

/// How long the first members of an empty group wait for others, so that a fleet that starts does not rebalance with
/// each of its members.
pub(super) const FIRST_WAIT_MS: u64 = 300;

impl Group {
    /// Everybody is to join again; those who wait for their part are told so.
    pub(super) fn rebalance(&mut self, now_ms: u64) {
        if self.state != State::Preparing {
            let wait = match self.state {
                State::Empty => FIRST_WAIT_MS,
                _ => self.members.values().map(|member| member.join.rebalance_ms).max().unwrap_or(0),
            };
            self.deadline_ms = now_ms + wait;
            self.gathering = self.state == State::Empty;
            self.state = State::Preparing;
            self.unkept = true;
            for member in self.members.values_mut() {
                refuse(&mut member.syncing, ResponseError::RebalanceInProgress);
            }
        }
        self.complete_if_all_joined(now_ms);
    }

    pub(super) fn complete_if_all_joined(&mut self, now_ms: u64) {
        let all = self.members.values().all(|member| member.joining.is_some());
        if self.state == State::Preparing && !self.gathering && all && self.promised.is_empty() {
            self.complete(now_ms);
        }
    }

    /// Whoever has not joined is left behind; the others begin a generation.
    fn complete(&mut self, now_ms: u64) {
        let gone: Vec<String> = self
            .members
            .iter()
            .filter(|(_, member)| member.joining.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        gone.iter().for_each(|id| self.forget(id));
        self.generation += 1;
        self.gathering = false;
        if self.members.is_empty() {
            self.state = State::Empty;
            return;
        }
        self.protocol = self.vote();
        if !self.members.contains_key(&self.leader) {
            self.leader = self.members.keys().next().cloned().unwrap_or_default();
        }
        self.state = State::Completing;
        let patience = self.members.values().map(|member| member.join.rebalance_ms).max().unwrap_or(0);
        self.deadline_ms = now_ms + patience;
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let told = self.told(&id);
            if let Some(member) = self.members.get_mut(&id) {
                member.seen_ms = now_ms;
                member.assignment = Bytes::new();
                if let Some(reply) = member.joining.take() {
                    let _ = reply.send(Ok(told));
                }
            }
        }
    }

    /// Of the ways that all know, the one that most like best.
    fn vote(&self) -> String {
        let shared = |name: &str| self.members.values().all(|member| member.knows(name));
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let best = member.join.protocols.iter().map(|(name, _)| name.as_str()).find(|name| shared(name));
            if let Some(best) = best {
                *votes.entry(best).or_default() += 1;
            }
        }
        votes
            .into_iter()
            .max_by_key(|(_, votes)| *votes)
            .map_or_else(String::new, |(name, _)| name.to_owned())
    }

    pub(super) fn told(&self, id: &str) -> Joined {
        let all = self.members.iter();
        let all =
            all.map(|(id, member)| (id.clone(), member.join.instance.clone(), member.says(&self.protocol)));
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type().to_owned(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            member: id.to_owned(),
            members: if id == self.leader { all.collect() } else { Vec::new() },
        }
    }

    /// Lets time pass.
    pub fn tick(&mut self, now_ms: u64) {
        self.promised.retain(|_, until_ms| *until_ms > now_ms);
        let silent = |member: &Member| {
            // Whoever waits for an answer cannot send a sign of life; that its connection stands is one.
            let waits = member.joining.as_ref().is_some_and(|reply| !reply.is_closed())
                || member.syncing.as_ref().is_some_and(|reply| !reply.is_closed());
            !waits && member.seen_ms + member.join.session_ms < now_ms
        };
        let gone: Vec<String> =
            self.members.iter().filter(|(_, member)| silent(member)).map(|(id, _)| id.clone()).collect();
        if !gone.is_empty() {
            gone.iter().for_each(|id| self.forget(id));
            self.after_loss(now_ms);
        }
        match self.state {
            State::Preparing if now_ms >= self.deadline_ms => self.complete(now_ms),
            State::Preparing => self.complete_if_all_joined(now_ms),
            State::Completing if now_ms >= self.deadline_ms => self.drop_unsynced(now_ms),
            _ => {}
        }
    }

    /// The leader did not deal out in time: whoever did not come to sync goes.
    fn drop_unsynced(&mut self, now_ms: u64) {
        let missing: HashSet<String> = self
            .members
            .iter()
            .filter(|(_, member)| member.syncing.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        missing.iter().for_each(|id| self.forget(id));
        self.after_loss(now_ms);
    }
}
