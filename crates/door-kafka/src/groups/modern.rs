//! The consumer group protocol of KIP-848 as a state machine: members say that they live and what they hold, the group
//! says what they are to hold.
//!
//! A group is a subscription to one topic, so that what is dealt out are the partitions of that topic. Whenever members
//! come, go or change their wishes, the group's epoch rises and a target is dealt out, as near to the old one as an even
//! share allows. Each member moves there by itself: it first gives back what is not its own any more, then reaches the
//! group's epoch, then gets what others have given back. No partition is ever two members'. Time is given; nothing here
//! waits.
//!
//! Members are not kept over a restart of the bus: one that comes back with an epoch of before is told that it is not
//! known, abandons its partitions and joins again, as the protocol has it.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::error::ResponseError;

/// How often members are to give a sign of life, in milliseconds.
pub const HEARTBEAT_MS: i32 = 5_000;

/// Silent for longer, a member is gone.
const SESSION_MS: u64 = 45_000;

/// The epochs by which a member says that it comes, goes, or is away for a while under its instance.
const COMES: i32 = 0;
const GOES: i32 = -1;
const AWAY: i32 = -2;

/// What a member says.
#[derive(Debug, Clone, Default)]
pub struct Beat {
    /// Its id.
    pub member: String,
    /// The epoch that it believes in, or how it comes and goes.
    pub epoch: i32,
    /// The name under which it comes back after a restart.
    pub instance: Option<String>,
    /// Its client id and address.
    pub client: (String, String),
    /// It gives partitions back in at most this long; `None`: as it said before.
    pub rebalance_ms: Option<u64>,
    /// The topics that it wants, and whether the group's is among them; `None`: as it said before.
    pub wishes: Option<Wishes>,
    /// What it holds; `None`: as it said before.
    pub holds: Option<BTreeSet<i32>>,
}

/// What a member wants to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Topics by name.
    pub topics: Vec<String>,
    /// Topics by a pattern.
    pub pattern: Option<String>,
    /// Whether the group's topic is meant.
    pub ours: bool,
}

/// What a member is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its id.
    pub member: String,
    /// Its epoch from now on.
    pub epoch: i32,
    /// What it is to hold; `None`: as it was told before.
    pub parts: Option<BTreeSet<i32>>,
}

/// A member as those who describe groups see it.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its instance.
    pub instance: Option<String>,
    /// Its client id and address.
    pub client: (String, String),
    /// What it wants.
    pub wishes: Wishes,
    /// The epoch that it has reached.
    pub epoch: i32,
    /// What it may hold.
    pub parts: BTreeSet<i32>,
    /// The epoch before, from which a lost answer is asked for again.
    former: i32,
    /// What it has yet to give back, and by when.
    leaving: BTreeSet<i32>,
    leaves_by_ms: u64,
    rebalance_ms: u64,
    seen_ms: u64,
}

/// A group.
#[derive(Debug, Default)]
pub struct Modern {
    epoch: i32,
    members: BTreeMap<String, Member>,
    target: BTreeMap<String, BTreeSet<i32>>,
}

impl Modern {
    /// The group's epoch.
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// Where it is, in Kafka's words.
    pub fn state(&self) -> &'static str {
        let settled = |(id, member): (&String, &Member)| {
            member.epoch == self.epoch && self.target.get(id) == Some(&member.parts)
        };
        match self.members.is_empty() {
            true => "Empty",
            false if self.members.iter().all(settled) => "Stable",
            false => "Reconciling",
        }
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Its members, by id.
    pub fn members(&self) -> &BTreeMap<String, Member> {
        &self.members
    }

    /// What a member is to hold in the end.
    pub fn target_of(&self, member: &str) -> BTreeSet<i32> {
        self.target.get(member).cloned().unwrap_or_default()
    }

    /// Hears a member; the topic has so many partitions.
    pub fn hear(&mut self, beat: Beat, partitions: i32, now_ms: u64) -> Result<Told, ResponseError> {
        match beat.epoch {
            GOES => return self.goes(&beat),
            AWAY => return self.is_away(&beat, now_ms),
            COMES => self.comes(&beat, now_ms)?,
            _ => self.is_current(&beat)?,
        }
        let (id, full) = (beat.member.clone(), beat.holds.is_some());
        let member = self.members.get_mut(&id).ok_or(ResponseError::UnknownMemberId)?;
        member.seen_ms = now_ms;
        member.client = beat.client;
        member.rebalance_ms = beat.rebalance_ms.unwrap_or(member.rebalance_ms);
        let changed = beat.wishes.is_some_and(|wishes| {
            let changed = wishes != member.wishes;
            member.wishes = wishes;
            changed
        });
        if changed || beat.epoch == COMES {
            self.deal_out(partitions);
        }
        let before = self.members.get(&id).map(|member| (member.epoch, member.parts.clone()));
        self.move_on(&id, beat.holds.as_ref(), now_ms);
        let member = self.members.get(&id).ok_or(ResponseError::UnknownMemberId)?;
        let news = before.is_none_or(|(epoch, parts)| epoch != member.epoch || parts != member.parts);
        let parts = (full || news || beat.epoch == COMES).then(|| member.parts.clone());
        Ok(Told { epoch: member.epoch, parts, member: id })
    }

    /// A new member, or one that begins anew; under an instance that is away, it takes that one's place.
    fn comes(&mut self, beat: &Beat, now_ms: u64) -> Result<(), ResponseError> {
        let mut place = self.members.remove(&beat.member);
        if let Some(instance) = &beat.instance {
            let of_instance = |(_, member): &(&String, &Member)| member.instance.as_ref() == Some(instance);
            if let Some((id, member)) = self.members.iter().find(of_instance) {
                if member.epoch != AWAY {
                    return Err(ResponseError::UnreleasedInstanceId);
                }
                let id = id.clone();
                place = self.members.remove(&id);
                if let Some(target) = self.target.remove(&id) {
                    self.target.insert(beat.member.clone(), target);
                }
            }
        }
        let parts = place.map(|member| &member.parts | &member.leaving).unwrap_or_default();
        let member = Member {
            instance: beat.instance.clone(),
            client: beat.client.clone(),
            wishes: Wishes::default(),
            epoch: COMES,
            former: COMES,
            // It holds nothing yet: what it had is its own to get again.
            parts: if beat.instance.is_some() { parts } else { BTreeSet::new() },
            leaving: BTreeSet::new(),
            leaves_by_ms: 0,
            rebalance_ms: beat.rebalance_ms.unwrap_or(SESSION_MS),
            seen_ms: now_ms,
        };
        self.members.insert(beat.member.clone(), member);
        Ok(())
    }

    fn is_current(&self, beat: &Beat) -> Result<(), ResponseError> {
        let member = self.members.get(&beat.member).ok_or(ResponseError::UnknownMemberId)?;
        if beat.instance.is_some() && beat.instance != member.instance {
            return Err(ResponseError::FencedInstanceId);
        }
        let held = || beat.holds.as_ref().is_some_and(|holds| holds.is_subset(&member.parts));
        // One that did not get the last answer asks again with the epoch before.
        let asks_again = beat.epoch == member.former && held();
        if beat.epoch == member.epoch || asks_again { Ok(()) } else { Err(ResponseError::FencedMemberEpoch) }
    }

    fn goes(&mut self, beat: &Beat) -> Result<Told, ResponseError> {
        self.members.remove(&beat.member).ok_or(ResponseError::UnknownMemberId)?;
        self.after_loss();
        Ok(Told { member: beat.member.clone(), epoch: GOES, parts: None })
    }

    /// A member under an instance comes back soon: its part stays its own until it would be gone for silence.
    fn is_away(&mut self, beat: &Beat, now_ms: u64) -> Result<Told, ResponseError> {
        let member = self.members.get_mut(&beat.member).ok_or(ResponseError::UnknownMemberId)?;
        if member.instance.is_none() || member.instance != beat.instance {
            return Err(ResponseError::UnknownMemberId);
        }
        member.epoch = AWAY;
        member.seen_ms = now_ms;
        Ok(Told { member: beat.member.clone(), epoch: AWAY, parts: None })
    }

    /// Whether a member may commit places: with the epoch that it has reached, or nobody is in the group and it is no
    /// member of anything.
    pub fn may_commit(&self, member: &str, epoch: i32) -> Result<(), ResponseError> {
        if member.is_empty() && epoch < 0 {
            return if self.is_empty() { Ok(()) } else { Err(ResponseError::UnknownMemberId) };
        }
        let known = self.members.get(member).ok_or(ResponseError::UnknownMemberId)?;
        if known.epoch == epoch { Ok(()) } else { Err(ResponseError::StaleMemberEpoch) }
    }

    /// Lets time pass: members that are silent, or do not give back what they are to, are gone.
    pub fn tick(&mut self, now_ms: u64) {
        let before = self.members.len();
        self.members.retain(|_, member| {
            let alive = now_ms < member.seen_ms + SESSION_MS;
            let late = !member.leaving.is_empty() && member.leaves_by_ms <= now_ms;
            alive && !late
        });
        if self.members.len() < before {
            self.after_loss();
        }
    }

    fn after_loss(&mut self) {
        let partitions = self.target.values().map(BTreeSet::len).sum::<usize>() as i32;
        self.deal_out(partitions);
    }

    /// A new target: even shares (Kafka's `uniform`), with everybody keeping of the old one what its share allows.
    fn deal_out(&mut self, partitions: i32) {
        self.epoch += 1;
        let takers: Vec<&String> =
            self.members.iter().filter(|(_, member)| member.wishes.ours).map(|(id, _)| id).collect();
        let mut target: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
        let mut free: BTreeSet<i32> = (0..partitions).collect();
        let (share, mut larger) = match takers.len() as i32 {
            0 => (0, 0),
            count => (partitions / count, partitions % count),
        };
        for id in &takers {
            let had = self.target.get(*id).cloned().unwrap_or_default();
            let had: Vec<i32> = had.into_iter().filter(|partition| free.contains(partition)).collect();
            let extra = i32::from(larger > 0 && had.len() as i32 > share);
            larger -= extra;
            let kept: BTreeSet<i32> = had.into_iter().take((share + extra) as usize).collect();
            free.retain(|partition| !kept.contains(partition));
            target.insert((*id).clone(), kept);
        }
        for id in takers {
            let part = target.entry(id.clone()).or_default();
            while (part.len() as i32) < share
                && let Some(partition) = free.pop_first()
            {
                part.insert(partition);
            }
        }
        for part in target.values_mut().filter(|part| part.len() as i32 == share) {
            if larger == 0 {
                break;
            }
            larger -= 1;
            part.extend(free.pop_first());
        }
        for id in self.members.keys() {
            target.entry(id.clone()).or_default();
        }
        self.target = target;
    }

    /// Brings a member nearer to its target.
    fn move_on(&mut self, id: &str, holds: Option<&BTreeSet<i32>>, now_ms: u64) {
        let target = self.target_of(id);
        let others = self.members.iter().filter(|(other, _)| *other != id).map(|(_, member)| member);
        let taken: BTreeSet<i32> = others.flat_map(|member| &member.parts | &member.leaving).collect();
        let Some(member) = self.members.get_mut(id) else { return };
        if holds.is_some_and(|holds| holds.is_disjoint(&member.leaving)) {
            member.leaving.clear();
        }
        let lost: BTreeSet<i32> = &member.parts - &target;
        if !lost.is_empty() {
            member.parts = &member.parts & &target;
            // One that comes holds nothing that it would have to give back.
            if member.epoch != COMES {
                member.leaving.extend(lost);
                member.leaves_by_ms = now_ms + member.rebalance_ms;
            }
        }
        if !member.leaving.is_empty() {
            return;
        }
        if member.epoch != self.epoch {
            member.former = member.epoch;
            member.epoch = self.epoch;
        }
        member.parts.extend(&target - &taken);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ours() -> Option<Wishes> {
        Some(Wishes { topics: vec!["x.y".to_owned()], pattern: None, ours: true })
    }

    fn come(
        group: &mut Modern,
        member: &str,
        instance: Option<&str>,
        now_ms: u64,
    ) -> Result<Told, ResponseError> {
        let beat = Beat {
            member: member.to_owned(),
            instance: instance.map(str::to_owned),
            wishes: ours(),
            holds: Some(BTreeSet::new()),
            rebalance_ms: Some(10_000),
            ..Beat::default()
        };
        group.hear(beat, 4, now_ms)
    }

    fn beat(
        group: &mut Modern,
        told: &Told,
        holds: Option<&[i32]>,
        now_ms: u64,
    ) -> Result<Told, ResponseError> {
        let holds = holds.map(|holds| holds.iter().copied().collect());
        let beat = Beat { member: told.member.clone(), epoch: told.epoch, holds, ..Beat::default() };
        group.hear(beat, 4, now_ms)
    }

    fn parts(told: &Told) -> Vec<i32> {
        told.parts.clone().map(|parts| parts.into_iter().collect()).unwrap_or_default()
    }

    #[test]
    fn a_second_member_gets_its_share_when_the_first_has_given_it_back() {
        let mut group = Modern::default();
        let a = come(&mut group, "a", None, 0).unwrap();
        assert_eq!((a.epoch, parts(&a), group.state()), (1, vec![0, 1, 2, 3], "Stable"));
        let b = come(&mut group, "b", None, 1).unwrap();
        assert_eq!((b.epoch, parts(&b), group.state()), (2, vec![], "Reconciling"), "nothing is free yet");
        let a = beat(&mut group, &a, None, 2).unwrap();
        assert_eq!((a.epoch, parts(&a)), (1, vec![0, 1]), "it is to give two back");
        assert!(parts(&beat(&mut group, &b, None, 3).unwrap()).is_empty(), "it has not given them back");
        let a = beat(&mut group, &a, Some(&[0, 1]), 4).unwrap();
        assert_eq!(a.epoch, 2);
        let b = beat(&mut group, &b, None, 5).unwrap();
        assert_eq!((parts(&b), group.state()), (vec![2, 3], "Stable"));
        assert_eq!(beat(&mut group, &b, None, 6).unwrap().parts, None, "nothing new");
        group.may_commit("a", 2).unwrap();
        assert_eq!(group.may_commit("a", 1), Err(ResponseError::StaleMemberEpoch));
        assert_eq!(group.may_commit("", -1), Err(ResponseError::UnknownMemberId));
    }

    #[test]
    fn a_lost_answer_is_asked_for_again_and_an_old_epoch_is_fenced() {
        let mut group = Modern::default();
        let a = come(&mut group, "a", None, 0).unwrap();
        let again = Told { epoch: 0, ..a.clone() };
        assert_eq!(beat(&mut group, &again, Some(&[]), 1).unwrap().epoch, 2, "it begins anew");
        let old = Told { epoch: 77, ..a.clone() };
        assert_eq!(beat(&mut group, &old, Some(&[]), 2), Err(ResponseError::FencedMemberEpoch));
        let unknown = Told { member: "x".to_owned(), ..a };
        assert_eq!(beat(&mut group, &unknown, None, 3), Err(ResponseError::UnknownMemberId));
    }

    #[test]
    fn the_silent_and_those_who_keep_what_is_not_theirs_are_gone() {
        let mut group = Modern::default();
        let a = come(&mut group, "a", None, 0).unwrap();
        let b = come(&mut group, "b", None, 1).unwrap();
        let a = beat(&mut group, &a, None, 2).unwrap();
        group.tick(10_001);
        beat(&mut group, &a, Some(&[0, 1, 2, 3]), 10_001).unwrap();
        group.tick(10_003);
        assert_eq!(group.members().len(), 1, "a did not give back in ten seconds");
        let b = beat(&mut group, &b, None, 10_004).unwrap();
        assert_eq!(parts(&b), [0, 1, 2, 3]);
        group.tick(10_004 + SESSION_MS);
        assert!(group.is_empty());
        group.may_commit("", -1).unwrap();
    }

    #[test]
    fn a_member_under_an_instance_comes_back_to_its_part() {
        let mut group = Modern::default();
        let a = come(&mut group, "a", Some("desk-1"), 0).unwrap();
        come(&mut group, "b", None, 1).unwrap();
        let a = beat(&mut group, &a, None, 2).unwrap();
        let a = beat(&mut group, &a, Some(&[0, 1]), 3).unwrap();
        assert_eq!(come(&mut group, "c", Some("desk-1"), 4), Err(ResponseError::UnreleasedInstanceId));
        let away = Beat {
            member: "a".to_owned(),
            epoch: AWAY,
            instance: Some("desk-1".to_owned()),
            ..Beat::default()
        };
        group.hear(away, 4, 5).unwrap();
        let back = come(&mut group, "c", Some("desk-1"), 6).unwrap();
        assert_eq!(parts(&back), [0, 1], "as before");
        assert_eq!(beat(&mut group, &a, None, 7), Err(ResponseError::UnknownMemberId));
        let gone = Beat { member: "c".to_owned(), epoch: GOES, ..Beat::default() };
        assert_eq!(group.hear(gone, 4, 8).unwrap().epoch, GOES);
        assert_eq!(group.members().len(), 1);
    }

    #[test]
    fn who_does_not_want_the_topic_gets_none_of_it() {
        let mut group = Modern::default();
        let other = Some(Wishes { topics: vec!["other.topic".to_owned()], pattern: None, ours: false });
        let beat =
            Beat { member: "a".to_owned(), wishes: other, holds: Some(BTreeSet::new()), ..Beat::default() };
        assert!(parts(&group.hear(beat, 4, 0).unwrap()).is_empty());
        assert_eq!(parts(&come(&mut group, "b", None, 1).unwrap()), [0, 1, 2, 3]);
    }

    /// A client as the protocol has it: it holds what it was told, and gives back at once what it is told no more.
    #[derive(Debug, Clone)]
    struct Client {
        told: Told,
        holds: BTreeSet<i32>,
    }

    proptest! {
        /// Whoever comes, goes and falls silent in whatever order: no partition is ever held by two, and when all have
        /// spoken often enough, every partition is somebody's, in even shares.
        #[test]
        fn no_partition_is_ever_two_members(steps in proptest::collection::vec((0usize..4, 0u8..6), 1..60)) {
            let mut group = Modern::default();
            let mut clients: BTreeMap<usize, Client> = BTreeMap::new();
            let mut now_ms = 0;
            let speak = |group: &mut Modern, client: &mut Client, now_ms| {
                let holds: Vec<i32> = client.holds.iter().copied().collect();
                let told = beat(group, &client.told, Some(&holds), now_ms).unwrap();
                if let Some(parts) = &told.parts {
                    client.holds.clone_from(parts);
                }
                client.told = told;
            };
            for (index, what) in steps {
                now_ms += 100;
                match (what, clients.get_mut(&index)) {
                    (0, Some(client)) => {
                        let gone = Beat { member: client.told.member.clone(), epoch: GOES, ..Beat::default() };
                        group.hear(gone, 7, now_ms).unwrap();
                        clients.remove(&index);
                    }
                    (_, Some(client)) => speak(&mut group, client, now_ms),
                    (_, None) => {
                        let told = come(&mut group, &format!("m{index}"), None, now_ms).unwrap();
                        let holds = told.parts.clone().unwrap();
                        clients.insert(index, Client { told, holds });
                    }
                }
                let mut seen = BTreeSet::new();
                for client in clients.values() {
                    for partition in &client.holds {
                        prop_assert!(seen.insert(*partition), "partition {partition} is held twice: {clients:?}");
                    }
                }
            }
            for _ in 0..4 {
                clients.values_mut().for_each(|client| speak(&mut group, client, now_ms));
            }
            let held: usize = clients.values().map(|client| client.holds.len()).sum();
            prop_assert_eq!(held, if clients.is_empty() { 0 } else { 4 });
            let sizes: BTreeSet<usize> = clients.values().map(|client| client.holds.len()).collect();
            prop_assert!(sizes.last().unwrap_or(&0) - sizes.first().unwrap_or(&0) <= 1, "{clients:?}");
        }
    }
}
