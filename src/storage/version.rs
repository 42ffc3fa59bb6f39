//! Numbers that move with the changes of an account.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

/// The most rows whose own numbers are known (chosen); beyond it all of them get the newest.
const MOST_KNOWN: usize = 16 * 1024;

/// A number that moves with every change of what it belongs to, before the change is acknowledged. Each row has one of
/// its own as well, which moves with changes of that row and with those that are of no row in particular.
///
/// Readers see a change as soon as it is committed, which is before the number moves. So the numbers of what is being
/// committed are held meanwhile: who asks for them is told that there is none, and reads past the cache.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version(Arc<Moving>);

#[derive(Debug, Default)]
struct Moving {
    number: AtomicU64,
    /// True while anything is held.
    is_held: AtomicBool,
    rows: RwLock<Rows>,
    moved: Notify,
}

#[derive(Debug, Default)]
struct Rows {
    /// The number of all rows that are not among the known.
    others: u64,
    known: HashMap<i64, u64>,
    held: Held,
}

/// What is being committed.
#[derive(Debug, Default, PartialEq, Eq)]
enum Held {
    #[default]
    Nothing,
    Rows(Vec<i64>),
    Everything,
}

impl Version {
    /// The present number.
    pub(crate) fn now(&self) -> u64 {
        self.0.number.load(Ordering::Acquire)
    }

    /// The number that a cached response about the whole account must have; None while a change is committed.
    pub(crate) fn of_all(&self) -> Option<u64> {
        // In this order: a number that is read after nothing was held is one under which nothing newer was visible.
        (!self.0.is_held.load(Ordering::Acquire)).then(|| self.now())
    }

    /// The number that a cached response about a row must have; None while a change of the row is committed.
    pub(crate) fn of(&self, row: i64) -> Option<u64> {
        let rows = self.0.rows.read().unwrap_or_else(PoisonError::into_inner);
        let is_held = match &rows.held {
            Held::Nothing => false,
            Held::Rows(held) => held.contains(&row),
            Held::Everything => true,
        };
        (!is_held).then(|| rows.known.get(&row).copied().unwrap_or(rows.others))
    }

    /// A change of these rows, or with None of anything, is about to be committed.
    pub(crate) fn hold(&self, changed: Option<&[i64]>) {
        let mut rows = self.0.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.held = changed.map_or(Held::Everything, |changed| Held::Rows(changed.to_vec()));
        self.0.is_held.store(true, Ordering::Release);
    }

    /// What was held has changed, or not; with rows, nothing else has. Nothing is held any more.
    pub(crate) fn release(&self, changed: Option<&[i64]>) {
        self.moves(|rows, number| {
            match changed {
                Some(changed) if rows.known.len() + changed.len() <= MOST_KNOWN => {
                    rows.known.extend(changed.iter().map(|row| (*row, number)));
                }
                _ => rows.move_all(number),
            }
            rows.held = Held::Nothing;
            self.0.is_held.store(false, Ordering::Release);
        });
    }

    /// Something has changed, and it may be anything.
    pub(crate) fn advance(&self) {
        self.moves(Rows::move_all);
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

impl Rows {
    fn move_all(&mut self, number: u64) {
        self.others = number;
        self.known = HashMap::new();
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_KNOWN, Version};

    /// A change of a row, from its commit to its end.
    fn change(version: &Version, rows: &[i64]) {
        version.hold(Some(rows));
        version.release(Some(rows));
    }

    #[test]
    fn a_row_moves_with_its_own_changes_and_with_those_of_everything() {
        let version = Version::default();
        let rows = || [1, 2].map(|row| version.of(row).expect("nothing is held"));
        let [first, second] = rows();
        change(&version, &[1]);
        assert_eq!(rows()[1], second);
        assert_ne!(rows()[0], first);
        let before = rows();
        version.advance();
        assert!(rows().iter().zip(before).all(|(now, before)| *now != before));
    }

    #[test]
    fn a_row_that_changed_never_has_a_number_again_that_it_had() {
        let version = Version::default();
        change(&version, &[1]);
        let before = version.of(1);
        let many: Vec<i64> = (2..).take(MOST_KNOWN).collect();
        change(&version, &many);
        change(&version, &[1]);
        assert!(version.of(1) > before);
    }

    #[test]
    fn what_is_being_committed_has_no_number() {
        let version = Version::default();
        let numbers = || [version.of_all(), version.of(1), version.of(2)];
        let before = numbers();
        version.hold(Some(&[1]));
        assert_eq!(numbers(), [None, None, before[2]]);
        version.release(Some(&[1]));
        let after = numbers();
        assert!(after[0] > before[0] && after[1] > before[1] && after[2] == before[2], "{after:?}");
        version.hold(None);
        assert_eq!(numbers(), [None; 3]);
        version.advance();
        assert_eq!(numbers(), [None; 3], "what is held is not released by another change");
        version.release(None);
        assert!(numbers().iter().all(|number| *number > after[0]), "{:?}", numbers());
    }
}
