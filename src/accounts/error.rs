//! Errors of account operations.

use crate::storage::StorageError;

/// An account operation of the control API or a seed failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("account {account}: {reason}")]
    InvalidSettings { account: String, reason: String },
    #[error("there is no account {0}")]
    NotFound(String),
    #[error("the account {account} has no snapshot {name}")]
    SnapshotNotFound { account: String, name: String },
    #[error("the account {account} has no key with the id {id}")]
    KeyNotFound { account: String, id: i64 },
    #[error(
        "this API key is unknown, and cannot create an account: for that it must have 8 to 128 characters: letters, digits, - or _"
    )]
    MalformedKey,
    #[error(
        "the seed has no account to start from; add one to the seed, or create the account from another source (from)"
    )]
    NoSeed,
    #[error("the seed has no account {0}")]
    SeedNotFound(String),
    #[error("the account {0} already exists")]
    NameTaken(String),
    #[error(
        "account {account}: cannot create the key {key:?}: the account {owner} already has a key with this value"
    )]
    KeyTaken { account: String, key: String, owner: String },
    #[error("the account {account} already has a key with the name {key}")]
    KeyNameTaken { account: String, key: String },
    #[error("the limit of {0} accounts is reached; remove some, or raise --max-accounts")]
    TooManyAccounts(usize),
    #[error("the account {account} already has the maximum of {max} {resource}; remove some")]
    LimitReached { account: String, max: usize, resource: &'static str },
    #[error("cannot generate a random key: {0}")]
    RandomUnavailable(#[from] getrandom::Error),
}

impl AccountError {
    /// Formats the error as a sentence.
    pub(crate) fn to_sentence(&self) -> String {
        let text = self.to_string();
        let mut letters = text.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string());
        format!("{}{}.", first.unwrap_or_default(), letters.as_str())
    }
}
