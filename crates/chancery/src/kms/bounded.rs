//! A service whose calls may hang, such as somebody's library, kept from hanging the bus.
//!
//! Calls run on a thread of their own, one after the other. Who waited in vain is told [`KmsError::Unavailable`]; while
//! that call still hangs, later ones are told so at once. A call that ends late after all makes the service usable again;
//! what it answered nobody hears. A call whose caller gave up is not begun.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use seal::{Kms, KmsError, Secret};

use crate::output::Failure;

type Job = Box<dyn FnOnce(&dyn Kms) + Send>;

/// A service with a time limit.
pub struct Bounded {
    jobs: Sender<Job>,
    /// When the call that is under way was begun.
    begun: Arc<Mutex<Option<Instant>>>,
    patience: Duration,
    name: &'static str,
}

impl Bounded {
    /// Opens the service on its thread, within the same time.
    pub fn open<K: Kms>(
        name: &'static str,
        patience: Duration,
        open: impl FnOnce() -> Result<K, Failure> + Send + 'static,
    ) -> Result<Self, Failure> {
        let (jobs, asked) = channel::<Job>();
        let (opened, ready) = channel();
        let begun = Arc::<Mutex<Option<Instant>>>::default();
        let under_way = begun.clone();
        thread::Builder::new().name("kms".to_owned()).spawn(move || {
            let service = match open() {
                Ok(service) => service,
                Err(failure) => return drop(opened.send(Err(failure))),
            };
            // Whoever does not wait any more has no use for it.
            let _ = opened.send(Ok(()));
            for job in asked {
                *locked(&under_way) = Some(Instant::now());
                job(&service);
                *locked(&under_way) = None;
            }
        })?;
        let in_vain = |_| Failure::new(format!("kms: {name} does not open within {} s", patience.as_secs()));
        ready.recv_timeout(patience).map_err(in_vain)??;
        Ok(Self { jobs, begun, patience, name })
    }

    fn ask<T: Send + 'static>(
        &self,
        act: impl FnOnce(&dyn Kms) -> Result<T, KmsError> + Send + 'static,
    ) -> Result<T, KmsError> {
        if locked(&self.begun).is_some_and(|begun| begun.elapsed() >= self.patience) {
            return Err(self.hangs());
        }
        let until = Instant::now() + self.patience;
        let (answer, answered) = channel();
        let job: Job = Box::new(move |service| {
            if Instant::now() < until {
                let _ = answer.send(act(service));
            }
        });
        self.jobs.send(job).map_err(|_| self.hangs())?;
        answered.recv_timeout(self.patience).map_err(|_| self.hangs())?
    }

    fn hangs(&self) -> KmsError {
        KmsError::Unavailable(format!("{} does not answer within {} s", self.name, self.patience.as_secs()))
    }
}

fn locked(begun: &Mutex<Option<Instant>>) -> MutexGuard<'_, Option<Instant>> {
    begun.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kms for Bounded {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        let agency = agency.to_owned();
        let secret = Secret::new(secret.expose()).map_err(|_| KmsError::Tampered)?;
        self.ask(move |service| service.wrap(&agency, &secret))
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        let (agency, wrapped) = (agency.to_owned(), wrapped.to_owned());
        self.ask(move |service| service.unwrap(&agency, &wrapped))
    }

    fn destroy(&self, agency: &str, wrapped: &[u8]) -> Result<(), KmsError> {
        let (agency, wrapped) = (agency.to_owned(), wrapped.to_owned());
        self.ask(move |service| service.destroy(&agency, &wrapped))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::Receiver;

    use super::*;

    /// Hangs in `unwrap` until the test lets it go on.
    struct Asleep {
        woken: Mutex<Receiver<()>>,
        begun: Arc<AtomicUsize>,
    }

    impl Kms for Asleep {
        fn wrap(&self, _: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
            Ok(secret.expose().to_vec())
        }

        fn unwrap(&self, _: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
            self.begun.fetch_add(1, Ordering::SeqCst);
            let _ = self.woken.lock().unwrap().recv();
            Secret::new(wrapped).map_err(|_| KmsError::Tampered)
        }

        fn destroy(&self, _: &str, _: &[u8]) -> Result<(), KmsError> {
            Err(KmsError::Destroyed)
        }
    }

    #[test]
    fn while_one_call_hangs_others_are_told_at_once_and_later_it_goes_on() {
        let (wake, woken) = channel();
        let begun = Arc::new(AtomicUsize::new(0));
        let asleep = Asleep { woken: Mutex::new(woken), begun: begun.clone() };
        let patience = Duration::from_millis(200);
        let service = Bounded::open("the module", patience, move || Ok(asleep)).unwrap();
        let secret = Secret::generate().unwrap();
        let wrapped = service.wrap("courts", &secret).unwrap();
        assert_eq!(service.destroy("courts", &wrapped), Err(KmsError::Destroyed));

        assert!(matches!(service.unwrap("courts", &wrapped), Err(KmsError::Unavailable(_))));
        for _ in 0..1000 {
            // Each with patience of its own would take minutes.
            assert!(matches!(service.unwrap("courts", &wrapped), Err(KmsError::Unavailable(_))));
            assert!(matches!(service.wrap("courts", &secret), Err(KmsError::Unavailable(_))));
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);

        wake.send(()).unwrap();
        while service.wrap("courts", &secret).is_err() {
            thread::yield_now();
        }
        wake.send(()).unwrap();
        assert_eq!(service.unwrap("courts", &wrapped).unwrap().expose(), secret.expose());
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_service_that_hangs_when_it_is_opened_is_a_failure() {
        let (_wake, woken) = channel::<()>();
        let open = move || {
            let _ = woken.recv();
            Err::<Asleep, _>(Failure::new("nobody hears this"))
        };
        let said = Bounded::open("the module", Duration::from_millis(50), open).err().unwrap().to_string();
        assert!(said.contains("the module does not open"), "{said}");
        let refused =
            Bounded::open("the module", PATIENCE, || Err::<Asleep, _>(Failure::new("no such token")));
        assert_eq!(refused.err().unwrap().to_string(), "no such token");
    }

    const PATIENCE: Duration = Duration::from_secs(60);
}
