//! The bus's own streams, beside those of topics. Names are on disk.

use journal::{Journal, JournalError, StreamId, StreamSpec};

use crate::lanes::Lane;

/// The shelf of what is never trimmed by age.
pub const FOREVER: u32 = u32::MAX;

/// The bus's own streams.
#[derive(Debug, Clone)]
pub struct Streams {
    /// Governance decisions.
    pub governance: StreamId,
    /// Agencies' secrets, wrapped by the KMS.
    pub agency_keys: StreamId,
    /// Audit entries, per lane.
    pub audit: [StreamId; 3],
    /// Where subscriptions stand, per lane.
    pub places: [StreamId; 3],
    /// Dead letters, per lane.
    pub dead_letters: [StreamId; 3],
    /// The last batches of idempotent producers, per lane.
    pub producers: [StreamId; 3],
    /// The members of consumer groups, per lane.
    pub members: [StreamId; 3],
    /// Places of events about more people than a record has marks for, found by the rest of their marks, per lane.
    pub people: [StreamId; 3],
    /// What policies were asked for the steps of folders.
    pub questions: StreamId,
    /// What is noted of quarantined events, per lane.
    pub quarantine: [StreamId; 3],
}

impl Streams {
    /// Opens them; makes those that are missing.
    pub fn open(journal: &dyn Journal) -> Result<Self, JournalError> {
        let spec = |name: String, lane: Lane| StreamSpec { name, lane: lane.id(), shelf: FOREVER };
        let mut specs = vec![
            spec("governance".to_owned(), Lane::Standard),
            spec("agency-keys".to_owned(), Lane::Standard),
        ];
        for kind in ["audit", "places", "dead-letters", "producers", "members", "people"] {
            specs.extend(Lane::ALL.map(|lane| spec(format!("{kind}/{}", lane.name()), lane)));
        }
        specs.push(spec("questions".to_owned(), Lane::Standard));
        specs.extend(Lane::ALL.map(|lane| spec(format!("quarantine/{}", lane.name()), lane)));
        let ids = journal.create(&specs)?;
        let three = |from: usize| [ids[from], ids[from + 1], ids[from + 2]];
        Ok(Self {
            governance: ids[0],
            agency_keys: ids[1],
            audit: three(2),
            places: three(5),
            dead_letters: three(8),
            producers: three(11),
            members: three(14),
            people: three(17),
            questions: ids[20],
            quarantine: three(21),
        })
    }
}
