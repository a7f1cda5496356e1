//! A topic that says what people consent to takes nothing into quarantine: a withdrawal that nobody reads would not be heeded.
//! Admission refuses it; what was checked before the standards said so is refused by its lane. While they are about to say
//! so, the lane refuses it already, so that nothing comes in between the decision, which asks whether something waits, and its
//! being durable.

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::TopicName;
use governance::State;
use governance::quarantine::Waiting;

use crate::lanes::Facts;
use crate::{Bus, Refusal, RefusalKind};

/// The topics that take nothing into quarantine.
pub type Closed = Arc<BTreeSet<TopicName>>;

impl Bus {
    /// Closes the quarantine of topics that are to be believed in `next` and were not in `state`; to be called under the lock of
    /// decisions. Refused where something waits there by now. Whoever calls this says with
    /// [`Shelf::close`](super::Shelf::close) what is so in the end.
    pub(crate) async fn close_quarantine(&self, state: &State, next: &State) -> Result<(), Refusal> {
        let (before, after) = (believed(state), believed(next));
        let new: Vec<&TopicName> = after.difference(before).collect();
        if new.is_empty() {
            return Ok(());
        }
        self.core.quarantine.close(before.union(after).cloned().collect());
        for name in new {
            // A topic of the same folder is not there yet.
            let Ok(topic) = self.core.topics.get(name) else { continue };
            // What was formed before is in the view when this is answered: the lane applies in order.
            let flushed = self.core.lane(topic.lane).record(Facts::default()).await.map(|_| ());
            let came = self.core.quarantine.waiting(name);
            let refused = flushed.err().or_else(|| (!came.is_nothing()).then(|| came_meanwhile(name, came)));
            if let Some(refused) = refused {
                self.core.quarantine.close(before.clone());
                return Err(refused);
            }
        }
        Ok(())
    }
}

/// The topics that are believed about consent.
pub fn believed(state: &State) -> &BTreeSet<TopicName> {
    &state.standards().consent.topics
}

fn came_meanwhile(topic: &TopicName, came: Waiting) -> Refusal {
    let text = format!(
        "consent.topics: events of {topic} are in quarantine by now, and what nobody reads is not heeded: {came}"
    );
    let hint = match came.undecided {
        0 => "try again in a while: what is released is placed as soon as it can be".to_owned(),
        _ => format!(
            "let a dpo of its owner decide about those that wait first (chancery topic quarantine list {topic})"
        ),
    };
    Refusal::new(RefusalKind::Conflict, text).hint(hint)
}
