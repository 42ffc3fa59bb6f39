//! Control API helpers: an account with a key, addressed by its name or as `self`.

use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::client::{ApiClient, JsonResponse};

/// The path of the account collection.
pub(crate) const ACCOUNTS_PATH: &str = "/_control/accounts";

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
