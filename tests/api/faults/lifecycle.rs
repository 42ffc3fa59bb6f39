//! Lifecycle of a rule: add, list, remove, reset; isolation between accounts.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{TICKET_PATH, build_raw_form, build_raw_get, start_with_ticket};
use crate::support::control::{Account, assert_problem, start_with_account};
use crate::support::raw::transcribe;
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FORM, TICKETS_PATH, post_ticket};

fn unavailable_rule() -> Value {
    json!({ "effect": { "status": 503 } })
}

async fn is_unavailable(account: &Account) -> bool {
    account.client.get(TICKETS_PATH).await.status == 503
}

#[rustfmt::skip]
fn sample_rules() -> Vec<Value> {
    vec![
        unavailable_rule(),
        json!({ "operation": "ticket.update", "fields": { "title": { "matches": "^Print" }, "ticketID": 7 }, "first": 1, "effect": { "reset_connection": true } }),
        json!({ "every": 3, "ttl": { "requests": 10 }, "effect": { "status": 429, "message": "Slow down.", "retry_after": "10s" } }),
        json!({ "after": 2, "ttl": { "time": "30s" }, "effect": { "delay": "2s", "when": "after" } }),
        json!({ "sequence": [{ "truncate": 20 }, null, { "malformed": true }, { "dribble": "100ms" }] }),
        json!({ "preset": "flaky" }),
        json!({ "preset": "slow", "first": 2 }),
        json!({ "effect": { "hang": "30s" } }),
        json!({ "effect": { "drop_response": "hang" } }),
        json!({ "effect": { "drop_response": 503 } }),
    ]
}

#[tokio::test]
async fn rule_is_shown_as_it_was_sent() {
    let (_server, account) = start_with_account().await;
    let mut added = Vec::new();
    for rule in sample_rules() {
        let rule_shown = account.add_fault(&rule).await;
        let id = rule_shown["id"].as_u64().expect("the rule has an ID");
        assert!(id > 0 && added.iter().all(|other: &Value| other["id"] != id), "{rule_shown}");
        let mut expected = rule;
        for (name, value) in [("id", id), ("matched", 0), ("applied", 0)] {
            expected[name] = value.into();
        }
        assert_eq!(rule_shown, expected);
        added.push(rule_shown);
    }
    assert_eq!(account.list_faults().await, added, "rules are listed in order of creation");
    assert_eq!(account.with_self_alias().list_faults().await, added);
}

#[tokio::test]
async fn removed_rule_no_longer_applies() {
    let (_server, account) = start_with_account().await;
    let first = account.add_fault(&json!({ "effect": { "status": 500 } })).await;
    let second = account.add_fault(&unavailable_rule()).await;
    assert_eq!(account.client.get(TICKETS_PATH).await.status, 500);
    let path = |fault: &Value| format!("/faults/{}", fault["id"]);
    assert_eq!(account.send_control("DELETE", &path(&first)).await.status, 204);
    assert!(is_unavailable(&account).await);
    assert_problem(
        &account.send_control("DELETE", &path(&first)).await,
        404,
        "unknown-fault",
        "a second removal",
    );
    assert_problem(
        &account.send_control("DELETE", "/faults/999").await,
        404,
        "unknown-fault",
        "an unknown ID",
    );
    let remaining = account.list_faults().await;
    assert_eq!((remaining.len(), &remaining[0]["id"]), (1, &second["id"]), "{remaining:?}");
    let third = account.add_fault(&unavailable_rule()).await;
    assert_ne!(third["id"], first["id"], "IDs are not reused");
    account.clear_faults().await;
    assert!(!is_unavailable(&account).await);
    assert_eq!(account.list_faults().await, Vec::<Value>::new());
    account.clear_faults().await;
    let fourth = account.add_fault(&unavailable_rule()).await;
    assert!([first, second, third].iter().all(|other| other["id"] != fourth["id"]));
}

#[tokio::test]
async fn reset_and_restore_remove_all_rules() {
    let (_server, account) = start_with_ticket().await;
    assert_eq!(account.send_control("PUT", "/snapshots/one").await.status, 201);
    let limit = json!({ "requests": 1000, "per": "1m" });
    for path in ["/snapshots/one/restore", "/reset"] {
        account.add_fault(&unavailable_rule()).await;
        assert!(
            (200..=204)
                .contains(&account.send_control_json("PUT", "/rate-limits", &limit).await.status)
        );
        assert!(is_unavailable(&account).await);
        assert_eq!(account.send_control("PUT", "/snapshots/two").await.status / 100, 2);
        assert!(is_unavailable(&account).await, "a new snapshot keeps the rules");
        assert_eq!(account.send_control("POST", path).await.status, 204);
        assert_eq!(account.list_faults().await, Vec::<Value>::new(), "{path}");
        assert!(!is_unavailable(&account).await, "{path}");
        assert_eq!(account.send_control("GET", "/rate-limits").await.body, json!({}), "{path}");
    }
    assert_eq!(account.send_control("POST", "/snapshots/two/restore").await.status, 204);
    assert!(!is_unavailable(&account).await, "a snapshot contains no rules");
}

#[tokio::test]
async fn account_has_at_most_100_rules() {
    let (_server, account) = start_with_account().await;
    for _ in 0..100 {
        account.add_fault(&json!({ "every": 1_000, "effect": { "status": 500 } })).await;
    }
    let rejected = account.send_control_json("POST", "/faults", &unavailable_rule()).await;
    assert_problem(&rejected, 409, "limit-reached", "the 101st rule");
    assert!(rejected.body["detail"].as_str().is_some_and(|detail| detail.contains("100")));
    let rules = account.list_faults().await;
    assert_eq!(rules.len(), 100);
    assert!(!is_unavailable(&account).await);
    let path = format!("/faults/{}", rules[50]["id"]);
    assert_eq!(account.send_control("DELETE", &path).await.status, 204);
    account.add_fault(&unavailable_rule()).await;
    assert!(is_unavailable(&account).await);
}

#[tokio::test]
async fn account_copy_has_no_rules() {
    let (server, account) = start_with_ticket().await;
    account.add_fault(&unavailable_rule()).await;
    let from = json!({ "from": format!("account:{}", account.name) });
    let copy = Account::create(&server, &from).await;
    assert_eq!(copy.list_faults().await, Vec::<Value>::new());
    assert!(!is_unavailable(&copy).await);
}

/// Creates an account with a rule that fails every `number`th request; returns the statuses of 24 requests.
async fn collect_statuses_under_rule(server: &Server, number: u16) -> Vec<u16> {
    let account = Account::create(server, &json!({})).await;
    if number > 0 {
        let effect = json!({ "status": 500 + number });
        account.add_fault(&json!({ "every": number, "effect": effect })).await;
    }
    let mut statuses = Vec::new();
    for _ in 0..24 {
        statuses.push(account.client.send_form("POST", TICKETS_PATH, NEW_TICKET_FORM).await.status);
    }
    let passed = statuses.iter().filter(|status| **status == 200).count() as u64;
    assert_eq!(account.count_tickets().await, passed);
    let expected: &[(u64, u64)] = &[(24, 24 - passed)];
    assert_eq!(account.fault_counts().await, if number == 0 { &[] } else { expected });
    statuses
}

#[tokio::test]
async fn concurrent_accounts_apply_only_their_own_rules() {
    let server = Server::start();
    let all = join_all((0..8).map(|number| collect_statuses_under_rule(&server, number))).await;
    for (number, statuses) in (0..).zip(all) {
        let status = |index: u16| {
            if number > 0 && index.is_multiple_of(number) { 500 + number } else { 200 }
        };
        let expected: Vec<u16> = (1..=24).map(status).collect();
        assert_eq!(statuses, expected, "account {number}");
    }
}

#[tokio::test]
async fn rule_changes_do_not_affect_other_accounts() {
    let (server, account) = start_with_account().await;
    let other = Account::create(&server, &json!({})).await;
    other.add_fault(&json!({ "every": 1_000, "effect": { "reset_connection": true } })).await;
    let rule = other.add_fault(&unavailable_rule()).await;
    account.add_fault(&unavailable_rule()).await;
    let path = format!("/faults/{}", rule["id"]);
    assert_problem(
        &account.send_control("DELETE", &path).await,
        404,
        "unknown-fault",
        "the ID of another account's rule",
    );
    account.clear_faults().await;
    assert!(is_unavailable(&other).await);
    account.add_fault(&unavailable_rule()).await;
    assert_eq!(account.send_control("POST", "/reset").await.status, 204);
    assert!(is_unavailable(&other).await);
    assert_eq!(account.send_control("DELETE", "").await.status, 204);
    assert!(is_unavailable(&other).await);
    assert_eq!(other.fault_counts().await, [(3, 0), (3, 3)]);
}

/// Runs a fixed scenario; returns the status, read error and body of each request, and the final state.
async fn run_fault_scenario(server: &Server) -> Vec<String> {
    let account = Account::create(server, &json!({})).await;
    account.freeze_clock(super::NOON).await;
    let error = json!({ "status": 500 });
    for rule in [
        json!({ "preset": "dropped-responses", "operation": "ticket.create" }),
        json!({ "fields": { "title": "Printer" }, "sequence": [null, error, null, { "malformed": true }] }),
        json!({ "preset": "flaky" }),
        json!({ "after": 9, "ttl": { "requests": 12 }, "effect": { "truncate": 30 } }),
    ] {
        account.add_fault(&rule).await;
    }
    let mut outcomes = Vec::new();
    for round in 0..24 {
        let request_bytes = match round % 4 {
            0 | 1 => build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM),
            2 => build_raw_get(&account, TICKET_PATH),
            _ => build_raw_form(&account, "PUT", TICKET_PATH, &format!("title=round-{round}")),
        };
        let transcript = transcribe(&server.base_url, &request_bytes).await;
        let status = if transcript.is_empty() { 0 } else { transcript.status() };
        outcomes.push(format!("{status} {:?} {}", transcript.read_error, transcript.body()));
    }
    outcomes.push(format!("{:?}", account.list_faults().await));
    outcomes.push(account.export().await["tickets"].to_string());
    outcomes
}

#[tokio::test]
async fn same_requests_get_the_same_faults() {
    let (server, other_server) = (Server::start(), Server::start());
    let first = run_fault_scenario(&server).await;
    assert!(first.iter().any(|outcome| outcome.starts_with("500")), "{first:#?}");
    assert!(first.iter().any(|outcome| outcome.starts_with('0')), "{first:#?}");
    let (second, on_other_server) =
        tokio::join!(run_fault_scenario(&server), run_fault_scenario(&other_server));
    // Tickets contain the base URL of their server.
    let without_base_url = |outcomes: &[String], server: &Server| -> Vec<String> {
        outcomes.iter().map(|outcome| outcome.replace(&server.base_url, "")).collect()
    };
    assert_eq!(second, first);
    assert_eq!(
        without_base_url(&on_other_server, &other_server),
        without_base_url(&first, &server)
    );
}

#[tokio::test]
async fn rules_apply_only_to_the_ticket_api() {
    let (_server, account) = start_with_account().await;
    account.add_fault(&json!({ "effect": { "reset_connection": true } })).await;
    let account = account.with_self_alias();
    for path in ["", "/faults", "/clock", "/requests", "/export"] {
        assert_eq!(account.send_control("GET", path).await.status, 200, "{path}");
    }
    assert_eq!(account.fault_counts().await, [(0, 0)]);
    account.clear_faults().await;
    assert_eq!(post_ticket(&account.client).await.status, 200);
}
