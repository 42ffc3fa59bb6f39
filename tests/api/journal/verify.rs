//! Verification of the number and the order of requests.

use serde_json::{Value, json};

use super::helpers::seq_numbers;
use super::ticket_requests::{create_ticket, get_ticket, set_status, update_ticket};
use crate::support::control::{Account, assert_problem, expect_array, expect_string};
use crate::support::seed::{
    SeededServer, acme_seed, serve_seed, serve_seed_with_args, ticket_fixture,
};

/// Starts an account with four requests: 1 to 3 solve ticket 7, request 4 gets it.
async fn start_with_four_requests() -> (SeededServer, Account) {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    for _ in 0..3 {
        solve_ticket("7").send_ok(&server).await;
    }
    get_ticket("/7").send_ok(&server).await;
    let acme = Account::acme(&server);
    (server, acme)
}

fn solve_ticket(id: &'static str) -> super::ticket_requests::TicketRequest {
    set_status(&[("status", "solved"), ("ticketIDs[]", id)])
}

fn with_member(pattern: &Value, name: &str, value: Value) -> Value {
    let mut all = pattern.clone();
    all[name] = value;
    all
}

#[rustfmt::skip]
fn count_cases() -> Vec<(Value, [bool; 3])> {
    // Whether the count holds for three requests, for one, and for none.
    vec![
        (json!({ "exactly": 3 }), [true, false, false]),
        (json!({ "exactly": 1 }), [false, true, false]),
        (json!({ "exactly": 0 }), [false, false, true]),
        (json!({ "at_least": 1 }), [true, true, false]),
        (json!({ "at_least": 2 }), [true, false, false]),
        (json!({ "at_least": 3 }), [true, false, false]),
        (json!({ "at_least": 4 }), [false, false, false]),
        (json!({ "at_least": 0 }), [true, true, true]),
        (json!({ "at_most": 3 }), [true, true, true]),
        (json!({ "at_most": 2 }), [false, true, true]),
        (json!({ "at_most": 0 }), [false, false, true]),
        (json!({ "at_least": 1, "at_most": 3 }), [true, true, false]),
        (json!({ "at_least": 2, "at_most": 2 }), [false, false, false]),
        (json!({ "at_least": 3, "at_most": 3 }), [true, false, false]),
        (json!({ "at_least": 4, "at_most": 9 }), [false, false, false]),
        (json!({ "never": true }), [false, false, true]),
    ]
}

/// Returns the highest count that still passes.
fn max_count(count: &Value) -> u64 {
    let max = count["exactly"].as_u64().or(count["at_most"].as_u64());
    max.unwrap_or(if count["never"] == true { 0 } else { u64::MAX })
}

fn pattern_cases() -> [(Value, Vec<u64>); 3] {
    [
        (
            json!({ "operation": "ticket.setStatus", "fields": { "status": "solved" } }),
            vec![1, 2, 3],
        ),
        (json!({ "operation": "get" }), vec![4]),
        (json!({ "operation": "ticket.delete" }), vec![]),
    ]
}

#[tokio::test]
async fn each_form_of_count_passes_or_fails() {
    let (_server, acme) = start_with_four_requests().await;
    let end = acme.cursor().await;
    for (count, holds) in count_cases() {
        for ((pattern, found), holds) in pattern_cases().iter().zip(holds) {
            let body = with_member(pattern, "count", count.clone());
            let verdict = acme.verify(&body).await;
            if holds {
                let expected = json!({ "count": found.len(), "requests": found, "cursor": end });
                assert_eq!((verdict.status, &verdict.body), (200, &expected), "{body}");
            } else {
                assert_problem(&verdict, 409, "verification-failed", &body.to_string());
                let misses = verdict.body["near_misses"].as_array().map_or(0, Vec::len);
                let too_few = found.len() as u64 <= max_count(&count);
                assert_eq!(misses > 0, too_few, "{body}: {}", verdict.body);
            }
        }
    }
}

#[tokio::test]
async fn default_count_is_at_least_one_and_empty_pattern_matches_any() {
    let (_server, acme) = start_with_four_requests().await;
    let all = acme.verify(&json!({})).await;
    assert_eq!(all.body["requests"], json!([1, 2, 3, 4]), "{}", all.body);
    for (pattern, found) in pattern_cases() {
        let verdict = acme.verify(&pattern).await;
        let expected = if found.is_empty() { 409 } else { 200 };
        assert_eq!(verdict.status, expected, "{pattern}: {}", verdict.body);
    }
}

#[tokio::test]
async fn verify_counts_only_requests_after_the_cursor() {
    let (server, acme) = start_with_four_requests().await;
    let second = expect_string(&acme.entries(&[]).await[1]["cursor"]);
    let solved = json!({ "operation": "setStatus", "since": second, "count": { "exactly": 1 } });
    let verdict = acme.verify(&solved).await;
    assert_eq!(verdict.body["requests"], json!([3]), "{}", verdict.body);
    let end = expect_string(&verdict.body["cursor"]);
    let any = json!({ "since": end });
    assert_problem(
        &acme.verify(&any).await,
        409,
        "verification-failed",
        "no request after the cursor",
    );
    get_ticket("/7").send_ok(&server).await;
    assert_eq!(acme.verify(&any).await.body["requests"], json!([5]));
    let order =
        json!({ "since": second, "order": [{ "operation": "get" }, { "operation": "get" }] });
    assert_eq!(acme.verify(&order).await.body["requests"], json!([4, 5]));
}

#[tokio::test]
async fn near_misses_list_the_differences_of_each_field() {
    let (_server, acme) = start_with_four_requests().await;
    let pattern = json!({
        "operation": "ticket.setStatus", "status": 400,
        "fields": { "status": "closed", "ticketIDs": ["7"] },
    });
    let verdict = acme.verify(&pattern).await;
    assert_problem(&verdict, 409, "verification-failed", "closed");
    let misses = expect_array(&verdict.body["near_misses"]);
    assert_eq!(misses[0]["operation"], "ticket.setStatus", "{misses:?}");
    let expected = json!([
        { "attribute": "status", "expected": "400", "actual": "200" },
        { "attribute": "field status", "expected": "\"closed\"", "actual": "\"solved\"" },
    ]);
    assert_eq!(misses[0]["differences"], expected, "{misses:?}");
    assert_eq!(seq_numbers(&misses), [1, 2, 3], "other operations are no near misses");
}

/// The expected order of operations, and the matching requests.
type OrderCase = (&'static [&'static str], Option<&'static [u64]>);

const ORDER_CASES: &[OrderCase] =
    &[(&["create", "update", "get"], Some(&[1, 3, 4])), (&["get", "create"], None)];

#[tokio::test]
async fn order_allows_requests_in_between_but_no_other_order() {
    let server = serve_seed(&acme_seed([]));
    let acme = Account::acme(&server);
    create_ticket(&[]).send_ok(&server).await;
    get_ticket("/1").send_ok(&server).await;
    update_ticket("/1", &[("title", "x")]).send_ok(&server).await;
    get_ticket("/1").send_ok(&server).await;
    for (order, expected) in ORDER_CASES {
        let patterns: Vec<Value> = order.iter().map(|name| json!({ "operation": name })).collect();
        let verdict = acme.verify(&json!({ "order": patterns })).await;
        match expected {
            Some(numbers) => {
                assert_eq!(verdict.status, 200, "{order:?}: {}", verdict.body);
                assert_eq!(verdict.body["requests"], json!(numbers), "{order:?}");
                assert_eq!(verdict.body["count"], numbers.len(), "{order:?}");
            }
            None => assert_problem(&verdict, 409, "verification-failed", &format!("{order:?}")),
        }
    }
}

#[tokio::test]
async fn order_compares_the_fields_of_each_pattern() {
    let server = serve_seed(&acme_seed([7, 8].map(ticket_fixture)));
    let acme = Account::acme(&server);
    for id in ["8", "7", "8"] {
        solve_ticket(id).send_ok(&server).await;
    }
    let solve_pattern =
        |id: &str| json!({ "operation": "setStatus", "fields": { "ticketIDs": id } });
    let verdict = acme.verify(&json!({ "order": [solve_pattern("7"), solve_pattern("8")] })).await;
    assert_eq!(verdict.body["requests"], json!([2, 3]), "{}", verdict.body);
    let verdict = acme.verify(&json!({ "order": [solve_pattern("7"), solve_pattern("7")] })).await;
    assert_problem(&verdict, 409, "verification-failed", "7 twice");
}

#[tokio::test]
async fn verify_reports_truncation_if_evicted_entries_could_matter() {
    let server = serve_seed_with_args(
        &acme_seed([ticket_fixture(7)]),
        &["--ephemeral", "--journal-entries", "5"],
    );
    let acme = Account::acme(&server);
    let start_cursor = acme.cursor().await;
    for _ in 0..6 {
        get_ticket("/7").send_ok(&server).await;
    }
    let late_cursor = acme.cursor().await;
    solve_ticket("7").send_ok(&server).await;
    let order = json!([{ "operation": "setStatus" }, { "operation": "get" }]);
    for (body, status) in [
        (json!({ "operation": "get" }), 200),
        (json!({ "operation": "get", "count": { "at_least": 4 } }), 200),
        (json!({ "operation": "get", "count": { "at_least": 5 } }), 0),
        (json!({ "operation": "get", "count": { "exactly": 4 } }), 0),
        (json!({ "operation": "get", "count": { "at_most": 4 } }), 0),
        (json!({ "operation": "get", "count": { "at_most": 3 } }), 409),
        (json!({ "operation": "get", "count": { "never": true } }), 409),
        (json!({ "operation": "create", "count": { "never": true } }), 0),
        (json!({ "operation": "create" }), 0),
        (json!({ "order": order }), 0),
        (json!({ "order": [{ "operation": "get" }, { "operation": "setStatus" }] }), 200),
        (json!({ "operation": "create", "count": { "never": true }, "since": late_cursor }), 200),
        (json!({ "operation": "get", "since": late_cursor }), 409),
        (json!({ "operation": "create", "since": start_cursor }), 0),
    ] {
        let verdict = acme.verify(&body).await;
        match status {
            200 => assert_eq!(verdict.status, 200, "{body}: {}", verdict.body),
            409 => assert_problem(&verdict, 409, "verification-failed", &body.to_string()),
            _ => assert_problem(&verdict, 409, "journal-truncated", &body.to_string()),
        }
    }
}

#[tokio::test]
async fn misplaced_member_of_count_is_named() {
    let (_server, acme) = start_with_four_requests().await;
    for member in ["exactly", "at_least", "at_most", "never"] {
        let verdict = acme.verify(&json!({ "operation": "get", member: 1 })).await;
        assert_problem(&verdict, 400, "invalid-request", member);
        let omitted = acme.verify(&json!({ "operation": "get", member: null })).await;
        assert_eq!(omitted.status, 200, "{member}: {}", omitted.body);
        let expected = format!("{member} is a member of count: {{\"count\": {{\"{member}\": …}}}}");
        assert!(
            verdict.body["detail"].to_string().contains(&expected.replace('"', "\\\"")),
            "{verdict:?}"
        );
    }
}

#[tokio::test]
async fn failed_verification_names_the_fault_of_each_request() {
    let (_server, acme) = start_with_four_requests().await;
    acme.add_fault(&json!({ "operation": "get", "first": 1, "effect": { "truncate": 5 } })).await;
    for _ in 0..2 {
        let _ = acme.client.request("GET", "/api/v2/ticket/7").send().await;
    }
    let verdict = acme.verify(&json!({ "operation": "get", "count": { "exactly": 1 } })).await;
    assert_problem(&verdict, 409, "verification-failed", "two reads");
    let detail = expect_string(&verdict.body["detail"]);
    assert_eq!(detail.matches(", fault 1: truncate").count(), 1, "{detail}");
}
