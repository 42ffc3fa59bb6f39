//! The control API as these tests ask it: each question a method of the account.

use serde_json::{Value, json};

use crate::control::{Account, answer};
use crate::fixtures::{KEY, Seeded};
use crate::support::{Client, Reply};

/// The parameters of a query.
pub(super) type Query<'a> = &'a [(&'a str, &'a str)];

impl Account {
    /// The account `acme` of a server that was started from its seed.
    pub(super) fn acme(server: &Seeded) -> Self {
        Self::known(server, "acme", KEY)
    }

    /// The answer to a question with these parameters.
    pub(super) async fn asked(&self, path: &str, query: Query<'_>) -> Reply {
        answer(self.ask("GET", path).query(query)).await
    }

    /// The journal, as far as the filters let it through.
    pub(super) async fn journal(&self, query: Query<'_>) -> Value {
        good(self.asked("/requests", query).await, query)
    }

    /// The entries that the filters let through.
    pub(super) async fn entries(&self, query: Query<'_>) -> Vec<Value> {
        list(&self.journal(query).await["requests"])
    }

    /// The newest entry.
    pub(super) async fn newest(&self) -> Value {
        self.entries(&[]).await.pop().expect("there is an entry")
    }

    /// The place after all that happened until now.
    pub(super) async fn cursor(&self) -> String {
        text(&self.journal(&[]).await["cursor"])
    }

    /// The changes after a place, or all.
    pub(super) async fn changes(&self, query: Query<'_>) -> Value {
        good(self.asked("/changes", query).await, query)
    }

    pub(super) async fn verify(&self, body: &Value) -> Reply {
        self.control_with("POST", "/verify", body).await
    }

    pub(super) async fn wait(&self, query: Query<'_>) -> Reply {
        self.asked("/wait", query).await
    }

    /// What a wait finds, which must find something.
    pub(super) async fn waited(&self, query: Query<'_>) -> Value {
        good(self.wait(query).await, query)
    }

    /// Lets time pass by the clock.
    pub(super) async fn advance(&self, by: &str) {
        let advanced = self.control_with("POST", "/clock/advance", &json!({ "by": by })).await;
        assert_eq!(advanced.status, 200, "{}", advanced.body);
    }

    /// Gives the account a fault.
    pub(super) async fn provoke(&self, rule: &Value) {
        let added = self.control_with("POST", "/faults", rule).await;
        assert_eq!(added.status, 201, "{rule}: {}", added.body);
    }
}

/// The journal of the server itself.
pub(super) async fn strangers(client: &Client, query: Query<'_>) -> Value {
    good(answer(client.ask_without_key("GET", "/_control/requests").query(query)).await, query)
}

fn good(reply: Reply, query: Query<'_>) -> Value {
    assert_eq!(reply.status, 200, "{query:?}: {}", reply.body);
    reply.body
}

/// The entries of a JSON list.
pub(super) fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("a list, not {value}")).clone()
}

/// A JSON text.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

/// The numbers of entries.
pub(super) fn numbers(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["seq"].as_u64().expect("a number")).collect()
}

/// The kinds of an entry's warnings.
pub(super) fn kinds(entry: &Value) -> Vec<String> {
    list(&entry["warnings"]).iter().map(|warning| text(&warning["kind"])).collect()
}
