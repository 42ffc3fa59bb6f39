//! Warnings: one for each thing that the documents do not have so, and none for what they do.

use serde_json::{Value, json};

use super::asks::{Ask, batch, create, documented, get, listing};
use super::cases::{Expected, cases};
use super::look::{kinds, list, numbers, text};
use crate::control::Account;
use crate::fixtures::{KEY, Seeded, acme, serve, ticket};
use crate::support::Reply;

fn server() -> (Seeded, Account) {
    let server = serve(&acme([7, 8, 9, 10].map(ticket)));
    let acme = Account::acme(&server);
    (server, acme)
}

/// Kind, field and nearest name; a chosen rule may name its field or not.
fn told(entry: &Value) -> Vec<(String, Option<String>, Option<String>)> {
    let told = list(&entry["warnings"]).into_iter().map(|warning| {
        assert!(text(&warning["text"]).len() > 10, "it says something: {warning}");
        let kind = text(&warning["kind"]);
        let field = (kind != "chosen-rule").then(|| warning["field"].as_str()).flatten();
        let nearest = (kind != "chosen-rule").then(|| warning["nearest"].as_str()).flatten();
        (kind, field.map(str::to_owned), nearest.map(str::to_owned))
    });
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

fn sorted(expected: &[Expected]) -> Vec<(String, Option<String>, Option<String>)> {
    let owned = expected.iter().map(|(kind, field, nearest)| {
        ((*kind).to_owned(), field.map(str::to_owned), nearest.map(str::to_owned))
    });
    let mut sorted: Vec<_> = owned.collect();
    sorted.sort();
    sorted
}

#[tokio::test]
async fn each_kind_is_given_where_it_belongs() {
    let (server, acme) = server();
    for (ask, expected) in cases() {
        ask.done(&server).await;
        let entry = acme.newest().await;
        assert_eq!(told(&entry), sorted(&expected), "{ask:?}: {entry}");
    }
}

#[tokio::test]
async fn the_text_names_what_was_sent_and_what_was_meant() {
    let (server, acme) = server();
    for (ask, words) in [
        (create(&[("titel", "x")]), &["titel", "did you mean title?"][..]),
        (create(&[("FromName", "x")]), &["FromName", "fromName"]),
        (listing("?searchArchived=yes"), &["searchArchived"]),
        (listing("?itemLimit=0"), &["itemLimit"]),
        (get("/7?getTicketHistory=1"), &["getTicketHistory"]),
        (create(&[("formID", "")]), &["formID"]),
    ] {
        ask.done(&server).await;
        let warnings = acme.newest().await["warnings"].clone();
        assert_eq!(list(&warnings).len(), 1, "{ask:?}: {warnings}");
        for word in words {
            assert!(text(&warnings[0]["text"]).contains(word), "{word}: {warnings}");
        }
    }
}

fn documented_and_more() -> Vec<Ask> {
    let mut all = documented();
    all.retain(|ask| !ask.is_chosen());
    all.extend([
        listing(""),
        listing("?query=&applyView=&searchArchived=no"),
        listing("?itemLimit=9999&itemStart=1&applyView=vip"),
        create(&[("fromName", "")]),
        create(&[("formID", "0"), ("assignedGroupID", "0")]),
        get("/7"),
        get("/7?getTicketHistory=true"),
        get("/7?getTicketHistory=false"),
    ]);
    all
}

#[tokio::test]
async fn a_request_exactly_as_documented_has_none() {
    let (server, acme) = server();
    for ask in documented_and_more() {
        ask.done(&server).await;
        let entry = acme.newest().await;
        assert_eq!(entry["warnings"], json!([]), "{ask:?}");
    }
}

#[tokio::test]
async fn a_key_in_the_query_is_warned_about_and_one_in_a_header_is_not() {
    let (server, acme) = server();
    let path = "/api/v2/ticket/7";
    let alone = |path: &str| server.ask_without_key("GET", path);
    for (request, expected) in [
        (alone(&format!("{path}?apiKey={KEY}")), &["key-in-query"][..]),
        (server.ask("GET", &format!("{path}?apiKey={KEY}")), &["key-in-query"]),
        (alone(path).header("apiKey", KEY), &[]),
        (alone(path).header("APIKEY", KEY), &[]),
        (alone(path).header("authorization", format!("apikey {KEY}")), &[]),
    ] {
        assert_eq!(Reply::of(request).await.status, 200);
        assert_eq!(kinds(&acme.newest().await), expected);
    }
}

#[tokio::test]
async fn a_key_in_the_query_is_warned_about_where_no_operation_is() {
    let (server, acme) = server();
    for (method, path, status) in [("GET", "nothing", 404), ("PATCH", "ticket", 405)] {
        let path = format!("/api/v2/{path}?apiKey={KEY}");
        assert_eq!(Reply::of(server.ask_without_key(method, &path)).await.status, status);
        assert_eq!(kinds(&acme.newest().await), ["key-in-query"], "{method} {path}");
    }
}

#[tokio::test]
async fn who_comes_back_before_the_time_is_warned_about() {
    let (server, acme) = server();
    let effect = json!({ "status": 503, "retry_after": "10s" });
    acme.provoke(&json!({ "operation": "ticket.get", "first": 1, "effect": effect })).await;
    assert_eq!(get("/7").send(&server).await.status, 503);
    for (by, early) in [("0s", true), ("9s", true), ("1s", false), ("1h", false)] {
        acme.advance(by).await;
        get("/7").done(&server).await;
        let entry = acme.newest().await;
        let expected: &[&str] = if early { &["early-retry"] } else { &[] };
        assert_eq!(kinds(&entry), expected, "after {by}: {entry}");
    }
    assert_eq!(numbers(&acme.entries(&[("warning", "early-retry")]).await), [2, 3]);
}

#[tokio::test]
async fn who_comes_back_too_early_within_a_limit_is_warned_about() {
    let (server, acme) = server();
    let limits = json!({ "requests": 1, "per": "1m" });
    assert!(acme.control_with("PUT", "/limits", &limits).await.status < 300);
    for (status, expected) in [(200, &[][..]), (429, &[]), (429, &["early-retry"])] {
        let reply = get("/7").send(&server).await;
        assert_eq!(reply.status, status, "{}", reply.body);
        let entry = acme.newest().await;
        assert_eq!(kinds(&entry), expected, "{entry}");
    }
    acme.advance("1m").await;
    get("/7").done(&server).await;
    assert_eq!(kinds(&acme.newest().await), [""; 0]);
}

#[tokio::test]
async fn very_many_unknown_fields_do_not_drown_the_entry() {
    let (server, acme) = server();
    let query = (0..5_000).map(|at| format!("f{at}=1&")).collect::<Vec<_>>().concat();
    assert_eq!(server.get(&format!("/api/v2/ticket?{query}")).await.status, 200);
    let entry = acme.newest().await;
    let warned = list(&entry["warnings"]).len();
    assert!((1..=100).contains(&warned), "{warned} warnings");
}

#[tokio::test]
async fn warnings_count_for_filters_and_verify() {
    let (server, acme) = server();
    create(&[("titel", "x")]).done(&server).await;
    batch(&[
        ("TicketIDs", "7"),
        ("actions[0][actionType]", "title"),
        ("actions[0][value]", "x"),
        ("why", "x"),
    ])
    .done(&server)
    .await;
    for (kind, expected) in [
        ("unknown-field", &[1, 2][..]),
        ("chosen-rule", &[2]),
        ("any", &[1, 2]),
        ("none", &[]),
        ("early-retry", &[]),
    ] {
        assert_eq!(numbers(&acme.entries(&[("warning", kind)]).await), expected, "{kind}");
        let pattern = json!({ "warning": kind, "count": { "exactly": expected.len() } });
        let verdict = acme.verify(&pattern).await;
        assert_eq!(verdict.status, 200, "{kind}: {}", verdict.body);
    }
}
