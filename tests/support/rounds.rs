//! How often a test of chances is repeated, and what its chances are drawn from.

use std::time::{SystemTime, UNIX_EPOCH};

/// Quick in `cargo test`; `UPDATER_FAULTS=sampled` is for every day, and `full` for the record.
pub(crate) fn rounds(quick: u64, sampled: u64, full: u64) -> u64 {
    let extent = std::env::var_os("UPDATER_FAULTS");
    match extent.as_ref().map(|extent| extent.to_str()) {
        None => quick,
        Some(Some("sampled")) => sampled,
        Some(Some("full")) => full,
        Some(_) => panic!("UPDATER_FAULTS is `sampled` or `full`, not {extent:?}"),
    }
}

/// Pseudo-random numbers (xorshift64*): the same for the same seed. The seed is printed; `UPDATER_SEED` sets it.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(test: &str) -> Self {
        let seed = seed();
        println!("{test}: UPDATER_SEED={seed}");
        // Tests with one seed are to draw different numbers.
        Self::seeded(test.bytes().fold(seed, |state, byte| state.wrapping_mul(31).wrapping_add(byte.into())))
    }

    /// For another process of the same test.
    pub(crate) fn seeded(seed: u64) -> Self {
        // The last steps of SplitMix64: no two seeds end in one state, and neighbours in none that are alike.
        let mixed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        // From zero, xorshift never gets away.
        Self((mixed ^ mixed >> 31).max(1))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % limit
    }

    /// Below 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Always the same in `cargo test`, so that it fails for everybody or nobody.
fn seed() -> u64 {
    match std::env::var("UPDATER_SEED") {
        Ok(seed) => seed.parse().expect("UPDATER_SEED is a number"),
        Err(_) if rounds(0, 1, 1) == 0 => 1,
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs(),
    }
}

#[test]
fn another_seed_draws_other_numbers() {
    let first: std::collections::BTreeSet<u64> = (0..100).map(|seed| Random::seeded(seed).next()).collect();
    assert_eq!(first.len(), 100);
}
