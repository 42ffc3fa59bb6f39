//! The control API: an account with a key, addressed by its name or as `self`; its clock, faults and journal.

use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::client::{ApiClient, JsonResponse};
use super::seed::{ACME_KEY, SeededServer};
use super::server::Server;

/// The path of the account collection.
pub(crate) const ACCOUNTS_PATH: &str = "/_control/accounts";

/// A control token for servers that need one.
pub(crate) const CONTROL_TOKEN: &str = "a-token-of-some-length";

/// The parameters of a query.
pub(crate) type QueryParams<'a> = &'a [(&'a str, &'a str)];

/// An account of the server.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// Ticket API client with a key of this account.
    pub(crate) client: ApiClient,
    url_name: String,
}

impl Account {
    /// Returns a handle for an existing account.
    pub(crate) fn new(client: &ApiClient, name: &str, key: &str) -> Self {
        Self { name: name.to_owned(), client: client.with_key(key), url_name: name.to_owned() }
    }

    /// Returns the account `acme` of a server that was started from its seed.
    pub(crate) fn acme(server: &SeededServer) -> Self {
        Self::new(server, "acme", ACME_KEY)
    }

    /// Creates an account from this request body.
    pub(crate) async fn create(client: &ApiClient, spec: &Value) -> Self {
        let created =
            fetch_response(client.request_without_key("POST", ACCOUNTS_PATH).json(spec)).await;
        assert_eq!(created.status, 201, "{spec}: {}", created.body);
        let text = |field: &str| created.body[field].as_str().expect("text").to_owned();
        Self::new(client, &text("account"), &text("api_key"))
    }

    /// Creates another key of this name and returns the account with it.
    pub(crate) async fn with_new_key(self, name: &str) -> Self {
        let created = self.send_control_json("POST", "/keys", &json!({ "name": name })).await;
        assert_eq!(created.status, 201, "{}", created.body);
        let client = self.client.with_key(created.body["api_key"].as_str().expect("a key"));
        Self { client, ..self }
    }

    /// Returns the same account, addressed as `self`: the key alone selects it.
    pub(crate) fn with_self_alias(self) -> Self {
        Self { url_name: "self".to_owned(), ..self }
    }

    /// Returns the same account on another server with the same data.
    pub(crate) fn with_server(self, server: &ApiClient) -> Self {
        Self { client: server.with_key(&self.client.api_key), ..self }
    }

    /// Builds a control API request for this account.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let path = format!("{ACCOUNTS_PATH}/{}{path}", self.url_name);
        if self.url_name == "self" {
            self.client.request(method, &path)
        } else {
            self.client.request_without_key(method, &path)
        }
    }

    pub(crate) async fn send_control(&self, method: &str, path: &str) -> JsonResponse {
        fetch_response(self.request(method, path)).await
    }

    pub(crate) async fn send_control_json(
        &self,
        method: &str,
        path: &str,
        body: &Value,
    ) -> JsonResponse {
        fetch_response(self.request(method, path).json(body)).await
    }

    /// Sends a GET request with these query parameters.
    pub(crate) async fn send_control_query(
        &self,
        path: &str,
        query: QueryParams<'_>,
    ) -> JsonResponse {
        fetch_response(self.request("GET", path).query(query)).await
    }

    /// Returns the journal, filtered by the query.
    pub(crate) async fn journal(&self, query: QueryParams<'_>) -> Value {
        expect_ok_body(self.send_control_query("/requests", query).await, query)
    }

    /// Returns the entries that match the filters.
    pub(crate) async fn entries(&self, query: QueryParams<'_>) -> Vec<Value> {
        expect_array(&self.journal(query).await["requests"])
    }

    /// Returns the newest entry.
    pub(crate) async fn latest_entry(&self) -> Value {
        self.entries(&[]).await.pop().expect("the journal has an entry")
    }

    /// Returns the cursor after the newest entry.
    pub(crate) async fn cursor(&self) -> String {
        expect_string(&self.journal(&[]).await["cursor"])
    }

    /// Returns the changes, filtered by the query.
    pub(crate) async fn changes(&self, query: QueryParams<'_>) -> Value {
        expect_ok_body(self.send_control_query("/changes", query).await, query)
    }

    pub(crate) async fn verify(&self, body: &Value) -> JsonResponse {
        self.send_control_json("POST", "/verify", body).await
    }

    pub(crate) async fn wait(&self, query: QueryParams<'_>) -> JsonResponse {
        self.send_control_query("/wait", query).await
    }

    /// Waits; the wait must succeed.
    pub(crate) async fn wait_ok(&self, query: QueryParams<'_>) -> Value {
        expect_ok_body(self.wait(query).await, query)
    }

    /// Advances the account's clock.
    pub(crate) async fn advance_clock(&self, by: &str) {
        let advanced = self.send_control_json("POST", "/clock/advance", &json!({ "by": by })).await;
        assert_eq!(advanced.status, 200, "{}", advanced.body);
    }

    /// Adds a fault rule and returns it as the server shows it.
    pub(crate) async fn add_fault(&self, rule: &Value) -> Value {
        let created = self.send_control_json("POST", "/faults", rule).await;
        assert_eq!(created.status, 201, "{rule}: {}", created.body);
        created.body
    }

    /// Returns the fault rules, the oldest first.
    pub(crate) async fn list_faults(&self) -> Vec<Value> {
        let response = self.send_control("GET", "/faults").await;
        assert_eq!(response.status, 200, "{}", response.body);
        expect_array(&response.body["faults"])
    }

    /// Returns for each rule how many requests matched it and how often it was applied.
    pub(crate) async fn fault_counts(&self) -> Vec<(u64, u64)> {
        let count = |fault: &Value, name: &str| fault[name].as_u64().expect("a number");
        let faults = self.list_faults().await;
        faults.iter().map(|fault| (count(fault, "matched"), count(fault, "applied"))).collect()
    }

    /// Removes all fault rules.
    pub(crate) async fn clear_faults(&self) {
        assert_eq!(self.send_control("DELETE", "/faults").await.status, 204);
    }

    /// Returns the number of tickets through the control API, which faults do not affect.
    pub(crate) async fn count_tickets(&self) -> u64 {
        let details = self.send_control("GET", "").await.body;
        details["counts"]["tickets"].as_u64().expect("the count is a number")
    }

    /// Freezes the clock at a time.
    pub(crate) async fn freeze_clock(&self, at: &str) {
        let clock = json!({ "mode": "frozen", "at": at });
        let frozen = self.send_control_json("PUT", "/clock", &clock).await;
        assert_eq!(frozen.status, 200, "{}", frozen.body);
    }

    /// Returns the account's export, without the account's name.
    pub(crate) async fn export(&self) -> Value {
        let export = self.send_control("GET", "/export").await;
        assert_eq!(export.status, 200, "{}", export.body);
        let accounts = export.body["accounts"].as_object().expect("accounts");
        assert_eq!(accounts.len(), 1, "{}", export.body);
        accounts[&self.name].clone()
    }

    /// Returns every control API view of the account.
    pub(crate) async fn read_all(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for path in ["", "/export", "/snapshots", "/clock", "/keys", "/dialect"] {
            let reply = self.send_control("GET", path).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.body);
            all.push(reply.body);
        }
        all
    }
}

/// Returns the number of accounts on the server.
pub(crate) async fn count_accounts(client: &ApiClient) -> usize {
    let listed = fetch_response(client.request_without_key("GET", ACCOUNTS_PATH)).await;
    expect_array(&listed.body["accounts"]).len()
}

/// Starts a server with a new account without tickets.
pub(crate) async fn start_with_account() -> (Server, Account) {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    (server, account)
}

/// Sends the request and reads the response; an empty body becomes null.
pub(crate) async fn fetch_response(request: RequestBuilder) -> JsonResponse {
    let response = request.send().await.expect("the server responds");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("the body arrives");
    let body = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
    let body =
        body.unwrap_or_else(|error| panic!("{status}: the body is not JSON ({error}): {text}"));
    JsonResponse { status, headers, body }
}

/// Asserts that the response is this problem.
pub(crate) fn assert_problem(reply: &JsonResponse, status: u16, kind: &str, request: &str) {
    let body = &reply.body;
    assert_eq!(reply.status, status, "{request}: {body}");
    assert_eq!(reply.headers[CONTENT_TYPE], "application/problem+json", "{request}: {body}");
    assert_eq!(body["type"], format!("/docs/control#{kind}"), "{request}: {body}");
    assert_eq!(body["status"], status, "{request}: {body}");
    assert!(body["title"].is_string() && body["detail"].is_string(), "{request}: {body}");
}

/// Returns the body of a response whose status must be 200.
pub(crate) fn expect_ok_body(reply: JsonResponse, query: QueryParams<'_>) -> Value {
    assert_eq!(reply.status, 200, "{query:?}: {}", reply.body);
    reply.body
}

/// Returns the items of a JSON array.
pub(crate) fn expect_array(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("expected an array, not {value}")).clone()
}

/// Returns a JSON string.
pub(crate) fn expect_string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("expected a string, not {value}")).to_owned()
}
