//! All accounts of a server: opened at start, found by key without a query, created whole or not at all.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value};

use super::store::{self, Entry};
use super::{Account, Digest, Key, NewKey, Profile};
use crate::clock;
use crate::dialect::Dialect;
use crate::storage::{ACCOUNT, BoxFuture, CATALOGUE, Connection, Database, Place, StorageError};

/// Where a server keeps its accounts.
#[derive(Clone, Debug)]
pub(crate) enum Home {
    /// In a folder, which is made when it is missing.
    Folder(PathBuf),
    /// In memory: gone when the server ends.
    Memory,
}

/// Why an account cannot be opened or made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("account {account}: {what}")]
    Profile { account: String, what: String },
}

/// An account to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewAccount {
    pub(crate) name: String,
    pub(crate) profile: Profile,
    pub(crate) keys: Vec<NewKey>,
}

/// Every account and every key of the server.
#[derive(Debug)]
pub(crate) struct Accounts {
    home: Home,
    /// What the configuration chose, over which an account's own choices go.
    settings: Map<String, Value>,
    /// The dialect where no account is known.
    pub(crate) dialect: Dialect,
    catalogue: Database,
    by_name: RwLock<HashMap<String, Arc<Account>>>,
    by_digest: RwLock<HashMap<Digest, Arc<Key>>>,
    /// Held as long as the server runs, so that no second one uses the folder.
    _lock: Option<File>,
}

impl Accounts {
    /// Opens the catalogue and every account in it.
    ///
    /// # Errors
    /// When the folder is in use, cannot be written, or holds what this version cannot read.
    pub(crate) async fn open(
        home: Home,
        settings: Map<String, Value>,
        dialect: Dialect,
    ) -> Result<Self, AccountError> {
        let (lock, place) = match &home {
            Home::Folder(folder) => (Some(lock(folder)?), Place::File(folder.join("catalogue.db"))),
            Home::Memory => (None, Place::Memory),
        };
        let catalogue = Database::open(&place, &CATALOGUE).await?;
        let (by_name, by_digest) = (RwLock::default(), RwLock::default());
        let accounts = Self { home, settings, dialect, catalogue, by_name, by_digest, _lock: lock };
        accounts.load().await?;
        Ok(accounts)
    }

    async fn load(&self) -> Result<(), AccountError> {
        let entries =
            self.catalogue.read(|connection| Box::pin(store::entries(connection))).await?;
        for entry in entries {
            let place = self.place(entry.file.as_deref());
            if let Place::File(path) = &place
                && !path.exists()
            {
                return Err(StorageError::Missing { path: path.clone() }.into());
            }
            let database = Database::open(&place, &ACCOUNT).await?;
            let account = self.account(&entry.name, database, &entry.profile)?;
            self.enter(account);
        }
        for stored in self.catalogue.read(|connection| Box::pin(store::keys(connection))).await? {
            self.know(&stored.account, stored.key);
        }
        Ok(())
    }

    /// The key with this text. Costs no query; takes the same time for every text of the same length.
    pub(crate) fn find_key(&self, text: &str) -> Option<Arc<Key>> {
        let digest = Digest::of(text);
        let keys = self.by_digest.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&digest).filter(|key| key.digest.matches(&digest)).cloned()
    }

    /// The account with this name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Account>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Whether the account knows any key.
    pub(crate) fn has_keys(&self, name: &str) -> bool {
        let keys = self.by_digest.read().unwrap_or_else(PoisonError::into_inner);
        keys.values().any(|key| &*key.account.name == name)
    }

    /// Makes an account with its keys and what `plant` puts into it.
    ///
    /// # Errors
    /// When the database fails, or the time zone or the dialect is none. Nothing is left of the account then.
    pub(crate) async fn create<F>(
        &self,
        new: NewAccount,
        plant: F,
    ) -> Result<Arc<Account>, AccountError>
    where
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<(), StorageError>>
            + Send
            + 'static,
    {
        self.must_be_free(&new.name, &new.keys)?;
        let file = self.fresh_file(&new.name)?;
        let place = self.place(file.as_deref());
        let made = self.make(new, file, &place, plant).await;
        if let (Err(_), Place::File(path)) = (&made, &place) {
            remove(path);
        }
        made
    }

    async fn make<F>(
        &self,
        new: NewAccount,
        file: Option<String>,
        place: &Place,
        plant: F,
    ) -> Result<Arc<Account>, AccountError>
    where
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<(), StorageError>>
            + Send
            + 'static,
    {
        let NewAccount { name, profile, keys } = new;
        let database = Database::open(place, &ACCOUNT).await?;
        if let Err(error) = database.write(plant).await {
            database.close().await;
            return Err(error.into());
        }
        let account = self.account(&name, database, &profile)?;
        let entry = Entry { name: name.clone(), file, profile };
        let new = keys.clone();
        self.catalogue
            .write(move |connection| {
                Box::pin(async move {
                    store::add(connection, &entry).await?;
                    for key in &new {
                        store::put_key(connection, &entry.name, key).await?;
                    }
                    Ok::<_, StorageError>(())
                })
            })
            .await?;
        let account = self.enter(account);
        for key in keys {
            self.know(&name, key);
        }
        Ok(account)
    }

    /// A key opens one account; another one cannot take it.
    fn must_be_free(&self, account: &str, keys: &[NewKey]) -> Result<(), AccountError> {
        let known = self.by_digest.read().unwrap_or_else(PoisonError::into_inner);
        let owner = |key: &NewKey| known.get(&key.digest).map(|known| &known.account.name);
        let taken = keys.iter().find_map(|key| Some((key, owner(key)?)));
        match taken.filter(|(_, owner)| ***owner != *account) {
            None => Ok(()),
            Some((key, owner)) => Err(AccountError::Profile {
                account: account.to_owned(),
                what: format!("its key {} belongs to the account {owner} already", key.name),
            }),
        }
    }

    /// Gives an account a key; one of the same name stops to work.
    ///
    /// # Errors
    /// When the key is another account's, or the catalogue cannot be written.
    pub(crate) async fn put_key(&self, account: &str, key: NewKey) -> Result<(), AccountError> {
        self.must_be_free(account, std::slice::from_ref(&key))?;
        let (owner, new) = (account.to_owned(), key.clone());
        self.catalogue
            .write(move |connection| {
                Box::pin(async move { store::put_key(connection, &owner, &new).await })
            })
            .await?;
        let mut keys = self.by_digest.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, old| *old.account.name != *account || *old.name != *key.name);
        drop(keys);
        self.know(account, key);
        Ok(())
    }

    /// Closes every database.
    pub(crate) async fn close(&self) {
        let accounts: Vec<_> =
            self.by_name.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for account in accounts {
            account.database.close().await;
        }
        self.catalogue.close().await;
    }

    fn account(
        &self,
        name: &str,
        database: Database,
        profile: &Profile,
    ) -> Result<Account, AccountError> {
        let refuse = |what: String| AccountError::Profile { account: name.to_owned(), what };
        let mut settings = self.settings.clone();
        settings.extend(profile.dialect.clone());
        let dialect = Dialect::read(&settings).map_err(|error| refuse(error.to_string()))?;
        let zone = clock::zone(&profile.time_zone).map_err(|error| refuse(error.to_string()))?;
        Ok(Account::new(name, database, dialect, profile.clock, zone))
    }

    fn enter(&self, account: Account) -> Arc<Account> {
        let account = Arc::new(account);
        let mut accounts = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(account.name.to_string(), Arc::clone(&account));
        account
    }

    fn know(&self, account: &str, key: NewKey) {
        if let Some(account) = self.find(account) {
            let NewKey { digest, name, permissions } = key;
            let key = Arc::new(Key { digest, name: name.into(), permissions, account });
            self.by_digest.write().unwrap_or_else(PoisonError::into_inner).insert(digest, key);
        }
    }

    fn place(&self, file: Option<&str>) -> Place {
        match (&self.home, file) {
            (Home::Folder(folder), Some(file)) => Place::File(folder.join(file)),
            _ => Place::Memory,
        }
    }

    /// A file for a new account. One that is there already is left alone, whatever it is.
    fn fresh_file(&self, name: &str) -> Result<Option<String>, StorageError> {
        let Home::Folder(folder) = &self.home else { return Ok(None) };
        make_folder(&folder.join("accounts"))?;
        let numbered = (2..).map(|number| format!("accounts/{name}.{number}.db"));
        let mut files = std::iter::once(format!("accounts/{name}.db")).chain(numbered);
        Ok(files.find(|file| !folder.join(file).exists()))
    }
}

/// Removes the files of a database that was not finished; what cannot be removed is not in anyone's way.
fn remove(path: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(ending);
        let _ = fs::remove_file(file);
    }
}

fn lock(folder: &Path) -> Result<File, StorageError> {
    make_folder(folder)?;
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|source| StorageError::File { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StorageError::File { path, source }),
    }
}

fn make_folder(folder: &Path) -> Result<(), StorageError> {
    fs::create_dir_all(folder)
        .map_err(|source| StorageError::File { path: folder.to_owned(), source })
}
