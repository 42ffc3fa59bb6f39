//! Room for one more open database: where the system lets the process have few files, another one is closed for it.

use std::pin::pin;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::timeout;

use super::{Account, Accounts};
use crate::clock::Stopwatch;
use crate::storage::{Slot, StorageError};

/// How long a database that is in use is waited for before another look at all of them (chosen).
const GRACE: Duration = Duration::from_millis(20);

impl Accounts {
    /// The right to open the account's database in files. Whoever asks holds no other such right: they would wait for
    /// each other.
    ///
    /// # Errors
    /// When all others are in use for too long.
    pub(super) async fn slot(&self, account: &Account) -> Result<Slot, StorageError> {
        let slots = &self.storage.slots;
        let watch = Stopwatch::start();
        // A little sooner than the request is given up, so that its client learns what there was not enough of.
        let patience = self.storage.patience.mul_f32(0.8);
        // Kept over all tries, since those who wait are served in their order.
        let mut slot = pin!(slots.take());
        loop {
            {
                let _only = slots.evict().await;
                if let Some(slot) = slot.as_mut().now_or_never() {
                    return Ok(slot);
                }
                self.evict(account).await;
            }
            if let Ok(slot) = timeout(GRACE, slot.as_mut()).await {
                return Ok(slot);
            }
            if watch.elapsed() > patience {
                return Err(StorageError::NoRoom { most: slots.most });
            }
        }
    }

    /// Closes the database that nobody has used for the longest time. Where all are in use, it waits a moment for the
    /// gate of that one, so that accounts that are always in use make room as well.
    async fn evict(&self, account: &Account) {
        let mut others: Vec<Arc<Account>> = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.values().filter_map(Weak::upgrade).collect()
        };
        others.retain(|other| other.durable && other.serial != account.serial);
        others.sort_by_key(|other| other.used());
        for other in &others {
            if self.park_if_unused(other).await {
                return;
            }
        }
        if let Some(other) = others.first()
            && let Ok(mut world) = timeout(GRACE, other.world.write()).await
        {
            self.lay_down(other, &mut world).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use serde_json::Map;

    use super::*;
    use crate::accounts::{
        AccountError, Admission, Allowance, Home, NewAccount, NewKey, Rules, Source,
    };
    use crate::dialect::Dialect;
    use crate::journal::Bounds;
    use crate::metrics::Sqlite;
    use crate::storage::{Durability, Slots, Storage};

    /// Accounts of which one may be open in files.
    async fn accounts(folder: &std::path::Path, patience: Duration) -> Arc<Accounts> {
        let journal = Bounds { entries: 0, bytes: 0 };
        let each = Allowance { journal, waits: 1, patience };
        let admission = Admission::Fixed;
        let rules = Rules { dialect: Map::new(), most: 10, admission, each };
        let dialect = Dialect::read(&Map::new()).expect("the usual one");
        let (durability, times) = (Durability::Process, Sqlite::default());
        let storage = Storage { durability, patience, times, slots: Slots::new(1, 1) };
        let accounts = Accounts::open(Home::Folder(folder.to_owned()), rules, dialect, storage);
        Arc::new(accounts.await.expect("they open"))
    }

    async fn made(accounts: &Accounts, key: &str) -> Arc<Account> {
        let new = NewAccount::with_key(NewKey::first(key));
        accounts.make(new, Source::Empty).await.expect("it is made")
    }

    #[tokio::test]
    async fn an_account_that_is_not_in_use_makes_room_for_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let accounts = accounts(folder.path(), Duration::from_mins(1)).await;
        let [one, other] = [made(&accounts, "key-one").await, made(&accounts, "key-other").await];
        for account in [&one, &other, &one, &other] {
            accounts.lease(account).await.expect("there is room");
            assert_eq!(accounts.census().open_databases, 1);
        }
        accounts.close().await;
    }

    #[tokio::test]
    async fn one_that_is_in_use_for_too_long_is_told_of_and_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let accounts = accounts(folder.path(), Duration::from_secs(2)).await;
        let [one, other] = [made(&accounts, "key-one").await, made(&accounts, "key-other").await];
        let lease = accounts.lease(&one).await.expect("there is room");
        let refused = accounts.lease(&other).await.expect_err("there is none");
        assert!(
            matches!(&refused, AccountError::Storage(StorageError::NoRoom { most: 1 })),
            "{refused:?}"
        );
        drop(lease);
        accounts.lease(&other).await.expect("there is room again");
        accounts.close().await;
    }

    #[tokio::test]
    async fn an_account_that_is_always_in_use_makes_room_as_well() {
        let folder = tempfile::tempdir().expect("a folder");
        let accounts = accounts(folder.path(), Duration::from_secs(20)).await;
        let [one, other] = [made(&accounts, "key-one").await, made(&accounts, "key-other").await];
        let is_over = Arc::new(AtomicBool::new(false));
        let first = accounts.lease(&one).await.expect("there is room");
        // Each begins anew as soon as it has ended, so that one of the two always runs.
        let requests = [1, 2].map(|pauses| {
            let (accounts, one) = (Arc::clone(&accounts), Arc::clone(&one));
            let is_over = Arc::clone(&is_over);
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let _lease = accounts.lease(&one).await.expect("it has its turn");
                    for _ in 0..pauses {
                        tokio::task::yield_now().await;
                    }
                }
            })
        });
        // They have begun by then.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        drop(first);
        accounts.lease(&other).await.expect("it has its turn");
        is_over.store(true, Ordering::Relaxed);
        for request in requests {
            request.await.expect("it ends");
        }
        accounts.close().await;
    }
}
