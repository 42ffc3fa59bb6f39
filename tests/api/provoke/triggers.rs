//! Which of the matching requests meet the effect: first, every, after, in sequence, for a time.

use serde_json::{Value, json};

use super::{ITEM, LIST, advance, calm, counts, desk, desk_with_a_ticket, faults, freeze, provoke};
use crate::control::Account;

/// The statuses of so many requests, one after the other.
async fn statuses(account: &Account, count: usize) -> Vec<u16> {
    let mut met = Vec::new();
    for _ in 0..count {
        met.push(account.client.get(LIST).await.status);
    }
    met
}

/// `x` for each request that meets 503, and `.` for each that passes.
async fn pattern(account: &Account, count: usize) -> String {
    let mark = |status| match status {
        200 => '.',
        503 => 'x',
        other => panic!("{other} is neither"),
    };
    statuses(account, count).await.into_iter().map(mark).collect()
}

fn with_effect(trigger: &Value) -> Value {
    let mut rule = trigger.clone();
    rule["effect"] = json!({ "status": 503 });
    rule
}

#[rustfmt::skip]
fn table() -> Vec<(Value, &'static str)> {
    vec![
        (json!({}), "xxxxxxxxxx"),
        (json!({ "first": 1 }), "x........."),
        (json!({ "first": 3 }), "xxx......."),
        (json!({ "first": 10 }), "xxxxxxxxxx"),
        (json!({ "first": 1_000_000 }), "xxxxxxxxxx"),
        (json!({ "every": 1 }), "xxxxxxxxxx"),
        (json!({ "every": 2 }), ".x.x.x.x.x"),
        (json!({ "every": 3 }), "..x..x..x."),
        (json!({ "every": 10 }), ".........x"),
        (json!({ "every": 11 }), ".........."),
        (json!({ "after": 1 }), ".xxxxxxxxx"),
        (json!({ "after": 4 }), "....xxxxxx"),
        (json!({ "after": 10 }), ".........."),
        (json!({ "ttl": { "requests": 1 } }), "x........."),
        (json!({ "ttl": { "requests": 4 } }), "xxxx......"),
        (json!({ "first": 3, "ttl": { "requests": 2 } }), "xx........"),
        (json!({ "first": 2, "ttl": { "requests": 3 } }), "xx........"),
        (json!({ "every": 2, "ttl": { "requests": 5 } }), ".x.x......"),
        (json!({ "after": 2, "ttl": { "requests": 4 } }), "..xx......"),
    ]
}

#[tokio::test]
async fn each_trigger_picks_its_requests() {
    let (_server, account) = desk().await;
    for (trigger, expected) in table() {
        provoke(&account, &with_effect(&trigger)).await;
        assert_eq!(pattern(&account, 10).await, expected, "{trigger}");
        let left: Vec<(u64, u64)> = match trigger["ttl"]["requests"].as_u64() {
            Some(_) => vec![],
            None => vec![(10, expected.matches('x').count() as u64)],
        };
        assert_eq!(counts(&account).await, left, "{trigger}");
        calm(&account).await;
    }
}

#[tokio::test]
async fn requests_that_do_not_match_are_not_counted() {
    let (_server, account) = desk_with_a_ticket().await;
    let mut rule = with_effect(&json!({ "every": 2, "ttl": { "requests": 6 } }));
    rule["operation"] = "ticket.list".into();
    provoke(&account, &rule).await;
    let mut met = String::new();
    for _ in 0..8 {
        assert_eq!(account.client.get(ITEM).await.status, 200);
        met += &pattern(&account, 1).await;
    }
    assert_eq!(met, ".x.x.x..");
}

#[tokio::test]
async fn a_sequence_goes_entry_by_entry_and_is_over_then() {
    let (_server, account) = desk().await;
    let error = |status: u16| json!({ "status": status });
    for (sequence, expected) in [
        (json!([error(503)]), vec![503, 200, 200, 200]),
        (json!([null]), vec![200, 200, 200]),
        (
            json!([error(500), null, error(429), null, null, error(503)]),
            vec![500, 200, 429, 200, 200, 503, 200, 200],
        ),
        (json!([null, error(400), { "delay": "1ms" }]), vec![200, 400, 200, 200]),
    ] {
        provoke(&account, &json!({ "sequence": sequence })).await;
        assert_eq!(statuses(&account, expected.len()).await, expected, "{sequence}");
        let applied = sequence.as_array().expect("a list").iter().filter(|one| !one.is_null());
        let shown = faults(&account).await;
        assert_eq!(shown[0]["applied"], applied.count(), "{sequence}: {shown:?}");
        calm(&account).await;
    }
    let rule =
        json!({ "sequence": [error(500), error(502), error(503)], "ttl": { "requests": 2 } });
    provoke(&account, &rule).await;
    assert_eq!(statuses(&account, 4).await, [500, 502, 200, 200]);
}

#[tokio::test]
async fn a_long_sequence_is_met_to_its_end() {
    let (_server, account) = desk().await;
    let mut sequence = vec![Value::Null; 1_000];
    sequence[2] = json!({ "status": 503 });
    provoke(&account, &json!({ "sequence": sequence })).await;
    assert_eq!(pattern(&account, 5).await, "..x..");
}

#[tokio::test]
async fn a_rule_that_has_seen_its_requests_is_gone() {
    let (_server, account) = desk().await;
    provoke(&account, &with_effect(&json!({ "first": 1, "ttl": { "requests": 3 } }))).await;
    assert_eq!(pattern(&account, 2).await, "x.");
    assert_eq!(counts(&account).await, [(2, 1)]);
    assert_eq!(pattern(&account, 1).await, ".");
    assert_eq!(faults(&account).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_rule_lasts_its_time_by_the_clock_of_the_account() {
    let (_server, account) = desk().await;
    freeze(&account).await;
    provoke(&account, &with_effect(&json!({ "ttl": { "time": "30s" } }))).await;
    assert_eq!(pattern(&account, 3).await, "xxx");
    advance(&account, "29s").await;
    assert_eq!(pattern(&account, 3).await, "xxx");
    assert_eq!(counts(&account).await, [(6, 6)]);
    advance(&account, "2s").await;
    assert_eq!(faults(&account).await, Vec::<Value>::new(), "it is gone before anyone asks");
    assert_eq!(pattern(&account, 3).await, "...");
}

#[tokio::test]
async fn the_first_rule_that_is_due_wins_and_later_ones_do_not_count_the_request() {
    let (_server, account) = desk().await;
    let rule = |trigger: Value, status: u16| {
        let mut rule = trigger;
        rule["effect"] = json!({ "status": status });
        rule
    };
    for (rules, expected, counted) in [
        (
            vec![rule(json!({ "every": 2 }), 500), rule(json!({}), 501)],
            vec![501, 500, 501, 500, 501, 500],
            vec![(6, 3), (3, 3)],
        ),
        (
            vec![rule(json!({}), 501), rule(json!({ "every": 2 }), 500)],
            vec![501; 6],
            vec![(6, 6), (0, 0)],
        ),
        (
            vec![rule(json!({ "first": 2 }), 500), rule(json!({ "first": 2 }), 501)],
            vec![500, 500, 501, 501, 200, 200],
            vec![(6, 2), (4, 2)],
        ),
        (
            vec![
                rule(json!({ "every": 3 }), 500),
                rule(json!({ "every": 2 }), 501),
                rule(json!({ "after": 2 }), 502),
            ],
            vec![200, 501, 500, 200, 501, 500, 502, 501],
            vec![(8, 2), (6, 3), (3, 1)],
        ),
    ] {
        for rule in &rules {
            provoke(&account, rule).await;
        }
        assert_eq!(statuses(&account, expected.len()).await, expected, "{rules:?}");
        assert_eq!(counts(&account).await, counted, "{rules:?}");
        calm(&account).await;
    }
}
