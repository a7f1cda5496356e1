//! Erasing a person: what stands in its way, when a part of it is carried out, and who may know of it.
//!
//! Each agency whose keys seal something about the person is a part of the erasure, and goes its own way. A part wants two
//! people, and the word of a data protection officer of each agency that owns a topic with something in it; then it waits
//! for holds to be lifted and for what the law wants kept. Neither an operator nor the bootstrap stands in for those
//! officers: an erasure cannot be taken back.

mod sight;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::{AgencyName, TopicName};

use crate::events::{By, ErasureEvent};
use crate::notices::is_own;
use crate::state::{Erasure, EventAt, Found, Handed, Hold, Part, Person};
use crate::{Actor, Event, Role, State, apply, clerk};

pub(crate) use sight::acts_for;
pub use sight::{Sight, Wait, concerned, may_see_hold, sight, waits};

/// Where there are events about a person, each topic with when the youngest became durable, in milliseconds since 1970;
/// the error says why it cannot be told.
pub type Look<'l> = &'l dyn Fn(&Person) -> Result<BTreeMap<TopicName, u64>, String>;

/// Something in the way of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block<'a> {
    /// A legal hold.
    Hold(&'a Hold),
    /// The law wants events of a topic kept.
    Keep {
        /// Which topic.
        topic: &'a TopicName,
        /// Until when, in milliseconds since 1970.
        until_ms: u64,
    },
}

/// What stands in the way of erasing what was found.
pub fn blocks<'a>(state: &'a State, found: &'a Found, now_ms: u64) -> Vec<Block<'a>> {
    let holds = state.holds().map(|hold| &**hold).filter(|hold| hold.keeps(found)).map(Block::Hold);
    let kept = found.topics.iter().filter_map(|(topic, youngest_ms)| {
        let keep_ms = state.topic(topic)?.keep_s.saturating_mul(1000);
        let until_ms = youngest_ms.saturating_add(keep_ms);
        (keep_ms > 0 && until_ms > now_ms).then_some(Block::Keep { topic, until_ms })
    });
    holds.chain(kept).collect()
}

/// Where a part stands: `open`, `held`, `kept`, `erased`, `declined` or `withdrawn`.
pub fn standing(state: &State, part: &Part, now_ms: u64) -> &'static str {
    match (&part.erased, &part.ended) {
        (Some(_), _) => "erased",
        (None, Some(end)) if end.withdrawn => "withdrawn",
        (None, Some(_)) => "declined",
        (None, None) => match blocks(state, &part.found, now_ms).first() {
            Some(Block::Hold(_)) => "held",
            Some(Block::Keep { .. }) => "kept",
            None => "open",
        },
    }
}

/// The agencies whose data protection officers speak for what was found, each for itself: those that own the topics now.
/// Where nothing was found, those that answer for what the keys seal.
pub fn speakers<'a>(state: &'a State, found: &'a Found) -> BTreeSet<&'a AgencyName> {
    let topics = found.topics.keys().filter_map(|topic| state.topic(topic));
    let owners: BTreeSet<&AgencyName> = topics.map(|topic| &topic.owner).collect();
    if owners.is_empty() { heirs(state, &found.person.agency) } else { owners }
}

/// An agency; where it was succeeded, those of its successors that own topics that it sealed.
pub(crate) fn heirs<'a>(state: &'a State, agency: &'a AgencyName) -> BTreeSet<&'a AgencyName> {
    let succeeded = state.agency(agency).map(|known| &known.succeeded[..]).unwrap_or_default();
    let follows = |owner: &&AgencyName| succeeded.iter().any(|one| one.successors.contains(*owner));
    let heirs: BTreeSet<&AgencyName> = owners(state, agency).filter(follows).collect();
    if heirs.is_empty() { BTreeSet::from([agency]) } else { heirs }
}

/// The agencies that may have a word in what an agency's keys seal, whatever is found: it or its heirs, and those that own
/// topics that it sealed.
pub(crate) fn answering<'a>(state: &'a State, agency: &'a AgencyName) -> BTreeSet<&'a AgencyName> {
    heirs(state, agency).into_iter().chain(owners(state, agency)).collect()
}

/// Whether two people want what was found erased, and among them a data protection officer of each agency that has a word.
pub fn is_agreed(state: &State, erasure: &Erasure, found: &Found) -> bool {
    let words = || std::iter::once(&erasure.asked).chain(&erasure.agreed);
    let spoke = |agency: &AgencyName| words().any(|word| word.speaks_for.contains(agency));
    !erasure.agreed.is_empty() && speakers(state, found).into_iter().all(spoke)
}

/// Where an erasure stands: `requested`, `approved`, `carried-out`, `declined` or `withdrawn`.
pub fn status(state: &State, erasure: &Erasure) -> &'static str {
    let mut open = erasure.parts.iter().filter(|part| part.is_open()).peekable();
    if open.peek().is_some() {
        let agreed = open.all(|part| is_agreed(state, erasure, &part.found));
        return if agreed { "approved" } else { "requested" };
    }
    if erasure.parts.iter().any(|part| part.erased.is_some()) {
        return "carried-out";
    }
    let withdrawn = erasure.parts.iter().any(|part| part.ended.as_ref().is_some_and(|end| end.withdrawn));
    if withdrawn { "withdrawn" } else { "declined" }
}

/// Who owns the topics that are sealed under an agency's keys.
pub(crate) fn owners<'a>(state: &'a State, agency: &AgencyName) -> impl Iterator<Item = &'a AgencyName> {
    let sealed = state.topics().filter(move |topic| topic.sealed_by == *agency && !is_own(&topic.name));
    sealed.map(|topic| &topic.owner)
}

/// What of an erasure that is agreed on happens now, after another look at what there is. A part that cannot be looked
/// up waits, and one in which something was found that somebody else has a word in.
pub(crate) fn carry_out(
    state: &State,
    erasure: &Erasure,
    by: &By,
    now_ms: u64,
    look: Look<'_>,
) -> Vec<Event> {
    let ready = erasure.parts.iter().filter(|part| part.is_open() && is_agreed(state, erasure, &part.found));
    let carried = ready.filter_map(|part| {
        let Person { agency, pseudonym } = part.found.person.clone();
        let topics = look(&part.found.person).ok()?;
        let found = Found { person: part.found.person.clone(), topics: topics.clone() };
        let agreed = is_agreed(state, erasure, &found);
        let (erasure, by) = (erasure.id.clone(), by.clone());
        if agreed && blocks(state, &found, now_ms).is_empty() {
            return Some(Event::Erasure(ErasureEvent::PersonErased {
                erasure,
                agency,
                pseudonym,
                topics,
                by,
            }));
        }
        (topics != part.found.topics).then_some(Event::Erasure(ErasureEvent::ErasureLooked {
            erasure,
            agency,
            topics,
            by,
        }))
    });
    carried.collect()
}

/// What the clerk does now: it tells those who came to have a word, and carries out parts that are agreed on and that
/// nothing known stands in the way of any more.
pub fn due(state: &State, now_ms: u64, look: Look<'_>) -> Vec<Event> {
    let by = By::own(clerk::clerk());
    let of_one = |erasure: &Erasure| {
        let asked = unasked(state, erasure).into_iter().map(|agency| {
            Event::Erasure(ErasureEvent::ErasureAskedOf {
                erasure: erasure.id.clone(),
                agency: agency.clone(),
                by: by.clone(),
            })
        });
        let mut facts: Vec<Event> = asked.collect();
        if is_ready(state, erasure, now_ms) {
            facts.extend(carry_out(state, erasure, &by, now_ms, look));
        }
        facts
    };
    state
        .erasures()
        .map(|erasure| of_one(erasure))
        .filter(|facts| !facts.is_empty())
        .take(DUE_AT_ONCE)
        .flatten()
        .collect()
}

/// Erasures in one decision of the clerk: its entry in the audit is found by each of them. The rest is due still.
pub const DUE_AT_ONCE: usize = 8;

/// The agencies whose word an open part waits for, and that were not told so: they came to own a topic with something in it
/// after the erasure was asked for, or it was found there later.
fn unasked<'a>(state: &'a State, erasure: &'a Erasure) -> BTreeSet<&'a AgencyName> {
    let open = erasure.parts.iter().filter(|part| part.is_open());
    let waiting = open.filter(|part| !is_agreed(state, erasure, &part.found));
    let mut speakers: BTreeSet<&AgencyName> = waiting.flat_map(|part| speakers(state, &part.found)).collect();
    speakers.retain(|agency| !erasure.asked_of.contains(*agency));
    speakers
}

/// Whether [`due`] has to look.
pub fn is_due(state: &State, now_ms: u64) -> bool {
    state.erasures().any(|erasure| is_ready(state, erasure, now_ms) || !unasked(state, erasure).is_empty())
}

fn is_ready(state: &State, erasure: &Erasure, now_ms: u64) -> bool {
    erasure.parts.iter().any(|part| {
        part.is_open()
            && is_agreed(state, erasure, &part.found)
            && blocks(state, &part.found, now_ms).is_empty()
    })
}

/// The parts that were carried out and of which it was not looked up yet who had been handed events about the person: of
/// which erasure, who, and when they were erased, in milliseconds since 1970.
pub fn untraced(state: &State) -> Vec<(String, Person, u64)> {
    let all = state.erasures().flat_map(|erasure| erasure.parts.iter().map(move |part| (erasure, part)));
    let untraced = all.filter(|(_, part)| part.traced_ms.is_none());
    let of = |(erasure, part): (&Arc<Erasure>, &Part)| {
        let (_, erased_ms) = part.erased.as_ref()?;
        Some((erasure.id.clone(), part.found.person.clone(), *erased_ms))
    };
    untraced.filter_map(of).collect()
}

/// What an agency was handed of a person, with some of the events.
pub type Traced = BTreeMap<AgencyName, (Vec<Handed>, Vec<EventAt>)>;

/// The facts that tell those who were handed events about somebody who was erased; none where they were told already.
pub fn traced(state: &State, erasure: &str, agency: &AgencyName, handed: Traced) -> Vec<Event> {
    let Some(known) = state.erasure(erasure) else { return Vec::new() };
    if known.part(agency).is_none_or(|part| part.erased.is_none() || part.traced_ms.is_some()) {
        return Vec::new();
    }
    let by = By::own(clerk::clerk());
    let told = handed.into_iter().map(|(to, (handed, some))| {
        Event::Erasure(ErasureEvent::ErasureTold {
            erasure: erasure.to_owned(),
            agency: agency.clone(),
            to,
            handed,
            some,
            by: by.clone(),
        })
    });
    let (erasure, agency) = (erasure.to_owned(), agency.clone());
    let done = Event::Erasure(ErasureEvent::ErasureTraced { erasure, agency, by: by.clone() });
    told.chain([done]).collect()
}

/// Whether an agency's keys seal a topic, so that a hold on a person must know what they call the person.
pub fn seals(state: &State, agency: &AgencyName) -> bool {
    owners(state, agency).next().is_some()
}

/// Whether an actor may ask for the erasure of anybody, whoever it is: asked before anything is looked up.
pub fn may_ask(actor: &Actor) -> Result<(), crate::Refused> {
    if actor.is(Role::Dpo) || actor.is(Role::Operator) {
        return Ok(());
    }
    let who = "an agency's data protection officer or an operator";
    Err(crate::Refused::not_allowed("asking for a person's erasure", who))
}

/// The agencies whose persons an actor may hold: all, also those that seal nothing yet, or those for whose keys its own
/// answers. Asked before anything is looked up.
pub fn may_hold(state: &State, actor: &Actor) -> Result<BTreeSet<AgencyName>, crate::Refused> {
    if actor.is(Role::Operator) {
        return Ok(state.agencies().map(|agency| agency.agency.clone()).collect());
    }
    let own = |agency: &&AgencyName| {
        let answers = actor.is(Role::Dpo) || actor.is(Role::Steward);
        answers && answering(state, agency).contains(&actor.agency)
    };
    let sealers: BTreeSet<&AgencyName> =
        state.topics().filter(|topic| !is_own(&topic.name)).map(|topic| &topic.sealed_by).collect();
    let held: BTreeSet<AgencyName> = sealers.into_iter().filter(own).cloned().collect();
    if held.is_empty() {
        let who = "an operator, or a data protection officer or steward of an agency that has topics";
        return Err(crate::Refused::not_allowed("placing a hold on a person", who));
    }
    Ok(held)
}

/// The state with facts folded into a copy of it.
pub(crate) fn after(state: &State, facts: &[Event], now_ms: u64) -> State {
    let mut next = state.clone();
    facts.iter().for_each(|fact| apply(&mut next, fact, now_ms));
    next
}
