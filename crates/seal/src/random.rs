//! Random nonces and keys, many from one call of the random generator: one costs about 500 ns whether it fills 12 bytes or
//! some thousand.

use std::cell::RefCell;

use aws_lc_rs::rand;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub(crate) const NONCE_BYTES: usize = 12;
pub(crate) const KEY_BYTES: usize = 32;

const NONCES: usize = 256 * NONCE_BYTES;
/// Few: what is not drawn yet will be somebody's key.
const KEYS: usize = 32 * KEY_BYTES;

/// Random bytes of a thread that were not drawn yet. What is drawn is overwritten, and so is the rest when the thread ends.
#[derive(ZeroizeOnDrop)]
struct Pool<const BYTES: usize> {
    bytes: [u8; BYTES],
    used: usize,
}

thread_local! {
    // Owned by its thread: no lock, and no two threads can draw the same bytes.
    static NONCE_POOL: RefCell<Pool<NONCES>> = const { RefCell::new(Pool::empty()) };
    static KEY_POOL: RefCell<Pool<KEYS>> = const { RefCell::new(Pool::empty()) };
}

/// The random generator gave nothing; without fresh bytes nothing may be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRandomness;

/// A nonce that nobody else draws.
pub(crate) fn nonce() -> Result<[u8; NONCE_BYTES], NoRandomness> {
    NONCE_POOL.with_borrow_mut(|pool| pool.draw().map(|nonce| *nonce))
}

/// A key that nobody else draws.
pub(crate) fn key() -> Result<Zeroizing<[u8; KEY_BYTES]>, NoRandomness> {
    KEY_POOL.with_borrow_mut(Pool::draw)
}

impl<const BYTES: usize> Pool<BYTES> {
    const fn empty() -> Self {
        Self { bytes: [0; BYTES], used: BYTES }
    }

    fn draw<const N: usize>(&mut self) -> Result<Zeroizing<[u8; N]>, NoRandomness> {
        if self.used + N > BYTES {
            rand::fill(&mut self.bytes).map_err(|_| NoRandomness)?;
            self.used = 0;
        }
        let bytes = &mut self.bytes[self.used..self.used + N];
        let mut drawn = Zeroizing::new([0; N]);
        drawn.copy_from_slice(bytes);
        bytes.zeroize();
        self.used += N;
        Ok(drawn)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::Hash;

    use super::*;

    #[track_caller]
    fn nothing_is_drawn_twice<T: Send + Eq + Hash + 'static>(draw: fn() -> T) {
        let draw = move || (0..1000).map(|_| draw()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(draw)).collect();
        let drawn: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 4000);
    }

    #[test]
    fn no_nonce_and_no_key_is_drawn_twice_across_refills_and_threads() {
        nothing_is_drawn_twice(|| nonce().unwrap());
        nothing_is_drawn_twice(|| *key().unwrap());
    }

    #[test]
    fn what_was_drawn_is_overwritten() {
        key().unwrap();
        KEY_POOL.with_borrow(|pool| {
            assert!(pool.bytes[..pool.used].iter().all(|byte| *byte == 0));
            assert!(pool.bytes[pool.used..].iter().any(|byte| *byte != 0) || pool.used == KEYS);
        });
    }
}
