//! Waits until a ticket has the expected state, whichever request changes it.

use serde_json::{Value, json};

use super::helpers::seq_numbers;
use super::ticket_requests::{
    batch_tickets, create_ticket, delete_ticket, set_priority, set_status, unlink_customer,
    update_ticket,
};
use super::wait::{LONG_TIMEOUT, ZERO_TIMEOUT};
use crate::support::control::{Account, assert_problem, expect_string};
use crate::support::seed::{SeededServer, acme_seed, serve_seed, ticket_fixture};

const SHORT_TIMEOUT: (&str, &str) = ("timeout", "1ms");

fn start_server() -> (SeededServer, Account) {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    (server, acme)
}

/// Checks that the result has an explicit null instead of no ticket.
fn assert_ticket_is_null(found: &Value) {
    assert_eq!(found.get("ticket"), Some(&Value::Null), "{found}");
}

#[tokio::test]
async fn current_ticket_state_ends_a_wait_at_once() {
    let (_server, acme) = start_server();
    for query in [
        &[("status", "new")][..],
        &[("priority", "medium"), ("title", "Ticket 7")],
        &[("assigned_group_id", "0"), ("customer_id", "0")],
        &[("created_at", "2026-02-01 09:00:00"), ("closed_at", "")],
    ] {
        let found = acme.wait_ok(&[&[("ticket", "7"), ZERO_TIMEOUT], query].concat()).await;
        assert_eq!(found["ticket"]["id"], 7, "{query:?}: {found}");
        assert_eq!(found["ticket"]["title"], "Ticket 7", "{query:?}: {found}");
        assert_eq!(found["cursor"], acme.cursor().await, "{query:?}");
    }
    let deleted = acme.wait_ok(&[("ticket", "99"), ("deleted", "true"), ZERO_TIMEOUT]).await;
    assert_ticket_is_null(&deleted);
}

#[tokio::test]
async fn each_write_operation_ends_a_wait() {
    let (server, acme) = start_server();
    let title = [("actions[0][actionType]", "title"), ("actions[0][value]", "Batched")];
    let batched = [&[("TicketIDs", "7")][..], &title].concat();
    for (request, column, value) in [
        (set_status(&[("status", "open"), ("ticketIDs[]", "7")]), "status", "open"),
        (set_priority(&[("priority", "urgent"), ("ticketIDs[]", "7")]), "priority", "urgent"),
        (update_ticket("/7", &[("title", "Updated")]), "title", "Updated"),
        (update_ticket("/7", &[("externalPrimaryID", "C-77")]), "customer_id", "626822"),
        (batch_tickets(&batched), "title", "Batched"),
        (unlink_customer("7"), "customer_id", "0"),
        (update_ticket("/7", &[("status", "closed")]), "closed_at", "2026-03-01 12:00:00"),
    ] {
        let query = [("ticket", "7"), (column, value), LONG_TIMEOUT];
        let (found, _) = tokio::join!(acme.wait_ok(&query), request.send_ok(&server));
        let actual = &found["ticket"][column];
        let actual = actual.as_str().map_or(actual.to_string(), str::to_owned);
        assert_eq!(actual, value, "{request:?}: {found}");
    }
}

#[tokio::test]
async fn creation_and_deletion_of_the_ticket_end_a_wait() {
    let (server, acme) = start_server();
    let (creation, deletion) = (create_ticket(&[]), delete_ticket("/8"));
    let query = [("ticket", "8"), ("status", "new"), ("title", "Printer"), LONG_TIMEOUT];
    let (found, _) = tokio::join!(acme.wait_ok(&query), creation.send_ok(&server));
    assert_eq!(found["ticket"]["id"], 8, "{found}");
    let query = [("ticket", "8"), ("deleted", "true"), LONG_TIMEOUT];
    let (found, _) = tokio::join!(acme.wait_ok(&query), deletion.send_ok(&server));
    assert_ticket_is_null(&found);
}

#[tokio::test]
async fn all_columns_must_match_at_the_same_time() {
    let (server, acme) = start_server();
    let query = [("ticket", "7"), ("status", "open"), ("priority", "low"), LONG_TIMEOUT];
    let write = async {
        set_status(&[("status", "open"), ("ticketIDs[]", "7")]).send_ok(&server).await;
        set_status(&[("status", "solved"), ("ticketIDs[]", "7")]).send_ok(&server).await;
        set_priority(&[("priority", "low"), ("ticketIDs[]", "7")]).send_ok(&server).await;
        set_status(&[("status", "open"), ("ticketIDs[]", "7")]).send_ok(&server).await;
    };
    let (found, ()) = tokio::join!(acme.wait_ok(&query), write);
    assert_eq!(found["ticket"]["status"], "open", "{found}");
    assert_eq!(found["ticket"]["priority"], "low", "{found}");
}

#[tokio::test]
async fn restore_reset_and_import_end_a_wait() {
    let (server, acme) = start_server();
    assert_eq!(acme.send_control("PUT", "/snapshots/before").await.status, 201);
    for path in ["/snapshots/before/restore", "/reset"] {
        set_status(&[("status", "solved"), ("ticketIDs[]", "7")]).send_ok(&server).await;
        let query = [("ticket", "7"), ("status", "new"), LONG_TIMEOUT];
        let (found, response) = tokio::join!(acme.wait_ok(&query), acme.send_control("POST", path));
        assert_eq!(response.status, 204, "{path}: {}", response.body);
        assert_eq!(found["ticket"]["status"], "new", "{path}: {found}");
    }
    create_ticket(&[]).send_ok(&server).await;
    let query = [("ticket", "8"), ("deleted", "true"), LONG_TIMEOUT];
    let (found, _) = tokio::join!(acme.wait_ok(&query), acme.send_control("POST", "/reset"));
    assert_ticket_is_null(&found);
    let fixture =
        json!({ "accounts": { "a": { "tickets": [{ "id": 50, "title": "Imported" }] } } });
    let query = [("ticket", "50"), ("title", "Imported"), LONG_TIMEOUT];
    let import = acme.send_control_json("POST", "/import", &fixture);
    let (found, imported) = tokio::join!(acme.wait_ok(&query), import);
    assert_eq!(imported.status, 200, "{}", imported.body);
    assert_eq!(found["ticket"]["id"], 50, "{found}");
}

#[tokio::test]
async fn timeout_is_a_problem() {
    let (_server, acme) = start_server();
    for query in [
        &[("ticket", "7"), ("status", "closed")][..],
        &[("ticket", "7"), ("status", "new"), ("priority", "low")],
        &[("ticket", "7"), ("deleted", "true")],
        &[("ticket", "99"), ("status", "new")],
        &[("ticket", "7"), ("assigned_group_id", "1")],
    ] {
        let timed_out = acme.wait(&[query, &[SHORT_TIMEOUT]].concat()).await;
        assert_problem(&timed_out, 409, "wait-timeout", &format!("{query:?}"));
    }
}

#[tokio::test]
async fn wait_cursor_points_to_the_matching_state() {
    let (server, acme) = start_server();
    set_status(&[("status", "open"), ("ticketIDs[]", "7")]).send_ok(&server).await;
    let found = acme.wait_ok(&[("ticket", "7"), ("status", "open"), SHORT_TIMEOUT]).await;
    let since = expect_string(&found["cursor"]);
    set_status(&[("status", "solved"), ("ticketIDs[]", "7")]).send_ok(&server).await;
    assert_eq!(seq_numbers(&acme.entries(&[("since", &since)]).await), [2]);
}

#[tokio::test]
async fn waiting_for_a_ticket_records_no_entry() {
    let (_server, acme) = start_server();
    acme.wait_ok(&[("ticket", "7"), ("status", "new")]).await;
    acme.wait(&[("ticket", "7"), ("status", "open"), SHORT_TIMEOUT]).await;
    assert_eq!(acme.entries(&[]).await, Vec::<Value>::new());
}
