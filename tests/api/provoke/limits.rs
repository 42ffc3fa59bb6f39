//! Limits: so many requests of each key in each span of time, by the account's clock.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    ITEM, LIST, NOON, advance, create, desk, desk_with_a_ticket, entries, freeze, tickets,
};
use crate::control::{Account, problem};
use crate::fixtures::NEW_TICKET;
use crate::support::Reply;

async fn limit(account: &Account, limits: &Value) {
    let set = account.control_with("PUT", "/limits", limits).await;
    assert!((200..=204).contains(&set.status), "{limits}: {}", set.body);
    assert_eq!(account.control("GET", "/limits").await.body, *limits);
}

fn header(reply: &Reply, name: &str) -> i64 {
    let value = reply.headers.get(name).unwrap_or_else(|| panic!("{name} is told: {reply:?}"));
    value.to_str().expect("text").parse().expect("a whole number")
}

/// The answer is within the limit of three, with so many left; gives the end of the window.
fn within(reply: &Reply, remaining: i64) -> i64 {
    assert_ne!(reply.status, 429, "{}", reply.body);
    assert_eq!(header(reply, "x-ratelimit-limit"), 3);
    assert_eq!(header(reply, "x-ratelimit-remaining"), remaining);
    assert!(!reply.headers.contains_key("retry-after"), "{reply:?}");
    header(reply, "x-ratelimit-reset")
}

/// The answer says that there are none left; gives the seconds to wait.
fn over(reply: &Reply) -> i64 {
    assert_eq!(reply.status, 429, "{}", reply.body);
    assert_eq!(reply.body["status"], "error", "{}", reply.body);
    assert!(!reply.message().is_empty(), "{}", reply.body);
    assert_eq!(header(reply, "x-ratelimit-remaining"), 0);
    let wait = header(reply, "retry-after");
    assert!(wait >= 1, "{reply:?}");
    wait
}

fn noon() -> i64 {
    NOON.parse::<Timestamp>().expect("a moment").as_second()
}

fn three_a_minute() -> Value {
    json!({ "requests": 3, "per": "1m" })
}

#[tokio::test]
async fn a_window_counts_down_refuses_and_is_filled_again() {
    let (_server, account) = desk_with_a_ticket().await;
    freeze(&account).await;
    limit(&account, &three_a_minute()).await;
    let end = within(&account.client.get(ITEM).await, 2);
    assert!((1..=60).contains(&(end - noon())), "{end}");
    // The same answer again, which was kept: what is left is not.
    assert_eq!(within(&account.client.get(ITEM).await, 1), end);
    assert_eq!(within(&account.client.form("PUT", ITEM, "title=Other").await, 0), end);
    for _ in 0..3 {
        let refused = account.client.get(ITEM).await;
        assert_eq!(over(&refused), end - noon(), "{refused:?}");
        assert_eq!(header(&refused, "x-ratelimit-reset"), end);
    }
    let just_before = end - noon() - 1;
    if just_before > 0 {
        advance(&account, &format!("{just_before}s")).await;
        assert_eq!(over(&account.client.get(ITEM).await), 1);
    }
    advance(&account, "1s").await;
    assert!(within(&account.client.get(ITEM).await, 2) > end);
    advance(&account, "3h").await;
    within(&account.client.get(ITEM).await, 2);
}

#[tokio::test]
async fn a_refused_request_changes_nothing_and_is_in_the_journal() {
    let (_server, account) = desk().await;
    freeze(&account).await;
    limit(&account, &json!({ "requests": 1, "per": "1d" })).await;
    assert_eq!(create(&account).await.status, 200);
    over(&create(&account).await);
    assert_eq!(tickets(&account).await, 1);
    let told = entries(&account, "status=429").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["operation"], "ticket.create", "{told:?}");
    assert_eq!(told[0]["changes"], json!([]), "{told:?}");
    assert_eq!(told[0]["fault"], Value::Null, "{told:?}");
}

#[tokio::test]
async fn refused_requests_count_and_tell_what_is_left() {
    let (_server, account) = desk().await;
    freeze(&account).await;
    limit(&account, &three_a_minute()).await;
    let unknown = account.client.get(ITEM).await;
    assert_eq!(unknown.status, 400);
    within(&unknown, 2);
    let unsound = account.client.form("POST", LIST, "brandID=none").await;
    assert_eq!(unsound.status, 400);
    within(&unsound, 1);
    within(&account.client.get(LIST).await, 0);
    over(&account.client.get(LIST).await);
}

#[tokio::test]
async fn each_key_has_its_own_window() {
    let (_server, account) = desk().await;
    freeze(&account).await;
    let (agent, bot) = (account.clone().with_key("agent").await, account.with_key("bot").await);
    limit(&bot, &three_a_minute()).await;
    for remaining in [2, 1, 0] {
        within(&agent.client.get(LIST).await, remaining);
    }
    over(&agent.client.get(LIST).await);
    within(&bot.client.get(LIST).await, 2);
    over(&agent.client.get(LIST).await);
}

#[tokio::test]
async fn another_account_has_no_part_in_it() {
    let (server, account) = desk().await;
    let other = Account::make(&server, &json!({})).await;
    for account in [&account, &other] {
        freeze(account).await;
    }
    limit(&account, &json!({ "requests": 1, "per": "1m" })).await;
    account.client.get(LIST).await;
    over(&account.client.get(LIST).await);
    assert_eq!(other.control("GET", "/limits").await.body, json!({}));
    let free = other.client.get(LIST).await;
    assert_eq!(free.status, 200);
    assert!(!free.headers.contains_key("x-ratelimit-limit"), "{free:?}");
    limit(&other, &three_a_minute()).await;
    within(&other.client.get(LIST).await, 2);
    advance(&other, "1d").await;
    over(&account.client.get(LIST).await);
}

#[tokio::test]
async fn it_is_off_at_first_and_when_nothing_is_sent() {
    let (_server, account) = desk().await;
    freeze(&account).await;
    let is_off = async || {
        assert_eq!(account.control("GET", "/limits").await.body, json!({}));
        for _ in 0..3 {
            let reply = account.client.get(LIST).await;
            assert_eq!(reply.status, 200);
            let told = reply.headers.keys().any(|name| name.as_str().starts_with("x-ratelimit"));
            assert!(!told, "{reply:?}");
        }
    };
    is_off().await;
    limit(&account, &json!({ "requests": 1, "per": "1m" })).await;
    account.client.get(LIST).await;
    over(&account.client.get(LIST).await);
    limit(&account, &json!({})).await;
    is_off().await;
}

#[tokio::test]
async fn a_reset_and_a_restore_take_it_away() {
    let (_server, account) = desk().await;
    freeze(&account).await;
    assert_eq!(account.control("PUT", "/snapshots/one").await.status, 201);
    for path in ["/snapshots/one/restore", "/reset"] {
        limit(&account, &json!({ "requests": 1, "per": "1d" })).await;
        account.client.get(LIST).await;
        over(&account.client.get(LIST).await);
        assert_eq!(account.control("POST", path).await.status, 204);
        assert_eq!(account.control("GET", "/limits").await.body, json!({}), "{path}");
        assert_eq!(account.client.get(LIST).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn it_holds_for_many_requests_at_once() {
    let (_server, account) = desk().await;
    freeze(&account).await;
    limit(&account, &json!({ "requests": 20, "per": "1m" })).await;
    let asked = (0..60).map(|_| account.client.form("POST", LIST, NEW_TICKET));
    let replies = futures_util::future::join_all(asked).await;
    let mut left: Vec<i64> = Vec::new();
    for reply in &replies {
        match reply.status {
            200 => left.push(header(reply, "x-ratelimit-remaining")),
            _ => _ = over(reply),
        }
    }
    left.sort_unstable();
    assert_eq!(left, (0..20).collect::<Vec<i64>>(), "each number is told once");
    assert_eq!(tickets(&account).await, 20);
}

#[tokio::test]
async fn it_goes_by_a_real_clock_as_well() {
    let (_server, account) = desk().await;
    limit(&account, &json!({ "requests": 3, "per": "1d" })).await;
    let end = within(&account.client.get(LIST).await, 2);
    let left = end - Timestamp::now().as_second();
    assert!((-60..=86_401).contains(&left), "{left}");
}

#[tokio::test]
async fn unsound_limits_are_refused_and_change_nothing() {
    let (_server, account) = desk().await;
    limit(&account, &three_a_minute()).await;
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
        let refused = account.control_with("PUT", "/limits", &limits).await;
        problem(&refused, 400, "invalid", &limits.to_string());
        let detail = refused.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(word), "{limits}: {detail}");
        assert_eq!(account.control("GET", "/limits").await.body, three_a_minute(), "{limits}");
    }
    for limits in
        [json!({ "requests": 1, "per": "1s" }), json!({ "requests": 1_000_000, "per": "1d" })]
    {
        limit(&account, &limits).await;
    }
}

#[tokio::test]
async fn whoever_comes_at_the_end_that_was_told_is_let_in() {
    let (_server, account) = desk_with_a_ticket().await;
    let at = json!({ "mode": "frozen", "at": "2026-03-01T12:00:00.8Z" });
    assert_eq!(account.control_with("PUT", "/clock", &at).await.status, 200);
    limit(&account, &three_a_minute()).await;
    let end = within(&account.client.get(ITEM).await, 2);
    for _ in 0..2 {
        account.client.get(ITEM).await;
    }
    over(&account.client.get(ITEM).await);
    let then = Timestamp::from_second(end).expect("a moment").to_string();
    let at = json!({ "mode": "frozen", "at": then });
    assert_eq!(account.control_with("PUT", "/clock", &at).await.status, 200);
    within(&account.client.get(ITEM).await, 2);
}
