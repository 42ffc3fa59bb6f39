//! Room for open databases: each of them takes files of the process, of which the system gives it only so many.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};

/// The right to have one database open in files; it is free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

/// How many databases may be open in files at the same time, and how many connections may read each.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    /// Held by who closes a database to make room, so that for one that is to be opened only one is closed.
    evicting: Arc<Mutex<()>>,
    /// The most open databases.
    pub(crate) most: usize,
    /// The most connections that read one of them.
    pub(super) readers: u32,
}

impl Slots {
    /// Room for so many databases, each with so many connections that read.
    pub(crate) fn new(most: usize, readers: u32) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(most)), evicting: Arc::default(), most, readers }
    }

    /// Takes a slot; waits for one where there is none. Those who wait are served in their order.
    pub(crate) async fn take(&self) -> Slot {
        let slot = Arc::clone(&self.free).acquire_owned().await;
        Slot(slot.expect("the semaphore is never closed"))
    }

    /// Waits until nobody else makes room.
    pub(crate) async fn evict(&self) -> MutexGuard<'_, ()> {
        self.evicting.lock().await
    }
}

impl Default for Slots {
    /// More than anybody has accounts for.
    fn default() -> Self {
        Self::new(Semaphore::MAX_PERMITS, u32::MAX)
    }
}
