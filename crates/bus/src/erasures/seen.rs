//! What somebody may see of erasures and holds.

use std::sync::Arc;

use contract::{AgencyName, SubscriptionName};
use governance::erasure::{self, Sight};
use governance::state::{Erasure, EventAt, Hold};

use super::about;
use crate::api::Caller;
use crate::{Bus, Refusal, RefusalKind};

/// An event that an agency was handed, about somebody who was erased.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Where it stands.
    pub at: EventAt,
    /// Under which subscription.
    pub subscription: SubscriptionName,
    /// When for the first time, RFC 3339.
    pub time: String,
}

/// Which part of a list of erasures or holds is wanted; the newest come first.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Those before the one of this name; else from the newest on.
    pub before: Option<String>,
    /// At most so many; else all.
    pub limit: Option<usize>,
}

/// A part of such a list.
#[derive(Debug)]
pub struct Listed<T> {
    /// The newest first.
    pub found: Vec<T>,
    /// Where to go on from, where there is more.
    pub before: Option<String>,
}

impl Page {
    /// Whether the one of this name comes on it, or behind it: asked first, as what somebody may see takes a while to say.
    fn goes_on_to(&self, name: &String) -> bool {
        self.before.as_ref().is_none_or(|before| name < before)
    }

    /// The page of what may be seen, which comes with the newest first.
    fn of<T>(&self, seen: impl Iterator<Item = T>, name: impl Fn(&T) -> &String) -> Listed<T> {
        let limit = self.limit.unwrap_or(usize::MAX);
        let mut seen = seen.peekable();
        let found: Vec<T> = seen.by_ref().take(limit).collect();
        let before = found.last().map(&name).filter(|_| seen.peek().is_some()).cloned();
        Listed { found, before }
    }
}

impl Bus {
    /// The erasures that the caller may know of.
    pub fn erasures(&self, caller: &Caller, page: &Page) -> Listed<(Arc<Erasure>, Sight)> {
        let (state, caller, now_ms) = (self.core.state(), self.now(caller), self.core.clock.now_ms());
        let seen =
            |known: &Arc<Erasure>| Some((known.clone(), erasure::sight(&state, &caller, known, now_ms)?));
        let behind = state.erasures().rev().filter(|known| page.goes_on_to(&known.id));
        page.of(behind.filter_map(seen), |(known, _)| &known.id)
    }

    /// One erasure, where the caller may know of it.
    pub fn erasure(&self, caller: &Caller, name: &str) -> Result<(Arc<Erasure>, Sight), Refusal> {
        let (state, caller, now_ms) = (self.core.state(), self.now(caller), self.core.clock.now_ms());
        let known = state.erasure(name);
        let seen =
            known.and_then(|known| Some((known.clone(), erasure::sight(&state, &caller, known, now_ms)?)));
        seen.ok_or_else(|| {
            Refusal::new(RefusalKind::Unknown, format!("there is no erasure {name}"))
                .hint("chancery erase list shows those that concern you")
        })
    }

    /// The holds that the caller may know of.
    pub fn holds(&self, caller: &Caller, page: &Page) -> Listed<Arc<Hold>> {
        let (state, caller, now_ms) = (self.core.state(), self.now(caller), self.core.clock.now_ms());
        let behind = state.holds().rev().filter(|hold| page.goes_on_to(&hold.id));
        let seen = behind.filter(|hold| erasure::may_see_hold(&state, &caller, hold, now_ms)).cloned();
        page.of(seen, |hold| &hold.id)
    }

    /// One hold, where the caller may know of it.
    pub fn hold(&self, caller: &Caller, name: &str) -> Option<Arc<Hold>> {
        let (state, caller, now_ms) = (self.core.state(), self.now(caller), self.core.clock.now_ms());
        let known = state.hold(name).filter(|hold| erasure::may_see_hold(&state, &caller, hold, now_ms));
        known.cloned()
    }

    /// Every event about the person that the agencies for which the caller answers were handed before they were erased.
    pub async fn erasure_references(&self, caller: &Caller, name: &str) -> Result<Vec<Reference>, Refusal> {
        let (known, sight) = self.erasure(caller, name)?;
        let core = self.core.clone();
        let found = tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            for agency in &sight.told {
                for (part, _) in known.told(agency) {
                    references(&core, &known, part, agency, &mut found)?;
                }
            }
            found.sort();
            Ok(found)
        });
        found.await.map_err(|_| Refusal::unavailable("reading was broken off"))?
    }
}

fn references(
    core: &crate::core::Core,
    known: &Erasure,
    part: &AgencyName,
    agency: &AgencyName,
    found: &mut Vec<Reference>,
) -> Result<(), Refusal> {
    let Some(part) = known.part(part) else { return Ok(()) };
    // What is handed over since tells nothing of the person.
    let Some((_, erased_ms)) = &part.erased else { return Ok(()) };
    let until = about::handed_until(*erased_ms);
    about::each(core, &part.found.person, &mut |event| {
        let disclosed = core.disclosed(&event.at.topic, event.at.partition, event.at.offset)?;
        let own = disclosed.into_iter().filter(|one| one.agency == *agency && one.time <= until);
        found.extend(own.map(|one| Reference {
            at: event.at.clone(),
            subscription: one.subscription,
            time: one.time,
        }));
        Ok(())
    })
}
