//! What all handlers share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

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
    /// What the control API asks for; None where it asks for nothing.
    pub(crate) control_token: Option<Digest>,
    /// Requests that open no account.
    pub(crate) journal: Arc<Journal>,
    /// True from the moment that the server is told to end.
    pub(crate) ending: watch::Sender<bool>,
}

impl State {
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
