//! Counters of a crash test.

use std::ops::AddAssign;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CrashStats {
    pub(super) kills: usize,
    /// Servers that were killed before they listened, or soon afterwards.
    pub(super) startup_kills: usize,
    /// Files that are shorter than their header says: the kill interrupted their growth.
    pub(super) truncated_files: usize,
    acknowledged: usize,
    rejected: usize,
    in_flight_applied: usize,
    in_flight_not_applied: usize,
    /// Rejected requests, and those that change nothing.
    in_flight_without_effect: usize,
}

impl CrashStats {
    pub(super) fn record_response(&mut self, is_rejected: bool) {
        *(if is_rejected { &mut self.rejected } else { &mut self.acknowledged }) += 1;
    }

    /// Records the outcome of the request that was in flight at the kill.
    pub(super) fn record_in_flight(&mut self, has_effect: bool, is_applied: bool) {
        let count = match (has_effect, is_applied) {
            (false, _) => &mut self.in_flight_without_effect,
            (true, true) => &mut self.in_flight_applied,
            (true, false) => &mut self.in_flight_not_applied,
        };
        *count += 1;
    }
}

impl AddAssign for CrashStats {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.startup_kills += other.startup_kills;
        self.truncated_files += other.truncated_files;
        self.acknowledged += other.acknowledged;
        self.rejected += other.rejected;
        self.in_flight_applied += other.in_flight_applied;
        self.in_flight_not_applied += other.in_flight_not_applied;
        self.in_flight_without_effect += other.in_flight_without_effect;
    }
}
