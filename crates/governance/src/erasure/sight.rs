//! Who may know what of an erasure and of a hold. Whoever may act for an agency, as an officer of it or for one who is away,
//! sees what they are to act on.

use std::collections::BTreeSet;

use contract::{AgencyName, TopicName};

use super::{Block, answering, blocks, is_agreed, seals, speakers};
use crate::state::{Erasure, Hold, HoldOn, Part};
use crate::{Actor, Role, State};

/// What somebody may know of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Whose parts with all that was found: which topics, under which pseudonym.
    pub parts: BTreeSet<AgencyName>,
    /// Who asked for it and why, and how each part stands; else only what they themselves were told.
    pub is_whole: bool,
    /// Whether what all agencies were told and said is in it.
    pub oversees: bool,
    /// The agencies for which the actor answers what was told them.
    pub told: BTreeSet<AgencyName>,
    /// The holds on it that the actor may know, by name.
    pub holds: BTreeSet<String>,
}

impl Sight {
    /// Whether what this agency was told and said is in it.
    pub fn sees_told(&self, agency: &AgencyName) -> bool {
        self.oversees || self.told.contains(agency)
    }
}

/// What an actor may know of an erasure; nothing: not even that there is one.
pub fn sight(state: &State, actor: &Actor, erasure: &Erasure, now_ms: u64) -> Option<Sight> {
    let may_act = |agency: &AgencyName, role| acts_for(state, actor, agency, role, now_ms);
    let oversees_all = actor.is(Role::Operator) || actor.is(Role::Regulator);
    let speaks = |part: &Part| {
        let (found, of) = (&part.found, &part.found.person.agency);
        let mut have_a_word = speakers(state, found).into_iter().chain(answering(state, of));
        have_a_word.any(|agency| may_act(agency, Role::Dpo))
    };
    let parts = erasure
        .parts
        .iter()
        .filter(|part| oversees_all || speaks(part))
        .map(|part| part.found.person.agency.clone());
    let parts: BTreeSet<AgencyName> = parts.collect();
    let informed = erasure.informed.keys().map(|(_, to)| to);
    let told = informed.filter(|to| may_act(to, Role::Dpo) || may_act(to, Role::Steward)).cloned();
    let told: BTreeSet<AgencyName> = told.collect();
    let asked = erasure.asked.by.principal == actor.principal;
    let is_whole = oversees_all || asked || !parts.is_empty();
    let on_it = |hold: &&Hold| erasure.parts.iter().any(|part| hold.keeps(&part.found));
    let holds = state.holds().map(|hold| &**hold).filter(on_it);
    let holds = holds.filter(|hold| may_see_hold(state, actor, hold, now_ms));
    let holds = holds.map(|hold| hold.id.clone()).collect();
    (is_whole || !told.is_empty()).then_some(Sight { parts, is_whole, oversees: is_whole, told, holds })
}

/// Whether an actor has a role in an agency, or is who speaks for somebody who has.
pub(crate) fn acts_for(state: &State, actor: &Actor, agency: &AgencyName, role: Role, now_ms: u64) -> bool {
    let mut those = state.principals_in(agency, role);
    actor.is_of(agency, role) || those.any(|person| person.speaker(now_ms) == Some(&actor.principal))
}

/// Whether an actor may know of a hold: those who oversee, and those who answer for what it keeps.
pub fn may_see_hold(state: &State, actor: &Actor, hold: &Hold, now_ms: u64) -> bool {
    let answers = |agency: &AgencyName| {
        let mut roles = [Role::Dpo, Role::Steward].into_iter();
        roles.any(|role| acts_for(state, actor, agency, role, now_ms))
    };
    actor.is(Role::Operator)
        || actor.is(Role::Regulator)
        || answers(&hold.agency)
        || concerned(state, hold).into_iter().any(answers)
}

/// The agencies that answer for what a hold keeps; for an agency that sealed nothing, nobody.
pub fn concerned<'a>(state: &'a State, hold: &'a Hold) -> BTreeSet<&'a AgencyName> {
    match &hold.on {
        HoldOn::Person(persons) => {
            let sealing = persons.iter().map(|person| &person.agency).filter(|agency| seals(state, agency));
            sealing.flat_map(|agency| answering(state, agency)).collect()
        }
        HoldOn::Topic(topic) => state.topic(topic).map(|topic| &topic.owner).into_iter().collect(),
    }
}

/// Something that an open part waits for, as somebody may know it. What is nothing is not theirs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait<'a> {
    /// Two people's word, among them that of a data protection officer of each of these agencies.
    Word(Option<BTreeSet<&'a AgencyName>>),
    /// A legal hold.
    Hold(Option<&'a Hold>),
    /// The law wants events of a topic kept.
    Keep {
        /// Which topic.
        topic: Option<&'a TopicName>,
        /// Until when, in milliseconds since 1970.
        until_ms: u64,
    },
}

/// What a part waits for; nothing where it is over.
pub fn waits<'a>(
    state: &'a State,
    erasure: &Erasure,
    part: &'a Part,
    sight: &Sight,
    now_ms: u64,
) -> Vec<Wait<'a>> {
    let is_seen = sight.parts.contains(&part.found.person.agency);
    let mut waits = Vec::new();
    if !part.is_open() {
        return waits;
    }
    if !is_agreed(state, erasure, &part.found) {
        waits.push(Wait::Word(is_seen.then(|| speakers(state, &part.found))));
    }
    waits.extend(blocks(state, &part.found, now_ms).into_iter().map(|block| match block {
        // That a hold is on a person says that it is this one, so only who sees the part may put the two together.
        Block::Hold(hold) => Wait::Hold(Some(hold).filter(|hold| is_seen && sight.holds.contains(&hold.id))),
        Block::Keep { topic, until_ms } => Wait::Keep { topic: is_seen.then_some(topic), until_ms },
    }));
    waits
}
