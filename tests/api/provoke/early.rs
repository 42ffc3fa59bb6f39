//! Clients that come back before the time that Retry-After asked for: the journal warns of them.

use serde_json::{Value, json};

use super::{LIST, advance, calm, create, desk, entries, freeze, provoke};
use crate::control::Account;
use crate::support::Server;

/// For each request of the journal, whether it came too early.
async fn early(account: &Account) -> Vec<bool> {
    let is_early = |entry: &Value| {
        let warnings = entry["warnings"].as_array().expect("a list");
        warnings.iter().any(|warning| warning["kind"] == "early-retry")
    };
    entries(account, "").await.iter().map(is_early).collect()
}

async fn frozen_desk() -> (Server, Account) {
    let (server, account) = desk().await;
    freeze(&account).await;
    (server, account)
}

/// Lets the next request meet this status and be asked to wait ten seconds.
async fn turn_away(account: &Account, status: u16) {
    let effect = json!({ "status": status, "retry_after": "10s" });
    provoke(account, &json!({ "first": 1, "effect": effect })).await;
    let refused = account.client.get(LIST).await;
    assert_eq!(refused.status, status, "{}", refused.body);
    assert_eq!(refused.headers["retry-after"], "10");
}

#[tokio::test]
async fn who_comes_back_too_early_is_warned_of() {
    for status in [401, 403, 429, 503] {
        for (later, is_early) in
            [(None, true), (Some("9s"), true), (Some("10s"), false), (Some("1h"), false)]
        {
            let (_server, account) = frozen_desk().await;
            turn_away(&account, status).await;
            if let Some(later) = later {
                advance(&account, later).await;
            }
            assert_eq!(account.client.get(LIST).await.status, 200, "it is no refusal");
            assert_eq!(early(&account).await, [false, is_early], "{status} and {later:?} later");
        }
    }
}

#[tokio::test]
async fn the_warning_says_so_and_can_be_asked_for() {
    let (_server, account) = frozen_desk().await;
    turn_away(&account, 429).await;
    account.client.get(LIST).await;
    let told = entries(&account, "warning=early-retry").await;
    assert_eq!(told.len(), 1, "{told:?}");
    let warning = &told[0]["warnings"][0];
    let text = warning["text"].as_str().unwrap_or_default();
    assert!(text.contains("Retry-After"), "{warning}");
    assert_eq!(told[0]["status"], 200, "{told:?}");
}

#[tokio::test]
async fn every_request_until_then_is_early() {
    let (_server, account) = frozen_desk().await;
    turn_away(&account, 429).await;
    for _ in 0..3 {
        assert_eq!(account.client.get(LIST).await.status, 200);
    }
    advance(&account, "10s").await;
    assert_eq!(account.client.get(LIST).await.status, 200);
    assert_eq!(early(&account).await, [false, true, true, true, false]);
}

#[tokio::test]
async fn the_limit_asks_to_wait_as_well() {
    let (_server, account) = frozen_desk().await;
    let limits = json!({ "requests": 1, "per": "1m" });
    assert!((200..=204).contains(&account.control_with("PUT", "/limits", &limits).await.status));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(account.client.get(LIST).await.status);
    }
    assert_eq!(statuses, [200, 429, 429]);
    advance(&account, "1m").await;
    assert_eq!(account.client.get(LIST).await.status, 200);
    assert_eq!(early(&account).await, [false, false, true, false]);
}

#[tokio::test]
async fn without_a_time_nobody_is_early() {
    let (_server, account) = frozen_desk().await;
    provoke(&account, &json!({ "first": 2, "effect": { "status": 429 } })).await;
    for _ in 0..3 {
        account.client.get(LIST).await;
    }
    assert_eq!(early(&account).await, [false; 3]);
}

#[tokio::test]
async fn another_account_was_not_asked_to_wait() {
    let (server, account) = frozen_desk().await;
    let other = Account::make(&server, &json!({})).await;
    freeze(&other).await;
    turn_away(&account, 429).await;
    assert_eq!(create(&other).await.status, 200);
    assert_eq!(early(&other).await, [false]);
}

#[tokio::test]
async fn another_key_was_not_asked_to_wait() {
    let (_server, account) = frozen_desk().await;
    let other = account.clone().with_key("other").await;
    turn_away(&account, 429).await;
    assert_eq!(create(&other).await.status, 200);
    assert_eq!(early(&account).await, [false, false]);
}

#[tokio::test]
async fn a_reset_forgets_who_was_to_wait() {
    let (_server, account) = frozen_desk().await;
    turn_away(&account, 429).await;
    assert_eq!(account.control("POST", "/reset").await.status, 204);
    freeze(&account).await;
    assert_eq!(account.client.get(LIST).await.status, 200);
    assert_eq!(early(&account).await, [false]);
}

#[tokio::test]
async fn refusals_without_a_wait_are_plain_errors() {
    let (_server, account) = frozen_desk().await;
    for (status, message) in [(401, "Who?"), (403, "No."), (429, "Later.")] {
        let effect = json!({ "status": status, "message": message });
        provoke(&account, &json!({ "effect": effect })).await;
        let reply = account.client.get(LIST).await;
        assert_eq!((reply.status, reply.message()), (status, message));
        assert_eq!(reply.headers.contains_key("www-authenticate"), status == 401);
        assert!(!reply.headers.contains_key("retry-after"), "{reply:?}");
        calm(&account).await;
    }
}
