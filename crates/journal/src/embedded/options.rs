//! How the embedded engine is set up, with bounds tied to the formats.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::frame::PAGE_BYTES;

/// Most bytes of a log file: positions within logs and segments are 32-bit numbers.
pub(super) const LOG_BYTES_MAX: u64 = 1 << 30;
/// Fewest: two frames.
pub(super) const LOG_BYTES_MIN: u64 = 2 * PAGE_BYTES as u64;

/// Who prepares and settles log files.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Upkeep {
    /// Two background threads.
    Threads,
    /// The appending thread, after its append: the same order of disk operations in each run, for
    /// simulations.
    Inline,
}

/// Settings of [`crate::Embedded`].
#[derive(Clone)]
pub struct Options {
    /// Bytes of one log file, and so the most of one group; 8 KiB to 1 GiB. 64 MiB by default.
    pub log_bytes: u64,
    /// A log whose first group is older than this is closed and settled, so that what is trimmed
    /// leaves the disk on quiet lanes too. A day by default.
    pub log_age_max_ms: u64,
    /// Unsettled logs of one lane at which appends wait for the settling thread. 32 by default.
    pub unsettled_logs_max: usize,
    /// Bytes written to a segment between flushes, so that no large flush builds up before a group's.
    /// 2 MiB by default.
    pub settle_chunk_bytes: usize,
    /// Whether settled log files are used again. Yes by default.
    pub recycle_logs: bool,
    /// Threads by default.
    pub upkeep: Upkeep,
    /// Milliseconds since 1970, for the age of logs only.
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log_bytes: 64 << 20,
            log_age_max_ms: 24 * 60 * 60 * 1000,
            unsettled_logs_max: 32,
            settle_chunk_bytes: 2 << 20,
            recycle_logs: true,
            upkeep: Upkeep::Threads,
            clock: Arc::new(|| {
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
            }),
        }
    }
}

impl Options {
    /// The size that log files get: within bounds and whole pages.
    pub(super) fn log_bytes(&self) -> u64 {
        let bytes = self.log_bytes.clamp(LOG_BYTES_MIN, LOG_BYTES_MAX);
        bytes - bytes % PAGE_BYTES as u64
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("log_bytes", &self.log_bytes)
            .field("log_age_max_ms", &self.log_age_max_ms)
            .field("unsettled_logs_max", &self.unsettled_logs_max)
            .field("settle_chunk_bytes", &self.settle_chunk_bytes)
            .field("recycle_logs", &self.recycle_logs)
            .field("upkeep", &self.upkeep)
            .finish_non_exhaustive()
    }
}
