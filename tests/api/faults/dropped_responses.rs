//! Dropped responses: the change is made once, and a retry makes it again.

use serde_json::{Value, json};

use super::wire::ExpectedOutcome;
use super::{
    TICKET_PATH, build_raw_form, build_raw_get, poll_until, start_with_ticket, wait_for_entries,
};
use crate::support::control::{Account, start_with_account};
use crate::support::raw::{RawConnection, transcribe};
use crate::support::ticket::{NEW_TICKET_FORM, TICKETS_PATH, post_ticket};

/// Returns the number of tickets with this title.
async fn count_by_title(account: &Account, title: &str) -> u64 {
    let list = account.client.get(&format!("{TICKETS_PATH}?query={title}")).await.body;
    list["itemTotal"].as_u64().expect("itemTotal is a number")
}

#[tokio::test]
async fn ticket_is_created_once_when_its_response_is_dropped() {
    let (server, account) = start_with_account().await;
    for (title, mode, outcome) in [
        ("one", json!("reset"), ExpectedOutcome::ConnectionReset),
        ("two", json!(503), ExpectedOutcome::Error(503)),
        ("three", json!(400), ExpectedOutcome::Error(400)),
        ("four", json!(599), ExpectedOutcome::Error(599)),
    ] {
        let rule = json!({ "operation": "ticket.create", "effect": { "drop_response": mode } });
        account.add_fault(&rule).await;
        let body = NEW_TICKET_FORM.replace("Printer", title);
        let transcript =
            transcribe(&server.base_url, &build_raw_form(&account, "POST", TICKETS_PATH, &body))
                .await;
        outcome.assert_matches(title, &transcript, "");
        assert_eq!(count_by_title(&account, title).await, 1, "{title}");
        account.clear_faults().await;
    }
    assert_eq!(account.count_tickets().await, 4);
    assert_eq!(post_ticket(&account.client).await.body["ticketID"], 5, "no ID is skipped");
}

#[tokio::test]
async fn ticket_exists_while_its_response_hangs() {
    let (server, account) = start_with_account().await;
    account.add_fault(&json!({ "first": 1, "effect": { "drop_response": "hang" } })).await;
    let stream = RawConnection::open_and_send(
        &server.base_url,
        &build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM),
    )
    .await;
    let found = account.send_control("GET", "/wait?ticket=1&title=Printer&timeout=1m").await;
    assert_eq!(found.status, 200, "{}", found.body);
    assert_eq!(found.body["ticket"]["title"], "Printer", "{}", found.body);
    assert_eq!(count_by_title(&account, "Printer").await, 1);
    assert!(!stream.is_readable(), "no byte has been sent");

    drop(stream);
    let entries = wait_for_entries(&account, "status=none&fault=true", 1).await;
    assert_eq!(entries[0]["changes"][0]["change"], "created", "{entries:?}");
    assert_eq!(account.count_tickets().await, 1);
}

#[tokio::test]
async fn retry_after_a_dropped_response_creates_a_duplicate() {
    let (server, account) = start_with_account().await;
    account.add_fault(&json!({ "first": 1, "effect": { "drop_response": "reset" } })).await;
    let request_bytes = build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM);
    assert_eq!(transcribe(&server.base_url, &request_bytes).await.text(), "");
    assert_eq!(transcribe(&server.base_url, &request_bytes).await.status(), 200);
    assert_eq!(account.count_tickets().await, 2);
    assert_eq!(account.fault_counts().await, [(2, 1)]);
}

#[tokio::test]
async fn dropped_response_to_an_invalid_update_changes_nothing() {
    let (server, account) = start_with_ticket().await;
    account.add_fault(&json!({ "effect": { "drop_response": "reset" } })).await;
    let invalid = build_raw_form(&account, "PUT", TICKET_PATH, "status=nonsense");
    ExpectedOutcome::ConnectionReset.assert_matches(
        "an invalid update",
        &transcribe(&server.base_url, &invalid).await,
        "",
    );
    account.clear_faults().await;
    let item: Value = account.client.get(TICKET_PATH).await.body;
    assert_eq!(item["item"]["status"], "new", "{item}");
}

#[tokio::test]
async fn disconnect_during_a_hang_leaves_no_change() {
    let (server, account) = start_with_ticket().await;
    account.add_fault(&json!({ "effect": { "hang": "5m" } })).await;
    let requests = [
        build_raw_get(&account, TICKET_PATH),
        build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM),
    ];
    for (number, request) in requests.iter().enumerate() {
        let stream = RawConnection::open_and_send(&server.base_url, request).await;
        let applied = u64::try_from(number).expect("the index fits") + 1;
        poll_until("the hang", async || account.fault_counts().await == [(applied, applied)]).await;
        drop(stream);
        let entries = wait_for_entries(&account, "status=none&fault=true", number + 1).await;
        let last = &entries[number];
        assert_eq!(last["fault"]["effect"], "hang", "{last}");
        assert_eq!(
            (&last["status"], &last["response_body"]),
            (&Value::Null, &Value::Null),
            "{last}"
        );
        assert_eq!(last["changes"], json!([]), "{last}");
    }
    assert_eq!(account.count_tickets().await, 1, "the creation was not executed");
}
