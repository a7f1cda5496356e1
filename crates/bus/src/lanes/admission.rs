//! The threads that check, seal and hash what is published to a lane. Their priority is the lane's, so that a batch
//! load cannot take the processor from a real-time event.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crossbeam_channel::{Sender, unbounded};

use super::{Lane, step_back};

type Work = Box<dyn FnOnce() + Send>;

/// A lane's pool of threads.
pub struct Admission {
    queue: Sender<Work>,
}

impl Admission {
    /// Starts one thread per processor. They end when the pool is dropped.
    pub fn start(lane: Lane) -> std::io::Result<Self> {
        let (queue, work) = unbounded::<Work>();
        for number in 0..thread::available_parallelism().map_or(2, usize::from) {
            let work = work.clone();
            thread::Builder::new().name(format!("admit-{}-{number}", lane.name())).spawn(move || {
                step_back(lane);
                work.iter().for_each(survive);
            })?;
        }
        Ok(Self { queue })
    }

    /// Runs `job` on one of the threads. After the pool's end nothing runs. What waits here is bounded by the room
    /// that a lane gives to publishers.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        let _ = self.queue.send(Box::new(job));
    }
}

/// A defect that one event meets must not take the thread from all others. The chunk is dropped, and with it the
/// reply, so that its publisher learns that nothing of it was taken.
fn survive(job: Work) {
    if catch_unwind(AssertUnwindSafe(job)).is_err() {
        tracing::error!("admission met a defect and gave up one chunk of events; the log above says where");
    }
}
