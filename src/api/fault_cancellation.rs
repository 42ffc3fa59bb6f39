//! Ends the waits of a fault early: on shutdown, and when the account is reset or removed.

use std::sync::Arc;
use std::time::Duration;

use super::state::SharedState;
use crate::accounts::Account;
use crate::storage::ChangeCounter;

#[derive(Clone, Debug)]
pub(super) struct FaultCancellation {
    state: SharedState,
    epoch: ChangeCounter,
    epoch_at_start: u64,
}

impl FaultCancellation {
    pub(super) fn new(state: &SharedState, account: &Account) -> Self {
        let epoch = account.epoch.clone();
        Self { state: Arc::clone(state), epoch_at_start: epoch.current(), epoch }
    }

    /// Sleeps in real time. Returns whether the duration has elapsed.
    pub(super) async fn sleep(&self, duration: Duration) -> bool {
        let reset = self.epoch.wait_for_change(self.epoch_at_start);
        self.state.sleep_until_cancelled(duration, reset).await
    }

    /// Returns whether the account was reset or removed.
    pub(super) fn is_account_reset(&self) -> bool {
        self.epoch.current() != self.epoch_at_start
    }
}
