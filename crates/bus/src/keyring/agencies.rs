//! Agencies' keys, opened through the key management service.
//!
//! They are held for a time and asked for again before it is over, so that a service that takes a key away is heeded.
//! While it does not answer, what is open is used until its time is over; then that agency's data neither comes in nor
//! goes out until the service answers again. A service that says no is heeded at once.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::AgencyName;
use parking_lot::{Mutex, RwLock};
use seal::{AgencyKeys, AgencySecrets, Kms, KmsError, Secret};

use super::epochs::{AgencySecret, Epochs, Stage};
use crate::Refusal;
use crate::govern::{hex, unhex};

/// How long after a failure an agency's keys are asked for again.
const RETRY: Duration = Duration::from_secs(2);

/// An agency's keys: it stands for those of the epoch that runs, and has those of the one before while keys are still
/// wrapped by them.
pub struct Opened {
    number: u32,
    now: Arc<AgencyKeys>,
    before: Option<Arc<AgencyKeys>>,
    until: Instant,
}

impl Opened {
    /// What stands for the agency in records.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The keys of an epoch.
    pub fn of_epoch(&self, epoch: u32) -> Option<&AgencyKeys> {
        let both = [Some(&self.now), self.before.as_ref()].into_iter().flatten();
        both.map(|keys| &**keys).find(|keys| keys.epoch() == epoch)
    }
}

impl Deref for Opened {
    type Target = AgencyKeys;

    fn deref(&self) -> &AgencyKeys {
        &self.now
    }
}

/// All agencies' keys.
pub struct Agencies {
    kms: Arc<dyn Kms>,
    /// How long they are held.
    keep: Duration,
    open: RwLock<HashMap<AgencyName, Arc<Opened>>>,
    asking: Mutex<Asking>,
}

/// What was asked in vain.
#[derive(Default)]
struct Asking {
    failed: HashMap<AgencyName, (Instant, String)>,
    /// Whose turn is first: where the service did not answer for one, the others had none.
    first: usize,
}

impl Agencies {
    /// None yet.
    pub fn new(kms: Arc<dyn Kms>, keep: Duration) -> Self {
        Self { kms, keep, open: RwLock::default(), asking: Mutex::default() }
    }

    /// An agency's keys, if they are open.
    pub fn get(&self, agency: &AgencyName) -> Result<Arc<Opened>, Refusal> {
        self.open.read().get(agency).cloned().ok_or_else(|| {
            let why = self.asking.lock().failed.get(agency).map(|(_, why)| format!(": {why}"));
            let text = format!("the keys of agency {agency} are not open{}", why.unwrap_or_default());
            Refusal::unavailable(text).hint(
                "nothing was stored or handed over; it goes on by itself when the key management service gives them",
            )
        })
    }

    /// Makes the secrets of a new agency in the epoch that runs.
    pub fn make(&self, agency: &AgencyName, epoch: u32) -> Result<(AgencySecret, AgencyKeys), Refusal> {
        let (lasting, wrapping) = (generate()?, generate()?);
        let secret = self.wrap(agency, epoch, &lasting, &wrapping)?;
        Ok((secret, AgencyKeys::derive(epoch, &AgencySecrets { lasting, epoch: wrapping })))
    }

    /// An agency's secrets for another epoch: the lasting one wrapped anew, and another one for wrapping.
    pub fn renew(&self, of: &AgencySecret, epoch: u32) -> Result<AgencySecret, Refusal> {
        let lasting =
            self.unwrap(&of.agency, &of.lasting).map_err(|error| out_of_reach(&of.agency, &error))?;
        self.wrap(&of.agency, epoch, &lasting, &generate()?)
    }

    fn wrap(
        &self,
        agency: &AgencyName,
        epoch: u32,
        lasting: &Secret,
        wrapping: &Secret,
    ) -> Result<AgencySecret, Refusal> {
        let wrap =
            |secret| self.kms.wrap(agency.as_str(), secret).map_err(|error| out_of_reach(agency, &error));
        let (lasting, wrapping) = (hex(&wrap(lasting)?), hex(&wrap(wrapping)?));
        Ok(AgencySecret { agency: agency.clone(), epoch, lasting, wrapping })
    }

    /// Destroys what an epoch's secrets are wrapped under. Done already: nothing happens.
    pub fn destroy(&self, secret: &AgencySecret) -> Result<(), Refusal> {
        for wrapped in [&secret.wrapping, &secret.lasting] {
            let wrapped = unhex(wrapped).ok_or(KmsError::Tampered);
            wrapped
                .and_then(|wrapped| self.kms.destroy(secret.agency.as_str(), &wrapped))
                .map_err(|error| out_of_reach(&secret.agency, &error))?;
        }
        Ok(())
    }

    /// Takes the keys of a new agency into use.
    pub fn add(&self, agency: &AgencyName, number: u32, keys: AgencyKeys) {
        let opened = Opened { number, now: Arc::new(keys), before: None, until: Instant::now() + self.keep };
        self.open.write().insert(agency.clone(), Arc::new(opened));
    }

    /// Opens the secrets of all agencies that are not open; what went wrong with each. For the start and for another epoch.
    pub fn open_all(&self, epochs: &Epochs) -> Vec<(AgencyName, KmsError)> {
        let mut failed = Vec::new();
        for (number, secrets) in (0u32..).zip(epochs.all()) {
            let agency = &secrets.now.agency;
            let is_open = self.open.read().get(agency).is_some_and(|open| open.epoch() == secrets.now.epoch);
            if is_open {
                continue;
            }
            if let Err(error) = self.reopen(epochs, number) {
                failed.push((agency.clone(), error));
            }
        }
        failed
    }

    /// Opens all agencies' secrets of an epoch that begins; those whose are not given are closed until they are.
    pub fn close_those_that_fail(&self, epochs: &Epochs) {
        let failed = self.open_all(epochs);
        let mut open = self.open.write();
        failed.iter().for_each(|(agency, _)| drop(open.remove(agency)));
    }

    /// Opens what is not open, renews what is about to end, and forgets what has ended. Blocks on the service, which is one:
    /// where it does not answer for one agency, the others wait for the next time.
    pub fn look_after(&self, epochs: &Epochs) {
        let agencies = epochs.all();
        let first = self.asking.lock().first;
        for at in 0..agencies.len() {
            let number = (first + at) % agencies.len();
            let agency = &agencies[number].now.agency;
            if !self.is_due(agency, Instant::now()) {
                continue;
            }
            match self.reopen(epochs, number as u32) {
                Err(KmsError::Unavailable(_)) => {
                    self.asking.lock().first = number + 1;
                    break;
                }
                Err(_) => drop(self.open.write().remove(agency)),
                Ok(()) => {}
            }
        }
        let now = Instant::now();
        self.open.write().retain(|_, open| open.until > now);
    }

    fn is_due(&self, agency: &AgencyName, now: Instant) -> bool {
        let renew_at = self.open.read().get(agency).map(|open| open.until - self.keep / 4);
        let failed = self.asking.lock().failed.get(agency).is_some_and(|(at, _)| now < *at + RETRY);
        !failed && renew_at.is_none_or(|at| at <= now)
    }

    fn reopen(&self, epochs: &Epochs, number: u32) -> Result<(), KmsError> {
        let secrets = &epochs.all()[number as usize];
        let agency = &secrets.now.agency;
        // Once all keys are wrapped anew, those of the epoch before may be destroyed already.
        let before = secrets.before.as_ref().filter(|_| epochs.stage == Stage::Rewrapping);
        match self.opened(number, &secrets.now, before) {
            Ok(opened) => {
                self.open.write().insert(agency.clone(), Arc::new(opened));
                if self.asking.lock().failed.remove(agency).is_some() {
                    tracing::info!(%agency, "the key management service gives the agency's keys again");
                }
                Ok(())
            }
            Err(error) => {
                let before =
                    self.asking.lock().failed.insert(agency.clone(), (Instant::now(), error.to_string()));
                if before.is_none() {
                    tracing::error!(%agency, %error, "the agency's keys cannot be had; it is tried again");
                }
                Err(error)
            }
        }
    }

    fn opened(
        &self,
        number: u32,
        now: &AgencySecret,
        before: Option<&AgencySecret>,
    ) -> Result<Opened, KmsError> {
        let keys = |secret: &AgencySecret| {
            let secrets = AgencySecrets {
                // The same in both epochs; the newer wrapped form is the one that stays.
                lasting: self.unwrap(&now.agency, &now.lasting)?,
                epoch: self.unwrap(&now.agency, &secret.wrapping)?,
            };
            Ok::<_, KmsError>(Arc::new(AgencyKeys::derive(secret.epoch, &secrets)))
        };
        let before = before.map(keys).transpose()?;
        Ok(Opened { number, now: keys(now)?, before, until: Instant::now() + self.keep })
    }

    fn unwrap(&self, agency: &AgencyName, wrapped: &str) -> Result<Secret, KmsError> {
        self.kms.unwrap(agency.as_str(), &unhex(wrapped).ok_or(KmsError::Tampered)?)
    }

    /// The keys of the epoch before are needed no more.
    pub fn end_before(&self) {
        for opened in self.open.write().values_mut() {
            let Opened { number, now, until, .. } = &**opened;
            *opened = Arc::new(Opened { number: *number, now: now.clone(), before: None, until: *until });
        }
    }
}

fn generate() -> Result<Secret, Refusal> {
    Secret::generate()
        .ok_or_else(|| Refusal::unavailable("no key can be made: the system gives no random bytes"))
}

/// What somebody is told whose command needs keys that cannot be had.
pub fn out_of_reach(agency: &AgencyName, error: &KmsError) -> Refusal {
    let hint = match error {
        KmsError::Unavailable(_) => {
            "nothing was stored; it goes on when the key management service answers again"
        }
        KmsError::Denied(_) => "nothing was stored; the operator has to let the bus use the agency's key",
        KmsError::Tampered => {
            "another key management service, or another key of it, wrapped it: the operator has to bring that back"
        }
        KmsError::Destroyed => {
            "this copy of the data folder is older than the last epoch of keys: bring back a younger one"
        }
    };
    Refusal::unavailable(format!("the keys of agency {agency} are out of reach: {error}")).hint(hint)
}
