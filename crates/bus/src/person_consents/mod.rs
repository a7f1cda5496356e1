//! Consent of those whom events are about: whom a subscription may be handed that demands it.
//!
//! A subscription's demand is looked at with every event that is revealed for it, and once more when the disclosure is
//! durable, after what came meanwhile was read: so nothing leaves the bus that was withdrawn, with a receipt, before. It costs
//! whoever demands nothing a comparison.
//!
//! A person has another name under each agency's keys, so there is a view for each agency whose topics are read by consent
//! ([`shelf`]). The bus itself reads on at its start and every second, so that little is left for who asks.

mod known;
mod shelf;
mod words;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::AgencyName;
use governance::state::Former;
use governance::{Subscription, person_consent};
use parking_lot::RwLock;
use seal::Pseudonym;
use tokio::time::timeout;

use crate::clock::Latest;
use crate::core::Core;
use crate::topics::Topic;
use crate::{Bus, Refusal};
pub use known::KnownConsent;
use shelf::Shelf;
pub use words::Standing;
use words::What;

/// How often the bus reads on by itself.
const LOOK: Duration = Duration::from_secs(1);

/// How often what is too old to matter is dropped from memory, in milliseconds.
const FORGET_MS: u64 = 3_600_000;

/// How many events a delivery reads by itself before it goes on; where there are more, the bus is still reading.
const FEW: u64 = 5_000;

/// All agencies' views.
#[derive(Default)]
pub struct PersonConsents {
    shelves: RwLock<HashMap<AgencyName, Arc<Shelf>>>,
    /// Whoever holds it reads.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// What has ended by the clock does not stand again because the clock was set back.
    latest: Latest,
}

impl PersonConsents {
    /// Nothing read yet; `youngest_ms` is the time of the youngest record of all, in milliseconds since 1970.
    pub fn from(youngest_ms: u64) -> Self {
        Self { latest: Latest::from(youngest_ms), ..Self::default() }
    }

    fn now_ms(&self, core: &Core) -> u64 {
        self.latest.now_ms(&*core.clock)
    }

    fn all(&self) -> Vec<Arc<Shelf>> {
        self.shelves.read().values().cloned().collect()
    }

    /// An agency's view by the topics that are believed now; an empty one where there is none yet.
    fn shelf(&self, core: &Core, agency: &AgencyName) -> Arc<Shelf> {
        let state = core.state();
        let topics = &state.standards().consent.topics;
        let known = self.shelves.read().get(agency).filter(|shelf| shelf.topics == *topics).cloned();
        known.unwrap_or_else(|| {
            let mut shelves = self.shelves.write();
            let made = || Arc::new(Shelf::new(agency.clone(), topics.clone()));
            let shelf = shelves.entry(agency.clone()).or_insert_with(made);
            if shelf.topics != *topics {
                *shelf = made();
            }
            shelf.clone()
        })
    }

    fn keep_only(&self, agencies: &BTreeSet<AgencyName>) {
        if self.shelves.read().keys().any(|agency| !agencies.contains(agency)) {
            self.shelves.write().retain(|agency, _| agencies.contains(agency));
        }
    }
}

/// What a subscription demands of those whom its events are about.
pub struct Demand {
    purpose: String,
    agency: AgencyName,
    /// The agencies that had the subscription before.
    formerly: Vec<AgencyName>,
    shelf: Arc<Shelf>,
}

impl Demand {
    /// The subscription's, if it has one.
    pub fn of(core: &Core, topic: &Topic, subscription: &Subscription) -> Option<Arc<Self>> {
        let purpose = subscription.granted_terms()?.consent.clone()?;
        let shelf = core.person_consents.shelf(core, &topic.sealed_by);
        let formerly = subscription.formerly.iter().map(|Former { agency, .. }| agency.clone()).collect();
        Some(Arc::new(Self { purpose, agency: subscription.agency.clone(), formerly, shelf }))
    }

    /// Whether a person's consent to it stands.
    pub fn is_met(&self, core: &Core, person: &Pseudonym) -> bool {
        let Self { purpose, agency, formerly, shelf } = self;
        let what = What { purpose, recipient: agency.as_str(), formerly };
        shelf.stands(core, person, what, core.person_consents.now_ms(core))
    }
}

/// The people by whose consent an event was opened.
#[derive(Clone)]
pub struct Consent {
    demand: Arc<Demand>,
    people: Arc<[Pseudonym]>,
}

impl fmt::Debug for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consent of {} people to {:?}", self.people.len(), self.demand.purpose)
    }
}

impl Consent {
    /// Whoever consented, if the event was opened by consent.
    pub(crate) fn of(demand: &Arc<Demand>, people: Vec<Pseudonym>) -> Option<Self> {
        (!people.is_empty()).then(|| Self { demand: demand.clone(), people: people.into() })
    }
}

impl Bus {
    /// What a subscription demands, after what people said until now was read.
    pub(crate) async fn demand_of(
        &self,
        topic: &Topic,
        subscription: &Subscription,
    ) -> Result<Option<Arc<Demand>>, Refusal> {
        let demand = Demand::of(&self.core, topic, subscription);
        if let Some(demand) = &demand {
            self.read_on(&demand.shelf).await?;
        }
        Ok(demand)
    }

    async fn read_on(&self, shelf: &Arc<Shelf>) -> Result<(), Refusal> {
        let behind = shelf.behind(&self.core)?;
        if behind == 0 && shelf.words().is_some() {
            return Ok(());
        }
        if behind > FEW {
            let text = format!("what people consent to is still being read: {behind} events are left");
            return Err(
                Refusal::unavailable(text).hint("nothing was handed over; ask again, it goes on by itself")
            );
        }
        shelf.catch_up(&self.core, &self.core.person_consents.all()).await
    }

    /// Whether the consents by which events were opened stand still, after all that is durable by now.
    pub async fn still_consented(&self, consents: &[Consent]) -> Result<bool, Refusal> {
        self.read_for(consents).await?;
        Ok(self.stand_as_read(consents))
    }

    /// Reads what was said until now by those on whose word the consents rest.
    pub(crate) async fn read_for(&self, consents: &[Consent]) -> Result<(), Refusal> {
        for shelf in shelves_of(consents) {
            // Where others are believed by now, nothing of it stands anyway.
            if self.is_believed(shelf) {
                self.read_on(shelf).await?;
            }
        }
        Ok(())
    }

    /// Whether anything was said that was not read yet.
    pub(crate) fn is_behind(&self, consents: &[Consent]) -> bool {
        shelves_of(consents).any(|shelf| !matches!(shelf.behind(&self.core), Ok(0)))
    }

    /// Whether the consents stand by what was read.
    pub(crate) fn stand_as_read(&self, consents: &[Consent]) -> bool {
        let mut asked = HashSet::new();
        consents.iter().all(|Consent { demand, people }| {
            self.is_believed(&demand.shelf)
                && people.iter().all(|person| !asked.insert(*person) || demand.is_met(&self.core, person))
        })
    }

    fn is_believed(&self, shelf: &Shelf) -> bool {
        shelf.topics == self.core.state().standards().consent.topics
    }
}

/// The views that consents were asked of; of several in a row that are the same, one.
fn shelves_of(consents: &[Consent]) -> impl Iterator<Item = &Arc<Shelf>> {
    consents.chunk_by(|a, b| Arc::ptr_eq(&a.demand.shelf, &b.demand.shelf)).map(|same| &same[0].demand.shelf)
}

/// Reads what people say until the bus closes, for each agency whose topics are read by consent.
pub async fn run(bus: Bus) {
    let mut failed: HashMap<AgencyName, String> = HashMap::new();
    let mut forgotten_ms = 0;
    loop {
        let bell = bus.core.tail.rights_bell();
        let bell = bell.notified();
        let agencies = person_consent::agencies_asking(&bus.core.state(), bus.core.clock.now_ms());
        bus.core.person_consents.keep_only(&agencies);
        // All of them first, so that whoever reads reads for all.
        let shelves: Vec<_> =
            agencies.iter().map(|agency| bus.core.person_consents.shelf(&bus.core, agency)).collect();
        for shelf in &shelves {
            let (agency, begun, is_first) = (&shelf.agency, Instant::now(), shelf.words().is_none());
            match shelf.catch_up(&bus.core, &shelves).await {
                Ok(()) => {
                    if failed.remove(agency).is_some() || is_first {
                        let (words, ms) = (shelf.words().unwrap_or(0), begun.elapsed().as_millis() as u64);
                        tracing::info!(%agency, words, ms, "what people consent to was read");
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    if failed.get(agency) != Some(&text) {
                        tracing::warn!(%agency, %error, "what people consent to cannot be read; until then nobody does");
                        failed.insert(agency.clone(), text);
                    }
                }
            }
        }
        let now_ms = bus.core.person_consents.now_ms(&bus.core);
        if now_ms.saturating_sub(forgotten_ms) >= FORGET_MS {
            forgotten_ms = now_ms;
            let core = bus.core.clone();
            let forgetting = move || shelves.iter().for_each(|shelf| shelf.forget(&core, now_ms));
            let _ = tokio::task::spawn_blocking(forgetting).await;
        }
        let _ = timeout(LOOK, bell).await;
    }
}
