//! Waits with a deadline: for a future, or until a condition holds. Only the pause between two polls has a fixed length.

use std::time::{Duration, Instant};

/// Longer than anything takes that a test waits for, so that a stuck server fails the test instead of blocking it.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Short compared to what is awaited; without a pause, polls would keep a core busy that other tests need.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Runs a future on a runtime of its own, for tests that proptest calls.
pub(crate) fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("the runtime starts").block_on(future);
}

/// Waits for a future.
pub(crate) async fn with_timeout<T>(label: &str, future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(TEST_TIMEOUT, future).await;
    result.unwrap_or_else(|_| panic!("timed out waiting for {label}"))
}

/// Polls until there is a result.
pub(crate) async fn poll_for<T>(label: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let polling = async {
        loop {
            if let Some(result) = poll().await {
                return result;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    with_timeout(label, polling).await
}

/// Polls until the condition holds.
pub(crate) async fn poll_until(label: &str, mut condition: impl AsyncFnMut() -> bool) {
    poll_for(label, async || condition().await.then_some(())).await;
}

/// Polls until the condition holds, and blocks the thread.
pub(crate) fn block_until(label: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + TEST_TIMEOUT;
    while !condition() {
        assert!(Instant::now() < end, "timed out waiting for {label}");
        std::thread::sleep(POLL_INTERVAL);
    }
}
