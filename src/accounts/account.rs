//! One customer's Omnidesk: a world of data behind a gate, and the terms that hold there.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};
use std::time::Duration;

use regex::Regex;
use tokio::sync::{RwLock as Gate, Semaphore};

use super::world::{Lease, World};
use super::{Accounts, KeyCard, Terms};
use crate::faults::Faults;
use crate::journal::{Bounds, Journal};
use crate::pace::Pace;
use crate::storage::Version;

/// What the name of an account looks like.
pub(crate) static ACCOUNT_FORM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[a-z0-9][a-z0-9-]{0,62}$").expect("a regex"));

/// The name that no account has: the control API means the account of the request's API key by it.
pub(crate) const SELF: &str = "self";

static ENTERED: AtomicU64 = AtomicU64::new(0);

/// What each account of a server may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// How much its journal keeps.
    pub(crate) journal: Bounds,
    /// The most waits and streams at the same time.
    pub(crate) waits: usize,
    /// How long a request waits for its turn.
    pub(crate) patience: Duration,
}

/// An account. What it is called and how long it stays never changes; all else does.
#[derive(Debug)]
pub(crate) struct Account {
    /// Unique among all accounts that this process has known.
    pub(crate) serial: u64,
    pub(crate) name: Arc<str>,
    /// Whether it outlives the server.
    pub(crate) durable: bool,
    /// It is removed after so long without a request.
    pub(crate) ttl: Option<Duration>,
    pub(crate) version: Version,
    /// Requests share the gate; what puts another world behind it has it alone.
    pub(super) world: Arc<Gate<World>>,
    /// Set only by who has the gate alone.
    terms: RwLock<Arc<Terms>>,
    keys: Mutex<Vec<KeyCard>>,
    /// Set while it is not known what the catalogue says of the account.
    is_in_doubt: AtomicBool,
    /// When the last request came or ended, in milliseconds of the server's life.
    used: AtomicU64,
    /// How many requests run; counted only where the account has a time to live.
    running: AtomicUsize,
    pub(crate) journal: Arc<Journal>,
    pub(crate) faults: Faults,
    pub(crate) pace: Pace,
    /// Moves when the account begins anew or ends: what is still to happen by then does not happen any more.
    pub(crate) life: Version,
    pub(crate) allowed: Allowance,
    /// For those who wait for something to come.
    pub(crate) seats: Arc<Semaphore>,
}

impl Account {
    pub(super) fn new(
        name: &str,
        durable: bool,
        ttl: Option<Duration>,
        world: World,
        (terms, allowed): (Terms, Allowance),
    ) -> Self {
        Self {
            serial: ENTERED.fetch_add(1, Ordering::Relaxed),
            name: name.into(),
            durable,
            ttl,
            version: Version::default(),
            world: Arc::new(Gate::new(world)),
            terms: RwLock::new(Arc::new(terms)),
            keys: Mutex::default(),
            is_in_doubt: AtomicBool::new(false),
            used: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            journal: Arc::new(Journal::new(allowed.journal)),
            faults: Faults::default(),
            pace: Pace::default(),
            life: Version::default(),
            seats: Arc::new(Semaphore::new(allowed.waits)),
            allowed,
        }
    }

    /// Forgets what has been asked, and what was to happen to requests.
    pub(super) fn begin_anew(&self) {
        self.journal.clear();
        self.faults.clear();
        self.pace.clear();
        self.life.advance();
    }

    /// Sends those away who wait for something to come.
    pub(super) fn end(&self) {
        self.journal.close();
        self.life.advance();
        self.version.advance();
    }

    /// The terms that hold now. Who holds a lease sees no others.
    pub(crate) fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other terms into force; answers that were kept under the old ones are not given any more.
    pub(super) fn set_terms(&self, terms: Terms) {
        *self.terms.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(terms);
        self.version.advance();
    }

    /// Whether it is unknown what the catalogue says of the account.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_in_doubt.load(Ordering::Acquire)
    }

    /// A change of what the catalogue says of the account may or may not have been committed. Nothing about the account
    /// is answered from the cache meanwhile.
    pub(super) fn begin_doubt(&self) {
        self.version.hold(None);
        self.is_in_doubt.store(true, Ordering::Release);
    }

    /// It is known again, and is as this process has it.
    pub(super) fn end_doubt(&self) {
        self.is_in_doubt.store(false, Ordering::Release);
        self.version.release(None);
    }

    /// A lease, if the account's database is open.
    pub(super) async fn lease_if_open(&self) -> Option<Lease> {
        Lease::of(Arc::clone(&self.world).read_owned().await)
    }

    /// Its keys, the oldest first.
    pub(crate) fn keys(&self) -> Vec<KeyCard> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a change of the list of its keys.
    pub(super) fn change_keys<T>(&self, change: impl FnOnce(&mut Vec<KeyCard>) -> T) -> T {
        change(&mut self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A request has come, or has ended.
    pub(super) fn touch(&self, now: u64) {
        self.used.store(now, Ordering::Relaxed);
    }

    /// Whether no request runs, and none has come or ended for as long as it stays.
    pub(super) fn is_forgotten(&self, now: u64) -> bool {
        // Before the time is looked at: a request that ends notes the time first.
        let is_idle = self.running.load(Ordering::Acquire) == 0;
        is_idle
            && self
                .ttl
                .is_some_and(|ttl| u128::from(now.saturating_sub(self.used())) > ttl.as_millis())
    }

    /// When the last request came or ended, in milliseconds of the server's life.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

/// An account that a request uses. It is not removed for its time to live as long as anyone holds this; that time
/// counts from the end of the last request.
#[derive(Debug)]
pub(crate) struct InUse {
    account: Arc<Account>,
    /// None where the account has no time to live, so that most requests count nothing.
    counted: Option<Arc<Accounts>>,
}

impl Accounts {
    /// Notes that a request uses the account, as long as what this gives is held.
    pub(crate) fn in_use(self: &Arc<Self>, account: &Arc<Account>) -> InUse {
        let counted = account.ttl.is_some().then(|| Arc::clone(self));
        if counted.is_some() {
            account.running.fetch_add(1, Ordering::AcqRel);
        }
        InUse { account: Arc::clone(account), counted }
    }
}

impl Clone for InUse {
    fn clone(&self) -> Self {
        if self.counted.is_some() {
            self.account.running.fetch_add(1, Ordering::AcqRel);
        }
        Self { account: Arc::clone(&self.account), counted: self.counted.clone() }
    }
}

impl Deref for InUse {
    type Target = Arc<Account>;

    fn deref(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if let Some(accounts) = &self.counted {
            self.account.touch(accounts.life.milliseconds());
            self.account.running.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
