//! A delay before the change or after it: what the others see while the client waits.

use serde_json::json;

use super::wire::send;
use super::{LIST, awaited, calm, counts, create, desk, form, provoke, tickets, until};
use crate::control::problem;
use crate::fixtures::NEW_TICKET;

#[tokio::test]
async fn a_ticket_is_not_there_during_a_delay_before() {
    let (server, account) = desk().await;
    for when in [json!({ "delay": "5m" }), json!({ "delay": "5m", "when": "before" })] {
        provoke(&account, &json!({ "operation": "ticket.create", "effect": when })).await;
        let waiting = send(&server.base, &form(&account, "POST", LIST, NEW_TICKET)).await;
        until("the delay", async || counts(&account).await == [(1, 1)]).await;
        let over = account.control("GET", "/wait?ticket=1&title=Printer&timeout=20ms").await;
        problem(&over, 409, "wait-over", "a ticket that is not there yet");
        assert_eq!(tickets(&account).await, 0);
        calm(&account).await;
        drop(waiting);
    }
}

#[tokio::test]
async fn a_ticket_is_there_during_a_delay_after() {
    let (server, account) = desk().await;
    let effect = json!({ "delay": "5m", "when": "after" });
    provoke(&account, &json!({ "operation": "ticket.create", "effect": effect })).await;
    let waiting = send(&server.base, &form(&account, "POST", LIST, NEW_TICKET)).await;
    let there = account.control("GET", "/wait?ticket=1&title=Printer&timeout=1m").await;
    assert_eq!(there.status, 200, "{}", there.body);
    assert_eq!(there.body["ticket"]["status"], "new", "{}", there.body);
    let silent = waiting.try_read(&mut [0; 1]).expect_err("no byte has come");
    assert_eq!(silent.kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(account.client.get("/api/v2/ticket/1").await.status, 200, "others read it");
}

#[tokio::test]
async fn a_change_is_made_though_its_client_left_during_the_delay() {
    let (server, account) = desk().await;
    provoke(&account, &json!({ "first": 1, "effect": { "delay": "200ms" } })).await;
    let waiting = send(&server.base, &form(&account, "POST", LIST, NEW_TICKET)).await;
    until("the delay", async || counts(&account).await == [(1, 1)]).await;
    drop(waiting);
    let there = account.control("GET", "/wait?ticket=1&title=Printer&timeout=1m").await;
    assert_eq!(there.status, 200, "{}", there.body);
    let entries = awaited(&account, "operation=ticket.create&changed=true", 1).await;
    assert_eq!(entries[0]["fault"]["effect"], "delay", "{entries:?}");
    assert_eq!(tickets(&account).await, 1, "it is made once");
    assert_eq!(create(&account).await.body["ticketID"], 2);
}

#[tokio::test]
async fn a_reset_leaves_no_change_behind_that_is_still_to_come() {
    let (server, account) = desk().await;
    provoke(&account, &json!({ "first": 1, "effect": { "delay": "200ms" } })).await;
    let waiting = send(&server.base, &form(&account, "POST", LIST, NEW_TICKET)).await;
    until("the delay", async || counts(&account).await == [(1, 1)]).await;
    assert_eq!(account.control("POST", "/reset").await.status, 204);
    let never = account.control("GET", "/wait?ticket=1&title=Printer&timeout=500ms").await;
    problem(&never, 409, "wait-over", "a ticket from before the reset");
    assert_eq!(tickets(&account).await, 0);
    drop(waiting);
}

#[tokio::test]
async fn a_delayed_request_lets_others_of_its_account_pass() {
    let (server, account) = desk().await;
    for when in ["before", "after"] {
        let effect = json!({ "delay": "5m", "when": when });
        let rule = json!({ "fields": { "title": "Printer" }, "effect": effect });
        provoke(&account, &rule).await;
        let before = tickets(&account).await;
        let waiting = send(&server.base, &form(&account, "POST", LIST, NEW_TICKET)).await;
        let made = before + u64::from(when == "after");
        until("the delay", async || {
            counts(&account).await == [(1, 1)] && tickets(&account).await == made
        })
        .await;
        let other = NEW_TICKET.replace("Printer", "Scanner");
        let passing = account.client.form("POST", LIST, &other).await;
        assert_eq!(passing.status, 200, "{when}: {}", passing.body);
        assert_eq!(account.client.get(LIST).await.body["itemTotal"], made + 1, "{when}");
        calm(&account).await;
        drop(waiting);
    }
}
