//! What all handlers share.

use std::sync::Arc;

use crate::accounts::Accounts;
use crate::answers::Answers;

/// Handed to every request; cheap to clone.
pub(crate) type Shared = Arc<State>;

/// The server's state. What belongs to an account is in the account.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) accounts: Accounts,
    /// Rendered answers of all accounts.
    pub(crate) answers: Answers,
    /// Where clients find the server, without a slash at the end.
    pub(crate) public_url: String,
}
