//! What all handlers share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::accounts::{Accounts, Digest};
use crate::answers::Answers;
use crate::journal::Journal;
use crate::limits::Limits;
use crate::metrics::Metrics;

/// Handed to every request; cheap to clone.
pub(crate) type Shared = Arc<State>;

/// The server's state. What belongs to an account is in the account.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// Rendered answers of all accounts.
    pub(crate) answers: Answers,
    /// Where clients find the server, without a slash at the end.
    pub(crate) public_url: String,
    /// Held by the import that runs.
    pub(crate) importing: tokio::sync::Mutex<()>,
    /// Who may take a processor for longer than an answer usually does.
    pub(crate) computing: Arc<Semaphore>,
    /// What the control API asks for; None where it asks for nothing.
    pub(crate) control_token: Option<Digest>,
    /// Requests that open no account.
    pub(crate) journal: Arc<Journal>,
    /// True from the moment that the server is told to end.
    pub(crate) ending: watch::Sender<bool>,
}

/// How long work waits to be begun (chosen).
const LONGEST_WAIT: Duration = Duration::from_mins(1);

impl State {
    /// Does work that takes its time apart from all that answers requests, on half of the processors at most. None
    /// where it could not begin in time, or has failed.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let permit = Arc::clone(&self.computing).acquire_owned();
        let permit = timeout(LONGEST_WAIT, permit).await.ok()?.ok()?;
        let work = move || {
            // Held until the work ends, even when nobody waits for it any more.
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.ok()
    }

    /// How many may compute at the same time.
    pub(crate) fn computers() -> Arc<Semaphore> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Semaphore::new((processors / 2).max(1)))
    }

    /// Waits until the server is told to end.
    pub(crate) async fn ended(&self) {
        // The sender is this state itself, so there is always one.
        let _ = self.ending.subscribe().wait_for(|ending| *ending).await;
    }

    /// Lets real time pass, but not beyond the end of the server, nor beyond `end`. Says whether the time is over.
    pub(crate) async fn pause(&self, time: Duration, end: impl Future<Output = ()>) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            () = self.ended() => false,
            () = end => false,
        }
    }
}
