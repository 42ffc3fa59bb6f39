//! A seeded random number generator: the same seed gives the same sequence.

use std::str::FromStr;

/// `SplitMix64`: small, and good enough for random requests.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns an independent generator.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next_u64())
    }

    /// Returns a number in `0..end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next_u64() % end as u64).expect("the number fits in usize")
    }

    /// Returns true with a probability of one in `times`.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn choose<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Returns 1 to `max` different items in random order.
    pub(crate) fn choose_multiple<T: Copy>(&mut self, all: &[T], max: usize) -> Vec<T> {
        let mut rest = all.to_vec();
        let count = 1 + self.below(max.min(rest.len()));
        (0..count).map(|_| rest.swap_remove(self.below(rest.len()))).collect()
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Parses the environment variable as a number.
pub(crate) fn parse_env_var<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}
