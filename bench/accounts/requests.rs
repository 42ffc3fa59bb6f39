//! The requests of each operation on an account.

use reqwest::{Method, RequestBuilder};
use serde::Deserialize;

use crate::http_client::HttpClient;

/// An account, as the response to its creation describes it.
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

/// Creates an account from the seed.
pub(crate) fn create_account(client: &HttpClient) -> RequestBuilder {
    client.request(Method::POST, "/_control/accounts")
}

/// Concerns no account: its latency is the overhead of connection and client.
pub(crate) fn check_health(client: &HttpClient) -> RequestBuilder {
    client.request(Method::GET, "/_control/health")
}

impl Account {
    pub(crate) fn read(&self, client: &HttpClient) -> RequestBuilder {
        self.ticket_request(client, Method::GET)
    }

    /// Setting the current title again changes nothing and costs less, so each title must be a new one.
    pub(crate) fn write(&self, client: &HttpClient, title: &str) -> RequestBuilder {
        self.ticket_request(client, Method::PUT).form(&[("title", title)])
    }

    pub(crate) fn reset(&self, client: &HttpClient) -> RequestBuilder {
        self.control_request(client, Method::POST, "/reset")
    }

    pub(crate) fn take_snapshot(&self, client: &HttpClient) -> RequestBuilder {
        self.control_request(client, Method::PUT, "/snapshots/before")
    }

    pub(crate) fn restore(&self, client: &HttpClient) -> RequestBuilder {
        self.control_request(client, Method::POST, "/snapshots/before/restore")
    }

    pub(crate) fn delete(&self, client: &HttpClient) -> RequestBuilder {
        self.control_request(client, Method::DELETE, "")
    }

    fn ticket_request(&self, client: &HttpClient, method: Method) -> RequestBuilder {
        client.request(method, "/api/v2/ticket/1").header("apiKey", &self.api_key)
    }

    fn control_request(&self, client: &HttpClient, method: Method, rest: &str) -> RequestBuilder {
        client.request(method, &format!("/_control/accounts/{}{rest}", self.account))
    }
}
