//! Which entries the journal retains, cursors, pending entries and waits.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::*;
use tokio::time::timeout;

use super::super::{
    ChangeKind, ChangeSet, Cursor, Entry, Journal, JournalLimits, JournalSlice, RowChange,
    SequencedEntry,
};
use super::entry;

/// Longer than any wait here takes.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

fn journal(max_entries: usize) -> Arc<Journal> {
    Arc::new(Journal::new(JournalLimits { max_entries, max_bytes: usize::MAX }))
}

fn some_entry() -> Arc<Entry> {
    Arc::new(entry("ticket.get", 0))
}

fn add(journal: &Journal, count: usize) {
    for _ in 0..count {
        journal.add(some_entry());
    }
}

fn journal_with(max_entries: usize, count: usize) -> Arc<Journal> {
    let journal = journal(max_entries);
    add(&journal, count);
    journal
}

fn seqs(entries: &[SequencedEntry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq).collect()
}

/// Returns the numbers of the entries, whether the slice is truncated, and its end.
fn summary(slice: &JournalSlice) -> (Vec<u64>, bool, u64) {
    (seqs(&slice.entries), slice.is_truncated, slice.end.after_seq)
}

fn since(journal: &Journal, after_seq: u64) -> (Vec<u64>, bool, u64) {
    summary(&journal.slice_since(Some(journal.cursor_after(after_seq))))
}

fn deletion(id: i64) -> ChangeSet {
    let row = RowChange { resource: "ticket", id, change: ChangeKind::Deleted };
    [row].into_iter().collect()
}

#[test]
fn slice_has_the_entries_after_the_cursor() {
    let journal = journal_with(5, 3);
    assert_eq!(summary(&journal.slice_since(None)), (vec![1, 2, 3], false, 3));
    assert_eq!(since(&journal, 0), (vec![1, 2, 3], false, 3));
    assert_eq!(since(&journal, 2), (vec![3], false, 3));
    assert_eq!(since(&journal, 3), (vec![], false, 3));
    assert_eq!(journal.len(), 3);
    assert_eq!(summary(&self::journal(5).slice_since(None)), (vec![], false, 0));
}

#[test]
fn oldest_entries_are_evicted_and_cursors_before_them_report_truncation() {
    let journal = journal_with(5, 5);
    assert_eq!(summary(&journal.slice_since(None)), (vec![1, 2, 3, 4, 5], false, 5));
    add(&journal, 3);
    assert_eq!(summary(&journal.slice_since(None)), (vec![4, 5, 6, 7, 8], true, 8));
    assert_eq!(since(&journal, 2), (vec![4, 5, 6, 7, 8], true, 8));
    assert_eq!(since(&journal, 3), (vec![4, 5, 6, 7, 8], false, 8));
    assert_eq!(since(&journal, 5), (vec![6, 7, 8], false, 8));
    assert_eq!(journal.len(), 5);
    assert_eq!(seqs(&journal.entries_by_seq(&[7, 3, 4, 9, 0])), [7, 4]);
}

#[test]
fn entries_take_at_most_the_memory_limit() {
    let entry_bytes = entry("ticket.get", 0).estimated_bytes();
    let journal = Journal::new(JournalLimits { max_entries: 100, max_bytes: 2 * entry_bytes });
    add(&journal, 2);
    assert_eq!(summary(&journal.slice_since(None)), (vec![1, 2], false, 2));
    add(&journal, 2);
    assert_eq!(summary(&journal.slice_since(None)), (vec![3, 4], true, 4));
    let mut large = entry("ticket.get", 0);
    large.path = "x".repeat(2 * entry_bytes).into();
    journal.add(Arc::new(large));
    assert_eq!(summary(&journal.slice_since(None)), (vec![], true, 5), "it is evicted itself");
    add(&journal, 2);
    assert_eq!(since(&journal, 5), (vec![6, 7], false, 7), "and occupies no memory");
    journal.clear();
    add(&journal, 3);
    assert_eq!(since(&journal, 0), (vec![9, 10], true, 10), "cleared entries occupy none either");
}

#[test]
fn memory_of_a_committed_entry_counts_with_its_changes() {
    let mut changed = entry("ticket.get", 0);
    changed.changes = deletion(7);
    let max_bytes = 2 * changed.estimated_bytes();
    let journal = Arc::new(Journal::new(JournalLimits { max_entries: 100, max_bytes }));
    for _ in 0..3 {
        journal.reserve(deletion(7)).commit(some_entry());
    }
    assert_eq!(summary(&journal.slice_since(None)), (vec![2, 3], true, 3));
}

#[test]
fn journal_without_entries_is_disabled() {
    let disabled = journal_with(0, 2);
    assert!(!disabled.is_enabled());
    assert_eq!((disabled.len(), summary(&disabled.slice_since(None))), (0, (vec![], true, 2)));
    assert!(journal(1).is_enabled());
    assert_eq!(journal(1).limits(), JournalLimits { max_entries: 1, max_bytes: usize::MAX });
}

#[test]
fn numbers_continue_after_the_journal_is_cleared() {
    let journal = journal_with(5, 3);
    assert_eq!(journal.cleared_through(), 0);
    journal.clear();
    assert_eq!((journal.len(), journal.cleared_through()), (0, 3));
    assert_eq!(summary(&journal.slice_since(None)), (vec![], false, 3));
    assert_eq!(since(&journal, 1), (vec![], false, 3), "cleared entries are not evicted ones");
    assert!(journal.entries_by_seq(&[1, 2, 3]).is_empty());
    add(&journal, 2);
    assert_eq!(summary(&journal.slice_since(None)), (vec![4, 5], false, 5));
    assert_eq!(since(&journal, 1), (vec![4, 5], false, 5));
    assert_eq!(since(&journal, 4), (vec![5], false, 5));
}

#[test]
fn eviction_before_the_journal_is_cleared_is_no_truncation_of_the_rest() {
    let journal = journal_with(2, 5);
    journal.clear();
    add(&journal, 1);
    assert_eq!(summary(&journal.slice_since(None)), (vec![6], false, 6));
}

#[test]
fn cursor_is_read_as_it_was_written() {
    let journal = journal_with(5, 8);
    for seq in [0, 1, 3, 8] {
        let cursor = journal.cursor_after(seq);
        assert_eq!(cursor.after_seq, seq);
        assert_eq!(journal.parse_cursor(&cursor.to_string()), Some(cursor));
    }
}

#[test]
fn cursor_of_another_journal_or_of_the_future_is_rejected() {
    let journal = journal_with(5, 8);
    let valid = journal.cursor_after(8).to_string();
    let (id, _) = valid.split_once('.').expect("a cursor has a period");
    assert_eq!(id.len(), 8);
    let other_journal = self::journal(5).cursor_after(0).to_string();
    for text in [
        "",
        ".",
        "8",
        id,
        &format!("{id}."),
        &format!("{id}.9"),
        &format!("{id}.08"),
        &format!("{id}.+8"),
        &format!("{id}.-1"),
        &format!("{id}.8.8"),
        &format!("{id}.18446744073709551616"),
        &format!(" {valid}"),
        &format!("0{valid}"),
        ".8",
        &other_journal,
    ] {
        assert_eq!(journal.parse_cursor(text), None, "{text:?}");
    }
}

#[test]
fn entries_after_a_pending_one_are_hidden_until_it_is_committed() {
    let journal = journal_with(5, 1);
    let (second, third) = (journal.reserve(deletion(2)), journal.reserve(deletion(3)));
    add(&journal, 1);
    assert_eq!(summary(&journal.slice_since(None)), (vec![1], false, 1));
    third.commit(some_entry());
    assert_eq!(summary(&journal.slice_since(None)), (vec![1], false, 1));
    assert_eq!(since(&journal, 3), (vec![], false, 3), "a cursor never moves back");
    second.commit(some_entry());
    let slice = journal.slice_since(None);
    assert_eq!(summary(&slice), (vec![1, 2, 3, 4], false, 4), "in the order of the commits");
    let changes: Vec<ChangeSet> =
        slice.entries.iter().map(|entry| entry.entry.changes.clone()).collect();
    assert_eq!(changes, [ChangeSet::default(), deletion(2), deletion(3), ChangeSet::default()]);
}

#[test]
fn dropped_pending_entry_leaves_a_gap() {
    let journal = journal_with(5, 1);
    drop(journal.reserve(ChangeSet::default()));
    add(&journal, 1);
    assert_eq!(summary(&journal.slice_since(None)), (vec![1, 3], false, 3));
    assert_eq!(seqs(&journal.entries_by_seq(&[1, 2, 3])), [1, 3]);
}

#[test]
fn entry_that_is_committed_after_the_journal_was_cleared_is_not_recorded() {
    let journal = journal_with(5, 1);
    let pending = journal.reserve(ChangeSet::default());
    journal.clear();
    add(&journal, 1);
    pending.commit(some_entry());
    assert_eq!(summary(&journal.slice_since(None)), (vec![3], false, 3));
}

#[test]
fn entry_that_is_committed_after_its_eviction_is_not_recorded() {
    let journal = journal(2);
    let pending = journal.reserve(ChangeSet::default());
    add(&journal, 2);
    pending.commit(some_entry());
    assert_eq!(summary(&journal.slice_since(None)), (vec![2, 3], true, 3));
}

#[test]
fn read_waits_for_the_entries_that_are_reserved_before_it() {
    let journal = journal_with(5, 1);
    let (second, third) = (journal.reserve(deletion(2)), journal.reserve(deletion(3)));
    let mut read = Box::pin(journal.read_since(None));
    let mut entry = Box::pin(journal.entry(2));
    assert!(read.as_mut().now_or_never().is_none());
    assert!(entry.as_mut().now_or_never().is_none());
    let fourth = journal.reserve(deletion(4));
    second.commit(some_entry());
    assert!(read.as_mut().now_or_never().is_none());
    assert!(entry.as_mut().now_or_never().is_none());
    third.commit(some_entry());
    let slice = read.now_or_never().expect("entry 4 was reserved later");
    assert_eq!(summary(&slice), (vec![1, 2, 3], false, 3));
    let second = entry.now_or_never().expect("entry 4 was reserved later");
    assert_eq!(second.expect("entry 2 exists").changes, deletion(2));
    drop(fourth);
    assert!(journal.entry(4).now_or_never().expect("nothing is pending").is_none());
    assert!(journal.entry(0).now_or_never().expect("nothing is pending").is_none());
}

#[tokio::test]
async fn commit_and_drop_wake_a_waiting_read() {
    for is_committed in [true, false] {
        let journal = journal(5);
        let pending = journal.reserve(ChangeSet::default());
        let reader = Arc::clone(&journal);
        let read = tokio::spawn(async move { reader.read_since(None).await });
        tokio::task::yield_now().await;
        if is_committed {
            pending.commit(some_entry());
        } else {
            drop(pending);
        }
        let slice = timeout(TEST_TIMEOUT, read).await.expect("in time").expect("no panic");
        assert_eq!(slice.entries.len(), usize::from(is_committed));
    }
}

#[test]
fn wait_returns_a_found_value_at_once() {
    let journal = journal_with(5, 1);
    let found = journal.wait_for(|journal| Some(journal.len())).now_or_never();
    assert_eq!(found, Some(Some(1)));
    journal.close();
    let found = journal.wait_for(|journal| Some(journal.len())).now_or_never();
    assert_eq!(found, Some(Some(1)), "also in a closed journal");
    let found = journal.wait_for(|_| None::<()>).now_or_never();
    assert_eq!(found, Some(None));
}

#[tokio::test]
async fn each_new_entry_and_the_removal_of_the_account_wake_a_wait() {
    let journal = journal(5);
    let waiter = |count| {
        let journal = Arc::clone(&journal);
        let has_entries = move |journal: &Journal| (journal.len() >= count).then_some(count);
        tokio::spawn(async move { journal.wait_for(has_entries).await })
    };
    let (two, three) = (waiter(2), waiter(3));
    for _ in 0..2 {
        tokio::task::yield_now().await;
        add(&journal, 1);
    }
    let found = timeout(TEST_TIMEOUT, two).await.expect("in time").expect("no panic");
    assert_eq!(found, Some(2));
    journal.close();
    let found = timeout(TEST_TIMEOUT, three).await.expect("in time").expect("no panic");
    assert_eq!(found, None);
}

/// What happens to a journal.
#[derive(Clone, Debug)]
enum Step {
    Add,
    Reserve,
    /// Commits or drops a pending entry, by index.
    Commit(usize),
    Drop(usize),
    Clear,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Add),
        3 => Just(Step::Reserve),
        3 => any::<prop::sample::Index>().prop_map(|index| Step::Commit(index.index(100))),
        1 => any::<prop::sample::Index>().prop_map(|index| Step::Drop(index.index(100))),
        1 => Just(Step::Clear),
    ]
}

proptest! {
    /// A slice that is not truncated has every entry of its range that was recorded since the last clearing.
    #[test]
    fn slice_is_complete_unless_it_is_truncated(
        max_entries in 1_usize..6,
        steps in prop::collection::vec(any_step(), 0..30),
    ) {
        let journal = journal(max_entries);
        let (mut recorded, mut pending, mut last_seq, mut cleared) = (Vec::new(), Vec::new(), 0, 0);
        for step in steps {
            match step {
                Step::Add => {
                    add(&journal, 1);
                    last_seq += 1;
                    recorded.push(last_seq);
                }
                Step::Reserve => {
                    last_seq += 1;
                    pending.push((last_seq, journal.reserve(ChangeSet::default())));
                }
                Step::Commit(index) if !pending.is_empty() => {
                    let (seq, entry) = pending.remove(index % pending.len());
                    entry.commit(some_entry());
                    recorded.push(seq);
                }
                Step::Drop(index) if !pending.is_empty() => {
                    drop(pending.remove(index % pending.len()));
                }
                Step::Clear => {
                    journal.clear();
                    cleared = last_seq;
                }
                Step::Commit(_) | Step::Drop(_) => {}
            }
            recorded.retain(|seq| *seq > cleared);
            recorded.sort_unstable();
            let visible_end = pending.iter().map(|(seq, _)| seq - 1).min().unwrap_or(last_seq);
            let check_slice = |cursor: Option<Cursor>| {
                let (found, is_truncated, end) = summary(&journal.slice_since(cursor));
                let start = cursor.map_or(cleared, |cursor| cursor.after_seq);
                let mut expected = recorded.clone();
                expected.retain(|seq| *seq > start && *seq <= visible_end);
                prop_assert_eq!(end, visible_end.max(start));
                prop_assert!(found == expected || (is_truncated && expected.ends_with(&found)));
                Ok(())
            };
            check_slice(None)?;
            for seq in 0..=last_seq {
                check_slice(Some(journal.cursor_after(seq)))?;
            }
        }
        add(&journal, 1);
        prop_assert!(journal.len() <= max_entries);
    }
}
