//! Change sets: the exact rows and columns that each request changed, with old and new values.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::helpers::seq_numbers;
use super::ticket_requests::{
    TicketRequest, batch_tickets, create_ticket, delete_ticket, delete_tickets,
    documented_requests, get_ticket, list_tickets, set_priority, set_status,
    solve_unfinished_tickets, unlink_customer, update_ticket,
};
use crate::support::control::{Account, expect_array, expect_string};
use crate::support::seed::{
    SeededServer, acme_seed, serve_seed, serve_seed_with_args, ticket_fixture,
};

const NOW: &str = "2026-03-01 12:00:00";
const BEFORE: &str = "2026-02-01 09:00:00";

fn start_server() -> (SeededServer, Account) {
    let server = serve_seed(&acme_seed([7, 8, 9].map(ticket_fixture)));
    let acme = Account::acme(&server);
    (server, acme)
}

/// Returns the rows of the newest change, one line per column.
async fn latest_change_lines(account: &Account) -> BTreeSet<String> {
    let changes = expect_array(&account.changes(&[]).await["changes"]);
    change_lines(&changes.last().expect("the journal has a change")["rows"])
}

fn change_lines(rows: &Value) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for row in expect_array(rows) {
        let name = format!("{} {}", expect_string(&row["resource"]), row["id"]);
        lines.insert(format!("{name} {}", expect_string(&row["change"])));
        for column in expect_array(&row["columns"]) {
            let (from, to) = (&column["from"], &column["to"]);
            lines.insert(format!("{name} {}: {from} {to}", expect_string(&column["column"])));
        }
    }
    lines
}

/// Returns the lines of a ticket's first update: its new `last_update` and these columns.
fn updated_ticket_lines(id: u64, columns: &[(&str, Value, Value)]) -> Vec<String> {
    let last_update = [("last_update", json!(BEFORE), json!(NOW))];
    let all = last_update.iter().chain(columns);
    let lines = all.map(|(column, from, to)| format!("ticket {id} {column}: {from} {to}"));
    [format!("ticket {id} updated")].into_iter().chain(lines).collect()
}

fn status_change(from: &str, to: &str) -> (&'static str, Value, Value) {
    ("status", json!(from), json!(to))
}

fn write_cases() -> Vec<(TicketRequest, Vec<Vec<String>>)> {
    let (new, solved) = (status_change("new", "open"), status_change("new", "solved"));
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
    let two_ids = [("ticketIDs[]", "7"), ("ticketIDs[]", "8")];
    vec![
        (
            update_ticket("/7", &all),
            vec![updated_ticket_lines(
                7,
                &[customer(0, 626_822), title, status_change("new", "closed"), closed],
            )],
        ),
        (
            set_status(&[&[("status", "open")][..], &two_ids].concat()),
            vec![
                updated_ticket_lines(7, std::slice::from_ref(&new)),
                updated_ticket_lines(8, std::slice::from_ref(&new)),
            ],
        ),
        (
            set_priority(&[&[("priority", "urgent")][..], &two_ids[..1]].concat()),
            vec![updated_ticket_lines(7, std::slice::from_ref(&priority))],
        ),
        (
            batch_tickets(&actions),
            vec![
                updated_ticket_lines(7, &[new.clone(), priority.clone()]),
                updated_ticket_lines(8, &[new, priority]),
            ],
        ),
        (
            solve_unfinished_tickets(),
            [7, 8, 9].map(|id| updated_ticket_lines(id, std::slice::from_ref(&solved))).to_vec(),
        ),
        (delete_ticket("/8"), vec![vec!["ticket 8 deleted".to_owned()]]),
        (delete_tickets(&two_ids), [7, 8].map(|id| vec![format!("ticket {id} deleted")]).to_vec()),
    ]
}

#[tokio::test]
async fn each_write_operation_reports_its_exact_changes() {
    let (server, acme) = start_server();
    for (request, expected) in write_cases() {
        assert_eq!(acme.send_control("POST", "/reset").await.status, 204);
        request.send_ok(&server).await;
        let expected: BTreeSet<String> = expected.into_iter().flatten().collect();
        assert_eq!(latest_change_lines(&acme).await, expected, "{request:?}");
    }
}

#[tokio::test]
async fn created_ticket_lists_all_non_null_columns() {
    let (server, acme) = start_server();
    create_ticket(&[("formID", "5")]).send_ok(&server).await;
    let rows = latest_change_lines(&acme).await;
    assert!(rows.contains("ticket 10 created"), "{rows:?}");
    for (column, value) in [
        ("status", json!("new")),
        ("priority", json!("medium")),
        ("title", json!("Printer")),
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
    assert!(
        !rows.iter().any(|line| line.contains("search")),
        "internal columns are not listed: {rows:?}"
    );
}

#[tokio::test]
async fn customer_created_by_an_update_is_a_separate_row() {
    let (server, acme) = start_server();
    update_ticket("/7", &[("externalPrimaryID", "C-new")]).send_ok(&server).await;
    let rows = latest_change_lines(&acme).await;
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
    unlink_customer("7").send_ok(&server).await;
    let expected = ["ticket 7 updated", "ticket 7 customer_id: 626823 0"].map(str::to_owned);
    assert_eq!(latest_change_lines(&acme).await, BTreeSet::from(expected));
}

#[tokio::test]
async fn repeated_changes_of_a_column_are_merged() {
    let (server, acme) = start_server();
    let set_status_twice = |last| {
        batch_tickets(&[
            ("TicketIDs", "7"),
            ("actions[0][actionType]", "status"),
            ("actions[0][value]", "open"),
            ("actions[1][actionType]", "status"),
            ("actions[1][value]", last),
        ])
    };
    set_status_twice("solved").send_ok(&server).await;
    let rows = latest_change_lines(&acme).await;
    assert!(rows.contains("ticket 7 status: \"new\" \"solved\""), "{rows:?}");
    assert!(!rows.iter().any(|line| line.contains("open")), "{rows:?}");
    set_status_twice("solved").send_ok(&server).await;
    let changes = acme.changes(&[]).await;
    assert!(!changes["changes"][1].to_string().contains("status\",\"from"), "{changes}");
}

fn no_op_requests() -> Vec<TicketRequest> {
    vec![
        list_tickets(""),
        get_ticket("/7"),
        set_status(&[("status", "new"), ("ticketIDs[]", "7"), ("ticketIDs[]", "8")]),
        set_priority(&[("priority", "medium"), ("ticketIDs[]", "7")]),
        update_ticket("/7", &[]),
        update_ticket("/7", &[("title", "Ticket 7")]),
        unlink_customer("7"),
        batch_tickets(&[
            ("TicketIDs", "7,8"),
            ("actions[0][actionType]", "assigned_user_id"),
            ("actions[0][value]", "0"),
        ]),
    ]
}

fn rejected_requests() -> Vec<TicketRequest> {
    vec![
        create_ticket(&[("direction", "sideways")]),
        set_status(&[("status", "open"), ("ticketIDs[]", "7"), ("ticketIDs[]", "99")]),
        set_priority(&[("priority", "none"), ("ticketIDs[]", "7")]),
        update_ticket("/7", &[("title", "x"), ("status", "open")]),
        update_ticket("/99", &[("title", "x")]),
        unlink_customer("99"),
        delete_ticket("/99"),
        delete_tickets(&[("ticketIDs[]", "7"), ("ticketIDs[]", "7")]),
        batch_tickets(&[
            ("TicketIDs", "7"),
            ("actions[0][actionType]", "title"),
            ("actions[0][value]", "x"),
            ("actions[1][actionType]", "status"),
            ("actions[1][value]", "x"),
        ]),
    ]
}

#[tokio::test]
async fn no_op_and_rejected_requests_record_no_change() {
    let (server, acme) = start_server();
    for request in no_op_requests() {
        request.send_ok(&server).await;
    }
    for request in rejected_requests() {
        assert_eq!(request.send(&server).await.status, 400, "{request:?}");
    }
    let changes = acme.changes(&[]).await;
    assert_eq!(changes["changes"], json!([]), "{changes}");
    let entries = acme.entries(&[("changed", "false")]).await;
    assert_eq!(entries.len(), no_op_requests().len() + rejected_requests().len());
    assert!(entries.iter().all(|entry| entry["changes"] == json!([])), "{entries:?}");
    solve_unfinished_tickets().send_ok(&server).await;
    solve_unfinished_tickets().send_ok(&server).await;
    assert_eq!(
        expect_array(&acme.changes(&[]).await["changes"]).len(),
        1,
        "the second request solves no ticket"
    );
}

#[tokio::test]
async fn unchanged_row_is_not_in_the_change_set() {
    let (server, acme) = start_server();
    set_status(&[("status", "open"), ("ticketIDs[]", "7")]).send_ok(&server).await;
    let all = [("status", "open"), ("ticketIDs[]", "7"), ("ticketIDs[]", "8")];
    set_status(&all).send_ok(&server).await;
    let rows = latest_change_lines(&acme).await;
    assert!(rows.contains("ticket 8 updated"), "{rows:?}");
    assert!(!rows.iter().any(|line| line.starts_with("ticket 7")), "{rows:?}");
}

#[tokio::test]
async fn changes_agree_with_the_journal() {
    let (server, acme) = start_server();
    for request in documented_requests() {
        request.send_ok(&server).await;
    }
    let changes = expect_array(&acme.changes(&[]).await["changes"]);
    let entries = acme.entries(&[("changed", "true")]).await;
    assert_eq!(changes.len(), entries.len());
    for (change, entry) in changes.iter().zip(entries) {
        for part in ["seq", "cursor", "at", "operation", "key"] {
            assert_eq!(change[part], entry[part], "{part}: {change}");
        }
        assert_eq!(change["rows"], entry["changes"], "{change}");
        assert_eq!(change["rows_omitted"], 0, "{change}");
    }
}

#[tokio::test]
async fn changes_accept_the_journal_filters() {
    let (server, acme) = start_server();
    for request in documented_requests() {
        request.send_ok(&server).await;
    }
    for query in [
        &[("operation", "setStatus")][..],
        &[("method", "DELETE")],
        &[("warning", "undocumented"), ("field.ticketIDs", "9")],
        &[("changed", "false")],
        &[("status", "4xx")],
    ] {
        let found = expect_array(&acme.changes(query).await["changes"]);
        let expected = acme.entries(query).await;
        let expected: Vec<Value> = expected
            .into_iter()
            .filter(|entry| entry["changes"] != json!([]))
            .map(|entry| entry["seq"].clone())
            .collect();
        assert_eq!(json!(seq_numbers(&found)), json!(expected), "{query:?}");
    }
}

#[tokio::test]
async fn pages_of_changes_are_contiguous() {
    let (server, acme) = start_server();
    for _ in 0..7 {
        create_ticket(&[]).send_ok(&server).await;
        get_ticket("/7").send_ok(&server).await;
    }
    let first = expect_string(&acme.entries(&[]).await[1]["cursor"]);
    for (limit, expected_sizes) in
        [("2", &[2, 2, 2][..]), ("4", &[4, 2]), ("6", &[6]), ("1000", &[6])]
    {
        let (mut since, mut all, mut page_sizes) = (first.clone(), Vec::new(), Vec::new());
        loop {
            let page = acme.changes(&[("since", &since), ("limit", limit)]).await;
            let changes = expect_array(&page["changes"]);
            page_sizes.push(changes.len());
            all.extend(seq_numbers(&changes));
            since = expect_string(&page["cursor"]);
            if page["has_more"] == false {
                break;
            }
        }
        assert_eq!(all, [3, 5, 7, 9, 11, 13], "{limit}");
        assert_eq!(page_sizes, expected_sizes, "{limit}");
    }
}

#[tokio::test]
async fn rows_above_the_limit_are_counted_instead_of_listed() {
    let server =
        serve_seed_with_args(&acme_seed((1..=1_200).map(ticket_fixture)), &["--ephemeral"]);
    let acme = Account::acme(&server);
    solve_unfinished_tickets().send_ok(&server).await;
    let changes = acme.changes(&[]).await;
    let change = &changes["changes"][0];
    assert_eq!(expect_array(&change["rows"]).len(), 1_000);
    assert_eq!(change["rows_omitted"], 200);
}
