//! Fields of a journal entry: the request, its response and its effects.

use jiff::Timestamp;
use serde_json::Value;

use super::helpers::{seq_numbers, warning_kinds};
use super::ticket_requests::{create_ticket, documented_requests, get_ticket};
use crate::support::control::{Account, assert_problem, expect_array, expect_string};
use crate::support::seed::{acme_seed, serve_seed, ticket_fixture};

const ENTRY_FIELDS: [&str; 18] = [
    "at",
    "changes",
    "cursor",
    "duration_ms",
    "fault",
    "fields",
    "headers",
    "key",
    "method",
    "operation",
    "path",
    "query",
    "real_at",
    "response_body",
    "response_headers",
    "seq",
    "status",
    "warnings",
];

/// Checks that the entry has exactly the expected fields and was recorded after `earliest`.
fn assert_entry_is_complete(entry: &Value, earliest: Timestamp) {
    let mut names: Vec<&String> = entry.as_object().expect("an object").keys().collect();
    names.sort();
    assert_eq!(names, ENTRY_FIELDS, "{entry}");
    assert_eq!(entry["at"], "2026-03-01T12:00:00Z", "{entry}");
    let real_at: Timestamp =
        expect_string(&entry["real_at"]).parse().expect("real_at is a timestamp");
    assert!(
        earliest <= real_at && real_at <= Timestamp::now(),
        "real_at is the system time: {entry}"
    );
    assert!(entry["duration_ms"].as_f64().is_some_and(|ms| ms >= 0.0), "{entry}");
    assert_eq!(entry["fault"], Value::Null, "{entry}");
}

#[tokio::test]
async fn each_operation_records_a_complete_entry() {
    let server = serve_seed(&acme_seed([7, 8, 9].map(ticket_fixture)));
    let acme = Account::acme(&server);
    for (request, number) in documented_requests().iter().zip(1..) {
        let before = Timestamp::now();
        let reply = request.send_ok(&server).await;
        let entry = acme.latest_entry().await;
        assert_entry_is_complete(&entry, before);
        assert_eq!(entry["seq"], number, "{entry}");
        assert_eq!(entry["operation"], request.operation, "{entry}");
        assert_eq!(entry["method"], request.method, "{entry}");
        assert_eq!(entry["path"], request.url_path(), "{entry}");
        assert_eq!(entry["key"], "ci", "{entry}");
        assert_eq!(entry["status"], 200, "{entry}");
        assert_eq!(entry["response_body"], reply.body, "{entry}");
        assert_eq!(expect_array(&entry["changes"]).is_empty(), request.is_read(), "{entry}");
        let expected: &[&str] =
            if request.has_no_documented_way() { &["no-documented-way"] } else { &[] };
        let mut kinds = warning_kinds(&entry);
        kinds.dedup();
        assert_eq!(kinds, expected, "{entry}");
    }
    let all = acme.entries(&[]).await;
    assert_eq!(seq_numbers(&all), (1..=11).collect::<Vec<_>>());
}

#[tokio::test]
async fn entry_is_the_same_alone_and_in_the_list() {
    let server = serve_seed(&acme_seed([7, 8, 9].map(ticket_fixture)));
    let acme = Account::acme(&server);
    for request in documented_requests() {
        request.send_ok(&server).await;
    }
    for entry in acme.entries(&[]).await {
        let single = acme.send_control("GET", &format!("/requests/{}", entry["seq"])).await;
        assert_eq!((single.status, &single.body), (200, &entry));
    }
    for (number, status, kind) in [
        ("0", 404, "unknown-request"),
        ("12", 404, "unknown-request"),
        ("18446744073709551615", 404, "unknown-request"),
        ("-1", 400, "invalid-request"),
        ("first", 400, "invalid-request"),
    ] {
        let unknown = acme.send_control("GET", &format!("/requests/{number}")).await;
        assert_problem(&unknown, status, kind, number);
    }
}

#[tokio::test]
async fn journal_is_reachable_through_self() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    get_ticket("/7").send_ok(&server).await;
    let by_name = Account::acme(&server);
    let by_key = Account::acme(&server).with_self_alias();
    assert_eq!(by_key.journal(&[]).await, by_name.journal(&[]).await);
    assert_eq!(by_key.entries(&[]).await.len(), 1, "reading the journal records no entry");
}

#[tokio::test]
async fn large_response_body_is_omitted_with_a_marker() {
    let server = serve_seed(&acme_seed((1..=200).map(ticket_fixture)));
    let acme = Account::acme(&server);
    server.get("/api/v2/ticket?itemLimit=200").await;
    let entry = acme.latest_entry().await;
    assert_eq!(entry["response_body"], Value::Null, "{entry}");
    assert_eq!(entry["response_body_omitted"], true, "{entry}");
    assert_eq!(entry["status"], 200, "{entry}");
    server.get("/api/v2/ticket?itemLimit=2").await;
    let entry = acme.latest_entry().await;
    assert_eq!(expect_array(&entry["response_body"]["items"]).len(), 2, "{entry}");
    assert_ne!(entry["response_body_omitted"], true, "{entry}");
}

#[tokio::test]
async fn very_large_fields_are_omitted_with_a_marker() {
    let server = serve_seed(&acme_seed([]));
    let acme = Account::acme(&server);
    let body = format!("title={}", "x".repeat(300_000));
    assert_eq!(server.send_form("POST", "/api/v2/ticket", &body).await.status, 400);
    let entry = acme.latest_entry().await;
    assert_eq!(entry["fields"], serde_json::json!({}), "{entry}");
    assert_eq!(entry["fields_omitted"], true, "{entry}");
    create_ticket(&[]).send_ok(&server).await;
    let entry = acme.latest_entry().await;
    assert_ne!(entry["fields_omitted"], true, "{entry}");
}

#[tokio::test]
async fn entry_time_comes_from_the_account_clock() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    for by in ["0s", "90s", "1d"] {
        acme.advance_clock(by).await;
        get_ticket("/7").send_ok(&server).await;
    }
    let entries = acme.entries(&[]).await;
    let times: Vec<&Value> = entries.iter().map(|entry| &entry["at"]).collect();
    let expected = ["2026-03-01T12:00:00Z", "2026-03-01T12:01:30Z", "2026-03-02T12:01:30Z"];
    assert_eq!(times, expected);
}
