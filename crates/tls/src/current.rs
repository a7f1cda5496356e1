//! What handshakes use now, changed when the files do.
//!
//! Invariants: there is always something to shake hands with; certificate, key and authorities change together; a
//! connection keeps what it was made with.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::RwLock;
use rustls::ServerConfig;
use tokio::time::Instant;

use crate::Protocol;
use crate::files::{Files, Loaded, Stamp, Trouble};

/// How long before a certificate's end its operator is told.
const NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How often.
const REMINDER: Duration = Duration::from_secs(24 * 60 * 60);

/// What handshakes use now.
#[derive(Debug)]
pub struct Current {
    files: Files,
    loaded: RwLock<Loaded>,
    /// The files as they were when they were read at first.
    at_first: Stamp,
}

impl Current {
    /// Reads the files, which must be good now.
    pub fn open(files: Files) -> Result<Self, Trouble> {
        // Before they are read: what changes in between is a change.
        let at_first = files.stamp();
        let loaded = RwLock::new(files.load()?);
        Ok(Self { files, loaded, at_first })
    }

    /// When the certificate ends.
    pub fn ends(&self) -> Timestamp {
        self.loaded.read().ends
    }

    pub(crate) fn config(&self, protocol: Protocol) -> Arc<ServerConfig> {
        self.loaded.read().config(protocol)
    }

    /// Looks at the files every `pause` for ever. Files that changed are read once they have been quiet for a pause,
    /// so that a certificate is not read without its key; files that are no good change nothing and are told.
    pub async fn watch(&self, pause: Duration) {
        let (mut read, mut seen) = (self.at_first.clone(), self.at_first.clone());
        let mut reminded: Option<Instant> = None;
        loop {
            if reminded.is_none_or(|at| at.elapsed() >= REMINDER) {
                self.remind();
                reminded = Some(Instant::now());
            }
            tokio::time::sleep(pause).await;
            let now = self.files.stamp();
            if now != read && now == seen {
                read = now.clone();
                self.reload();
                reminded = None;
            }
            seen = now;
        }
    }

    fn reload(&self) {
        match self.files.load() {
            Ok(loaded) => {
                tracing::info!(ends = %loaded.ends, "the certificate was read anew");
                *self.loaded.write() = loaded;
            }
            Err(trouble) => {
                tracing::warn!(%trouble, "the changed certificate is no good: the one before stays in use");
            }
        }
    }

    fn remind(&self) {
        let ends = self.ends();
        if Timestamp::now() >= ends {
            tracing::error!(%ends, "the certificate has ended: clients refuse it");
        } else if ends.duration_since(Timestamp::now()) < NOTICE {
            tracing::warn!(%ends, "the certificate ends soon");
        }
    }
}
