//! What the bus decides by itself: versions go live when their notice has run, people are erased when nothing holds them any
//! more, and its own topics come to be.

use std::time::Duration;

use governance::{Basis, Event, Roles, Ruling, State, clerk, leaks, notices};

use crate::api::Caller;
use crate::{Bus, Refusal, findings};

/// How often the clerk looks. What is due waits no longer than this.
const LOOK: Duration = Duration::from_secs(5);

impl Bus {
    /// Enacts what is due now. The bus does it by itself every few seconds.
    pub async fn bring_due(&self) -> Result<Vec<Event>, Refusal> {
        let mut brought = Vec::new();
        // Seldom is anything due; only then does it stand in line with other decisions.
        if !clerk::due(&self.core.state(), self.core.clock.now_ms()).is_empty() {
            brought.extend(self.as_clerk(clerk::due).await?);
        }
        brought.extend(self.erase_what_is_due().await?);
        brought.extend(self.bring_quarantine_on().await?);
        brought.extend(self.tell_of_findings().await?);
        Ok(brought)
    }

    /// Has governance say what detectors found, of each place once a day.
    async fn tell_of_findings(&self) -> Result<Vec<Event>, Refusal> {
        let (core, now_ms) = (&self.core, self.core.clock.now_ms());
        let (mut seen, today) = (core.findings.take(), leaks::day_of(now_ms));
        if !core.findings.asked_on(today) {
            let waiting = findings::undecided(&core.quarantine, &seen);
            seen.extend(waiting);
        }
        let told = match leaks::to_tell(&core.state(), &seen, now_ms).is_empty() {
            true => Vec::new(),
            false => self.as_clerk(move |state, now_ms| leaks::to_tell(state, &seen, now_ms)).await?,
        };
        core.findings.asked(today);
        Ok(told)
    }

    /// Makes those of the bus's own topics that there are not yet: all of them on a first start, and what a newer release
    /// adds. Without them agencies are told less; the bus serves all the same.
    pub(crate) async fn make_own_topics(&self) {
        if notices::missing(&self.core.state()).is_empty() {
            return;
        }
        let made = self.as_clerk(|state, _| notices::missing(state)).await;
        if let Err(error) = made {
            tracing::warn!(%error, "the bus's own topics could not be made; it is tried again with the next start");
        }
    }

    /// Enacts what the clerk says of the state as it stands.
    pub(crate) async fn as_clerk(
        &self,
        facts: impl FnOnce(&State, u64) -> Vec<Event> + Send + 'static,
    ) -> Result<Vec<Event>, Refusal> {
        let principal = clerk::clerk();
        let caller = Caller { agency: principal.agency(), principal, roles: Roles::default() };
        let decided = self
            .decide(&caller, "clerk", |_, state, now_ms| {
                Ok(Ruling { events: facts(state, now_ms), basis: Basis::rights() })
            })
            .await?;
        Ok(decided.events)
    }
}

/// Brings what is due until the bus closes.
pub async fn run(bus: Bus) {
    loop {
        match bus.bring_due().await {
            Ok(events) if events.is_empty() => {}
            Ok(events) => tracing::info!(decisions = events.len(), "what was due by the standards is so now"),
            Err(error) => tracing::warn!(%error, "what is due could not be brought; it is tried again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
