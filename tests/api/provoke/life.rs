//! The life of a rule: as it was sent, listed, removed, gone with a reset, and nobody else's.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::wire::hear;
use super::{
    ITEM, LIST, calm, counts, create, desk, desk_with_a_ticket, faults, form, get, provoke, tickets,
};
use crate::control::{Account, problem};
use crate::fixtures::NEW_TICKET;
use crate::support::Server;

fn down() -> Value {
    json!({ "effect": { "status": 503 } })
}

async fn is_down(account: &Account) -> bool {
    account.client.get(LIST).await.status == 503
}

#[rustfmt::skip]
fn rules() -> Vec<Value> {
    vec![
        down(),
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
async fn a_rule_is_shown_as_it_was_sent() {
    let (_server, account) = desk().await;
    let mut made = Vec::new();
    for rule in rules() {
        let shown = provoke(&account, &rule).await;
        let id = shown["id"].as_u64().expect("an id");
        assert!(id > 0 && made.iter().all(|other: &Value| other["id"] != id), "{shown}");
        let mut expected = rule;
        for (name, value) in [("id", id), ("seen", 0), ("applied", 0)] {
            expected[name] = value.into();
        }
        assert_eq!(shown, expected);
        made.push(shown);
    }
    assert_eq!(faults(&account).await, made, "the oldest first");
    assert_eq!(faults(&account.through_its_key()).await, made);
}

#[tokio::test]
async fn a_removed_rule_is_met_no_more() {
    let (_server, account) = desk().await;
    let one = provoke(&account, &json!({ "effect": { "status": 500 } })).await;
    let two = provoke(&account, &down()).await;
    assert_eq!(account.client.get(LIST).await.status, 500);
    let path = |fault: &Value| format!("/faults/{}", fault["id"]);
    assert_eq!(account.control("DELETE", &path(&one)).await.status, 204);
    assert!(is_down(&account).await);
    problem(&account.control("DELETE", &path(&one)).await, 404, "unknown-fault", "again");
    problem(&account.control("DELETE", "/faults/999").await, 404, "unknown-fault", "another");
    let shown = faults(&account).await;
    assert_eq!((shown.len(), &shown[0]["id"]), (1, &two["id"]), "{shown:?}");
    let third = provoke(&account, &down()).await;
    assert_ne!(third["id"], one["id"], "an id is given once");
    calm(&account).await;
    assert!(!is_down(&account).await);
    assert_eq!(faults(&account).await, Vec::<Value>::new());
    calm(&account).await;
    let fourth = provoke(&account, &down()).await;
    assert!([one, two, third].iter().all(|other| other["id"] != fourth["id"]));
}

#[tokio::test]
async fn a_reset_and_a_restore_take_the_rules_away() {
    let (_server, account) = desk_with_a_ticket().await;
    assert_eq!(account.control("PUT", "/snapshots/one").await.status, 201);
    let limit = json!({ "requests": 1000, "per": "1m" });
    for path in ["/snapshots/one/restore", "/reset"] {
        provoke(&account, &down()).await;
        assert!((200..=204).contains(&account.control_with("PUT", "/limits", &limit).await.status));
        assert!(is_down(&account).await);
        assert_eq!(account.control("PUT", "/snapshots/two").await.status / 100, 2);
        assert!(is_down(&account).await, "to take a snapshot changes nothing");
        assert_eq!(account.control("POST", path).await.status, 204);
        assert_eq!(faults(&account).await, Vec::<Value>::new(), "{path}");
        assert!(!is_down(&account).await, "{path}");
        assert_eq!(account.control("GET", "/limits").await.body, json!({}), "{path}");
    }
    assert_eq!(account.control("POST", "/snapshots/two/restore").await.status, 204);
    assert!(!is_down(&account).await, "a snapshot holds no rules");
}

#[tokio::test]
async fn a_hundred_rules_and_no_more() {
    let (_server, account) = desk().await;
    for _ in 0..100 {
        provoke(&account, &json!({ "every": 1_000, "effect": { "status": 500 } })).await;
    }
    let full = account.control_with("POST", "/faults", &down()).await;
    problem(&full, 409, "too-many", "the 101st");
    assert!(full.body["detail"].as_str().is_some_and(|detail| detail.contains("100")));
    let shown = faults(&account).await;
    assert_eq!(shown.len(), 100);
    assert!(!is_down(&account).await);
    let path = format!("/faults/{}", shown[50]["id"]);
    assert_eq!(account.control("DELETE", &path).await.status, 204);
    provoke(&account, &down()).await;
    assert!(is_down(&account).await);
}

#[tokio::test]
async fn a_copy_of_an_account_has_none_of_its_rules() {
    let (server, account) = desk_with_a_ticket().await;
    provoke(&account, &down()).await;
    let from = json!({ "from": format!("account:{}", account.name) });
    let copy = Account::make(&server, &from).await;
    assert_eq!(faults(&copy).await, Vec::<Value>::new());
    assert!(!is_down(&copy).await);
}

/// Makes an account whose every so-and-so-manieth request meets a status of its own; gives all statuses.
async fn lead(server: &Server, number: u16) -> Vec<u16> {
    let account = Account::make(server, &json!({})).await;
    if number > 0 {
        let effect = json!({ "status": 500 + number });
        provoke(&account, &json!({ "every": number, "effect": effect })).await;
    }
    let mut met = Vec::new();
    for _ in 0..24 {
        met.push(account.client.form("POST", LIST, NEW_TICKET).await.status);
    }
    let passed = met.iter().filter(|status| **status == 200).count() as u64;
    assert_eq!(tickets(&account).await, passed);
    let expected: &[(u64, u64)] = &[(24, 24 - passed)];
    assert_eq!(counts(&account).await, if number == 0 { &[] } else { expected });
    met
}

#[tokio::test]
async fn accounts_side_by_side_meet_their_own_rules_only() {
    let server = Server::start();
    let all = join_all((0..8).map(|number| lead(&server, number))).await;
    for (number, met) in (0..).zip(all) {
        let status =
            |at: u16| if number > 0 && at.is_multiple_of(number) { 500 + number } else { 200 };
        let expected: Vec<u16> = (1..=24).map(status).collect();
        assert_eq!(met, expected, "account {number}");
    }
}

#[tokio::test]
async fn what_is_done_to_the_rules_of_one_account_is_not_done_to_those_of_another() {
    let (server, one) = desk().await;
    let other = Account::make(&server, &json!({})).await;
    provoke(&other, &json!({ "every": 1_000, "effect": { "reset": true } })).await;
    let kept = provoke(&other, &down()).await;
    provoke(&one, &down()).await;
    let path = format!("/faults/{}", kept["id"]);
    problem(&one.control("DELETE", &path).await, 404, "unknown-fault", "an id of another");
    calm(&one).await;
    assert!(is_down(&other).await);
    provoke(&one, &down()).await;
    assert_eq!(one.control("POST", "/reset").await.status, 204);
    assert!(is_down(&other).await);
    assert_eq!(one.control("DELETE", "").await.status, 204);
    assert!(is_down(&other).await);
    assert_eq!(counts(&other).await, [(3, 0), (3, 3)]);
}

/// What each of some requests meets: the status and body, or the end of the connection.
async fn story(server: &Server) -> Vec<String> {
    let account = Account::make(server, &json!({})).await;
    super::freeze(&account).await;
    let error = json!({ "status": 500 });
    for rule in [
        json!({ "preset": "lost-replies", "operation": "ticket.create" }),
        json!({ "fields": { "title": "Printer" }, "sequence": [null, error, null, { "garbage": true }] }),
        json!({ "preset": "flaky" }),
        json!({ "after": 9, "ttl": { "requests": 12 }, "effect": { "cut": 30 } }),
    ] {
        provoke(&account, &rule).await;
    }
    let mut all = Vec::new();
    for round in 0..24 {
        let asked = match round % 4 {
            0 | 1 => form(&account, "POST", LIST, NEW_TICKET),
            2 => get(&account, ITEM),
            _ => form(&account, "PUT", ITEM, &format!("title=round-{round}")),
        };
        let heard = hear(&server.base, &asked).await;
        let status = if heard.text.is_empty() { 0 } else { heard.status() };
        all.push(format!("{status} {:?} {}", heard.broken, heard.body()));
    }
    all.push(format!("{:?}", faults(&account).await));
    all.push(account.export().await["tickets"].to_string());
    all
}

#[tokio::test]
async fn the_same_requests_meet_the_same_faults() {
    let (one, other) = (Server::start(), Server::start());
    let first = story(&one).await;
    assert!(first.iter().any(|met| met.starts_with("500")), "{first:#?}");
    assert!(first.iter().any(|met| met.starts_with('0')), "{first:#?}");
    let (again, elsewhere) = tokio::join!(story(&one), story(&other));
    // The tickets tell the address of their server.
    let plain = |story: &[String], server: &Server| -> Vec<String> {
        story.iter().map(|met| met.replace(&server.base, "")).collect()
    };
    assert_eq!(again, first);
    assert_eq!(plain(&elsewhere, &other), plain(&first, &one));
}

#[tokio::test]
async fn rules_are_about_the_ticket_api_alone() {
    let (_server, account) = desk().await;
    provoke(&account, &json!({ "effect": { "reset": true } })).await;
    let account = account.through_its_key();
    for path in ["", "/faults", "/clock", "/requests", "/export"] {
        assert_eq!(account.control("GET", path).await.status, 200, "{path}");
    }
    assert_eq!(counts(&account).await, [(0, 0)]);
    calm(&account).await;
    assert_eq!(create(&account).await.status, 200);
}
