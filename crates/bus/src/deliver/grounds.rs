//! On what grounds something was opened: while they stand it may leave, however long it waited.
//!
//! What is ready waits: for the disclosure to be durable, for other topics of the same answer, for a slow reader. Rights,
//! terms, erasures and consent go on meanwhile. Whoever hands something over looks at its grounds last.

use std::sync::Arc;

use contract::SubscriptionName;
use governance::Subscription;
use seal::Pseudonym;

use super::fetch::{Fetch, Fetched, Wanted, half};
use crate::api::{Caller, Delivered};
use crate::{Bus, Refusal};

/// How often what people say meanwhile is read before several topics' events leave together. Where records come without a
/// pause, some may come after each reading.
const LOOKS_MAX: u32 = 16;

/// The subscription and the erasures as they were when something was opened, and whom it is about.
#[derive(Debug, Clone)]
pub struct Grounds {
    pub(super) seen: Arc<Subscription>,
    pub(super) erasures: usize,
    /// Those whom it is about: also where nothing of them was opened, as the event says by then that they were erased.
    pub(super) people: Vec<Pseudonym>,
}

impl Bus {
    /// The grounds of what is opened for a subscription from now on.
    pub(super) fn grounds(&self, subscription: &Arc<Subscription>) -> Grounds {
        Grounds { seen: subscription.clone(), erasures: self.core.keyring.erasures(), people: Vec::new() }
    }

    /// Whether what was opened on these grounds may still be handed over; false where the terms are others by now or somebody in
    /// it was erased, and it must be read again. Erasures of others do not count, or a bus that erases all the time would hand
    /// over nothing. Consent is asked beside it ([`Bus::still_consented`]).
    ///
    /// # Errors
    /// The caller may not read the subscription any more.
    pub fn still_granted(&self, caller: &Caller, grounds: &Grounds) -> Result<bool, Refusal> {
        self.may_consume(caller, &grounds.seen.name)?;
        let Grounds { seen, erasures, people } = grounds;
        Ok(!self.core.keyring.erased_since(*erasures, people) && !self.is_served_otherwise(seen)?)
    }

    /// Reads what several subscriptions may see, one after the other, as [`Bus::fetch`] does; at most so many stored bytes in
    /// all. What was read first waits for the rest: so all of it is looked at once more when all is there, and what may not
    /// leave any more is read again.
    pub async fn fetch_all<T: Send + 'static>(
        &self,
        caller: &Caller,
        asked: &[(SubscriptionName, Vec<Wanted>)],
        max_bytes: usize,
        present: impl Fn(Vec<Delivered>) -> T + Clone + Send + Sync + 'static,
    ) -> Vec<Result<Fetched<T>, Refusal>> {
        let mut all = Vec::with_capacity(asked.len());
        let (mut left, mut most) = (max_bytes, Vec::with_capacity(asked.len()));
        for (name, wanted) in asked {
            let fetch = Fetch { wanted: wanted.clone(), max_bytes: left };
            most.push(left);
            let fetched = self.fetch(caller, name, fetch, present.clone()).await;
            left -= fetched.as_ref().map_or(0, |fetched| fetched.bytes).min(left);
            all.push(fetched);
        }
        // One topic was looked at just now.
        let mut is_sure = asked.len() < 2;
        while !is_sure {
            is_sure = true;
            let may_leave = self.may_leave(caller, &all).await;
            let each = all.iter_mut().zip(may_leave).zip(asked).zip(&mut most);
            for (((fetched, may_leave), (name, wanted)), most) in each {
                *most = match fetched {
                    Ok(read) if !may_leave => half(read.bytes, *most).unwrap_or(0),
                    _ => continue,
                };
                let fetch = Fetch { wanted: wanted.clone(), max_bytes: *most };
                *fetched = self.fetch(caller, name, fetch, present.clone()).await;
                is_sure = false;
            }
        }
        all
    }

    /// What of all that was fetched may still be handed over. What people said is read first, for all of it; then all of it is
    /// looked at in one moment, so that nothing is withdrawn while the rest is looked at. Why something may not leave, whoever
    /// reads it again is told.
    async fn may_leave<T>(&self, caller: &Caller, all: &[Result<Fetched<T>, Refusal>]) -> Vec<bool> {
        let mut looks = 0;
        loop {
            let mut may_leave = Vec::with_capacity(all.len());
            for fetched in all {
                may_leave.push(match fetched {
                    Ok(fetched) => self.read_for(&fetched.consents).await.is_ok(),
                    Err(_) => true,
                });
            }
            looks += 1;
            // Nothing waits from here on.
            let has_more = || all.iter().flatten().any(|fetched| self.is_behind(&fetched.consents));
            if looks < LOOKS_MAX && !may_leave.contains(&false) && has_more() {
                continue;
            }
            for (may_leave, fetched) in may_leave.iter_mut().zip(all) {
                if let Ok(Fetched { bytes: 1.., grounds, consents, .. }) = fetched {
                    let is_granted = || matches!(self.still_granted(caller, grounds), Ok(true));
                    *may_leave = *may_leave && self.stand_as_read(consents) && is_granted();
                }
            }
            return may_leave;
        }
    }
}
