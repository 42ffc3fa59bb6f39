//! The journal of unmatched requests, and parts of entries.

use serde_json::Value;

use crate::support::client::ApiClient;
use crate::support::control::{
    QueryParams, expect_array, expect_ok_body, expect_string, fetch_response,
};

/// Returns the server's journal of unmatched requests.
pub(super) async fn unmatched_journal(client: &ApiClient, query: QueryParams<'_>) -> Value {
    expect_ok_body(
        fetch_response(
            client.request_without_key("GET", "/_control/requests/unmatched").query(query),
        )
        .await,
        query,
    )
}

/// Returns the sequence numbers of the entries.
pub(super) fn seq_numbers(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["seq"].as_u64().expect("seq is a number")).collect()
}

/// Returns the kinds of an entry's warnings.
pub(super) fn warning_kinds(entry: &Value) -> Vec<String> {
    expect_array(&entry["warnings"]).iter().map(|warning| expect_string(&warning["kind"])).collect()
}
