//! What a folder would change, before anybody makes it so.
//!
//! A migration that it would propose is tried, as the proposal would try it, so that a plan says what applying it would be
//! refused for. No proposal stands for what was tried in this way, so each counts as one of the trials that a topic may
//! have in a day, and is in the audit, whatever it came to. The same again on the same day is answered from memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::Definition;
use governance::{Basis, Command, Desired, Plan, Refused, rights};
use tokio::task::spawn_blocking;

use crate::api::Caller;
use crate::audit_logs::{DecisionOf, decision_entry};
use crate::clock::rfc3339;
use crate::govern::{Compiler, desired};
use crate::{Bus, Refusal};

impl Bus {
    /// What a folder of governance files would change. Of a `part` of a folder, what else there is on the bus is not told.
    pub async fn plan(
        &self,
        caller: &Caller,
        files: &BTreeMap<String, String>,
        part: bool,
    ) -> Result<Plan, Refusal> {
        let desired = Desired { is_part: part, ..desired(files)? };
        // Weighing thousands of contracts takes a while: not on the threads that serve.
        let (bus, by) = (self.clone(), caller.clone());
        let weighing = spawn_blocking(move || bus.weigh(&by, &desired));
        let mut plan = weighing.await.map_err(|_| Refusal::unavailable("the plan was broken off"))??;
        let carrying = plan.steps.iter().filter_map(|step| match &step.command {
            Command::ProposeContract { definition } if definition.migration.is_some() => Some(definition),
            _ => None,
        });
        for definition in carrying.cloned().collect::<Vec<_>>() {
            // It goes on to its end, and counts, even if the caller goes away in the middle.
            let (bus, by) = (self.clone(), caller.clone());
            let trying = tokio::spawn(async move { bus.try_ahead(&by, &definition).await });
            plan.refused.extend(trying.await.map_err(|_| Refusal::unavailable("the trial was broken off"))??);
        }
        Ok(plan)
    }

    fn weigh(&self, caller: &Caller, desired: &Desired) -> Result<Plan, Refusal> {
        let state = self.state(caller)?;
        let (now_ms, check) = (self.core.clock.now_ms(), Compiler(&self.core));
        let mut plan = governance::plan(&state, desired, now_ms, &check);
        let new = desired.standards.as_ref().filter(|new| *new != state.standards());
        if let (Some(new), Ok(())) = (new, rights::may_read_audit(&self.now(caller))) {
            plan.hits = governance::policy::hits(&state, new, now_ms, &check);
        }
        Ok(plan)
    }

    /// Why the proposal of a version with a migration would be refused, if its migration is the reason. Who may not propose
    /// it learns nothing.
    async fn try_ahead(
        &self,
        caller: &Caller,
        definition: &Arc<Definition>,
    ) -> Result<Option<String>, Refusal> {
        // As a proposal, it stands in line with all decisions.
        let _alone = self.core.deciding.lock().await;
        let (now_ms, by) = (self.core.clock.now_ms(), self.now(caller));
        if let Some(said) = self.core.trials.known(&by.principal, definition, now_ms) {
            return Ok(said);
        }
        let ruled = spawn_blocking({
            let (core, by) = (self.core.clone(), by.clone());
            let command = Command::ProposeContract { definition: definition.clone() };
            move || governance::rule(&core.state(), &by, &command, now_ms, &Compiler(&core))
        });
        let (said, basis) = match ruled.await.map_err(|_| Refusal::unavailable("the trial was broken off"))? {
            Ok(ruling) => {
                (None, Some(Basis { tried: governance::trials(&ruling.events), ..Basis::rights() }))
            }
            Err(refused) => match told(definition, &refused) {
                None => return Ok(None),
                Some(said) => (Some(said), refused.basis.map(|basis| *basis)),
            },
        };
        if let Some(basis) = basis.filter(|basis| !basis.tried.is_empty()) {
            let what =
                DecisionOf { caller: &by, command: "plan", events: &[], basis: &basis, questions: None };
            self.record_entry(decision_entry(&what, &rfc3339(now_ms)), Vec::new()).await?;
        }
        self.core.trials.remember(&by.principal, definition, &said, now_ms);
        Ok(said)
    }
}

fn told(definition: &Definition, refused: &Refused) -> Option<String> {
    let is_about_it = matches!(refused.code, "migration-fails" | "invalid-contract");
    let what = format!("contract {} of {}", definition.version, definition.topic);
    is_about_it.then(|| format!("{what}: {}", refused.text))
}
