//! Reads in groups: reads of a type that wait at the same time share one statement, as writes share a transaction.
//!
//! The first read of a group runs it for the others. Most of the cost of a small read is the way to SQLite and back.

use std::any::{Any, TypeId};
use std::collections::HashMap;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::error::StorageError;

/// The most reads of a statement (arbitrary).
const MAX_BATCH_READS: usize = 64;

/// A read that shares a statement with others.
pub(crate) trait BatchedRead: Clone + Send + 'static {
    type Output: Send + 'static;

    /// Runs the reads. Returns an output for each, in their order.
    ///
    /// # Errors
    /// If the database fails.
    fn run_batch(
        connection: &mut SqliteConnection,
        reads: Vec<Self>,
    ) -> BoxFuture<'_, Result<Vec<Self::Output>, StorageError>>;
}

/// A waiting read, and where its output goes.
type WaitingRead<R> = (R, oneshot::Sender<<R as BatchedRead>::Output>);

/// The waiting reads of each type.
#[derive(Debug, Default)]
pub(super) struct ReadQueue(Mutex<HashMap<TypeId, Box<dyn Any + Send>>>);

/// The group that a read has to run.
pub(super) struct ReadGroup<'a, R: BatchedRead> {
    queue: &'a ReadQueue,
    own: oneshot::Receiver<R::Output>,
    is_gathered: bool,
}

/// What a read has to do.
pub(super) enum ReadRole<'a, R: BatchedRead> {
    /// Run the group.
    Run(ReadGroup<'a, R>),
    /// Wait for the output. It fails if the read that runs the group has failed or is gone.
    Wait(oneshot::Receiver<R::Output>),
}

impl ReadQueue {
    /// Adds a read.
    pub(super) fn push<R: BatchedRead>(&self, read: R) -> ReadRole<'_, R> {
        let (sender, receiver) = oneshot::channel();
        let is_first = self.with_waiting(|waiting: &mut Vec<WaitingRead<R>>| {
            waiting.push((read, sender));
            waiting.len() == 1
        });
        if is_first {
            ReadRole::Run(ReadGroup { queue: self, own: receiver, is_gathered: false })
        } else {
            ReadRole::Wait(receiver)
        }
    }

    fn with_waiting<R: BatchedRead, T>(
        &self,
        change: impl FnOnce(&mut Vec<WaitingRead<R>>) -> T,
    ) -> T {
        let mut queues = self.0.lock();
        let queue = queues
            .entry(TypeId::of::<R>())
            .or_insert_with(|| Box::new(Vec::<WaitingRead<R>>::new()));
        match queue.downcast_mut() {
            Some(waiting) => change(waiting),
            // Cannot be: the key is the type.
            None => change(&mut Vec::new()),
        }
    }
}

impl<R: BatchedRead> ReadGroup<'_, R> {
    /// Yields to other ready tasks as long as they add reads, and returns all of them. A lone read does not wait.
    pub(super) async fn gather(&mut self) -> Vec<WaitingRead<R>> {
        let count = || self.queue.with_waiting(|waiting: &mut Vec<WaitingRead<R>>| waiting.len());
        let mut previous = 0;
        while previous < count() {
            previous = count();
            yield_now().await;
        }
        self.take()
    }

    fn take(&mut self) -> Vec<WaitingRead<R>> {
        self.is_gathered = true;
        self.queue.with_waiting(std::mem::take)
    }

    /// Returns the output of the read that runs the group.
    pub(super) fn own_output(mut self) -> Result<R::Output, StorageError> {
        self.own.try_recv().map_err(|_| StorageError::TaskFailed)
    }
}

impl<R: BatchedRead> Drop for ReadGroup<'_, R> {
    /// If the read is gone before it runs its group, the others are told, and form another.
    fn drop(&mut self) {
        if !self.is_gathered {
            drop(self.take());
        }
    }
}

/// Runs gathered reads, and sends their outputs.
pub(super) async fn run_group<R: BatchedRead>(
    connection: &mut SqliteConnection,
    group: Vec<WaitingRead<R>>,
) -> Result<(), StorageError> {
    let mut group = group.into_iter().peekable();
    while group.peek().is_some() {
        let (reads, senders): (Vec<R>, Vec<_>) = group.by_ref().take(MAX_BATCH_READS).unzip();
        let outputs = R::run_batch(connection, reads).await?;
        for (output, sender) in outputs.into_iter().zip(senders) {
            // The caller may be gone.
            let _ = sender.send(output);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;
    use crate::storage::tests::open_in_memory;

    /// A read that returns its number doubled; the database fails for batches that begin with number 0.
    #[derive(Clone)]
    struct Double {
        number: i64,
        batches: Arc<AtomicUsize>,
    }

    impl BatchedRead for Double {
        type Output = i64;

        fn run_batch(
            connection: &mut SqliteConnection,
            reads: Vec<Self>,
        ) -> BoxFuture<'_, Result<Vec<i64>, StorageError>> {
            Box::pin(async move {
                let Some(first) = reads.first() else { return Ok(Vec::new()) };
                first.batches.fetch_add(1, Ordering::AcqRel);
                if first.number == 0 {
                    return Err(StorageError::corrupt("test"));
                }
                let mut outputs = Vec::new();
                for read in &reads {
                    let double = sqlx::query_scalar("SELECT 2 * $1").bind(read.number);
                    outputs.push(double.fetch_one(&mut *connection).await?);
                }
                Ok(outputs)
            })
        }
    }

    /// Sends reads at the same time. Returns their results, and the number of batches.
    async fn read_all(numbers: &[i64]) -> (Vec<Result<i64, StorageError>>, usize) {
        let (database, batches) =
            (open_in_memory().await.expect("a database"), Arc::<AtomicUsize>::default());
        let read = |number: &i64| {
            database.read_batched(Double { number: *number, batches: Arc::clone(&batches) })
        };
        let results = join_all(numbers.iter().map(read)).await;
        (results, batches.load(Ordering::Acquire))
    }

    #[tokio::test]
    async fn waiting_reads_share_a_batch_and_get_their_own_output() {
        let numbers: Vec<i64> = (1..=100).collect();
        let (results, batches) = read_all(&numbers).await;
        let outputs: Vec<i64> = results.into_iter().map(|result| result.expect("read")).collect();
        let expected: Vec<i64> = numbers.iter().map(|number| 2 * number).collect();
        assert_eq!(outputs, expected);
        assert_eq!(batches, 2, "a batch has at most {MAX_BATCH_READS} reads");
    }

    #[tokio::test]
    async fn failure_concerns_the_read_that_ran_the_batch() {
        let (results, batches) = read_all(&[0, 1, 2]).await;
        let results: Vec<Option<i64>> = results.into_iter().map(Result::ok).collect();
        assert_eq!(results, [None, Some(2), Some(4)]);
        assert_eq!(batches, 2);
    }

    #[tokio::test]
    async fn read_that_is_gone_leaves_no_other_waiting() {
        let (database, batches) =
            (open_in_memory().await.expect("a database"), Arc::<AtomicUsize>::default());
        let read = |number| database.read_batched(Double { number, batches: Arc::clone(&batches) });
        let mut gone = Box::pin(read(1));
        assert!((&mut gone).now_or_never().is_none(), "it waits for others");
        let mut waiting = Box::pin(read(2));
        assert!((&mut waiting).now_or_never().is_none(), "it waits for the first");
        drop(gone);
        assert_eq!(waiting.await.expect("the read succeeds"), 4);
        assert_eq!(batches.load(Ordering::Acquire), 1);
    }
}
