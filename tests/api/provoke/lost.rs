//! A lost answer: the change is made once, and whoever tries again makes it twice.

use serde_json::{Value, json};

use super::wire::{Met, hear, send};
use super::{
    ITEM, LIST, awaited, calm, counts, create, desk, desk_with_a_ticket, form, get, provoke,
    tickets, until,
};
use crate::control::Account;
use crate::fixtures::NEW_TICKET;

/// The tickets that are found by their title.
async fn found(account: &Account, title: &str) -> u64 {
    let list = account.client.get(&format!("{LIST}?query={title}")).await.body;
    list["itemTotal"].as_u64().expect("a total")
}

#[tokio::test]
async fn the_ticket_is_there_once_whatever_became_of_its_answer() {
    let (server, account) = desk().await;
    for (title, form_of_loss, met) in [
        ("one", json!("reset"), Met::Reset),
        ("two", json!(503), Met::Error(503)),
        ("three", json!(400), Met::Error(400)),
        ("four", json!(599), Met::Error(599)),
    ] {
        let rule =
            json!({ "operation": "ticket.create", "effect": { "lose_answer": form_of_loss } });
        provoke(&account, &rule).await;
        let body = NEW_TICKET.replace("Printer", title);
        let heard = hear(&server.base, &form(&account, "POST", LIST, &body)).await;
        met.check(title, &heard, "");
        assert_eq!(found(&account, title).await, 1, "{title}");
        calm(&account).await;
    }
    assert_eq!(tickets(&account).await, 4);
    assert_eq!(create(&account).await.body["ticketID"], 5, "no id is passed over");
}

#[tokio::test]
async fn the_ticket_is_there_while_its_answer_hangs() {
    let (server, account) = desk().await;
    provoke(&account, &json!({ "first": 1, "effect": { "lose_answer": "hang" } })).await;
    let stream = send(&server.base, &form(&account, "POST", LIST, NEW_TICKET)).await;
    let there = account.control("GET", "/wait?ticket=1&title=Printer&timeout=1m").await;
    assert_eq!(there.status, 200, "{}", there.body);
    assert_eq!(there.body["ticket"]["title"], "Printer", "{}", there.body);
    assert_eq!(found(&account, "Printer").await, 1);
    let silent = stream.try_read(&mut [0; 1]).expect_err("no byte has come");
    assert_eq!(silent.kind(), std::io::ErrorKind::WouldBlock);

    drop(stream);
    let left = awaited(&account, "status=none&fault=true", 1).await;
    assert_eq!(left[0]["changes"][0]["did"], "created", "{left:?}");
    assert_eq!(tickets(&account).await, 1);
}

#[tokio::test]
async fn whoever_tries_again_has_the_ticket_twice() {
    let (server, account) = desk().await;
    provoke(&account, &json!({ "first": 1, "effect": { "lose_answer": "reset" } })).await;
    let asked = form(&account, "POST", LIST, NEW_TICKET);
    assert_eq!(hear(&server.base, &asked).await.text, "");
    assert_eq!(hear(&server.base, &asked).await.status(), 200);
    assert_eq!(tickets(&account).await, 2);
    assert_eq!(counts(&account).await, [(2, 1)]);
}

#[tokio::test]
async fn a_change_that_is_refused_is_lost_as_well_and_changes_nothing() {
    let (server, account) = desk_with_a_ticket().await;
    provoke(&account, &json!({ "effect": { "lose_answer": "reset" } })).await;
    let refused = form(&account, "PUT", ITEM, "status=nonsense");
    Met::Reset.check("a refused change", &hear(&server.base, &refused).await, "");
    calm(&account).await;
    let item: Value = account.client.get(ITEM).await.body;
    assert_eq!(item["item"]["status"], "new", "{item}");
}

#[tokio::test]
async fn a_client_that_leaves_its_hang_got_no_answer_and_no_change() {
    let (server, account) = desk_with_a_ticket().await;
    provoke(&account, &json!({ "effect": { "hang": "5m" } })).await;
    let asked = [get(&account, ITEM), form(&account, "POST", LIST, NEW_TICKET)];
    for (number, asked) in asked.iter().enumerate() {
        let stream = send(&server.base, asked).await;
        let applied = u64::try_from(number).expect("few") + 1;
        until("the hang", async || counts(&account).await == [(applied, applied)]).await;
        drop(stream);
        let left = awaited(&account, "status=none&fault=true", number + 1).await;
        let last = &left[number];
        assert_eq!(last["fault"]["effect"], "hang", "{last}");
        assert_eq!((&last["status"], &last["body"]), (&Value::Null, &Value::Null), "{last}");
        assert_eq!(last["changes"], json!([]), "{last}");
    }
    assert_eq!(tickets(&account).await, 1, "it was not carried out");
}
