//! What a person reads when what a test expects has not happened.

use serde_json::{Value, json};

use super::asks::{batch, create, get, json_body, plain, set_status, update};
use super::look::text;
use crate::control::Account;
use crate::fixtures::{NEW_TICKET, Seeded, acme, serve, serve_with, ticket};
use crate::support::Reply;

/// The detail of a problem.
fn told(reply: &Reply) -> String {
    assert_eq!(reply.status, 409, "{}", reply.body);
    text(&reply.body["detail"])
}

async fn asked() -> (Seeded, Account) {
    let server = serve(&acme([7, 8].map(ticket)));
    create(&[]).done(&server).await;
    set_status(&[("status", "open"), ("ticketIDs[]", "7")]).done(&server).await;
    set_status(&[("status", "solved"), ("ticketIDs[]", "8")]).done(&server).await;
    set_status(&[("status", "done"), ("ticketIDs[]", "8")]).send(&server).await;
    update("/7", &[("titel", "Fixed")]).done(&server).await;
    server.get("/api/v2/nothing").await;
    let acme = Account::acme(&server);
    (server, acme)
}

/// Verifies and takes a snapshot of what is told.
async fn of(name: &str, account: &Account, body: Value) {
    insta::assert_snapshot!(name, told(&account.verify(&body).await));
}

#[tokio::test]
async fn none_where_one_is_expected() {
    let (_server, acme) = asked().await;
    let wanted = json!({
        "operation": "ticket.setStatus", "status": 200,
        "fields": { "status": "solved", "ticketIDs": ["7"] },
    });
    of("none", &acme, wanted).await;
    of("no_such_operation", &acme, json!({ "operation": "ticket.delete" })).await;
    let all = json!({
        "operation": "ticket.update", "method": "POST", "status": "4xx", "key": "other", "changed": true,
        "fault": true, "warning": "content-type",
        "fields": { "title": { "matches": "^F" }, "status": { "present": true }, "titel": { "absent": true } },
    });
    of("everything_else", &acme, all).await;
}

#[tokio::test]
async fn too_few_and_too_many() {
    let (_server, acme) = asked().await;
    let count = |count: Value| json!({ "operation": "setStatus", "status": "2xx", "count": count });
    of("too_few", &acme, count(json!({ "at_least": 3 }))).await;
    of("too_many", &acme, count(json!({ "at_most": 1 }))).await;
    of("not_exactly", &acme, count(json!({ "exactly": 1 }))).await;
    of("not_between", &acme, count(json!({ "at_least": 3, "at_most": 5 }))).await;
    of("not_never", &acme, count(json!({ "never": true }))).await;
}

#[tokio::test]
async fn an_empty_journal() {
    let server = serve(&acme([]));
    let acme = Account::acme(&server);
    of("empty", &acme, json!({ "operation": "ticket.create" })).await;
    of("empty_order", &acme, json!({ "order": [{ "operation": "ticket.create" }, {}] })).await;
}

#[tokio::test]
async fn an_order_that_was_not_kept() {
    let (_server, acme) = asked().await;
    let status = |status: &str| json!({ "operation": "setStatus", "fields": { "status": status } });
    of("order_reversed", &acme, json!({ "order": [status("solved"), status("open")] })).await;
    let missing = json!({ "order": [{ "operation": "create" }, status("open"), status("closed")] });
    of("order_missing", &acme, missing).await;
    let apart = json!({ "order": [status("open"), status("solved")], "apart": "90s" });
    of("order_apart", &acme, apart).await;
}

#[tokio::test]
async fn a_journal_that_no_longer_holds_all() {
    let server = serve_with(&acme([ticket(7)]), &["--ephemeral", "--journal-entries", "2"]);
    let acme = Account::acme(&server);
    for _ in 0..4 {
        get("/7").done(&server).await;
    }
    of("truncated", &acme, json!({ "operation": "create", "count": { "never": true } })).await;
    of("truncated_order", &acme, json!({ "order": [{ "operation": "create" }, {}] })).await;
}

#[tokio::test]
async fn long_texts_and_nested_ones() {
    let server = serve(&acme([ticket(7)]));
    let acme = Account::acme(&server);
    let title = "x".repeat(500);
    server.form("POST", "/api/v2/ticket", &NEW_TICKET.replace("Printer", &title)).await;
    let rows = [
        ("TicketIDs", "7"),
        ("actions[0][actionType]", "title"),
        ("actions[0][value]", "two\nlines"),
    ];
    batch(&rows).done(&server).await;
    json_body(plain("ticket.create", "POST", ""), json!({ "title": { "a": [1, null] } }))
        .send(&server)
        .await;
    of("long", &acme, json!({ "operation": "create", "fields": { "title": "y" } })).await;
    let nested = json!({ "operation": "batch", "fields": { "actions[0][value]": "one line" } });
    of("nested", &acme, nested).await;
    let rows = json!({ "operation": "batch", "fields": { "actions": "one", "action": "two" } });
    of("rows", &acme, rows).await;
}

#[tokio::test]
async fn a_wait_that_is_over() {
    let (_server, acme) = asked().await;
    let over = async |query: &[(&str, &str)]| {
        told(&acme.wait(&[query, &[("timeout", "1ms")]].concat()).await)
    };
    let none = over(&[("operation", "setStatus"), ("field.status", "closed")]).await;
    insta::assert_snapshot!("wait_none", none);
    let few = over(&[("operation", "setStatus"), ("status", "200"), ("count", "3")]).await;
    insta::assert_snapshot!("wait_few", few);
    let ticket = over(&[("ticket", "7"), ("status", "closed"), ("priority", "medium")]).await;
    insta::assert_snapshot!("wait_ticket", ticket);
    insta::assert_snapshot!("wait_missing", over(&[("ticket", "99"), ("status", "new")]).await);
    insta::assert_snapshot!("wait_deleted", over(&[("ticket", "7"), ("deleted", "true")]).await);
}
