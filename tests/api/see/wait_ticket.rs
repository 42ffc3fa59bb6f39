//! Waiting until a ticket is in a state, whoever brings it there.

use serde_json::{Value, json};

use super::asks::{batch, create, delete, set_priority, set_status, unlink, update};
use super::look::{numbers, text};
use crate::control::{Account, problem};
use crate::fixtures::{Seeded, acme, serve, ticket};

const LONG: (&str, &str) = ("timeout", "1m");
const SHORT: (&str, &str) = ("timeout", "1ms");
/// No time to wait at all: what is so already is found nevertheless.
const NONE: (&str, &str) = ("timeout", "0s");

fn server() -> (Seeded, Account) {
    let server = serve(&acme([ticket(7)]));
    let acme = Account::acme(&server);
    (server, acme)
}

/// It says so, rather than nothing.
fn is_gone(found: &Value) {
    assert_eq!(found.get("ticket"), Some(&Value::Null), "{found}");
}

#[tokio::test]
async fn a_state_that_is_there_is_found_at_once() {
    let (_server, acme) = server();
    for query in [
        &[("status", "new")][..],
        &[("priority", "medium"), ("title", "Ticket 7")],
        &[("assigned_group_id", "0"), ("customer_id", "0")],
        &[("created_at", "2026-02-01 09:00:00"), ("closed_at", "")],
    ] {
        let found = acme.waited(&[&[("ticket", "7"), NONE], query].concat()).await;
        assert_eq!(found["ticket"]["id"], 7, "{query:?}: {found}");
        assert_eq!(found["ticket"]["title"], "Ticket 7", "{query:?}: {found}");
        assert_eq!(found["cursor"], acme.cursor().await, "{query:?}");
    }
    let gone = acme.waited(&[("ticket", "99"), ("deleted", "true"), NONE]).await;
    is_gone(&gone);
}

#[tokio::test]
async fn each_writing_operation_ends_a_wait() {
    let (server, acme) = server();
    let title = [("actions[0][actionType]", "title"), ("actions[0][value]", "Batched")];
    let batched = [&[("TicketIDs", "7")][..], &title].concat();
    for (ask, column, value) in [
        (set_status(&[("status", "open"), ("ticketIDs[]", "7")]), "status", "open"),
        (set_priority(&[("priority", "urgent"), ("ticketIDs[]", "7")]), "priority", "urgent"),
        (update("/7", &[("title", "Updated")]), "title", "Updated"),
        (update("/7", &[("externalPrimaryID", "C-77")]), "customer_id", "626822"),
        (batch(&batched), "title", "Batched"),
        (unlink("7"), "customer_id", "0"),
        (update("/7", &[("status", "closed")]), "closed_at", "2026-03-01 12:00:00"),
    ] {
        let query = [("ticket", "7"), (column, value), LONG];
        let (found, _) = tokio::join!(acme.waited(&query), ask.done(&server));
        let shown = &found["ticket"][column];
        let shown = shown.as_str().map_or(shown.to_string(), str::to_owned);
        assert_eq!(shown, value, "{ask:?}: {found}");
    }
}

#[tokio::test]
async fn a_ticket_that_comes_and_goes_is_waited_for() {
    let (server, acme) = server();
    let (come, go) = (create(&[]), delete("/8"));
    let query = [("ticket", "8"), ("status", "new"), ("title", "Printer on fire"), LONG];
    let (found, _) = tokio::join!(acme.waited(&query), come.done(&server));
    assert_eq!(found["ticket"]["id"], 8, "{found}");
    let query = [("ticket", "8"), ("deleted", "true"), LONG];
    let (found, _) = tokio::join!(acme.waited(&query), go.done(&server));
    is_gone(&found);
}

#[tokio::test]
async fn all_columns_must_be_so_at_once() {
    let (server, acme) = server();
    let query = [("ticket", "7"), ("status", "open"), ("priority", "low"), LONG];
    let write = async {
        set_status(&[("status", "open"), ("ticketIDs[]", "7")]).done(&server).await;
        set_status(&[("status", "solved"), ("ticketIDs[]", "7")]).done(&server).await;
        set_priority(&[("priority", "low"), ("ticketIDs[]", "7")]).done(&server).await;
        set_status(&[("status", "open"), ("ticketIDs[]", "7")]).done(&server).await;
    };
    let (found, ()) = tokio::join!(acme.waited(&query), write);
    assert_eq!(found["ticket"]["status"], "open", "{found}");
    assert_eq!(found["ticket"]["priority"], "low", "{found}");
}

#[tokio::test]
async fn restores_resets_and_imports_end_a_wait() {
    let (server, acme) = server();
    assert_eq!(acme.control("PUT", "/snapshots/before").await.status, 201);
    for back in ["/snapshots/before/restore", "/reset"] {
        set_status(&[("status", "solved"), ("ticketIDs[]", "7")]).done(&server).await;
        let query = [("ticket", "7"), ("status", "new"), LONG];
        let (found, gone) = tokio::join!(acme.waited(&query), acme.control("POST", back));
        assert_eq!(gone.status, 204, "{back}: {}", gone.body);
        assert_eq!(found["ticket"]["status"], "new", "{back}: {found}");
    }
    create(&[]).done(&server).await;
    let query = [("ticket", "8"), ("deleted", "true"), LONG];
    let (found, _) = tokio::join!(acme.waited(&query), acme.control("POST", "/reset"));
    is_gone(&found);
    let fixture =
        json!({ "accounts": { "a": { "tickets": [{ "id": 50, "title": "Imported" }] } } });
    let query = [("ticket", "50"), ("title", "Imported"), LONG];
    let import = acme.control_with("POST", "/import", &fixture);
    let (found, imported) = tokio::join!(acme.waited(&query), import);
    assert_eq!(imported.status, 200, "{}", imported.body);
    assert_eq!(found["ticket"]["id"], 50, "{found}");
}

#[tokio::test]
async fn time_that_is_up_is_a_problem() {
    let (_server, acme) = server();
    for query in [
        &[("ticket", "7"), ("status", "closed")][..],
        &[("ticket", "7"), ("status", "new"), ("priority", "low")],
        &[("ticket", "7"), ("deleted", "true")],
        &[("ticket", "99"), ("status", "new")],
        &[("ticket", "7"), ("assigned_group_id", "1")],
    ] {
        let over = acme.wait(&[query, &[SHORT]].concat()).await;
        problem(&over, 409, "wait-over", &format!("{query:?}"));
    }
}

#[tokio::test]
async fn the_cursor_is_the_place_where_it_was_so() {
    let (server, acme) = server();
    set_status(&[("status", "open"), ("ticketIDs[]", "7")]).done(&server).await;
    let found = acme.waited(&[("ticket", "7"), ("status", "open"), SHORT]).await;
    let since = text(&found["cursor"]);
    set_status(&[("status", "solved"), ("ticketIDs[]", "7")]).done(&server).await;
    assert_eq!(numbers(&acme.entries(&[("since", &since)]).await), [2]);
}

#[tokio::test]
async fn looking_at_a_ticket_so_leaves_no_entry() {
    let (_server, acme) = server();
    acme.waited(&[("ticket", "7"), ("status", "new")]).await;
    acme.wait(&[("ticket", "7"), ("status", "open"), SHORT]).await;
    assert_eq!(acme.entries(&[]).await, Vec::<Value>::new());
}
