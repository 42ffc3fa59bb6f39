//! Ready-made rules, and what becomes of them with a trigger of one's own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::wire::{Met, hear};
use super::{
    ITEM, LIST, awaited, calm, counts, desk, desk_with_a_ticket, form, get, provoke, tickets,
};
use crate::control::Account;
use crate::fixtures::NEW_TICKET;

const PRESETS: [(&str, Met); 4] = [
    ("flaky", Met::Error(503)),
    ("down", Met::Error(503)),
    ("rate-limited", Met::Error(429)),
    ("lost-replies", Met::Reset),
];

fn preset(name: &str, more: &Value) -> Value {
    let mut rule = more.clone();
    rule["preset"] = name.into();
    rule
}

/// Asks ten times; `x` is what the preset does, and `.` a usual answer.
async fn meet(account: &Account, met: Met) -> String {
    let asked = get(account, ITEM);
    let mut pattern = String::new();
    for _ in 0..10 {
        let heard = hear(&account.client.base, &asked).await;
        let is_usual = !heard.text.is_empty() && heard.status() == 200;
        if !is_usual {
            met.check("a preset", &heard, "");
        }
        pattern.push(if is_usual { '.' } else { 'x' });
    }
    pattern
}

#[tokio::test]
async fn each_preset_does_what_its_name_says() {
    let (_server, account) = desk_with_a_ticket().await;
    for (name, met) in PRESETS {
        provoke(&account, &preset(name, &json!({}))).await;
        let expected = if name == "down" { "xxxxxxxxxx" } else { "..x..x..x." };
        assert_eq!(meet(&account, met).await, expected, "{name}");
        calm(&account).await;
    }
}

#[tokio::test]
async fn a_trigger_replaces_that_of_the_preset() {
    let (_server, account) = desk_with_a_ticket().await;
    for (name, met) in PRESETS {
        for (trigger, expected) in [
            (json!({ "first": 2 }), "xx........"),
            (json!({ "every": 4 }), "...x...x.."),
            (json!({ "after": 7 }), ".......xxx"),
            (json!({ "every": 1, "ttl": { "requests": 3 } }), "xxx......."),
        ] {
            provoke(&account, &preset(name, &trigger)).await;
            assert_eq!(meet(&account, met).await, expected, "{name} {trigger}");
            calm(&account).await;
        }
    }
}

#[tokio::test]
async fn a_preset_may_be_about_some_requests_only() {
    let (_server, account) = desk_with_a_ticket().await;
    let fields = json!({ "title": "Printer" });
    let rule = json!({ "preset": "down", "operation": "ticket.create", "fields": fields });
    provoke(&account, &rule).await;
    assert_eq!(account.client.get(ITEM).await.status, 200);
    assert_eq!(account.client.form("POST", LIST, NEW_TICKET).await.status, 503);
    let other = NEW_TICKET.replace("Printer", "Scanner");
    assert_eq!(account.client.form("POST", LIST, &other).await.status, 200);
    assert_eq!(counts(&account).await, [(1, 1)]);
}

#[tokio::test]
async fn a_rate_limit_asks_to_come_back_in_a_second() {
    let (_server, account) = desk().await;
    provoke(&account, &preset("rate-limited", &json!({ "every": 1 }))).await;
    let reply = account.client.get(LIST).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.headers["retry-after"], "1");
}

#[tokio::test]
async fn a_lost_reply_is_one_to_a_change_that_was_made() {
    let (server, account) = desk().await;
    provoke(&account, &preset("lost-replies", &json!({}))).await;
    let asked = form(&account, "POST", LIST, NEW_TICKET);
    let mut heard = Vec::new();
    for _ in 0..6 {
        heard.push(hear(&server.base, &asked).await.text.is_empty());
    }
    assert_eq!(heard, [false, false, true, false, false, true]);
    assert_eq!(tickets(&account).await, 6);
    let lost = awaited(&account, "fault=true", 2).await;
    assert!(lost.iter().all(|entry| entry["changes"][0]["did"] == "created"), "{lost:?}");
}

#[tokio::test]
async fn slow_takes_a_second() {
    let (_server, account) = desk().await;
    provoke(&account, &preset("slow", &json!({ "first": 1 }))).await;
    let begun = Instant::now();
    assert_eq!(account.client.get(LIST).await.status, 200);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    provoke(&account, &preset("slow", &json!({}))).await;
    assert_eq!(account.client.get(LIST).await.status, 200);
    assert_eq!(counts(&account).await, [(2, 1), (1, 1)], "all of them by default");
}
