//! Pool of open account databases: opens them on demand, and evicts idle ones.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::catalogue;
use super::data::{AccountData, Backing};
use super::{Account, AccountError, Accounts, Image, Lease};
use crate::storage::{ACCOUNT_SCHEMA, Database, OpenMode, StorageError};

/// The most open databases, unless more are in use at the same time (arbitrary).
const MAX_OPEN_DATABASES: usize = 64;
/// Time without a request until a database is closed (arbitrary).
const IDLE_TIMEOUT_MS: u64 = 2000;
/// Interval of the scan for idle databases and expired accounts.
const MAINTENANCE_INTERVAL: Duration = Duration::from_millis(250);

impl Accounts {
    /// Leases an account's database, and opens it if it is closed.
    ///
    /// # Errors
    /// If the account has been removed, the wait times out, or its database cannot be opened.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        account: &Arc<Account>,
    ) -> Result<Lease, AccountError> {
        self.ensure_consistent(account).await?;
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
        let (accounts, account) = (Arc::clone(self), Arc::clone(account));
        // In its own task, so that a client disconnect does not cancel it half-way.
        let task = tokio::spawn(async move {
            let mut data = Arc::clone(&account.data).write_owned().await;
            accounts.open_database(&account, &mut data).await?;
            let lease = Lease::from_guard(data.downgrade());
            lease.ok_or_else(|| AccountError::NotFound(account.name.to_string()))
        });
        task.await.map_err(|_| StorageError::TaskFailed)?
    }

    async fn open_database(
        &self,
        account: &Arc<Account>,
        data: &mut AccountData,
    ) -> Result<(), AccountError> {
        let open = |mode| {
            Database::open(&self.storage, mode, &ACCOUNT_SCHEMA, account.change_counter.clone())
        };
        let (database, file) = match &data.backing {
            Backing::Open { .. } => return Ok(()),
            Backing::Removed => return Err(AccountError::NotFound(account.name.to_string())),
            Backing::File(file) => {
                let permit = self.acquire_database_permit(account).await?;
                let opened = open(OpenMode::OpenExisting(&self.resolve_path(file))).await?;
                (opened.with_permit(permit), Some(file.clone()))
            }
            Backing::Image(image) if account.is_durable => {
                let (database, file) = self.materialize_image(account, &Arc::clone(image)).await?;
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
        self.mark_open_and_evict(account).await;
        Ok(())
    }

    /// Copies an account's image to a file of its own, and opens the copy.
    async fn materialize_image(
        &self,
        account: &Account,
        image: &Arc<Image>,
    ) -> Result<(Database, String), StorageError> {
        let permit = self.acquire_database_permit(account).await?;
        let file = self.reserve_file(&format!("accounts/{}", account.name)).await?;
        let path = self.resolve_path(&file);
        let opened = async {
            image.copy_to(&self.storage, path.clone()).await?;
            let change_counter = account.change_counter.clone();
            Database::open(
                &self.storage,
                OpenMode::OpenExisting(&path),
                &ACCOUNT_SCHEMA,
                change_counter,
            )
            .await
        };
        let database = match opened.await {
            Ok(database) => database.with_permit(permit),
            Err(error) => {
                self.delete_orphaned_files(vec![file]).await;
                return Err(image.attribute_error(error));
            }
        };
        // Only a copy that opens replaces the image.
        match self.record_own_file(account, image, file.clone()).await {
            Ok(orphaned_files) => self.delete_orphaned_files(orphaned_files).await,
            Err(error) => {
                // The commit may be in doubt, so the file stays until the next start.
                close_or_warn(&database).await;
                return Err(error);
            }
        }
        Ok((database, file))
    }

    /// Replaces an account's image by its own file in the catalogue.
    async fn record_own_file(
        &self,
        account: &Account,
        image: &Image,
        file: String,
    ) -> Result<Vec<String>, StorageError> {
        let (name, old) = (account.name.to_string(), image.id());
        self.write_catalogue_for(account, move |catalogue| {
            Box::pin(async move {
                catalogue::set_account_file(catalogue, &name, &file).await?;
                catalogue::delete_unused_images(catalogue, old.as_slice()).await
            })
        })
        .await
    }

    /// Returns the size of the pool.
    fn max_open_databases(&self) -> usize {
        MAX_OPEN_DATABASES.min(self.storage.database_limit.max_open)
    }

    /// Marks the account's database open, and evicts the least recently used above the pool's size.
    async fn mark_open_and_evict(&self, account: &Arc<Account>) {
        let mut others: Vec<Arc<Account>> = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.insert(account.serial, Arc::downgrade(account));
            if open.len() <= self.max_open_databases() {
                return;
            }
            open.retain(|_, account| account.strong_count() > 0);
            open.values().filter_map(std::sync::Weak::upgrade).collect()
        };
        let mut surplus = others.len().saturating_sub(self.max_open_databases());
        others.retain(|other| other.serial != account.serial);
        others.sort_by_key(|other| other.last_used_ms());
        for other in others {
            if surplus == 0 {
                return;
            }
            if self.close_if_idle(&other).await {
                surplus -= 1;
            }
        }
    }

    /// Closes the database; returns false if in use.
    pub(super) async fn close_if_idle(&self, account: &Account) -> bool {
        let Ok(mut data) = Arc::clone(&account.data).try_write_owned() else { return false };
        self.close_database_locked(account, &mut data).await;
        true
    }

    /// Closes the database once it is not in use.
    pub(super) async fn close_database(&self, account: &Account) {
        let mut data = account.data.write().await;
        self.close_database_locked(account, &mut data).await;
    }

    pub(super) async fn close_database_locked(&self, account: &Account, data: &mut AccountData) {
        let backing = match &data.backing {
            Backing::Open { database, file: Some(file) } => {
                close_or_warn(database).await;
                Backing::File(file.clone())
            }
            Backing::Open { database, file: None } => match database.serialize().await {
                Ok(content) => Backing::Image(Image::from_buffer(content)),
                Err(error) => {
                    tracing::warn!(%error, "an account's database stays open");
                    return;
                }
            },
            _ => return,
        };
        data.backing = backing;
        self.mark_closed(account);
    }

    /// Marks the account's database closed.
    pub(super) fn mark_closed(&self, account: &Account) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&account.serial);
    }

    /// Resolves a catalogue commit that is in doubt, and checks that the data directory is still the same.
    ///
    /// # Errors
    /// If the commit stays in doubt, or the data directory was moved, removed or replaced.
    pub(crate) async fn ensure_consistent(&self, account: &Account) -> Result<(), StorageError> {
        if account.is_durable {
            self.check_data_dir()?;
        }
        if account.has_commit_in_doubt() {
            let catalogue = self.catalogue.as_ref().ok_or(StorageError::Closed)?;
            catalogue.resolve_in_doubt().await?;
            account.clear_commit_in_doubt();
        }
        Ok(())
    }

    /// Closes idle databases and removes expired accounts, until shutdown.
    pub(crate) async fn run_maintenance(self: Arc<Self>) {
        let mut ticks = interval(MAINTENANCE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = self.uptime.elapsed_millis();
            for account in self.find_idle_accounts(now) {
                self.close_if_idle(&account).await;
            }
            for account in self.find_expired_accounts(now) {
                if let Err(error) = self.remove_if_expired(&account).await {
                    tracing::warn!(%error, account = %account.name, "could not be removed");
                }
            }
        }
    }

    fn find_idle_accounts(&self, now: u64) -> Vec<Arc<Account>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.values().filter_map(std::sync::Weak::upgrade);
        open.filter(|account| account.last_used_ms() + IDLE_TIMEOUT_MS < now).collect()
    }

    fn find_expired_accounts(&self, now: u64) -> Vec<Arc<Account>> {
        let mut all = self.all();
        all.retain(|account| account.is_expired(now));
        all
    }
}

/// Closes a database. If the checkpoint fails, file and write-ahead log stay: together they are complete.
pub(super) async fn close_or_warn(database: &Database) {
    if let Err(error) = database.close().await {
        tracing::warn!(%error, "the log of a database stays beside its file");
    }
}
