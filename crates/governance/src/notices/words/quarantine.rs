//! What is told of events in which personal data was found.

use super::Telling;
use crate::events::Event;
use crate::notices::Notice;

impl Telling<'_> {
    pub(super) fn quarantine(&self, event: &Event) -> Option<Notice> {
        let (kind, topic, at, what, reason, by) = match event {
            Event::QuarantineReleased { topic, partition, offset, reason, by } => (
                "quarantine.released",
                topic,
                (partition, offset),
                "is nobody's data and goes on",
                reason,
                by,
            ),
            Event::QuarantineDiscarded { topic, partition, offset, reason, by, .. } => {
                ("quarantine.discarded", topic, (partition, offset), "is discarded", reason, by)
            }
            _ => return None,
        };
        let (partition, offset) = at;
        let what = format!("had an event in quarantine at partition {partition}, offset {offset}: it {what}");
        let (topic, notice) = self.of_topic(kind, topic, &what, by)?;
        Some(Notice { concerns: vec![topic.owner.clone()], reason: Some(reason.clone()), ..notice })
    }
}
