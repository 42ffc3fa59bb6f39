//! Explanations in the problems of failed verifications and waits.

use serde_json::{Value, json};

use super::ticket_requests::{
    batch_tickets, create_ticket, get_ticket, request_without_body, set_status, update_ticket,
    with_json,
};
use crate::support::client::JsonResponse;
use crate::support::control::{Account, expect_string};
use crate::support::seed::{
    SeededServer, acme_seed, serve_seed, serve_seed_with_args, ticket_fixture,
};
use crate::support::ticket::NEW_TICKET_FORM;

/// Returns the detail of a 409 problem.
fn problem_detail(reply: &JsonResponse) -> String {
    assert_eq!(reply.status, 409, "{}", reply.body);
    expect_string(&reply.body["detail"])
}

async fn start_with_requests() -> (SeededServer, Account) {
    let server = serve_seed(&acme_seed([7, 8].map(ticket_fixture)));
    create_ticket(&[]).send_ok(&server).await;
    set_status(&[("status", "open"), ("ticketIDs[]", "7")]).send_ok(&server).await;
    set_status(&[("status", "solved"), ("ticketIDs[]", "8")]).send_ok(&server).await;
    set_status(&[("status", "done"), ("ticketIDs[]", "8")]).send(&server).await;
    update_ticket("/7", &[("titel", "Fixed")]).send_ok(&server).await;
    server.get("/api/v2/nothing").await;
    let acme = Account::acme(&server);
    (server, acme)
}

/// Verifies the pattern and compares the problem's detail with a snapshot.
async fn assert_verify_snapshot(name: &str, account: &Account, body: Value) {
    insta::assert_snapshot!(name, problem_detail(&account.verify(&body).await));
}

#[tokio::test]
async fn verify_explains_a_missing_request() {
    let (_server, acme) = start_with_requests().await;
    let pattern = json!({
        "operation": "ticket.setStatus", "status": 200,
        "fields": { "status": "solved", "ticketIDs": ["7"] },
    });
    assert_verify_snapshot("none", &acme, pattern).await;
    assert_verify_snapshot("no_such_operation", &acme, json!({ "operation": "ticket.delete" }))
        .await;
    let all = json!({
        "operation": "ticket.update", "method": "POST", "status": "4xx", "key": "other", "changed": true,
        "fault": true, "warning": "content-type",
        "fields": { "title": { "matches": "^F" }, "status": { "present": true }, "titel": { "absent": true } },
    });
    assert_verify_snapshot("everything_else", &acme, all).await;
}

#[tokio::test]
async fn verify_explains_a_wrong_count() {
    let (_server, acme) = start_with_requests().await;
    let count = |count: Value| json!({ "operation": "setStatus", "status": "2xx", "count": count });
    assert_verify_snapshot("too_few", &acme, count(json!({ "at_least": 3 }))).await;
    assert_verify_snapshot("too_many", &acme, count(json!({ "at_most": 1 }))).await;
    assert_verify_snapshot("not_exactly", &acme, count(json!({ "exactly": 1 }))).await;
    assert_verify_snapshot("not_between", &acme, count(json!({ "at_least": 3, "at_most": 5 })))
        .await;
    assert_verify_snapshot("not_never", &acme, count(json!({ "never": true }))).await;
}

#[tokio::test]
async fn verify_explains_an_empty_journal() {
    let server = serve_seed(&acme_seed([]));
    let acme = Account::acme(&server);
    assert_verify_snapshot("empty", &acme, json!({ "operation": "ticket.create" })).await;
    assert_verify_snapshot(
        "empty_order",
        &acme,
        json!({ "order": [{ "operation": "ticket.create" }, {}] }),
    )
    .await;
}

#[tokio::test]
async fn verify_explains_a_wrong_order() {
    let (_server, acme) = start_with_requests().await;
    let status = |status: &str| json!({ "operation": "setStatus", "fields": { "status": status } });
    assert_verify_snapshot(
        "order_reversed",
        &acme,
        json!({ "order": [status("solved"), status("open")] }),
    )
    .await;
    let missing = json!({ "order": [{ "operation": "create" }, status("open"), status("closed")] });
    assert_verify_snapshot("order_missing", &acme, missing).await;
    let too_close = json!({ "order": [status("open"), status("solved")], "min_interval": "90s" });
    assert_verify_snapshot("order_apart", &acme, too_close).await;
}

#[tokio::test]
async fn verify_explains_a_truncated_journal() {
    let server = serve_seed_with_args(
        &acme_seed([ticket_fixture(7)]),
        &["--ephemeral", "--journal-entries", "2"],
    );
    let acme = Account::acme(&server);
    for _ in 0..4 {
        get_ticket("/7").send_ok(&server).await;
    }
    assert_verify_snapshot(
        "truncated",
        &acme,
        json!({ "operation": "create", "count": { "never": true } }),
    )
    .await;
    assert_verify_snapshot(
        "truncated_order",
        &acme,
        json!({ "order": [{ "operation": "create" }, {}] }),
    )
    .await;
}

#[tokio::test]
async fn verify_shortens_long_and_nested_values() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    let title = "x".repeat(500);
    server.send_form("POST", "/api/v2/ticket", &NEW_TICKET_FORM.replace("Printer", &title)).await;
    let rows = [
        ("TicketIDs", "7"),
        ("actions[0][actionType]", "title"),
        ("actions[0][value]", "two\nlines"),
    ];
    batch_tickets(&rows).send_ok(&server).await;
    with_json(
        request_without_body("ticket.create", "POST", ""),
        json!({ "title": { "a": [1, null] } }),
    )
    .send(&server)
    .await;
    assert_verify_snapshot(
        "long",
        &acme,
        json!({ "operation": "create", "fields": { "title": "y" } }),
    )
    .await;
    let nested = json!({ "operation": "batch", "fields": { "actions[0][value]": "one line" } });
    assert_verify_snapshot("nested", &acme, nested).await;
    let rows = json!({ "operation": "batch", "fields": { "actions": "one", "action": "two" } });
    assert_verify_snapshot("rows", &acme, rows).await;
}

#[tokio::test]
async fn wait_explains_a_timeout() {
    let (_server, acme) = start_with_requests().await;
    let timeout_detail = async |query: &[(&str, &str)]| {
        problem_detail(&acme.wait(&[query, &[("timeout", "1ms")]].concat()).await)
    };
    let none = timeout_detail(&[("operation", "setStatus"), ("field.status", "closed")]).await;
    insta::assert_snapshot!("wait_none", none);
    let few =
        timeout_detail(&[("operation", "setStatus"), ("status", "200"), ("count", "3")]).await;
    insta::assert_snapshot!("wait_few", few);
    let ticket =
        timeout_detail(&[("ticket", "7"), ("status", "closed"), ("priority", "medium")]).await;
    insta::assert_snapshot!("wait_ticket", ticket);
    insta::assert_snapshot!(
        "wait_missing",
        timeout_detail(&[("ticket", "99"), ("status", "new")]).await
    );
    insta::assert_snapshot!(
        "wait_deleted",
        timeout_detail(&[("ticket", "7"), ("deleted", "true")]).await
    );
}
