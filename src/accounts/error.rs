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
        "this API key is unknown, and makes no account: for that it must have 8 to 128 letters, digits, - or _"
    )]
    MalformedKey,
    #[error("the seed has no account to start from; say what an account starts from otherwise")]
    NoSeed,
    #[error("the seed has no account {0}")]
    SeedNotFound(String),
    #[error("there is an account {0} already")]
    NameTaken(String),
    #[error(
        "account {account}: the key {key:?} cannot be made, since its text opens the account {owner} already"
    )]
    KeyTaken { account: String, key: String, owner: String },
    #[error("the account {account} has a key with the name {key} already")]
    KeyNameTaken { account: String, key: String },
    #[error(
        "there are {0} accounts already, as many as this server may have; remove some, or raise --max-accounts"
    )]
    TooManyAccounts(usize),
    #[error(
        "the account {account} has {max} {resource} already, as many as it may have; remove some"
    )]
    LimitReached { account: String, max: usize, resource: &'static str },
    #[error("no random key can be made: {0}")]
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
