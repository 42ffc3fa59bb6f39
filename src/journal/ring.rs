//! The journal of one account: the newest requests, in order, within bounds.
//!
//! A request that changes something takes its number when its change is kept, and its entry when the answer is ready.
//! Readers wait for the entries of all numbers that were taken before they came, which is a matter of microseconds.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Entry, Rows};

/// How much a journal keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The most entries; none of them turns the journal off.
    pub(crate) entries: usize,
    /// The most memory, in bytes.
    pub(crate) bytes: usize,
}

/// A place between two requests of one journal. One of another journal is none here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    tag: u32,
    /// The last request before the place.
    pub(crate) after: u64,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:08x}.{}", self.tag, self.after)
    }
}

/// What a journal holds after a place.
#[derive(Debug)]
pub(crate) struct View {
    /// With their numbers, the oldest first.
    pub(crate) entries: Vec<(u64, Arc<Entry>)>,
    /// Whether entries after the place have been dropped by the bounds.
    pub(crate) truncated: bool,
    /// The place after all of them.
    pub(crate) end: Cursor,
}

/// The requests of one account.
#[derive(Debug)]
pub(crate) struct Journal {
    /// What tells its cursors from those of others.
    tag: u32,
    bounds: Bounds,
    ring: Mutex<Ring>,
    news: Notify,
}

#[derive(Debug)]
struct Ring {
    /// The entry of number `first + i`; None until its answer is ready, or where there will be none.
    slots: VecDeque<Option<Arc<Entry>>>,
    first: u64,
    bytes: usize,
    /// The numbers that were taken, and whose entries are still to come. Few, if any.
    taken: Vec<u64>,
    /// The last number that the bounds have dropped.
    dropped: u64,
    /// The last number that was there when the journal was emptied.
    cleared: u64,
    closed: bool,
}

impl Ring {
    /// The last number that was given.
    fn last(&self) -> u64 {
        self.first + self.slots.len() as u64 - 1
    }

    fn take(&mut self, entry: Option<Arc<Entry>>) -> u64 {
        self.slots.push_back(entry);
        self.last()
    }

    fn fill(&mut self, number: u64, entry: Arc<Entry>) {
        let slot = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(slot) = slot.and_then(|index| self.slots.get_mut(index)) {
            self.bytes += entry.weight();
            *slot = Some(entry);
        }
    }

    fn keep_within(&mut self, bounds: Bounds) {
        while self.slots.len() > bounds.entries || self.bytes > bounds.bytes {
            let Some(slot) = self.slots.pop_front() else { return };
            self.bytes -= slot.map_or(0, |entry| entry.weight());
            self.dropped = self.first;
            self.first += 1;
        }
    }
}

/// The number of a change that was kept, and what it changed. Its entry is still to come.
#[derive(Debug)]
pub(crate) struct Place {
    journal: Arc<Journal>,
    number: u64,
    pub(crate) rows: Rows,
}

impl Place {
    /// Puts the entry at its place.
    pub(crate) fn fill(mut self, mut entry: Arc<Entry>) {
        let rows = std::mem::take(&mut self.rows);
        Arc::make_mut(&mut entry).rows = rows;
        let mut ring = self.journal.ring();
        ring.fill(self.number, entry);
        ring.keep_within(self.journal.bounds);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.journal.ring().taken.retain(|taken| *taken != self.number);
        self.journal.news.notify_waiters();
    }
}

impl Journal {
    /// An empty journal.
    pub(crate) fn new(bounds: Bounds) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Told apart from those of this process by counting, and from those of another by chance.
        let tag = process_tag().wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let ring = Ring {
            slots: VecDeque::new(),
            first: 1,
            bytes: 0,
            taken: Vec::new(),
            dropped: 0,
            cleared: 0,
            closed: false,
        };
        Self { tag, bounds, ring: Mutex::new(ring), news: Notify::new() }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests it holds.
    pub(crate) fn len(&self) -> usize {
        self.ring().slots.len()
    }

    /// Whether it keeps anything.
    pub(crate) fn is_on(&self) -> bool {
        self.bounds.entries > 0
    }

    /// Takes the next number for a change that was just kept.
    pub(crate) fn take(self: &Arc<Self>, rows: Rows) -> Place {
        let mut ring = self.ring();
        let number = ring.take(None);
        ring.taken.push(number);
        drop(ring);
        Place { journal: Arc::clone(self), number, rows }
    }

    /// Adds an entry.
    pub(crate) fn add(&self, entry: Arc<Entry>) {
        let mut ring = self.ring();
        ring.bytes += entry.weight();
        ring.take(Some(entry));
        ring.keep_within(self.bounds);
        drop(ring);
        self.news.notify_waiters();
    }

    /// What is there after a place, or at all. Waits for the entries whose numbers are taken already.
    pub(crate) async fn since(&self, place: Option<Cursor>) -> View {
        self.settled().await;
        self.view(place)
    }

    /// What is there now.
    pub(crate) fn view(&self, place: Option<Cursor>) -> View {
        let ring = self.ring();
        let end = ring.taken.iter().min().map_or(ring.last(), |taken| taken - 1);
        let after = place.map_or(ring.cleared, |place| place.after);
        let skip = usize::try_from((after + 1).saturating_sub(ring.first)).unwrap_or(usize::MAX);
        let numbered = (ring.first..).zip(&ring.slots).skip(skip);
        let entries = numbered
            .take_while(|(number, _)| *number <= end)
            .filter_map(|(number, slot)| Some((number, Arc::clone(slot.as_ref()?))))
            .collect();
        View {
            entries,
            truncated: after < ring.dropped,
            end: Cursor { tag: self.tag, after: end.max(after) },
        }
    }

    /// The entries with these numbers, in their order, of those that are still kept.
    pub(crate) fn kept(&self, numbers: &[u64]) -> Vec<(u64, Arc<Entry>)> {
        let ring = self.ring();
        let slot = |number: u64| usize::try_from(number.checked_sub(ring.first)?).ok();
        let entry = |number: u64| ring.slots.get(slot(number)?)?.clone();
        numbers.iter().filter_map(|number| Some((*number, entry(*number)?))).collect()
    }

    /// The last number that was there when the journal was emptied.
    pub(crate) fn cleared(&self) -> u64 {
        self.ring().cleared
    }

    /// How much it keeps.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The entry with this number.
    pub(crate) async fn entry(&self, number: u64) -> Option<Arc<Entry>> {
        self.settled().await;
        let ring = self.ring();
        let index = usize::try_from(number.checked_sub(ring.first)?).ok()?;
        ring.slots.get(index)?.clone()
    }

    async fn settled(&self) {
        let last = self.ring().last();
        loop {
            let news = self.news.notified();
            if self.ring().taken.iter().all(|taken| *taken > last) {
                return;
            }
            news.await;
        }
    }

    /// Waits until `found` finds something, and gives that; None once there is nothing more to come.
    pub(crate) async fn watch<T>(&self, mut found: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        loop {
            let news = self.news.notified();
            if let Some(found) = found(self) {
                return Some(found);
            }
            if self.ring().closed {
                return None;
            }
            news.await;
        }
    }

    /// The place after a request.
    pub(crate) fn after(&self, number: u64) -> Cursor {
        Cursor { tag: self.tag, after: number }
    }

    /// The place that a text names; None where it names none of this journal.
    pub(crate) fn cursor(&self, text: &str) -> Option<Cursor> {
        let after = text.split_once('.')?.1.parse().ok()?;
        let cursor = Cursor { tag: self.tag, after };
        (cursor.to_string() == text && after <= self.ring().last()).then_some(cursor)
    }

    /// Forgets all entries. Numbers go on, so cursors stay good.
    pub(crate) fn clear(&self) {
        let mut ring = self.ring();
        let last = ring.last();
        ring.slots.clear();
        ring.first = last + 1;
        ring.bytes = 0;
        ring.cleared = last;
    }

    /// Nothing more will come: the account has been removed.
    pub(crate) fn close(&self) {
        self.ring().closed = true;
        self.news.notify_waiters();
    }
}

/// A number that another process most likely does not have.
fn process_tag() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::LazyLock;
    static TAG: LazyLock<u32> = LazyLock::new(|| {
        let [a, b, c, d, ..] = RandomState::new().hash_one(0).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    });
    *TAG
}
