//! Invalid control API requests: each gets its problem document and changes nothing.

use serde_json::{Value, json};

use crate::support::control::{ACCOUNTS_PATH, Account, assert_problem, fetch_response};
use crate::support::seed::{acme_seed, serve_seed, ticket_fixture};
use crate::support::server::Server;

/// A request and its expected problem: method, path below `/accounts`, body, status, kind, part of the detail.
type Case = (&'static str, &'static str, Value, u16, &'static str, &'static str);

fn all_cases() -> Vec<Case> {
    [
        account_creation_cases(),
        account_cases(),
        snapshot_cases(),
        clock_cases(),
        key_cases(),
        import_cases(),
    ]
    .concat()
}

#[rustfmt::skip]
fn account_creation_cases() -> Vec<Case> {
    let long = "a".repeat(64);
    let with_name = |name: &str| json!({ "name": name });
    let from = |from: &str| json!({ "from": from });
    let cases = vec![
        (with_name(""), 400, "invalid-request", "name must match"),
        (with_name("Acme"), 400, "invalid-request", "\"Acme\" was sent"),
        (with_name("-a"), 400, "invalid-request", "name must match"),
        (with_name("a_b"), 400, "invalid-request", "name must match"),
        (with_name("../a"), 400, "invalid-request", "name must match"),
        (with_name("a\n"), 400, "invalid-request", "name must match"),
        (with_name(&long), 400, "invalid-request", "name must match"),
        (with_name("self"), 400, "invalid-request", "not be self"),
        (with_name("acme"), 409, "name-taken", "acme"),
        (json!({ "nam": "a" }), 400, "invalid-request", "unknown field `nam`"),
        (json!([]), 400, "invalid-request", "The body is invalid"),
        (json!({ "name": 7 }), 400, "invalid-request", "The body is invalid"),
        (from(""), 400, "invalid-request", "from must be seed"),
        (from("seeds"), 400, "invalid-request", "from must be seed"),
        (from("seed:nobody"), 404, "unknown-seed", "nobody"),
        (from("account:nobody"), 404, "unknown-account", "nobody"),
        (from("account:../acme"), 400, "invalid-request", "from must be seed"),
        (from("account:self"), 401, "invalid-api-key", "header apiKey"),
        (from("snapshot:acme"), 400, "invalid-request", "from must be seed"),
        (from("snapshot:acme/none"), 404, "unknown-snapshot", "none"),
        (from("snapshot:acme/../x"), 400, "invalid-request", "snapshot"),
        (json!({ "ttl": "soon" }), 400, "invalid-request", "ttl must be a duration"),
        (json!({ "ttl": "0s" }), 400, "invalid-request", "longer than zero"),
        (json!({ "ttl": "-1m" }), 400, "invalid-request", "longer than zero"),
        (json!({ "ttl": "P1M" }), 400, "invalid-request", "ttl must be a duration"),
        (json!({ "ttl": "P20Y" }), 400, "invalid-request", "ttl must be a duration"),
        (json!({ "ttl": "P9999D" }), 400, "invalid-request", "ten years"),
        (json!({ "permissions": "none" }), 400, "invalid-request", "\"all\" or a list"),
        (json!({ "permissions": ["READ"] }), 400, "invalid-request", "\"READ\" was sent"),
    ];
    cases.into_iter().map(|(body, status, kind, part)| ("POST", "", body, status, kind, part)).collect()
}

#[rustfmt::skip]
fn account_cases() -> Vec<Case> {
    vec![
        ("GET", "/nobody", Value::Null, 404, "unknown-account", "nobody"),
        ("DELETE", "/nobody", Value::Null, 404, "unknown-account", "nobody"),
        ("POST", "/nobody/reset", Value::Null, 404, "unknown-account", "nobody"),
        ("GET", "/self", Value::Null, 401, "invalid-api-key", "header apiKey"),
        ("GET", "/acme/nothing", Value::Null, 404, "unknown-path", "nothing"),
        ("PATCH", "/acme", Value::Null, 405, "method-not-allowed", "PATCH"),
    ]
}

#[rustfmt::skip]
fn snapshot_cases() -> Vec<Case> {
    vec![
        ("PUT", "/acme/snapshots/-x", Value::Null, 400, "invalid-request", "must match"),
        ("PUT", "/acme/snapshots/a%2Fb", Value::Null, 400, "invalid-request", "must match"),
        ("PUT", "/acme/snapshots/%00", Value::Null, 400, "invalid-request", "must match"),
        ("DELETE", "/acme/snapshots/none", Value::Null, 404, "unknown-snapshot", "none"),
        ("POST", "/acme/snapshots/none/restore", Value::Null, 404, "unknown-snapshot", "none"),
    ]
}

#[rustfmt::skip]
fn clock_cases() -> Vec<Case> {
    vec![
        ("PUT", "/acme/clock", json!({}), 400, "invalid-request", "mode"),
        ("PUT", "/acme/clock", json!({ "mode": "slow" }), 400, "invalid-request", "slow"),
        ("PUT", "/acme/clock", json!({ "mode": "offset" }), 400, "invalid-request", "by"),
        ("PUT", "/acme/clock", json!({ "mode": "offset", "by": "2" }), 400, "invalid-request", "by must be"),
        ("PUT", "/acme/clock", json!({ "mode": "offset", "by": "P5000000D" }), 400, "invalid-request", "9998"),
        ("PUT", "/acme/clock", json!({ "mode": "frozen", "at": "noon" }), 400, "invalid-request", "at must be"),
        ("PUT", "/acme/clock", json!({ "mode": "frozen", "at": "-000001-01-01T00:00:00Z" }), 400, "invalid-request", "9998"),
        ("PUT", "/acme/clock", json!({ "mode": "real", "by": "PT1H" }), 400, "invalid-request", "by"),
        ("POST", "/acme/clock/advance", json!({}), 400, "invalid-request", "by"),
        ("POST", "/acme/clock/advance", json!({ "by": "-P1D" }), 400, "invalid-request", "not be negative"),
        ("POST", "/acme/clock/advance", json!({ "by": "P1Y" }), 400, "invalid-request", "by must be"),
        ("POST", "/acme/clock/advance", json!({ "by": "P7000000D" }), 400, "invalid-request", "9998"),
        ("PUT", "/acme/dialect", json!({ "list_typ": "x" }), 400, "invalid-request", "did you mean list_type"),
        ("PUT", "/acme/dialect", json!({ "no_key_status": 400 }), 400, "invalid-request", "configuration file"),
        ("PUT", "/acme/dialect", json!({ "unknown_ticket_status": 500 }), 400, "invalid-request", "500"),
    ]
}

#[rustfmt::skip]
fn key_cases() -> Vec<Case> {
    vec![
        ("POST", "/acme/keys", json!({ "name": "ci" }), 409, "name-taken", "ci"),
        ("POST", "/acme/keys", json!({ "name": "" }), 400, "invalid-request", "name must have"),
        ("POST", "/acme/keys", json!({ "api_key": "a b" }), 400, "invalid-request", "api_key must match"),
        ("POST", "/acme/keys", json!({ "api_key": "acme-key-0123456789" }), 409, "key-taken", "key 2"),
        ("DELETE", "/acme/keys/77", Value::Null, 404, "unknown-key", "77"),
        ("DELETE", "/acme/keys/first", Value::Null, 400, "invalid-request", "id must be a number"),
    ]
}

#[rustfmt::skip]
fn import_cases() -> Vec<Case> {
    vec![
        ("POST", "/acme/import", json!({}), 400, "invalid-request", "accounts"),
        ("POST", "/acme/import", json!({ "accounts": {} }), 400, "invalid-request", "one account"),
        ("POST", "/acme/import", json!({ "accounts": { "a": {}, "b": {} } }), 400, "invalid-request", "one account, not 2"),
        ("POST", "/acme/import", json!({ "accounts": { "a": { "tickets": [{ "id": 7 }] } } }), 409, "import-conflict", "tickets 7"),
        ("POST", "/acme/import", json!({ "accounts": { "a": { "tickets": [{ "id": 8 }, { "id": 8 }] } } }), 400, "invalid-request", "tickets][1][id]"),
        ("POST", "/acme/import", json!({ "accounts": { "a": { "brands": [{ "id": 1, "name": "Other" }] } } }), 409, "import-conflict", "brands 1"),
        ("POST", "/acme/import", json!({ "accounts": { "a": { "ticket": [] } } }), 400, "invalid-request", "ticket"),
        ("POST", "/acme/import", json!({ "accounts": { "a": { "keys": [{ "key": "abcd", "permissions": [] }] } } }), 400, "invalid-request", "keys"),
        ("POST", "/acme/import", json!({ "accounts": { "a": { "keys": [{ "key": "abcd", "permissions": "all" }] } } }), 400, "invalid-request", "creates no keys"),
        ("POST", "/acme/import", json!({ "accounts": { "a": { "clock": { "mode": "slow" } } } }), 400, "invalid-request", "slow"),
    ]
}

#[tokio::test]
async fn invalid_control_request_gets_problem_and_changes_nothing() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let own = Account::new(&server, "acme", &server.api_key);
    let before = own.read_all().await;
    let accounts = fetch_response(server.request_without_key("GET", ACCOUNTS_PATH)).await.body;
    for (method, path, body, status, kind, part) in all_cases() {
        let request = server.request_without_key(method, &format!("{ACCOUNTS_PATH}{path}"));
        let request = if body.is_null() { request } else { request.json(&body) };
        let context = format!("{method} {path} {body}");
        let reply = fetch_response(request).await;
        assert_problem(&reply, status, kind, &context);
        assert_eq!(reply.headers.contains_key("allow"), status == 405, "{context}");
        let detail = reply.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(part), "{context}: {detail}");
    }
    assert_eq!(own.read_all().await, before);
    assert_eq!(
        fetch_response(server.request_without_key("GET", ACCOUNTS_PATH)).await.body,
        accounts
    );
}

#[tokio::test]
async fn malformed_or_oversized_control_body_is_rejected() {
    let server = Server::start();
    for (body, status, kind) in [
        ("{".to_owned(), 400, "invalid-request"),
        ("name=acme".to_owned(), 400, "invalid-request"),
        (" ".repeat(1024 * 1024 + 1), 413, "too-large"),
    ] {
        let reply =
            fetch_response(server.request_without_key("POST", ACCOUNTS_PATH).body(body)).await;
        assert_problem(&reply, status, kind, "a body");
    }
}

#[tokio::test]
async fn max_accounts_limits_manual_and_automatic_creation() {
    let server =
        Server::start_with_args(&["--ephemeral", "--max-accounts", "3", "--accounts", "auto"]);
    let first = Account::create(&server, &json!({})).await;
    Account::create(&server, &json!({})).await;
    let full = fetch_response(server.request_without_key("POST", ACCOUNTS_PATH)).await;
    assert_problem(&full, 409, "limit-reached", "the fourth account");
    assert!(full.body["detail"].as_str().is_some_and(|detail| detail.contains("--max-accounts")));

    let refused = server.with_key("unknown-key-1").get("/api/v2/ticket").await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.message().contains("--max-accounts"), "{}", refused.body);

    assert_eq!(first.send_control("DELETE", "").await.status, 204);
    assert_eq!(server.with_key("unknown-key-1").get("/api/v2/ticket").await.status, 200);
}
