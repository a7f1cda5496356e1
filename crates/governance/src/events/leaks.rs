//! Facts: personal data where a contract says there is none, and what became of the events that it was found in.

use std::collections::BTreeSet;

use contract::{AgencyName, Pointer, TopicName};
use serde::{Deserialize, Serialize};

use super::By;
use crate::leaks::Answer;

/// Personal data where a contract says there is none, and what became of the events that it was found in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
pub enum LeakEvent {
    /// Public fields of a topic that speak of a person hold nobody's data: an agency's data protection officer says so.
    PublicConfirmed {
        topic: TopicName,
        agency: AgencyName,
        fields: BTreeSet<Pointer>,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// Personal data was found where a topic's contract says there is none: told of each place and detector once a day.
    LeakFound {
        topic: TopicName,
        /// A pointer into the documents, or `attribute` and its name; never what was found.
        place: String,
        detector: String,
        answer: Answer,
        /// In how many events since the clerk looked last.
        events: u64,
        #[serde(flatten)]
        by: By,
    },
    /// A quarantined event is nobody's data: it is placed anew, for everybody who reads the topic.
    QuarantineReleased {
        topic: TopicName,
        partition: u32,
        offset: u64,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// Nobody ever reads a quarantined event: its own key is destroyed.
    QuarantineDiscarded {
        topic: TopicName,
        partition: u32,
        offset: u64,
        key: String,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
}
