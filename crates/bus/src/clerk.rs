//! What time brings, brought: versions go live when their notice has run.

use std::time::Duration;

use governance::{Basis, Event, Roles, Ruling, clerk};

use crate::api::Caller;
use crate::{Bus, Refusal};

/// How often the clerk looks. What is due waits no longer than this.
const LOOK: Duration = Duration::from_secs(5);

impl Bus {
    /// Enacts what is due now. The bus does it by itself every few seconds.
    pub async fn bring_due(&self) -> Result<Vec<Event>, Refusal> {
        // Seldom is anything due; only then does it stand in line with other decisions.
        if clerk::due(&self.core.state(), self.core.clock.now_ms()).is_empty() {
            return Ok(Vec::new());
        }
        let principal = clerk::clerk();
        let caller = Caller { agency: principal.agency(), principal, roles: Roles::default() };
        let decided = self
            .decide(&caller, "clerk", |_, state, now_ms| {
                let events = clerk::due(state, now_ms);
                Ok(Ruling { events, basis: Basis::default() })
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
