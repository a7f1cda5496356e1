//! Clients that mean no good, or know no better.

use std::collections::VecDeque;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::wire;

/// Threads that are rude at once.
pub const THREADS: usize = 2;

/// Connections that a thread keeps open at once.
pub const HELD: usize = 2_500;

/// So many a second from each thread, at most: a thousand from all.
const PACE: Duration = Duration::from_micros(1_000_000 / 1_000 * THREADS as u64);

/// One way of being rude.
pub struct Rudeness {
    /// What it is called.
    pub name: &'static str,
    /// What such a client sends.
    says: fn() -> Vec<u8>,
    /// Whether it waits for an answer before it goes; else it stays until others of its kind take its place.
    listens: bool,
}

/// All ways that are tried.
pub const RUDENESSES: [Rudeness; 5] = [
    Rudeness { name: "garbage", says: garbage, listens: false },
    Rudeness { name: "half", says: half_a_frame, listens: false },
    Rudeness { name: "2 GiB", says: || i32::MAX.to_be_bytes().to_vec(), listens: false },
    Rudeness { name: "silent", says: Vec::new, listens: false },
    Rudeness { name: "password", says: || wire::greeting(super::PUBLISHER, "wrong"), listens: true },
];

fn garbage() -> Vec<u8> {
    (0..200).map(|_| fastrand::u8(..)).collect()
}

fn half_a_frame() -> Vec<u8> {
    [&16_000i32.to_be_bytes()[..], &[0; 100]].concat()
}

/// What became of strangers.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many came.
    pub came: u64,
    /// How many were told that they are not let in.
    pub answered: u64,
}

impl Tally {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.came += other.came;
        self.answered += other.answered;
    }
}

/// Comes again and again until it is over.
pub fn flood(address: &str, rudeness: &Rudeness, over: &AtomicBool) -> Tally {
    let mut tally = Tally::default();
    let mut held: VecDeque<TcpStream> = VecDeque::new();
    let mut next = Instant::now();
    while !over.load(Ordering::Relaxed) {
        next += PACE;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        let Ok(mut stream) = TcpStream::connect(address) else { continue };
        if stream.write_all(&(rudeness.says)()).is_err() {
            continue;
        }
        tally.came += 1;
        if rudeness.listens {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let heard = wire::answer(&mut stream).and_then(|_| wire::answer(&mut stream));
            let refused = heard.is_ok_and(|answer| wire::error_of(&answer).is_some_and(|error| error != 0));
            tally.answered += u64::from(refused);
        } else {
            held.push_back(stream);
            if held.len() > HELD {
                held.pop_front();
            }
        }
    }
    tally
}
