//! Builds the cache key of a request from the change counter of the requested row, or of the account.

use axum::http::Uri;
use jiff::Timestamp;

use super::auth;
use super::base_url::BaseUrl;
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
    base_url: BaseUrl<'a>,
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
        base_url,
    })
}

/// Parses the id at the end of a path. Another text is no row, so its response depends on the whole account.
fn row_at_end(resource: &'static str, path: &str) -> Option<RowId> {
    let id = path.rsplit('/').next()?.parse().ok()?;
    Some(RowId { resource, id })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::Map;

    use super::*;
    use crate::accounts::{
        AccountLimits, AccountPolicy, AccountSource, Accounts, NewAccount, NewApiKey, StorageMode,
        UnknownKeyPolicy,
    };
    use crate::contract::dialect::Dialect;
    use crate::journal::JournalLimits;
    use crate::metrics::SqliteMetrics;
    use crate::storage::{DatabaseLimit, Durability, Storage};

    const ROW_POLICY: CachePolicy = CachePolicy::UntilRowChanges("ticket");

    /// Creates two accounts in memory, and returns their keys.
    async fn create_two_keys() -> [Arc<ApiKey>; 2] {
        let policy = AccountPolicy {
            dialect_defaults: Map::new(),
            max_accounts: 2,
            unknown_keys: UnknownKeyPolicy::Fixed,
            account_limits: AccountLimits {
                journal: JournalLimits { max_entries: 0, max_bytes: 0 },
                max_waits: 1,
                lock_timeout: Duration::from_mins(1),
            },
        };
        let storage = Storage {
            durability: Durability::Process,
            operation_timeout: Duration::from_mins(1),
            metrics: SqliteMetrics::default(),
            database_limit: DatabaseLimit::unlimited(),
        };
        let accounts =
            Accounts::open(StorageMode::Memory, policy, Dialect::default(), storage).await;
        let accounts = accounts.expect("accounts open");
        for secret in ["key-one", "key-other"] {
            let new = NewAccount::with_key(NewApiKey::with_all_permissions(secret));
            accounts.create_account(new, AccountSource::Empty).await.expect("an account");
        }
        ["key-one", "key-other"].map(|secret| accounts.find_key(secret).expect("the key is known"))
    }

    fn base_url() -> BaseUrl<'static> {
        BaseUrl { scheme: "http", rest: "127.0.0.1:8080".into() }
    }

    fn uri(text: &str) -> Uri {
        text.parse().expect("a URI")
    }

    #[test]
    fn row_is_the_number_at_the_end_of_the_path() {
        for (path, id) in [
            ("/api/v2/ticket/7", Some(7)),
            ("/api/v2/ticket/12/7", Some(7)),
            ("7", Some(7)),
            ("/api/v2/ticket/7/", None),
            ("/api/v2/ticket", None),
            ("/api/v2/ticket/7a", None),
            ("/api/v2/ticket/%37", None),
            ("/api/v2/ticket/99999999999999999999", None),
            ("", None),
        ] {
            let row = id.map(|id| RowId { resource: "ticket", id });
            assert_eq!(row_at_end("ticket", path), row, "{path}");
        }
    }

    #[tokio::test]
    async fn key_has_account_path_query_and_time() {
        let [key, other] = create_two_keys().await;
        let now = Timestamp::from_second(1_000).expect("a time");
        let uri = uri("/api/v2/ticket?status=open&apiKey=key-one&itemLimit=1");
        let list = cache_key(CachePolicy::ThisSecond, &key, now, &uri, base_url()).expect("a key");
        let expected = CacheKeyRef {
            account: key.account.serial,
            change_counter: key.account.change_counter.current(),
            second: 1_000,
            path: "/api/v2/ticket",
            query: "status=open&itemLimit=1".into(),
            base_url: base_url(),
        };
        assert_eq!(list, expected);
        let row = cache_key(ROW_POLICY, &key, now, &uri, base_url()).expect("a key");
        assert_eq!(row, CacheKeyRef { second: 0, ..expected.clone() });
        let elsewhere =
            cache_key(CachePolicy::ThisSecond, &other, now, &uri, base_url()).expect("a key");
        assert_ne!(elsewhere.account, expected.account);
    }

    #[tokio::test]
    async fn key_changes_with_the_data_of_the_response() {
        let [key, _] = create_two_keys().await;
        let now = Timestamp::from_second(1_000).expect("a time");
        let (list, item, other_item, no_item) = (
            uri("/api/v2/ticket"),
            uri("/api/v2/ticket/7"),
            uri("/api/v2/ticket/8"),
            uri("/api/v2/ticket/x"),
        );
        let counters = || {
            let counter = |policy, uri| {
                cache_key(policy, &key, now, uri, base_url())
                    .map(|cache_key| cache_key.change_counter)
            };
            [
                counter(CachePolicy::ThisSecond, &list),
                counter(ROW_POLICY, &item),
                counter(ROW_POLICY, &other_item),
                counter(ROW_POLICY, &no_item),
            ]
        };
        let changed = [RowId { resource: "ticket", id: 7 }];
        let before = counters();
        key.account.change_counter.begin_commit(Some(&changed));
        assert_eq!(counters(), [None, None, before[2], None], "a commit is pending");
        key.account.change_counter.end_commit(Some(&changed));
        let after = counters();
        assert_eq!(
            std::array::from_fn(|index| after[index] > before[index]),
            [true, true, false, true],
            "{before:?} became {after:?}"
        );
    }
}
