//! The threads that check, seal and hash what is published to a lane. Their priority is the lane's, so that a batch
//! load cannot take the processor from a real-time event.

use std::thread;

use crossbeam_channel::{Sender, bounded};

use super::{Lane, step_back};
use crate::limits::LANE_QUEUE_MAX_JOBS;

type Work = Box<dyn FnOnce() + Send>;

/// A lane's pool of threads.
pub struct Admission {
    queue: Sender<Work>,
}

impl Admission {
    /// Starts one thread per processor. They end when the pool is dropped.
    pub fn start(lane: Lane) -> std::io::Result<Self> {
        let (queue, work) = bounded::<Work>(LANE_QUEUE_MAX_JOBS);
        for number in 0..thread::available_parallelism().map_or(2, usize::from) {
            let work = work.clone();
            thread::Builder::new().name(format!("admit-{}-{number}", lane.name())).spawn(move || {
                step_back(lane);
                work.iter().for_each(|job| job());
            })?;
        }
        Ok(Self { queue })
    }

    /// Runs `job` on one of the threads; waits while the queue is full. After the pool's end nothing runs.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        let _ = self.queue.send(Box::new(job));
    }
}
