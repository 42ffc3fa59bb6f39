//! A lost answer: the change is made once, and whoever tries again makes it twice.

use serde_json::{Value, json};

use super::wire::{ExpectedOutcome, exchange_until_close, send_raw};
use super::{
    TICKET_PATH, TICKETS_PATH, add_fault, build_raw_form, build_raw_get, clear_faults,
    count_tickets, create_ticket, fault_counts, poll_until, start_with_account, start_with_ticket,
    wait_for_entries,
};
use crate::control_client::Account;
use crate::fixtures::NEW_TICKET_FORM;

/// The tickets that are found by their title.
async fn count_by_title(account: &Account, title: &str) -> u64 {
    let list = account.client.get(&format!("{TICKETS_PATH}?query={title}")).await.body;
    list["itemTotal"].as_u64().expect("a total")
}

#[tokio::test]
async fn ticket_is_created_once_when_its_response_is_dropped() {
    let (server, account) = start_with_account().await;
    for (title, form_of_loss, met) in [
        ("one", json!("reset"), ExpectedOutcome::ConnectionReset),
        ("two", json!(503), ExpectedOutcome::Error(503)),
        ("three", json!(400), ExpectedOutcome::Error(400)),
        ("four", json!(599), ExpectedOutcome::Error(599)),
    ] {
        let rule =
            json!({ "operation": "ticket.create", "effect": { "lose_answer": form_of_loss } });
        add_fault(&account, &rule).await;
        let body = NEW_TICKET_FORM.replace("Printer", title);
        let heard = exchange_until_close(
            &server.base_url,
            &build_raw_form(&account, "POST", TICKETS_PATH, &body),
        )
        .await;
        met.assert_matches(title, &heard, "");
        assert_eq!(count_by_title(&account, title).await, 1, "{title}");
        clear_faults(&account).await;
    }
    assert_eq!(count_tickets(&account).await, 4);
    assert_eq!(create_ticket(&account).await.body["ticketID"], 5, "no id is passed over");
}

#[tokio::test]
async fn ticket_exists_while_its_response_hangs() {
    let (server, account) = start_with_account().await;
    add_fault(&account, &json!({ "first": 1, "effect": { "lose_answer": "hang" } })).await;
    let stream = send_raw(
        &server.base_url,
        &build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM),
    )
    .await;
    let there = account.send_control("GET", "/wait?ticket=1&title=Printer&timeout=1m").await;
    assert_eq!(there.status, 200, "{}", there.body);
    assert_eq!(there.body["ticket"]["title"], "Printer", "{}", there.body);
    assert_eq!(count_by_title(&account, "Printer").await, 1);
    let silent = stream.try_read(&mut [0; 1]).expect_err("no byte has come");
    assert_eq!(silent.kind(), std::io::ErrorKind::WouldBlock);

    drop(stream);
    let left = wait_for_entries(&account, "status=none&fault=true", 1).await;
    assert_eq!(left[0]["changes"][0]["did"], "created", "{left:?}");
    assert_eq!(count_tickets(&account).await, 1);
}

#[tokio::test]
async fn retry_after_a_dropped_response_creates_a_duplicate() {
    let (server, account) = start_with_account().await;
    add_fault(&account, &json!({ "first": 1, "effect": { "lose_answer": "reset" } })).await;
    let request_bytes = build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM);
    assert_eq!(exchange_until_close(&server.base_url, &request_bytes).await.text, "");
    assert_eq!(exchange_until_close(&server.base_url, &request_bytes).await.status(), 200);
    assert_eq!(count_tickets(&account).await, 2);
    assert_eq!(fault_counts(&account).await, [(2, 1)]);
}

#[tokio::test]
async fn dropped_response_to_an_invalid_update_changes_nothing() {
    let (server, account) = start_with_ticket().await;
    add_fault(&account, &json!({ "effect": { "lose_answer": "reset" } })).await;
    let refused = build_raw_form(&account, "PUT", TICKET_PATH, "status=nonsense");
    ExpectedOutcome::ConnectionReset.assert_matches(
        "a refused change",
        &exchange_until_close(&server.base_url, &refused).await,
        "",
    );
    clear_faults(&account).await;
    let item: Value = account.client.get(TICKET_PATH).await.body;
    assert_eq!(item["item"]["status"], "new", "{item}");
}

#[tokio::test]
async fn disconnect_during_a_hang_leaves_no_change() {
    let (server, account) = start_with_ticket().await;
    add_fault(&account, &json!({ "effect": { "hang": "5m" } })).await;
    let asked = [
        build_raw_get(&account, TICKET_PATH),
        build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM),
    ];
    for (number, asked) in asked.iter().enumerate() {
        let stream = send_raw(&server.base_url, asked).await;
        let applied = u64::try_from(number).expect("few") + 1;
        poll_until("the hang", async || fault_counts(&account).await == [(applied, applied)]).await;
        drop(stream);
        let left = wait_for_entries(&account, "status=none&fault=true", number + 1).await;
        let last = &left[number];
        assert_eq!(last["fault"]["effect"], "hang", "{last}");
        assert_eq!((&last["status"], &last["body"]), (&Value::Null, &Value::Null), "{last}");
        assert_eq!(last["changes"], json!([]), "{last}");
    }
    assert_eq!(count_tickets(&account).await, 1, "it was not carried out");
}
