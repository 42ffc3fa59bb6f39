//! Rate limits: requests per key and window, by the account's clock.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{NOON, TICKET_PATH, journal_entries, start_with_ticket};
use crate::support::client::JsonResponse;
use crate::support::control::{Account, assert_problem, start_with_account};
use crate::support::ticket::{NEW_TICKET_FORM, TICKETS_PATH, post_ticket};

async fn set_rate_limit(account: &Account, limits: &Value) {
    let response = account.send_control_json("PUT", "/rate-limits", limits).await;
    assert!((200..=204).contains(&response.status), "{limits}: {}", response.body);
    assert_eq!(account.send_control("GET", "/rate-limits").await.body, *limits);
}

fn parse_header(reply: &JsonResponse, name: &str) -> i64 {
    let value = reply.headers.get(name).unwrap_or_else(|| panic!("{name} is missing: {reply:?}"));
    value.to_str().expect("the header is text").parse().expect("the header is an integer")
}

/// Checks that the response is within the limit of three; returns the end of the window.
fn assert_within_limit(reply: &JsonResponse, remaining: i64) -> i64 {
    assert_ne!(reply.status, 429, "{}", reply.body);
    assert_eq!(parse_header(reply, "x-ratelimit-limit"), 3);
    assert_eq!(parse_header(reply, "x-ratelimit-remaining"), remaining);
    assert!(!reply.headers.contains_key("retry-after"), "{reply:?}");
    parse_header(reply, "x-ratelimit-reset")
}

/// Checks that the request was rate limited; returns the seconds of Retry-After.
fn assert_rate_limited(reply: &JsonResponse) -> i64 {
    assert_eq!(reply.status, 429, "{}", reply.body);
    assert_eq!(reply.body["status"], "error", "{}", reply.body);
    assert!(!reply.message().is_empty(), "{}", reply.body);
    assert_eq!(parse_header(reply, "x-ratelimit-remaining"), 0);
    let wait = parse_header(reply, "retry-after");
    assert!(wait >= 1, "{reply:?}");
    wait
}

fn noon_seconds() -> i64 {
    NOON.parse::<Timestamp>().expect("NOON is a timestamp").as_second()
}

fn three_per_minute() -> Value {
    json!({ "requests": 3, "per": "1m" })
}

#[tokio::test]
async fn window_counts_down_rejects_and_refills() {
    let (_server, account) = start_with_ticket().await;
    account.freeze_clock(NOON).await;
    set_rate_limit(&account, &three_per_minute()).await;
    let end = assert_within_limit(&account.client.get(TICKET_PATH).await, 2);
    assert!((1..=60).contains(&(end - noon_seconds())), "{end}");
    // The response comes from the cache; the remaining count does not.
    assert_eq!(assert_within_limit(&account.client.get(TICKET_PATH).await, 1), end);
    assert_eq!(
        assert_within_limit(&account.client.send_form("PUT", TICKET_PATH, "title=Other").await, 0),
        end
    );
    for _ in 0..3 {
        let rejected = account.client.get(TICKET_PATH).await;
        assert_eq!(assert_rate_limited(&rejected), end - noon_seconds(), "{rejected:?}");
        assert_eq!(parse_header(&rejected, "x-ratelimit-reset"), end);
    }
    let just_before = end - noon_seconds() - 1;
    if just_before > 0 {
        account.advance_clock(&format!("{just_before}s")).await;
        assert_eq!(assert_rate_limited(&account.client.get(TICKET_PATH).await), 1);
    }
    account.advance_clock("1s").await;
    assert!(assert_within_limit(&account.client.get(TICKET_PATH).await, 2) > end);
    account.advance_clock("3h").await;
    assert_within_limit(&account.client.get(TICKET_PATH).await, 2);
}

#[tokio::test]
async fn rate_limited_request_changes_nothing_and_is_recorded() {
    let (_server, account) = start_with_account().await;
    account.freeze_clock(NOON).await;
    set_rate_limit(&account, &json!({ "requests": 1, "per": "1d" })).await;
    assert_eq!(post_ticket(&account.client).await.status, 200);
    assert_rate_limited(&post_ticket(&account.client).await);
    assert_eq!(account.count_tickets().await, 1);
    let entries = journal_entries(&account, "status=429").await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["operation"], "ticket.create", "{entries:?}");
    assert_eq!(entries[0]["changes"], json!([]), "{entries:?}");
    assert_eq!(entries[0]["fault"], Value::Null, "{entries:?}");
}

#[tokio::test]
async fn invalid_requests_count_against_the_rate_limit() {
    let (_server, account) = start_with_account().await;
    account.freeze_clock(NOON).await;
    set_rate_limit(&account, &three_per_minute()).await;
    let unknown = account.client.get(TICKET_PATH).await;
    assert_eq!(unknown.status, 400);
    assert_within_limit(&unknown, 2);
    let invalid = account.client.send_form("POST", TICKETS_PATH, "brandID=none").await;
    assert_eq!(invalid.status, 400);
    assert_within_limit(&invalid, 1);
    assert_within_limit(&account.client.get(TICKETS_PATH).await, 0);
    assert_rate_limited(&account.client.get(TICKETS_PATH).await);
}

#[tokio::test]
async fn each_key_has_its_own_window() {
    let (_server, account) = start_with_account().await;
    account.freeze_clock(NOON).await;
    let (agent, bot) =
        (account.clone().with_new_key("agent").await, account.with_new_key("bot").await);
    set_rate_limit(&bot, &three_per_minute()).await;
    for remaining in [2, 1, 0] {
        assert_within_limit(&agent.client.get(TICKETS_PATH).await, remaining);
    }
    assert_rate_limited(&agent.client.get(TICKETS_PATH).await);
    assert_within_limit(&bot.client.get(TICKETS_PATH).await, 2);
    assert_rate_limited(&agent.client.get(TICKETS_PATH).await);
}

#[tokio::test]
async fn rate_limit_does_not_affect_other_accounts() {
    let (server, account) = start_with_account().await;
    let other = Account::create(&server, &json!({})).await;
    for account in [&account, &other] {
        account.freeze_clock(NOON).await;
    }
    set_rate_limit(&account, &json!({ "requests": 1, "per": "1m" })).await;
    account.client.get(TICKETS_PATH).await;
    assert_rate_limited(&account.client.get(TICKETS_PATH).await);
    assert_eq!(other.send_control("GET", "/rate-limits").await.body, json!({}));
    let response = other.client.get(TICKETS_PATH).await;
    assert_eq!(response.status, 200);
    assert!(!response.headers.contains_key("x-ratelimit-limit"), "{response:?}");
    set_rate_limit(&other, &three_per_minute()).await;
    assert_within_limit(&other.client.get(TICKETS_PATH).await, 2);
    other.advance_clock("1d").await;
    assert_rate_limited(&account.client.get(TICKETS_PATH).await);
}

#[tokio::test]
async fn rate_limit_is_off_by_default_and_when_set_to_empty() {
    let (_server, account) = start_with_account().await;
    account.freeze_clock(NOON).await;
    let is_off = async || {
        assert_eq!(account.send_control("GET", "/rate-limits").await.body, json!({}));
        for _ in 0..3 {
            let reply = account.client.get(TICKETS_PATH).await;
            assert_eq!(reply.status, 200);
            let has_rate_limit_header =
                reply.headers.keys().any(|name| name.as_str().starts_with("x-ratelimit"));
            assert!(!has_rate_limit_header, "{reply:?}");
        }
    };
    is_off().await;
    set_rate_limit(&account, &json!({ "requests": 1, "per": "1m" })).await;
    account.client.get(TICKETS_PATH).await;
    assert_rate_limited(&account.client.get(TICKETS_PATH).await);
    set_rate_limit(&account, &json!({})).await;
    is_off().await;
}

#[tokio::test]
async fn reset_and_restore_remove_the_rate_limit() {
    let (_server, account) = start_with_account().await;
    account.freeze_clock(NOON).await;
    assert_eq!(account.send_control("PUT", "/snapshots/one").await.status, 201);
    for path in ["/snapshots/one/restore", "/reset"] {
        set_rate_limit(&account, &json!({ "requests": 1, "per": "1d" })).await;
        account.client.get(TICKETS_PATH).await;
        assert_rate_limited(&account.client.get(TICKETS_PATH).await);
        assert_eq!(account.send_control("POST", path).await.status, 204);
        assert_eq!(account.send_control("GET", "/rate-limits").await.body, json!({}), "{path}");
        assert_eq!(account.client.get(TICKETS_PATH).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn rate_limit_holds_under_concurrent_requests() {
    let (_server, account) = start_with_account().await;
    account.freeze_clock(NOON).await;
    set_rate_limit(&account, &json!({ "requests": 20, "per": "1m" })).await;
    let requests = (0..60).map(|_| account.client.send_form("POST", TICKETS_PATH, NEW_TICKET_FORM));
    let replies = futures_util::future::join_all(requests).await;
    let mut remaining: Vec<i64> = Vec::new();
    for reply in &replies {
        match reply.status {
            200 => remaining.push(parse_header(reply, "x-ratelimit-remaining")),
            _ => _ = assert_rate_limited(reply),
        }
    }
    remaining.sort_unstable();
    assert_eq!(remaining, (0..20).collect::<Vec<i64>>(), "each remaining count is sent once");
    assert_eq!(account.count_tickets().await, 20);
}

#[tokio::test]
async fn rate_limit_window_follows_a_running_clock() {
    let (_server, account) = start_with_account().await;
    set_rate_limit(&account, &json!({ "requests": 3, "per": "1d" })).await;
    let end = assert_within_limit(&account.client.get(TICKETS_PATH).await, 2);
    let seconds = end - Timestamp::now().as_second();
    assert!((-60..=86_401).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn invalid_rate_limit_is_rejected_and_changes_nothing() {
    let (_server, account) = start_with_account().await;
    set_rate_limit(&account, &three_per_minute()).await;
    for (limits, word) in [
        (json!({ "requests": 0, "per": "1m" }), "requests"),
        (json!({ "requests": -1, "per": "1m" }), "requests"),
        (json!({ "requests": 1_000_001, "per": "1m" }), "requests"),
        (json!({ "requests": 1.5, "per": "1m" }), "requests"),
        (json!({ "requests": "3", "per": "1m" }), "requests"),
        (json!({ "requests": 3, "per": "0s" }), "per"),
        (json!({ "requests": 3, "per": "999ms" }), "per"),
        (json!({ "requests": 3, "per": "-1m" }), "per"),
        (json!({ "requests": 3, "per": "25h" }), "per"),
        (json!({ "requests": 3, "per": "1 fortnight" }), "per"),
        (json!({ "requests": 3, "per": "P1M" }), "per"),
        (json!({ "requests": 3, "per": 60 }), "per"),
        (json!({ "requests": 3 }), "per"),
        (json!({ "per": "1m" }), "requests"),
        (json!({ "requests": 3, "per": "1m", "burst": 2 }), "burst"),
        (json!({ "request": 3, "per": "1m" }), "request"),
        (json!([3, "1m"]), "object"),
    ] {
        let rejected = account.send_control_json("PUT", "/rate-limits", &limits).await;
        assert_problem(&rejected, 400, "invalid-request", &limits.to_string());
        let detail = rejected.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(word), "{limits}: {detail}");
        assert_eq!(
            account.send_control("GET", "/rate-limits").await.body,
            three_per_minute(),
            "{limits}"
        );
    }
    for limits in
        [json!({ "requests": 1, "per": "1s" }), json!({ "requests": 1_000_000, "per": "1d" })]
    {
        set_rate_limit(&account, &limits).await;
    }
}

#[tokio::test]
async fn request_at_the_announced_reset_time_is_accepted() {
    let (_server, account) = start_with_ticket().await;
    let clock = json!({ "mode": "frozen", "at": "2026-03-01T12:00:00.8Z" });
    assert_eq!(account.send_control_json("PUT", "/clock", &clock).await.status, 200);
    set_rate_limit(&account, &three_per_minute()).await;
    let end = assert_within_limit(&account.client.get(TICKET_PATH).await, 2);
    for _ in 0..2 {
        account.client.get(TICKET_PATH).await;
    }
    assert_rate_limited(&account.client.get(TICKET_PATH).await);
    let reset_time =
        Timestamp::from_second(end).expect("the reset time is a timestamp").to_string();
    let clock = json!({ "mode": "frozen", "at": reset_time });
    assert_eq!(account.send_control_json("PUT", "/clock", &clock).await.status, 200);
    assert_within_limit(&account.client.get(TICKET_PATH).await, 2);
}
