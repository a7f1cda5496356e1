//! Whether somebody answers for a topic, and what comes when nobody does.
//!
//! A steward or deputy says again and again that they answer for a topic. Where that word is missing, or both are gone,
//! the topic is orphaned: nothing of it changes, and later it takes no events. Its consumers go on reading. Naming people
//! or confirming heals it at once.

use std::fmt;

use crate::agreement::minute;
use crate::events::{By, Event, OwnershipEvent};
use crate::standards::Ownership;
use crate::state::{Stage, Topic};
use crate::{Refused, State, clerk, notices};

/// Whether somebody answers for a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Somebody does.
    Held,
    /// Somebody does, whose word has grown old.
    ConfirmationDue,
    /// Nobody does: it is frozen for change.
    Orphaned,
    /// Nobody has for so long that it takes no events.
    Suspended,
}

impl Standing {
    /// The standing's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Held => "held",
            Standing::ConfirmationDue => "confirmation-due",
            Standing::Orphaned => "orphaned",
            Standing::Suspended => "suspended",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When what comes to a topic, in milliseconds since 1970, if nobody does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// A confirmation is due; never of the bus's own topics.
    pub due_ms: Option<u64>,
    /// It is frozen for change; known once people were told that the confirmation is due, or both are gone.
    pub freezes_ms: Option<u64>,
    /// It takes no events; known once people were told that it is frozen.
    pub suspends_ms: Option<u64>,
}

impl Schedule {
    /// Of a topic, under these rules. For the bus's own topics the bus answers: nothing ever comes to them.
    pub fn of(topic: &Topic, rules: &Ownership) -> Self {
        if notices::is_own(&topic.name) {
            return Self { due_ms: None, freezes_ms: None, suspends_ms: None };
        }
        let held = &topic.stewardship;
        let after = |ms: u64, span_s: u64| ms.saturating_add(span_s.saturating_mul(1000));
        let told = |stage: Stage| held.told.get(&stage).copied();
        let overdue_ms = told(Stage::Due).map(|told_ms| after(told_ms, rules.freeze_after_s));
        let orphaned_ms = told(Stage::Orphaned);
        let suspends_ms = orphaned_ms.map(|told_ms| after(told_ms, rules.suspend_after_s));
        Self {
            due_ms: Some(after(held.confirmed.at_ms, rules.confirm_every_s)),
            // What was told stands, though the rules became milder since.
            freezes_ms: orphaned_ms.or_else(|| held.vacant_ms().into_iter().chain(overdue_ms).min()),
            suspends_ms: told(Stage::Suspended).or(suspends_ms),
        }
    }

    /// Where the topic stands at `now_ms`.
    pub fn standing(&self, now_ms: u64) -> Standing {
        let come = |at_ms: Option<u64>| at_ms.is_some_and(|at_ms| at_ms <= now_ms);
        match () {
            () if come(self.suspends_ms) => Standing::Suspended,
            () if come(self.freezes_ms) => Standing::Orphaned,
            () if come(self.due_ms) => Standing::ConfirmationDue,
            () => Standing::Held,
        }
    }
}

/// Where a topic stands.
pub fn standing(topic: &Topic, rules: &Ownership, now_ms: u64) -> Standing {
    Schedule::of(topic, rules).standing(now_ms)
}

/// Nothing of an orphaned topic changes; `None` while somebody answers for it.
pub(crate) fn frozen(topic: &Topic, rules: &Ownership, now_ms: u64) -> Option<Refused> {
    let standing = standing(topic, rules, now_ms);
    (standing >= Standing::Orphaned).then(|| {
        let text = format!("{} is {standing}: {}; nothing of it changes", topic.name, why(topic));
        Refused::new("topic-orphaned", text).hint(remedy(topic))
    })
}

/// A suspended topic takes no events; `None` before that.
pub(crate) fn suspended(topic: &Topic, rules: &Ownership, now_ms: u64) -> Option<Refused> {
    let since_ms = Schedule::of(topic, rules).suspends_ms.filter(|at_ms| *at_ms <= now_ms)?;
    let text = format!("{} takes no events since {}: {}", topic.name, minute(since_ms), why(topic));
    Some(Refused::new("topic-suspended", text).hint(remedy(topic)))
}

/// Why nobody answers for a topic.
pub(crate) fn why(topic: &Topic) -> String {
    match topic.stewardship.vacant_ms() {
        Some(_) => format!("its steward {} and its deputy {} are gone", topic.steward, topic.deputy),
        None => format!("nobody has confirmed it since {}", minute(topic.stewardship.confirmed.at_ms)),
    }
}

/// Who heals a topic that nobody answers for, and how.
pub fn remedy(topic: &Topic) -> String {
    let name = &topic.name;
    if topic.stewardship.vacant_ms().is_some() {
        let owner = &topic.owner;
        return format!(
            "a steward of {owner}, or an operator, names others: chancery topic name {name} --steward NAME@{owner} \
             --deputy NAME@{owner}"
        );
    }
    let present: Vec<&str> =
        topic.stewardship.present(&topic.steward, &topic.deputy).map(|person| person.as_str()).collect();
    format!("{}: chancery topic confirm {name}", present.join(" or "))
}

/// What a confirmation is for a topic that people were told is orphaned.
pub(crate) fn healed(topic: &Topic, by: &By) -> Option<Event> {
    let orphaned = topic.stewardship.told.contains_key(&Stage::Orphaned);
    orphaned
        .then(|| Event::Ownership(OwnershipEvent::TopicHealed { topic: topic.name.clone(), by: by.clone() }))
}

/// What people must be told now: each stage once between two confirmations, and nothing that is over already.
pub(crate) fn due(state: &State, now_ms: u64) -> impl Iterator<Item = Event> {
    let rules = &state.standards().ownership;
    state.topics().filter_map(move |topic| next(topic, rules, now_ms))
}

/// The next stage that people must be told of. The one after it counts from then.
fn next(topic: &Topic, rules: &Ownership, now_ms: u64) -> Option<Event> {
    let at = Schedule::of(topic, rules);
    let standing = at.standing(now_ms);
    let (topic, told) = (topic.name.clone(), &topic.stewardship.told);
    let untold = |stage: Stage| !told.contains_key(&stage);
    let by = By::own(clerk::clerk());
    let after = |span_s: u64| now_ms.saturating_add(span_s.saturating_mul(1000));
    let ahead = |at_ms: u64| at_ms.saturating_sub(rules.notice_s.saturating_mul(1000)) <= now_ms;
    match standing {
        Standing::Held => None,
        Standing::ConfirmationDue if untold(Stage::Due) => {
            Some(Event::Ownership(OwnershipEvent::ConfirmationDue {
                topic,
                freezes_ms: after(rules.freeze_after_s),
                by,
            }))
        }
        Standing::ConfirmationDue => {
            let freezes_ms = at.freezes_ms.filter(|at_ms| untold(Stage::FreezeAhead) && ahead(*at_ms))?;
            Some(Event::Ownership(OwnershipEvent::FreezeAhead { topic, freezes_ms, by }))
        }
        Standing::Orphaned if untold(Stage::Orphaned) => {
            Some(Event::Ownership(OwnershipEvent::TopicOrphaned {
                topic,
                suspends_ms: after(rules.suspend_after_s),
                by,
            }))
        }
        Standing::Orphaned => {
            let suspends_ms =
                at.suspends_ms.filter(|at_ms| untold(Stage::SuspensionAhead) && ahead(*at_ms))?;
            Some(Event::Ownership(OwnershipEvent::SuspensionAhead { topic, suspends_ms, by }))
        }
        Standing::Suspended => {
            untold(Stage::Suspended).then_some(Event::Ownership(OwnershipEvent::TopicSuspended { topic, by }))
        }
    }
}
