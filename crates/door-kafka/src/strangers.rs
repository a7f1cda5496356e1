//! Connections that ended before their client said who it is. Anybody can make a thousand of them a second, so that the
//! operator is told how many there were, and of one what was wrong with it.

use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How often the operator is told at most.
const PAUSE: Duration = Duration::from_secs(10);

/// Those since the operator was told last.
#[derive(Debug, Default)]
pub struct Strangers(Mutex<Since>);

#[derive(Debug, Default)]
struct Since {
    told: Option<Instant>,
    count: u64,
    last: Option<(SocketAddr, String)>,
}

impl Strangers {
    /// One more, and why.
    pub fn sent_away(&self, peer: SocketAddr, why: String) {
        let mut since = self.0.lock();
        since.count += 1;
        since.last = Some((peer, why));
    }

    /// Tells the operator where there is something to tell and the last time is long ago.
    pub fn tell(&self, now: Instant) {
        let mut since = self.0.lock();
        if since.told.is_some_and(|told| now.duration_since(told) < PAUSE) {
            return;
        }
        let Some((peer, why)) = since.last.take() else { return };
        let count = std::mem::take(&mut since.count);
        since.told = Some(now);
        drop(since);
        tracing::info!(count, %peer, why, "connections were ended whose clients had not said who they are; the last of them");
    }
}
