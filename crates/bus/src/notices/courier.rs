//! Notices beyond the bus: letters to the agencies that wish for them, by the ways that a carrier has.
//!
//! Each agency has a place for each way. It moves when the carrier says that a letter has arrived; if we die between, the
//! letter comes again, under the same id where nothing was added to it. What fails is tried again, later each time.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use contract::{AgencyName, CloudEvent, SubscriptionName};
use governance::notices::{Notice, Way, When, Wishes};
use governance::{Agency, rights};
use journal::Offset;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::failures::Failures;
use super::{is_for, place_name};
use crate::api::Caller;
use crate::limits::{LETTER_MAX_NOTICES, LETTERS_UNDER_WAY, NOTICES_KEPT};
use crate::{Bus, Refusal};

/// How often the courier looks where nothing rings: digests fall due, and what failed is tried again.
const LOOK: Duration = Duration::from_secs(5);

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// When a day's digest goes out, UTC: before offices open.
const DIGEST_AT_MS: u64 = 6 * 60 * 60 * 1000;

/// How long the first repetition waits; each further one twice as long.
const RETRY_FIRST_MS: u64 = 10_000;

/// The longest that one waits.
const RETRY_MOST_MS: u64 = 60 * 60 * 1000;

/// Takes letters beyond the bus. It is called on threads that may block, several at once, and comes back in bounded
/// time: so long it holds one of its way's places. A letter that it says has arrived is not sent again, any other is.
pub trait Carrier: Send + Sync + 'static {
    /// Whether it has this way.
    fn has(&self, way: Way) -> bool;

    /// Carries a letter; the error says what kept it from arriving.
    fn carry(&self, letter: &Letter) -> Result<(), String>;
}

/// What one agency is told at once. It holds a secret, and is not shown.
#[derive(Clone)]
pub struct Letter {
    /// The same for the same letter, however often it is carried.
    pub id: String,
    /// To whom.
    pub agency: AgencyName,
    /// In which way.
    pub way: Way,
    /// Where it wants it.
    pub wishes: Wishes,
    /// What is signed with, where the way asks for it.
    pub secret: [u8; 32],
    /// The notices, each with its event; at least one.
    pub notices: Vec<(Arc<Notice>, CloudEvent)>,
    /// When it goes out, in milliseconds since 1970.
    pub at_ms: u64,
}

/// What the courier knows of one agency's way, in memory only.
#[derive(Default)]
struct Route {
    /// Up to here nothing waits.
    seen: Offset,
    under_way: bool,
    failures: u32,
    again_ms: u64,
}

/// A letter, and the place behind it.
struct Outgoing {
    name: SubscriptionName,
    letter: Letter,
    next: Offset,
}

impl Bus {
    /// Sends letters by `carrier` until the bus closes.
    pub fn send_notices(&self, carrier: Arc<dyn Carrier>) {
        self.core.upkeep.lock().push(tokio::spawn(run(self.clone(), carrier)));
    }

    /// What letters to an agency's webhook are signed with.
    pub fn webhook_secret(&self, caller: &Caller, agency: &AgencyName) -> Result<[u8; 32], Refusal> {
        rights::may_read_secret(&self.now(caller), agency)?;
        Ok(self.secret_of(agency))
    }

    fn secret_of(&self, agency: &AgencyName) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.core.webhooks);
        let mut secret = [0; 32];
        secret.copy_from_slice(hmac::sign(&key, agency.as_str().as_bytes()).as_ref());
        secret
    }

    /// The next letter to an agency, where there is something to tell it by now.
    fn letter_to(&self, agency: &Agency, way: Way, route: &mut Route) -> Option<Outgoing> {
        agency.since.get(way)?;
        let wishes = &agency.profile.notices;
        let (name, now_ms) = (route_name(&agency.agency, way), self.core.clock.now_ms());
        let until_ms = due_until(wishes.digest, now_ms);
        let place = self.own_place(&name).max(route.seen);
        let mut told = self.core.notices.starting_at(place, NOTICES_KEPT);
        // Notices stand in the order of their decisions, and so of their times, but for a clock that was set back.
        told.truncate(told.iter().position(|one| one.notice.at_ms >= until_ms).unwrap_or(told.len()));
        route.seen = told.last().map_or(place, |last| last.offset + 1);
        told.retain(|one| is_for(&one.notice, agency, way));
        told.truncate(LETTER_MAX_NOTICES);
        let (first, last) = (told.first()?.offset, told.last()?.offset);
        // What did not fit, or does not arrive, is looked for again.
        route.seen = place;
        let letter = Letter {
            id: format!("{}-{}-{first}-{last}", agency.agency, way.as_str()),
            agency: agency.agency.clone(),
            way,
            wishes: wishes.clone(),
            secret: self.secret_of(&agency.agency),
            notices: told.iter().map(|one| (one.notice.clone(), self.notice_event(one))).collect(),
            at_ms: now_ms,
        };
        Some(Outgoing { name, letter, next: last + 1 })
    }
}

/// The place of an agency's way.
pub fn route_name(agency: &AgencyName, way: Way) -> SubscriptionName {
    place_name(&format!("{agency}.{}", way.as_str()))
}

/// Notices of before this instant are due.
fn due_until(digest: When, now_ms: u64) -> u64 {
    match digest {
        When::AtOnce => u64::MAX,
        When::Daily => now_ms - now_ms.saturating_sub(DIGEST_AT_MS) % DAY_MS,
    }
}

/// The letters of one bus.
struct Courier {
    bus: Bus,
    carrier: Arc<dyn Carrier>,
    routes: HashMap<SubscriptionName, Route>,
    /// How many letters are under way by each way.
    sending: HashMap<Way, usize>,
    /// What did not arrive lately.
    failures: Failures,
    under_way: JoinSet<(Outgoing, Result<(), String>)>,
}

async fn run(bus: Bus, carrier: Arc<dyn Carrier>) {
    let mut courier = Courier {
        failures: Failures::read(&bus.core.settings.data),
        bus: bus.clone(),
        carrier,
        routes: HashMap::new(),
        sending: HashMap::new(),
        under_way: JoinSet::new(),
    };
    loop {
        let bell = bus.core.notices.bell().notified();
        tokio::pin!(bell);
        // Listen before looking: what comes in between is not missed.
        bell.as_mut().enable();
        courier.send();
        tokio::select! {
            Some(Ok((outgoing, carried))) = courier.under_way.join_next() => {
                courier.returned(outgoing, carried).await;
            }
            _ = timeout(LOOK, bell) => {}
        }
    }
}

impl Courier {
    /// Sends to everybody what is due to them and is not under way. An agency that does not answer holds up nobody else.
    fn send(&mut self) {
        let (state, now_ms) = (self.bus.core.state(), self.bus.core.clock.now_ms());
        for agency in state.agencies() {
            let ways = Way::ALL.into_iter().filter(|way| self.carrier.has(*way));
            for way in ways.filter(|way| agency.since.get(*way).is_some()) {
                let route = self.routes.entry(route_name(&agency.agency, way)).or_default();
                let sending = self.sending.entry(way).or_default();
                if route.under_way || now_ms < route.again_ms || *sending >= LETTERS_UNDER_WAY {
                    continue;
                }
                let Some(outgoing) = self.bus.letter_to(agency, way, route) else { continue };
                route.under_way = true;
                *sending += 1;
                self.under_way.spawn(carried(self.carrier.clone(), outgoing));
            }
        }
    }

    /// The carrier is back.
    async fn returned(&mut self, outgoing: Outgoing, carried: Result<(), String>) {
        let Outgoing { name, letter, next } = outgoing;
        let kept = match carried {
            Ok(()) => self.bus.keep_own_place(&name, next).await.map_err(|error| error.to_string()),
            Err(why) => Err(why),
        };
        let count = letter.notices.len() as u64;
        self.bus.core.metrics.notices(&letter.agency, letter.way, count, kept.is_ok());
        self.sending.entry(letter.way).and_modify(|sending| *sending -= 1);
        let route = self.routes.entry(name).or_default();
        route.under_way = false;
        let now_ms = self.bus.core.clock.now_ms();
        match kept {
            Ok(()) => (route.failures, route.again_ms) = (0, 0),
            Err(why) => {
                postpone(route, &letter, &why, now_ms);
                self.failures.add(&letter, &why, now_ms);
                self.failures.write(&self.bus.core.settings.data);
            }
        }
    }
}

/// A carrier may block, and may not take the courier with it.
async fn carried(carrier: Arc<dyn Carrier>, outgoing: Outgoing) -> (Outgoing, Result<(), String>) {
    let letter = outgoing.letter.clone();
    let carried = tokio::task::spawn_blocking(move || carrier.carry(&letter)).await;
    (outgoing, carried.unwrap_or_else(|error| Err(error.to_string())))
}

fn postpone(route: &mut Route, letter: &Letter, why: &dyn Display, now_ms: u64) {
    let wait_ms = (RETRY_FIRST_MS << route.failures.min(16)).min(RETRY_MOST_MS);
    route.failures = route.failures.saturating_add(1);
    route.again_ms = now_ms + wait_ms;
    tracing::warn!(
        agency = %letter.agency, way = letter.way.as_str(), error = %why, again_in_s = wait_ms / 1000,
        "a letter of notices did not arrive; it is tried again"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_holds_what_was_before_the_last_six_oclock() {
        let (day, hour) = (20_000 * DAY_MS, 60 * 60 * 1000);
        assert_eq!(due_until(When::Daily, day + 6 * hour), day + 6 * hour);
        assert_eq!(due_until(When::Daily, day + 23 * hour), day + 6 * hour);
        assert_eq!(due_until(When::Daily, day + 5 * hour), day - 18 * hour);
        assert_eq!(due_until(When::AtOnce, day), u64::MAX);
    }
}
