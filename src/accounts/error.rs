//! Why something cannot be done with an account.

use crate::storage::StorageError;

/// A request of the control API, or a seed, asks for what cannot be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("account {account}: {what}")]
    Profile { account: String, what: String },
    #[error("there is no account {0}")]
    Unknown(String),
    #[error("the account {account} has no snapshot {name}")]
    UnknownSnapshot { account: String, name: String },
    #[error("the account {account} has no key with the id {id}")]
    UnknownKey { account: String, id: i64 },
    #[error(
        "this API key is unknown, and makes no account: for that it must have 8 to 128 letters, digits, - or _"
    )]
    UnfitKey,
    #[error("the seed has no account to start from; say what an account starts from otherwise")]
    NoSeed,
    #[error("the seed has no account {0}")]
    UnknownSeed(String),
    #[error(
        "the account {account} was made by a version that kept no seed, so there is nothing to reset it to; export what it holds, remove it, and make it again"
    )]
    NoOrigin { account: String },
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
    TooMany(usize),
    #[error("the account {account} has {most} {of} already, as many as it may have; remove some")]
    Full { account: String, most: usize, of: &'static str },
    #[error("no random key can be made: {0}")]
    Random(#[from] getrandom::Error),
}

impl AccountError {
    /// The whole sentence, as clients are told.
    pub(crate) fn sentence(&self) -> String {
        let text = self.to_string();
        let mut letters = text.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string());
        format!("{}{}.", first.unwrap_or_default(), letters.as_str())
    }
}
