//! Retries before Retry-After has elapsed: the journal records a warning.

use serde_json::{Value, json};

use super::journal_entries;
use crate::support::control::{Account, start_with_account};
use crate::support::server::Server;
use crate::support::ticket::{TICKETS_PATH, post_ticket};

/// Returns for each entry of the journal whether it has the warning.
async fn early_retry_flags(account: &Account) -> Vec<bool> {
    let is_early = |entry: &Value| {
        let warnings = entry["warnings"].as_array().expect("warnings is an array");
        warnings.iter().any(|warning| warning["kind"] == "early-retry")
    };
    journal_entries(account, "").await.iter().map(is_early).collect()
}

async fn start_with_frozen_clock() -> (Server, Account) {
    let (server, account) = start_with_account().await;
    account.freeze_clock(super::NOON).await;
    (server, account)
}

/// Fails the next request with this status and a Retry-After of ten seconds.
async fn reject_with_retry_after(account: &Account, status: u16) {
    let effect = json!({ "status": status, "retry_after": "10s" });
    account.add_fault(&json!({ "first": 1, "effect": effect })).await;
    let response = account.client.get(TICKETS_PATH).await;
    assert_eq!(response.status, status, "{}", response.body);
    assert_eq!(response.headers["retry-after"], "10");
}

#[tokio::test]
async fn request_before_retry_after_elapses_records_a_warning() {
    for (status, delay, is_early) in [(429, "9s", true), (503, "10s", false)] {
        let (_server, account) = start_with_frozen_clock().await;
        reject_with_retry_after(&account, status).await;
        account.advance_clock(delay).await;
        assert_eq!(
            account.client.get(TICKETS_PATH).await.status,
            200,
            "an early retry is accepted"
        );
        assert_eq!(
            early_retry_flags(&account).await,
            [false, is_early],
            "{status} and a retry after {delay}"
        );
    }
}

#[tokio::test]
async fn early_retry_warning_names_retry_after_and_is_filterable() {
    let (_server, account) = start_with_frozen_clock().await;
    reject_with_retry_after(&account, 429).await;
    account.client.get(TICKETS_PATH).await;
    let entries = journal_entries(&account, "warning=early-retry").await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    let warning = &entries[0]["warnings"][0];
    let text = warning["message"].as_str().unwrap_or_default();
    assert!(text.contains("Retry-After"), "{warning}");
    assert_eq!(entries[0]["status"], 200, "{entries:?}");
}

#[tokio::test]
async fn every_request_before_retry_after_elapses_is_early() {
    let (_server, account) = start_with_frozen_clock().await;
    reject_with_retry_after(&account, 429).await;
    for _ in 0..3 {
        assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
    }
    account.advance_clock("10s").await;
    assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
    assert_eq!(early_retry_flags(&account).await, [false, true, true, true, false]);
}

#[tokio::test]
async fn rate_limit_rejection_starts_a_retry_after_period() {
    let (_server, account) = start_with_frozen_clock().await;
    let limits = json!({ "requests": 1, "per": "1m" });
    assert!(
        (200..=204)
            .contains(&account.send_control_json("PUT", "/rate-limits", &limits).await.status)
    );
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(account.client.get(TICKETS_PATH).await.status);
    }
    assert_eq!(statuses, [200, 429, 429]);
    account.advance_clock("1m").await;
    assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
    assert_eq!(early_retry_flags(&account).await, [false, false, true, false]);
}

#[tokio::test]
async fn error_without_retry_after_starts_no_period() {
    let (_server, account) = start_with_frozen_clock().await;
    account.add_fault(&json!({ "first": 2, "effect": { "status": 429 } })).await;
    for _ in 0..3 {
        account.client.get(TICKETS_PATH).await;
    }
    assert_eq!(early_retry_flags(&account).await, [false; 3]);
}

#[tokio::test]
async fn retry_after_does_not_apply_to_other_accounts() {
    let (server, account) = start_with_frozen_clock().await;
    let other = Account::create(&server, &json!({})).await;
    other.freeze_clock(super::NOON).await;
    reject_with_retry_after(&account, 429).await;
    assert_eq!(post_ticket(&other.client).await.status, 200);
    assert_eq!(early_retry_flags(&other).await, [false]);
}

#[tokio::test]
async fn retry_after_does_not_apply_to_other_keys() {
    let (_server, account) = start_with_frozen_clock().await;
    let other = account.clone().with_new_key("other").await;
    reject_with_retry_after(&account, 429).await;
    assert_eq!(post_ticket(&other.client).await.status, 200);
    assert_eq!(early_retry_flags(&account).await, [false, false]);
}

#[tokio::test]
async fn reset_clears_retry_after_periods() {
    let (_server, account) = start_with_frozen_clock().await;
    reject_with_retry_after(&account, 429).await;
    assert_eq!(account.send_control("POST", "/reset").await.status, 204);
    account.freeze_clock(super::NOON).await;
    assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
    assert_eq!(early_retry_flags(&account).await, [false]);
}

#[tokio::test]
async fn error_without_retry_after_has_no_such_header() {
    let (_server, account) = start_with_frozen_clock().await;
    for (status, message) in [(401, "Who?"), (403, "No."), (429, "Later.")] {
        let effect = json!({ "status": status, "message": message });
        account.add_fault(&json!({ "effect": effect })).await;
        let reply = account.client.get(TICKETS_PATH).await;
        assert_eq!((reply.status, reply.message()), (status, message));
        assert_eq!(reply.headers.contains_key("www-authenticate"), status == 401);
        assert!(!reply.headers.contains_key("retry-after"), "{reply:?}");
        account.clear_faults().await;
    }
}
