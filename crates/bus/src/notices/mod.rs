//! What agencies are told of governance: by events on the bus's own topics (`herald`), and beyond the bus (`courier`).
//!
//! The view is a fold over governance: each decision's notice, by its place in the governance stream. Whoever tells
//! somebody keeps a place in it, as subscriptions do, so that a restart goes on from there; places are those of
//! subscriptions of an agency `bus`, which nobody else can have.

pub mod courier;
pub mod failures;
pub mod herald;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use contract::{AgencyName, AttributeValue, CloudEvent, Data, SubscriptionName};
use governance::clerk::BUS;
use governance::notices::{Kind, Notice, Way};
use governance::{Agency, Event, Role, State, rights};
use journal::Offset;
use parking_lot::RwLock;
use tokio::sync::Notify;

use crate::api::Caller;
use crate::lanes::{Apply, Fact, Facts, Lane};
use crate::limits::NOTICES_KEPT;
use crate::subscriptions::places::{Committed, Places};
use crate::{Bus, Refusal};

/// A notice, and the place of its decision in the governance stream.
#[derive(Debug, Clone)]
pub struct Told {
    /// The place.
    pub offset: Offset,
    /// The notice.
    pub notice: Arc<Notice>,
}

/// The view.
#[derive(Default)]
pub struct Notices {
    told: RwLock<VecDeque<Told>>,
    bell: Notify,
}

impl Notices {
    /// A decision is durable at `offset`; `state` is the one just after it.
    pub fn fold(&self, state: &State, event: &Event, at_ms: u64, offset: Offset) {
        self.add(offset, governance::notice(state, event, at_ms));
    }

    /// The notice of the decision at `offset`, where it has one.
    pub fn add(&self, offset: Offset, notice: Option<Notice>) {
        let notice = notice.map(Arc::new);
        self.told.write().extend(notice.map(|notice| Told { offset, notice }));
    }

    /// Those from a place on, at most `max`.
    pub fn starting_at(&self, place: Offset, max: usize) -> Vec<Told> {
        let told = self.told.read();
        let start = told.partition_point(|one| one.offset < place);
        told.range(start..).take(max).cloned().collect()
    }

    /// Lets go of the oldest, but for the newest [`NOTICES_KEPT`] and those that are not published yet.
    pub fn forget(&self, published: Offset) {
        let mut told = self.told.write();
        while told.len() > NOTICES_KEPT && told.front().is_some_and(|one| one.offset < published) {
            told.pop_front();
        }
    }

    /// Wakes those who tell.
    pub fn ring(&self) {
        self.bell.notify_waiters();
    }

    /// The bell that rings when there is something to tell.
    pub fn bell(&self) -> &Notify {
        &self.bell
    }
}

/// Whether an agency is to be told this in this way.
fn is_for(notice: &Notice, agency: &Agency, way: Way) -> bool {
    agency.since.get(way).is_some_and(|since_ms| notice.at_ms >= since_ms)
        && notice.concerns.contains(&agency.agency)
        && agency.profile.notices.wants_of(notice)
}

/// How many notices have yet to reach an agency in this way.
pub fn waiting(notices: &Notices, places: &Places, agency: &Agency, way: Way) -> usize {
    let place = places.of(&courier::route_name(&agency.agency, way)).get(&0).copied().unwrap_or(0);
    let told = notices.starting_at(place, NOTICES_KEPT);
    told.iter().filter(|one| is_for(&one.notice, agency, way)).count()
}

/// A place of the bus's own in the governance stream.
pub fn place_name(whose: &str) -> SubscriptionName {
    SubscriptionName::parse(&format!("{BUS}.{whose}")).expect("agencies and ways are labels of names")
}

/// Whether a place is one of the bus's own.
pub fn is_own_place(name: &SubscriptionName) -> bool {
    name.as_str().split('.').next() == Some(BUS)
}

impl Bus {
    /// The latest notices, oldest first: those that concern an agency, by default the caller's own; for those who oversee,
    /// all.
    pub fn notices(
        &self,
        caller: &Caller,
        agency: Option<&AgencyName>,
        max: usize,
    ) -> Result<Vec<Told>, Refusal> {
        let caller = self.now(caller);
        let oversees = caller.is(Role::Operator) || caller.is(Role::Regulator);
        let wanted = agency.or((!oversees).then_some(&caller.agency));
        if let Some(agency) = wanted {
            rights::may_read_metadata(&caller, &[agency])?;
        }
        let told = self.core.notices.told.read();
        let concerning =
            told.iter().rev().filter(|one| wanted.is_none_or(|agency| one.notice.concerns.contains(agency)));
        let mut latest: Vec<Told> = concerning.take(max).cloned().collect();
        latest.reverse();
        Ok(latest)
    }

    /// The event of a notice. The same place gives the same identity, so that it is published once.
    pub fn notice_event(&self, told: &Told) -> CloudEvent {
        let notice = &told.notice;
        let data = serde_json::to_vec(&**notice).expect("notices always encode");
        // Attributes are read by everybody who reads the topic: of what is internal they name nobody.
        let is_open = Kind::named(notice.kind).is_some_and(|kind| kind.open);
        let affair = notice.affair().filter(|_| is_open);
        let correlation = affair.map(|affair| ("correlationid".to_owned(), AttributeValue::String(affair)));
        CloudEvent {
            id: format!("governance-{}", told.offset),
            source: source(&self.core.settings.name),
            ty: format!("{BUS}.{}", notice.kind),
            subject: notice.subject().filter(|_| is_open),
            time: Some(notice.at.clone()),
            datacontenttype: Some("application/json".to_owned()),
            extensions: correlation.into_iter().collect(),
            data: Some(Data::Json(data.into())),
            ..CloudEvent::empty()
        }
    }

    fn own_place(&self, name: &SubscriptionName) -> Offset {
        self.core.places.of(name).get(&0).copied().unwrap_or(0)
    }

    async fn keep_own_place(&self, subscription: &SubscriptionName, next: Offset) -> Result<(), Refusal> {
        let (subscription, next) = (subscription.clone(), BTreeMap::from([(0, next)]));
        let committed = Committed { subscription, next, forgotten: Vec::new(), as_of: None, at_ms: None };
        let stream = self.core.streams.places[Lane::Standard as usize];
        let records = vec![Fact { stream, marks: Vec::new(), body: committed.encode() }];
        let places = self.core.places.clone();
        let apply: Apply = Box::new(move |_| places.apply(&committed));
        let facts = Facts { records, apply: Some(apply), ..Facts::default() };
        self.core.lane(Lane::Standard).record(facts).await.map(|_| ())
    }
}

/// The bus as a source of events, by its name.
fn source(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' };
    format!("urn:chancery:{}", name.chars().map(plain).collect::<String>())
}
