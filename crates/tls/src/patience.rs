//! How long a client may take what is written to it.
//!
//! What was looked at and may leave is on its way until the client has taken it; who takes nothing would put off for as long
//! as it likes that a right ends. So what waits to be written waits for a bounded time, and then the connection is closed.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// What a client must take in the time given while something waits for it. Not less than what waits at once: servers keep up
/// to 400 KiB behind the connection before they ask for more, so that each byte leaves within twice the time.
const ENOUGH_BYTES: usize = 512 * 1024;

/// One connection's.
#[derive(Debug)]
pub struct Patience {
    within: Duration,
    /// Runs while something waits.
    ends: Option<Pin<Box<Sleep>>>,
    /// What the client took since it began to run.
    taken: usize,
}

impl Patience {
    /// Patience that ends after such a time in which something waits.
    pub fn new(within: Duration) -> Self {
        Self { within, ends: None, taken: 0 }
    }

    /// The client took so many bytes.
    pub fn took(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken >= ENOUGH_BYTES {
            self.rest();
        }
    }

    /// Nothing waits, or enough was taken.
    pub fn rest(&mut self) {
        self.ends = None;
        self.taken = 0;
    }

    /// Whether something waits.
    pub fn is_tried(&self) -> bool {
        self.ends.is_some()
    }

    /// Something waits: ready with an error when that has been so for too long.
    pub fn poll_over<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.ends.is_none() {
            (self.ends, self.taken) = (Some(Box::pin(sleep(self.within))), 0);
        }
        if let Some(ends) = &mut self.ends {
            ready!(ends.as_mut().poll(context));
        }
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client does not take what is sent to it",
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::timeout;

    use super::*;

    const WITHIN: Duration = Duration::from_millis(400);

    /// Waits for half of the time, in which the client takes nothing; whether its time is over.
    async fn waits(patience: &mut Patience) -> bool {
        let over = timeout(WITHIN / 2, poll_fn(|context| patience.poll_over::<()>(context))).await;
        over.is_ok_and(|over| over.unwrap_err().kind() == io::ErrorKind::TimedOut)
    }

    #[tokio::test]
    async fn whoever_takes_enough_in_time_is_waited_for_and_whoever_takes_a_little_is_not() {
        let mut quick = Patience::new(WITHIN);
        for _ in 0..6 {
            assert!(!waits(&mut quick).await, "it took enough");
            quick.took(ENOUGH_BYTES);
        }
        assert!(!waits(&mut quick).await);
        quick.rest();
        assert!(!waits(&mut quick).await, "nothing waited meanwhile");
        let mut slow = Patience::new(WITHIN);
        let mut waited = 1;
        while !waits(&mut slow).await {
            slow.took(ENOUGH_BYTES / 8);
            waited += 1;
            assert!(waited < 5, "a little each time is not enough");
        }
    }
}
