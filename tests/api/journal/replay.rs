//! Replays the change sets over the initial rows: the result equals the final state, so no change is missing,
//! duplicated or out of order.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::ticket_requests::{create_ticket, documented_requests, solve_unfinished_tickets};
use crate::support::client::ApiClient;
use crate::support::control::{Account, expect_array, expect_string};
use crate::support::files::create_temp_dir;
use crate::support::property::proptest_config;
use crate::support::seed::{acme_seed, serve_seed, serve_seed_with_args, ticket_fixture};
use crate::support::ticket::{ALL_TICKETS_PATH, PRIORITIES, STATUSES};
use crate::support::wait::block_on;

/// Rows by kind and ID.
type RowMap = BTreeMap<(String, u64), Map<String, Value>>;

/// Applies all changes to the rows. The old value in each change must equal the current value.
async fn replay_changes(account: &Account, since: &str, mut rows: RowMap) -> RowMap {
    let mut since = since.to_owned();
    loop {
        let page = account.changes(&[("since", &since), ("limit", "50")]).await;
        assert_eq!(page["truncated"], false, "{page}");
        for change in expect_array(&page["changes"]) {
            for row in &expect_array(&change["rows"]) {
                apply_row_change(&mut rows, row);
            }
        }
        since = expect_string(&page["cursor"]);
        if page["has_more"] == false {
            return rows;
        }
    }
}

fn apply_row_change(rows: &mut RowMap, row: &Value) {
    let key = (expect_string(&row["resource"]), row["id"].as_u64().expect("an id is a number"));
    let columns = expect_array(&row["columns"]);
    match row["change"].as_str() {
        Some("created") => assert!(rows.insert(key.clone(), Map::new()).is_none(), "{row}"),
        Some("updated") => assert!(rows.contains_key(&key), "{row}"),
        Some("deleted") => {
            assert!(rows.remove(&key).is_some() && columns.is_empty(), "{row}");
            return;
        }
        _ => panic!("{row}"),
    }
    let current = rows.entry(key).or_default();
    for column in columns {
        let (from, to) = (column["from"].clone(), column["to"].clone());
        assert_ne!(from, to, "{row}");
        let before = current.insert(expect_string(&column["column"]), to);
        assert_eq!(before.unwrap_or_default(), from, "{row}");
    }
}

/// Returns the exported tickets and customers without null columns.
async fn exported_rows(account: &Account) -> RowMap {
    let export = account.export().await;
    let mut rows = RowMap::new();
    for (kind, name) in [("ticket", "tickets"), ("customer", "customers")] {
        for row in export[name].as_array().into_iter().flatten() {
            let columns = row.as_object().expect("a row is an object").clone();
            let id = columns["id"].as_u64().expect("an id is a number");
            rows.insert((kind.to_owned(), id), retain_comparable_columns(columns));
        }
    }
    rows
}

/// Drops null values, fields that are no columns, and the names of customers, which no request changes.
fn retain_comparable_columns(mut columns: Map<String, Value>) -> Map<String, Value> {
    let others = ["timeline", "id", "firstname", "lastname"];
    columns.retain(|name, value| !others.contains(&name.as_str()) && !value.is_null());
    columns
}

fn retain_comparable_rows(rows: RowMap) -> RowMap {
    rows.into_iter().map(|(key, columns)| (key, retain_comparable_columns(columns))).collect()
}

/// Returns the tickets as the Ticket API lists them, with the columns that the writers change.
async fn listed_rows(client: &ApiClient) -> RowMap {
    let all = client.get(ALL_TICKETS_PATH).await.body;
    let tickets = expect_array(&all["items"]).into_iter().map(|ticket| {
        let columns = ["status", "priority", "title", "last_update", "closed_at"];
        let columns = columns.map(|name| (name.to_owned(), ticket[name].clone()));
        let id = ticket["id"].as_u64().expect("an id is a number");
        (("ticket".to_owned(), id), retain_comparable_columns(Map::from_iter(columns)))
    });
    tickets.collect()
}

/// Writes to the same tickets as all other tasks.
async fn send_conflicting_writes(client: ApiClient, task: usize) {
    for round in 0..6 {
        let pick = task * 7 + round * 5;
        let ids = format!("ticketIDs[]={}&ticketIDs[]={}", 1 + pick % 4, 5 + pick % 3);
        let (path, parameter) = if (task + round).is_multiple_of(2) {
            ("/setStatus", format!("status={}", STATUSES[pick % 6]))
        } else {
            ("/setPriority", format!("priority={}", PRIORITIES[pick % 4]))
        };
        let body = format!("{parameter}&{ids}");
        let reply = client.send_form("POST", &format!("/api/v2/ticket{path}"), &body).await;
        assert_eq!(reply.status, 200, "{body}: {}", reply.body);
    }
}

async fn assert_concurrent_changes_replay(flags: &[&str]) {
    let server = serve_seed_with_args(&acme_seed((1..=7).map(ticket_fixture)), flags);
    let acme = Account::acme(&server);
    let (start, before) = (acme.cursor().await, listed_rows(&server).await);
    let tasks: JoinSet<()> =
        (0..64).map(|task| send_conflicting_writes(acme.client.clone(), task)).collect();
    tasks.join_all().await;
    let after = listed_rows(&server).await;
    assert_eq!(retain_comparable_rows(replay_changes(&acme, &start, before).await), after);
    let entries = acme.entries(&[("method", "POST")]).await;
    assert_eq!(entries.len(), 64 * 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_concurrent_writers_replay_to_the_final_state() {
    assert_concurrent_changes_replay(&["--ephemeral"]).await;
    let data = create_temp_dir();
    assert_concurrent_changes_replay(&["--data", data.path().to_str().expect("the path is UTF-8")])
        .await;
}

/// A random write; its tickets need not exist.
#[derive(Clone, Debug)]
enum RandomWrite {
    Create,
    Delete(u64),
    Solve,
    Form(&'static str, &'static str, String),
}

impl RandomWrite {
    async fn send(&self, client: &ApiClient) {
        let reply = match self {
            Self::Create => create_ticket(&[]).send(client).await,
            Self::Solve => solve_unfinished_tickets().send(client).await,
            Self::Delete(id) => client.delete(&format!("/api/v2/ticket/{id}")).await,
            Self::Form(method, path, body) => {
                client.send_form(method, &format!("/api/v2/ticket{path}"), body).await
            }
        };
        assert!([200, 400].contains(&reply.status), "{self:?}: {}", reply.body);
    }
}

fn write_strategy() -> impl Strategy<Value = RandomWrite> {
    let id = 1..=12_u64;
    let status = prop::sample::select(&["new", "open", "solved", "closed"][..]);
    let priority = prop::sample::select(&["low", "high"][..]);
    let customer = prop::sample::select(&["C-77", "C-1", "C-2", "C-3"][..]);
    let form = |path, body| RandomWrite::Form("POST", path, body);
    prop_oneof![
        2 => Just(RandomWrite::Create),
        1 => id.clone().prop_map(RandomWrite::Delete),
        1 => Just(RandomWrite::Solve),
        4 => (status.clone(), id.clone()).prop_map(move |(status, id)| {
            form("/setStatus", format!("status={status}&ticketIDs[]={id}&ticketIDs[]={}", id + 1))
        }),
        3 => (priority.clone(), id.clone()).prop_map(move |(priority, id)| {
            form("/setPriority", format!("priority={priority}&ticketIDs[]={id}"))
        }),
        2 => id.clone().prop_map(move |id| {
            form("/unlinkCustomerFromTicket", format!("ticketID={id}"))
        }),
        3 => (status, priority, id.clone()).prop_map(move |(status, priority, id)| {
            let first = format!("actions[0][actionType]=status&actions[0][value]={status}");
            let second = format!("actions[1][actionType]=priority&actions[1][value]={priority}");
            form("/batch", format!("TicketIDs={id},{}&{first}&{second}", id + 1))
        }),
        3 => (customer, 1..=9_u64, prop::sample::select(&TICKET_PATHS[..])).prop_map(|(customer, title, path)| {
            RandomWrite::Form("PUT", path, format!("externalPrimaryID={customer}&title={title}"))
        }),
    ]
}

/// Paths of single tickets; some need not exist.
const TICKET_PATHS: [&str; 6] = ["/1", "/2", "/3", "/8", "/9", "/10"];

async fn assert_random_changes_replay(writers: &[Vec<RandomWrite>]) {
    let server = serve_seed(&acme_seed((1..=7).map(ticket_fixture)));
    let acme = Account::acme(&server);
    let (start, before) = (acme.cursor().await, exported_rows(&acme).await);
    let all = writers.iter().map(|writes| async {
        for (number, write) in writes.iter().enumerate() {
            write.send(&server).await;
            if number % 3 == 0 {
                acme.advance_clock("1s").await;
            }
        }
    });
    join_all(all).await;
    assert_eq!(
        retain_comparable_rows(replay_changes(&acme, &start, before).await),
        exported_rows(&acme).await
    );
}

proptest! {
    #![proptest_config(proptest_config(6))]

    #[test]
    fn changes_of_random_writes_replay_to_the_final_state(writers in vec(vec(write_strategy(), 4..14), 1..7)) {
        block_on(assert_random_changes_replay(&writers));
    }
}

#[tokio::test]
async fn changes_of_sequential_requests_replay_to_the_final_state() {
    let server = serve_seed(&acme_seed([7, 8, 9].map(ticket_fixture)));
    let acme = Account::acme(&server);
    let (start, before) = (acme.cursor().await, exported_rows(&acme).await);
    for request in documented_requests() {
        request.send_ok(&server).await;
    }
    let changed = acme.verify(&json!({ "changed": true, "count": { "exactly": 9 } })).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(
        retain_comparable_rows(replay_changes(&acme, &start, before).await),
        exported_rows(&acme).await
    );
}
