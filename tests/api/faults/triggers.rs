//! Triggers: which of the matching requests get the effect (first, every, after, sequence, TTL).

use serde_json::{Value, json};

use super::{TICKET_PATH, start_with_ticket};
use crate::support::control::{Account, start_with_account};
use crate::support::ticket::TICKETS_PATH;

/// Sends `count` requests and returns their statuses.
async fn collect_statuses(account: &Account, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(account.client.get(TICKETS_PATH).await.status);
    }
    statuses
}

/// Returns `x` for each request that gets 503, and `.` for each that gets 200.
async fn collect_fault_pattern(account: &Account, count: usize) -> String {
    let mark = |status| match status {
        200 => '.',
        503 => 'x',
        other => panic!("expected 200 or 503, not {other}"),
    };
    collect_statuses(account, count).await.into_iter().map(mark).collect()
}

fn with_503_effect(trigger: &Value) -> Value {
    let mut rule = trigger.clone();
    rule["effect"] = json!({ "status": 503 });
    rule
}

fn trigger_cases() -> Vec<(Value, &'static str)> {
    vec![
        (json!({}), "xxxxxxxxxx"),
        (json!({ "first": 3 }), "xxx......."),
        (json!({ "every": 3 }), "..x..x..x."),
        (json!({ "after": 4 }), "....xxxxxx"),
        (json!({ "every": 2, "ttl": { "requests": 5 } }), ".x.x......"),
    ]
}

#[tokio::test]
async fn each_trigger_selects_its_requests() {
    let (_server, account) = start_with_account().await;
    for (trigger, expected) in trigger_cases() {
        account.add_fault(&with_503_effect(&trigger)).await;
        assert_eq!(collect_fault_pattern(&account, 10).await, expected, "{trigger}");
        let expected_counts: Vec<(u64, u64)> = match trigger["ttl"]["requests"].as_u64() {
            Some(_) => vec![],
            None => vec![(10, expected.matches('x').count() as u64)],
        };
        assert_eq!(account.fault_counts().await, expected_counts, "{trigger}");
        account.clear_faults().await;
    }
}

#[tokio::test]
async fn requests_that_do_not_match_are_not_counted() {
    let (_server, account) = start_with_ticket().await;
    let mut rule = with_503_effect(&json!({ "every": 2, "ttl": { "requests": 6 } }));
    rule["operation"] = "ticket.list".into();
    account.add_fault(&rule).await;
    let mut pattern = String::new();
    for _ in 0..8 {
        assert_eq!(account.client.get(TICKET_PATH).await.status, 200);
        pattern += &collect_fault_pattern(&account, 1).await;
    }
    assert_eq!(pattern, ".x.x.x..");
}

#[tokio::test]
async fn sequence_applies_entry_by_entry_and_then_ends() {
    let (_server, account) = start_with_account().await;
    let error = |status: u16| json!({ "status": status });
    account.add_fault(&json!({ "sequence": [error(500), null, { "delay": "1ms" }] })).await;
    assert_eq!(collect_statuses(&account, 4).await, [500, 200, 200, 200]);
    assert_eq!(account.fault_counts().await, [(4, 2)]);
    account.clear_faults().await;
    let rule =
        json!({ "sequence": [error(500), error(502), error(503)], "ttl": { "requests": 2 } });
    account.add_fault(&rule).await;
    assert_eq!(collect_statuses(&account, 4).await, [500, 502, 200, 200]);
}

#[tokio::test]
async fn sequence_of_1000_entries_is_accepted() {
    let (_server, account) = start_with_account().await;
    let mut sequence = vec![Value::Null; 1_000];
    sequence[2] = json!({ "status": 503 });
    account.add_fault(&json!({ "sequence": sequence })).await;
    assert_eq!(collect_fault_pattern(&account, 5).await, "..x..");
}

#[tokio::test]
async fn rule_is_removed_when_its_request_ttl_is_used_up() {
    let (_server, account) = start_with_account().await;
    account.add_fault(&with_503_effect(&json!({ "first": 1, "ttl": { "requests": 3 } }))).await;
    assert_eq!(collect_fault_pattern(&account, 2).await, "x.");
    assert_eq!(account.fault_counts().await, [(2, 1)]);
    assert_eq!(collect_fault_pattern(&account, 1).await, ".");
    assert_eq!(account.list_faults().await, Vec::<Value>::new());
}

#[tokio::test]
async fn rule_ttl_follows_the_account_clock() {
    let (_server, account) = start_with_account().await;
    account.freeze_clock(super::NOON).await;
    account.add_fault(&with_503_effect(&json!({ "ttl": { "time": "30s" } }))).await;
    assert_eq!(collect_fault_pattern(&account, 3).await, "xxx");
    account.advance_clock("29s").await;
    assert_eq!(collect_fault_pattern(&account, 3).await, "xxx");
    assert_eq!(account.fault_counts().await, [(6, 6)]);
    account.advance_clock("2s").await;
    assert_eq!(account.list_faults().await, Vec::<Value>::new(), "an expired rule is not listed");
    assert_eq!(collect_fault_pattern(&account, 3).await, "...");
}

#[tokio::test]
async fn first_due_rule_wins_and_later_rules_do_not_count() {
    let (_server, account) = start_with_account().await;
    let rule = |trigger: Value, status: u16| {
        let mut rule = trigger;
        rule["effect"] = json!({ "status": status });
        rule
    };
    let rules = [
        rule(json!({ "every": 3 }), 500),
        rule(json!({ "every": 2 }), 501),
        rule(json!({ "after": 2 }), 502),
    ];
    for rule in &rules {
        account.add_fault(rule).await;
    }
    let expected = [200, 501, 500, 200, 501, 500, 502, 501];
    assert_eq!(collect_statuses(&account, expected.len()).await, expected);
    assert_eq!(account.fault_counts().await, [(8, 2), (6, 3), (3, 1)]);
}
