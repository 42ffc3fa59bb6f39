//! Change counters: cache keys contain their values, so that a change makes older responses unreachable, and long polls
//! wait for them.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;
use tokio::sync::Notify;

/// The maximum number of rows with their own values (arbitrary); beyond it all get the newest value.
const MAX_TRACKED_ROWS: usize = 16 * 1024;

/// A row of a resource: ids are unique only within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowId {
    pub(crate) resource: &'static str,
    pub(crate) id: i64,
}

/// Hashes the id only: each cached response needs it, and few resources share an id.
impl Hash for RowId {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.id.hash(hasher);
    }
}

/// A counter that advances with every write to its subject, before the write is acknowledged. Each row has its own
/// value as well, which advances with writes to that row and with writes to no row in particular.
///
/// Readers see a write as soon as it is committed, which is before the counter advances. So during a commit the values
/// of its rows are None, and requests bypass the cache.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChangeCounter(Arc<CounterState>);

#[derive(Debug, Default)]
struct CounterState {
    value: AtomicU64,
    /// True during a commit.
    is_commit_pending: AtomicBool,
    rows: RwLock<RowCounters>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct RowCounters {
    /// The value of all untracked rows.
    baseline: u64,
    tracked: HashMap<RowId, u64>,
    pending: PendingCommit,
}

/// The rows of a commit.
#[derive(Debug, Default, PartialEq, Eq)]
enum PendingCommit {
    #[default]
    Idle,
    Rows(Vec<RowId>),
    AllRows,
}

impl ChangeCounter {
    /// Returns the value.
    pub(crate) fn current(&self) -> u64 {
        self.0.value.load(Ordering::Acquire)
    }

    /// Returns the value that a cached response about the account must have; None during a commit.
    pub(crate) fn stable_value(&self) -> Option<u64> {
        // In this order: if no commit was pending before the load, no newer data was visible under the value.
        (!self.0.is_commit_pending.load(Ordering::Acquire)).then(|| self.current())
    }

    /// Returns the value that a cached response about a row must have; None during a commit of the row.
    pub(crate) fn stable_row_value(&self, row: RowId) -> Option<u64> {
        let rows = self.0.rows.read();
        let is_pending = match &rows.pending {
            PendingCommit::Idle => false,
            PendingCommit::Rows(pending_rows) => pending_rows.contains(&row),
            PendingCommit::AllRows => true,
        };
        (!is_pending).then(|| rows.tracked.get(&row).copied().unwrap_or(rows.baseline))
    }

    /// Marks a commit of these rows, or None for all rows, as pending.
    pub(crate) fn begin_commit(&self, changed_rows: Option<&[RowId]>) {
        let mut rows = self.0.rows.write();
        rows.pending = changed_rows.map_or(PendingCommit::AllRows, |changed_rows| {
            PendingCommit::Rows(changed_rows.to_vec())
        });
        self.0.is_commit_pending.store(true, Ordering::Release);
    }

    /// Ends a commit, whatever its outcome: advances these rows, or with None everything.
    pub(crate) fn end_commit(&self, changed_rows: Option<&[RowId]>) {
        self.advance_with(|rows, value| {
            match changed_rows {
                Some(changed_rows)
                    if rows.tracked.len() + changed_rows.len() <= MAX_TRACKED_ROWS =>
                {
                    rows.tracked.extend(changed_rows.iter().map(|row| (*row, value)));
                }
                _ => rows.reset_all(value),
            }
            rows.pending = PendingCommit::Idle;
            self.0.is_commit_pending.store(false, Ordering::Release);
        });
    }

    /// Advances all values.
    pub(crate) fn advance(&self) {
        self.advance_with(RowCounters::reset_all);
    }

    fn advance_with(&self, update: impl FnOnce(&mut RowCounters, u64)) {
        let mut rows = self.0.rows.write();
        // Advanced under the lock, so that no row's value decreases.
        let value = self.0.value.fetch_add(1, Ordering::AcqRel) + 1;
        update(&mut rows, value);
        drop(rows);
        self.0.changed.notify_waiters();
    }

    /// Waits until the value differs.
    pub(crate) async fn wait_for_change(&self, last_seen: u64) {
        loop {
            let changed = self.0.changed.notified();
            if self.current() != last_seen {
                return;
            }
            changed.await;
        }
    }
}

impl RowCounters {
    fn reset_all(&mut self, value: u64) {
        self.baseline = value;
        self.tracked = HashMap::new();
    }
}

#[cfg(test)]
mod tests {
    use super::{ChangeCounter, MAX_TRACKED_ROWS, RowId};

    fn row(id: i64) -> RowId {
        RowId { resource: "ticket", id }
    }

    /// Commits a write to these rows.
    fn commit(counter: &ChangeCounter, ids: &[i64]) {
        let rows: Vec<RowId> = ids.iter().copied().map(row).collect();
        counter.begin_commit(Some(&rows));
        counter.end_commit(Some(&rows));
    }

    #[test]
    fn rows_of_two_resources_with_one_id_have_their_own_values() {
        let counter = ChangeCounter::default();
        let customer = RowId { resource: "customer", id: 1 };
        let before = counter.stable_row_value(customer);
        commit(&counter, &[1]);
        assert_eq!(counter.stable_row_value(customer), before);
        assert_ne!(counter.stable_row_value(row(1)), before);
    }

    #[test]
    fn row_value_changes_on_own_commit_and_on_advance() {
        let counter = ChangeCounter::default();
        let rows =
            || [1, 2].map(|id| counter.stable_row_value(row(id)).expect("no commit is pending"));
        let [first, second] = rows();
        commit(&counter, &[1]);
        assert_eq!(rows()[1], second);
        assert_ne!(rows()[0], first);
        let before = rows();
        counter.advance();
        assert!(rows().iter().zip(before).all(|(now, before)| *now != before));
    }

    #[test]
    fn row_value_never_repeats_after_eviction() {
        let counter = ChangeCounter::default();
        commit(&counter, &[1]);
        let before = counter.stable_row_value(row(1));
        let many_rows: Vec<i64> = (2..).take(MAX_TRACKED_ROWS).collect();
        commit(&counter, &many_rows);
        commit(&counter, &[1]);
        assert!(counter.stable_row_value(row(1)) > before);
    }

    #[test]
    fn stable_values_are_none_while_a_commit_is_pending() {
        let counter = ChangeCounter::default();
        let values = || {
            [
                counter.stable_value(),
                counter.stable_row_value(row(1)),
                counter.stable_row_value(row(2)),
            ]
        };
        let before = values();
        counter.begin_commit(Some(&[row(1)]));
        assert_eq!(values(), [None, None, before[2]]);
        counter.end_commit(Some(&[row(1)]));
        let after = values();
        assert!(after[0] > before[0] && after[1] > before[1] && after[2] == before[2], "{after:?}");
        counter.begin_commit(None);
        assert_eq!(values(), [None; 3]);
        counter.advance();
        assert_eq!(values(), [None; 3], "another write does not end the commit");
        counter.end_commit(None);
        assert!(values().iter().all(|value| *value > after[0]), "{:?}", values());
    }
}
