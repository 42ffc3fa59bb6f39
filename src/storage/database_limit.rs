//! Limits the open databases: each takes file descriptors, and the system limits those of the process.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};

/// Permits one database to be open in files; released on drop.
#[derive(Debug)]
pub(crate) struct DatabasePermit(
    #[expect(dead_code, reason = "held for its Drop")] OwnedSemaphorePermit,
);

/// The maximum number of databases open in files at the same time, and the most read connections of each.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseLimit {
    permits: Arc<Semaphore>,
    /// Held during an eviction, so that for one database to open only one is closed.
    eviction_lock: Arc<Mutex<()>>,
    /// The most open databases.
    pub(crate) max_open: usize,
    /// The most read connections of one of them.
    pub(super) max_readers: u32,
}

impl DatabaseLimit {
    /// Limits databases, and the read connections of each.
    pub(crate) fn new(max_open: usize, max_readers: u32) -> Self {
        let max_open = max_open.min(Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(max_open)),
            eviction_lock: Arc::default(),
            max_open,
            max_readers,
        }
    }

    /// Sets no practical limit.
    #[cfg(test)]
    pub(crate) fn unlimited() -> Self {
        Self::new(Semaphore::MAX_PERMITS, u32::MAX)
    }

    /// Acquires a permit; waits if none is free. Waiting tasks are served in order.
    pub(crate) async fn acquire(&self) -> DatabasePermit {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        DatabasePermit(permit.expect("the semaphore is never closed"))
    }

    /// Waits for other evictions.
    pub(crate) async fn lock_eviction(&self) -> MutexGuard<'_, ()> {
        self.eviction_lock.lock().await
    }
}
