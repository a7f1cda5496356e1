//! What is quarantined: a fold over the `quarantine/<lane>` streams, which say what came and what was placed anew, and over the
//! decisions of governance. An entry goes with its event when retention takes that away.

use std::collections::BTreeMap;

use contract::{AgencyName, PrincipalName, TopicName};
use journal::{Journal, JournalError, Offset, StreamId};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::Key;
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
}

/// What was decided. Once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is nobody's data: everybody who reads the topic gets it.
    Released,
    /// Nobody ever reads it.
    Discarded,
}

/// A quarantined event.
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
    /// What was decided.
    pub verdict: Option<Verdict>,
    /// Partition and offset of its own record, where it was released and that is durable.
    pub placed: Option<(u32, Offset)>,
    /// Where it is noted in its lane's stream.
    noted: (Lane, Offset),
}

/// The view.
#[derive(Default)]
pub struct Shelf {
    by_topic: RwLock<BTreeMap<TopicName, OfTopic>>,
}

#[derive(Default)]
struct OfTopic {
    entries: BTreeMap<(u32, Offset), Entry>,
    /// How many nobody has decided about.
    undecided: usize,
}

impl Shelf {
    /// Folds the stream of a lane. What does not read is an error: an event that is quarantined must not be forgotten.
    pub fn fold(&self, journal: &dyn Journal, lane: Lane, stream: StreamId) -> Result<(), Refusal> {
        let mut unread = None;
        fold::each(journal, stream, 0, |record| match serde_json::from_slice(&record.body) {
            Ok(noted) => self.note(&noted, (lane, record.offset), record.time_ms),
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
        let mut by_topic = self.by_topic.write();
        match noted.clone() {
            Noted::Came { topic, partition, offset, by, agency, key, found } => {
                let of = by_topic.entry(topic).or_default();
                let (verdict, placed) = (None, None);
                let entry = Entry { at_ms, by, agency, key, found, verdict, placed, noted: at };
                of.undecided += usize::from(of.entries.insert((partition, offset), entry).is_none());
            }
            Noted::Placed { topic, partition, offset, placed, elsewhere } => {
                let of = by_topic.get_mut(&topic);
                if let Some(entry) = of.and_then(|of| of.entries.get_mut(&(partition, offset))) {
                    entry.placed = Some((elsewhere.unwrap_or(partition), placed));
                }
            }
        }
    }

    /// A decision is durable. Of what retention took away since nothing is kept.
    pub fn decide(&self, (topic, partition, offset): &Key, verdict: Verdict) {
        let mut by_topic = self.by_topic.write();
        let Some(of) = by_topic.get_mut(topic) else { return };
        let Some(entry) = of.entries.get_mut(&(*partition, *offset)) else { return };
        if entry.verdict.is_none() {
            entry.verdict = Some(verdict);
            of.undecided -= 1;
        }
    }

    /// One event's entry.
    pub fn get(&self, (topic, partition, offset): &Key) -> Option<Entry> {
        self.by_topic.read().get(topic)?.entries.get(&(*partition, *offset)).cloned()
    }

    /// How many events of a topic nobody has decided about.
    pub fn undecided(&self, topic: &TopicName) -> usize {
        self.by_topic.read().get(topic).map_or(0, |of| of.undecided)
    }

    /// The entries of a topic that `wanted` wants, by partition and offset.
    pub fn list(&self, topic: &TopicName, wanted: impl Fn(&Entry) -> bool) -> Vec<((u32, Offset), Entry)> {
        let by_topic = self.by_topic.read();
        let entries = by_topic.get(topic).into_iter().flat_map(|of| &of.entries);
        entries.filter(|(_, entry)| wanted(entry)).map(|(at, entry)| (*at, entry.clone())).collect()
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

    /// Retention took away what stands before an offset of a partition.
    pub fn forget_before(&self, topic: &TopicName, partition: u32, first: Offset) {
        let mut by_topic = self.by_topic.write();
        let Some(of) = by_topic.get_mut(topic) else { return };
        of.entries.retain(|(of, offset), _| *of != partition || *offset >= first);
        of.undecided = of.entries.values().filter(|entry| entry.verdict.is_none()).count();
        if of.entries.is_empty() {
            by_topic.remove(topic);
        }
    }

    /// The first record of a lane's stream that is still needed; none where none is.
    pub fn oldest(&self, lane: Lane) -> Option<Offset> {
        let by_topic = self.by_topic.read();
        let noted = by_topic.values().flat_map(|of| of.entries.values().map(|entry| entry.noted));
        noted.filter(|(of, _)| *of == lane).map(|(_, offset)| offset).min()
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
        }
    }

    #[test]
    fn an_event_is_decided_once_and_goes_with_its_record() {
        let (shelf, topic): (Shelf, TopicName) = (Shelf::default(), "a.b".parse().unwrap());
        for offset in [3, 5] {
            shelf.note(&came(offset), (Lane::Batch, 10 + offset), 1);
            // A fold may come by a record twice.
            shelf.note(&came(offset), (Lane::Batch, 10 + offset), 1);
        }
        assert_eq!((shelf.undecided(&topic), shelf.oldest(Lane::Batch)), (2, Some(13)));
        let key = (topic.clone(), 0, 3);
        shelf.decide(&key, Verdict::Released);
        shelf.decide(&key, Verdict::Discarded);
        shelf.decide(&(topic.clone(), 0, 4), Verdict::Discarded);
        assert_eq!(shelf.get(&key).unwrap().verdict, Some(Verdict::Released));
        assert_eq!(shelf.undecided(&topic), 1);
        let placed =
            Noted::Placed { topic: topic.clone(), partition: 0, offset: 3, placed: 9, elsewhere: None };
        shelf.note(&placed, (Lane::Batch, 20), 2);
        assert_eq!(shelf.get(&key).unwrap().placed, Some((0, 9)));
        shelf.forget_before(&topic, 0, 4);
        assert_eq!((shelf.undecided(&topic), shelf.oldest(Lane::Batch)), (1, Some(15)));
        shelf.forget_before(&topic, 0, 6);
        assert_eq!((shelf.topics(), shelf.oldest(Lane::Batch)), (Vec::new(), None));
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
    }
}
