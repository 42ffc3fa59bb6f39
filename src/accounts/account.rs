//! One Omnidesk account: its data behind a read-write lock, its settings and its state.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};
use std::time::Duration;

use regex::Regex;
use tokio::sync::{RwLock as AsyncRwLock, Semaphore};

use super::data::{AccountData, Lease};
use super::{Accounts, ApiKeyInfo, EffectiveSettings};
use crate::faults::FaultRules;
use crate::faults::rate_limit::RateLimiter;
use crate::journal::{Journal, JournalLimits};
use crate::storage::ChangeCounter;

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
    /// The most concurrent waits and streams.
    pub(crate) max_waits: usize,
    /// Timeout for the account's lock.
    pub(crate) lock_timeout: Duration,
}

/// An account. Its name, durability and TTL never change; all else does.
#[derive(Debug)]
pub(crate) struct Account {
    /// Unique in this process; never reused.
    pub(crate) serial: u64,
    pub(crate) name: Arc<str>,
    /// Whether it survives a restart.
    pub(crate) is_durable: bool,
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
    /// Start or end of the last request, in milliseconds of server uptime.
    last_used_ms: AtomicU64,
    /// Running requests; counted only if the account has a TTL.
    running_requests: AtomicUsize,
    pub(crate) journal: Arc<Journal>,
    pub(crate) faults: FaultRules,
    pub(crate) rate_limiter: RateLimiter,
    /// Advances on reset, restore and removal: cancels the pending delays and faults of older epochs.
    pub(crate) epoch: ChangeCounter,
    pub(crate) limits: AccountLimits,
    /// Limits concurrent waits and streams.
    pub(crate) wait_permits: Arc<Semaphore>,
}

impl Account {
    pub(super) fn new(
        name: &str,
        is_durable: bool,
        ttl: Option<Duration>,
        data: AccountData,
        (settings, limits): (EffectiveSettings, AccountLimits),
    ) -> Self {
        Self {
            serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
            name: name.into(),
            is_durable,
            ttl,
            change_counter: ChangeCounter::default(),
            data: Arc::new(AsyncRwLock::new(data)),
            settings: RwLock::new(Arc::new(settings)),
            keys: Mutex::default(),
            has_commit_in_doubt: AtomicBool::new(false),
            last_used_ms: AtomicU64::new(0),
            running_requests: AtomicUsize::new(0),
            journal: Arc::new(Journal::new(limits.journal)),
            faults: FaultRules::default(),
            rate_limiter: RateLimiter::default(),
            epoch: ChangeCounter::default(),
            wait_permits: Arc::new(Semaphore::new(limits.max_waits)),
            limits,
        }
    }

    /// Clears journal, faults and rate limits; advances the epoch.
    pub(super) fn start_new_epoch(&self) {
        self.journal.clear();
        self.faults.clear();
        self.rate_limiter.clear();
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
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the settings, and invalidates responses that were cached under the old ones.
    pub(super) fn set_settings(&self, settings: EffectiveSettings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.change_counter.advance();
    }

    /// Whether the outcome of a catalogue commit is unknown.
    pub(super) fn has_commit_in_doubt(&self) -> bool {
        self.has_commit_in_doubt.load(Ordering::Acquire)
    }

    /// Marks the outcome of a catalogue commit as unknown. Until it is resolved, requests bypass the response cache.
    pub(super) fn mark_commit_in_doubt(&self) {
        self.change_counter.begin_commit(None);
        self.has_commit_in_doubt.store(true, Ordering::Release);
    }

    /// Clears the mark: catalogue and memory agree.
    pub(super) fn clear_commit_in_doubt(&self) {
        self.has_commit_in_doubt.store(false, Ordering::Release);
        self.change_counter.end_commit(None);
    }

    /// Returns a lease if the database is open.
    pub(super) async fn lease_if_open(&self) -> Option<Lease> {
        Lease::from_guard(Arc::clone(&self.data).read_owned().await)
    }

    /// Returns keys, oldest first.
    pub(crate) fn keys(&self) -> Vec<ApiKeyInfo> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Updates the list of its keys.
    pub(super) fn update_keys<T>(&self, change: impl FnOnce(&mut Vec<ApiKeyInfo>) -> T) -> T {
        change(&mut self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records a request's start or end.
    pub(super) fn touch(&self, now: u64) {
        self.last_used_ms.store(now, Ordering::Relaxed);
    }

    /// Whether no request runs, and the last one is longer ago than the TTL.
    pub(super) fn is_expired(&self, now: u64) -> bool {
        // Read before the time: a request that ends stores the time first.
        let is_idle = self.running_requests.load(Ordering::Acquire) == 0;
        is_idle
            && self.ttl.is_some_and(|ttl| {
                u128::from(now.saturating_sub(self.last_used_ms())) > ttl.as_millis()
            })
    }

    /// Returns the last use, in milliseconds of server uptime.
    pub(super) fn last_used_ms(&self) -> u64 {
        self.last_used_ms.load(Ordering::Relaxed)
    }
}

/// Marks an account as used by a request. The TTL cannot expire while a guard is held; it counts from the end of
/// the last request.
#[derive(Debug)]
pub(crate) struct AccountGuard {
    account: Arc<Account>,
    /// None if the account has no TTL, so that most requests need no counting.
    registry: Option<Arc<Accounts>>,
}

impl Accounts {
    /// Marks the account as used until the guard is dropped.
    pub(crate) fn acquire(self: &Arc<Self>, account: &Arc<Account>) -> AccountGuard {
        let registry = account.ttl.is_some().then(|| Arc::clone(self));
        if registry.is_some() {
            account.running_requests.fetch_add(1, Ordering::AcqRel);
        }
        AccountGuard { account: Arc::clone(account), registry }
    }
}

impl Clone for AccountGuard {
    fn clone(&self) -> Self {
        if self.registry.is_some() {
            self.account.running_requests.fetch_add(1, Ordering::AcqRel);
        }
        Self { account: Arc::clone(&self.account), registry: self.registry.clone() }
    }
}

impl Deref for AccountGuard {
    type Target = Arc<Account>;

    fn deref(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Drop for AccountGuard {
    fn drop(&mut self) {
        if let Some(registry) = &self.registry {
            self.account.touch(registry.uptime.elapsed_millis());
            self.account.running_requests.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
