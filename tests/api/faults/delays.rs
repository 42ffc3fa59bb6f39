//! Delays before and after the write, and what other requests see during the delay.

use serde_json::json;

use super::{build_raw_form, poll_until, wait_for_entries};
use crate::support::control::{assert_problem, start_with_account};
use crate::support::raw::RawConnection;
use crate::support::ticket::{NEW_TICKET_FORM, TICKETS_PATH, post_ticket};

#[tokio::test]
async fn ticket_is_not_visible_during_a_delay_before_the_write() {
    let (server, account) = start_with_account().await;
    for when in [json!({ "delay": "5m" }), json!({ "delay": "5m", "when": "before" })] {
        account.add_fault(&json!({ "operation": "ticket.create", "effect": when })).await;
        let delayed = RawConnection::open_and_send(
            &server.base_url,
            &build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM),
        )
        .await;
        poll_until("the delay", async || account.fault_counts().await == [(1, 1)]).await;
        let timed_out =
            account.send_control("GET", "/wait?ticket=1&title=Printer&timeout=20ms").await;
        assert_problem(&timed_out, 409, "wait-timeout", "the ticket does not exist yet");
        assert_eq!(account.count_tickets().await, 0);
        account.clear_faults().await;
        drop(delayed);
    }
}

#[tokio::test]
async fn ticket_is_visible_during_a_delay_after_the_write() {
    let (server, account) = start_with_account().await;
    let effect = json!({ "delay": "5m", "when": "after" });
    account.add_fault(&json!({ "operation": "ticket.create", "effect": effect })).await;
    let delayed = RawConnection::open_and_send(
        &server.base_url,
        &build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM),
    )
    .await;
    let found = account.send_control("GET", "/wait?ticket=1&title=Printer&timeout=1m").await;
    assert_eq!(found.status, 200, "{}", found.body);
    assert_eq!(found.body["ticket"]["status"], "new", "{}", found.body);
    assert!(!delayed.is_readable(), "no byte has been sent");
    assert_eq!(
        account.client.get("/api/v2/ticket/1").await.status,
        200,
        "other clients can read the ticket"
    );
}

#[tokio::test]
async fn disconnect_during_a_delay_does_not_cancel_the_write() {
    let (server, account) = start_with_account().await;
    account.add_fault(&json!({ "first": 1, "effect": { "delay": "200ms" } })).await;
    let delayed = RawConnection::open_and_send(
        &server.base_url,
        &build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM),
    )
    .await;
    poll_until("the delay", async || account.fault_counts().await == [(1, 1)]).await;
    drop(delayed);
    let found = account.send_control("GET", "/wait?ticket=1&title=Printer&timeout=1m").await;
    assert_eq!(found.status, 200, "{}", found.body);
    let entries = wait_for_entries(&account, "operation=ticket.create&changed=true", 1).await;
    assert_eq!(entries[0]["fault"]["effect"], "delay", "{entries:?}");
    assert_eq!(account.count_tickets().await, 1, "the ticket is created once");
    assert_eq!(post_ticket(&account.client).await.body["ticketID"], 2);
}

#[tokio::test]
async fn reset_cancels_a_delayed_write() {
    let (server, account) = start_with_account().await;
    account.add_fault(&json!({ "first": 1, "effect": { "delay": "200ms" } })).await;
    let delayed = RawConnection::open_and_send(
        &server.base_url,
        &build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM),
    )
    .await;
    poll_until("the delay", async || account.fault_counts().await == [(1, 1)]).await;
    assert_eq!(account.send_control("POST", "/reset").await.status, 204);
    let timed_out = account.send_control("GET", "/wait?ticket=1&title=Printer&timeout=500ms").await;
    assert_problem(&timed_out, 409, "wait-timeout", "a ticket from before the reset");
    assert_eq!(account.count_tickets().await, 0);
    drop(delayed);
}

#[tokio::test]
async fn delayed_request_does_not_block_its_account() {
    let (server, account) = start_with_account().await;
    for when in ["before", "after"] {
        let effect = json!({ "delay": "5m", "when": when });
        let rule = json!({ "fields": { "title": "Printer" }, "effect": effect });
        account.add_fault(&rule).await;
        let before = account.count_tickets().await;
        let delayed = RawConnection::open_and_send(
            &server.base_url,
            &build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM),
        )
        .await;
        let expected_count = before + u64::from(when == "after");
        poll_until("the delay", async || {
            account.fault_counts().await == [(1, 1)]
                && account.count_tickets().await == expected_count
        })
        .await;
        let other = NEW_TICKET_FORM.replace("Printer", "Scanner");
        let response = account.client.send_form("POST", TICKETS_PATH, &other).await;
        assert_eq!(response.status, 200, "{when}: {}", response.body);
        assert_eq!(
            account.client.get(TICKETS_PATH).await.body["itemTotal"],
            expected_count + 1,
            "{when}"
        );
        account.clear_faults().await;
        drop(delayed);
    }
}
