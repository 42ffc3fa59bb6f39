//! Keys: given to accounts and taken away, and unknown ones that make an account.

use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::{Account, AccountError, Accounts, Key, KeyCard, NewAccount, NewKey, store};
use crate::storage::StorageError;

/// A key that makes an account by itself, where that is asked for (chosen; eight characters, so that a typing
/// error in a short one makes none).
static ADMITTED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[A-Za-z0-9_-]{8,128}$").expect("a regex"));

/// The most keys of one account (chosen).
const MOST_KEYS: usize = 10_000;

/// What an unknown key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It opens nothing.
    Fixed,
    /// It makes an account from the seed.
    Auto,
}

impl Accounts {
    /// Whether unknown keys make accounts.
    pub(crate) fn admits_keys(&self) -> bool {
        self.rules.admission == Admission::Auto
    }

    /// The key with this text, for which an account is made if there is none and unknown keys make accounts.
    ///
    /// # Errors
    /// When there are too many accounts, or the disk fails.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        text: &str,
    ) -> Result<Option<Arc<Key>>, AccountError> {
        if self.rules.admission == Admission::Fixed {
            return Ok(None);
        }
        if !ADMITTED.is_match(text) {
            return Err(AccountError::UnfitKey);
        }
        let new = NewAccount::with_key(NewKey::first(text));
        let accounts = Arc::clone(self);
        // A task of its own, so that it is not given up half-way when a client leaves.
        let made = tokio::spawn(async move {
            let seed = accounts.seed(None)?;
            accounts.create("auto", new, seed).await
        });
        match made.await.map_err(|_| StorageError::Abandoned)? {
            // Two requests came with the same new key at the same time.
            Ok(_) | Err(AccountError::KeyTaken { .. }) => Ok(self.find_key(text)),
            Err(error) => Err(error),
        }
    }

    /// Gives an account a key; one of the same name stops to work.
    ///
    /// # Errors
    /// When the key is another account's, or the catalogue cannot be written.
    pub(crate) async fn put_key(&self, account: &str, key: NewKey) -> Result<(), AccountError> {
        let _making = self.making.lock().await;
        let account = self.named(account)?;
        self.must_be_free(&account.name, Some(&account), std::slice::from_ref(&key))?;
        let card = self.card(key);
        self.keep_key(&account, &card).await?;
        let gone = account.change_keys(|keys| {
            let same = |old: &KeyCard| old.name == card.name || old.digest == card.digest;
            keys.extract_if(.., |old| same(old)).collect::<Vec<_>>()
        });
        for old in gone {
            self.forget(&old.digest);
        }
        self.know(&account, card);
        Ok(())
    }

    /// Gives an account another key.
    ///
    /// # Errors
    /// When its name or the key itself is taken, the account has too many, or the catalogue cannot be written.
    pub(crate) async fn add_key(
        &self,
        account: &Arc<Account>,
        key: NewKey,
    ) -> Result<KeyCard, AccountError> {
        let _making = self.making.lock().await;
        self.must_be_here(account)?;
        let (name, known) = (account.name.to_string(), account.keys());
        if known.iter().any(|card| *card.name == *key.name) {
            return Err(AccountError::KeyNameTaken { account: name, key: key.name });
        }
        if known.len() >= MOST_KEYS {
            return Err(AccountError::Full { account: name, most: MOST_KEYS, of: "keys" });
        }
        self.must_be_free(&name, None, std::slice::from_ref(&key))?;
        let card = self.card(key);
        self.keep_key(account, &card).await?;
        self.know(account, card.clone());
        Ok(card)
    }

    async fn keep_key(&self, account: &Account, card: &KeyCard) -> Result<(), StorageError> {
        if !account.durable {
            return Ok(());
        }
        let (name, card) = (account.name.to_string(), card.clone());
        self.commit_for(account, move |catalogue| {
            Box::pin(async move { store::put_key(catalogue, &name, &card).await })
        })
        .await
    }

    /// Takes a key from an account.
    ///
    /// # Errors
    /// When the account has no such key, or the catalogue cannot be written.
    pub(crate) async fn remove_key(&self, account: &Account, id: i64) -> Result<(), AccountError> {
        let _making = self.making.lock().await;
        self.must_be_here(account)?;
        let known = account.keys().into_iter().find(|card| card.id == id);
        let unknown = || AccountError::UnknownKey { account: account.name.to_string(), id };
        let card = known.ok_or_else(unknown)?;
        if account.durable {
            self.commit_for(account, move |catalogue| {
                Box::pin(async move { store::remove_key(catalogue, id).await })
            })
            .await?;
        }
        account.change_keys(|keys| keys.retain(|card| card.id != id));
        self.forget(&card.digest);
        Ok(())
    }
}
