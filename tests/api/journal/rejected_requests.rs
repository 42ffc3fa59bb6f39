//! Rejected requests are in the account's journal; requests with unknown keys are in the unmatched journal.

use serde_json::{Value, json};

use super::helpers::unmatched_journal;
use super::ticket_requests::{create_ticket, documented_requests, get_ticket, set_status};
use crate::support::client::ApiClient;
use crate::support::control::{Account, expect_array, expect_string, fetch_response};
use crate::support::seed::{acme_seed, serve_seed, ticket_fixture};
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FORM, URLENCODED};

/// Method, path, content type and body; the status and the operation of the entry.
type RejectedCase = (&'static str, &'static str, &'static str, String, u16, Value);

#[rustfmt::skip]
fn rejected_cases() -> Vec<RejectedCase> {
    let (new, none) = (|| NEW_TICKET_FORM.to_owned(), String::new);
    vec![
        ("POST", "/api/v2/ticket", URLENCODED, none(), 400, json!("ticket.create")),
        ("POST", "/api/v2/ticket", URLENCODED, "title=%zz".to_owned(), 400, json!("ticket.create")),
        ("POST", "/api/v2/ticket", "application/json", "{".to_owned(), 400, json!("ticket.create")),
        ("GET", "/api/v2/ticket/99", URLENCODED, none(), 400, json!("ticket.get")),
        ("GET", "/api/v2/ticket/x", URLENCODED, none(), 400, json!("ticket.get")),
        ("GET", "/api/v2/ticket?applyView=none", URLENCODED, none(), 400, json!("ticket.list")),
        ("POST", "/api/v2/ticket/setStatus", URLENCODED, "status=open&ticketIDs[]=99".to_owned(), 400, json!("ticket.setStatus")),
        ("DELETE", "/api/v2/ticket/multi", URLENCODED, none(), 400, json!("ticket.deleteMulti")),
        ("POST", "/api/v2/ticket", URLENCODED, "x".repeat(11_000_000), 413, json!("ticket.create")),
        ("POST", "/api/v2/ticket", "text/plain", new(), 415, json!("ticket.create")),
        ("GET", "/api/v2/nothing", URLENCODED, none(), 404, Value::Null),
        ("POST", "/api/v2/ticket/7/timeline", URLENCODED, new(), 404, Value::Null),
        ("GET", "/api/", URLENCODED, none(), 404, Value::Null),
        ("PATCH", "/api/v2/ticket", URLENCODED, none(), 405, Value::Null),
        ("POST", "/api/v2/ticket/7", URLENCODED, new(), 405, Value::Null),
        ("BREW", "/api/v2/ticket", URLENCODED, none(), 405, Value::Null),
    ]
}

#[tokio::test]
async fn rejected_request_records_status_and_operation() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    for (number, (method, path, content_type, body, status, operation)) in
        (1..).zip(rejected_cases())
    {
        let label = format!("{method} {path} {body:.60}");
        let request = server.request(method, path).header("content-type", content_type).body(body);
        let reply = fetch_response(request).await;
        assert_eq!(reply.status, status, "{label}: {}", reply.body);
        let entry = acme.latest_entry().await;
        assert_eq!(entry["seq"], number, "{label}: {entry}");
        assert_eq!(entry["status"], status, "{label}: {entry}");
        assert_eq!(entry["operation"], operation, "{label}: {entry}");
        assert_eq!(entry["method"], method, "{label}: {entry}");
        assert_eq!(
            entry["path"],
            path.split('?').next().expect("the path has a first part"),
            "{label}: {entry}"
        );
        assert_eq!(entry["response_body"], reply.body, "{label}: {entry}");
        assert_eq!(entry["key"], "ci", "{label}: {entry}");
        assert_eq!(entry["changes"], json!([]), "{label}: {entry}");
    }
    let all = unmatched_journal(&server, &[]).await;
    assert_eq!(all["requests"], json!([]), "requests with a known key are not unmatched");
}

#[tokio::test]
async fn request_without_permission_is_recorded() {
    let server = Server::start();
    let settings = json!({ "permissions": ["TICKET_READ"] });
    let account = Account::create(&server, &settings).await;
    assert_eq!(create_ticket(&[]).send(&account.client).await.status, 403);
    let entry = account.latest_entry().await;
    assert_eq!(entry["status"], 403, "{entry}");
    assert_eq!(entry["operation"], "ticket.create", "{entry}");
    assert_eq!(entry["key"], "key 1", "{entry}");
    assert!(expect_string(&entry["response_body"]["message"]).contains("TICKET_CREATE"), "{entry}");
}

#[tokio::test]
async fn rejected_request_records_its_warnings() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    let request = set_status(&[("Status", "open"), ("ticketIDs[]", "7")]);
    assert_eq!(request.send(&server).await.status, 400);
    let entry = acme.latest_entry().await;
    assert_eq!(entry["warnings"][0]["kind"], "wrong-case", "{entry}");
    assert_eq!(entry["warnings"][0]["suggestion"], "status", "{entry}");
}

/// Returns the client without a key and with unknown keys.
fn clients_with_unknown_keys(client: &ApiClient) -> Vec<ApiClient> {
    ["", "unknown-key-0123456789", "x"].map(|key| client.with_key(key)).to_vec()
}

#[tokio::test]
async fn unauthenticated_requests_are_only_in_the_unmatched_journal() {
    let server = serve_seed(&acme_seed([7, 8, 9].map(ticket_fixture)));
    let acme = Account::acme(&server);
    let other = Account::create(&server, &json!({})).await;
    let mut expected_entries = Vec::new();
    for client in clients_with_unknown_keys(&server) {
        for request in documented_requests() {
            assert_eq!(request.send(&client).await.status, 401);
            expected_entries.push((request.method, request.url_path(), 401));
        }
        let missing = client.get("/api/v2/nothing").await;
        expected_entries.push(("GET", "/api/v2/nothing".to_owned(), missing.status));
    }
    let all = expect_array(&unmatched_journal(&server, &[]).await["requests"]);
    assert_eq!(all.len(), expected_entries.len());
    for (entry, (method, path, status)) in all.iter().zip(expected_entries) {
        assert_eq!(entry["key"], Value::Null, "{entry}");
        assert_eq!((&entry["method"], &entry["path"]), (&json!(method), &json!(path)), "{entry}");
        assert_eq!(entry["status"], status, "{entry}");
        assert_eq!(entry["changes"], json!([]), "{entry}");
    }
    for account in [acme, other] {
        assert_eq!(account.entries(&[]).await, Vec::<Value>::new());
        assert_eq!(account.changes(&[]).await["changes"], json!([]));
    }
}

#[tokio::test]
async fn unmatched_journal_supports_filters_and_deletion() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let client = server.with_key("unknown-key-0123456789");
    get_ticket("/7").send(&client).await;
    create_ticket(&[]).send(&client).await;
    client.get("/api/v1/ticket").await;
    for (name, value, count) in [
        ("operation", "ticket.get", 1),
        ("method", "get", 2),
        ("status", "401", 2),
        ("status", "4xx", 3),
        ("changed", "true", 0),
        ("limit", "2", 2),
    ] {
        let found = unmatched_journal(&server, &[(name, value)]).await;
        assert_eq!(expect_array(&found["requests"]).len(), count, "{name}={value}: {found}");
        assert_eq!(found["has_more"], name == "limit", "{name}={value}: {found}");
        assert_eq!(found["truncated"], false, "{name}={value}: {found}");
    }
    let deleted =
        fetch_response(server.request_without_key("DELETE", "/_control/requests/unmatched")).await;
    assert_eq!(deleted.status, 204, "{}", deleted.body);
    assert_eq!(unmatched_journal(&server, &[]).await["requests"], json!([]));
}

#[tokio::test]
async fn requests_outside_api_are_not_recorded() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    for path in ["/openapi.json", "/docs", "/nothing", "/_control/health", "/_control/accounts"] {
        for request in [server.request("GET", path), server.request_without_key("GET", path)] {
            request.send().await.expect("the server responds");
        }
    }
    assert_eq!(Account::acme(&server).entries(&[]).await, Vec::<Value>::new());
    assert_eq!(unmatched_journal(&server, &[]).await["requests"], json!([]));
}

#[tokio::test]
async fn auto_created_account_records_its_first_request() {
    let server = Server::start_with_args(&["--ephemeral", "--accounts", "auto"]);
    let client = server.with_key("my-own-key-1");
    get_ticket("/7").send(&client).await;
    let response = fetch_response(client.request("GET", "/_control/accounts/self")).await;
    let account = Account::new(&server, &expect_string(&response.body["account"]), "my-own-key-1");
    assert_eq!(account.entries(&[]).await.len(), 1);
    assert_eq!(unmatched_journal(&server, &[]).await["requests"], json!([]));
}
