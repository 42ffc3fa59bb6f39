//! A random number generator: the same seed gives the same numbers.

use std::time::Duration;

pub(crate) struct Random(u64);

impl Random {
    /// `stream` is another number for each generator of a run.
    pub(crate) fn new(seed: u64, stream: u32) -> Self {
        let mut random = Self(seed ^ u64::from(stream).rotate_left(32));
        // Similar seeds give similar first numbers.
        random.next();
        random
    }

    /// The algorithm `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number less than `end`, which must not be 0.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        let scaled = (self.next() >> 32) * u64::from(end);
        u32::try_from(scaled >> 32).expect("it is less than a u32")
    }

    /// True with a probability of one in `times`.
    pub(crate) fn is_once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let count = u32::try_from(all.len()).expect("the slice is short");
        &all[self.below(count) as usize]
    }

    /// A duration from 0 to twice the given one.
    pub(crate) fn vary(&mut self, duration: Duration) -> Duration {
        duration * self.below(2_001) / 1_000
    }
}
