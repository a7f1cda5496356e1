//! The change of the epoch of keys, and looking after keys between them.
//!
//! Begin: secrets of another epoch for all agencies. Rewrap: every person's key but those of the erased is wrapped anew,
//! while events come and go; no event is touched. Destroy: the key management service destroys what the old secrets were
//! wrapped under, so that no copy of the data folder from before opens a key any more. Each step is journaled when it is
//! done; what was broken off goes on after a restart.

use std::time::{Duration, Instant};

use contract::PrincipalName;
use governance::{clerk, rights};
use serde::Serialize;
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::api::Caller;
use crate::audit_logs::rotation_entry;
use crate::clock::rfc3339;
use crate::keyring::{AgencySecret, Ended, Epochs, KeyFact, Portion, Stage};
use crate::lanes::{Apply, Committed, Fact, Facts, Lane};
use crate::{Bus, Refusal, RefusalKind};

/// How often agencies' keys are looked after.
const LOOK: Duration = Duration::from_secs(1);

/// How long a step is left alone that failed, at first and at most: the key management service may be away for a while.
const RETRY: Duration = Duration::from_secs(2);
const RETRY_MAX: Duration = Duration::from_secs(600);

/// How the bus's keys stand.
#[derive(Debug, Clone, Serialize)]
pub struct KeysStand {
    /// The epoch that runs.
    pub epoch: u32,
    /// When it began, in milliseconds since 1970.
    pub since_ms: u64,
    /// How far its beginning has come.
    pub stage: Stage,
    /// When what the epoch before was wrapped under is to be destroyed, in milliseconds since 1970, if that is all that is
    /// left to do.
    pub destroys_ms: Option<u64>,
    /// How many persons' and topics' keys there are.
    pub keys: usize,
    /// Agencies whose keys are not open, with the reason.
    pub closed: Vec<(contract::AgencyName, String)>,
    /// The first erasure that copies of the data folder may still undo, in milliseconds since 1970.
    pub not_final_since_ms: Option<u64>,
    /// The epochs that ended.
    pub ended: Vec<Ended>,
}

/// What a change that failed leaves for the next try. A restart forgets it, and looks at everything again.
#[derive(Default)]
pub struct Unfinished {
    /// Secrets that were made for an epoch which did not begin.
    made: Vec<AgencySecret>,
    place: Place,
}

/// How far the keys of the epoch before are wrapped anew.
#[derive(Debug, Default, PartialEq, Eq)]
struct Place {
    /// The epoch that runs.
    epoch: u32,
    /// Which of the lanes, as they stand in [`Lane::ALL`].
    lane: usize,
    /// The next offset in that lane's stream.
    from: u64,
    kept: u64,
    left_behind: u64,
}

impl Unfinished {
    /// Where to go on in an epoch.
    fn place_in(&mut self, epoch: u32) -> &mut Place {
        if self.place.epoch != epoch {
            self.place = Place { epoch, ..Place::default() };
        }
        &mut self.place
    }
}

impl Place {
    /// A portion is durable in the epoch that runs.
    fn go_behind(&mut self, portion: &Portion) {
        self.kept += portion.kept;
        self.left_behind += portion.left_behind;
        (self.lane, self.from) = match portion.next {
            Some(next) => (self.lane, next),
            None => (self.lane + 1, 0),
        };
    }
}

impl Bus {
    /// How the bus's keys stand.
    pub fn keys_stand(&self, caller: &Caller) -> Result<KeysStand, Refusal> {
        rights::may_read_audit(&self.now(caller))?;
        let keyring = &self.core.keyring;
        let epochs = keyring.epochs();
        Ok(KeysStand {
            epoch: epochs.running,
            since_ms: epochs.since_ms,
            stage: epochs.stage,
            destroys_ms: (epochs.stage == Stage::Destroying).then(|| self.destroys_ms(&epochs)),
            keys: keyring.len(),
            closed: keyring.closed_agencies(),
            not_final_since_ms: keyring.first_not_final(),
            ended: epochs.ended.clone(),
        })
    }

    /// Begins another epoch of keys. The rest follows by itself.
    pub async fn rotate_keys(&self, caller: &Caller) -> Result<KeysStand, Refusal> {
        rights::may_rotate_keys(&self.now(caller))?;
        let (bus, by) = (self.clone(), caller.principal.clone());
        // It goes on to its end even if the caller goes away in the middle.
        let begun = tokio::spawn(async move { bus.begin_epoch(&by).await });
        begun.await.map_err(|_| Refusal::unavailable("the change of keys was broken off"))??;
        self.keys_stand(caller)
    }

    async fn begin_epoch(&self, by: &PrincipalName) -> Result<(), Refusal> {
        let core = &self.core;
        if core.settings.keys.frozen {
            return Err(Refusal::new(RefusalKind::Conflict, "this bus is a copy: its keys are frozen").hint(
                "the bus that it is a copy of has the same key management service, and alone changes keys",
            ));
        }
        let mut unfinished = core.rotating.lock().await;
        let epochs = core.keyring.epochs();
        if epochs.stage != Stage::Settled {
            let text = format!("epoch {} of keys has not ended yet", epochs.running - 1);
            return Err(
                Refusal::new(RefusalKind::Conflict, text).hint("chancery keys status says how far it is")
            );
        }
        self.ready()?;
        let (keyring, number) = (core.keyring.clone(), epochs.running + 1);
        let epoch = blocking(move || keyring.make_epoch(number)).await?;
        // The service may be slow, so most secrets are made before decisions have to wait.
        let (keyring, again) = (core.keyring.clone(), std::mem::take(&mut unfinished.made));
        let most = blocking(move || keyring.renew_all(keyring.use_again(&again)?)).await?;
        let _deciding = core.deciding.lock().await;
        let keyring = core.keyring.clone();
        let made = blocking(move || keyring.renew_all(most)).await?;
        let secrets: Vec<AgencySecret> = made.iter().map(|one| one.secret.clone()).collect();
        let fact = KeyFact::Begun { epoch: number, secrets: secrets.clone() };
        let said = json!({ "keys": "begun", "epoch": number });
        let recorded = self.record_key_fact(&fact, said, by).await;
        // They may be durable all the same, so they are not destroyed: the next try begins with them.
        let durable = recorded.inspect_err(|_| unfinished.made = secrets)?;
        core.keyring.begin(&fact, (epoch, made), durable.at_ms);
        core.rotation_rung.notify_one();
        Ok(())
    }

    /// Takes the change as far as it goes now; what is left of it when this fails is tried again.
    async fn go_on(&self) -> Result<(), Refusal> {
        let mut unfinished = self.core.rotating.lock().await;
        loop {
            let (epochs, now_ms) = (self.core.keyring.epochs(), self.core.clock.now_ms());
            match epochs.stage {
                Stage::Settled => return Ok(()),
                Stage::Rewrapping => self.rewrap(&epochs, unfinished.place_in(epochs.running)).await?,
                Stage::Destroying if now_ms < self.destroys_ms(&epochs) => return Ok(()),
                Stage::Destroying => self.destroy(&epochs).await?,
            }
        }
    }

    /// When what the epoch before was wrapped under is to be destroyed, in milliseconds since 1970.
    fn destroys_ms(&self, epochs: &Epochs) -> u64 {
        epochs.rewrapped_ms.saturating_add(self.core.settings.keys.overlap.as_millis() as u64)
    }

    async fn rewrap(&self, epochs: &Epochs, place: &mut Place) -> Result<(), Refusal> {
        let (core, begun) = (&self.core, Instant::now());
        for lane in Lane::ALL {
            // What it formed before the epoch began is durable when it answers, and nothing comes into the old streams any more.
            core.lane(lane).record(Facts::default()).await?;
        }
        while let Some(lane) = Lane::ALL.get(place.lane).copied() {
            let (keyring, epochs, at) = (core.keyring.clone(), epochs.clone(), place.from);
            let mut portion = blocking(move || keyring.rewrap(&epochs, lane, at)).await?;
            let anew = std::mem::take(&mut portion.anew);
            let (records, moved): (Vec<Fact>, Vec<_>) =
                anew.into_iter().map(|anew| anew.into_parts()).unzip();
            let keyring = core.keyring.clone();
            let apply: Apply = Box::new(move |durable| keyring.moved(&moved, &durable.offsets));
            let facts = Facts { records, apply: Some(apply), ..Facts::default() };
            core.lane(Lane::Batch).record(facts).await?;
            place.go_behind(&portion);
        }
        let Place { kept, left_behind, .. } = *place;
        core.keyring.runs(epochs.running)?;
        let epoch = epochs.running;
        let fact = KeyFact::Rewrapped { epoch, keys: kept, left_behind };
        let said = json!({ "keys": "rewrapped", "epoch": epoch, "kept": kept, "left_behind": left_behind });
        let durable = self.record_key_fact(&fact, said, &clerk::clerk()).await?;
        core.keyring.rewrapped(&fact, durable.at_ms)?;
        tracing::info!(epoch, kept, left_behind, elapsed = ?begun.elapsed(), "persons' keys are wrapped anew");
        Ok(())
    }

    async fn destroy(&self, epochs: &Epochs) -> Result<(), Refusal> {
        let (keyring, all) = (self.core.keyring.clone(), epochs.clone());
        blocking(move || keyring.destroy_before(&all)).await?;
        let epoch = epochs.running - 1;
        let fact = KeyFact::Destroyed { epoch };
        let said = json!({ "keys": "destroyed", "epoch": epoch });
        let durable = self.record_key_fact(&fact, said, &clerk::clerk()).await?;
        let keyring = self.core.keyring.clone();
        blocking(move || keyring.ended(&fact, epoch, durable.at_ms)).await?;
        tracing::info!(
            epoch,
            "an epoch of keys has ended: copies of the data folder from before open none of them"
        );
        Ok(())
    }

    /// Journals a fact of keys together with its audit entry.
    async fn record_key_fact(
        &self,
        fact: &KeyFact,
        said: serde_json::Value,
        by: &PrincipalName,
    ) -> Result<Committed, Refusal> {
        let entry = rotation_entry(by, said, &rfc3339(self.core.clock.now_ms()));
        let record = Fact { stream: self.core.streams.agency_keys, marks: Vec::new(), body: fact.encode() };
        let facts = Facts { records: vec![record], entries: vec![(entry, Vec::new())], ..Facts::default() };
        self.core.lane(Lane::Standard).record(facts).await
    }

    /// Begins an epoch that is due, and goes on with one that has begun. The bus does it by itself every second.
    pub async fn change_epochs(&self) -> Result<(), Refusal> {
        if self.core.settings.keys.frozen {
            return Ok(());
        }
        if self.epoch_is_over() {
            self.begin_epoch(&clerk::clerk()).await?;
        }
        self.go_on().await
    }

    /// Whether an epoch has run for as long as it may, or an erasure has waited for its end.
    fn epoch_is_over(&self) -> bool {
        let (settings, now_ms) = (&self.core.settings.keys, self.core.clock.now_ms());
        let epochs = self.core.keyring.epochs();
        let past =
            |since_ms: u64, span: Duration| u128::from(now_ms.saturating_sub(since_ms)) >= span.as_millis();
        let erased = self.core.keyring.first_not_final();
        !epochs.all().is_empty()
            && epochs.stage == Stage::Settled
            && (past(epochs.since_ms, settings.rotate_every)
                || erased.is_some_and(|at_ms| {
                    past(at_ms, settings.destroy_within.saturating_sub(settings.overlap))
                }))
    }
}

async fn blocking<T: Send + 'static>(
    what: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    spawn_blocking(what).await.map_err(|_| Refusal::unavailable("the change of keys was broken off"))?
}

/// Looks after agencies' and persons' keys in memory until the bus closes.
pub async fn look_after(bus: Bus) {
    let mut minute = Instant::now();
    loop {
        let keyring = bus.core.keyring.clone();
        // It has nothing to say that was not logged where it happened.
        let _ = spawn_blocking(move || keyring.look_after_agencies()).await;
        if minute.elapsed() >= Duration::from_secs(60) {
            bus.core.keyring.pass_a_minute();
            minute = Instant::now();
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Changes epochs until the bus closes.
pub async fn run(bus: Bus) {
    let mut pause = LOOK;
    loop {
        pause = match bus.change_epochs().await {
            Ok(()) => LOOK,
            Err(error) => {
                tracing::warn!(%error, "the change of the epoch of keys has to wait; it is tried again");
                (2 * pause).clamp(RETRY, RETRY_MAX)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = bus.core.rotation_rung.notified() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_fails_goes_on_where_it_stood_and_another_one_from_the_beginning() {
        let portion = |kept, next| Portion { kept, left_behind: 1, next, ..Portion::default() };
        let mut unfinished = Unfinished::default();
        let place = unfinished.place_in(2);
        assert_eq!(*place, Place { epoch: 2, ..Place::default() });
        place.go_behind(&portion(5, Some(100)));
        // Here it failed.
        let place = unfinished.place_in(2);
        assert_eq!(*place, Place { epoch: 2, lane: 0, from: 100, kept: 5, left_behind: 1 });
        place.go_behind(&portion(3, None));
        assert_eq!(*place, Place { epoch: 2, lane: 1, from: 0, kept: 8, left_behind: 2 });
        assert_eq!(*unfinished.place_in(3), Place { epoch: 3, ..Place::default() });
    }
}
