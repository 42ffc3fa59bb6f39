//! Tests that the stored rows equal the reported changes, and that the tally counts the tickets.

use serde_json::{Map, Value, json};
use sqlx::{query_as, query_scalar};

use super::insert;
use crate::clock::Zone;
use crate::contract::dialect::{UnknownCustomer, UnknownIds};
use crate::journal::{ChangeKind, ChangeSet};
use crate::metrics::SqliteMetrics;
use crate::storage::{
    ACCOUNT_SCHEMA, ChangeCounter, Database, DatabaseLimit, Durability, OpenMode, Storage,
    StorageError,
};
use crate::tickets::model::command::{
    CustomerLink, NewTicket, TicketCommand, TicketCommandKind, TicketSelection,
};
use crate::tickets::model::ticket::{Direction, Priority, Status, TicketChange};

async fn open_in_memory() -> Database {
    let storage = Storage {
        durability: Durability::Process,
        operation_timeout: std::time::Duration::from_mins(1),
        metrics: SqliteMetrics::default(),
        database_limit: DatabaseLimit::unlimited(),
    };
    let counter = ChangeCounter::default();
    let database = Database::open(&storage, OpenMode::InMemory, &ACCOUNT_SCHEMA, counter);
    database.await.expect("a database in memory opens")
}

/// Executes a command; returns the rows that it reports to have changed.
async fn execute(database: &Database, kind: TicketCommandKind, now: &str) -> ChangeSet {
    let command = TicketCommand {
        kind,
        now: now.to_owned(),
        zone: Zone::default(),
        key_name: "tests".to_owned(),
    };
    let output = database.write_batched(command, |output| output.changes).await;
    output.expect("the command succeeds")
}

fn create(direction: Direction) -> TicketCommandKind {
    TicketCommandKind::Create(Box::new(NewTicket {
        brand_id: 2,
        channel_id: 3,
        direction,
        from: "FROM".to_owned(),
        from_name: "FROM NAME".to_owned(),
        to: "TO".to_owned(),
        title: "TITLE".to_owned(),
        assigned_group_id: 4,
        form_id: Some(5),
    }))
}

fn update(ids: &[i64], changes: Vec<TicketChange>, link: Option<&str>) -> TicketCommandKind {
    TicketCommandKind::Update {
        tickets: TicketSelection { ids: ids.to_vec(), unknown_ids: UnknownIds::Reject },
        changes,
        link: link.map(|external_primary_id| CustomerLink {
            external_primary_id: external_primary_id.to_owned(),
            unknown_customer: UnknownCustomer::Create,
        }),
    }
}

/// Returns all columns of a row.
async fn fetch_row(database: &Database, table: &'static str, id: i64) -> Map<String, Value> {
    let columns: Vec<String> = database
        .read(move |connection| {
            let statement = query_scalar("SELECT name FROM pragma_table_info($1)").bind(table);
            Box::pin(async move { Ok(statement.fetch_all(connection).await?) })
        })
        .await
        .expect("the columns can be read");
    let pairs: Vec<String> =
        columns.iter().map(|column| format!("'{column}', \"{column}\"")).collect();
    let statement = format!("SELECT json_object({}) FROM {table} WHERE id = $1", pairs.join(", "));
    let text: String = database
        .read(move |connection| {
            let statement = query_scalar(sqlx::AssertSqlSafe(statement)).bind(id);
            Box::pin(async move { Ok(statement.fetch_one(connection).await?) })
        })
        .await
        .expect("the row exists");
    serde_json::from_str(&text).expect("SQLite renders JSON")
}

/// Returns every event, as a JSON object.
async fn fetch_events(database: &Database) -> Vec<Value> {
    let statement = "SELECT json_object('ticket_id', ticket_id, 'type', type, 'item_type', item_type, \
         'item_type_id', item_type_id, 'description', description, 'initiated_by', initiated_by, \
         'created_at', created_at) FROM timeline ORDER BY id";
    let rows: Vec<String> = database
        .read(move |connection| {
            Box::pin(async move { Ok(query_scalar(statement).fetch_all(connection).await?) })
        })
        .await
        .expect("the timeline can be read");
    rows.iter().map(|row| serde_json::from_str(row).expect("SQLite renders JSON")).collect()
}

/// Asserts that the stored rows equal the change set.
async fn assert_stored(database: &Database, changes: &ChangeSet) {
    for row in &changes.rows {
        let table = row.resource;
        match &row.change {
            ChangeKind::Created { columns, values } => {
                let stored = fetch_row(database, table, row.id).await;
                let values: Vec<Value> = serde_json::from_str(values).expect("a JSON array");
                assert_eq!(columns.len(), values.len());
                for (column, value) in columns.iter().zip(&values) {
                    assert_eq!(&stored[*column], value, "{table} {column}");
                }
            }
            ChangeKind::Updated(diffs) => {
                let stored = fetch_row(database, table, row.id).await;
                for diff in diffs {
                    assert_eq!(stored[diff.column], diff.after, "{table} {}", diff.column);
                }
            }
            ChangeKind::Deleted => {
                panic!("{table} {} was deleted", row.id);
            }
        }
    }
}

#[tokio::test]
async fn created_ticket_is_stored_as_reported() {
    let database = open_in_memory().await;
    for direction in [Direction::Inbound, Direction::Outbound] {
        let changes = execute(&database, create(direction), "2026-07-01 10:00:00").await;
        assert_eq!(changes.rows.len(), 1);
        assert_stored(&database, &changes).await;
    }
    let row = fetch_row(&database, "ticket", 1).await;
    assert_eq!(row["search_title"], "title");
    let external_id = row["external_id"].as_str().expect("a text").to_lowercase();
    assert_eq!(row["search_rest"], format!("from\u{1f}from name\u{1f}to\u{1f}{external_id}"));
}

#[tokio::test]
async fn updated_tickets_are_stored_as_reported() {
    let database = open_in_memory().await;
    for _ in 0..3 {
        execute(&database, create(Direction::Inbound), "2026-07-01 10:00:00").await;
    }
    let before = fetch_row(&database, "ticket", 1).await;
    let changes = vec![
        TicketChange::Status(Status::Closed),
        TicketChange::Priority(Priority::Urgent),
        TicketChange::AssignedGroup(6),
        TicketChange::AssignedUser(7),
        TicketChange::Title("Other TITLE".to_owned()),
    ];
    let now = "2026-07-02 10:00:00";
    let reported = execute(&database, update(&[1, 3], changes, Some("customer-9")), now).await;
    assert_stored(&database, &reported).await;
    let customer = fetch_row(&database, "customer", 1).await;
    let expected = json!({
        "id": 1, "external_primary_id": "customer-9", "firstname": "", "lastname": "", "brand_id": 2,
    });
    assert_eq!(Value::from(customer), expected);

    let mut expected = before.clone();
    for (column, value) in [
        ("status", json!("closed")),
        ("priority", json!("urgent")),
        ("assigned_group_id", json!(6)),
        ("assigned_user_id", json!(7)),
        ("title", json!("Other TITLE")),
        ("customer_id", json!(1)),
        ("closed_at", json!(now)),
        ("last_update", json!(now)),
        ("search_title", json!("other title")),
    ] {
        let old = expected.insert(column.to_owned(), value);
        let ChangeKind::Updated(diffs) = &reported.rows[1].change else { panic!("no update") };
        if let Some(diff) = diffs.iter().find(|diff| diff.column == column) {
            assert_eq!(Some(&diff.before), old.as_ref(), "{column}");
        } else {
            assert_eq!(column, "search_title");
        }
    }
    assert_eq!(fetch_row(&database, "ticket", 1).await, expected);
    assert_eq!(fetch_row(&database, "ticket", 2).await["status"], "new");

    let event = |ticket_id: i64, item_type: &str, item_type_id: &str, description: &str| {
        json!({
            "ticket_id": ticket_id, "type": "event", "item_type": item_type, "item_type_id": item_type_id,
            "description": description, "initiated_by": "api: tests", "created_at": now,
        })
    };
    let expected: Vec<Value> = [
        ("customer_id", "1", "Linked to customer customer-9"),
        ("status", "closed", "Status set to closed"),
        ("priority", "urgent", "Priority set to urgent"),
        ("assigned_group_id", "6", "Assigned to group 6"),
        ("assigned_user_id", "7", "Assigned to user 7"),
        ("title", "Other TITLE", "Title set to Other TITLE"),
    ]
    .into_iter()
    .flat_map(|(column, value, text)| [1, 3].map(|id| event(id, column, value, text)))
    .collect();
    assert_eq!(fetch_events(&database).await, expected);
}

type TallyRow = (String, String, i64, String, i64);

async fn fetch_tally(database: &Database) -> Vec<TallyRow> {
    let rows = database.read(|connection| {
        let statement = query_as(
            "SELECT status, priority, is_assigned, closed_on, tickets FROM tally \
             WHERE tickets <> 0 ORDER BY 1, 2, 3, 4",
        );
        Box::pin(async move { Ok(statement.fetch_all(connection).await?) })
    });
    rows.await.expect("the tally can be read")
}

#[tokio::test]
async fn tally_of_commands_is_that_of_a_rebuild() {
    let database = open_in_memory().await;
    for day in 1..=9 {
        let kind = create(if day % 2 == 0 { Direction::Inbound } else { Direction::Outbound });
        execute(&database, kind, &format!("2026-07-0{day} 10:00:00")).await;
    }
    for (ids, change) in [
        (vec![1, 2, 3], TicketChange::Status(Status::Closed)),
        (vec![3, 4], TicketChange::Status(Status::Open)),
        (vec![2, 4, 5, 6], TicketChange::AssignedGroup(0)),
        (vec![2, 5], TicketChange::AssignedUser(7)),
        (vec![1, 6], TicketChange::Priority(Priority::Urgent)),
    ] {
        execute(&database, update(&ids, vec![change], None), "2026-08-01 23:59:59").await;
    }
    let deleted = TicketSelection { ids: vec![7], unknown_ids: UnknownIds::Reject };
    execute(&database, TicketCommandKind::Delete(deleted), "2026-08-02 00:00:00").await;
    let closing = vec![TicketChange::Status(Status::Closed)];
    execute(&database, update(&[8], closing, None), "2026-08-02 00:00:00").await;

    let of_commands = fetch_tally(&database).await;
    let rebuild: Result<(), StorageError> =
        database.write(|connection| Box::pin(insert::rebuild_derived_tables(connection))).await;
    rebuild.expect("the tally can be rebuilt");
    assert_eq!(of_commands, fetch_tally(&database).await);
    let days: Vec<&str> = of_commands.iter().map(|row| row.3.as_str()).collect();
    assert!(of_commands.len() >= 6 && days.contains(&"2026-08-01") && days.contains(&"2026-08-02"));
}
