//! Start and end: every view is folded from the journal, then the lanes start.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use contract::PrincipalName;
use governance::{Command, Event, Roles, State};
use journal::{Journal, JournalError, Offset, StreamId};
use parking_lot::{Mutex, RwLock};
use seal::Kms;

use crate::api::Caller;
use crate::audit_logs::AuditLogs;
use crate::clock::Clock;
use crate::core::{Bus, Core, Settings};
use crate::credentials::NewToken;
use crate::findings::Findings;
use crate::govern::decode;
use crate::identities::Identities;
use crate::keyring::Keyring;
use crate::lanes::{self, Job, Lane, LaneParts, Sequences, Taken};
use crate::limits::PRODUCER_EXPIRY_MS;
use crate::marks::Marker;
use crate::metrics::Metrics;
use crate::notices::herald::{self, HERALD};
use crate::notices::{Notices, place_name};
use crate::person_consents::{self, PersonConsents};
use crate::policies::Verdicts;
use crate::quarantine::{self, Shelf};
use crate::streams::Streams;
use crate::subscriptions::dead_letters::DeadLetters;
use crate::subscriptions::members::Members;
use crate::subscriptions::memberships::Memberships;
use crate::subscriptions::places::Places;
use crate::tail::Tail;
use crate::topics::Topics;
use crate::transactions::Transactions;
use crate::{Refusal, clerk, erasures, fold, retention, rotation, secrets};

/// What opening came to.
#[derive(Debug)]
pub struct Opened {
    /// The operator's token; only on the very first start.
    pub operator_token: Option<String>,
    /// Governance decisions folded.
    pub decisions: u64,
    /// Topics.
    pub topics: usize,
    /// Identities remembered.
    pub identities: usize,
    /// How long the folds took, in milliseconds.
    pub elapsed_ms: u128,
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Opened { decisions, topics, identities, elapsed_ms, .. } = self;
        write!(f, "{decisions} decisions, {topics} topics, {identities} identities folded in {elapsed_ms} ms")
    }
}

/// Why the bus does not open.
#[derive(Debug)]
pub enum OpenError {
    /// A file of the data folder.
    File(std::io::Error),
    /// The journal.
    Journal(JournalError),
    /// A key is out of reach, or a record does not read.
    Refused(Refusal),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::File(error) => write!(f, "the data folder: {error}"),
            OpenError::Journal(error) => write!(f, "the journal: {error}"),
            OpenError::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        OpenError::File(error)
    }
}

impl From<JournalError> for OpenError {
    fn from(error: JournalError) -> Self {
        OpenError::Journal(error)
    }
}

impl From<Refusal> for OpenError {
    fn from(refusal: Refusal) -> Self {
        OpenError::Refused(refusal)
    }
}

/// The principal that the very first start makes.
const OPERATOR: &str = "operator@central-digital-agency";

impl Bus {
    /// Opens the bus over a journal. Must run on a tokio runtime.
    pub async fn open(
        settings: Settings,
        journal: Arc<dyn Journal>,
        kms: Arc<dyn Kms>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Bus, Opened), OpenError> {
        let started = Instant::now();
        let (bus, mut opened) = tokio::task::block_in_place(|| fold_all(settings, journal, kms, clock))?;
        if !bus.core.state().is_open() {
            opened.operator_token = Some(bus.first_start().await?);
        }
        bus.make_own_topics().await;
        opened.elapsed_ms = started.elapsed().as_millis();
        let upkeep = [
            tokio::spawn(retention::run(bus.core.clone())),
            tokio::spawn(clerk::run(bus.clone())),
            tokio::spawn(herald::run(bus.clone())),
            tokio::spawn(person_consents::run(bus.clone())),
            tokio::spawn(rotation::look_after(bus.clone())),
            tokio::spawn(rotation::run(bus.clone())),
        ];
        bus.core.upkeep.lock().extend(upkeep);
        Ok((bus, opened))
    }

    /// Makes the operator, who then makes everything else.
    async fn first_start(&self) -> Result<String, Refusal> {
        let NewToken { text: token, hash: token_hash, scram } = NewToken::make();
        // Before the operator is durable: a bus that is open and that nobody can enter would be lost.
        let kept = self.core.settings.data.join("operator.token");
        secrets::write(&kept, format!("{token}\n").as_bytes())
            .map_err(|error| Refusal::unavailable(format!("{}: {error}", kept.display())))?;
        let name = |error: contract::NameError| Refusal::unavailable(error.to_string());
        let operator = PrincipalName::parse(OPERATOR).map_err(name)?;
        let caller =
            Caller { principal: operator.clone(), agency: operator.agency(), roles: Roles::default() };
        let name = "Central Digital Agency".to_owned();
        let command = Command::OpenBus { operator, name, token_hash, scram };
        self.govern(&caller, command).await?;
        Ok(token)
    }

    /// Takes nothing more, makes durable what waits, and lets go of the journal.
    pub async fn close(&self) {
        if self.core.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        self.core.tail.rights().notify_waiters();
        let upkeep = std::mem::take(&mut *self.core.upkeep.lock());
        for upkeep in upkeep {
            upkeep.abort();
            // It was told to end, so that it did not end by itself is what is wanted.
            let _ = upkeep.await;
        }
        for lane in &self.core.lanes {
            let _ = lane.send(Job::Stop);
        }
        let threads = std::mem::take(&mut *self.core.threads.lock());
        let _ =
            tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join())))
                .await;
    }
}

/// The time of the lane's youngest record: what follows is never older, also when the machine's clock was set back.
fn last_time_ms(journal: &dyn Journal, lane: Lane) -> Result<u64, JournalError> {
    let mut last_ms = 0;
    for stream in journal.streams().iter().filter(|stream| stream.spec.lane == lane.id()) {
        let bounds = journal.bounds(stream.id)?;
        if bounds.next > bounds.first {
            journal.entries(stream.id, bounds.next - 1, &mut |entry| last_ms = last_ms.max(entry.time_ms))?;
        }
    }
    Ok(last_ms)
}

fn fold_all(
    settings: Settings,
    journal: Arc<dyn Journal>,
    kms: Arc<dyn Kms>,
    clock: Arc<dyn Clock>,
) -> Result<(Bus, Opened), OpenError> {
    let metrics = Arc::new(Metrics::default());
    let streams = Streams::open(&*journal)?;
    let is_new = journal.bounds(streams.governance)?.next == 0;
    let marker = Marker::new(secrets::file(&settings.data.join("marks.key"), is_new)?);
    // Nothing that is stored depends on it; without it agencies take a new secret.
    let webhooks = secrets::file(&settings.data.join("webhooks.key"), true)?;
    let kms = (kms, settings.keys.keep_opened);
    let keyring = Arc::new(Keyring::open(journal.clone(), kms, streams.agency_keys)?);
    let places = Arc::new(Places::default());
    for lane in Lane::ALL {
        places.fold(&*journal, streams.places[lane as usize])?;
    }
    let findings = Arc::new(Findings::default());
    let quarantine = Arc::new(Shelf::default());
    for lane in Lane::ALL {
        quarantine.fold(&*journal, lane, streams.quarantine[lane as usize])?;
    }
    let published = places.of(&place_name(HERALD)).get(&0).copied().unwrap_or(0);
    let notices = Arc::new(Notices::default());
    let (state, decisions) = fold_governance(&*journal, &streams, |state, event, at| {
        let erased = erasures::erased(std::slice::from_ref(event));
        erased.iter().for_each(|(_, who)| keyring.erase(who, at.durable_ms));
        quarantine::destroyed(event).iter().for_each(|key| keyring.erase(key, at.durable_ms));
        quarantine::decided(event).iter().for_each(|(key, verdict)| quarantine.decide(key, *verdict));
        notices.fold(state, event, at.at_ms, at.place);
        notices.forget(published);
    })?;
    quarantine.close(quarantine::believed(&state).clone());
    let topics = Arc::new(Topics::new(journal.clone(), metrics.clone()));
    let governed: Vec<_> = state.topics().cloned().collect();
    topics.refresh(&state, &governed)?;
    // What was noted of them is taken away later than they are: of what is gone nobody decides.
    for topic in topics.all() {
        quarantine.forget_gone(&*journal, &topic)?;
    }
    let tail = Arc::new(Tail::default());
    ring_on_append(&*journal, &topics, &tail);
    let audit = AuditLogs::open(&settings, &journal, &streams, &topics, &metrics)?;
    let dead_letters = Arc::new(DeadLetters::default());
    let memberships = Arc::new(Memberships::default());
    for lane in Lane::ALL {
        memberships.fold(&*journal, streams.members[lane as usize])?;
        dead_letters.fold(&*journal, streams.dead_letters[lane as usize])?;
    }
    let health = Arc::new(OnceLock::new());
    let mut handles = Vec::new();
    let mut threads = Vec::new();
    let (mut identities_seen, mut youngest_ms) = (0, 0);
    for lane in Lane::ALL {
        let mut identities = Identities::new(
            journal.clone(),
            topics.clone(),
            marker.clone(),
            quarantine.clone(),
            keyring.clone(),
        );
        for topic in topics.all().iter().filter(|topic| topic.lane == lane) {
            identities.fold(topic, clock.now_ms())?;
        }
        identities_seen += identities.len();
        let last_ms = last_time_ms(&*journal, lane)?;
        youngest_ms = youngest_ms.max(last_ms);
        let parts = LaneParts {
            lane,
            journal: journal.clone(),
            audit_stream: streams.audit[lane as usize],
            audit: audit.lane(lane),
            identities,
            sequences: fold_sequences(&*journal, streams.producers[lane as usize], clock.now_ms())?,
            producers_stream: streams.producers[lane as usize],
            people_stream: streams.people[lane as usize],
            quarantine_stream: streams.quarantine[lane as usize],
            quarantine: quarantine.clone(),
            keyring: keyring.clone(),
            clock: clock.clone(),
            findings: findings.clone(),
            metrics: metrics.clone(),
            health: health.clone(),
            last_ms,
        };
        let (handle, thread) = lanes::start(parts)?;
        handles.push(handle);
        threads.push(thread);
    }
    let lanes =
        handles.try_into().unwrap_or_else(|_| unreachable!("one handle was pushed for each of the lanes"));
    let opened = Opened {
        operator_token: None,
        decisions,
        topics: governed.len(),
        identities: identities_seen,
        elapsed_ms: 0,
    };
    let core = Core {
        settings,
        clock,
        journal,
        streams,
        marker,
        keyring,
        topics,
        metrics,
        tail,
        audit,
        places,
        dead_letters,
        members: Members::default(),
        memberships,
        notices,
        person_consents: PersonConsents::from(youngest_ms),
        findings,
        quarantine,
        webhooks,
        transactions: Transactions::default(),
        guids: Mutex::default(),
        trials: Default::default(),
        rotating: tokio::sync::Mutex::default(),
        rotation_rung: Default::default(),
        verdicts: Verdicts::default(),
        state: RwLock::new(Arc::new(state)),
        deciding: tokio::sync::Mutex::new(()),
        lanes,
        threads: Mutex::new(threads),
        upkeep: Mutex::default(),
        closed: AtomicBool::new(false),
        health,
    };
    Ok((Bus { core: Arc::new(core) }, opened))
}

/// The last batches of producers, as far back as they are remembered.
fn fold_sequences(journal: &dyn Journal, stream: StreamId, now_ms: u64) -> Result<Sequences, JournalError> {
    let mut sequences = Sequences::default();
    let from = journal.at_time(stream, now_ms.saturating_sub(PRODUCER_EXPIRY_MS))?;
    fold::each(journal, stream, from, |record| {
        if let Ok(taken) = Taken::decode(&record.body) {
            sequences.apply(&taken, record.time_ms);
        }
    })?;
    Ok(sequences)
}

/// When and where a decision was made; times in milliseconds since 1970.
pub(crate) struct Decided {
    /// When it was decided.
    pub at_ms: u64,
    /// When it became durable, by its lane.
    pub durable_ms: u64,
    /// Its place in the stream.
    pub place: Offset,
}

/// Governance, rebuilt from nothing; `visit` sees each decision with the state just after it.
pub(crate) fn fold_governance(
    journal: &dyn Journal,
    streams: &Streams,
    mut visit: impl FnMut(&State, &Event, &Decided),
) -> Result<(State, u64), OpenError> {
    let (mut state, mut decisions, mut unread) = (State::default(), 0, None);
    fold::each(journal, streams.governance, 0, |record| match decode(&record.body) {
        Some((event, at_ms)) => {
            governance::apply(&mut state, &event, at_ms);
            visit(&state, &event, &Decided { at_ms, durable_ms: record.time_ms, place: record.offset });
            decisions += 1;
        }
        None => unread = unread.or(Some(record.offset)),
    })?;
    match unread {
        None => Ok((state, decisions)),
        Some(offset) => Err(Refusal::unavailable(format!("governance decision {offset} does not read"))
            .hint("this data folder was written by a newer release; start that one")
            .into()),
    }
}

/// Whoever waits for a topic is woken when something of it is durable, whichever engine made it so.
fn ring_on_append(journal: &dyn Journal, topics: &Arc<Topics>, tail: &Arc<Tail>) {
    let (topics, tail) = (Arc::downgrade(topics), tail.clone());
    journal.watch(Box::new(move |appended| {
        let Some(topics) = topics.upgrade() else { return };
        let mut last = None;
        for (stream, _) in appended {
            if let Some(topic) = topics.of_stream(*stream)
                && last.as_ref() != Some(&topic.name)
            {
                tail.ring(&topic.name);
                last = Some(topic.name.clone());
            }
        }
    }));
}
