//! What all handlers share.

use std::sync::Arc;

use crate::accounts::{Accounts, Digest};
use crate::answers::Answers;

/// Handed to every request; cheap to clone.
pub(crate) type Shared = Arc<State>;

/// The server's state. What belongs to an account is in the account.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) accounts: Arc<Accounts>,
    /// Rendered answers of all accounts.
    pub(crate) answers: Answers,
    /// Where clients find the server, without a slash at the end.
    pub(crate) public_url: String,
    /// Held by the import that runs.
    pub(crate) importing: tokio::sync::Mutex<()>,
    /// What the control API asks for; None where it asks for nothing.
    pub(crate) control_token: Option<Digest>,
}
