//! The pool of open account databases: opens them on demand, and closes idle ones.
//!
//! Every database that is open in a file holds a permit, since the system limits the file descriptors of a process. If
//! all permits are taken, another database is closed.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::account::Account;
use super::catalogue;
use super::data::{AccountData, Backing, Lease, close_or_warn};
use super::error::AccountError;
use super::image::Image;
use crate::clock::Stopwatch;
use crate::storage::{ACCOUNT_SCHEMA, Database, DatabasePermit, OpenMode, Storage, StorageError};

/// The most open databases, unless more are in use at the same time (arbitrary).
const MAX_OPEN_BEFORE_EVICTION: usize = 64;
/// Time without a request until a database is closed (arbitrary).
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait for a database in use before the next scan of all of them (arbitrary).
const EVICTION_WAIT: Duration = Duration::from_millis(20);

/// The open databases of accounts.
#[derive(Debug)]
pub(super) struct DatabasePool {
    pub(super) storage: Storage,
    /// The most open databases, unless more are in use.
    max_open: usize,
    /// Accounts with an open database, by serial.
    open: Mutex<HashMap<u64, Weak<Account>>>,
}

impl DatabasePool {
    pub(super) fn new(storage: Storage) -> Self {
        let max_open = MAX_OPEN_BEFORE_EVICTION.min(storage.database_limit.max_open);
        Self { storage, max_open, open: Mutex::default() }
    }

    /// Leases an account's database, and opens it if it is closed.
    ///
    /// # Errors
    /// If the account has been removed, the wait times out, or its database cannot be opened.
    pub(super) async fn lease(
        self: &Arc<Self>,
        account: &Arc<Account>,
    ) -> Result<Lease, AccountError> {
        account.ensure_consistent().await?;
        let lease = timeout(self.storage.operation_timeout, self.lease_or_open(account)).await;
        lease.unwrap_or(Err(StorageError::Busy.into()))
    }

    async fn lease_or_open(
        self: &Arc<Self>,
        account: &Arc<Account>,
    ) -> Result<Lease, AccountError> {
        if let Some(lease) = account.lease_if_open().await {
            return Ok(lease);
        }
        let (pool, account) = (Arc::clone(self), Arc::clone(account));
        // In its own task, so that a client disconnect does not cancel it half-way.
        let task = tokio::spawn(async move {
            let mut data = Arc::clone(&account.data).write_owned().await;
            pool.open(&account, &mut data).await?;
            let lease = Lease::from_guard(data.downgrade());
            lease.ok_or_else(|| account.not_found())
        });
        task.await.map_err(|_| StorageError::TaskFailed)?
    }

    async fn open(
        &self,
        account: &Arc<Account>,
        data: &mut AccountData,
    ) -> Result<(), AccountError> {
        let open = |mode| {
            Database::open(&self.storage, mode, &ACCOUNT_SCHEMA, account.change_counter.clone())
        };
        let (database, file) = match &data.backing {
            Backing::Open { .. } => return Ok(()),
            Backing::Removed => return Err(account.not_found()),
            Backing::File(file) => {
                let path = account.catalogue()?.resolve_path(file);
                let permit = self.acquire_permit(account).await?;
                let opened = open(OpenMode::OpenExisting(&path)).await?;
                (opened.with_permit(permit), Some(file.clone()))
            }
            Backing::Image(image) if account.is_durable() => {
                let OpenedFile { database, file } =
                    self.materialize_image(account, &Arc::clone(image)).await?;
                (database, Some(file))
            }
            Backing::Image(image) => match &**image {
                Image::Memory(content) => (open(OpenMode::FromBytes(content)).await?, None),
                Image::File { path, .. } => {
                    return Err(StorageError::Missing { path: path.clone() }.into());
                }
            },
        };
        data.backing = Backing::Open { database, file };
        self.add_and_evict(account).await;
        Ok(())
    }

    /// Copies an account's image to a file of its own, and opens the copy.
    async fn materialize_image(
        &self,
        account: &Account,
        image: &Arc<Image>,
    ) -> Result<OpenedFile, StorageError> {
        let catalogue = account.catalogue()?;
        let permit = self.acquire_permit(account).await?;
        let file = catalogue.reserve_file(&format!("accounts/{}", account.name)).await?;
        let path = catalogue.resolve_path(&file);
        let opened = async {
            image.copy_to(&self.storage, path.clone()).await?;
            let change_counter = account.change_counter.clone();
            let mode = OpenMode::OpenExisting(&path);
            Database::open(&self.storage, mode, &ACCOUNT_SCHEMA, change_counter).await
        };
        let database = match opened.await {
            Ok(database) => database.with_permit(permit),
            Err(error) => {
                catalogue.delete_orphaned_files(vec![file]).await;
                return Err(image.attribute_error(error));
            }
        };
        // Only a copy that opens replaces the image.
        match record_own_file(account, image, file.clone()).await {
            Ok(orphaned_files) => catalogue.delete_orphaned_files(orphaned_files).await,
            Err(error) => {
                // The commit may be in doubt, so the file stays until the next start.
                close_or_warn(&database).await;
                return Err(error);
            }
        }
        Ok(OpenedFile { database, file })
    }

    /// Waits for a permit to open the account's database file. The caller must hold no other permit: that could
    /// deadlock.
    ///
    /// # Errors
    /// If all permits stay in use too long.
    pub(super) async fn acquire_permit(
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
                self.evict_one(account).await;
            }
            if let Ok(permit) = timeout(EVICTION_WAIT, permit.as_mut()).await {
                return Ok(permit);
            }
            if stopwatch.elapsed() > max_wait {
                return Err(StorageError::TooManyOpenDatabases { max: limit.max_open });
            }
        }
    }

    /// Closes the least recently used file that is idle. If all are in use, it waits briefly for the lock of the
    /// least recently used, so that constantly busy accounts are evicted too.
    async fn evict_one(&self, account: &Account) {
        let mut others = self.others_by_last_use(account);
        others.retain(|other| other.is_durable());
        for other in &others {
            if self.close_if_idle(other).await {
                return;
            }
        }
        if let Some(other) = others.first()
            && let Ok(mut data) = timeout(EVICTION_WAIT, other.data.write()).await
        {
            self.close_locked(other, &mut data).await;
        }
    }

    /// Adds the account, and closes the least recently used databases above the pool's size, unless they are in use.
    async fn add_and_evict(&self, account: &Arc<Account>) {
        {
            let mut open = self.open.lock();
            open.insert(account.serial, Arc::downgrade(account));
            if open.len() <= self.max_open {
                return;
            }
            open.retain(|_, account| account.strong_count() > 0);
        }
        let others = self.others_by_last_use(account);
        let mut surplus = (others.len() + 1).saturating_sub(self.max_open);
        for other in others {
            if surplus == 0 {
                return;
            }
            if self.close_if_idle(&other).await {
                surplus -= 1;
            }
        }
    }

    /// Returns the other accounts with an open database, the least recently used first.
    fn others_by_last_use(&self, account: &Account) -> Vec<Arc<Account>> {
        let mut others = self.all();
        others.retain(|other| other.serial != account.serial);
        others.sort_by_key(|other| other.last_used());
        others
    }

    /// Returns the accounts with an open database, unsorted.
    fn all(&self) -> Vec<Arc<Account>> {
        let open = self.open.lock();
        open.values().filter_map(Weak::upgrade).collect()
    }

    /// Returns the number of open databases.
    pub(super) fn len(&self) -> usize {
        self.open.lock().len()
    }

    /// Closes the databases that no request has used for a while.
    pub(super) async fn close_idle(&self) {
        let mut idle = self.all();
        idle.retain(|account| account.idle_time() > IDLE_TIMEOUT);
        for account in idle {
            self.close_if_idle(&account).await;
        }
    }

    /// Closes the database; returns false if in use.
    async fn close_if_idle(&self, account: &Account) -> bool {
        let Ok(mut data) = Arc::clone(&account.data).try_write_owned() else { return false };
        self.close_locked(account, &mut data).await;
        true
    }

    /// Closes the database once it is not in use.
    pub(super) async fn close(&self, account: &Account) {
        let mut data = account.data.write().await;
        self.close_locked(account, &mut data).await;
    }

    /// Closes the database under the account's exclusive lock.
    pub(super) async fn close_locked(&self, account: &Account, data: &mut AccountData) {
        let backing = match &data.backing {
            Backing::Open { database, file: Some(file) } => {
                close_or_warn(database).await;
                Backing::File(file.clone())
            }
            Backing::Open { database, file: None } => match database.serialize().await {
                Ok(content) => Backing::Image(Image::from_buffer(content)),
                Err(error) => {
                    tracing::warn!(%error, "cannot close the database of an account");
                    return;
                }
            },
            _ => return,
        };
        data.backing = backing;
        self.remove(account);
    }

    /// Removes an account whose database is closed or replaced.
    pub(super) fn remove(&self, account: &Account) {
        self.open.lock().remove(&account.serial);
    }
}

/// An open database and the name of its file.
struct OpenedFile {
    database: Database,
    file: String,
}

/// Replaces an account's image by its own file in the catalogue.
async fn record_own_file(
    account: &Account,
    image: &Image,
    file: String,
) -> Result<Vec<String>, StorageError> {
    let (name, old_image_id) = (account.name.to_string(), image.id());
    account
        .write_catalogue(move |connection| {
            Box::pin(async move {
                catalogue::set_account_file(connection, &name, &file).await?;
                catalogue::delete_unused_images(connection, old_image_id.as_slice()).await
            })
        })
        .await
}
