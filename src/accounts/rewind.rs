//! Going back: reset, snapshots, restore, and other terms. Each has the account's gate alone, so a request sees the
//! world before or after, and each is one commit, so a crash leaves the one or the other.

use std::sync::Arc;

use super::rest::close;
use super::store::{self, SavedRow};
use super::world::{Snapshot, Standing, World};
use super::{Account, AccountError, Accounts, Image, Profile, Saved, Terms};
use crate::storage::{
    ACCOUNT, BoxFuture, Connection, Place, Storage, StorageError, Version, files, is_whole,
};

/// The most snapshots of one account (chosen).
const MOST_SNAPSHOTS: usize = 1000;

/// What there is to say of a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotCard {
    pub(crate) name: String,
    /// By the account's clock.
    pub(crate) taken_at: String,
    pub(crate) bytes: u64,
}

impl SnapshotCard {
    fn of(name: &str, snapshot: &Snapshot) -> Self {
        let bytes = snapshot.saved.image.bytes();
        Self { name: name.to_owned(), taken_at: snapshot.taken_at.clone(), bytes }
    }
}

impl Accounts {
    /// Puts an account back to what it was made from.
    ///
    /// # Errors
    /// When nothing of that was kept, or the catalogue cannot be written.
    pub(crate) async fn reset(&self, account: &Account) -> Result<(), AccountError> {
        let mut world = account.alone().await?;
        let origin = world.origin.clone();
        let name = || account.name.to_string();
        self.go_back(
            account,
            &mut world,
            origin.ok_or_else(|| AccountError::NoOrigin { account: name() })?,
        )
        .await?;
        account.begin_anew();
        Ok(())
    }

    /// Puts an account back to a snapshot.
    ///
    /// # Errors
    /// When there is no such snapshot, or the catalogue cannot be written.
    pub(crate) async fn restore(&self, account: &Account, name: &str) -> Result<(), AccountError> {
        let mut world = account.alone().await?;
        let saved = world.snapshot(account, name)?.saved.clone();
        self.go_back(account, &mut world, saved).await?;
        account.begin_anew();
        Ok(())
    }

    async fn go_back(
        &self,
        account: &Account,
        world: &mut World,
        saved: Saved,
    ) -> Result<(), AccountError> {
        let terms = self.terms(&account.name, saved.profile.clone())?;
        let unneeded = match saved.image.id() {
            Some(image) if account.durable => {
                self.stand_on(account, world, SavedRow { image, profile: saved.profile }).await?
            }
            _ => Vec::new(),
        };
        let old = std::mem::replace(&mut world.standing, Standing::Image(saved.image));
        self.closed(account);
        account.set_terms(terms);
        clear_away(old).await;
        self.discard(unneeded).await;
        Ok(())
    }

    async fn stand_on(
        &self,
        account: &Account,
        world: &World,
        saved: SavedRow,
    ) -> Result<Vec<String>, StorageError> {
        let name = account.name.to_string();
        let old = world.standing.image().and_then(|image| image.id());
        self.commit_for(account, move |catalogue| {
            Box::pin(async move {
                let own = store::stand_on(catalogue, &name, saved.image).await?;
                store::set_profile(catalogue, &name, &saved.profile).await?;
                let mut files = store::drop_unused(catalogue, old.as_slice()).await?;
                files.extend(own);
                Ok(files)
            })
        })
        .await
    }

    /// The account's present state. A database in a file becomes the image itself: what comes next is written into
    /// a copy of it.
    pub(super) async fn saved(
        &self,
        account: &Account,
        world: &mut World,
    ) -> Result<Saved, AccountError> {
        let profile = account.terms().profile.clone();
        if account.durable {
            self.lay_down(account, world).await;
        }
        let image = match &world.standing {
            Standing::Removed => return Err(account.gone()),
            Standing::Image(image) => Arc::clone(image),
            Standing::Open { database, .. } => Image::of(database.content().await?),
            Standing::File(file) => self.freeze(account, file).await?,
        };
        if !matches!(world.standing, Standing::Open { .. }) {
            world.standing = Standing::Image(Arc::clone(&image));
        }
        Ok(Saved { image, profile })
    }

    /// Makes an account's file an image that the account stands on.
    async fn freeze(&self, account: &Account, file: &str) -> Result<Arc<Image>, StorageError> {
        let path = self.path(file);
        files::check_present(&path)?;
        if !is_whole(&path) {
            // A crash has left a part of it beside the file; to open it puts it back.
            let _slot = self.slot(account).await?;
            let (version, terms) = (Version::default(), account.terms());
            let opened = self.storage.open(Place::Kept(&path), &ACCOUNT, version, &terms.zone);
            opened.await?.close().await?;
            self.must_be_whole(file)?;
        }
        files::check_whole(&path)?;
        let bytes = files::size(&path)?;
        let (name, named) = (account.name.to_string(), file.to_owned());
        let id = self.commit_for(account, move |catalogue| {
            Box::pin(async move {
                let image = store::add_image(catalogue, &named, bytes).await?;
                store::stand_on(catalogue, &name, image).await?;
                Ok(image)
            })
        });
        Ok(self.image(id.await?, file, i64::try_from(bytes).unwrap_or(i64::MAX)))
    }

    /// A database that did not close cleanly has a part of itself beside its file.
    pub(super) fn must_be_whole(&self, file: &str) -> Result<(), StorageError> {
        let path = self.path(file);
        if is_whole(&path) { Ok(()) } else { Err(StorageError::NotWhole { path }) }
    }

    /// Keeps the present state under a name. Says whether the name is new.
    ///
    /// # Errors
    /// When there are too many, or the disk fails.
    pub(crate) async fn take_snapshot(
        &self,
        account: &Account,
        name: &str,
    ) -> Result<(SnapshotCard, bool), AccountError> {
        let mut world = account.alone().await?;
        let is_new = !world.snapshots.contains_key(name);
        if is_new && world.snapshots.len() >= MOST_SNAPSHOTS {
            let account = account.name.to_string();
            return Err(AccountError::Full { account, most: MOST_SNAPSHOTS, of: "snapshots" });
        }
        let saved = self.saved(account, &mut world).await?;
        let snapshot = Snapshot { saved, taken_at: account.terms().now().to_string() };
        let old = world.snapshots.get(name).and_then(|old| old.saved.image.id());
        let unneeded = match snapshot.saved.image.id() {
            Some(image) if account.durable => {
                let row = SavedRow { image, profile: snapshot.saved.profile.clone() };
                self.keep_snapshot(account, name, snapshot.taken_at.clone(), (row, old)).await?
            }
            _ => Vec::new(),
        };
        let card = SnapshotCard::of(name, &snapshot);
        world.snapshots.insert(name.to_owned(), snapshot);
        self.discard(unneeded).await;
        Ok((card, is_new))
    }

    async fn keep_snapshot(
        &self,
        account: &Account,
        name: &str,
        taken_at: String,
        (row, old): (SavedRow, Option<i64>),
    ) -> Result<Vec<String>, StorageError> {
        let (owner, name) = (account.name.to_string(), name.to_owned());
        self.commit_for(account, move |catalogue| {
            Box::pin(async move {
                store::put_snapshot(catalogue, &owner, &name, &taken_at, &row).await?;
                store::drop_unused(catalogue, old.as_slice()).await
            })
        })
        .await
    }

    /// The account's snapshots, by name.
    ///
    /// # Errors
    /// When the account has been removed.
    pub(crate) async fn snapshots(
        &self,
        account: &Account,
    ) -> Result<Vec<SnapshotCard>, AccountError> {
        let world = account.shared().await?;
        let cards = world.snapshots.iter();
        Ok(cards.map(|(name, snapshot)| SnapshotCard::of(name, snapshot)).collect())
    }

    /// Removes a snapshot.
    ///
    /// # Errors
    /// When there is none, or the catalogue cannot be written.
    pub(crate) async fn remove_snapshot(
        &self,
        account: &Account,
        name: &str,
    ) -> Result<(), AccountError> {
        let mut world = account.alone().await?;
        let image = world.snapshot(account, name)?.saved.image.id();
        let unneeded = if account.durable {
            let (owner, name) = (account.name.to_string(), name.to_owned());
            let removed = self.commit_for(account, move |catalogue| {
                Box::pin(async move {
                    store::remove_snapshot(catalogue, &owner, &name).await?;
                    store::drop_unused(catalogue, image.as_slice()).await
                })
            });
            removed.await?
        } else {
            Vec::new()
        };
        world.snapshots.remove(name);
        self.discard(unneeded).await;
        Ok(())
    }

    /// Changes a copy of an account's data, and puts the account onto the copy, with another profile. `prepare` makes
    /// the profile and the change from the terms that hold then.
    ///
    /// # Errors
    /// Those of `change`, and when the disk fails. The account is as before then.
    pub(crate) async fn rework<T, E, F>(
        &self,
        account: &Account,
        prepare: impl FnOnce(&Terms) -> (Profile, F),
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + From<AccountError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let mut world = account.alone().await?;
        let (profile, change) = prepare(&account.terms());
        let saved = self.saved(account, &mut world).await?;
        let (image, result) = if account.durable {
            self.changed_file(account, &saved.image, change).await?
        } else {
            changed_memory(&self.storage, &saved, change).await?
        };
        self.go_back(account, &mut world, Saved { image, profile }).await?;
        Ok(result)
    }

    async fn changed_file<T, E, F>(
        &self,
        account: &Account,
        image: &Arc<Image>,
        change: F,
    ) -> Result<(Arc<Image>, T), E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let _slot = self.slot(account).await?;
        let file = self.fresh_file(&format!("accounts/{}", account.name)).await?;
        let path = self.path(&file);
        let copied = async {
            image.copy_to(&self.storage, path.clone()).await?;
            let (version, terms) = (Version::default(), account.terms());
            let opened = self.storage.open(Place::Kept(&path), &ACCOUNT, version, &terms.zone);
            let database = opened.await?;
            let changed = database.write(change).await;
            let closed = database.close().await;
            let result = changed?;
            closed?;
            Ok(result)
        };
        let result = match copied.await {
            Ok(result) => result,
            Err(error) => {
                self.discard(vec![file]).await;
                return Err(error);
            }
        };
        self.must_be_whole(&file)?;
        Ok((self.known_image(file).await?, result))
    }

    /// Gives an account another profile, made from the present one.
    ///
    /// # Errors
    /// Those of `change`, and when the profile cannot be used or written.
    pub(crate) async fn change_profile<E: From<AccountError>>(
        &self,
        account: &Account,
        change: impl FnOnce(&Terms) -> Result<Profile, E>,
    ) -> Result<Arc<Terms>, E> {
        let _alone = account.alone().await?;
        let profile = change(&account.terms())?;
        let terms = self.terms(&account.name, profile.clone()).map_err(E::from)?;
        if account.durable {
            let name = account.name.to_string();
            let written = self.commit_for(account, move |catalogue| {
                Box::pin(async move { store::set_profile(catalogue, &name, &profile).await })
            });
            written.await.map_err(AccountError::from)?;
        }
        account.set_terms(terms);
        Ok(account.terms())
    }
}

/// Closes the database that an account stood on, which nobody needs any more: the catalogue has given it up before, so
/// that a crash in between loses nothing. One in memory is thrown away once the answer is on its way.
pub(super) async fn clear_away(old: Standing) {
    match old {
        Standing::Open { database, file: Some(_) } => database.abandon().await,
        Standing::Open { database, file: None } => {
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                drop(database);
            });
        }
        _ => {}
    }
}

async fn changed_memory<T, E, F>(
    storage: &Storage,
    saved: &Saved,
    change: F,
) -> Result<(Arc<Image>, T), E>
where
    T: Send + 'static,
    E: From<StorageError> + Send + 'static,
    F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
{
    let Image::Memory(content) = &*saved.image else {
        return Err(StorageError::corrupt("an image is not in memory".to_owned()).into());
    };
    let (version, zone) = (Version::default(), saved.profile.zone());
    let database = storage.open(Place::Copy(content), &ACCOUNT, version, &zone).await?;
    let result = database.write(change).await?;
    let content = database.content().await?;
    close(&database).await;
    Ok((Image::of(content), result))
}
