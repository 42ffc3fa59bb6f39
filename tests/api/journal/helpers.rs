//! Methods of the control API for the tests of the journal.

use serde_json::{Value, json};

use crate::support::client::{ApiClient, JsonResponse};
use crate::support::control::{Account, fetch_response};
use crate::support::seed::{ACME_KEY, SeededServer};

/// The parameters of a query.
pub(super) type QueryParams<'a> = &'a [(&'a str, &'a str)];

impl Account {
    /// Returns the account `acme` of a server that was started from its seed.
    pub(super) fn acme(server: &SeededServer) -> Self {
        Self::new(server, "acme", ACME_KEY)
    }

    /// Sends a GET request with these query parameters.
    pub(super) async fn send_control_query(
        &self,
        path: &str,
        query: QueryParams<'_>,
    ) -> JsonResponse {
        fetch_response(self.request("GET", path).query(query)).await
    }

    /// Returns the journal, filtered by the query.
    pub(super) async fn journal(&self, query: QueryParams<'_>) -> Value {
        expect_ok_body(self.send_control_query("/requests", query).await, query)
    }

    /// Returns the entries that match the filters.
    pub(super) async fn entries(&self, query: QueryParams<'_>) -> Vec<Value> {
        expect_array(&self.journal(query).await["requests"])
    }

    /// Returns the newest entry.
    pub(super) async fn latest_entry(&self) -> Value {
        self.entries(&[]).await.pop().expect("the journal has an entry")
    }

    /// Returns the cursor after the newest entry.
    pub(super) async fn cursor(&self) -> String {
        expect_string(&self.journal(&[]).await["cursor"])
    }

    /// Returns the changes, filtered by the query.
    pub(super) async fn changes(&self, query: QueryParams<'_>) -> Value {
        expect_ok_body(self.send_control_query("/changes", query).await, query)
    }

    pub(super) async fn verify(&self, body: &Value) -> JsonResponse {
        self.send_control_json("POST", "/verify", body).await
    }

    pub(super) async fn wait(&self, query: QueryParams<'_>) -> JsonResponse {
        self.send_control_query("/wait", query).await
    }

    /// Waits; the wait must succeed.
    pub(super) async fn wait_ok(&self, query: QueryParams<'_>) -> Value {
        expect_ok_body(self.wait(query).await, query)
    }

    /// Advances the account's clock.
    pub(super) async fn advance_clock(&self, by: &str) {
        let advanced = self.send_control_json("POST", "/clock/advance", &json!({ "by": by })).await;
        assert_eq!(advanced.status, 200, "{}", advanced.body);
    }

    /// Adds a fault rule to the account.
    pub(super) async fn add_fault(&self, rule: &Value) {
        let added = self.send_control_json("POST", "/faults", rule).await;
        assert_eq!(added.status, 201, "{rule}: {}", added.body);
    }
}

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

fn expect_ok_body(reply: JsonResponse, query: QueryParams<'_>) -> Value {
    assert_eq!(reply.status, 200, "{query:?}: {}", reply.body);
    reply.body
}

/// Returns the items of a JSON array.
pub(super) fn expect_array(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("expected an array, not {value}")).clone()
}

/// Returns a JSON string.
pub(super) fn expect_string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("expected a string, not {value}")).to_owned()
}

/// Returns the sequence numbers of the entries.
pub(super) fn seq_numbers(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["seq"].as_u64().expect("seq is a number")).collect()
}

/// Returns the kinds of an entry's warnings.
pub(super) fn warning_kinds(entry: &Value) -> Vec<String> {
    expect_array(&entry["warnings"]).iter().map(|warning| expect_string(&warning["kind"])).collect()
}
