//! All accounts of a server, found by key without a query; and the catalogue that knows those that are durable.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use serde_json::{Map, Value};

use super::folder::{catalogue, lock};
use super::rest::close;
use super::store::{self, Entry, SavedRow};
use super::world::{Snapshot, Standing, World};
use super::{
    Account, AccountError, Admission, Allowance, Digest, Image, Key, KeyCard, NewKey, Profile,
    Saved, Terms,
};
use crate::clock::{Stopwatch, Zone};
use crate::dialect::Dialect;
use crate::metrics::Census;
use crate::storage::{CATALOGUE, Database, Storage, StorageError, Version};

/// Where a server keeps its accounts.
#[derive(Clone, Debug)]
pub(crate) enum Home {
    /// In a folder, which is made when it is missing.
    Folder(PathBuf),
    /// In memory: gone when the server ends.
    Memory,
}

/// What holds for all accounts of a server.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// What the configuration chose, over which an account's own choices go.
    pub(crate) dialect: Map<String, Value>,
    /// The most accounts.
    pub(crate) most: usize,
    pub(crate) admission: Admission,
    /// What each of them may have.
    pub(crate) each: Allowance,
}

/// The images of the catalogue, by their rows.
type Images = HashMap<i64, Arc<Image>>;

/// Every account and every key of the server.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(super) home: Home,
    pub(super) rules: Rules,
    pub(super) storage: Storage,
    /// The dialect where no account is known.
    pub(crate) dialect: Dialect,
    /// None where nothing outlives the server.
    pub(super) catalogue: Option<Database>,
    by_name: RwLock<HashMap<String, Arc<Account>>>,
    by_digest: RwLock<HashMap<Digest, Arc<Key>>>,
    /// The first one is what accounts are made from.
    pub(super) seeds: RwLock<Vec<(String, Saved)>>,
    /// What an account without anything stands on.
    pub(super) empty: tokio::sync::OnceCell<Saved>,
    /// One account is made after the other, so that no two take one name or one key.
    pub(super) making: tokio::sync::Mutex<()>,
    /// Those whose database is open, by serial number.
    pub(super) open: Mutex<HashMap<u64, Weak<Account>>>,
    pub(super) life: Stopwatch,
    pub(super) next_name: AtomicU64,
    next_key: AtomicI64,
    /// Held as long as the server runs, so that no second one uses the folder.
    pub(super) lock: Option<File>,
}

impl Accounts {
    /// Opens the catalogue. No account's database is opened before a request needs it.
    ///
    /// # Errors
    /// When the folder is in use, cannot be written, or holds what this version cannot read.
    pub(crate) async fn open(
        home: Home,
        rules: Rules,
        dialect: Dialect,
        storage: Storage,
    ) -> Result<Self, AccountError> {
        let (lock, catalogue) = match &home {
            Home::Folder(folder) => {
                let lock = lock(&storage, folder)?;
                let path = folder.join("catalogue.db");
                let place = catalogue(folder, &path)?;
                let zone = Zone::default();
                let opened = storage.open(place, &CATALOGUE, Version::default(), &zone);
                (Some(lock), Some(opened.await?))
            }
            Home::Memory => (None, None),
        };
        let accounts = Self {
            home,
            rules,
            storage,
            dialect,
            catalogue,
            by_name: RwLock::default(),
            by_digest: RwLock::default(),
            seeds: RwLock::default(),
            empty: tokio::sync::OnceCell::new(),
            making: tokio::sync::Mutex::default(),
            open: Mutex::default(),
            life: Stopwatch::start(),
            next_name: AtomicU64::new(1),
            next_key: AtomicI64::new(1),
            lock,
        };
        accounts.load().await.map_err(|error| accounts.in_catalogue(error))?;
        Ok(accounts)
    }

    /// What keeps the server from starting, with the file that it stands in.
    fn in_catalogue(&self, error: AccountError) -> AccountError {
        let Some(catalogue) = &self.catalogue else { return error };
        let error = match error {
            AccountError::Storage(error) => error,
            other => StorageError::corrupt(other.to_string()),
        };
        error.at(catalogue.path()).into()
    }

    async fn load(&self) -> Result<(), AccountError> {
        if self.catalogue.is_none() {
            return Ok(());
        }
        // What a crash has left unfinished; nobody uses it.
        self.discard(self.look(|catalogue| Box::pin(store::unneeded(catalogue))).await?).await;
        let unused = self.commit(|catalogue| Box::pin(store::drop_all_unused(catalogue)));
        self.discard(unused.await?).await;
        let images = self.look(|catalogue| Box::pin(store::images(catalogue))).await?;
        for (_, file, _) in &images {
            self.warn_if_missing(file);
        }
        let images: Images = images
            .into_iter()
            .map(|(id, file, bytes)| (id, self.image(id, &file, bytes)))
            .collect();
        for entry in self.look(|catalogue| Box::pin(store::entries(catalogue))).await? {
            self.enter(self.stored(entry, &images)?);
        }
        for row in self.look(|catalogue| Box::pin(store::snapshots(catalogue))).await? {
            let (account, name, taken_at, saved) = row;
            let snapshot = Snapshot { saved: found(saved, &images)?, taken_at };
            if let Some(account) = self.find(&account) {
                account.world.write().await.snapshots.insert(name, snapshot);
            }
        }
        for (account, card) in self.look(|catalogue| Box::pin(store::keys(catalogue))).await? {
            if let Some(account) = self.find(&account) {
                self.know(&account, card);
            }
        }
        let last = self.look(|catalogue| Box::pin(store::last_key(catalogue))).await?;
        self.next_key.store(last + 1, Ordering::Relaxed);
        Ok(())
    }

    /// An account of the catalogue.
    fn stored(&self, entry: Entry, images: &Images) -> Result<Account, AccountError> {
        let Entry { name, profile, file, image, origin, ttl } = entry;
        let standing = match (file, image) {
            (Some(file), _) => {
                self.warn_if_missing(&file);
                Standing::File(file)
            }
            (None, Some(image)) => Standing::Image(known(image, images)?),
            (None, None) => {
                let what = format!("account {name} stands on nothing");
                return Err(StorageError::corrupt(what).into());
            }
        };
        let origin = origin.map(|origin| found(origin, images)).transpose()?;
        let terms = self.terms(&name, profile)?;
        Ok(Account::new(&name, true, ttl, World::new(standing, origin), (terms, self.rules.each)))
    }

    /// Says that a file is not there. What stands on it is refused, all else goes on.
    fn warn_if_missing(&self, file: &str) {
        let path = self.path(file);
        if !path.exists() {
            tracing::error!(error = %StorageError::Missing { path }, "a part of the data is refused");
        }
    }

    /// The key with this text. Costs no query; takes the same time for every text of the same length.
    pub(crate) fn find_key(&self, text: &str) -> Option<Arc<Key>> {
        let digest = Digest::of(text);
        let keys = self.by_digest.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(&digest).cloned();
        if let Some(key) = &key {
            key.account.touch(self.life.milliseconds());
        }
        key
    }

    /// The account with this name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Account>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Every account, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Account>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Reads something of the catalogue, where there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn check(&self) -> Result<(), StorageError> {
        if self.catalogue.is_some() {
            self.look(|catalogue| Box::pin(store::last_key(catalogue))).await?;
        }
        Ok(())
    }

    /// How much there is of what is counted.
    pub(crate) fn census(&self) -> Census {
        let all = self.all();
        Census {
            accounts: all.len(),
            journal_entries: all.iter().map(|account| account.journal.len()).sum(),
            open_databases: self.open.lock().unwrap_or_else(PoisonError::into_inner).len(),
        }
    }

    /// Closes every database.
    pub(crate) async fn close(&self) {
        for account in self.all() {
            self.park(&account).await;
        }
        if let Some(catalogue) = &self.catalogue {
            close(catalogue).await;
        }
    }

    /// The terms of a profile on this server.
    pub(super) fn terms(&self, account: &str, profile: Profile) -> Result<Terms, AccountError> {
        Terms::new(profile, &self.rules.dialect)
            .map_err(|what| AccountError::Profile { account: account.to_owned(), what })
    }

    pub(super) fn enter(&self, account: Account) -> Arc<Account> {
        let account = Arc::new(account);
        account.touch(self.life.milliseconds());
        let mut accounts = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(account.name.to_string(), Arc::clone(&account));
        account
    }

    /// Forgets an account and its keys.
    pub(super) fn leave(&self, account: &Account) {
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).remove(&*account.name);
        for card in account.keys() {
            self.forget(&card.digest);
        }
        account.end();
    }

    /// A key opens its account from now on.
    pub(super) fn know(&self, account: &Arc<Account>, card: KeyCard) {
        let KeyCard { digest, name, permissions, .. } = card.clone();
        account.change_keys(|keys| keys.push(card));
        let key = Arc::new(Key { digest, name, permissions, account: Arc::clone(account) });
        self.by_digest.write().unwrap_or_else(PoisonError::into_inner).insert(digest, key);
    }

    /// A key opens nothing from now on.
    pub(super) fn forget(&self, digest: &Digest) {
        self.by_digest.write().unwrap_or_else(PoisonError::into_inner).remove(digest);
    }

    /// A key with an id.
    pub(super) fn card(&self, key: NewKey) -> KeyCard {
        let NewKey { digest, name, permissions } = key;
        let id = self.next_key.fetch_add(1, Ordering::Relaxed);
        KeyCard { id, digest, name: name.into(), permissions }
    }

    /// A key opens one account; another one cannot take it.
    pub(super) fn must_be_free(
        &self,
        name: &str,
        account: Option<&Account>,
        keys: &[NewKey],
    ) -> Result<(), AccountError> {
        let own = account.map(|account| account.serial);
        let known = self.by_digest.read().unwrap_or_else(PoisonError::into_inner);
        let owner = |key: &NewKey| known.get(&key.digest).map(|known| &known.account);
        let mut taken = keys.iter().filter_map(|key| Some((key, owner(key)?)));
        match taken.find(|(_, owner)| Some(owner.serial) != own) {
            None => Ok(()),
            Some((key, owner)) => Err(AccountError::KeyTaken {
                account: name.to_owned(),
                key: key.name.clone(),
                owner: owner.name.to_string(),
            }),
        }
    }

    /// An account that was found before may have been removed since, and its name may be another one's.
    pub(super) fn must_be_here(&self, account: &Account) -> Result<(), AccountError> {
        let found = self.find(&account.name);
        if found.is_some_and(|found| found.serial == account.serial) {
            Ok(())
        } else {
            Err(account.gone())
        }
    }

    /// The row of the seed with this name, if it was planted from the same fixture.
    pub(super) async fn stored_seed(
        &self,
        name: &str,
        digest: [u8; 32],
    ) -> Result<Option<Saved>, AccountError> {
        let name = name.to_owned();
        let stored = self.look(move |catalogue| {
            Box::pin(async move { store::seed(catalogue, &name, &digest).await })
        });
        let Some(row) = stored.await? else { return Ok(None) };
        let images = self.look(|catalogue| Box::pin(store::images(catalogue))).await?;
        let image = images.into_iter().find(|(id, ..)| *id == row.image);
        Ok(image.map(|(id, file, bytes)| Saved {
            image: self.image(id, &file, bytes),
            profile: row.profile,
        }))
    }
}

fn known(image: i64, images: &Images) -> Result<Arc<Image>, StorageError> {
    let image = images.get(&image).cloned();
    image.ok_or_else(|| StorageError::corrupt("the catalogue lacks an image".to_owned()))
}

fn found(row: SavedRow, images: &Images) -> Result<Saved, StorageError> {
    Ok(Saved { image: known(row.image, images)?, profile: row.profile })
}
