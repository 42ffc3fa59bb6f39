//! All accounts of a server, found by key without a query; and the catalogue that knows those that are durable.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use serde_json::{Map, Value};

use super::store::{self, Entry, SavedRow};
use super::world::{Snapshot, Standing, World};
use super::{
    Account, AccountError, Admission, Digest, Image, Key, KeyCard, NewKey, Profile, Saved, Terms,
};
use crate::clock::Stopwatch;
use crate::dialect::Dialect;
use crate::journal::Bounds;
use crate::storage::{
    BoxFuture, CATALOGUE, Connection, Database, Place, StorageError, Version, files,
};

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
    /// How much the journal of each account keeps.
    pub(crate) journal: Bounds,
}

/// The images of the catalogue, by their rows.
type Images = HashMap<i64, Arc<Image>>;

/// Every account and every key of the server.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(super) home: Home,
    pub(super) rules: Rules,
    /// The dialect where no account is known.
    pub(crate) dialect: Dialect,
    /// None where nothing outlives the server.
    catalogue: Option<Database>,
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
    _lock: Option<File>,
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
    ) -> Result<Self, AccountError> {
        let (lock, catalogue) = match &home {
            Home::Folder(folder) => {
                let lock = lock(folder)?;
                let place = folder.join("catalogue.db");
                let opened = Database::open(Place::File(&place), &CATALOGUE, Version::default());
                (Some(lock), Some(opened.await?))
            }
            Home::Memory => (None, None),
        };
        let accounts = Self {
            home,
            rules,
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
            _lock: lock,
        };
        accounts.load().await?;
        Ok(accounts)
    }

    async fn load(&self) -> Result<(), AccountError> {
        if self.catalogue.is_none() {
            return Ok(());
        }
        // What a crash has left unfinished; nobody uses it.
        self.discard(self.look(|catalogue| Box::pin(store::unneeded(catalogue))).await?).await?;
        let unused = self.commit(|catalogue| Box::pin(store::drop_all_unused(catalogue)));
        self.discard(unused.await?).await?;
        let images = self.look(|catalogue| Box::pin(store::images(catalogue))).await?;
        let missing = images.iter().map(|(_, file, _)| self.path(file)).find(|path| !path.exists());
        if let Some(path) = missing {
            return Err(StorageError::Missing { path }.into());
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
                let path = self.path(&file);
                if !path.exists() {
                    return Err(StorageError::Missing { path }.into());
                }
                Standing::File(file)
            }
            (None, Some(image)) => Standing::Image(known(image, images)?),
            (None, None) => {
                let what = format!("account {name} stands on nothing");
                return Err(StorageError::Corrupt(what).into());
            }
        };
        let origin = origin.map(|origin| found(origin, images)).transpose()?;
        let terms = self.terms(&name, profile)?;
        Ok(Account::new(
            &name,
            true,
            ttl,
            World::new(standing, origin),
            (terms, self.rules.journal),
        ))
    }

    /// The key with this text. Costs no query; takes the same time for every text of the same length.
    pub(crate) fn find_key(&self, text: &str) -> Option<Arc<Key>> {
        let digest = Digest::of(text);
        let keys = self.by_digest.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(&digest).filter(|key| key.digest.matches(&digest)).cloned();
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

    /// Closes every database.
    pub(crate) async fn close(&self) {
        for account in self.all() {
            self.park(&account).await;
        }
        if let Some(catalogue) = &self.catalogue {
            catalogue.close().await;
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

    /// Reads from the catalogue, which there must be.
    pub(super) async fn look<T, F>(&self, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        self.catalogue.as_ref().ok_or(StorageError::Closed)?.read(query).await
    }

    /// Commits a change to the catalogue, which there must be.
    pub(super) async fn commit<T, F>(&self, change: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        self.catalogue.as_ref().ok_or(StorageError::Closed)?.write(change).await
    }

    /// Removes files that nothing names any more. What cannot be removed now is removed at the next start.
    pub(super) async fn discard(&self, files: Vec<String>) -> Result<(), StorageError> {
        if files.is_empty() {
            return Ok(());
        }
        let files: Vec<_> = files.into_iter().map(|file| (self.path(&file), file)).collect();
        let gone = files::remove_all(files).await?;
        self.commit(move |catalogue| {
            Box::pin(async move {
                for file in &gone {
                    store::forget(catalogue, file).await?;
                }
                Ok(())
            })
        })
        .await
    }

    pub(super) fn image(&self, id: i64, file: &str, bytes: i64) -> Arc<Image> {
        Arc::new(Image::File { id, path: self.path(file), bytes: bytes.unsigned_abs() })
    }

    /// The path of a file inside the data folder.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        match &self.home {
            Home::Folder(folder) => folder.join(file),
            Home::Memory => PathBuf::from(file),
        }
    }

    /// A file that is about to be made, noted so that a crash leaves nothing behind. One that is there already is
    /// left alone, whatever it is.
    pub(super) async fn fresh_file(&self, stem: &str) -> Result<String, StorageError> {
        if let Some(folder) = self.path(stem).parent() {
            files::make_folder(folder)?;
        }
        let numbered = (2..).map(|number| format!("{stem}.{number}.db"));
        let mut files = std::iter::once(format!("{stem}.db")).chain(numbered);
        let file = files.find(|file| !self.path(file).exists()).unwrap_or_default();
        let noted = file.clone();
        self.commit(move |catalogue| {
            Box::pin(async move { store::expect(catalogue, &noted).await })
        })
        .await?;
        Ok(file)
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
    image.ok_or_else(|| StorageError::Corrupt("the catalogue lacks an image".to_owned()))
}

fn found(row: SavedRow, images: &Images) -> Result<Saved, StorageError> {
    Ok(Saved { image: known(row.image, images)?, profile: row.profile })
}

fn lock(folder: &Path) -> Result<File, StorageError> {
    files::make_folder(folder)?;
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|source| StorageError::File { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StorageError::File { path, source }),
    }
}
