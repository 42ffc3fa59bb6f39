//! Accounts at work and at rest: a database is open only as long as requests come.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::store;
use super::world::{Standing, World};
use super::{Account, AccountError, Accounts, Image, Lease};
use crate::storage::{ACCOUNT, Database, Place, StorageError};

/// The most databases that are open at the same time, unless more are in use at once (chosen).
const MOST_OPEN: usize = 64;
/// How long a database stays open without a request, in milliseconds (chosen).
const IDLE: u64 = 2000;
/// How often idle databases and forgotten accounts are looked for.
const ROUND: Duration = Duration::from_millis(250);

impl Accounts {
    /// The right to use an account's database, which is opened when it is not.
    ///
    /// # Errors
    /// When the account has been removed, is busy for too long, or its database cannot be opened.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        account: &Arc<Account>,
    ) -> Result<Lease, AccountError> {
        self.settle(account).await?;
        let leased = timeout(self.storage.patience, self.leased(account)).await;
        leased.unwrap_or(Err(StorageError::Busy.into()))
    }

    async fn leased(self: &Arc<Self>, account: &Arc<Account>) -> Result<Lease, AccountError> {
        if let Some(lease) = account.lease_if_open().await {
            return Ok(lease);
        }
        let (accounts, account) = (Arc::clone(self), Arc::clone(account));
        // A task of its own, so that it is not given up half-way when a client leaves.
        let woken = tokio::spawn(async move {
            let mut world = Arc::clone(&account.world).write_owned().await;
            accounts.wake(&account, &mut world).await?;
            let lease = Lease::of(world.downgrade());
            lease.ok_or_else(|| AccountError::Unknown(account.name.to_string()))
        });
        woken.await.map_err(|_| StorageError::Abandoned)?
    }

    /// Opens the database of an account.
    async fn wake(&self, account: &Arc<Account>, world: &mut World) -> Result<(), AccountError> {
        let terms = account.terms();
        let open = |place| self.storage.open(place, &ACCOUNT, account.version.clone(), &terms.zone);
        let (database, file) = match &world.standing {
            Standing::Open { .. } => return Ok(()),
            Standing::Removed => return Err(AccountError::Unknown(account.name.to_string())),
            Standing::File(file) => {
                let slot = self.slot(account).await?;
                let opened = open(Place::Kept(&self.path(file))).await?;
                (opened.in_slot(slot), Some(file.clone()))
            }
            Standing::Image(image) if account.durable => {
                let (database, file) = self.own(account, &Arc::clone(image)).await?;
                (database, Some(file))
            }
            Standing::Image(image) => match &**image {
                Image::Memory(content) => (open(Place::Copy(content)).await?, None),
                Image::File { path, .. } => {
                    return Err(StorageError::Missing { path: path.clone() }.into());
                }
            },
        };
        world.standing = Standing::Open { database, file };
        self.make_room(account).await;
        Ok(())
    }

    /// Copies the image that an account stands on to a file of its own, and opens that.
    async fn own(
        &self,
        account: &Account,
        image: &Arc<Image>,
    ) -> Result<(Database, String), StorageError> {
        let slot = self.slot(account).await?;
        let file = self.fresh_file(&format!("accounts/{}", account.name)).await?;
        let path = self.path(&file);
        let opened = async {
            image.copy_to(&self.storage, path.clone()).await?;
            let version = account.version.clone();
            let zone = &account.terms().zone;
            self.storage.open(Place::Kept(&path), &ACCOUNT, version, zone).await
        };
        let database = match opened.await {
            Ok(database) => database.in_slot(slot),
            Err(error) => {
                self.discard(vec![file]).await;
                return Err(image.blame(error));
            }
        };
        // Only what could be opened takes the image's place.
        match self.take_over(account, image, file.clone()).await {
            Ok(unneeded) => self.discard(unneeded).await,
            Err(error) => {
                // Whether the catalogue names the file may not be known, so it stays until the next start.
                close(&database).await;
                return Err(error);
            }
        }
        Ok((database, file))
    }

    /// Notes in the catalogue that an account has a file of its own.
    async fn take_over(
        &self,
        account: &Account,
        image: &Image,
        file: String,
    ) -> Result<Vec<String>, StorageError> {
        let (name, old) = (account.name.to_string(), image.id());
        self.commit_for(account, move |catalogue| {
            Box::pin(async move {
                store::own_file(catalogue, &name, &file).await?;
                store::drop_unused(catalogue, old.as_slice()).await
            })
        })
        .await
    }

    /// The most databases that stay open.
    fn most_open(&self) -> usize {
        MOST_OPEN.min(self.storage.slots.most)
    }

    /// Notes that the account's database is open; those that were not used for the longest time make room.
    async fn make_room(&self, account: &Arc<Account>) {
        let mut others: Vec<Arc<Account>> = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.insert(account.serial, Arc::downgrade(account));
            if open.len() <= self.most_open() {
                return;
            }
            open.retain(|_, account| account.strong_count() > 0);
            open.values().filter_map(std::sync::Weak::upgrade).collect()
        };
        let mut surplus = others.len().saturating_sub(self.most_open());
        others.retain(|other| other.serial != account.serial);
        others.sort_by_key(|other| other.used());
        for other in others {
            if surplus == 0 {
                return;
            }
            if self.park_if_unused(&other).await {
                surplus -= 1;
            }
        }
    }

    /// Closes an account's database if nobody uses it.
    pub(super) async fn park_if_unused(&self, account: &Account) -> bool {
        let Ok(mut world) = Arc::clone(&account.world).try_write_owned() else { return false };
        self.lay_down(account, &mut world).await;
        true
    }

    /// Closes an account's database once nobody uses it.
    pub(super) async fn park(&self, account: &Account) {
        let mut world = account.world.write().await;
        self.lay_down(account, &mut world).await;
    }

    pub(super) async fn lay_down(&self, account: &Account, world: &mut World) {
        let rested = match &world.standing {
            Standing::Open { database, file: Some(file) } => {
                close(database).await;
                Standing::File(file.clone())
            }
            Standing::Open { database, file: None } => match database.content().await {
                Ok(content) => Standing::Image(Image::of(content)),
                Err(error) => {
                    tracing::warn!(%error, "an account's database stays open");
                    return;
                }
            },
            _ => return,
        };
        world.standing = rested;
        self.closed(account);
    }

    /// Notes that the account's database is not open any more.
    pub(super) fn closed(&self, account: &Account) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&account.serial);
    }

    /// Makes sure that it is known what the catalogue says of an account, and that its files are where they were.
    ///
    /// # Errors
    /// When a change of the catalogue may or may not have been committed, or the data folder is another one.
    pub(crate) async fn settle(&self, account: &Account) -> Result<(), StorageError> {
        if account.durable {
            self.check_folder()?;
        }
        if account.is_in_doubt() {
            let catalogue = self.catalogue.as_ref().ok_or(StorageError::Closed)?;
            catalogue.settle_outcome().await?;
            account.end_doubt();
        }
        Ok(())
    }

    /// Closes idle databases and removes forgotten accounts, as long as the server runs.
    pub(crate) async fn tend(self: Arc<Self>) {
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            let now = self.life.milliseconds();
            for account in self.idle(now) {
                self.park_if_unused(&account).await;
            }
            for account in self.forgotten(now) {
                if let Err(error) = self.remove_if_forgotten(&account).await {
                    tracing::warn!(%error, account = %account.name, "could not be removed");
                }
            }
        }
    }

    fn idle(&self, now: u64) -> Vec<Arc<Account>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.values().filter_map(std::sync::Weak::upgrade);
        open.filter(|account| account.used() + IDLE < now).collect()
    }

    fn forgotten(&self, now: u64) -> Vec<Arc<Account>> {
        let mut all = self.all();
        all.retain(|account| account.is_forgotten(now));
        all
    }
}

/// Closes a database. If its log cannot be written into its file, both stay, and hold everything together.
pub(super) async fn close(database: &Database) {
    if let Err(error) = database.close().await {
        tracing::warn!(%error, "the log of a database stays beside its file");
    }
}
