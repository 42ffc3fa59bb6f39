//! The life of a rule: as it was sent, listed, removed, gone with a reset, and nobody else's.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::wire::exchange_until_close;
use super::{
    TICKET_PATH, TICKETS_PATH, add_fault, build_raw_form, build_raw_get, clear_faults,
    count_tickets, create_ticket, fault_counts, list_faults, start_with_account, start_with_ticket,
};
use crate::control_client::{Account, assert_problem};
use crate::fixtures::NEW_TICKET_FORM;
use crate::support::Server;

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
        json!({ "operation": "ticket.update", "fields": { "title": { "matches": "^Print" }, "ticketID": 7 }, "first": 1, "effect": { "reset": true } }),
        json!({ "every": 3, "ttl": { "requests": 10 }, "effect": { "status": 429, "message": "Slow down.", "retry_after": "10s" } }),
        json!({ "after": 2, "ttl": { "time": "30s" }, "effect": { "delay": "2s", "when": "after" } }),
        json!({ "sequence": [{ "cut": 20 }, null, { "garbage": true }, { "drip": "100ms" }] }),
        json!({ "preset": "flaky" }),
        json!({ "preset": "slow", "first": 2 }),
        json!({ "effect": { "hang": "30s" } }),
        json!({ "effect": { "lose_answer": "hang" } }),
        json!({ "effect": { "lose_answer": 503 } }),
    ]
}

#[tokio::test]
async fn rule_is_shown_as_it_was_sent() {
    let (_server, account) = start_with_account().await;
    let mut made = Vec::new();
    for rule in sample_rules() {
        let shown = add_fault(&account, &rule).await;
        let id = shown["id"].as_u64().expect("an id");
        assert!(id > 0 && made.iter().all(|other: &Value| other["id"] != id), "{shown}");
        let mut expected = rule;
        for (name, value) in [("id", id), ("seen", 0), ("applied", 0)] {
            expected[name] = value.into();
        }
        assert_eq!(shown, expected);
        made.push(shown);
    }
    assert_eq!(list_faults(&account).await, made, "the oldest first");
    assert_eq!(list_faults(&account.with_self_alias()).await, made);
}

#[tokio::test]
async fn removed_rule_no_longer_applies() {
    let (_server, account) = start_with_account().await;
    let one = add_fault(&account, &json!({ "effect": { "status": 500 } })).await;
    let two = add_fault(&account, &unavailable_rule()).await;
    assert_eq!(account.client.get(TICKETS_PATH).await.status, 500);
    let path = |fault: &Value| format!("/faults/{}", fault["id"]);
    assert_eq!(account.send_control("DELETE", &path(&one)).await.status, 204);
    assert!(is_unavailable(&account).await);
    assert_problem(
        &account.send_control("DELETE", &path(&one)).await,
        404,
        "unknown-fault",
        "again",
    );
    assert_problem(
        &account.send_control("DELETE", "/faults/999").await,
        404,
        "unknown-fault",
        "another",
    );
    let shown = list_faults(&account).await;
    assert_eq!((shown.len(), &shown[0]["id"]), (1, &two["id"]), "{shown:?}");
    let third = add_fault(&account, &unavailable_rule()).await;
    assert_ne!(third["id"], one["id"], "an id is given once");
    clear_faults(&account).await;
    assert!(!is_unavailable(&account).await);
    assert_eq!(list_faults(&account).await, Vec::<Value>::new());
    clear_faults(&account).await;
    let fourth = add_fault(&account, &unavailable_rule()).await;
    assert!([one, two, third].iter().all(|other| other["id"] != fourth["id"]));
}

#[tokio::test]
async fn reset_and_restore_remove_all_rules() {
    let (_server, account) = start_with_ticket().await;
    assert_eq!(account.send_control("PUT", "/snapshots/one").await.status, 201);
    let limit = json!({ "requests": 1000, "per": "1m" });
    for path in ["/snapshots/one/restore", "/reset"] {
        add_fault(&account, &unavailable_rule()).await;
        assert!(
            (200..=204).contains(&account.send_control_json("PUT", "/limits", &limit).await.status)
        );
        assert!(is_unavailable(&account).await);
        assert_eq!(account.send_control("PUT", "/snapshots/two").await.status / 100, 2);
        assert!(is_unavailable(&account).await, "to take a snapshot changes nothing");
        assert_eq!(account.send_control("POST", path).await.status, 204);
        assert_eq!(list_faults(&account).await, Vec::<Value>::new(), "{path}");
        assert!(!is_unavailable(&account).await, "{path}");
        assert_eq!(account.send_control("GET", "/limits").await.body, json!({}), "{path}");
    }
    assert_eq!(account.send_control("POST", "/snapshots/two/restore").await.status, 204);
    assert!(!is_unavailable(&account).await, "a snapshot holds no rules");
}

#[tokio::test]
async fn account_has_at_most_100_rules() {
    let (_server, account) = start_with_account().await;
    for _ in 0..100 {
        add_fault(&account, &json!({ "every": 1_000, "effect": { "status": 500 } })).await;
    }
    let full = account.send_control_json("POST", "/faults", &unavailable_rule()).await;
    assert_problem(&full, 409, "too-many", "the 101st");
    assert!(full.body["detail"].as_str().is_some_and(|detail| detail.contains("100")));
    let shown = list_faults(&account).await;
    assert_eq!(shown.len(), 100);
    assert!(!is_unavailable(&account).await);
    let path = format!("/faults/{}", shown[50]["id"]);
    assert_eq!(account.send_control("DELETE", &path).await.status, 204);
    add_fault(&account, &unavailable_rule()).await;
    assert!(is_unavailable(&account).await);
}

#[tokio::test]
async fn account_copy_has_no_rules() {
    let (server, account) = start_with_ticket().await;
    add_fault(&account, &unavailable_rule()).await;
    let from = json!({ "from": format!("account:{}", account.name) });
    let copy = Account::create(&server, &from).await;
    assert_eq!(list_faults(&copy).await, Vec::<Value>::new());
    assert!(!is_unavailable(&copy).await);
}

/// Makes an account whose every so-and-so-manieth request meets a status of its own; gives all statuses.
async fn collect_statuses_under_rule(server: &Server, number: u16) -> Vec<u16> {
    let account = Account::create(server, &json!({})).await;
    if number > 0 {
        let effect = json!({ "status": 500 + number });
        add_fault(&account, &json!({ "every": number, "effect": effect })).await;
    }
    let mut met = Vec::new();
    for _ in 0..24 {
        met.push(account.client.send_form("POST", TICKETS_PATH, NEW_TICKET_FORM).await.status);
    }
    let passed = met.iter().filter(|status| **status == 200).count() as u64;
    assert_eq!(count_tickets(&account).await, passed);
    let expected: &[(u64, u64)] = &[(24, 24 - passed)];
    assert_eq!(fault_counts(&account).await, if number == 0 { &[] } else { expected });
    met
}

#[tokio::test]
async fn concurrent_accounts_apply_only_their_own_rules() {
    let server = Server::start();
    let all = join_all((0..8).map(|number| collect_statuses_under_rule(&server, number))).await;
    for (number, met) in (0..).zip(all) {
        let status =
            |at: u16| if number > 0 && at.is_multiple_of(number) { 500 + number } else { 200 };
        let expected: Vec<u16> = (1..=24).map(status).collect();
        assert_eq!(met, expected, "account {number}");
    }
}

#[tokio::test]
async fn rule_changes_do_not_affect_other_accounts() {
    let (server, one) = start_with_account().await;
    let other = Account::create(&server, &json!({})).await;
    add_fault(&other, &json!({ "every": 1_000, "effect": { "reset": true } })).await;
    let kept = add_fault(&other, &unavailable_rule()).await;
    add_fault(&one, &unavailable_rule()).await;
    let path = format!("/faults/{}", kept["id"]);
    assert_problem(
        &one.send_control("DELETE", &path).await,
        404,
        "unknown-fault",
        "an id of another",
    );
    clear_faults(&one).await;
    assert!(is_unavailable(&other).await);
    add_fault(&one, &unavailable_rule()).await;
    assert_eq!(one.send_control("POST", "/reset").await.status, 204);
    assert!(is_unavailable(&other).await);
    assert_eq!(one.send_control("DELETE", "").await.status, 204);
    assert!(is_unavailable(&other).await);
    assert_eq!(fault_counts(&other).await, [(3, 0), (3, 3)]);
}

/// What each of some requests meets: the status and body, or the end of the connection.
async fn run_fault_scenario(server: &Server) -> Vec<String> {
    let account = Account::create(server, &json!({})).await;
    super::freeze_clock(&account).await;
    let error = json!({ "status": 500 });
    for rule in [
        json!({ "preset": "lost-replies", "operation": "ticket.create" }),
        json!({ "fields": { "title": "Printer" }, "sequence": [null, error, null, { "garbage": true }] }),
        json!({ "preset": "flaky" }),
        json!({ "after": 9, "ttl": { "requests": 12 }, "effect": { "cut": 30 } }),
    ] {
        add_fault(&account, &rule).await;
    }
    let mut all = Vec::new();
    for round in 0..24 {
        let request_bytes = match round % 4 {
            0 | 1 => build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM),
            2 => build_raw_get(&account, TICKET_PATH),
            _ => build_raw_form(&account, "PUT", TICKET_PATH, &format!("title=round-{round}")),
        };
        let heard = exchange_until_close(&server.base_url, &request_bytes).await;
        let status = if heard.text.is_empty() { 0 } else { heard.status() };
        all.push(format!("{status} {:?} {}", heard.read_error, heard.body()));
    }
    all.push(format!("{:?}", list_faults(&account).await));
    all.push(account.export().await["tickets"].to_string());
    all
}

#[tokio::test]
async fn same_requests_meet_the_same_faults() {
    let (one, other) = (Server::start(), Server::start());
    let first = run_fault_scenario(&one).await;
    assert!(first.iter().any(|met| met.starts_with("500")), "{first:#?}");
    assert!(first.iter().any(|met| met.starts_with('0')), "{first:#?}");
    let (again, elsewhere) = tokio::join!(run_fault_scenario(&one), run_fault_scenario(&other));
    // The tickets tell the address of their server.
    let plain = |story: &[String], server: &Server| -> Vec<String> {
        story.iter().map(|met| met.replace(&server.base_url, "")).collect()
    };
    assert_eq!(again, first);
    assert_eq!(plain(&elsewhere, &other), plain(&first, &one));
}

#[tokio::test]
async fn rules_apply_only_to_the_ticket_api() {
    let (_server, account) = start_with_account().await;
    add_fault(&account, &json!({ "effect": { "reset": true } })).await;
    let account = account.with_self_alias();
    for path in ["", "/faults", "/clock", "/requests", "/export"] {
        assert_eq!(account.send_control("GET", path).await.status, 200, "{path}");
    }
    assert_eq!(fault_counts(&account).await, [(0, 0)]);
    clear_faults(&account).await;
    assert_eq!(create_ticket(&account).await.status, 200);
}
