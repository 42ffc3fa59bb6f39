//! Builds the cache key of a request from the change counter of the requested row, or of the account.

use axum::http::Uri;
use jiff::Timestamp;

use super::auth;
use super::cache::CacheKeyRef;
use super::endpoint::CachePolicy;
use crate::accounts::ApiKey;
use crate::storage::RowId;

/// Returns the cache key. Returns None while a change of the data is being committed: a read may then be newer than
/// the counter.
pub(super) fn cache_key<'a>(
    policy: CachePolicy,
    key: &ApiKey,
    now: Timestamp,
    uri: &'a Uri,
) -> Option<CacheKeyRef<'a>> {
    let counter = &key.account.change_counter;
    let (row, second) = match policy {
        CachePolicy::UntilRowChanges(resource) => (row_at_end(resource, uri.path()), 0),
        CachePolicy::ThisSecond => (None, now.as_second()),
    };
    let change_counter = match row {
        Some(row) => counter.stable_row_value(row),
        None => counter.stable_value(),
    };
    Some(CacheKeyRef {
        account: key.account.serial,
        change_counter: change_counter?,
        second,
        path: uri.path(),
        query: auth::strip_key_from_query(uri.query().unwrap_or_default()),
    })
}

/// Parses the id at the end of a path. Another text is no row, so its response depends on the whole account.
fn row_at_end(resource: &'static str, path: &str) -> Option<RowId> {
    let id = path.rsplit('/').next()?.parse().ok()?;
    Some(RowId { resource, id })
}
