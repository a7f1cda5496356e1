//! What the verbs share: the journal, the views, the lanes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use governance::State;
use journal::Journal;
use parking_lot::{Mutex, RwLock};

use crate::api::Caller;
use crate::audit_logs::AuditLogs;
use crate::clock::Clock;
use crate::findings::Findings;
use crate::keyring::Keyring;
use crate::lanes::{Facts, Lane, LaneHandle};
use crate::marks::Marker;
use crate::metrics::Metrics;
use crate::notices::Notices;
use crate::person_consents::PersonConsents;
use crate::policies::Verdicts;
use crate::quarantine::Shelf;
use crate::rehearse::Trials;
use crate::rotation::Unfinished;
use crate::schemas::Guids;
use crate::streams::Streams;
use crate::subscriptions::dead_letters::DeadLetters;
use crate::subscriptions::members::Members;
use crate::subscriptions::memberships::Memberships;
use crate::subscriptions::places::Places;
use crate::tail::Tail;
use crate::topics::Topics;
use crate::transactions::Transactions;
use crate::{Refusal, RefusalKind};

/// What an operator sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data folder.
    pub data: PathBuf,
    /// The bus's name: the first part of its checkpoints' origins.
    pub name: String,
    /// The reverse-DNS prefix that events' types may have (`xx.gov`); `None`: any.
    pub state_prefix: Option<String>,
    /// How keys are looked after.
    pub keys: KeySettings,
}

/// How keys are looked after.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// How long agencies' secrets are used without asking the key management service again.
    pub keep_opened: Duration,
    /// How long an epoch of keys runs at most.
    pub rotate_every: Duration,
    /// How long after an erasure its epoch ends, and with it what copies of the erased key are worth.
    pub destroy_within: Duration,
    /// How long of that what the old epoch's secrets are wrapped under is kept after all keys were wrapped anew: copies of the
    /// data folder from before open nothing afterwards, so there has to be time for a newer one.
    pub overlap: Duration,
    /// Whether epochs neither begin nor end: for a copy of a bus, which would destroy what both need.
    pub frozen: bool,
    /// Whether the key management service's own keys lie in the data folder, so that each copy takes them along: then it is
    /// never said that no copy can be read.
    pub in_data: bool,
}

impl Default for KeySettings {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        let keep_opened = Duration::from_secs(3600);
        Self {
            keep_opened,
            rotate_every: 90 * day,
            destroy_within: 3 * day,
            overlap: 2 * day,
            frozen: false,
            in_data: false,
        }
    }
}

/// The bus. Cheap to clone; all clones are one bus.
#[derive(Clone)]
pub struct Bus {
    pub(crate) core: Arc<Core>,
}

/// One bus's parts.
pub struct Core {
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    pub journal: Arc<dyn Journal>,
    pub streams: Streams,
    pub marker: Marker,
    pub keyring: Arc<Keyring>,
    pub topics: Arc<Topics>,
    pub metrics: Arc<Metrics>,
    pub tail: Arc<Tail>,
    pub audit: AuditLogs,
    pub places: Arc<Places>,
    pub dead_letters: Arc<DeadLetters>,
    pub members: Members,
    pub memberships: Arc<Memberships>,
    pub notices: Arc<Notices>,
    pub person_consents: PersonConsents,
    /// What detectors found since the clerk looked last.
    pub findings: Arc<Findings>,
    /// The events that nobody reads until somebody decides about them.
    pub quarantine: Arc<Shelf>,
    /// What agencies' secrets for webhooks are derived from.
    pub webhooks: [u8; 32],
    pub transactions: Transactions,
    /// Where the registry's GUIDs lead.
    pub guids: Mutex<Guids>,
    /// Migrations that did not carry each event.
    pub trials: Trials,
    /// What the policies said of publishing and consuming.
    pub verdicts: Verdicts,
    /// Governance as decided and durable. Replaced whole; written by `govern` alone, under `deciding`.
    pub state: RwLock<Arc<State>>,
    /// One change of the epoch of keys at a time, and what one that failed left for the next try.
    pub rotating: tokio::sync::Mutex<Unfinished>,
    /// Rung when such a change has begun.
    pub rotation_rung: tokio::sync::Notify,
    /// One decision at a time.
    pub deciding: tokio::sync::Mutex<()>,
    pub lanes: [LaneHandle; 3],
    pub threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    /// What the bus does by itself: retention, what time brings, notices.
    pub upkeep: Mutex<Vec<tokio::task::JoinHandle<()>>>,
    pub closed: AtomicBool,
    /// Why the journal takes no writes any more, if it does not.
    pub health: Arc<OnceLock<String>>,
}

impl Core {
    /// The way into a lane.
    pub fn lane(&self, lane: Lane) -> &LaneHandle {
        &self.lanes[lane as usize]
    }

    /// Governance as it stands.
    pub fn state(&self) -> Arc<State> {
        self.state.read().clone()
    }
}

impl Bus {
    /// Puts one entry into the audit (of the standard lane) and waits until it is durable.
    pub(crate) async fn record_entry(
        &self,
        entry: crate::audit_logs::Entry,
        marks: Vec<u64>,
    ) -> Result<(), Refusal> {
        let facts = Facts { entries: vec![(entry, marks)], ..Facts::default() };
        self.core.lane(Lane::Standard).record(facts).await.map(|_| ())
    }

    /// The bus's name.
    pub fn name(&self) -> &str {
        &self.core.settings.name
    }

    /// Now, by the bus's clock, in milliseconds since the epoch.
    pub fn now_ms(&self) -> u64 {
        self.core.clock.now_ms()
    }

    /// The audit logs.
    pub fn audit(&self) -> &AuditLogs {
        &self.core.audit
    }

    /// One tile of a lane's log. Hashes are for every principal; entries for those who may read the audit.
    pub fn audit_tile(&self, caller: &Caller, lane: &str, path: &str) -> Result<Vec<u8>, Refusal> {
        if path.starts_with("entries/") {
            self.may_read_audit(caller)?;
        }
        self.core.audit.tile(lane, path)
    }

    /// Writes the bundle of all lanes as of now.
    pub fn export_audit(&self, hashes: bool, out: &mut dyn std::io::Write) -> Result<(), Refusal> {
        self.core.audit.export(self.core.clock.now_ms(), hashes, out)
    }

    /// Counters and gauges as OpenMetrics text.
    pub fn metrics_text(&self) -> String {
        self.measure_subscriptions();
        self.core.metrics.text()
    }

    fn measure_subscriptions(&self) {
        let state = self.core.state();
        for subscription in state.subscriptions() {
            let name = &subscription.name;
            let Ok(topic) = self.core.topics.get(&subscription.topic) else { continue };
            if let Ok(lag) = self.lag_of(&topic, name) {
                let behind = lag.iter().map(|lag| lag.end.saturating_sub(lag.place)).sum();
                self.core.metrics.lag(&topic.name, name, behind);
            }
            let letters = self.core.dead_letters.count(name);
            self.core.metrics.dead_letters(&topic.name, name, letters);
        }
    }

    /// Whether the bus takes and gives events.
    pub fn ready(&self) -> Result<(), Refusal> {
        if self.core.closed.load(Ordering::SeqCst) {
            return Err(Refusal::new(RefusalKind::Unavailable, "the bus is stopping"));
        }
        match self.core.health.get() {
            None => Ok(()),
            Some(why) => Err(Refusal::unavailable(format!("the journal takes no writes any more: {why}"))
                .hint("mend the disk and start the bus again; everything acknowledged is safe")),
        }
    }
}
