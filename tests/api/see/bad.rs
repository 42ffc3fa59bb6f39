//! Bad questions: each gets a problem that says what is wrong, and the server goes on.

use serde_json::{Value, json};

use super::asks::{create, get};
use super::look::text;
use crate::control::{Account, answer, problem};
use crate::fixtures::{Seeded, acme, serve, ticket};

async fn asked() -> (Seeded, Account) {
    let server = serve(&acme([ticket(7)]));
    get("/7").done(&server).await;
    get("/7").done(&server).await;
    let acme = Account::acme(&server);
    (server, acme)
}

/// It is as it was, and still answers.
async fn is_well(account: &Account) {
    assert_eq!(account.entries(&[]).await.len(), 2);
    get("/7").done(&account.client).await;
    assert_eq!(account.control("GET", "/strict").await.body["strict"], false);
}

fn says(account: &Account, asked: &str, body: &Value, part: &str) {
    let detail = text(&body["detail"]);
    assert!(detail.contains(part), "{} {asked}: {part:?} is not in {detail:?}", account.name);
}

/// A name and a value of a query, and a part of what is said.
type Case = (&'static str, &'static str, &'static str);

#[rustfmt::skip]
const FILTERS: &[Case] = &[
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

const LIMITS: &[Case] = &[
    ("limit", "0", "limit"),
    ("limit", "1001", "limit"),
    ("limit", "-1", "limit"),
    ("limit", "x", "limit"),
    ("limit", "1.5", "limit"),
    ("limit", "99999999999999999999", "limit"),
    ("limit", "", "limit"),
];

const WAITS: &[Case] = &[
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

async fn all_are_refused(account: &Account, path: &str, cases: &[Case]) {
    for (name, value, part) in cases {
        let asked = format!("{path}?{name}={value}");
        let refused = account.asked(path, &[(name, value)]).await;
        problem(&refused, 400, "invalid", &asked);
        says(account, &asked, &refused.body, part);
    }
}

#[tokio::test]
async fn a_bad_filter_is_refused_wherever_there_are_filters() {
    let (_server, acme) = asked().await;
    for path in ["/requests", "/requests/stream", "/wait", "/changes"] {
        all_are_refused(&acme, path, FILTERS).await;
    }
    is_well(&acme).await;
}

#[tokio::test]
async fn a_bad_limit_count_or_time_is_refused() {
    let (_server, acme) = asked().await;
    all_are_refused(&acme, "/requests", LIMITS).await;
    all_are_refused(&acme, "/changes", LIMITS).await;
    all_are_refused(&acme, "/wait", WAITS).await;
    all_are_refused(&acme, "/changes", &[("count", "1", "limit")]).await;
    all_are_refused(&acme, "/wait", &[("limit", "1", "timeout")]).await;
    is_well(&acme).await;
}

#[tokio::test]
async fn a_wait_for_a_ticket_takes_columns_only() {
    let (_server, acme) = asked().await;
    for (name, value, part) in [
        ("colour", "red", "status"),
        ("operation", "ticket.get", "operation"),
        ("count", "2", "count"),
        ("field.title", "x", "field.title"),
        ("deleted", "maybe", "deleted"),
        ("deleted", "false", "deleted"),
        ("search_title", "x", "search_title"),
    ] {
        let refused = acme.wait(&[("ticket", "7"), (name, value), ("timeout", "1ms")]).await;
        problem(&refused, 400, "invalid", name);
        says(&acme, name, &refused.body, part);
    }
    is_well(&acme).await;
}

#[tokio::test]
async fn a_filter_that_is_given_twice_is_refused_or_obeyed_but_never_a_failure() {
    let (_server, acme) = asked().await;
    let twice = acme.asked("/requests", &[("status", "200"), ("status", "404")]).await;
    assert!([200, 400].contains(&twice.status), "{}", twice.body);
    is_well(&acme).await;
}

#[tokio::test]
async fn a_cursor_of_elsewhere_is_refused() {
    let (server, acme) = asked().await;
    let other = Account::make(&server, &json!({})).await;
    create(&[]).done(&other.client).await;
    let own = acme.cursor().await;
    let (tag, number) = own.split_once('.').expect("a cursor has two parts");
    let beyond = format!("{tag}.{}", number.parse::<u64>().expect("a number") + 1);
    for cursor in [&other.cursor().await, &beyond, &format!("{own}0"), &format!("{own} x")] {
        for path in ["/requests", "/requests/stream", "/changes", "/wait"] {
            let refused = acme.asked(path, &[("since", cursor)]).await;
            problem(&refused, 400, "invalid", &format!("{path} {cursor}"));
        }
        let refused = acme.verify(&json!({ "since": cursor })).await;
        problem(&refused, 400, "invalid", cursor);
    }
    is_well(&acme).await;
}

#[tokio::test]
async fn a_cursor_of_an_earlier_life_of_the_server_is_refused() {
    let data = crate::fixtures::folder();
    let flags = ["--data", data.path().to_str().expect("the path is text")];
    let server = crate::support::Server::with(&flags);
    let account = Account::make(&server, &json!({ "name": "own" })).await;
    create(&[]).done(&account.client).await;
    let cursor = account.cursor().await;
    assert!(server.stop().success());
    let server = crate::support::Server::with(&flags);
    let account = account.at(&server);
    create(&[]).done(&account.client).await;
    let refused = account.asked("/requests", &[("since", &cursor)]).await;
    problem(&refused, 400, "invalid", &cursor);
}

fn with_regex(regex: &str) -> Value {
    json!({ "fields": { "title": { "matches": regex } } })
}

#[rustfmt::skip]
fn verifications() -> Vec<(Value, &'static str)> {
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
        (with_regex("("), "title"),
        (with_regex("[z-a]"), "title"),
        (with_regex("(a{1000}){1000}{1000}"), "title"),
        (with_regex(&"x".repeat(2_000)), "1000"),
        (with_regex(&"x".repeat(1_001)), "1000"),
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
        (json!({ "apart": "1s" }), "apart"),
        (json!({ "order": [] }), "order"),
        (json!({ "order": {} }), "order"),
        (json!({ "order": vec![json!({}); 101] }), "order"),
        (json!({ "order": [1] }), "order"),
        (json!({ "order": [{ "operatio": "get" }] }), "operatio"),
        (json!({ "order": [{}], "operation": "get" }), "order"),
        (json!({ "order": [{}], "count": { "exactly": 1 } }), "order"),
        (json!({ "order": [{}, {}], "apart": "x" }), "apart"),
        (json!({ "order": [{}, {}], "apart": "-1s" }), "apart"),
        (json!({ "order": [{}, {}], "apart": 1 }), "apart"),
    ]
}

#[tokio::test]
async fn a_bad_verification_is_refused() {
    let (_server, acme) = asked().await;
    for (body, part) in verifications() {
        let refused = acme.verify(&body).await;
        let asked = format!("{:.200}", body.to_string());
        problem(&refused, 400, "invalid", &asked);
        says(&acme, &asked, &refused.body, part);
    }
    is_well(&acme).await;
}

#[tokio::test]
async fn the_longest_that_is_allowed_is_allowed() {
    let (_server, acme) = asked().await;
    let order = json!({ "order": vec![json!({}); 100] });
    problem(&acme.verify(&order).await, 409, "not-verified", "100 patterns");
    let regex = with_regex(&"x".repeat(1_000));
    problem(&acme.verify(&regex).await, 409, "not-verified", "1,000 characters");
    let regex = with_regex(&"é".repeat(1_000));
    problem(&acme.verify(&regex).await, 409, "not-verified", "1,000 letters of two bytes");
    assert_eq!(acme.wait(&[("timeout", "5m"), ("count", "1")]).await.status, 200);
    assert_eq!(acme.asked("/requests", &[("limit", "1000")]).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_no_object_or_too_large_is_refused() {
    let (_server, acme) = asked().await;
    for (method, path) in [("POST", "/verify"), ("PUT", "/strict")] {
        for body in ["", "{", "[]", "1", "a=1", "\"x\""] {
            let refused = answer(acme.ask(method, path).body(body)).await;
            problem(&refused, 400, "invalid", &format!("{path} {body}"));
        }
        let large = format!("{{{}}}", " ".repeat(2 * 1024 * 1024));
        let refused = answer(acme.ask(method, path).body(large)).await;
        problem(&refused, 413, "too-large", path);
    }
    is_well(&acme).await;
}

#[tokio::test]
async fn a_bad_wish_to_be_strict_is_refused() {
    let (server, acme) = asked().await;
    for (body, part) in [
        (json!({ "strict": "yes" }), "strict"),
        (json!({ "strict": 1 }), "strict"),
        (json!({ "strict": true, "allow": "chosen-rule" }), "allow"),
        (json!({ "strict": true, "allow": ["nothing"] }), "chosen-rule"),
        (json!({ "strict": true, "allowed": [] }), "allowed"),
    ] {
        let refused = acme.control_with("PUT", "/strict", &body).await;
        problem(&refused, 400, "invalid", &body.to_string());
        says(&acme, &body.to_string(), &refused.body, part);
    }
    let made = server.ask_without_key("POST", crate::control::ACCOUNTS);
    problem(&answer(made.json(&json!({ "strict": "yes" }))).await, 400, "invalid", "made so");
    is_well(&acme).await;
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_problems() {
    let (_server, acme) = asked().await;
    for (method, path, status, kind) in [
        ("POST", "/requests", 405, "wrong-method"),
        ("PUT", "/requests/1", 405, "wrong-method"),
        ("GET", "/verify", 405, "wrong-method"),
        ("POST", "/wait", 405, "wrong-method"),
        ("DELETE", "/changes", 405, "wrong-method"),
        ("GET", "/requests/1/more", 404, "unknown-path"),
        ("GET", "/waits", 404, "unknown-path"),
    ] {
        let refused = acme.control(method, path).await;
        problem(&refused, status, kind, &format!("{method} {path}"));
    }
    for path in ["/requests", "/requests/1", "/requests/stream", "/wait", "/changes", "/strict"] {
        let nobody = Account::known(&acme.client, "nobody", "x").control("GET", path).await;
        problem(&nobody, 404, "unknown-account", path);
    }
    is_well(&acme).await;
}
