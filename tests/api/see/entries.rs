//! What is in an entry of the journal: the parts of the request, of its answer, and of what came of it.

use jiff::Timestamp;
use serde_json::Value;

use super::asks::{create, documented, get};
use super::look::{kinds, list, numbers, text};
use crate::control::{Account, problem};
use crate::fixtures::{acme, serve, ticket};

const PARTS: [&str; 15] = [
    "at",
    "body",
    "changes",
    "cursor",
    "duration_ms",
    "fault",
    "fields",
    "key",
    "method",
    "operation",
    "path",
    "real_at",
    "seq",
    "status",
    "warnings",
];

/// Nothing is missing, and nothing else is there; it was asked after this moment.
fn is_whole(entry: &Value, before: Timestamp) {
    let mut names: Vec<&String> = entry.as_object().expect("an object").keys().collect();
    names.sort();
    assert_eq!(names, PARTS, "{entry}");
    assert_eq!(entry["at"], "2026-03-01T12:00:00Z", "{entry}");
    let real: Timestamp = text(&entry["real_at"]).parse().expect("a moment");
    assert!(before <= real && real <= Timestamp::now(), "the machine's time: {entry}");
    assert!(entry["duration_ms"].as_f64().is_some_and(|time| time >= 0.0), "{entry}");
    assert_eq!(entry["fault"], Value::Null, "{entry}");
}

#[tokio::test]
async fn every_operation_leaves_one_with_all_of_its_parts() {
    let server = serve(&acme([7, 8, 9].map(ticket)));
    let acme = Account::acme(&server);
    for (ask, number) in documented().iter().zip(1..) {
        let before = Timestamp::now();
        let reply = ask.done(&server).await;
        let entry = acme.newest().await;
        is_whole(&entry, before);
        assert_eq!(entry["seq"], number, "{entry}");
        assert_eq!(entry["operation"], ask.operation, "{entry}");
        assert_eq!(entry["method"], ask.method, "{entry}");
        assert_eq!(entry["path"], ask.whole_path(), "{entry}");
        assert_eq!(entry["key"], "ci", "{entry}");
        assert_eq!(entry["status"], 200, "{entry}");
        assert_eq!(entry["body"], reply.body, "{entry}");
        assert_eq!(list(&entry["changes"]).is_empty(), ask.is_read(), "{entry}");
        let expected: &[&str] = if ask.is_chosen() { &["chosen-rule"] } else { &[] };
        let mut kinds = kinds(&entry);
        kinds.dedup();
        assert_eq!(kinds, expected, "{entry}");
    }
    let all = acme.entries(&[]).await;
    assert_eq!(numbers(&all), (1..=11).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_is_the_same_alone_and_in_the_list() {
    let server = serve(&acme([7, 8, 9].map(ticket)));
    let acme = Account::acme(&server);
    for ask in documented() {
        ask.done(&server).await;
    }
    for entry in acme.entries(&[]).await {
        let alone = acme.control("GET", &format!("/requests/{}", entry["seq"])).await;
        assert_eq!((alone.status, &alone.body), (200, &entry));
    }
    for (number, status, kind) in [
        ("0", 404, "unknown-request"),
        ("12", 404, "unknown-request"),
        ("18446744073709551615", 404, "unknown-request"),
        ("-1", 400, "invalid"),
        ("first", 400, "invalid"),
    ] {
        let unknown = acme.control("GET", &format!("/requests/{number}")).await;
        problem(&unknown, status, kind, number);
    }
}

#[tokio::test]
async fn the_journal_is_reached_through_self_as_well() {
    let server = serve(&acme([ticket(7)]));
    get("/7").done(&server).await;
    let by_name = Account::acme(&server);
    let by_key = Account::acme(&server).through_its_key();
    assert_eq!(by_key.journal(&[]).await, by_name.journal(&[]).await);
    assert_eq!(by_key.entries(&[]).await.len(), 1, "looking at it leaves nothing in it");
}

#[tokio::test]
async fn a_large_answer_is_left_out_and_says_so() {
    let server = serve(&acme((1..=200).map(ticket)));
    let acme = Account::acme(&server);
    server.get("/api/v2/ticket?itemLimit=200").await;
    let entry = acme.newest().await;
    assert_eq!(entry["body"], Value::Null, "{entry}");
    assert_eq!(entry["body_left_out"], true, "{entry}");
    assert_eq!(entry["status"], 200, "{entry}");
    server.get("/api/v2/ticket?itemLimit=2").await;
    let entry = acme.newest().await;
    assert_eq!(list(&entry["body"]["items"]).len(), 2, "{entry}");
    assert_ne!(entry["body_left_out"], true, "{entry}");
}

#[tokio::test]
async fn very_large_fields_are_left_out_and_say_so() {
    let server = serve(&acme([]));
    let acme = Account::acme(&server);
    let body = format!("title={}", "x".repeat(300_000));
    assert_eq!(server.form("POST", "/api/v2/ticket", &body).await.status, 400);
    let entry = acme.newest().await;
    assert_eq!(entry["fields"], serde_json::json!({}), "{entry}");
    assert_eq!(entry["fields_left_out"], true, "{entry}");
    create(&[]).done(&server).await;
    let entry = acme.newest().await;
    assert_ne!(entry["fields_left_out"], true, "{entry}");
}

#[tokio::test]
async fn the_time_is_that_of_the_clock_when_it_was_asked() {
    let server = serve(&acme([ticket(7)]));
    let acme = Account::acme(&server);
    for by in ["0s", "90s", "1d"] {
        acme.advance(by).await;
        get("/7").done(&server).await;
    }
    let entries = acme.entries(&[]).await;
    let times: Vec<&Value> = entries.iter().map(|entry| &entry["at"]).collect();
    let expected = ["2026-03-01T12:00:00Z", "2026-03-01T12:01:30Z", "2026-03-02T12:01:30Z"];
    assert_eq!(times, expected);
}
