//! Taking away what a topic's contract no longer keeps, and keeping the places' stream short.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::Refusal;
use crate::core::Core;
use crate::lanes::{Fact, Facts, Lane};
use crate::limits::{PLACES_COMPACT_AFTER, PRODUCER_EXPIRY_MS, QUARANTINE_NOTES_KEPT};
use crate::notices::is_own_place;
use crate::subscriptions::memberships;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(600);

/// A group of a usual size, also where each note names many places.
const NOTED_AT_ONCE: usize = 100;

/// Looks after retention until the bus closes.
pub async fn run(core: Arc<Core>) {
    while !core.closed.load(Ordering::SeqCst) {
        let looked = tokio::task::spawn_blocking({
            let core = core.clone();
            move || {
                trim(&core)?;
                forget_letters(&core)?;
                forget_quarantined(&core)
            }
        });
        if let Ok(Err(error)) = looked.await {
            tracing::warn!(%error, "retention could not be applied; it is tried again")
        }
        for lane in Lane::ALL {
            if let Err(error) = compact_places(&core, lane).await {
                tracing::warn!(%error, lane = lane.name(), "places could not be compacted; it is tried again");
            }
            if let Err(error) = compact_memberships(&core, lane).await {
                tracing::warn!(%error, lane = lane.name(), "memberships could not be compacted; it is tried again");
            }
            if let Err(error) = trim_quarantine(&core, lane).await {
                tracing::warn!(%error, lane = lane.name(), "notes of quarantined events could not be trimmed; it is tried again");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Trims every topic to its retention, but for those under a legal hold, and what is remembered of producers to its time.
/// Takes the lock of decisions, blocking.
pub fn trim(core: &Core) -> Result<(), Refusal> {
    let now_ms = core.clock.now_ms();
    for stream in core.streams.producers {
        let keep_from = core.journal.at_time(stream, now_ms.saturating_sub(PRODUCER_EXPIRY_MS))?;
        if keep_from > core.journal.bounds(stream)?.first {
            core.journal.trim(stream, keep_from)?;
        }
    }
    for topic in core.topics.all() {
        // A hold that is placed meanwhile waits until the topic is done: what it was answered with is kept to.
        let _alone = core.deciding.blocking_lock();
        if core.state().is_held(&topic.name) {
            continue;
        }
        for stream in &topic.partitions {
            let keep_from = core.journal.at_time(*stream, now_ms.saturating_sub(topic.retention_ms))?;
            if keep_from > core.journal.bounds(*stream)?.first {
                core.journal.trim(*stream, keep_from)?;
                tracing::info!(topic = %topic.name, before = keep_from, "events past their retention were taken away");
            }
        }
    }
    Ok(())
}

/// Forgets the dead letters whose events are gone: nobody can have them again.
pub fn forget_letters(core: &Core) -> Result<(), Refusal> {
    for subscription in core.state().subscriptions() {
        let Ok(topic) = core.topics.get(&subscription.topic) else { continue };
        if core.dead_letters.count(&subscription.name) == 0 {
            continue;
        }
        for (partition, stream) in (0..).zip(&topic.partitions) {
            let first = core.journal.bounds(*stream)?.first;
            core.dead_letters.forget_before(&subscription.name, partition, first);
        }
    }
    Ok(())
}

/// Forgets the quarantined events that are gone.
pub fn forget_quarantined(core: &Core) -> Result<(), Refusal> {
    for name in core.quarantine.topics() {
        let Ok(topic) = core.topics.get(&name) else { continue };
        core.quarantine.forget_gone(&*core.journal, &topic)?;
    }
    Ok(())
}

/// Takes away what was noted of quarantined events that are gone, past those that wait for long.
async fn trim_quarantine(core: &Arc<Core>, lane: Lane) -> Result<(), Refusal> {
    let stream = core.streams.quarantine[lane as usize];
    let bounds = core.journal.bounds(stream)?;
    // What is in the journal now is in the view when this is answered: the lane applies in order.
    core.lane(lane).record(Facts::default()).await?;
    let waiting = core.quarantine.of_lane(lane);
    let oldest = core.quarantine.oldest(lane).unwrap_or(bounds.next).min(bounds.next);
    // One that a hold keeps waiting would keep all that came behind it. What waits is noted as often as as many others went, at most.
    if bounds.next - oldest > 2 * waiting.len() as u64 + QUARANTINE_NOTES_KEPT {
        for waiting in waiting.chunks(NOTED_AT_ONCE) {
            core.lane(lane).record(Facts { waiting: waiting.to_vec(), ..Facts::default() }).await?;
        }
    }
    let keep_from = core.quarantine.oldest(lane).unwrap_or(bounds.next).min(bounds.next);
    if keep_from > bounds.first {
        core.journal.trim(stream, keep_from)?;
    }
    Ok(())
}

/// Writes all places anew and trims the older records. If we die between, both are there, and the fold comes to the
/// same.
async fn compact_places(core: &Arc<Core>, lane: Lane) -> Result<(), Refusal> {
    let stream = core.streams.places[lane as usize];
    // What is in the journal now is in the view when this is answered: the lane applies in order.
    core.lane(lane).record(Facts::default()).await?;
    let bounds = core.journal.bounds(stream)?;
    if bounds.next - bounds.first < PLACES_COMPACT_AFTER {
        return Ok(());
    }
    let state = core.state();
    let lives_here = |name: &contract::SubscriptionName| {
        let topic =
            state.subscription(name).and_then(|subscription| core.topics.get(&subscription.topic).ok());
        // The bus's own places are in the stream that its decisions are in.
        topic.map_or(lane == Lane::Standard && is_own_place(name), |topic| topic.lane == lane)
    };
    let snapshot = core.places.snapshot(bounds.next, lives_here);
    let fact = |committed: &crate::subscriptions::places::Committed| Fact {
        stream,
        marks: Vec::new(),
        body: committed.encode(),
    };
    let records: Vec<Fact> = snapshot.iter().map(fact).collect();
    let committed = core.lane(lane).record(Facts { records, ..Facts::default() }).await?;
    // Commits that came between the snapshot and its record stand before it and are newer: they stay, and the fold
    // knows by `as_of` that they count.
    let before = committed.offsets.first().copied().unwrap_or(bounds.next).min(bounds.next);
    Ok(core.journal.trim(stream, before)?)
}

/// Writes all memberships anew and trims the older records. If we die between, both are there, and the fold comes to
/// the same.
async fn compact_memberships(core: &Arc<Core>, lane: Lane) -> Result<(), Refusal> {
    let stream = core.streams.members[lane as usize];
    let _alone = core.memberships.writing.lock().await;
    let bounds = core.journal.bounds(stream)?;
    if bounds.next - bounds.first < PLACES_COMPACT_AFTER {
        return Ok(());
    }
    let state = core.state();
    let lives_here = |name: &contract::SubscriptionName| {
        let topic = state.subscription(name).and_then(|found| core.topics.get(&found.topic).ok());
        topic.is_some_and(|topic| topic.lane == lane)
    };
    let own = core.memberships.all().into_iter().filter(|(name, _)| lives_here(name));
    let fact = |(name, said): (contract::SubscriptionName, Vec<u8>)| Fact {
        stream,
        marks: Vec::new(),
        body: memberships::encode(&name, &said),
    };
    let records: Vec<Fact> = own.map(fact).collect();
    core.lane(lane).record(Facts { records, ..Facts::default() }).await?;
    Ok(core.journal.trim(stream, bounds.next)?)
}
