//! The classic group protocol as a state machine: members join, the leader deals out, all are told.
//!
//! Empty → (join) → Preparing: every member must join again, or is left behind when its time is up → Completing: the
//! leader says who gets what → Stable. Whoever comes, goes or changes its wishes starts at Preparing again. Time is
//! given, answers go out through the channels that members wait on; nothing else happens here. What a group is stands in this
//! file, with signs of life and leaving; `joining.rs`, `dealing.rs` and `rebalance.rs` are the steps.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use tokio::sync::oneshot;

use super::words::{Join, Joined, MemberInfo, State, Synced, Who};

type Waiting<T> = Option<oneshot::Sender<Result<T, ResponseError>>>;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) join: Join,
    pub(super) assignment: Bytes,
    pub(super) seen_ms: u64,
    pub(super) joining: Waiting<Joined>,
    pub(super) syncing: Waiting<Synced>,
}

/// A group.
#[derive(Debug, Default)]
pub struct Group {
    pub(super) state: State,
    pub(super) generation: i32,
    pub(super) protocol: String,
    pub(super) leader: String,
    pub(super) members: BTreeMap<String, Member>,
    /// Ids that were given out and not used yet, each with when it ends.
    pub(super) promised: HashMap<String, u64>,
    pub(super) instances: HashMap<String, String>,
    /// Whether it changed since it was last kept.
    pub(super) unkept: bool,
    /// When the present step ends, whoever is missing.
    pub(super) deadline_ms: u64,
    /// Whether the first members of an empty group wait for others.
    pub(super) gathering: bool,
    pub(super) made: u64,
}

impl Group {
    /// A group in which everybody has its part.
    pub(super) fn settled(
        generation: i32,
        protocol: String,
        leader: String,
        members: BTreeMap<String, Member>,
    ) -> Self {
        let instance = |(id, member): (&String, &Member)| Some((member.join.instance.clone()?, id.clone()));
        let instances = members.iter().filter_map(instance).collect();
        Self { state: State::Stable, generation, protocol, leader, members, instances, ..Self::default() }
    }

    /// Where it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// What kind of group; empty where nobody is in it.
    pub fn protocol_type(&self) -> &str {
        self.members.values().next().map_or("", |member| member.join.protocol_type.as_str())
    }

    /// How its parts were dealt out.
    pub fn protocol(&self) -> &str {
        if self.state == State::Stable { &self.protocol } else { "" }
    }

    /// Its members.
    pub fn members(&self) -> Vec<MemberInfo> {
        let info = |(id, member): (&String, &Member)| MemberInfo {
            id: id.clone(),
            instance: member.join.instance.clone(),
            client: member.join.client.clone(),
            metadata: member.says(&self.protocol),
            assignment: member.assignment.clone(),
        };
        self.members.iter().map(info).collect()
    }

    /// Whether nothing is known of it that matters.
    pub fn is_forgettable(&self) -> bool {
        self.state == State::Empty && self.promised.is_empty() && !self.unkept
    }

    /// What is to be kept, where that changed since it was last asked.
    pub fn take_unkept(&mut self) -> Option<Vec<u8>> {
        std::mem::take(&mut self.unkept).then(|| self.keep())
    }

    /// A sign of life. An error tells the member what to do next.
    pub fn heartbeat(&mut self, who: &Who, now_ms: u64) -> Result<(), ResponseError> {
        self.is_current(who)?;
        if let Some(member) = self.members.get_mut(&who.member) {
            member.seen_ms = now_ms;
        }
        match self.state {
            State::Preparing => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Whether a member may commit places: it is of the present generation, or nobody is in the group and it is no
    /// member of anything (places that are set from outside).
    pub fn may_commit(&mut self, who: &Who, now_ms: u64) -> Result<(), ResponseError> {
        if who.generation < 0 && who.member.is_empty() {
            return if self.state == State::Empty { Ok(()) } else { Err(ResponseError::UnknownMemberId) };
        }
        self.is_current(who)?;
        if let Some(member) = self.members.get_mut(&who.member) {
            member.seen_ms = now_ms;
        }
        match self.state {
            State::Completing => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    pub(super) fn is_current(&self, who: &Who) -> Result<(), ResponseError> {
        if let Some(instance) = &who.instance {
            match self.instances.get(instance) {
                None => return Err(ResponseError::UnknownMemberId),
                Some(id) if *id != who.member => return Err(ResponseError::FencedInstanceId),
                Some(_) => {}
            }
        }
        if !self.members.contains_key(&who.member) {
            return Err(ResponseError::UnknownMemberId);
        }
        if who.generation != self.generation { Err(ResponseError::IllegalGeneration) } else { Ok(()) }
    }

    /// A member goes, by its id or its instance.
    pub fn leave(&mut self, member: &str, instance: Option<&str>, now_ms: u64) -> Result<(), ResponseError> {
        let of_instance = instance.map(|instance| self.instances.get(instance).cloned());
        let id = match of_instance {
            Some(None) => return Err(ResponseError::UnknownMemberId),
            Some(Some(id)) if !member.is_empty() && id != member => {
                return Err(ResponseError::FencedInstanceId);
            }
            Some(Some(id)) => id,
            None => member.to_owned(),
        };
        if self.promised.remove(&id).is_some() {
            self.complete_if_all_joined(now_ms);
            return Ok(());
        }
        if !self.members.contains_key(&id) {
            return Err(ResponseError::UnknownMemberId);
        }
        self.forget(&id);
        self.after_loss(now_ms);
        Ok(())
    }

    pub(super) fn forget(&mut self, id: &str) {
        let Some(mut member) = self.members.remove(id) else { return };
        refuse(&mut member.joining, ResponseError::UnknownMemberId);
        refuse(&mut member.syncing, ResponseError::UnknownMemberId);
        if let Some(instance) = &member.join.instance
            && self.instances.get(instance).is_some_and(|known| known == id)
        {
            self.instances.remove(instance);
        }
    }

    pub(super) fn after_loss(&mut self, now_ms: u64) {
        if self.members.is_empty() {
            self.state = State::Empty;
            self.unkept = true;
            self.generation += 1;
            self.leader.clear();
        } else {
            self.rebalance(now_ms);
        }
    }
}

impl Member {
    pub(super) fn knows(&self, protocol: &str) -> bool {
        self.join.protocols.iter().any(|(name, _)| name == protocol)
    }

    pub(super) fn says(&self, protocol: &str) -> Bytes {
        let found = self.join.protocols.iter().find(|(name, _)| name == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }
}

/// Tells one that waits why it waits in vain.
pub(super) fn refuse<T>(waiting: &mut Waiting<T>, error: ResponseError) {
    if let Some(reply) = waiting.take() {
        let _ = reply.send(Err(error));
    }
}

#[cfg(test)]
mod tests {
    use super::super::rebalance::FIRST_WAIT_MS;
    use super::*;

    type Reply<T> = oneshot::Receiver<Result<T, ResponseError>>;

    fn join(member: &str, instance: Option<&str>) -> Join {
        Join {
            member: member.to_owned(),
            instance: instance.map(str::to_owned),
            client: ("app".to_owned(), "/127.0.0.1".to_owned()),
            session_ms: 10_000,
            rebalance_ms: 60_000,
            protocol_type: "consumer".to_owned(),
            protocols: vec![("range".to_owned(), Bytes::from_static(b"wants"))],
            takes_id_first: false,
        }
    }

    fn ask(group: &mut Group, wish: Join, now_ms: u64) -> Reply<Joined> {
        let (reply, answer) = oneshot::channel();
        group.join(wish, now_ms, reply);
        answer
    }

    fn who(joined: &Joined) -> Who {
        Who { member: joined.member.clone(), instance: None, generation: joined.generation }
    }

    fn sync(group: &mut Group, joined: &Joined, parts: &[(&str, &'static [u8])]) -> Reply<Synced> {
        let (reply, answer) = oneshot::channel();
        let parts = parts.iter().map(|(id, part)| ((*id).to_owned(), Bytes::from_static(part))).collect();
        group.sync(&who(joined), parts, 0, reply);
        group.tell_parts();
        answer
    }

    /// Two members, settled.
    fn pair() -> (Group, Joined, Joined) {
        let mut group = Group::default();
        let (mut a, mut b) = (ask(&mut group, join("", None), 0), ask(&mut group, join("", None), 1));
        assert!(a.try_recv().is_err(), "the first wait for others");
        group.tick(FIRST_WAIT_MS);
        let (a, b) = (a.try_recv().unwrap().unwrap(), b.try_recv().unwrap().unwrap());
        let (leader, other) = if a.leader == a.member { (a, b) } else { (b, a) };
        assert_eq!((leader.members.len(), other.members.len()), (2, 0));
        let mut waits = sync(&mut group, &other, &[]);
        assert!(waits.try_recv().is_err(), "the leader has not dealt out yet");
        let parts = [(leader.member.as_str(), &b"one"[..]), (other.member.as_str(), &b"two"[..])];
        let mut own = sync(&mut group, &leader, &parts);
        assert_eq!(own.try_recv().unwrap().unwrap().assignment, "one");
        assert_eq!(waits.try_recv().unwrap().unwrap().assignment, "two");
        assert_eq!(group.state(), State::Stable);
        (group, leader, other)
    }

    #[test]
    fn two_members_join_and_are_dealt_their_parts() {
        pair();
    }

    #[test]
    fn a_third_member_makes_the_others_join_again() {
        let (mut group, leader, other) = pair();
        let mut third = ask(&mut group, join("", None), 1000);
        assert_eq!(group.heartbeat(&who(&leader), 1001), Err(ResponseError::RebalanceInProgress));
        let mut a = ask(&mut group, join(&leader.member, None), 1002);
        assert!(a.try_recv().is_err());
        let mut b = ask(&mut group, join(&other.member, None), 1003);
        let generation = a.try_recv().unwrap().unwrap().generation;
        assert_eq!(generation, 2);
        assert_eq!(b.try_recv().unwrap().unwrap().generation, 2);
        assert_eq!(third.try_recv().unwrap().unwrap().leader, leader.member);
        assert_eq!(group.heartbeat(&who(&leader), 1004), Err(ResponseError::IllegalGeneration));
    }

    #[test]
    fn a_silent_member_goes_and_the_rest_is_dealt_out_again() {
        let (mut group, leader, other) = pair();
        group.heartbeat(&who(&leader), 9_000).unwrap();
        group.tick(11_000);
        assert_eq!(group.heartbeat(&who(&other), 11_001), Err(ResponseError::UnknownMemberId));
        assert_eq!(group.heartbeat(&who(&leader), 11_001), Err(ResponseError::RebalanceInProgress));
        let mut again = ask(&mut group, join(&leader.member, None), 11_002);
        assert_eq!(again.try_recv().unwrap().unwrap().members.len(), 1);
    }

    #[test]
    fn a_member_that_does_not_join_again_in_time_is_left_behind() {
        let (mut group, leader, other) = pair();
        let mut again = ask(&mut group, join(&leader.member, None), 100);
        for now_ms in (1_000..63_000).step_by(1_000) {
            let _ = group.heartbeat(&who(&other), now_ms);
            group.tick(now_ms);
        }
        assert_eq!(again.try_recv().unwrap().unwrap().members.len(), 1);
        assert_eq!(group.members().len(), 1);
    }

    #[test]
    fn a_newcomer_is_given_an_id_first_and_joins_with_it() {
        let mut group = Group::default();
        let mut first = ask(&mut group, Join { takes_id_first: true, ..join("", None) }, 0);
        let told = first.try_recv().unwrap().unwrap();
        assert_eq!(told.generation, -1);
        let mut second = ask(&mut group, join(&told.member, None), 1);
        group.tick(FIRST_WAIT_MS + 1);
        assert_eq!(second.try_recv().unwrap().unwrap().member, told.member);
        let mut unknown = ask(&mut group, join("never-given", None), 2);
        assert_eq!(unknown.try_recv().unwrap().unwrap_err(), ResponseError::UnknownMemberId);
    }

    #[test]
    fn a_member_comes_back_under_its_instance_without_dealing_out_anew_and_fences_its_former_self() {
        let mut group = Group::default();
        let mut first = ask(&mut group, join("", Some("desk-1")), 0);
        group.tick(FIRST_WAIT_MS);
        let first = first.try_recv().unwrap().unwrap();
        sync(&mut group, &first, &[(first.member.as_str(), b"all")]);
        let mut back = ask(&mut group, join("", Some("desk-1")), 500);
        let back = back.try_recv().unwrap().unwrap();
        assert_eq!((back.generation, group.state()), (first.generation, State::Stable));
        assert_ne!(back.member, first.member);
        assert_eq!(sync(&mut group, &back, &[]).try_recv().unwrap().unwrap().assignment, "all");
        let restored = Group::restore(&group.keep(), 600).unwrap();
        assert_eq!(restored.members().len(), 1);
        let former = Who { instance: Some("desk-1".to_owned()), ..who(&first) };
        assert_eq!(group.heartbeat(&former, 501), Err(ResponseError::FencedInstanceId));
    }

    #[test]
    fn a_settled_group_goes_on_after_it_was_kept_and_restored() {
        let (mut group, leader, other) = pair();
        assert!(group.take_unkept().is_some() && group.take_unkept().is_none());
        let mut restored = Group::restore(&group.keep(), 5_000).unwrap();
        for member in [&leader, &other] {
            restored.heartbeat(&who(member), 5_001).unwrap();
            restored.may_commit(&who(member), 5_001).unwrap();
        }
        assert_eq!(sync(&mut restored, &other, &[]).try_recv().unwrap().unwrap().assignment, "two");
        assert_eq!(restored.keep(), group.keep());
        assert!(Group::restore(b"{}", 0).is_none() && Group::restore(b"", 0).is_none());
    }

    #[test]
    fn leaving_gives_the_parts_back_and_places_may_be_set_from_outside_only_when_nobody_is_in() {
        let (mut group, leader, other) = pair();
        let outside = Who { member: String::new(), instance: None, generation: -1 };
        assert_eq!(group.may_commit(&outside, 0), Err(ResponseError::UnknownMemberId));
        group.leave(&other.member, None, 10).unwrap();
        assert_eq!(group.leave(&other.member, None, 10), Err(ResponseError::UnknownMemberId));
        assert_eq!(group.state(), State::Preparing);
        group.may_commit(&who(&leader), 11).unwrap();
        group.leave(&leader.member, None, 12).unwrap();
        assert!(group.take_unkept().is_some_and(|kept| kept.is_empty()) && group.is_forgettable());
        group.may_commit(&outside, 13).unwrap();
    }

    #[test]
    fn protocols_that_nobody_shares_are_refused_and_the_best_liked_of_the_shared_wins() {
        let (mut group, ..) = pair();
        let stranger = Join { protocols: vec![("sticky".to_owned(), Bytes::new())], ..join("", None) };
        let mut refused = ask(&mut group, stranger, 5);
        assert_eq!(refused.try_recv().unwrap().unwrap_err(), ResponseError::InconsistentGroupProtocol);
        let mut group = Group::default();
        let likes = |names: &[&str]| Join {
            protocols: names.iter().map(|name| ((*name).to_owned(), Bytes::new())).collect(),
            ..join("", None)
        };
        let mut a = ask(&mut group, likes(&["range", "sticky"]), 0);
        let _b = ask(&mut group, likes(&["sticky", "range"]), 0);
        let _c = ask(&mut group, likes(&["sticky", "other", "range"]), 0);
        group.tick(FIRST_WAIT_MS);
        assert_eq!(a.try_recv().unwrap().unwrap().protocol, "sticky");
    }
}
