//! Detects that the client of a request disconnects. That cancels a read. A write runs in its own task and continues;
//! its journal entry then has no response.

use tokio::sync::oneshot::{self, error::TryRecvError};

/// Signals a disconnect: it is owned by the connection's future, and dropped with it.
#[derive(Debug)]
pub(super) struct DisconnectGuard(
    #[expect(dead_code, reason = "held for its drop")] oneshot::Sender<()>,
);

/// Detects that the client disconnects.
#[derive(Debug)]
pub(super) struct DisconnectWatcher(oneshot::Receiver<()>);

impl DisconnectGuard {
    pub(super) fn with_watcher() -> (Self, DisconnectWatcher) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), DisconnectWatcher(receiver))
    }
}

impl DisconnectWatcher {
    pub(super) fn is_connected(&mut self) -> bool {
        self.0.try_recv() == Err(TryRecvError::Empty)
    }

    pub(super) async fn wait_for_disconnect(&mut self) {
        // Nothing is ever sent: this ends when the guard is dropped.
        let _ = (&mut self.0).await;
    }
}
