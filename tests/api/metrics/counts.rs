//! Requests are counted exactly, by what they ask for and what they are answered.

use std::collections::BTreeMap;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::scrape;
use crate::control::{ACCOUNTS, Account};
use crate::fixtures::NEW_TICKET;
use crate::support::{Client, Server};

const INDEX: &str = "/api/v2/ticket";
const CONTROL: &str = "control";
const OTHER: &str = "other";
/// Operation, method, path and body.
type Row = (&'static str, &'static str, &'static str, &'static str);
const FORM: &str = "application/x-www-form-urlencoded";

/// What a client has seen.
#[derive(Debug, Default)]
struct Tally(BTreeMap<(String, String), u64>);

impl Tally {
    /// Sends a request and counts it; gives its status, or `none`.
    async fn ask(&mut self, operation: &str, request: RequestBuilder) -> String {
        let status = match request.send().await {
            Ok(response) => response.status().as_u16().to_string(),
            Err(_) => "none".to_owned(),
        };
        *self.0.entry((operation.to_owned(), status.clone())).or_default() += 1;
        status
    }

    /// A request of the Ticket API with a form.
    async fn form(&mut self, client: &Client, row: Row) -> String {
        let (operation, method, path, body) = row;
        let request = client.ask(method, &format!("{INDEX}{path}"));
        let request = match body {
            "" => request,
            body => request.header("content-type", FORM).body(body.to_owned()),
        };
        self.ask(operation, request).await
    }

    /// A request to an account by the control API.
    async fn control(
        &mut self,
        account: &Account,
        method: &str,
        path: &str,
        body: &Value,
    ) -> String {
        self.ask(CONTROL, account.ask(method, path).json(body)).await
    }

    /// The server has counted the same.
    async fn is_kept(&self, client: &Client) {
        let text = scrape(client).await;
        assert_eq!(text.requests(), self.0);
        let mut all: BTreeMap<&str, u64> = BTreeMap::new();
        for ((operation, _), count) in &self.0 {
            *all.entry(operation).or_default() += count;
        }
        for (operation, count) in all {
            let timed = text
                .count("omnidesk_mock_request_duration_seconds_count", &[("operation", operation)]);
            assert_eq!(timed, count, "{operation} is timed as often as it is asked");
        }
    }
}

/// Each operation in some ways, and the status.
#[rustfmt::skip]
const ROWS: [(Row, &str); 21] = [
    (("ticket.create", "POST", "", NEW_TICKET), "200"),
    (("ticket.create", "POST", "", NEW_TICKET), "200"),
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
    ((OTHER, "PATCH", "", ""), "405"),
    ((OTHER, "GET", "/7/nothing", ""), "404"),
];

async fn desk(tally: &mut Tally) -> (Server, Account) {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    tally.0.insert((CONTROL.to_owned(), "201".to_owned()), 1);
    (server, account)
}

#[tokio::test]
async fn a_new_server_has_counted_nothing() {
    let server = Server::start();
    for _ in 0..3 {
        for path in ["/_control/health", "/_control/ready"] {
            assert_eq!(server.ask("GET", path).send().await.expect("it answers").status(), 200);
        }
        assert_eq!(
            scrape(&server).await.requests(),
            BTreeMap::new(),
            "nor those that ask how it is"
        );
    }
}

#[tokio::test]
async fn each_operation_has_a_name_of_its_own() {
    let mut tally = Tally::default();
    let (server, account) = desk(&mut tally).await;
    for (row, expected) in ROWS {
        assert_eq!(tally.form(&account.client, row).await, expected, "{row:?}");
        tally.is_kept(&server).await;
    }
}

#[tokio::test]
async fn refusals_are_counted_where_they_belong() {
    let mut tally = Tally::default();
    let (server, account) = desk(&mut tally).await;
    let row = ("ticket.create", "POST", "", NEW_TICKET);
    assert_eq!(tally.form(&account.client.with_key("unknown-key-0123456789"), row).await, "401");
    let reader = json!({ "name": "reader", "permissions": ["TICKET_READ"], "api_key": "reader-key-0123456789" });
    assert_eq!(tally.control(&account, "POST", "/keys", &reader).await, "201");
    assert_eq!(tally.form(&account.client.with_key("reader-key-0123456789"), row).await, "403");
    let typed = account.client.ask("POST", INDEX).header("content-type", "text/plain").body("a");
    assert_eq!(tally.ask("ticket.create", typed).await, "415");
    let keyless = account.client.ask_without_key("GET", INDEX);
    assert_eq!(tally.ask("ticket.list", keyless).await, "401");
    let two = account.client.ask("GET", &format!("{INDEX}?apiKey=another-key"));
    assert_eq!(tally.ask("ticket.list", two).await, "400");
    let limits = json!({ "requests": 1, "per": "1h" });
    assert_eq!(tally.control(&account, "PUT", "/limits", &limits).await, "200");
    let row = ("ticket.list", "GET", "", "");
    assert_eq!(tally.form(&account.client, row).await, "200");
    assert_eq!(tally.form(&account.client, row).await, "429");
    tally.is_kept(&server).await;
}

#[tokio::test]
async fn the_control_api_is_one_and_pages_are_another() {
    let mut tally = Tally::default();
    let (server, account) = desk(&mut tally).await;
    for (method, path, operation, expected) in [
        ("GET", "/_control/accounts", CONTROL, "200"),
        ("GET", "/_control/accounts/nobody", CONTROL, "404"),
        ("GET", "/_control/nothing", CONTROL, "404"),
        ("PATCH", "/_control/accounts", CONTROL, "405"),
        ("GET", "/_control/openapi.json", CONTROL, "200"),
        ("GET", "/_control/fidelity", CONTROL, "200"),
        ("GET", "/_control/requests", CONTROL, "200"),
        ("GET", "/docs", OTHER, "200"),
        ("GET", "/docs/control", OTHER, "200"),
        ("POST", "/docs", OTHER, "405"),
        ("GET", "/openapi.json", OTHER, "200"),
        ("GET", "/assets/page.css", OTHER, "200"),
        ("GET", "/nothing", OTHER, "404"),
        ("DELETE", "/nothing/at/all", OTHER, "404"),
        ("GET", "/api/v2/nothing", OTHER, "404"),
        ("GET", "/api/v1/ticket", OTHER, "404"),
    ] {
        let asked = tally.ask(operation, server.ask_without_key(method, path)).await;
        assert_eq!(asked, expected, "{method} {path}");
    }
    let foreign = server.ask("GET", ACCOUNTS).header("host", "desk.example.test");
    assert_eq!(tally.ask(CONTROL, foreign).await, "403");
    let foreign = server.ask("GET", ACCOUNTS).header("origin", "https://desk.example.test");
    assert_eq!(tally.ask(CONTROL, foreign).await, "403");
    let over = account.ask("GET", "/wait?timeout=1ms");
    assert_eq!(tally.ask(CONTROL, over).await, "409");
    tally.is_kept(&server).await;
}

#[tokio::test]
async fn a_request_is_counted_by_what_its_client_gets_under_a_fault() {
    let mut tally = Tally::default();
    let (server, account) = desk(&mut tally).await;
    assert_eq!(tally.form(&account.client, ROWS[0].0).await, "200");
    for (effect, expected) in [
        (json!({ "status": 503 }), "503"),
        (json!({ "status": 418 }), "418"),
        (json!({ "reset": true }), "none"),
        (json!({ "hang": "1ms" }), "none"),
        (json!({ "cut": 20 }), "200"),
        (json!({ "garbage": true }), "200"),
        (json!({ "drip": "1ms" }), "200"),
        (json!({ "delay": "1ms" }), "200"),
        (json!({ "delay": "1ms", "when": "after" }), "200"),
        (json!({ "lose_answer": "reset" }), "none"),
        (json!({ "lose_answer": 500 }), "500"),
    ] {
        let rule = json!({ "first": 1, "effect": effect });
        assert_eq!(tally.control(&account, "POST", "/faults", &rule).await, "201");
        for row in [("ticket.get", "GET", "/1", ""), ("ticket.update", "PUT", "/1", "title=b")] {
            let asked = tally.form(&account.client, row).await;
            let is_met = row.0 == "ticket.get";
            assert_eq!(asked, if is_met { expected } else { "200" }, "{rule}: {row:?}");
        }
        tally.is_kept(&server).await;
    }
}

#[tokio::test]
async fn many_at_once_are_all_counted() {
    let mut tally = Tally::default();
    let (server, account) = desk(&mut tally).await;
    let writers = (0..8).map(async |_| {
        let mut own = Tally::default();
        for _ in 0..10 {
            own.form(&account.client, ROWS[0].0).await;
            own.form(&account.client, ("ticket.list", "GET", "", "")).await;
        }
        own
    });
    for own in futures_util::future::join_all(writers).await {
        for (what, count) in own.0 {
            *tally.0.entry(what).or_default() += count;
        }
    }
    tally.is_kept(&server).await;
}
