//! Invalid requests to the control API: each gets a problem that names the mistake, and changes nothing.

use serde_json::{Value, json};

use super::ticket_requests::{create_ticket, get_ticket};
use crate::support::control::{Account, assert_problem, expect_string, fetch_response};
use crate::support::seed::{SeededServer, acme_seed, serve_seed, ticket_fixture};
use crate::support::server::Server;

async fn start_with_two_requests() -> (SeededServer, Account) {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    get_ticket("/7").send_ok(&server).await;
    get_ticket("/7").send_ok(&server).await;
    let acme = Account::acme(&server);
    (server, acme)
}

/// Checks that the journal is unchanged and that the server still responds.
async fn assert_unaffected(account: &Account) {
    assert_eq!(account.entries(&[]).await.len(), 2);
    get_ticket("/7").send_ok(&account.client).await;
    assert_eq!(account.send_control("GET", "/strict").await.body["strict"], false);
}

fn assert_detail_contains(account: &Account, label: &str, body: &Value, part: &str) {
    let detail = expect_string(&body["detail"]);
    assert!(detail.contains(part), "{} {label}: {part:?} is not in {detail:?}", account.name);
}

/// Name and value of a query parameter, and an expected part of the problem's detail.
type InvalidQuery = (&'static str, &'static str, &'static str);

#[rustfmt::skip]
const INVALID_FILTERS: &[InvalidQuery] = &[
    ("nothing", "1", "operation"),
    ("Operation", "ticket.get", "operation"),
    ("field", "1", "field"),
    ("operation", "ticket.setstatus", "ticket.setStatus"),
    ("operation", "ticket.nothing", "ticket.create"),
    ("operation", "", "ticket.create"),
    ("method", "a b", "method"),
    ("method", "", "method"),
    ("status", "ok", "status"),
    ("status", "99", "status"),
    ("status", "1000", "status"),
    ("status", "4x", "status"),
    ("status", "xx", "status"),
    ("status", "9xx", "status"),
    ("status", "-200", "status"),
    ("status", "", "status"),
    ("changed", "maybe", "changed"),
    ("changed", "", "changed"),
    ("fault", "1", "fault"),
    ("warning", "none-such", "unknown-field"),
    ("warning", "", "warning"),
    ("field.", "7", "field"),
    ("field.ids[]", "7", "actions[0][value]"),
    ("field.ids[0", "7", "actions[0][value]"),
    ("since", "garbage", "since"),
    ("since", "", "since"),
    ("since", "00000000.1", "since"),
    ("since", "1", "since"),
];

const INVALID_LIMITS: &[InvalidQuery] = &[
    ("limit", "0", "limit"),
    ("limit", "1001", "limit"),
    ("limit", "-1", "limit"),
    ("limit", "x", "limit"),
    ("limit", "1.5", "limit"),
    ("limit", "99999999999999999999", "limit"),
    ("limit", "", "limit"),
];

const INVALID_WAIT_PARAMETERS: &[InvalidQuery] = &[
    ("count", "0", "count"),
    ("count", "1001", "count"),
    ("count", "x", "count"),
    ("timeout", "1d", "timeout"),
    ("timeout", "-1s", "timeout"),
    ("timeout", "x", "timeout"),
    ("timeout", "5m1s", "timeout"),
    ("timeout", "5", "timeout"),
    ("timeout", "", "timeout"),
    ("ticket", "x", "ticket"),
    ("ticket", "-1", "ticket"),
];

async fn assert_all_rejected(account: &Account, path: &str, cases: &[InvalidQuery]) {
    for (name, value, part) in cases {
        let label = format!("{path}?{name}={value}");
        let rejected = account.send_control_query(path, &[(name, value)]).await;
        assert_problem(&rejected, 400, "invalid-request", &label);
        assert_detail_contains(account, &label, &rejected.body, part);
    }
}

#[tokio::test]
async fn invalid_filter_is_rejected_on_every_route() {
    let (_server, acme) = start_with_two_requests().await;
    for path in ["/requests", "/requests/stream", "/wait", "/changes"] {
        assert_all_rejected(&acme, path, INVALID_FILTERS).await;
    }
    assert_unaffected(&acme).await;
}

#[tokio::test]
async fn invalid_limit_count_or_timeout_is_rejected() {
    let (_server, acme) = start_with_two_requests().await;
    assert_all_rejected(&acme, "/requests", INVALID_LIMITS).await;
    assert_all_rejected(&acme, "/changes", INVALID_LIMITS).await;
    assert_all_rejected(&acme, "/wait", INVALID_WAIT_PARAMETERS).await;
    assert_all_rejected(&acme, "/changes", &[("count", "1", "limit")]).await;
    assert_all_rejected(&acme, "/wait", &[("limit", "1", "timeout")]).await;
    assert_unaffected(&acme).await;
}

#[tokio::test]
async fn ticket_wait_accepts_only_ticket_columns() {
    let (_server, acme) = start_with_two_requests().await;
    for (name, value, part) in [
        ("colour", "red", "status"),
        ("operation", "ticket.get", "operation"),
        ("count", "2", "count"),
        ("field.title", "x", "field.title"),
        ("deleted", "maybe", "deleted"),
        ("deleted", "false", "deleted"),
        ("search_title", "x", "search_title"),
    ] {
        let rejected = acme.wait(&[("ticket", "7"), (name, value), ("timeout", "1ms")]).await;
        assert_problem(&rejected, 400, "invalid-request", name);
        assert_detail_contains(&acme, name, &rejected.body, part);
    }
    assert_unaffected(&acme).await;
}

#[tokio::test]
async fn repeated_filter_is_no_server_error() {
    let (_server, acme) = start_with_two_requests().await;
    let response =
        acme.send_control_query("/requests", &[("status", "200"), ("status", "404")]).await;
    assert!([200, 400].contains(&response.status), "{}", response.body);
    assert_unaffected(&acme).await;
}

#[tokio::test]
async fn foreign_or_malformed_cursor_is_rejected() {
    let (server, acme) = start_with_two_requests().await;
    let other = Account::create(&server, &json!({})).await;
    create_ticket(&[]).send_ok(&other.client).await;
    let own_cursor = acme.cursor().await;
    let (tag, number) = own_cursor.split_once('.').expect("the cursor has two parts");
    let beyond =
        format!("{tag}.{}", number.parse::<u64>().expect("the second part is a number") + 1);
    for cursor in
        [&other.cursor().await, &beyond, &format!("{own_cursor}0"), &format!("{own_cursor} x")]
    {
        for path in ["/requests", "/requests/stream", "/changes", "/wait"] {
            let rejected = acme.send_control_query(path, &[("since", cursor)]).await;
            assert_problem(&rejected, 400, "invalid-request", &format!("{path} {cursor}"));
        }
        let rejected = acme.verify(&json!({ "since": cursor })).await;
        assert_problem(&rejected, 400, "invalid-request", cursor);
    }
    assert_unaffected(&acme).await;
}

#[tokio::test]
async fn cursor_from_before_a_server_restart_is_rejected() {
    let data = crate::support::files::create_temp_dir();
    let flags = ["--data", data.path().to_str().expect("the path is UTF-8")];
    let server = Server::start_with_args(&flags);
    let account = Account::create(&server, &json!({ "name": "own" })).await;
    create_ticket(&[]).send_ok(&account.client).await;
    let cursor = account.cursor().await;
    assert_eq!(server.stop().exit_code, Some(0));
    let server = Server::start_with_args(&flags);
    let account = account.with_server(&server);
    create_ticket(&[]).send_ok(&account.client).await;
    let rejected = account.send_control_query("/requests", &[("since", &cursor)]).await;
    assert_problem(&rejected, 400, "invalid-request", &cursor);
}

fn pattern_with_regex(regex: &str) -> Value {
    json!({ "fields": { "title": { "matches": regex } } })
}

#[rustfmt::skip]
fn invalid_verifications() -> Vec<(Value, &'static str)> {
    vec![
        (json!({ "operatio": "ticket.get" }), "operatio"),
        (json!({ "operation": "ticket.nothing" }), "ticket.create"),
        (json!({ "operation": 1 }), "operation"),
        (json!({ "method": "a b" }), "method"),
        (json!({ "method": ["GET"] }), "method"),
        (json!({ "status": 99 }), "status"),
        (json!({ "status": 1000 }), "status"),
        (json!({ "status": "4x" }), "status"),
        (json!({ "status": true }), "status"),
        (json!({ "status": [200] }), "status"),
        (json!({ "key": 1 }), "key"),
        (json!({ "changed": "true" }), "changed"),
        (json!({ "fault": 1 }), "fault"),
        (json!({ "warning": "nothing" }), "unknown-field"),
        (json!({ "fields": [] }), "fields"),
        (json!({ "fields": "title" }), "fields"),
        (json!({ "fields": { "title": { "match": "x" } } }), "title"),
        (json!({ "fields": { "title": { "matches": "x", "present": true } } }), "title"),
        (json!({ "fields": { "title": {} } }), "title"),
        (json!({ "fields": { "title": { "matches": 1 } } }), "matches"),
        (json!({ "fields": { "ids[]": 7 } }), "ids[]"),
        (json!({ "fields": { "": 7 } }), "field"),
        (pattern_with_regex("("), "title"),
        (pattern_with_regex("[z-a]"), "title"),
        (pattern_with_regex("(a{1000}){1000}{1000}"), "title"),
        (pattern_with_regex(&"x".repeat(2_000)), "1000"),
        (pattern_with_regex(&"x".repeat(1_001)), "1000"),
        (json!({ "count": 1 }), "count"),
        (json!({ "count": "1" }), "count"),
        (json!({ "count": { "exactly": -1 } }), "exactly"),
        (json!({ "count": { "exactly": "1" } }), "exactly"),
        (json!({ "count": { "exactly": 1.5 } }), "exactly"),
        (json!({ "count": { "times": 1 } }), "times"),
        (json!({ "count": { "at_least": 3, "at_most": 1 } }), "at_least"),
        (json!({ "count": { "exactly": 1, "at_least": 1 } }), "exactly"),
        (json!({ "count": { "never": true, "at_least": 1 } }), "never"),
        (json!({ "since": 1 }), "since"),
        (json!({ "since": "garbage" }), "since"),
        (json!({ "min_interval": "1s" }), "min_interval"),
        (json!({ "order": [] }), "order"),
        (json!({ "order": {} }), "order"),
        (json!({ "order": vec![json!({}); 101] }), "order"),
        (json!({ "order": [1] }), "order"),
        (json!({ "order": [{ "operatio": "get" }] }), "operatio"),
        (json!({ "order": [{}], "operation": "get" }), "order"),
        (json!({ "order": [{}], "count": { "exactly": 1 } }), "order"),
        (json!({ "order": [{}, {}], "min_interval": "x" }), "min_interval"),
        (json!({ "order": [{}, {}], "min_interval": "-1s" }), "min_interval"),
        (json!({ "order": [{}, {}], "min_interval": 1 }), "min_interval"),
    ]
}

#[tokio::test]
async fn invalid_verification_is_rejected() {
    let (_server, acme) = start_with_two_requests().await;
    for (body, part) in invalid_verifications() {
        let rejected = acme.verify(&body).await;
        let label = format!("{:.200}", body.to_string());
        assert_problem(&rejected, 400, "invalid-request", &label);
        assert_detail_contains(&acme, &label, &rejected.body, part);
    }
    assert_unaffected(&acme).await;
}

#[tokio::test]
async fn maximum_order_regex_timeout_and_limit_are_accepted() {
    let (_server, acme) = start_with_two_requests().await;
    let order = json!({ "order": vec![json!({}); 100] });
    assert_problem(&acme.verify(&order).await, 409, "verification-failed", "100 patterns");
    let regex = pattern_with_regex(&"x".repeat(1_000));
    assert_problem(&acme.verify(&regex).await, 409, "verification-failed", "1,000 characters");
    let regex = pattern_with_regex(&"é".repeat(1_000));
    assert_problem(
        &acme.verify(&regex).await,
        409,
        "verification-failed",
        "1,000 letters of two bytes",
    );
    assert_eq!(acme.wait(&[("timeout", "5m"), ("count", "1")]).await.status, 200);
    assert_eq!(acme.send_control_query("/requests", &[("limit", "1000")]).await.status, 200);
}

#[tokio::test]
async fn non_object_or_oversized_body_is_rejected() {
    let (_server, acme) = start_with_two_requests().await;
    for (method, path) in [("POST", "/verify"), ("PUT", "/strict")] {
        for body in ["", "{", "[]", "1", "a=1", "\"x\""] {
            let rejected = fetch_response(acme.request(method, path).body(body)).await;
            assert_problem(&rejected, 400, "invalid-request", &format!("{path} {body}"));
        }
        let large = format!("{{{}}}", " ".repeat(2 * 1024 * 1024));
        let rejected = fetch_response(acme.request(method, path).body(large)).await;
        assert_problem(&rejected, 413, "too-large", path);
    }
    assert_unaffected(&acme).await;
}

#[tokio::test]
async fn invalid_strict_setting_is_rejected() {
    let (server, acme) = start_with_two_requests().await;
    for (body, part) in [
        (json!({ "strict": "yes" }), "strict"),
        (json!({ "strict": 1 }), "strict"),
        (json!({ "strict": true, "allow": "undocumented" }), "allow"),
        (json!({ "strict": true, "allow": ["nothing"] }), "undocumented"),
        (json!({ "strict": true, "allowed": [] }), "allowed"),
    ] {
        let rejected = acme.send_control_json("PUT", "/strict", &body).await;
        assert_problem(&rejected, 400, "invalid-request", &body.to_string());
        assert_detail_contains(&acme, &body.to_string(), &rejected.body, part);
    }
    let creation = server.request_without_key("POST", crate::support::control::ACCOUNTS_PATH);
    assert_problem(
        &fetch_response(creation.json(&json!({ "strict": "yes" }))).await,
        400,
        "invalid-request",
        "invalid strict setting at creation",
    );
    assert_unaffected(&acme).await;
}

#[tokio::test]
async fn unknown_path_method_or_account_is_a_problem() {
    let (_server, acme) = start_with_two_requests().await;
    for (method, path, status, kind) in [
        ("POST", "/requests", 405, "method-not-allowed"),
        ("PUT", "/requests/1", 405, "method-not-allowed"),
        ("GET", "/verify", 405, "method-not-allowed"),
        ("POST", "/wait", 405, "method-not-allowed"),
        ("DELETE", "/changes", 405, "method-not-allowed"),
        ("GET", "/requests/1/more", 404, "unknown-path"),
        ("GET", "/waits", 404, "unknown-path"),
    ] {
        let rejected = acme.send_control(method, path).await;
        assert_problem(&rejected, status, kind, &format!("{method} {path}"));
    }
    for path in ["/requests", "/requests/1", "/requests/stream", "/wait", "/changes", "/strict"] {
        let missing = Account::new(&acme.client, "nobody", "x").send_control("GET", path).await;
        assert_problem(&missing, 404, "unknown-account", path);
    }
    assert_unaffected(&acme).await;
}
