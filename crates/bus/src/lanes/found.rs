//! What detectors found in the events of a group. It is told of those that are placed, when that is durable: an event that is
//! refused here, or was here before, was told of then or is nobody's concern.

use std::sync::Arc;

use contract::check::Leak;
use governance::leaks::Answer;

use super::form::Forming;
use super::job::PublishJob;
use crate::Refusal;
use crate::api::Outcome;
use crate::audit_logs::finding_entry;
use crate::topics::Topic;

/// What was found in events of one job.
pub struct Found {
    /// Their topic.
    pub topic: Arc<Topic>,
    /// What became of them.
    pub answer: Answer,
    /// What was found in each.
    pub leaks: Vec<Vec<Leak>>,
}

impl Forming<'_> {
    /// Writes the audit entries of what was found in a job's events that were placed, and keeps it for when they are durable.
    pub(super) fn tell_found(&mut self, job: &mut PublishJob) -> Result<(), Refusal> {
        if job.ready.iter().all(|event| event.found.is_empty()) {
            return Ok(());
        }
        let (mut flagged, mut quarantined) = (Vec::new(), Vec::new());
        for event in job.ready.iter_mut().filter(|event| !event.found.is_empty()) {
            if matches!(job.outcomes[event.index], Some(Outcome::Accepted(_))) {
                let of = if event.quarantined.is_some() { &mut quarantined } else { &mut flagged };
                of.push(std::mem::take(&mut event.found));
            }
        }
        for (answer, leaks) in [(Answer::Flag, flagged), (Answer::Quarantine, quarantined)] {
            let entry = finding_entry(&job.publisher, &job.topic, &leaks, answer, &self.time);
            if let Some(entry) = entry {
                self.entry(entry, &[])?;
                self.formed.found.push(Found { topic: job.topic.clone(), answer, leaks });
            }
        }
        Ok(())
    }
}
