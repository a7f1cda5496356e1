//! Random 96-bit nonces, many from one call of the random generator.

use std::cell::RefCell;

use aws_lc_rs::rand;

pub(crate) const NONCE_BYTES: usize = 12;

/// One call of the generator costs about 500 ns whether it fills 12 bytes or this many.
const POOL_BYTES: usize = NONCE_BYTES * 256;

struct Pool {
    bytes: [u8; POOL_BYTES],
    used: usize,
}

thread_local! {
    // Nonces are public (they stand in every sealed form), so that a pool of them needs no protection. Owned by its
    // thread: no lock, and no two threads can draw the same nonce.
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOL_BYTES], used: POOL_BYTES }) };
}

/// The random generator gave nothing; without a fresh nonce nothing may be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRandomness;

/// A nonce that nobody else draws.
pub(crate) fn fresh() -> Result<[u8; NONCE_BYTES], NoRandomness> {
    POOL.with_borrow_mut(|pool| {
        if pool.used + NONCE_BYTES > POOL_BYTES {
            rand::fill(&mut pool.bytes).map_err(|_| NoRandomness)?;
            pool.used = 0;
        }
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&pool.bytes[pool.used..pool.used + NONCE_BYTES]);
        pool.used += NONCE_BYTES;
        Ok(nonce)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn no_nonce_is_drawn_twice_across_refills_and_threads() {
        let draw = || (0..1000).map(|_| super::fresh().unwrap()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(draw)).collect();
        let drawn: Vec<_> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 4000);
    }
}
