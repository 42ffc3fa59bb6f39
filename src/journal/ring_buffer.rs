//! The journal of one account: a bounded ring buffer of its newest requests, in order.
//!
//! A write reserves a sequence number when it commits, and adds its entry when the response is ready. Readers wait for
//! the entries of all numbers that are already reserved, which takes microseconds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::{ChangeSet, Entry};

/// The capacity of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JournalLimits {
    /// Entry limit; 0 disables the journal.
    pub(crate) max_entries: usize,
    /// Memory limit, in bytes.
    pub(crate) max_bytes: usize,
}

/// A position between two requests, valid for one journal only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    journal_id: u32,
    /// The last request before the cursor.
    pub(crate) after_seq: u64,
}

/// Matches the text of each cursor.
pub(crate) const CURSOR_PATTERN: &str = "^[0-9a-f]{8}[.][0-9]+$";

impl std::fmt::Display for Cursor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:08x}.{}", self.journal_id, self.after_seq)
    }
}

/// An entry with its sequence number.
#[derive(Clone, Debug)]
pub(crate) struct SequencedEntry {
    pub(crate) seq: u64,
    pub(crate) entry: Arc<Entry>,
}

/// The entries of a journal after a cursor.
#[derive(Debug)]
pub(crate) struct JournalSlice {
    /// The oldest first.
    pub(crate) entries: Vec<SequencedEntry>,
    /// Whether entries after the cursor have been evicted.
    pub(crate) is_truncated: bool,
    /// The cursor after all of them.
    pub(crate) end: Cursor,
}

impl JournalSlice {
    /// Removes the requests of the console: a person sent them, not the client that a test verifies.
    pub(crate) fn without_console(mut self) -> Self {
        self.entries.retain(|entry| !entry.entry.is_from_console);
        self
    }
}

/// The request journal of one account.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Marks its cursors.
    id: u32,
    limits: JournalLimits,
    ring: Mutex<RingBuffer>,
    notify: Notify,
}

#[derive(Debug)]
struct RingBuffer {
    /// The entry of number `first_seq + i`; None if it is pending or was dropped.
    slots: VecDeque<Option<Arc<Entry>>>,
    first_seq: u64,
    bytes: usize,
    /// Reserved numbers without an entry yet. Few, if any.
    pending: Vec<u64>,
    /// The last number that was evicted.
    last_evicted: u64,
    /// The last number before the journal was cleared.
    cleared_through: u64,
    is_closed: bool,
}

impl RingBuffer {
    /// Returns the last assigned number.
    fn last_seq(&self) -> u64 {
        self.first_seq + self.slots.len() as u64 - 1
    }

    fn push(&mut self, entry: Option<Arc<Entry>>) -> u64 {
        self.slots.push_back(entry);
        self.last_seq()
    }

    /// Returns the index of the slot with this number; None if it precedes all slots.
    fn slot_index(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.first_seq)?).ok()
    }

    fn entry(&self, seq: u64) -> Option<Arc<Entry>> {
        self.slots.get(self.slot_index(seq)?)?.clone()
    }

    fn set_entry(&mut self, seq: u64, entry: Arc<Entry>) {
        let index = self.slot_index(seq);
        if let Some(slot) = index.and_then(|index| self.slots.get_mut(index)) {
            self.bytes += entry.estimated_bytes();
            *slot = Some(entry);
        }
    }

    fn evict_to_fit(&mut self, limits: JournalLimits) {
        while self.slots.len() > limits.max_entries || self.bytes > limits.max_bytes {
            let Some(slot) = self.slots.pop_front() else { return };
            self.bytes -= slot.map_or(0, |entry| entry.estimated_bytes());
            self.last_evicted = self.first_seq;
            self.first_seq += 1;
        }
    }
}

/// The number reserved for a committed write, and its change set. Its entry follows.
#[derive(Debug)]
pub(crate) struct PendingEntry {
    journal: Arc<Journal>,
    seq: u64,
    pub(crate) changes: ChangeSet,
}

impl PendingEntry {
    /// Fills the reserved slot.
    pub(crate) fn commit(mut self, mut entry: Arc<Entry>) {
        let changes = std::mem::take(&mut self.changes);
        Arc::make_mut(&mut entry).changes = changes;
        let mut ring = self.journal.ring();
        ring.set_entry(self.seq, entry);
        ring.evict_to_fit(self.journal.limits);
    }
}

impl Drop for PendingEntry {
    fn drop(&mut self) {
        self.journal.ring().pending.retain(|seq| *seq != self.seq);
        self.journal.notify.notify_waiters();
    }
}

impl Journal {
    /// Creates an empty journal.
    pub(crate) fn new(limits: JournalLimits) -> Self {
        static NEXT_ID: AtomicU32 = AtomicU32::new(0);
        // Unique in this process by a counter, and most likely across processes by a random base.
        let id = random_id_base().wrapping_add(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let ring = RingBuffer {
            slots: VecDeque::new(),
            first_seq: 1,
            bytes: 0,
            pending: Vec::new(),
            last_evicted: 0,
            cleared_through: 0,
            is_closed: false,
        };
        Self { id, limits, ring: Mutex::new(ring), notify: Notify::new() }
    }

    fn ring(&self) -> MutexGuard<'_, RingBuffer> {
        self.ring.lock()
    }

    /// Returns the number of requests.
    pub(crate) fn len(&self) -> usize {
        self.ring().slots.len()
    }

    /// Returns whether it records anything.
    pub(crate) fn is_enabled(&self) -> bool {
        self.limits.max_entries > 0
    }

    /// Reserves the next number for a committed write.
    pub(crate) fn reserve(self: &Arc<Self>, changes: ChangeSet) -> PendingEntry {
        let mut ring = self.ring();
        let seq = ring.push(None);
        ring.pending.push(seq);
        drop(ring);
        PendingEntry { journal: Arc::clone(self), seq, changes }
    }

    /// Appends an entry.
    pub(crate) fn add(&self, entry: Arc<Entry>) {
        let mut ring = self.ring();
        ring.bytes += entry.estimated_bytes();
        ring.push(Some(entry));
        ring.evict_to_fit(self.limits);
        drop(ring);
        self.notify.notify_waiters();
    }

    /// Returns the entries after a cursor, or all. Waits for those that are already reserved.
    pub(crate) async fn read_since(&self, cursor: Option<Cursor>) -> JournalSlice {
        self.wait_for_pending().await;
        self.slice_since(cursor)
    }

    /// Returns the entries before the first pending one.
    pub(crate) fn slice_since(&self, cursor: Option<Cursor>) -> JournalSlice {
        let ring = self.ring();
        let end = ring.pending.iter().min().map_or(ring.last_seq(), |pending| pending - 1);
        let after_seq = cursor.map_or(ring.cleared_through, |cursor| cursor.after_seq);
        let skip =
            usize::try_from((after_seq + 1).saturating_sub(ring.first_seq)).unwrap_or(usize::MAX);
        let slots = (ring.first_seq..).zip(&ring.slots).skip(skip);
        let entries = slots
            .take_while(|(seq, _)| *seq <= end)
            .filter_map(|(seq, slot)| {
                Some(SequencedEntry { seq, entry: Arc::clone(slot.as_ref()?) })
            })
            .collect();
        JournalSlice {
            entries,
            is_truncated: after_seq < ring.last_evicted,
            end: Cursor { journal_id: self.id, after_seq: end.max(after_seq) },
        }
    }

    /// Returns the entries with these numbers, in this order; skips evicted ones.
    pub(crate) fn entries_by_seq(&self, seqs: &[u64]) -> Vec<SequencedEntry> {
        let ring = self.ring();
        let found = |seq: &u64| Some(SequencedEntry { seq: *seq, entry: ring.entry(*seq)? });
        seqs.iter().filter_map(found).collect()
    }

    /// Returns the last number before the journal was cleared.
    pub(crate) fn cleared_through(&self) -> u64 {
        self.ring().cleared_through
    }

    /// Returns its capacity.
    pub(crate) fn limits(&self) -> JournalLimits {
        self.limits
    }

    /// Returns the entry with this number. Waits for pending entries.
    pub(crate) async fn entry(&self, seq: u64) -> Option<Arc<Entry>> {
        self.wait_for_pending().await;
        self.ring().entry(seq)
    }

    async fn wait_for_pending(&self) {
        let last_seq = self.ring().last_seq();
        loop {
            let notified = self.notify.notified();
            if self.ring().pending.iter().all(|seq| *seq > last_seq) {
                return;
            }
            notified.await;
        }
    }

    /// Waits until `find` returns a value; returns None once the journal is closed.
    pub(crate) async fn wait_for<T>(&self, mut find: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        loop {
            let notified = self.notify.notified();
            if let Some(found) = find(self) {
                return Some(found);
            }
            if self.ring().is_closed {
                return None;
            }
            notified.await;
        }
    }

    /// Returns the cursor after a request.
    pub(crate) fn cursor_after(&self, seq: u64) -> Cursor {
        Cursor { journal_id: self.id, after_seq: seq }
    }

    /// Parses a cursor; None if it is not one of this journal.
    pub(crate) fn parse_cursor(&self, text: &str) -> Option<Cursor> {
        let after_seq = text.split_once('.')?.1.parse().ok()?;
        let cursor = Cursor { journal_id: self.id, after_seq };
        (cursor.to_string() == text && after_seq <= self.ring().last_seq()).then_some(cursor)
    }

    /// Removes all entries. Numbers continue, so cursors stay valid.
    pub(crate) fn clear(&self) {
        let mut ring = self.ring();
        let last_seq = ring.last_seq();
        ring.slots.clear();
        ring.first_seq = last_seq + 1;
        ring.bytes = 0;
        ring.cleared_through = last_seq;
    }

    /// Ends all waits: the account has been removed.
    pub(crate) fn close(&self) {
        self.ring().is_closed = true;
        self.notify.notify_waiters();
    }
}

/// Returns a random number that most likely differs between processes.
fn random_id_base() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::LazyLock;
    static BASE: LazyLock<u32> = LazyLock::new(|| {
        let [a, b, c, d, ..] = RandomState::new().hash_one(0).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    });
    *BASE
}
