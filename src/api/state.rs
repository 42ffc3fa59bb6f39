//! State of all handlers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::base_url::OwnUrls;
use super::cache::ResponseCache;
use super::forwarded::TrustedProxies;
use super::limits::Limits;
use crate::accounts::{Accounts, SecretHash};
use crate::journal::Journal;
use crate::metrics::Metrics;

/// Shared by all requests; cheap to clone.
pub(crate) type SharedState = Arc<AppState>;

/// The server's state, without that of single accounts.
#[derive(Debug)]
pub(crate) struct AppState {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    pub(crate) listen_addresses: Vec<SocketAddr>,
    /// Shared by all accounts.
    pub(crate) response_cache: ResponseCache,
    pub(crate) own_urls: OwnUrls,
    /// The proxies whose headers tell the address that the client used.
    pub(crate) trusted_proxies: TrustedProxies,
    /// The origins whose pages may use the Ticket API; `*` is any.
    pub(crate) cors_origins: Vec<String>,
    /// Allows one import at a time.
    pub(crate) import_lock: tokio::sync::Mutex<()>,
    /// Limits concurrent CPU-bound jobs.
    pub(crate) compute_permits: Arc<Semaphore>,
    /// The token of the control API; None if it needs none.
    pub(crate) control_token: Option<SecretHash>,
    /// Requests without an account.
    pub(crate) unmatched_journal: Arc<Journal>,
    /// Whether the server is not ready any more, although it serves requests, because it will shut down.
    pub(crate) is_draining: AtomicBool,
    /// True once the server is shutting down.
    pub(crate) shutdown: watch::Sender<bool>,
}

/// How long a job may queue (arbitrary).
const COMPUTE_QUEUE_TIMEOUT: Duration = Duration::from_mins(1);

impl AppState {
    /// Runs a CPU-bound job on the blocking pool, on at most half of the processors. Returns None if it timed out in
    /// the queue, or failed.
    pub(crate) async fn run_cpu_bound<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let permit = Arc::clone(&self.compute_permits).acquire_owned();
        let permit = timeout(COMPUTE_QUEUE_TIMEOUT, permit).await.ok()?.ok()?;
        let job = move || {
            // Held until the job ends, even if the caller is cancelled.
            let _permit = permit;
            job()
        };
        tokio::task::spawn_blocking(job).await.ok()
    }

    /// Makes a permit per two processors.
    pub(crate) fn new_compute_permits() -> Arc<Semaphore> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Semaphore::new((processors / 2).max(1)))
    }

    /// Waits until the server shuts down.
    pub(crate) async fn wait_for_shutdown(&self) {
        // Cannot fail: this state owns the sender.
        let _ = self.shutdown.subscribe().wait_for(|is_shutdown| *is_shutdown).await;
    }

    /// Sleeps in real time, at most until shutdown or `cancel`. Returns whether the duration has elapsed.
    pub(crate) async fn sleep_until_cancelled(
        &self,
        duration: Duration,
        cancel: impl Future<Output = ()>,
    ) -> bool {
        tokio::select! {
            () = tokio::time::sleep(duration) => true,
            () = self.wait_for_shutdown() => false,
            () = cancel => false,
        }
    }
}
