//! What is told of events in which personal data was found.

use contract::leaks::{detector, detectors};

use super::Telling;
use crate::Role;
use crate::events::{Event, LeakEvent};
use crate::leaks::Answer;
use crate::notices::{Ask, Notice};
use crate::state::Topic;

impl Telling<'_> {
    pub(super) fn leak(&self, event: &Event) -> Option<Notice> {
        let Event::Leak(LeakEvent::LeakFound { topic, place, detector: name, answer, events, by }) = event
        else {
            return None;
        };
        let became = match answer {
            Answer::Refuse => "refused",
            Answer::Quarantine => "quarantined",
            Answer::Flag | Answer::Ignore => "taken",
        };
        let found = detector(name).map_or(name.as_str(), |at| detectors()[at].what);
        let place = if place.is_empty() { "in the document".to_owned() } else { format!("at {place}") };
        let events = if *events == 1 { "1 event".to_owned() } else { format!("{events} events") };
        // What waits is asked about until it is decided about, and may be of other days.
        let today = if *answer == Answer::Quarantine { "" } else { " today" };
        let what =
            format!("holds {found} {place}, which is classified as nobody's: {events}{today}, {became}");
        let (topic, notice) = self.of_topic("leak.found", topic, &what, by)?;
        let officers = self.officers(topic);
        let notice =
            Notice { text: format!("{} (steward {}, {officers})", notice.text, topic.steward), ..notice };
        let list = format!("{officers}: chancery topic quarantine list {}", topic.name);
        let asks = (*answer == Answer::Quarantine).then(|| Ask {
            agency: topic.owner.clone(),
            wanted: "decision",
            how: list,
            by: None,
        });
        Some(Notice { concerns: vec![topic.owner.clone()], asks: asks.into_iter().collect(), ..notice })
    }

    /// "dpo d@a", or who is missing.
    fn officers(&self, topic: &Topic) -> String {
        let names = self.state.principals_in(&topic.owner, Role::Dpo).map(|it| it.principal.as_str());
        let names: Vec<&str> = names.take(3).collect();
        if names.is_empty() {
            format!("no dpo of {} yet", topic.owner)
        } else {
            format!("dpo {}", names.join(", "))
        }
    }

    pub(super) fn quarantine(&self, event: &Event) -> Option<Notice> {
        let (kind, topic, at, what, reason, by) = match event {
            Event::Leak(LeakEvent::QuarantineReleased { topic, partition, offset, reason, by }) => (
                "quarantine.released",
                topic,
                (partition, offset),
                "is nobody's data and goes on",
                reason,
                by,
            ),
            Event::Leak(LeakEvent::QuarantineDiscarded { topic, partition, offset, reason, by, .. }) => {
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
