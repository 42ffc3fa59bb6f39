//! What happened, in numbers.

use std::ops::AddAssign;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) kills: usize,
    /// Servers that were killed before they could say that they listen, or soon afterwards.
    pub(super) killed_starts: usize,
    /// Files that were to grow when their server was killed, and are shorter than their first page says.
    pub(super) short_files: usize,
    acknowledged: usize,
    refused: usize,
    under_way_and_kept: usize,
    under_way_and_not_kept: usize,
    /// Refused ones, and those after which everything is as it was anyway.
    under_way_and_without_trace: usize,
}

impl Tally {
    pub(super) fn answered(&mut self, is_refused: bool) {
        *(if is_refused { &mut self.refused } else { &mut self.acknowledged }) += 1;
    }

    /// What became of the request that was under way when the server was killed.
    pub(super) fn settled(&mut self, leaves_trace: bool, is_kept: bool) {
        let count = match (leaves_trace, is_kept) {
            (false, _) => &mut self.under_way_and_without_trace,
            (true, true) => &mut self.under_way_and_kept,
            (true, false) => &mut self.under_way_and_not_kept,
        };
        *count += 1;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.killed_starts += other.killed_starts;
        self.short_files += other.short_files;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.under_way_and_kept += other.under_way_and_kept;
        self.under_way_and_not_kept += other.under_way_and_not_kept;
        self.under_way_and_without_trace += other.under_way_and_without_trace;
    }
}
