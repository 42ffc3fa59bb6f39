//! An account under measurement, and the request of each operation on it.

use reqwest::{Method, RequestBuilder};
use serde::Deserialize;

use crate::client::Client;

/// The answer to its making.
#[derive(Deserialize)]
pub(crate) struct Account {
    account: String,
    api_key: String,
}

#[derive(Deserialize)]
pub(crate) struct Snapshot {
    /// Size of the account's database.
    pub(crate) bytes: u32,
}

/// A new account from the server's seed.
pub(crate) fn make(client: &Client) -> RequestBuilder {
    client.request(Method::POST, "/_control/accounts")
}

/// Touches no account: what the connection and the client take of each time.
pub(crate) fn health(client: &Client) -> RequestBuilder {
    client.request(Method::GET, "/_control/health")
}

impl Account {
    pub(crate) fn read(&self, client: &Client) -> RequestBuilder {
        self.ticket(client, Method::GET)
    }

    /// A title that the ticket has already is no change and costs less: no two may be alike.
    pub(crate) fn write(&self, client: &Client, title: &str) -> RequestBuilder {
        self.ticket(client, Method::PUT).form(&[("title", title)])
    }

    pub(crate) fn reset(&self, client: &Client) -> RequestBuilder {
        self.control(client, Method::POST, "/reset")
    }

    pub(crate) fn snapshot(&self, client: &Client) -> RequestBuilder {
        self.control(client, Method::PUT, "/snapshots/before")
    }

    pub(crate) fn restore(&self, client: &Client) -> RequestBuilder {
        self.control(client, Method::POST, "/snapshots/before/restore")
    }

    pub(crate) fn remove(&self, client: &Client) -> RequestBuilder {
        self.control(client, Method::DELETE, "")
    }

    fn ticket(&self, client: &Client, method: Method) -> RequestBuilder {
        client.request(method, "/api/v2/ticket/1").header("apiKey", &self.api_key)
    }

    fn control(&self, client: &Client, method: Method, rest: &str) -> RequestBuilder {
        client.request(method, &format!("/_control/accounts/{}{rest}", self.account))
    }
}
