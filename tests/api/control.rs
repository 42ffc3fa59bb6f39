//! The control API as tests call it: an account with a key, reached by its name or as `self`.

use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::{Client, Reply};

/// Where accounts are made.
pub(crate) const ACCOUNTS: &str = "/_control/accounts";

/// An account of the server.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// Who asks the Ticket API with a key of this account.
    pub(crate) client: Client,
    called: String,
}

impl Account {
    /// An account that is there already.
    pub(crate) fn known(client: &Client, name: &str, key: &str) -> Self {
        Self { name: name.to_owned(), client: client.with_key(key), called: name.to_owned() }
    }

    /// Makes an account as the body wants it.
    pub(crate) async fn make(client: &Client, wanted: &Value) -> Self {
        let made = answer(client.ask_without_key("POST", ACCOUNTS).json(wanted)).await;
        assert_eq!(made.status, 201, "{wanted}: {}", made.body);
        let text = |field: &str| made.body[field].as_str().expect("text").to_owned();
        Self::known(client, &text("account"), &text("api_key"))
    }

    /// The same account, asked from now on with a further key of this name.
    pub(crate) async fn with_key(self, name: &str) -> Self {
        let made = self.control_with("POST", "/keys", &json!({ "name": name })).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let client = self.client.with_key(made.body["api_key"].as_str().expect("a key"));
        Self { client, ..self }
    }

    /// The same account, reached as `self`: by the key alone.
    pub(crate) fn through_its_key(self) -> Self {
        Self { called: "self".to_owned(), ..self }
    }

    /// The same account at another server on the same data.
    pub(crate) fn at(self, server: &Client) -> Self {
        Self { client: server.with_key(&self.client.key), ..self }
    }

    /// A request about this account.
    pub(crate) fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        let path = format!("{ACCOUNTS}/{}{path}", self.called);
        if self.called == "self" {
            self.client.ask(method, &path)
        } else {
            self.client.ask_without_key(method, &path)
        }
    }

    pub(crate) async fn control(&self, method: &str, path: &str) -> Reply {
        answer(self.ask(method, path)).await
    }

    pub(crate) async fn control_with(&self, method: &str, path: &str, body: &Value) -> Reply {
        answer(self.ask(method, path).json(body)).await
    }

    /// What the account is, without its name.
    pub(crate) async fn export(&self) -> Value {
        let export = self.control("GET", "/export").await;
        assert_eq!(export.status, 200, "{}", export.body);
        let accounts = export.body["accounts"].as_object().expect("accounts");
        assert_eq!(accounts.len(), 1, "{}", export.body);
        accounts[&self.name].clone()
    }

    /// Everything that the control API shows of the account.
    pub(crate) async fn shown(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for path in ["", "/export", "/snapshots", "/clock", "/keys", "/dialect"] {
            let reply = self.control("GET", path).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.body);
            all.push(reply.body);
        }
        all
    }
}

/// Sends the request and reads the answer; where it has no body, that is null.
pub(crate) async fn answer(request: RequestBuilder) -> Reply {
    let response = request.send().await.expect("the server answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("the body arrives");
    let body = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
    let body = body.unwrap_or_else(|error| panic!("{status}: the body is JSON ({error}): {text}"));
    Reply { status, headers, body }
}

/// The answer is this problem.
pub(crate) fn problem(reply: &Reply, status: u16, kind: &str, asked: &str) {
    let said = &reply.body;
    assert_eq!(reply.status, status, "{asked}: {said}");
    assert_eq!(reply.headers[CONTENT_TYPE], "application/problem+json", "{asked}: {said}");
    assert_eq!(said["type"], format!("/docs/control#{kind}"), "{asked}: {said}");
    assert_eq!(said["status"], status, "{asked}: {said}");
    assert!(said["title"].is_string() && said["detail"].is_string(), "{asked}: {said}");
}
