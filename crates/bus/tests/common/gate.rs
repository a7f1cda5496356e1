//! A journal with a gate: what tests do to the reading of some streams, but for the lanes' own, and to what their lane writes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bus::Bus;
use bus::clock::{Clock, SystemClock};
use journal::{
    Bounds, Embedded, Entry, Found, Group, Journal, JournalError, LaneId, Listener, Offset, Record, StreamId,
    StreamInfo, StreamSpec,
};
use parking_lot::{Condvar, Mutex};
use seal::Kms;

use super::{TestKms, World, settings};

/// What a test does to the streams that it is before.
pub struct Gate {
    /// What the names of the streams have in them.
    before: &'static str,
    reading: Leaf,
    writing: Leaf,
    /// How many more events there seem to be than there are.
    ahead: AtomicU64,
    /// What was read, as often as it was.
    read: Mutex<Vec<StreamId>>,
    /// Of streams whose names begin so, nothing that is read makes sense.
    spoiled: Mutex<Option<&'static str>>,
}

/// One of its two: who comes while it is shut waits.
#[derive(Default)]
struct Leaf {
    is_shut: Mutex<bool>,
    changed: Condvar,
    waiting: AtomicUsize,
}

impl Leaf {
    fn set(&self, is_shut: bool) {
        *self.is_shut.lock() = is_shut;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut is_shut = self.is_shut.lock();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while *is_shut {
            self.changed.wait(&mut is_shut);
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    /// An open one before a topic, or before other streams by a part of their names.
    pub fn before(streams: &'static str) -> Arc<Self> {
        let (reading, writing) = (Leaf::default(), Leaf::default());
        let (ahead, read, spoiled) = (AtomicU64::new(0), Mutex::default(), Mutex::default());
        Arc::new(Self { before: streams, reading, writing, ahead, read, spoiled })
    }

    /// Whether nobody who reads gets through, but for the lanes.
    pub fn shut(&self, is_shut: bool) {
        self.reading.set(is_shut);
    }

    /// How many wait who read.
    pub fn waiting(&self) -> usize {
        self.reading.waiting.load(Ordering::SeqCst)
    }

    /// Whether the lane of these streams makes nothing durable.
    pub fn hold_lane(&self, is_held: bool) {
        self.writing.set(is_held);
    }

    /// Whether the lane waits with a group that is formed.
    pub fn is_lane_waiting(&self) -> bool {
        self.writing.waiting.load(Ordering::SeqCst) > 0
    }

    /// There seem to be so many more events.
    pub fn seem_ahead(&self, events: u64) {
        self.ahead.store(events, Ordering::SeqCst);
    }

    /// What was read until now, as often as it was.
    pub fn read(&self) -> Vec<StreamId> {
        self.read.lock().clone()
    }

    /// Nothing that is read of streams makes sense whose names begin so.
    pub fn spoil(&self, streams: Option<&'static str>) {
        *self.spoiled.lock() = streams;
    }
}

struct Gated {
    journal: Embedded,
    gate: Arc<Gate>,
}

impl Gated {
    fn is_before(&self, stream: StreamId) -> bool {
        self.is_named(stream, |name| name.contains(self.gate.before))
    }

    fn is_named(&self, stream: StreamId, is_meant: impl Fn(&str) -> bool) -> bool {
        self.journal.streams().iter().any(|known| known.id == stream && is_meant(&known.spec.name))
    }
}

/// The same world over a journal with a gate, or with another key management service.
pub async fn over(world: World, folder: &Path, gate: Option<&Arc<Gate>>, kms: Arc<dyn Kms>) -> World {
    over_by(world, folder, gate, kms, Arc::new(SystemClock)).await
}

pub async fn over_by(
    world: World,
    folder: &Path,
    gate: Option<&Arc<Gate>>,
    kms: Arc<dyn Kms>,
    clock: Arc<dyn Clock>,
) -> World {
    let World { bus, operator, registry, tax, statistics } = world;
    bus.close().await;
    drop(bus);
    let journal = super::journal(folder).await;
    let journal: Arc<dyn Journal> = match gate {
        None => Arc::new(journal),
        Some(gate) => Arc::new(Gated { journal, gate: gate.clone() }),
    };
    let (bus, _) = Bus::open(settings(folder), journal, kms, clock).await.unwrap();
    World { bus, operator, registry, tax, statistics }
}

/// The same world over a journal with a gate.
pub async fn gated(world: World, folder: &Path, gate: &Arc<Gate>) -> World {
    over(world, folder, Some(gate), Arc::new(TestKms)).await
}

impl Journal for Gated {
    fn create(&self, specs: &[StreamSpec]) -> Result<Vec<StreamId>, JournalError> {
        self.journal.create(specs)
    }

    fn streams(&self) -> Vec<StreamInfo> {
        self.journal.streams()
    }

    fn append(&self, lane: LaneId, group: &mut Group) -> Result<(), JournalError> {
        let streams = self.journal.streams();
        if streams.iter().any(|known| known.spec.lane == lane && known.spec.name.contains(self.gate.before)) {
            self.gate.writing.pass();
        }
        self.journal.append(lane, group)
    }

    fn read(&self, stream: StreamId, from: Offset, max_bytes: usize) -> Result<Vec<Record>, JournalError> {
        let is_lanes = std::thread::current().name().is_some_and(|name| name.starts_with("lane-"));
        if !is_lanes && self.is_before(stream) {
            self.gate.reading.pass();
            self.gate.read.lock().push(stream);
        }
        let mut records = self.journal.read(stream, from, max_bytes)?;
        let spoiled = *self.gate.spoiled.lock();
        if spoiled.is_some_and(|streams| self.is_named(stream, |name| name.starts_with(streams))) {
            records.iter_mut().for_each(|record| drop(record.body.split_off(1)));
        }
        Ok(records)
    }

    fn entries(
        &self,
        stream: StreamId,
        from: Offset,
        visit: &mut dyn FnMut(Entry),
    ) -> Result<(), JournalError> {
        self.journal.entries(stream, from, visit)
    }

    fn find(&self, mark: u64) -> Result<Vec<Found>, JournalError> {
        self.journal.find(mark)
    }

    fn at_time(&self, stream: StreamId, time_ms: u64) -> Result<Offset, JournalError> {
        self.journal.at_time(stream, time_ms)
    }

    fn bounds(&self, stream: StreamId) -> Result<Bounds, JournalError> {
        let bounds = self.journal.bounds(stream)?;
        let ahead = if self.is_before(stream) { self.gate.ahead.load(Ordering::SeqCst) } else { 0 };
        Ok(Bounds { next: bounds.next + ahead, ..bounds })
    }

    fn trim_all(&self, cuts: &[(StreamId, Offset)]) -> Result<(), JournalError> {
        self.journal.trim_all(cuts)
    }

    fn watch(&self, listener: Listener) {
        self.journal.watch(listener);
    }
}
