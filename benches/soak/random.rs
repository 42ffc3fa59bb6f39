//! Choices that are the same in each run with the same seed.

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, client: u32) -> Self {
        let mut random = Self(seed ^ u64::from(client).rotate_left(32));
        // So that near seeds soon lie apart.
        random.next();
        random
    }

    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number less than this one, which is not 0.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        let scaled = (self.next() >> 32) * u64::from(end);
        u32::try_from(scaled >> 32).expect("it is less than a u32")
    }

    /// Once in so many times.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let count = u32::try_from(all.len()).expect("there are few");
        &all[self.below(count) as usize]
    }

    /// From nothing to twice this time.
    pub(crate) fn around(&mut self, time: std::time::Duration) -> std::time::Duration {
        time * self.below(2_001) / 1_000
    }
}
