//! Who waits to be known, and who gives way when too many do.
//!
//! Whoever means it goes on at once. A thousand strangers a second who do not would otherwise take every place until
//! their time is up, and keep out those who mean it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Those who wait.
#[derive(Debug)]
pub struct Waiting {
    most: usize,
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    next: u64,
    /// By the order in which they came; dropping a sender tells its place to give way.
    places: BTreeMap<u64, oneshot::Sender<Infallible>>,
}

impl Waiting {
    /// Room for `most` at once.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, all: Mutex::default() })
    }

    /// One more waits; if there are too many now, the one that waited longest gives way.
    pub fn enter(self: &Arc<Self>) -> Place {
        let (sender, gives_way) = oneshot::channel();
        let mut all = self.all.lock();
        let number = all.next;
        all.next += 1;
        all.places.insert(number, sender);
        if all.places.len() > self.most {
            all.places.pop_first();
        }
        Place { of: self.clone(), number, gives_way }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.all.lock().places.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The place of one who waits, until it is dropped.
#[derive(Debug)]
pub struct Place {
    of: Arc<Waiting>,
    number: u64,
    gives_way: oneshot::Receiver<Infallible>,
}

impl Place {
    /// Resolves when it must give way to others. May be given up and called again.
    pub async fn gives_way(&mut self) {
        // Nothing is ever sent, so that this is the sender's end.
        let _ = (&mut self.gives_way).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.all.lock().places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn must_go(place: &mut Place) -> bool {
        matches!(pin!(place.gives_way()).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
    }

    #[test]
    fn the_one_that_waited_longest_gives_way() {
        let waiting = Waiting::new(2);
        let (mut first, mut second) = (waiting.enter(), waiting.enter());
        assert!(!must_go(&mut first) && !must_go(&mut second));
        let mut third = waiting.enter();
        assert!(must_go(&mut first) && !must_go(&mut second) && !must_go(&mut third));
        assert_eq!(waiting.len(), 2);
    }

    #[test]
    fn who_is_known_leaves_room() {
        let waiting = Waiting::new(1);
        drop(waiting.enter());
        assert!(waiting.is_empty());
        let mut next = waiting.enter();
        assert!(!must_go(&mut next));
        drop(waiting.enter());
        assert!(must_go(&mut next));
    }
}
