//! The clock: the one place that asks the machine for the time.

use std::sync::atomic::{AtomicU64, Ordering};

/// Milliseconds since the Unix epoch, UTC.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now_ms(&self) -> u64;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |age| age.as_millis() as u64)
    }
}

/// A time that never goes back, though the machine's clock may be set back.
#[derive(Debug, Default)]
pub struct Latest(AtomicU64);

impl Latest {
    /// Not before `ms`.
    pub fn from(ms: u64) -> Self {
        Self(AtomicU64::new(ms))
    }

    /// Now by a clock, or the latest that it ever said, in milliseconds since the Unix epoch.
    pub fn now_ms(&self, clock: &dyn Clock) -> u64 {
        let now_ms = clock.now_ms();
        self.0.fetch_max(now_ms, Ordering::SeqCst).max(now_ms)
    }
}

/// A clock that tests set.
#[derive(Debug, Default)]
pub struct SetClock(AtomicU64);

impl SetClock {
    /// A clock that stands at `now_ms`.
    pub fn at(now_ms: u64) -> Self {
        Self(AtomicU64::new(now_ms))
    }

    /// Moves it on.
    pub fn advance(&self, by_ms: u64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Sets it, back too.
    pub fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// RFC 3339 text of a time, UTC with milliseconds.
pub fn rfc3339(ms: u64) -> String {
    jiff::Timestamp::from_millisecond(ms as i64).map_or_else(|_| ms.to_string(), |t| format!("{t:.3}"))
}
