//! What happened, in numbers.

use std::ops::AddAssign;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CrashStats {
    pub(super) kills: usize,
    /// Servers that were killed before they could say that they listen, or soon afterwards.
    pub(super) startup_kills: usize,
    /// Files that were to grow when their server was killed, and are shorter than their first page says.
    pub(super) truncated_files: usize,
    acknowledged: usize,
    rejected: usize,
    in_flight_applied: usize,
    in_flight_not_applied: usize,
    /// Refused ones, and those after which everything is as it was anyway.
    in_flight_without_effect: usize,
}

impl CrashStats {
    pub(super) fn record_response(&mut self, is_refused: bool) {
        *(if is_refused { &mut self.rejected } else { &mut self.acknowledged }) += 1;
    }

    /// What became of the request that was under way when the server was killed.
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
