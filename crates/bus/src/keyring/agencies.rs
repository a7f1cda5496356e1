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

/// An agency's secrets of an epoch that is to begin, and its keys of both.
pub struct Renewed {
    /// What is journaled.
    pub secret: AgencySecret,
    now: AgencyKeys,
    before: AgencyKeys,
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
    /// Why the service did not answer when it was last asked, if it did not: it is one, so that is so for all.
    away: Option<String>,
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
        let open = self.open.read().get(agency).filter(|open| open.until > Instant::now()).cloned();
        open.ok_or_else(|| {
            // Why is for those who run the bus: it may tell of the inside of their service.
            Refusal::unavailable(format!("the keys of agency {agency} are not open")).hint(
                "nothing was stored or handed over; it goes on by itself when the key management service gives them",
            )
        })
    }

    /// Why an agency's keys are not open, if they are not.
    pub fn why_closed(&self, agency: &AgencyName) -> Option<String> {
        let text = self.get(agency).err()?.text;
        let asking = self.asking.lock();
        let why = asking.failed.get(agency).map(|(_, why)| why).or(asking.away.as_ref());
        Some(why.map_or_else(|| text.clone(), |why| format!("{text}: {why}")))
    }

    /// Makes the secrets of a new agency in the epoch that runs.
    pub fn make(&self, agency: &AgencyName, epoch: u32) -> Result<(AgencySecret, AgencyKeys), Refusal> {
        let (lasting, wrapping) = (generate()?, generate()?);
        let secret = self.wrap(agency, epoch, &lasting, &wrapping)?;
        Ok((secret, AgencyKeys::derive(epoch, &AgencySecrets { lasting, epoch: wrapping })))
    }

    /// An agency's secrets for another epoch: the lasting one wrapped anew, and another one for wrapping; unwrapped again, as
    /// every later start has to.
    pub fn renew(&self, of: &AgencySecret, epoch: u32) -> Result<Renewed, Refusal> {
        let out_of_reach = |error| out_of_reach(&of.agency, &error);
        let lasting = self.unwrap(&of.agency, &of.lasting).map_err(out_of_reach)?;
        let before = self.keys(of).map_err(out_of_reach)?;
        let secret = self.wrap(&of.agency, epoch, &lasting, &generate()?)?;
        let now = self.keys(&secret).map_err(out_of_reach).inspect_err(|_| drop(self.destroy(&secret)))?;
        Ok(Renewed { secret, now, before })
    }

    /// What [`renew`](Self::renew) made before, opened anew.
    pub fn renewed(&self, of: &AgencySecret, secret: &AgencySecret) -> Result<Renewed, Refusal> {
        let keys = |secret| self.keys(secret).map_err(|error| out_of_reach(&of.agency, &error));
        Ok(Renewed { before: keys(of)?, now: keys(secret)?, secret: secret.clone() })
    }

    fn keys(&self, secret: &AgencySecret) -> Result<AgencyKeys, KmsError> {
        let unwrap = |wrapped| self.unwrap(&secret.agency, wrapped);
        let secrets = AgencySecrets { lasting: unwrap(&secret.lasting)?, epoch: unwrap(&secret.wrapping)? };
        Ok(AgencyKeys::derive(secret.epoch, &secrets))
    }

    /// An epoch begins: its keys are used, and those of the one before for what is still wrapped by them.
    pub fn begin(&self, made: Vec<Renewed>) {
        let mut open = self.open.write();
        for (number, Renewed { secret, now, before }) in (0..).zip(made) {
            let (now, before, until) = (Arc::new(now), Some(Arc::new(before)), Instant::now() + self.keep);
            open.insert(secret.agency, Arc::new(Opened { number, now, before, until }));
        }
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
        let lasting = wrap(lasting)?;
        // What nobody needs is not left behind, where that can be helped.
        let wrapping = wrap(wrapping).inspect_err(|_| drop(self.kms.destroy(agency.as_str(), &lasting)))?;
        let (lasting, wrapping) = (hex(&lasting), hex(&wrapping));
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

    /// Opens the secrets of all agencies, for the start; what went wrong with each. Where the service does not answer, no more
    /// are asked for.
    pub fn open_all(&self, epochs: &Epochs) -> Vec<(AgencyName, KmsError)> {
        let mut failed = Vec::new();
        for (number, secrets) in (0u32..).zip(epochs.all()) {
            if let Err(error) = self.reopen(epochs, number) {
                let is_away = matches!(error, KmsError::Unavailable(_));
                failed.push((secrets.now.agency.clone(), error));
                if is_away {
                    break;
                }
            }
        }
        failed
    }

    /// Opens what is not open, renews what is about to end, and forgets what has ended. Blocks on the service, which is one:
    /// where it does not answer for one agency, the others wait for the next time.
    pub fn look_after(&self, epochs: &Epochs) {
        let agencies = epochs.all();
        let first = self.asking.lock().first;
        for at in 0..agencies.len() {
            let number = (first + at) % agencies.len();
            let agency = &agencies[number].now.agency;
            if !self.is_due(&agencies[number].now, Instant::now()) {
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

    fn is_due(&self, secret: &AgencySecret, now: Instant) -> bool {
        let open = self.open.read().get(&secret.agency).cloned();
        let open = open.filter(|open| open.epoch() == secret.epoch);
        let renew_at = open.map(|open| open.until - self.keep / 4);
        let failed = self.asking.lock().failed.get(&secret.agency).is_some_and(|(at, _)| now < *at + RETRY);
        !failed && renew_at.is_none_or(|at| at <= now)
    }

    fn reopen(&self, epochs: &Epochs, number: u32) -> Result<(), KmsError> {
        let secrets = &epochs.all()[number as usize];
        let agency = &secrets.now.agency;
        // Once all keys are wrapped anew, those of the epoch before may be destroyed already.
        let before = secrets.before.as_ref().filter(|_| epochs.stage == Stage::Rewrapping);
        let answer = self.opened(number, &secrets.now, before);
        let away = answer.as_ref().err().filter(|error| matches!(error, KmsError::Unavailable(_)));
        self.asking.lock().away = away.map(ToString::to_string);
        match answer {
            Ok(opened) => {
                let mut open = self.open.write();
                // Another epoch may have begun while the service was asked.
                if open.get(agency).is_none_or(|known| known.epoch() <= opened.epoch()) {
                    open.insert(agency.clone(), Arc::new(opened));
                }
                drop(open);
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
        let before = before.map(|secret| self.keys(secret)).transpose()?.map(Arc::new);
        Ok(Opened { number, now: Arc::new(self.keys(now)?), before, until: Instant::now() + self.keep })
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
