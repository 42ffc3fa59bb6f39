//! One Omnidesk account: its data behind a read-write lock, its settings and its state.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use regex::Regex;
use tokio::sync::{RwLock as AsyncRwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore};
use tokio::time::timeout;

use super::api_key::ApiKeyInfo;
use super::catalogue::{self, Catalogue};
use super::data::{AccountData, Backing, Lease};
use super::error::AccountError;
use super::settings::{AccountSettings, EffectiveSettings};
use crate::clock::Stopwatch;
use crate::faults::FaultRules;
use crate::faults::rate_limit::RateLimiter;
use crate::faults::retry_after::RetryAfterTracker;
use crate::journal::{Journal, JournalLimits};
use crate::storage::{BoxFuture, ChangeCounter, Connection, StorageError};

/// Format of an account name.
pub(crate) static ACCOUNT_NAME_REGEX: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[a-z0-9][a-z0-9-]{0,62}$").expect("the regex is valid"));

/// Reserved name: in the control API it means the account of the request's API key.
pub(crate) const SELF_ALIAS: &str = "self";

static NEXT_SERIAL: AtomicU64 = AtomicU64::new(0);

/// Limits of each account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountLimits {
    /// Size of its journal.
    pub(crate) journal: JournalLimits,
    /// The maximum number of concurrent waits and streams.
    pub(crate) max_waits: usize,
    /// Timeout for the account's lock.
    pub(crate) lock_timeout: Duration,
}

/// An account. Only its name, durability and TTL never change.
#[derive(Debug)]
pub(crate) struct Account {
    /// Unique in this process; never reused.
    pub(crate) serial: u64,
    pub(crate) name: Arc<str>,
    /// Stores it; None if it is ephemeral, and lost at shutdown.
    catalogue: Option<Arc<Catalogue>>,
    /// Removed after this time without a request.
    pub(crate) ttl: Option<Duration>,
    pub(crate) change_counter: ChangeCounter,
    /// Requests lock it shared; replacing the data locks it exclusively.
    pub(super) data: Arc<AsyncRwLock<AccountData>>,
    /// Set only under the exclusive lock.
    settings: RwLock<Arc<EffectiveSettings>>,
    keys: Mutex<Vec<ApiKeyInfo>>,
    /// True while the outcome of a catalogue commit is unknown.
    has_commit_in_doubt: AtomicBool,
    /// The server's uptime.
    uptime: Stopwatch,
    /// Uptime at the start or end of the last request, in milliseconds.
    last_used_ms: AtomicU64,
    /// Running requests; counted only if the account has a TTL.
    running_requests: AtomicUsize,
    pub(crate) journal: Arc<Journal>,
    pub(crate) faults: FaultRules,
    pub(crate) rate_limiter: RateLimiter,
    pub(crate) retry_after: RetryAfterTracker,
    /// Advances on reset, restore and removal: cancels the pending delays and faults of older epochs.
    pub(crate) epoch: ChangeCounter,
    pub(crate) limits: AccountLimits,
    /// Limits concurrent waits and streams.
    pub(crate) wait_permits: Arc<Semaphore>,
}

impl Account {
    pub(super) fn new(
        name: &str,
        catalogue: Option<Arc<Catalogue>>,
        ttl: Option<Duration>,
        data: AccountData,
        settings: EffectiveSettings,
        limits: AccountLimits,
        uptime: Stopwatch,
    ) -> Self {
        Self {
            serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
            name: name.into(),
            catalogue,
            ttl,
            change_counter: ChangeCounter::default(),
            data: Arc::new(AsyncRwLock::new(data)),
            settings: RwLock::new(Arc::new(settings)),
            keys: Mutex::default(),
            has_commit_in_doubt: AtomicBool::new(false),
            uptime,
            last_used_ms: AtomicU64::new(uptime.elapsed_millis()),
            running_requests: AtomicUsize::new(0),
            journal: Arc::new(Journal::new(limits.journal)),
            faults: FaultRules::default(),
            rate_limiter: RateLimiter::default(),
            retry_after: RetryAfterTracker::default(),
            epoch: ChangeCounter::default(),
            wait_permits: Arc::new(Semaphore::new(limits.max_waits)),
            limits,
        }
    }

    /// Whether it survives a restart.
    pub(crate) fn is_durable(&self) -> bool {
        self.catalogue.is_some()
    }

    /// Returns the catalogue that stores it.
    ///
    /// # Errors
    /// If the account is ephemeral.
    pub(super) fn catalogue(&self) -> Result<&Catalogue, StorageError> {
        self.catalogue.as_deref().ok_or(StorageError::Closed)
    }

    /// Commits a change to its catalogue rows. While the commit is in doubt, requests to the account fail: a restart
    /// could lose their changes. An ephemeral account has no rows: nothing is run, and the default is returned.
    pub(super) async fn write_catalogue<T, F>(&self, change: F) -> Result<T, StorageError>
    where
        T: Default + Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let Some(catalogue) = &self.catalogue else { return Ok(T::default()) };
        let result = catalogue.write(change).await;
        if matches!(result, Err(StorageError::CommitInDoubt { .. })) {
            self.mark_commit_in_doubt();
        }
        result
    }

    /// Deletes files that its catalogue no longer references; an ephemeral account has none.
    pub(super) async fn delete_orphaned_files(&self, files: Vec<String>) {
        if let Some(catalogue) = &self.catalogue {
            catalogue.delete_orphaned_files(files).await;
        }
    }

    /// Resolves a catalogue commit that is in doubt, and checks that the data directory is still the same.
    ///
    /// # Errors
    /// If the commit stays in doubt, or the data directory was moved, removed or replaced.
    pub(crate) async fn ensure_consistent(&self) -> Result<(), StorageError> {
        let Some(catalogue) = &self.catalogue else { return Ok(()) };
        catalogue.check_data_dir()?;
        if self.has_commit_in_doubt() {
            catalogue.resolve_in_doubt().await?;
            self.clear_commit_in_doubt();
        }
        Ok(())
    }

    /// Locks the data exclusively.
    ///
    /// # Errors
    /// If the account has been removed, or the lock times out.
    pub(super) async fn lock_exclusive(
        &self,
    ) -> Result<RwLockWriteGuard<'_, AccountData>, AccountError> {
        let lock = timeout(self.limits.lock_timeout, self.data.write());
        let data = lock.await.map_err(|_| StorageError::Busy)?;
        if matches!(data.backing, Backing::Removed) { Err(self.not_found()) } else { Ok(data) }
    }

    /// Locks the data shared.
    ///
    /// # Errors
    /// If the account has been removed, or the lock times out.
    pub(super) async fn lock_shared(
        &self,
    ) -> Result<RwLockReadGuard<'_, AccountData>, AccountError> {
        let lock = timeout(self.limits.lock_timeout, self.data.read());
        let data = lock.await.map_err(|_| StorageError::Busy)?;
        if matches!(data.backing, Backing::Removed) { Err(self.not_found()) } else { Ok(data) }
    }

    pub(super) fn not_found(&self) -> AccountError {
        AccountError::NotFound(self.name.to_string())
    }

    /// Clears journal, faults and rate limits; advances the epoch.
    pub(super) fn start_new_epoch(&self) {
        self.journal.clear();
        self.faults.clear();
        self.rate_limiter.clear();
        self.retry_after.clear();
        self.epoch.advance();
    }

    /// Ends all waits, streams and delays.
    pub(super) fn disconnect_waiters(&self) {
        self.journal.close();
        self.epoch.advance();
        self.change_counter.advance();
    }

    /// Returns the settings, which are stable under a lease.
    pub(crate) fn settings(&self) -> Arc<EffectiveSettings> {
        Arc::clone(&self.settings.read())
    }

    /// Merges other settings of the account with the server's.
    pub(super) fn merge_settings(
        &self,
        settings: AccountSettings,
    ) -> Result<EffectiveSettings, AccountError> {
        self.settings().with_account_settings(&self.name, settings)
    }

    /// Changes the settings, given the current ones.
    ///
    /// # Errors
    /// Those of `change`, or if the settings are invalid or cannot be saved.
    pub(crate) async fn update_settings<E: From<AccountError>>(
        &self,
        change: impl FnOnce(&EffectiveSettings) -> Result<AccountSettings, E>,
    ) -> Result<Arc<EffectiveSettings>, E> {
        let _guard = self.lock_exclusive().await?;
        let settings = change(&self.settings())?;
        let effective = self.merge_settings(settings.clone())?;
        let name = self.name.to_string();
        let written = self.write_catalogue(move |connection| {
            Box::pin(async move { catalogue::update_settings(connection, &name, &settings).await })
        });
        written.await.map_err(AccountError::from)?;
        self.set_settings(effective);
        Ok(self.settings())
    }

    /// Replaces the settings, and invalidates responses that were cached under the old ones.
    pub(super) fn set_settings(&self, settings: EffectiveSettings) {
        *self.settings.write() = Arc::new(settings);
        self.change_counter.advance();
    }

    /// Whether the outcome of a catalogue commit is unknown.
    fn has_commit_in_doubt(&self) -> bool {
        self.has_commit_in_doubt.load(Ordering::Acquire)
    }

    /// Marks the outcome of a catalogue commit as unknown. Until it is resolved, requests bypass the response cache.
    fn mark_commit_in_doubt(&self) {
        self.change_counter.begin_commit(None);
        self.has_commit_in_doubt.store(true, Ordering::Release);
    }

    /// Clears the mark: catalogue and memory agree.
    fn clear_commit_in_doubt(&self) {
        self.has_commit_in_doubt.store(false, Ordering::Release);
        self.change_counter.end_commit(None);
    }

    /// Returns a lease if the database is open.
    pub(super) async fn lease_if_open(&self) -> Option<Lease> {
        Lease::from_guard(Arc::clone(&self.data).read_owned().await)
    }

    /// Returns keys, oldest first.
    pub(crate) fn keys(&self) -> Vec<ApiKeyInfo> {
        self.keys.lock().clone()
    }

    /// Updates the list of its keys.
    pub(super) fn update_keys<T>(&self, change: impl FnOnce(&mut Vec<ApiKeyInfo>) -> T) -> T {
        change(&mut self.keys.lock())
    }

    /// Records a request's start or end.
    pub(super) fn touch(&self) {
        self.last_used_ms.store(self.uptime.elapsed_millis(), Ordering::Relaxed);
    }

    /// Whether no request runs, and the last one is longer ago than the TTL.
    pub(super) fn is_expired(&self) -> bool {
        // Read before the time: a request that ends stores the time first.
        let is_idle = self.running_requests.load(Ordering::Acquire) == 0;
        is_idle && self.ttl.is_some_and(|ttl| self.idle_time() > ttl)
    }

    /// Returns the time since the start or end of the last request.
    pub(super) fn idle_time(&self) -> Duration {
        let now = Duration::from_millis(self.uptime.elapsed_millis());
        now.saturating_sub(self.last_used())
    }

    /// Returns the server's uptime at the start or end of the last request.
    pub(super) fn last_used(&self) -> Duration {
        Duration::from_millis(self.last_used_ms.load(Ordering::Relaxed))
    }

    /// Marks it as used until the guard is dropped.
    pub(crate) fn acquire(self: &Arc<Self>) -> AccountGuard {
        AccountGuard::new(Arc::clone(self))
    }
}

/// Marks an account as used by a request. The TTL cannot expire while a guard is held; it counts from the end of
/// the last request.
#[derive(Debug)]
pub(crate) struct AccountGuard(Arc<Account>);

impl AccountGuard {
    fn new(account: Arc<Account>) -> Self {
        // Without a TTL, most requests need no counting.
        if account.ttl.is_some() {
            account.running_requests.fetch_add(1, Ordering::AcqRel);
        }
        Self(account)
    }
}

impl Clone for AccountGuard {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.0))
    }
}

impl Deref for AccountGuard {
    type Target = Arc<Account>;

    fn deref(&self) -> &Arc<Account> {
        &self.0
    }
}

impl Drop for AccountGuard {
    fn drop(&mut self) {
        if self.0.ttl.is_some() {
            self.0.touch();
            self.0.running_requests.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
