//! Exact request counts by operation and status.

use std::collections::BTreeMap;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::scrape;
use crate::support::client::ApiClient;
use crate::support::control::{ACCOUNTS_PATH, Account};
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FORM, TICKETS_PATH, URLENCODED};

const CONTROL_OPERATION: &str = "control";
const OTHER_OPERATION: &str = "other";
/// Operation, method, path and body.
type RequestRow = (&'static str, &'static str, &'static str, &'static str);

/// The requests that a client sent, by operation and status.
#[derive(Debug, Default)]
struct RequestCounts(BTreeMap<(String, String), u64>);

impl RequestCounts {
    /// Sends a request and counts it; returns its status, or `none`.
    async fn send(&mut self, operation: &str, request: RequestBuilder) -> String {
        let status = match request.send().await {
            Ok(response) => response.status().as_u16().to_string(),
            Err(_) => "none".to_owned(),
        };
        *self.0.entry((operation.to_owned(), status.clone())).or_default() += 1;
        status
    }

    /// Sends a request of the Ticket API with a form.
    async fn send_form(&mut self, client: &ApiClient, row: RequestRow) -> String {
        let (operation, method, path, body) = row;
        let request = client.request(method, &format!("{TICKETS_PATH}{path}"));
        let request = match body {
            "" => request,
            body => request.header("content-type", URLENCODED).body(body.to_owned()),
        };
        self.send(operation, request).await
    }

    /// Sends a control API request for an account.
    async fn send_control(
        &mut self,
        account: &Account,
        method: &str,
        path: &str,
        body: &Value,
    ) -> String {
        self.send(CONTROL_OPERATION, account.request(method, path).json(body)).await
    }

    /// Checks that the server has the same counts.
    async fn assert_equals_metrics(&self, client: &ApiClient) {
        let metrics = scrape(client).await;
        assert_eq!(metrics.request_counts(), self.0);
        let mut all: BTreeMap<&str, u64> = BTreeMap::new();
        for ((operation, _), count) in &self.0 {
            *all.entry(operation).or_default() += count;
        }
        for (operation, count) in all {
            let timed_count = metrics.sample_value(
                "omnidesk_mock_request_duration_seconds_count",
                &[("operation", operation)],
            );
            assert_eq!(timed_count, count, "every {operation} request is timed");
        }
    }
}

/// Requests of each operation, and their status.
#[rustfmt::skip]
const REQUEST_ROWS: [(RequestRow, &str); 21] = [
    (("ticket.create", "POST", "", NEW_TICKET_FORM), "200"),
    (("ticket.create", "POST", "", NEW_TICKET_FORM), "200"),
    (("ticket.create", "POST", "", "title=a"), "400"),
    (("ticket.list", "GET", "", ""), "200"),
    (("ticket.list", "GET", "", ""), "200"),
    (("ticket.list", "GET", "?status=wrong", ""), "400"),
    (("ticket.list", "HEAD", "", ""), "200"),
    (("ticket.get", "GET", "/1", ""), "200"),
    (("ticket.get", "GET", "/999", ""), "400"),
    (("ticket.get", "GET", "/nonsense", ""), "400"),
    (("ticket.update", "PUT", "/1", "title=b"), "200"),
    (("ticket.setStatus", "POST", "/setStatus", "status=open&ticketIDs[]=1"), "200"),
    (("ticket.setStatus", "POST", "/SETstatus", "status=open&ticketIDs[]=1"), "200"),
    (("ticket.setPriority", "POST", "/setPriority", "priority=low&ticketIDs[]=1"), "200"),
    (("ticket.unlinkCustomerFromTicket", "POST", "/unlinkCustomerFromTicket", "ticketID=1"), "200"),
    (("ticket.batch", "POST", "/batch", "TicketIDs=1&actions[0][actionType]=priority&actions[0][value]=low"), "200"),
    (("ticket.solveUnfinishedTickets", "PUT", "/solveUnfinishedTickets", ""), "200"),
    (("ticket.delete", "DELETE", "/1", ""), "200"),
    (("ticket.deleteMulti", "DELETE", "/multi", "ticketIDs[]=2"), "200"),
    ((OTHER_OPERATION, "PATCH", "", ""), "405"),
    ((OTHER_OPERATION, "GET", "/7/nothing", ""), "404"),
];

async fn start_server_with_account(counts: &mut RequestCounts) -> (Server, Account) {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    counts.0.insert((CONTROL_OPERATION.to_owned(), "201".to_owned()), 1);
    (server, account)
}

#[tokio::test]
async fn new_server_counts_no_requests() {
    let server = Server::start();
    for _ in 0..3 {
        for path in ["/_control/health", "/_control/ready"] {
            assert_eq!(
                server.request("GET", path).send().await.expect("the server responds").status(),
                200
            );
        }
        assert_eq!(
            scrape(&server).await.request_counts(),
            BTreeMap::new(),
            "probes and scrapes are not counted"
        );
    }
}

#[tokio::test]
async fn each_operation_is_counted_under_its_name() {
    let mut counts = RequestCounts::default();
    let (server, account) = start_server_with_account(&mut counts).await;
    for (row, expected) in REQUEST_ROWS {
        assert_eq!(counts.send_form(&account.client, row).await, expected, "{row:?}");
        counts.assert_equals_metrics(&server).await;
    }
}

#[tokio::test]
async fn rejected_requests_count_under_their_operation() {
    let mut counts = RequestCounts::default();
    let (server, account) = start_server_with_account(&mut counts).await;
    let row = ("ticket.create", "POST", "", NEW_TICKET_FORM);
    assert_eq!(
        counts.send_form(&account.client.with_key("unknown-key-0123456789"), row).await,
        "401"
    );
    let reader = json!({ "name": "reader", "permissions": ["TICKET_READ"], "api_key": "reader-key-0123456789" });
    assert_eq!(counts.send_control(&account, "POST", "/keys", &reader).await, "201");
    assert_eq!(
        counts.send_form(&account.client.with_key("reader-key-0123456789"), row).await,
        "403"
    );
    let plain_text =
        account.client.request("POST", TICKETS_PATH).header("content-type", "text/plain").body("a");
    assert_eq!(counts.send("ticket.create", plain_text).await, "415");
    let keyless = account.client.request_without_key("GET", TICKETS_PATH);
    assert_eq!(counts.send("ticket.list", keyless).await, "401");
    let two_keys = account.client.request("GET", &format!("{TICKETS_PATH}?apiKey=another-key"));
    assert_eq!(counts.send("ticket.list", two_keys).await, "400");
    let limits = json!({ "requests": 1, "per": "1h" });
    assert_eq!(counts.send_control(&account, "PUT", "/rate-limits", &limits).await, "200");
    let row = ("ticket.list", "GET", "", "");
    assert_eq!(counts.send_form(&account.client, row).await, "200");
    assert_eq!(counts.send_form(&account.client, row).await, "429");
    counts.assert_equals_metrics(&server).await;
}

#[tokio::test]
async fn control_requests_count_as_control_and_pages_as_other() {
    let mut counts = RequestCounts::default();
    let (server, account) = start_server_with_account(&mut counts).await;
    for (method, path, operation, expected) in [
        ("GET", "/_control/accounts", CONTROL_OPERATION, "200"),
        ("GET", "/_control/accounts/nobody", CONTROL_OPERATION, "404"),
        ("GET", "/_control/nothing", CONTROL_OPERATION, "404"),
        ("PATCH", "/_control/accounts", CONTROL_OPERATION, "405"),
        ("GET", "/_control/openapi.json", CONTROL_OPERATION, "200"),
        ("GET", "/_control/fidelity", CONTROL_OPERATION, "200"),
        ("GET", "/_control/requests/unmatched", CONTROL_OPERATION, "200"),
        ("GET", "/docs", OTHER_OPERATION, "200"),
        ("GET", "/docs/control", OTHER_OPERATION, "200"),
        ("POST", "/docs", OTHER_OPERATION, "405"),
        ("GET", "/openapi.json", OTHER_OPERATION, "200"),
        ("GET", "/assets/console.css", OTHER_OPERATION, "200"),
        ("GET", "/nothing", OTHER_OPERATION, "404"),
        ("DELETE", "/nothing/at/all", OTHER_OPERATION, "404"),
        ("GET", "/api/v2/nothing", OTHER_OPERATION, "404"),
        ("GET", "/api/v1/ticket", OTHER_OPERATION, "404"),
    ] {
        let status = counts.send(operation, server.request_without_key(method, path)).await;
        assert_eq!(status, expected, "{method} {path}");
    }
    let foreign = server.request("GET", ACCOUNTS_PATH).header("host", "desk.example.test");
    assert_eq!(counts.send(CONTROL_OPERATION, foreign).await, "403");
    let foreign =
        server.request("GET", ACCOUNTS_PATH).header("origin", "https://desk.example.test");
    assert_eq!(counts.send(CONTROL_OPERATION, foreign).await, "403");
    let timed_out = account.request("GET", "/wait?timeout=1ms");
    assert_eq!(counts.send(CONTROL_OPERATION, timed_out).await, "409");
    counts.assert_equals_metrics(&server).await;
}

#[tokio::test]
async fn faulted_request_is_counted_by_status_sent_to_client() {
    let mut counts = RequestCounts::default();
    let (server, account) = start_server_with_account(&mut counts).await;
    assert_eq!(counts.send_form(&account.client, REQUEST_ROWS[0].0).await, "200");
    for (effect, expected) in [
        (json!({ "status": 503 }), "503"),
        (json!({ "status": 418 }), "418"),
        (json!({ "reset_connection": true }), "none"),
        (json!({ "hang": "1ms" }), "none"),
        (json!({ "truncate": 20 }), "200"),
        (json!({ "malformed": true }), "200"),
        (json!({ "dribble": "1ms" }), "200"),
        (json!({ "delay": "1ms" }), "200"),
        (json!({ "delay": "1ms", "when": "after" }), "200"),
        (json!({ "drop_response": "reset" }), "none"),
        (json!({ "drop_response": 500 }), "500"),
    ] {
        let rule = json!({ "first": 1, "effect": effect });
        assert_eq!(counts.send_control(&account, "POST", "/faults", &rule).await, "201");
        for row in [("ticket.get", "GET", "/1", ""), ("ticket.update", "PUT", "/1", "title=b")] {
            let status = counts.send_form(&account.client, row).await;
            let is_faulted = row.0 == "ticket.get";
            assert_eq!(status, if is_faulted { expected } else { "200" }, "{rule}: {row:?}");
        }
        counts.assert_equals_metrics(&server).await;
    }
}

#[tokio::test]
async fn concurrent_requests_are_all_counted() {
    let mut counts = RequestCounts::default();
    let (server, account) = start_server_with_account(&mut counts).await;
    let writers = (0..8).map(async |_| {
        let mut client_counts = RequestCounts::default();
        for _ in 0..10 {
            client_counts.send_form(&account.client, REQUEST_ROWS[0].0).await;
            client_counts.send_form(&account.client, ("ticket.list", "GET", "", "")).await;
        }
        client_counts
    });
    for client_counts in futures_util::future::join_all(writers).await {
        for (key, count) in client_counts.0 {
            *counts.0.entry(key).or_default() += count;
        }
    }
    counts.assert_equals_metrics(&server).await;
}
