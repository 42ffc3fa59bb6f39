//! Numbers that move with the changes of an account.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

/// The most rows whose own numbers are known (chosen); beyond it all of them get the newest.
const MOST_KNOWN: usize = 16 * 1024;

/// A number that moves with every change of what it belongs to, before the change is acknowledged. Each row has one of
/// its own as well, which moves with changes of that row and with those that are of no row in particular.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version(Arc<Moving>);

#[derive(Debug, Default)]
struct Moving {
    number: AtomicU64,
    rows: RwLock<Rows>,
    moved: Notify,
}

#[derive(Debug, Default)]
struct Rows {
    /// The number of all rows that are not among the known.
    others: u64,
    known: HashMap<i64, u64>,
}

impl Version {
    /// The present number.
    pub(crate) fn now(&self) -> u64 {
        self.0.number.load(Ordering::Acquire)
    }

    /// The present number of a row.
    pub(crate) fn of(&self, row: i64) -> u64 {
        let rows = self.0.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.known.get(&row).copied().unwrap_or(rows.others)
    }

    /// Something has changed, and it may be anything.
    pub(crate) fn advance(&self) {
        self.moves(|rows, number| *rows = Rows { others: number, known: HashMap::new() });
    }

    /// These rows have changed, and nothing else of what a row shows.
    pub(crate) fn advance_rows(&self, changed: &[i64]) {
        self.moves(|rows, number| {
            if rows.known.len() + changed.len() > MOST_KNOWN {
                *rows = Rows { others: number, known: HashMap::new() };
            } else {
                rows.known.extend(changed.iter().map(|row| (*row, number)));
            }
        });
    }

    fn moves(&self, note: impl FnOnce(&mut Rows, u64)) {
        let mut rows = self.0.rows.write().unwrap_or_else(PoisonError::into_inner);
        // Moved while the rows are held, so that no row gets an older number than it had.
        let number = self.0.number.fetch_add(1, Ordering::AcqRel) + 1;
        note(&mut rows, number);
        drop(rows);
        self.0.moved.notify_waiters();
    }

    /// Waits until the number is another one.
    pub(crate) async fn other_than(&self, seen: u64) {
        loop {
            let moved = self.0.moved.notified();
            if self.now() != seen {
                return;
            }
            moved.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_KNOWN, Version};

    #[test]
    fn a_row_moves_with_its_own_changes_and_with_those_of_everything() {
        let version = Version::default();
        let rows = || [1, 2].map(|row| version.of(row));
        let [first, second] = rows();
        version.advance_rows(&[1]);
        assert_ne!(version.of(1), first);
        assert_eq!(version.of(2), second);
        let before = rows();
        version.advance();
        assert!(rows().iter().zip(before).all(|(now, before)| *now != before));
    }

    #[test]
    fn a_row_that_changed_never_has_a_number_again_that_it_had() {
        let version = Version::default();
        version.advance_rows(&[1]);
        let before = version.of(1);
        let many: Vec<i64> = (2..).take(MOST_KNOWN).collect();
        version.advance_rows(&many);
        version.advance_rows(&[1]);
        assert!(version.of(1) > before);
    }
}
