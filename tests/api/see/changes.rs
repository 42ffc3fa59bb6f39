//! What each request changed: the rows, and in them the columns, before and after.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::asks::{
    Ask, batch, create, delete, delete_multi, documented, get, listing, set_priority, set_status,
    solve_all, unlink, update,
};
use super::look::{list, numbers, text};
use crate::control::Account;
use crate::fixtures::{Seeded, acme, serve, serve_with, ticket};

const NOW: &str = "2026-03-01 12:00:00";
const BEFORE: &str = "2026-02-01 09:00:00";

fn server() -> (Seeded, Account) {
    let server = serve(&acme([7, 8, 9].map(ticket)));
    let acme = Account::acme(&server);
    (server, acme)
}

/// The rows of the newest change, each column in a line.
async fn newest(account: &Account) -> BTreeSet<String> {
    let changes = list(&account.changes(&[]).await["changes"]);
    lines(&changes.last().expect("a change")["rows"])
}

fn lines(rows: &Value) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for row in list(rows) {
        let name = format!("{} {}", text(&row["kind"]), row["id"]);
        lines.insert(format!("{name} {}", text(&row["did"])));
        for column in list(&row["columns"]) {
            let (from, to) = (&column["from"], &column["to"]);
            lines.insert(format!("{name} {}: {from} {to}", text(&column["column"])));
        }
    }
    lines
}

/// A ticket that was touched for the first time, and what of it became another.
fn updated(id: u64, columns: &[(&str, Value, Value)]) -> Vec<String> {
    let touched = [("last_update", json!(BEFORE), json!(NOW))];
    let all = touched.iter().chain(columns);
    let lines = all.map(|(column, from, to)| format!("ticket {id} {column}: {from} {to}"));
    [format!("ticket {id} updated")].into_iter().chain(lines).collect()
}

fn status(from: &str, to: &str) -> (&'static str, Value, Value) {
    ("status", json!(from), json!(to))
}

fn cases() -> Vec<(Ask, Vec<Vec<String>>)> {
    let (new, solved) = (status("new", "open"), status("new", "solved"));
    let customer = |from: u64, to: u64| ("customer_id", json!(from), json!(to));
    let closed = ("closed_at", Value::Null, json!(NOW));
    let all = [("externalPrimaryID", "C-77"), ("title", "Out"), ("status", "closed")];
    let title = ("title", json!("Ticket 7"), json!("Out"));
    let priority = ("priority", json!("medium"), json!("urgent"));
    let actions = [
        ("TicketIDs", "7, 8"),
        ("actions[0][actionType]", "status"),
        ("actions[0][value]", "open"),
        ("actions[1][actionType]", "priority"),
        ("actions[1][value]", "urgent"),
    ];
    let several = [("ticketIDs[]", "7"), ("ticketIDs[]", "8")];
    vec![
        (
            update("/7", &all),
            vec![updated(7, &[customer(0, 626_822), title, status("new", "closed"), closed])],
        ),
        (
            set_status(&[&[("status", "open")][..], &several].concat()),
            vec![updated(7, std::slice::from_ref(&new)), updated(8, std::slice::from_ref(&new))],
        ),
        (
            set_priority(&[&[("priority", "urgent")][..], &several[..1]].concat()),
            vec![updated(7, std::slice::from_ref(&priority))],
        ),
        (
            batch(&actions),
            vec![updated(7, &[new.clone(), priority.clone()]), updated(8, &[new, priority])],
        ),
        (solve_all(), [7, 8, 9].map(|id| updated(id, std::slice::from_ref(&solved))).to_vec()),
        (delete("/8"), vec![vec!["ticket 8 deleted".to_owned()]]),
        (delete_multi(&several), [7, 8].map(|id| vec![format!("ticket {id} deleted")]).to_vec()),
    ]
}

#[tokio::test]
async fn each_writing_operation_tells_exactly_what_it_changed() {
    let (server, acme) = server();
    for (ask, expected) in cases() {
        assert_eq!(acme.control("POST", "/reset").await.status, 204);
        ask.done(&server).await;
        let expected: BTreeSet<String> = expected.into_iter().flatten().collect();
        assert_eq!(newest(&acme).await, expected, "{ask:?}");
    }
}

#[tokio::test]
async fn a_new_ticket_has_all_columns_that_hold_something() {
    let (server, acme) = server();
    create(&[("formID", "5")]).done(&server).await;
    let rows = newest(&acme).await;
    assert!(rows.contains("ticket 10 created"), "{rows:?}");
    for (column, value) in [
        ("status", json!("new")),
        ("priority", json!("medium")),
        ("title", json!("Printer on fire")),
        ("from", json!("ada@example.test")),
        ("form_id", json!(5)),
        ("brand_id", json!(1)),
        ("customer_id", json!(0)),
        ("created_at", json!(NOW)),
        ("last_update_customer", json!(NOW)),
    ] {
        assert!(rows.contains(&format!("ticket 10 {column}: null {value}")), "{column}: {rows:?}");
    }
    let is_empty = |line: &String| line.ends_with(" null") || line.contains("closed_at");
    assert!(!rows.iter().any(is_empty), "{rows:?}");
    assert!(!rows.iter().any(|line| line.contains("search")), "nothing internal: {rows:?}");
}

#[tokio::test]
async fn a_customer_that_comes_with_a_ticket_is_a_row_of_its_own() {
    let (server, acme) = server();
    update("/7", &[("externalPrimaryID", "C-new")]).done(&server).await;
    let rows = newest(&acme).await;
    for line in [
        "customer 626823 created",
        "customer 626823 external_primary_id: null \"C-new\"",
        "customer 626823 firstname: null \"\"",
        "customer 626823 brand_id: null 1",
        "ticket 7 updated",
        "ticket 7 customer_id: 0 626823",
    ] {
        assert!(rows.contains(line), "{line}: {rows:?}");
    }
    unlink("7").done(&server).await;
    let expected = ["ticket 7 updated", "ticket 7 customer_id: 626823 0"].map(str::to_owned);
    assert_eq!(newest(&acme).await, BTreeSet::from(expected));
}

#[tokio::test]
async fn actions_that_change_a_column_twice_tell_what_became_of_it() {
    let (server, acme) = server();
    let twice = |last| {
        batch(&[
            ("TicketIDs", "7"),
            ("actions[0][actionType]", "status"),
            ("actions[0][value]", "open"),
            ("actions[1][actionType]", "status"),
            ("actions[1][value]", last),
        ])
    };
    twice("solved").done(&server).await;
    let rows = newest(&acme).await;
    assert!(rows.contains("ticket 7 status: \"new\" \"solved\""), "{rows:?}");
    assert!(!rows.iter().any(|line| line.contains("open")), "{rows:?}");
    twice("solved").done(&server).await;
    let changes = acme.changes(&[]).await;
    assert!(!changes["changes"][1].to_string().contains("status\",\"from"), "{changes}");
}

fn without_effect() -> Vec<Ask> {
    vec![
        listing(""),
        get("/7"),
        set_status(&[("status", "new"), ("ticketIDs[]", "7"), ("ticketIDs[]", "8")]),
        set_priority(&[("priority", "medium"), ("ticketIDs[]", "7")]),
        update("/7", &[]),
        update("/7", &[("title", "Ticket 7")]),
        unlink("7"),
        batch(&[
            ("TicketIDs", "7,8"),
            ("actions[0][actionType]", "assigned_user_id"),
            ("actions[0][value]", "0"),
        ]),
    ]
}

fn refused() -> Vec<Ask> {
    vec![
        create(&[("direction", "sideways")]),
        set_status(&[("status", "open"), ("ticketIDs[]", "7"), ("ticketIDs[]", "99")]),
        set_priority(&[("priority", "none"), ("ticketIDs[]", "7")]),
        update("/7", &[("title", "x"), ("status", "open")]),
        update("/99", &[("title", "x")]),
        unlink("99"),
        delete("/99"),
        delete_multi(&[("ticketIDs[]", "7"), ("ticketIDs[]", "7")]),
        batch(&[
            ("TicketIDs", "7"),
            ("actions[0][actionType]", "title"),
            ("actions[0][value]", "x"),
            ("actions[1][actionType]", "status"),
            ("actions[1][value]", "x"),
        ]),
    ]
}

#[tokio::test]
async fn what_changes_nothing_is_no_change() {
    let (server, acme) = server();
    for ask in without_effect() {
        ask.done(&server).await;
    }
    for ask in refused() {
        assert_eq!(ask.send(&server).await.status, 400, "{ask:?}");
    }
    let changes = acme.changes(&[]).await;
    assert_eq!(changes["changes"], json!([]), "{changes}");
    let entries = acme.entries(&[("changed", "false")]).await;
    assert_eq!(entries.len(), without_effect().len() + refused().len());
    assert!(entries.iter().all(|entry| entry["changes"] == json!([])), "{entries:?}");
    solve_all().done(&server).await;
    solve_all().done(&server).await;
    assert_eq!(list(&acme.changes(&[]).await["changes"]).len(), 1, "none were left");
}

#[tokio::test]
async fn a_row_that_did_not_change_is_none_of_those_that_did() {
    let (server, acme) = server();
    set_status(&[("status", "open"), ("ticketIDs[]", "7")]).done(&server).await;
    let all = [("status", "open"), ("ticketIDs[]", "7"), ("ticketIDs[]", "8")];
    set_status(&all).done(&server).await;
    let rows = newest(&acme).await;
    assert!(rows.contains("ticket 8 updated"), "{rows:?}");
    assert!(!rows.iter().any(|line| line.starts_with("ticket 7")), "{rows:?}");
}

#[tokio::test]
async fn changes_are_told_as_the_journal_has_them() {
    let (server, acme) = server();
    for ask in documented() {
        ask.done(&server).await;
    }
    let changes = list(&acme.changes(&[]).await["changes"]);
    let entries = acme.entries(&[("changed", "true")]).await;
    assert_eq!(changes.len(), entries.len());
    for (change, entry) in changes.iter().zip(entries) {
        for part in ["seq", "cursor", "at", "operation", "key"] {
            assert_eq!(change[part], entry[part], "{part}: {change}");
        }
        assert_eq!(change["rows"], entry["changes"], "{change}");
        assert_eq!(change["rows_left_out"], 0, "{change}");
    }
}

#[tokio::test]
async fn the_filters_are_those_of_the_journal() {
    let (server, acme) = server();
    for ask in documented() {
        ask.done(&server).await;
    }
    for query in [
        &[("operation", "setStatus")][..],
        &[("method", "DELETE")],
        &[("warning", "chosen-rule"), ("field.ticketIDs", "9")],
        &[("changed", "false")],
        &[("status", "4xx")],
    ] {
        let found = list(&acme.changes(query).await["changes"]);
        let expected = acme.entries(query).await;
        let expected: Vec<Value> = expected
            .into_iter()
            .filter(|entry| entry["changes"] != json!([]))
            .map(|entry| entry["seq"].clone())
            .collect();
        assert_eq!(json!(numbers(&found)), json!(expected), "{query:?}");
    }
}

#[tokio::test]
async fn pages_of_changes_follow_one_another() {
    let (server, acme) = server();
    for _ in 0..7 {
        create(&[]).done(&server).await;
        get("/7").done(&server).await;
    }
    let first = text(&acme.entries(&[]).await[1]["cursor"]);
    for (limit, sizes) in [("2", &[2, 2, 2][..]), ("4", &[4, 2]), ("6", &[6]), ("1000", &[6])] {
        let (mut since, mut all, mut found) = (first.clone(), Vec::new(), Vec::new());
        loop {
            let page = acme.changes(&[("since", &since), ("limit", limit)]).await;
            let changes = list(&page["changes"]);
            found.push(changes.len());
            all.extend(numbers(&changes));
            since = text(&page["cursor"]);
            if page["more"] == false {
                break;
            }
        }
        assert_eq!(all, [3, 5, 7, 9, 11, 13], "{limit}");
        assert_eq!(found, sizes, "{limit}");
    }
}

#[tokio::test]
async fn of_very_many_rows_the_first_are_told_and_the_rest_counted() {
    let server = serve_with(&acme((1..=1_200).map(ticket)), &["--ephemeral"]);
    let acme = Account::acme(&server);
    solve_all().done(&server).await;
    let changes = acme.changes(&[]).await;
    let change = &changes["changes"][0];
    assert_eq!(list(&change["rows"]).len(), 1_000);
    assert_eq!(change["rows_left_out"], 200);
}
