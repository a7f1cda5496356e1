//! The two background threads: one prepares log files, one settles. Neither does anything that the
//! appending thread could not do itself (see `Upkeep::Inline`).

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::engine::Engine;
use super::options::Upkeep;
use super::report::OpenError;

/// How often the settling thread looks at the age of logs, and tries again after a full disk.
const ROUND: Duration = Duration::from_secs(10);

/// Politeness of the settling thread: an append that waits for the CPU goes first.
const NICENESS: i32 = 10;

/// Rung when there is something to do; a ring is never lost.
#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    pub(super) fn ring(&self) {
        *self.rung.lock() = true;
        self.changed.notify_all();
    }

    fn wait(&self, most: Duration) {
        let mut rung = self.rung.lock();
        if !*rung {
            self.changed.wait_for(&mut rung, most);
        }
        *rung = false;
    }
}

/// The running threads.
pub(super) struct Threads(Mutex<Vec<JoinHandle<()>>>);

impl Threads {
    pub(super) fn none() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(super) fn start(engine: &Arc<Engine>, upkeep: Upkeep) -> Result<Self, OpenError> {
        let threads = Self::none();
        if upkeep == Upkeep::Threads {
            let started = threads
                .spawn(engine, "journal-prepare", |engine| {
                    engine.prepare_wanted();
                    engine.prepare_bell.wait(ROUND);
                })
                .and_then(|()| {
                    threads.spawn(engine, "journal-settle", |engine| {
                        // Each thread has its own niceness on Linux; it only ever gets to this value.
                        engine.upkeep_round();
                        engine.settle_bell.wait(ROUND);
                    })
                });
            if let Err(error) = started {
                engine.close();
                threads.join();
                return Err(OpenError::io(&engine.root, &error));
            }
        }
        Ok(threads)
    }

    fn spawn(&self, engine: &Arc<Engine>, name: &str, round: fn(&Engine)) -> io::Result<()> {
        let engine = engine.clone();
        let body = move || {
            let work = || {
                if thread::current().name() == Some("journal-settle") {
                    // Only a wish: where it is not granted, settling is merely less polite.
                    _ = rustix::process::nice(NICENESS);
                }
                while !engine.is_closed() && !engine.is_poisoned() {
                    round(&engine);
                }
            };
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                engine.poison(&engine.root, 0, "a background thread failed; see the log");
            }
        };
        self.0.lock().push(thread::Builder::new().name(name.to_owned()).spawn(body)?);
        Ok(())
    }

    pub(super) fn join(&self) {
        for handle in std::mem::take(&mut *self.0.lock()) {
            // A panic in it was caught and has poisoned the engine.
            _ = handle.join();
        }
    }
}
