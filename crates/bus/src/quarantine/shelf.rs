//! What waits in quarantine, for a decision or to be placed anew: a fold over the `quarantine/<lane>` streams, which say what came
//! and what was placed, and over the decisions of governance. An entry goes when its event is discarded or placed, or when
//! retention takes it away; so [`QUARANTINE_MAX`](crate::limits::QUARANTINE_MAX) of a topic that nobody has decided about, at
//! which a lane takes no more, and what one group brings bound the memory, beside what was decided and is only to be placed. The
//! streams are trimmed up to the oldest one; where that one waits for long, what waits is noted anew, so that it keeps no more
//! than [`QUARANTINE_NOTES_KEPT`](crate::limits::QUARANTINE_NOTES_KEPT) of what came behind it. At a start what was decided since
//! the last trimming is held until the decisions are folded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use contract::{AgencyName, PrincipalName, TopicName};
use governance::quarantine::Waiting;
use journal::{Journal, JournalError, Offset, StreamId};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use super::{Closed, Key};
use crate::Refusal;
use crate::fold;
use crate::lanes::Lane;
use crate::topics::Topic;

/// What was found, and where; never the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaked {
    /// A pointer into the documents, or `attribute` and its name.
    pub place: String,
    /// The detector's name.
    pub detector: String,
}

/// A record of a `quarantine/<lane>` stream. On disk: never rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Noted {
    /// An event came in and is quarantined; in one group with it.
    Came {
        /// Its topic.
        topic: TopicName,
        /// Its partition.
        partition: u32,
        /// Its offset.
        offset: Offset,
        /// Who published it.
        by: PrincipalName,
        /// For which agency.
        agency: AgencyName,
        /// What its own key is called.
        key: String,
        /// What was found in it.
        found: Vec<Leaked>,
        /// When it came, in milliseconds since 1970, where it is noted anew; else that is the time of the record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since_ms: Option<u64>,
    },
    /// It was released, and stands as its own record further on; in one group with that.
    Placed {
        /// Its topic.
        topic: TopicName,
        /// Its partition.
        partition: u32,
        /// The offset of the quarantined record.
        offset: Offset,
        /// The offset of its own record.
        placed: Offset,
        /// The partition of that, where it is another: the event was sent again, and taken, when its identity was not remembered any
        /// more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        elsewhere: Option<u32>,
    },
}

impl Noted {
    /// The journal's form.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and texts always encode")
    }

    /// Whether it says that this event is placed.
    pub fn places(&self, key: &Key) -> bool {
        match self {
            Noted::Placed { topic, partition, offset, .. } => {
                (topic, *partition, *offset) == (&key.0, key.1, key.2)
            }
            Noted::Came { .. } => false,
        }
    }
}

/// What was decided. Once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is nobody's data: everybody who reads the topic gets it.
    Released,
    /// Nobody ever reads it.
    Discarded,
}

/// A quarantined event that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it became durable, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who published it.
    pub by: PrincipalName,
    /// For which agency.
    pub agency: AgencyName,
    /// What its own key is called.
    pub key: String,
    /// What was found in it.
    pub found: Vec<Leaked>,
    /// Where it is released and only to be placed: the how manieth release it was since the start.
    pub released: Option<u64>,
    /// Whether it is placed: a fold comes by that before it comes by the decision.
    is_placed: bool,
    /// Where it is noted in its lane's stream.
    noted: (Lane, Offset),
}

impl Entry {
    /// What is noted of it once more, so that the older note can go.
    pub fn noted_anew(self, (topic, partition, offset): &Key) -> Noted {
        let Self { at_ms, by, agency, key, found, .. } = self;
        let (topic, since_ms) = (topic.clone(), Some(at_ms));
        Noted::Came { topic, partition: *partition, offset: *offset, by, agency, key, found, since_ms }
    }
}

/// The view.
#[derive(Default)]
pub struct Shelf {
    by_topic: RwLock<BTreeMap<TopicName, Entries>>,
    releases: AtomicU64,
    closed: RwLock<Closed>,
    /// Whose turn it is to place what is released of a topic. As many as topics that ever had any.
    turns: Mutex<HashMap<TopicName, Turn>>,
}

/// What a topic has.
#[derive(Default)]
struct Entries {
    /// By partition and offset.
    by_place: BTreeMap<(u32, Offset), Entry>,
    /// How many of them are released: a lane asks with each event that it takes into quarantine.
    released: usize,
}

impl Entries {
    fn take(&mut self, place: (u32, Offset)) {
        let taken = self.by_place.remove(&place);
        self.released -= taken.map_or(0, |entry| usize::from(entry.released.is_some()));
    }
}

/// Held by who places what is released of a topic.
pub type Turn = Arc<tokio::sync::Mutex<()>>;

impl Shelf {
    /// Folds the stream of a lane. What does not read is an error: an event that is quarantined must not be forgotten.
    pub fn fold(&self, journal: &dyn Journal, lane: Lane, stream: StreamId) -> Result<(), Refusal> {
        let mut unread = None;
        fold::each(journal, stream, 0, |record| match serde_json::from_slice(&record.body) {
            Ok(noted) => self.fold_in(&noted, (lane, record.offset), record.time_ms),
            Err(_) => unread = unread.or(Some(record.offset)),
        })?;
        match unread {
            None => Ok(()),
            Some(offset) => Err(Refusal::unavailable(format!(
                "record {offset} of what is quarantined in the {} lane does not read",
                lane.name()
            ))
            .hint("this data folder was written by a newer release; start that one")),
        }
    }

    /// A record of a stream is durable.
    pub fn note(&self, noted: &Noted, at: (Lane, Offset), at_ms: u64) {
        match noted {
            // It may have been discarded, or retention took it away, while it was noted anew.
            Noted::Came { topic, partition, offset, since_ms: Some(_), .. } => {
                let mut by_topic = self.by_topic.write();
                let of = by_topic.get_mut(topic).and_then(|of| of.by_place.get_mut(&(*partition, *offset)));
                if let Some(entry) = of {
                    entry.noted = at;
                }
            }
            _ => self.fold_in(noted, at, at_ms),
        }
    }

    /// A record of a stream, in whose order decisions are not.
    fn fold_in(&self, noted: &Noted, at: (Lane, Offset), at_ms: u64) {
        let mut by_topic = self.by_topic.write();
        match noted.clone() {
            Noted::Came { topic, partition, offset, by, agency, key, found, since_ms } => {
                let (at_ms, released, is_placed) = (since_ms.unwrap_or(at_ms), None, false);
                let entry = Entry { at_ms, by, agency, key, found, released, is_placed, noted: at };
                let of = by_topic.entry(topic).or_default();
                of.take((partition, offset));
                of.by_place.insert((partition, offset), entry);
            }
            Noted::Placed { topic, partition, offset, .. } => {
                let Some(of) = by_topic.get_mut(&topic) else { return };
                let Some(entry) = of.by_place.get_mut(&(partition, offset)) else { return };
                entry.is_placed = true;
                if entry.released.is_some() {
                    take(&mut by_topic, &(topic, partition, offset));
                }
            }
        }
    }

    /// A decision is durable. Of what is not needed any more nothing is kept.
    pub fn decide(&self, key: &Key, verdict: Verdict) {
        let mut by_topic = self.by_topic.write();
        let (topic, partition, offset) = key;
        let Some(of) = by_topic.get_mut(topic) else { return };
        let Some(entry) = of.by_place.get_mut(&(*partition, *offset)) else { return };
        // It is decided once.
        if entry.released.is_some() {
            return;
        }
        match verdict {
            Verdict::Released if !entry.is_placed => {
                entry.released = Some(self.releases.fetch_add(1, Ordering::Relaxed));
                entry.found = Vec::new();
                of.released += 1;
            }
            Verdict::Released | Verdict::Discarded => take(&mut by_topic, key),
        }
    }

    /// These topics take nothing more, and all others do.
    pub fn close(&self, topics: BTreeSet<TopicName>) {
        *self.closed.write() = Arc::new(topics);
    }

    /// The topics that take nothing more.
    pub fn closed(&self) -> Closed {
        self.closed.read().clone()
    }

    /// One event's entry; none where it does not wait any more.
    pub fn get(&self, (topic, partition, offset): &Key) -> Option<Entry> {
        self.by_topic.read().get(topic)?.by_place.get(&(*partition, *offset)).cloned()
    }

    /// How many events of a topic nobody has decided about, and how many are released and not placed yet.
    pub fn waiting(&self, topic: &TopicName) -> Waiting {
        let by_topic = self.by_topic.read();
        let of = by_topic.get(topic);
        of.map_or_else(Waiting::default, |Entries { by_place, released }| Waiting {
            undecided: by_place.len() - released,
            released: *released,
        })
    }

    /// The events of a topic that nobody has decided about, by partition and offset.
    pub fn undecided(&self, topic: &TopicName) -> Vec<((u32, Offset), Entry)> {
        self.undecided_where(topic, |_| true, usize::MAX)
    }

    /// Those of them that are wanted, so many at most. Only they are copied.
    pub fn undecided_where(
        &self,
        topic: &TopicName,
        is_wanted: impl Fn(&Entry) -> bool,
        max: usize,
    ) -> Vec<((u32, Offset), Entry)> {
        let by_topic = self.by_topic.read();
        let entries = by_topic.get(topic).into_iter().flat_map(|of| &of.by_place);
        let wanted = entries.filter(|(_, of)| of.released.is_none() && is_wanted(of)).take(max);
        wanted.map(|(at, of)| (*at, of.clone())).collect()
    }

    /// The events of a topic that are released and not placed yet, in the order in which they were released.
    pub fn released(&self, topic: &TopicName) -> Vec<(u32, Offset)> {
        let by_topic = self.by_topic.read();
        let entries = by_topic.get(topic).into_iter().flat_map(|of| &of.by_place);
        let mut released: Vec<_> = entries.filter_map(|(at, of)| Some((of.released?, *at))).collect();
        released.sort_unstable();
        released.into_iter().map(|(_, at)| at).collect()
    }

    /// Whose turn it is to place what is released of a topic: one at a time, so that it stays in order.
    pub fn turn(&self, topic: &TopicName) -> Turn {
        self.turns.lock().entry(topic.clone()).or_default().clone()
    }

    /// The topics that have any.
    pub fn topics(&self) -> Vec<TopicName> {
        self.by_topic.read().keys().cloned().collect()
    }

    /// Forgets what retention took away of a topic, as its partitions stand.
    pub fn forget_gone(&self, journal: &dyn Journal, topic: &Topic) -> Result<(), JournalError> {
        for (partition, stream) in (0..).zip(&topic.partitions) {
            self.forget_before(&topic.name, partition, journal.bounds(*stream)?.first);
        }
        Ok(())
    }

    /// Retention took away what stands before an offset of a partition. What was released and not placed yet is lost by it, which
    /// its readers will ask about.
    pub fn forget_before(&self, topic: &TopicName, partition: u32, first: Offset) {
        let mut by_topic = self.by_topic.write();
        let Some(of) = by_topic.get_mut(topic) else { return };
        let mut lost = 0;
        of.by_place.retain(|(of, offset), entry| {
            let is_kept = *of != partition || *offset >= first;
            if !is_kept && entry.released.is_some() {
                lost += 1;
            }
            is_kept
        });
        of.released -= lost;
        if of.by_place.is_empty() {
            by_topic.remove(topic);
        }
        drop(by_topic);
        if lost > 0 {
            tracing::warn!(%topic, partition, lost, "retention took released events before they could be placed");
        }
    }

    /// What waits of a lane's topics.
    pub fn of_lane(&self, lane: Lane) -> Vec<Key> {
        let by_topic = self.by_topic.read();
        let mut all = Vec::new();
        for (topic, of) in by_topic.iter() {
            let own = of.by_place.iter().filter(|(_, entry)| entry.noted.0 == lane);
            all.extend(own.map(|((partition, offset), _)| (topic.clone(), *partition, *offset)));
        }
        all
    }

    /// The first record of a lane's stream that is still needed; none where none is.
    pub fn oldest(&self, lane: Lane) -> Option<Offset> {
        let by_topic = self.by_topic.read();
        let noted = by_topic.values().flat_map(|of| of.by_place.values().map(|entry| entry.noted));
        noted.filter(|(of, _)| *of == lane).map(|(_, offset)| offset).min()
    }
}

/// An event does not wait any more.
fn take(by_topic: &mut BTreeMap<TopicName, Entries>, (topic, partition, offset): &Key) {
    let Some(of) = by_topic.get_mut(topic) else { return };
    of.take((*partition, *offset));
    if of.by_place.is_empty() {
        by_topic.remove(topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(offset: Offset) -> Noted {
        Noted::Came {
            topic: "a.b".parse().unwrap(),
            partition: 0,
            offset,
            by: "p@agency".parse().unwrap(),
            agency: "agency".parse().unwrap(),
            key: "00".to_owned(),
            found: vec![Leaked { place: "/office".to_owned(), detector: "iban".to_owned() }],
            since_ms: None,
        }
    }

    fn waiting(undecided: usize, released: usize) -> Waiting {
        Waiting { undecided, released }
    }

    #[test]
    fn an_event_is_decided_once_and_goes_with_its_record() {
        let (shelf, topic): (Shelf, TopicName) = (Shelf::default(), "a.b".parse().unwrap());
        for offset in [3, 5] {
            shelf.note(&came(offset), (Lane::Batch, 10 + offset), 1);
            // A fold may come by a record twice.
            shelf.note(&came(offset), (Lane::Batch, 10 + offset), 1);
        }
        assert_eq!((shelf.waiting(&topic), shelf.oldest(Lane::Batch)), (waiting(2, 0), Some(13)));
        let key = (topic.clone(), 0, 3);
        shelf.decide(&key, Verdict::Released);
        shelf.decide(&key, Verdict::Discarded);
        shelf.decide(&(topic.clone(), 0, 4), Verdict::Discarded);
        assert_eq!(shelf.released(&topic), [(0, 3)]);
        assert_eq!((shelf.undecided(&topic).len(), shelf.waiting(&topic)), (1, waiting(1, 1)));
        for (is_wanted, max, count) in [(true, 1, 1), (true, 0, 0), (false, 9, 0)] {
            assert_eq!(shelf.undecided_where(&topic, |_| is_wanted, max).len(), count);
        }
        shelf.forget_before(&topic, 0, 4);
        assert_eq!((shelf.waiting(&topic), shelf.oldest(Lane::Batch)), (waiting(1, 0), Some(15)));
        shelf.forget_before(&topic, 0, 6);
        assert_eq!((shelf.topics(), shelf.oldest(Lane::Batch)), (Vec::new(), None));
    }

    #[test]
    fn only_what_waits_is_held_and_releases_keep_their_order() {
        let topic: TopicName = "a.b".parse().unwrap();
        let key = |offset| (topic.clone(), 0, offset);
        let placed = |offset| Noted::Placed {
            topic: topic.clone(),
            partition: 0,
            offset,
            placed: 20 + offset,
            elsewhere: None,
        };
        let shelf = Shelf::default();
        for offset in 1..=5 {
            shelf.note(&came(offset), (Lane::Batch, offset), 1);
        }
        for offset in [4, 1, 3] {
            shelf.decide(&key(offset), Verdict::Released);
        }
        assert_eq!(shelf.released(&topic), [(0, 4), (0, 1), (0, 3)]);
        assert!(shelf.get(&key(4)).unwrap().found.is_empty());
        shelf.note(&placed(1), (Lane::Batch, 6), 2);
        shelf.decide(&key(2), Verdict::Discarded);
        assert_eq!((shelf.get(&key(1)), shelf.get(&key(2))), (None, None));
        assert_eq!(shelf.waiting(&topic), waiting(1, 2));
        // After a start the decisions come last.
        let folded = Shelf::default();
        for offset in 1..=5 {
            folded.note(&came(offset), (Lane::Batch, offset), 1);
        }
        folded.note(&placed(1), (Lane::Batch, 6), 2);
        for (offset, verdict) in [(4, Verdict::Released), (1, Verdict::Released), (3, Verdict::Released)] {
            folded.decide(&key(offset), verdict);
        }
        folded.decide(&key(2), Verdict::Discarded);
        assert_eq!(folded.released(&topic), shelf.released(&topic));
        assert_eq!(folded.undecided(&topic), shelf.undecided(&topic));
        assert_eq!(folded.waiting(&topic), waiting(1, 2));
        // A fold that comes by an older record again brings its decision again too.
        folded.note(&came(3), (Lane::Batch, 3), 1);
        assert_eq!(folded.waiting(&topic), waiting(2, 1));
        folded.decide(&key(3), Verdict::Released);
        for shelf in [&shelf, &folded] {
            shelf.note(&placed(3), (Lane::Batch, 7), 3);
            shelf.note(&placed(4), (Lane::Batch, 8), 3);
            shelf.decide(&key(5), Verdict::Discarded);
            assert_eq!((shelf.topics(), shelf.oldest(Lane::Batch)), (Vec::new(), None));
        }
    }

    #[test]
    fn what_is_noted_anew_stays_what_it_was_and_goes_with_what_was_decided_meanwhile() {
        let topic: TopicName = "a.b".parse().unwrap();
        let key = |offset| (topic.clone(), 0, offset);
        let (shelf, folded) = (Shelf::default(), Shelf::default());
        for offset in 1..=3 {
            shelf.note(&came(offset), (Lane::Batch, offset), 100 + offset);
        }
        shelf.decide(&key(2), Verdict::Released);
        let anew = |offset| shelf.get(&key(offset)).unwrap().noted_anew(&key(offset));
        let again = [anew(1), anew(2), anew(3)];
        // Between the forming of that and its being durable.
        shelf.decide(&key(3), Verdict::Discarded);
        for (noted, offset) in again.iter().zip(11..) {
            shelf.note(noted, (Lane::Batch, offset), 999);
            folded.fold_in(noted, (Lane::Batch, offset), 999);
        }
        assert_eq!(shelf.get(&key(3)), None);
        folded.decide(&key(2), Verdict::Released);
        folded.decide(&key(3), Verdict::Discarded);
        for shelf in [&shelf, &folded] {
            assert_eq!(shelf.waiting(&topic), waiting(1, 1));
            assert_eq!((shelf.get(&key(1)).unwrap().at_ms, shelf.released(&topic)), (101, vec![(0, 2)]));
            assert_eq!((shelf.oldest(Lane::Batch), shelf.of_lane(Lane::Batch).len()), (Some(11), 2));
            assert_eq!(shelf.of_lane(Lane::Standard), []);
        }
        assert_eq!(shelf.get(&key(1)), folded.get(&key(1)));
        assert!(anew(1) != came(1) && !anew(1).places(&key(1)));
        assert!(!came(1).places(&key(1)));
    }

    #[test]
    fn a_note_reads_as_it_was_written() {
        let placed = |elsewhere| Noted::Placed {
            topic: "a.b".parse().unwrap(),
            partition: 1,
            offset: 2,
            placed: 3,
            elsewhere,
        };
        for noted in [came(7), placed(None), placed(Some(2))] {
            assert_eq!(serde_json::from_slice::<Noted>(&noted.encode()).unwrap(), noted);
        }
        let of = |offset| ("a.b".parse().unwrap(), 1, offset);
        assert!(
            placed(None).places(&of(2)) && placed(Some(2)).places(&of(2)) && !placed(None).places(&of(3))
        );
    }
}
