//! Evicts an open database to open another one, if the limit of file descriptors is reached.

use std::pin::pin;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::timeout;

use super::{Account, Accounts};
use crate::clock::Stopwatch;
use crate::storage::{DatabasePermit, StorageError};

/// How long to wait for a database in use before the next scan of all of them (arbitrary).
const EVICTION_WAIT: Duration = Duration::from_millis(20);

impl Accounts {
    /// Waits for a permit to open the account's database file. The caller must hold no other permit: that could
    /// deadlock.
    ///
    /// # Errors
    /// If all permits stay in use too long.
    pub(super) async fn acquire_database_permit(
        &self,
        account: &Account,
    ) -> Result<DatabasePermit, StorageError> {
        let limit = &self.storage.database_limit;
        let stopwatch = Stopwatch::start();
        // Shorter than the request timeout, so that the client gets the specific error.
        let max_wait = self.storage.operation_timeout.mul_f32(0.8);
        // Reused for all retries: the semaphore's queue is FIFO.
        let mut permit = pin!(limit.acquire());
        loop {
            {
                let _eviction_guard = limit.lock_eviction().await;
                if let Some(permit) = permit.as_mut().now_or_never() {
                    return Ok(permit);
                }
                self.evict_least_recently_used(account).await;
            }
            if let Ok(permit) = timeout(EVICTION_WAIT, permit.as_mut()).await {
                return Ok(permit);
            }
            if stopwatch.elapsed() > max_wait {
                return Err(StorageError::TooManyOpenDatabases { max: limit.max_open });
            }
        }
    }

    /// Closes the least recently used database that is idle. If all are in use, it waits briefly for the lock of the
    /// least recently used, so that constantly busy accounts are evicted too.
    async fn evict_least_recently_used(&self, account: &Account) {
        let mut others: Vec<Arc<Account>> = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.values().filter_map(Weak::upgrade).collect()
        };
        others.retain(|other| other.is_durable && other.serial != account.serial);
        others.sort_by_key(|other| other.last_used_ms());
        for other in &others {
            if self.close_if_idle(other).await {
                return;
            }
        }
        if let Some(other) = others.first()
            && let Ok(mut data) = timeout(EVICTION_WAIT, other.data.write()).await
        {
            self.close_database_locked(other, &mut data).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use serde_json::Map;

    use super::*;
    use crate::accounts::{
        AccountError, AccountLimits, AccountPolicy, AccountSource, NewAccount, NewApiKey,
        StorageMode, UnknownKeyPolicy,
    };
    use crate::contract::dialect::Dialect;
    use crate::journal::JournalLimits;
    use crate::metrics::SqliteMetrics;
    use crate::storage::{DatabaseLimit, Durability, Storage};

    /// Allows one open database file.
    async fn open_accounts(
        data_dir: &std::path::Path,
        operation_timeout: Duration,
    ) -> Arc<Accounts> {
        let journal = JournalLimits { max_entries: 0, max_bytes: 0 };
        let account_limits =
            AccountLimits { journal, max_waits: 1, lock_timeout: operation_timeout };
        let policy = AccountPolicy {
            dialect_defaults: Map::new(),
            max_accounts: 10,
            unknown_keys: UnknownKeyPolicy::Fixed,
            account_limits,
        };
        let dialect = Dialect::parse(&Map::new()).expect("the defaults");
        let storage = Storage {
            durability: Durability::Process,
            operation_timeout,
            metrics: SqliteMetrics::default(),
            database_limit: DatabaseLimit::new(1, 1),
        };
        let accounts =
            Accounts::open(StorageMode::DataDir(data_dir.to_owned()), policy, dialect, storage);
        Arc::new(accounts.await.expect("accounts open"))
    }

    async fn create_account(accounts: &Accounts, key: &str) -> Arc<Account> {
        let new = NewAccount::with_key(NewApiKey::with_all_permissions(key));
        accounts.create_account(new, AccountSource::Empty).await.expect("the account is created")
    }

    #[tokio::test]
    async fn idle_account_is_evicted_to_open_another() {
        let data_dir = tempfile::tempdir().expect("a temporary directory");
        let accounts = open_accounts(data_dir.path(), Duration::from_mins(1)).await;
        let [one, other] = [
            create_account(&accounts, "key-one").await,
            create_account(&accounts, "key-other").await,
        ];
        for account in [&one, &other, &one, &other] {
            accounts.lease(account).await.expect("a permit is free");
            assert_eq!(accounts.gauge_snapshot().open_databases, 1);
        }
        accounts.close().await;
    }

    #[tokio::test]
    async fn lease_fails_while_all_database_permits_are_in_use() {
        let data_dir = tempfile::tempdir().expect("a temporary directory");
        let accounts = open_accounts(data_dir.path(), Duration::from_secs(2)).await;
        let [one, other] = [
            create_account(&accounts, "key-one").await,
            create_account(&accounts, "key-other").await,
        ];
        let lease = accounts.lease(&one).await.expect("a permit is free");
        let error = accounts.lease(&other).await.expect_err("no permit is free");
        assert!(
            matches!(&error, AccountError::Storage(StorageError::TooManyOpenDatabases { max: 1 })),
            "{error:?}"
        );
        drop(lease);
        accounts.lease(&other).await.expect("a permit is free again");
        accounts.close().await;
    }

    #[tokio::test]
    async fn constantly_busy_account_is_evicted_too() {
        let data_dir = tempfile::tempdir().expect("a temporary directory");
        let accounts = open_accounts(data_dir.path(), Duration::from_secs(20)).await;
        let [one, other] = [
            create_account(&accounts, "key-one").await,
            create_account(&accounts, "key-other").await,
        ];
        let is_stopped = Arc::new(AtomicBool::new(false));
        let first = accounts.lease(&one).await.expect("a permit is free");
        // Each loop leases again at once, so that one of the two always holds a lease.
        let requests = [1, 2].map(|yields| {
            let (accounts, one) = (Arc::clone(&accounts), Arc::clone(&one));
            let is_stopped = Arc::clone(&is_stopped);
            tokio::spawn(async move {
                while !is_stopped.load(Ordering::Relaxed) {
                    let _lease = accounts.lease(&one).await.expect("a lease");
                    for _ in 0..yields {
                        tokio::task::yield_now().await;
                    }
                }
            })
        });
        // Lets the loops start.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        drop(first);
        accounts.lease(&other).await.expect("a lease");
        is_stopped.store(true, Ordering::Relaxed);
        for request in requests {
            request.await.expect("the loop ends");
        }
        accounts.close().await;
    }
}
