//! Warnings: one for each deviation from the documentation, none for documented requests.

use serde_json::{Value, json};

use super::helpers::{seq_numbers, warning_kinds};
use super::ticket_requests::{
    TicketRequest, batch_tickets, create_ticket, documented_requests, get_ticket, list_tickets,
};
use super::warning_cases::{ExpectedWarning, warning_cases};
use crate::support::client::JsonResponse;
use crate::support::control::{Account, expect_array, expect_string};
use crate::support::seed::{ACME_KEY, SeededServer, acme_seed, serve_seed, ticket_fixture};

fn start_server() -> (SeededServer, Account) {
    let server = serve_seed(&acme_seed([7, 8, 9, 10].map(ticket_fixture)));
    let acme = Account::acme(&server);
    (server, acme)
}

/// Returns kind, field and suggestion; without field and suggestion for undocumented rules.
fn recorded_warnings(entry: &Value) -> Vec<(String, Option<String>, Option<String>)> {
    let warnings = expect_array(&entry["warnings"]).into_iter().map(|warning| {
        assert!(expect_string(&warning["message"]).len() > 10, "the warning has a text: {warning}");
        let kind = expect_string(&warning["kind"]);
        let is_documented = kind != "undocumented" && kind != "no-documented-way";
        let field = is_documented.then(|| warning["field"].as_str()).flatten();
        let nearest = is_documented.then(|| warning["suggestion"].as_str()).flatten();
        (kind, field.map(str::to_owned), nearest.map(str::to_owned))
    });
    let mut warnings: Vec<_> = warnings.collect();
    warnings.sort();
    warnings
}

fn sorted_expectations(
    expected: &[ExpectedWarning],
) -> Vec<(String, Option<String>, Option<String>)> {
    let owned = expected.iter().map(|(kind, field, nearest)| {
        ((*kind).to_owned(), field.map(str::to_owned), nearest.map(str::to_owned))
    });
    let mut sorted: Vec<_> = owned.collect();
    sorted.sort();
    sorted
}

#[tokio::test]
async fn each_warning_kind_is_recorded_for_its_request() {
    let (server, acme) = start_server();
    for (request, expected) in warning_cases() {
        request.send_ok(&server).await;
        let entry = acme.latest_entry().await;
        assert_eq!(
            recorded_warnings(&entry),
            sorted_expectations(&expected),
            "{request:?}: {entry}"
        );
    }
}

#[tokio::test]
async fn warning_names_the_sent_field_and_the_suggestion() {
    let (server, acme) = start_server();
    for (request, words) in [
        (create_ticket(&[("titel", "x")]), &["titel", "did you mean title?"][..]),
        (create_ticket(&[("FromName", "x")]), &["FromName", "fromName"]),
        (list_tickets("?searchArchived=yes"), &["searchArchived"]),
        (list_tickets("?itemLimit=0"), &["itemLimit"]),
        (get_ticket("/7?getTicketHistory=1"), &["getTicketHistory"]),
        (create_ticket(&[("formID", "")]), &["formID"]),
    ] {
        request.send_ok(&server).await;
        let warnings = acme.latest_entry().await["warnings"].clone();
        assert_eq!(expect_array(&warnings).len(), 1, "{request:?}: {warnings}");
        for word in words {
            assert!(expect_string(&warnings[0]["message"]).contains(word), "{word}: {warnings}");
        }
    }
}

fn requests_without_warnings() -> Vec<TicketRequest> {
    let mut all = documented_requests();
    all.retain(|request| !request.has_no_documented_way());
    all.extend([
        list_tickets(""),
        list_tickets("?query=&applyView=&searchArchived=no"),
        list_tickets("?itemLimit=9999&itemStart=1&applyView=vip"),
        create_ticket(&[("fromName", "")]),
        create_ticket(&[("formID", "0"), ("assignedGroupID", "0")]),
        get_ticket("/7"),
        get_ticket("/7?getTicketHistory=true"),
        get_ticket("/7?getTicketHistory=false"),
    ]);
    all
}

#[tokio::test]
async fn documented_request_has_no_warning() {
    let (server, acme) = start_server();
    for request in requests_without_warnings() {
        request.send_ok(&server).await;
        let entry = acme.latest_entry().await;
        assert_eq!(entry["warnings"], json!([]), "{request:?}");
    }
}

#[tokio::test]
async fn key_in_the_query_is_a_warning_and_in_a_header_is_not() {
    let (server, acme) = start_server();
    let path = "/api/v2/ticket/7";
    let without_key = |path: &str| server.request_without_key("GET", path);
    for (request, expected) in [
        (without_key(&format!("{path}?apiKey={ACME_KEY}")), &["key-in-query"][..]),
        (server.request("GET", &format!("{path}?apiKey={ACME_KEY}")), &["key-in-query"]),
        (without_key(path).header("apiKey", ACME_KEY), &[]),
        (without_key(path).header("APIKEY", ACME_KEY), &[]),
        (without_key(path).header("authorization", format!("apikey {ACME_KEY}")), &[]),
    ] {
        assert_eq!(JsonResponse::fetch(request).await.status, 200);
        assert_eq!(warning_kinds(&acme.latest_entry().await), expected);
    }
}

#[tokio::test]
async fn key_in_the_query_is_a_warning_on_unknown_routes() {
    let (server, acme) = start_server();
    for (method, path, status) in [("GET", "nothing", 404), ("PATCH", "ticket", 405)] {
        let path = format!("/api/v2/{path}?apiKey={ACME_KEY}");
        assert_eq!(
            JsonResponse::fetch(server.request_without_key(method, &path)).await.status,
            status
        );
        assert_eq!(warning_kinds(&acme.latest_entry().await), ["key-in-query"], "{method} {path}");
    }
}

#[tokio::test]
async fn retry_before_retry_after_elapses_is_a_warning() {
    let (server, acme) = start_server();
    let effect = json!({ "status": 503, "retry_after": "10s" });
    acme.add_fault(&json!({ "operation": "ticket.get", "first": 1, "effect": effect })).await;
    assert_eq!(get_ticket("/7").send(&server).await.status, 503);
    for (by, is_early) in [("0s", true), ("9s", true), ("1s", false), ("1h", false)] {
        acme.advance_clock(by).await;
        get_ticket("/7").send_ok(&server).await;
        let entry = acme.latest_entry().await;
        let expected: &[&str] = if is_early { &["early-retry"] } else { &[] };
        assert_eq!(warning_kinds(&entry), expected, "after {by}: {entry}");
    }
    assert_eq!(seq_numbers(&acme.entries(&[("warning", "early-retry")]).await), [2, 3]);
}

#[tokio::test]
async fn early_retry_after_a_rate_limit_is_a_warning() {
    let (server, acme) = start_server();
    let limits = json!({ "requests": 1, "per": "1m" });
    assert!(acme.send_control_json("PUT", "/rate-limits", &limits).await.status < 300);
    for (status, expected) in [(200, &[][..]), (429, &[]), (429, &["early-retry"])] {
        let reply = get_ticket("/7").send(&server).await;
        assert_eq!(reply.status, status, "{}", reply.body);
        let entry = acme.latest_entry().await;
        assert_eq!(warning_kinds(&entry), expected, "{entry}");
    }
    acme.advance_clock("1m").await;
    get_ticket("/7").send_ok(&server).await;
    assert_eq!(warning_kinds(&acme.latest_entry().await), [""; 0]);
}

#[tokio::test]
async fn number_of_warnings_per_entry_is_limited() {
    let (server, acme) = start_server();
    let query = (0..5_000).map(|index| format!("f{index}=1&")).collect::<Vec<_>>().concat();
    assert_eq!(server.get(&format!("/api/v2/ticket?{query}")).await.status, 200);
    let entry = acme.latest_entry().await;
    let count = expect_array(&entry["warnings"]).len();
    assert!((1..=100).contains(&count), "the entry has {count} warnings");
}

#[tokio::test]
async fn filters_and_verify_match_warning_kinds() {
    let (server, acme) = start_server();
    create_ticket(&[("titel", "x")]).send_ok(&server).await;
    batch_tickets(&[
        ("TicketIDs", "7"),
        ("actions[0][actionType]", "title"),
        ("actions[0][value]", "x"),
        ("why", "x"),
    ])
    .send_ok(&server)
    .await;
    for (kind, expected) in [
        ("unknown-field", &[1, 2][..]),
        ("no-documented-way", &[2]),
        ("any", &[1, 2]),
        ("none", &[]),
        ("early-retry", &[]),
    ] {
        assert_eq!(seq_numbers(&acme.entries(&[("warning", kind)]).await), expected, "{kind}");
        let pattern = json!({ "warning": kind, "count": { "exactly": expected.len() } });
        let verdict = acme.verify(&pattern).await;
        assert_eq!(verdict.status, 200, "{kind}: {}", verdict.body);
    }
}
