//! Events in which personal data was found where their contract says there is none, and that nobody reads until a data
//! protection officer of the topic's owner has decided: whose right it is to see them. What waits the bus knows; the
//! decisions are commands as others are.

use std::fmt;

use contract::AgencyName;

use crate::{Actor, Refused, Role, State, Topic};

/// What became of a quarantined event, as the bus knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quarantined {
    /// Nobody has decided.
    Undecided {
        /// What its own key is called.
        key: String,
        /// Whether another event of the same source and id, with other content, was taken meanwhile: that is possible when the
        /// time is over for which identities are remembered.
        is_replaced: bool,
    },
    /// Everybody who reads the topic gets it.
    Released,
    /// Nobody ever reads it.
    Discarded,
}

/// How many events of a topic are in quarantine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Nobody has decided about these.
    pub undecided: usize,
    /// These are released, and about to be placed.
    pub released: usize,
}

impl Waiting {
    /// Whether there are none.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { undecided, released } = self;
        write!(f, "{undecided} wait for a decision, {released} are released and not placed yet")
    }
}

/// Who sees what waits in a topic: where, since when, by whom and what was found; never the event.
pub fn may_list(state: &State, actor: &Actor, topic: &Topic, now_ms: u64) -> Result<(), Refused> {
    let central = actor.is(Role::Operator) || actor.is(Role::Regulator);
    let own =
        [Role::Steward, Role::Dpo].into_iter().any(|role| has(state, actor, &topic.owner, role, now_ms));
    let answers = [&topic.steward, &topic.deputy].contains(&&actor.principal);
    if central || own || answers {
        return Ok(());
    }
    let who = format!("a steward or data protection officer of {}, an operator or a regulator", topic.owner);
    Err(Refused::not_allowed(&format!("seeing what is quarantined of {}", topic.name), who))
}

/// Who sees an event that waits, with what is classified left out: those who decide about it.
pub fn may_show(state: &State, actor: &Actor, topic: &Topic, now_ms: u64) -> Result<(), Refused> {
    if has(state, actor, &topic.owner, Role::Dpo, now_ms) {
        return Ok(());
    }
    let who = format!("a dpo of {}", topic.owner);
    Err(Refused::not_allowed(&format!("seeing a quarantined event of {}", topic.name), who))
}

/// Whether the actor has the role, or speaks for somebody who has it.
fn has(state: &State, actor: &Actor, agency: &AgencyName, role: Role, now_ms: u64) -> bool {
    let mut those = state.principals_in(agency, role);
    actor.is_of(agency, role) || those.any(|person| person.speaker(now_ms) == Some(&actor.principal))
}
