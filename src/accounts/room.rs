//! Room for one more open database: where the system lets the process have few files, another one is closed for it.

use std::pin::pin;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::timeout;

use super::{Account, Accounts};
use crate::clock::Stopwatch;
use crate::storage::{Slot, StorageError};

/// How long a database that is in use is waited for before another look at all of them (chosen).
const GRACE: Duration = Duration::from_millis(20);

impl Accounts {
    /// The right to open the account's database in files. Whoever asks holds no other such right: they would wait for
    /// each other.
    ///
    /// # Errors
    /// When all others are in use for too long.
    pub(super) async fn slot(&self, account: &Account) -> Result<Slot, StorageError> {
        let slots = &self.storage.slots;
        let watch = Stopwatch::start();
        // A little sooner than the request is given up, so that its client learns what there was not enough of.
        let patience = self.storage.patience.mul_f32(0.9);
        // Kept over all tries, since those who wait are served in their order.
        let mut slot = pin!(slots.take());
        loop {
            {
                let _only = slots.evict().await;
                if let Some(slot) = slot.as_mut().now_or_never() {
                    return Ok(slot);
                }
                self.evict(account).await;
            }
            if let Ok(slot) = timeout(GRACE, slot.as_mut()).await {
                return Ok(slot);
            }
            if watch.elapsed() > patience {
                return Err(StorageError::NoRoom { most: slots.most });
            }
        }
    }

    /// Closes the database that nobody has used for the longest time. Where all are in use, it waits a moment for the
    /// gate of that one, so that accounts that are always in use make room as well.
    async fn evict(&self, account: &Account) {
        let mut others: Vec<Arc<Account>> = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.values().filter_map(Weak::upgrade).collect()
        };
        others.retain(|other| other.durable && other.serial != account.serial);
        others.sort_by_key(|other| other.used());
        for other in &others {
            if self.park_if_unused(other).await {
                return;
            }
        }
        if let Some(other) = others.first()
            && let Ok(mut world) = timeout(GRACE, other.world.write()).await
        {
            self.lay_down(other, &mut world).await;
        }
    }
}
