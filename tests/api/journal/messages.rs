//! Explanations in the problems of failed verifications and waits.

use regex::Regex;
use serde_json::{Value, json};

use super::ticket_requests::{create_ticket, set_status, update_ticket};
use crate::support::client::JsonResponse;
use crate::support::control::{Account, expect_string};
use crate::support::seed::{SeededServer, acme_seed, serve_seed, ticket_fixture};

/// Returns the detail of a 409 problem.
fn problem_detail(reply: &JsonResponse) -> String {
    assert_eq!(reply.status, 409, "{}", reply.body);
    let interval = Regex::new(r"[0-9.]+(ms|s)( [0-9.]+ms)? after request").expect("a valid regex");
    let detail = expect_string(&reply.body["detail"]);
    interval.replace_all(&detail, "(time) after request").into_owned()
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
