//! Caches rendered responses until their data changes.
//!
//! A cache key has the change counter of its account, or of its row, from *before* the data is read. A change
//! advances the counter before it is acknowledged, so a request after that has another cache key, and never gets a
//! stale response. Concurrent requests with one cache key wait for one computation.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use super::base_url::BaseUrl;
use crate::accounts::EffectiveSettings;
use crate::journal::RecordedInput;

/// The maximum number of bytes of all entries together (arbitrary).
const MAX_CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// The estimated size of an entry without its texts, mostly the recorded input.
const ENTRY_OVERHEAD_BYTES: u64 = 1024;

/// The borrowed form of [`CacheKey`], for lookups.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKeyRef<'a> {
    /// The account's serial number.
    pub(crate) account: u64,
    /// The change counter of the account, or of the requested row; the path has its resource and id.
    pub(crate) change_counter: u64,
    /// The account's time in seconds, if the response depends on it; else 0.
    pub(crate) second: i64,
    pub(crate) path: &'a str,
    /// Has no API key.
    pub(crate) query: Cow<'a, str>,
    /// The base URL of the links in the response.
    pub(crate) base_url: BaseUrl<'a>,
}

/// Identifies a response. Hashes as [`CacheKeyRef`]: same fields, same order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    account: u64,
    change_counter: u64,
    second: i64,
    path: Box<str>,
    query: Box<str>,
    base_url: BaseUrl<'static>,
}

impl From<CacheKeyRef<'_>> for CacheKey {
    fn from(key: CacheKeyRef<'_>) -> Self {
        let CacheKeyRef { account, change_counter, second, path, query, base_url } = key;
        let base_url = BaseUrl { scheme: base_url.scheme, rest: base_url.rest.into_owned().into() };
        Self { account, change_counter, second, path: path.into(), query: query.into(), base_url }
    }
}

impl Equivalent<CacheKey> for CacheKeyRef<'_> {
    fn equivalent(&self, key: &CacheKey) -> bool {
        let CacheKey { account, change_counter, second, path, query, base_url } = key;
        (self.account, self.change_counter, self.second) == (*account, *change_counter, *second)
            && *self.path == **path
            && *self.query == **query
            && self.base_url == *base_url
    }
}

/// A rendered response, and the account settings of its data.
#[derive(Clone, Debug)]
pub(crate) struct CachedResponse {
    pub(crate) body: Bytes,
    /// The input, as the journal records it.
    pub(crate) recorded_input: Arc<RecordedInput>,
    pub(crate) settings: Arc<EffectiveSettings>,
}

#[derive(Clone, Debug)]
struct ByteWeighter;

impl Weighter<CacheKey, CachedResponse> for ByteWeighter {
    fn weight(&self, key: &CacheKey, response: &CachedResponse) -> u64 {
        let text_bytes = key.path.len() + key.query.len() + response.body.len();
        text_bytes as u64 + ENTRY_OVERHEAD_BYTES
    }
}

/// Evicts responses by their size in bytes.
#[derive(Debug)]
pub(crate) struct ResponseCache(Cache<CacheKey, CachedResponse, ByteWeighter>);

impl ResponseCache {
    pub(crate) fn new() -> Self {
        let estimated_entries = usize::try_from(MAX_CACHE_BYTES / 2048).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(estimated_entries, MAX_CACHE_BYTES, ByteWeighter))
    }

    pub(crate) fn lookup(&self, key: &CacheKeyRef<'_>) -> Option<CachedResponse> {
        self.0.get(key)
    }

    /// Returns the cached response, or computes and caches it.
    ///
    /// # Errors
    /// Those of `compute`; never cached.
    pub(crate) async fn get_or_compute<E>(
        &self,
        key: &CacheKey,
        compute: impl Future<Output = Result<CachedResponse, E>>,
    ) -> Result<CachedResponse, E> {
        self.0.get_or_insert_async(key, compute).await
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    #[test]
    fn borrowed_cache_key_hashes_and_equals_its_owned_form() {
        let key = |path, query: &'static str| CacheKeyRef {
            account: 1,
            change_counter: 2,
            second: 3,
            path,
            query: query.into(),
            base_url: BaseUrl { scheme: "http", rest: "host".into() },
        };
        let hasher = RandomState::new();
        let keys = [key("/a", "b"), key("/ab", ""), key("/a", ""), key("/", "ab")];
        for borrowed in &keys {
            let owned = CacheKey::from(borrowed.clone());
            assert_eq!(hasher.hash_one(borrowed), hasher.hash_one(&owned));
            let equal: Vec<_> = keys.iter().filter(|other| (*other).equivalent(&owned)).collect();
            assert_eq!(equal, [borrowed]);
        }
    }
}
