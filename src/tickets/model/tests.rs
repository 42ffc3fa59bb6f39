//! Tests of the unit of work: its rules one by one, and laws that hold for any sequence of commands.

use std::collections::{BTreeMap, HashMap};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::columns::ticket_column_names;
use super::command::{
    CustomerLink, CustomerRow, NewTicket, TicketCommand, TicketCommandError, TicketCommandKind,
    TicketSelection,
};
use super::reference::{ReferenceKey, ReferenceKind};
use super::row::{CellValue, Row as _};
use super::ticket::{Direction, Priority, Status, TicketChange};
use super::ticket_state::{MutableColumns, TallyDelta, TicketState};
use super::unit_of_work::{BulkUpdate, PendingWrites, UnitOfWork};
use crate::clock::Zone;
use crate::contract::dialect::{UnknownCustomer, UnknownIds};
use crate::journal::{ChangeKind, ChangeSet, RowChange, WithChanges};

const LOADED: &str = "2026-06-01 10:00:00";
const NOW: &str = "2026-07-01 10:00:00";
/// The brand of the loaded tickets.
const BRAND: i64 = 2;

type Output = Result<WithChanges<Vec<i64>>, TicketCommandError>;

fn columns(status: Status) -> MutableColumns {
    MutableColumns {
        status,
        priority: Priority::Medium,
        assigned_group_id: 0,
        assigned_user_id: 0,
        title: Some("Title".to_owned()),
        customer_id: 0,
        closed_at: (status == Status::Closed).then(|| LOADED.to_owned()),
        last_update: LOADED.to_owned(),
    }
}

/// Returns a unit of work with these loaded tickets; ids 9 and 5 were assigned last to a ticket and a customer.
fn load(tickets: impl IntoIterator<Item = (i64, Status)>) -> UnitOfWork {
    let states = tickets.into_iter().map(|(id, status)| {
        let state = TicketState::from_stored(BRAND, columns(status));
        (id, state)
    });
    let support = ReferenceKey { kind: ReferenceKind::Group, id: 7 };
    UnitOfWork {
        tickets: states.collect(),
        customer_ids: HashMap::from([("known".to_owned(), 3)]),
        reference_names: HashMap::from([(support, "Support".to_owned())]),
        last_ticket_id: 9,
        last_customer_id: 5,
        last_timeline_id: 20,
        pending_writes: PendingWrites::default(),
    }
}

fn execute_at(unit: &mut UnitOfWork, kind: TicketCommandKind, now: &str) -> Output {
    unit.execute(&TicketCommand {
        kind,
        now: now.to_owned(),
        zone: Zone::default(),
        key_name: "ci".to_owned(),
    })
}

fn execute(unit: &mut UnitOfWork, kind: TicketCommandKind) -> WithChanges<Vec<i64>> {
    execute_at(unit, kind, NOW).expect("the command succeeds")
}

fn create(direction: Direction) -> TicketCommandKind {
    TicketCommandKind::Create(Box::new(NewTicket {
        brand_id: 4,
        channel_id: 1,
        direction,
        from: "ada@example.test".to_owned(),
        from_name: "Ada".to_owned(),
        to: "desk@example.test".to_owned(),
        title: "New TITLE".to_owned(),
        assigned_group_id: 7,
        form_id: None,
    }))
}

fn selection(ids: &[i64], unknown_ids: UnknownIds) -> TicketSelection {
    TicketSelection { ids: ids.to_vec(), unknown_ids }
}

fn update(ids: &[i64], changes: &[TicketChange]) -> TicketCommandKind {
    TicketCommandKind::Update {
        tickets: selection(ids, UnknownIds::Reject),
        changes: changes.to_vec(),
        link: None,
    }
}

fn link(
    tickets: TicketSelection,
    external_primary_id: &str,
    unknown_customer: UnknownCustomer,
) -> TicketCommandKind {
    let external_primary_id = external_primary_id.to_owned();
    TicketCommandKind::Update {
        tickets,
        changes: vec![TicketChange::Title("Linked".to_owned())],
        link: Some(CustomerLink { external_primary_id, unknown_customer }),
    }
}

/// Returns the resource and the id of each changed row.
fn changed_rows(changes: &ChangeSet) -> Vec<(&'static str, i64)> {
    changes.rows.iter().map(|row| (row.resource, row.id)).collect()
}

/// Returns the column, the new value and the tickets of each event.
fn events(unit: &UnitOfWork) -> Vec<(&'static str, &str, &[i64])> {
    let events = unit.pending_writes.events.iter();
    events
        .map(|event| (event.row.item_type, &*event.row.item_type_id, &*event.ticket_ids))
        .collect()
}

fn created_row(columns: &[&'static str], values: &str) -> Map<String, Value> {
    let values: Vec<Value> = serde_json::from_str(values).expect("a JSON array");
    assert_eq!(columns.len(), values.len());
    columns.iter().map(|column| (*column).to_owned()).zip(values).collect()
}

#[test]
fn new_ticket_is_reported_with_every_column() {
    let mut unit = load([]);
    let output = execute(&mut unit, create(Direction::Inbound));
    assert_eq!(output.value, [10]);
    let [RowChange { resource: "ticket", id: 10, change }] = &output.changes.rows[..] else {
        panic!("{output:?}");
    };
    let ChangeKind::Created { columns, values } = change else { panic!("{change:?}") };
    assert_eq!(*columns, ticket_column_names());
    let row = created_row(columns, values);
    for (column, expected) in [
        ("id", json!(10)),
        ("title", json!("New TITLE")),
        ("brand_id", json!(4)),
        ("assigned_group_id", json!(7)),
        ("created_at", json!(NOW)),
        ("last_update_customer", json!(NOW)),
        // Columns that the request does not set have their defaults.
        ("status", json!("new")),
        ("priority", json!("medium")),
        ("channel_account_id", json!("0")),
        ("show_timeline", json!(1)),
        ("closed_at", Value::Null),
        ("form_id", Value::Null),
    ] {
        assert_eq!(row[column], expected, "{column}");
    }
    assert_eq!(execute(&mut unit, create(Direction::Outbound)).value, [11]);
    let new_ids: Vec<i64> = unit.pending_writes.new_tickets.iter().map(|row| row.id).collect();
    assert_eq!(new_ids, [10, 11]);
    assert!(unit.pending_writes.events.is_empty(), "creation adds no event");
    assert!(unit.bulk_updates().is_empty());
}

#[test]
fn change_without_effect_records_nothing() {
    let mut unit = load([(1, Status::Open), (2, Status::New), (3, Status::New)]);
    let changes = [
        TicketChange::Status(Status::Open),
        TicketChange::Priority(Priority::Medium),
        TicketChange::Title("Title".to_owned()),
    ];
    let output = execute(&mut unit, update(&[3, 1, 2], &changes));
    assert_eq!(output.value, [3, 1, 2], "the response counts every ticket");
    assert_eq!(changed_rows(&output.changes), [("ticket", 3), ("ticket", 2)]);
    assert_eq!(events(&unit), [("status", "open", &[2, 3][..])]);
    assert_eq!(unit.tickets[&1].current.last_update, LOADED);
    assert_eq!(unit.tickets[&2].current.last_update, NOW);
}

#[test]
fn events_follow_the_order_of_the_changes() {
    let mut unit = load([(1, Status::New)]);
    let changes = [
        TicketChange::AssignedGroup(7),
        TicketChange::AssignedUser(7),
        TicketChange::AssignedGroup(8),
        TicketChange::AssignedGroup(0),
    ];
    let output = execute(&mut unit, update(&[1], &changes));
    let descriptions: Vec<&str> =
        unit.pending_writes.events.iter().map(|event| &*event.row.description).collect();
    let expected = [
        "Assigned to Support",
        "Assigned to user 7",
        "Assigned to group 8",
        "Unassigned from group",
    ];
    assert_eq!(descriptions, expected);
    assert!(unit.pending_writes.events.iter().all(|event| event.row.initiated_by == "api: ci"));
    // The journal compares the row before and after the command.
    let ChangeKind::Updated(diffs) = &output.changes.rows[0].change else { panic!("{output:?}") };
    let columns: Vec<&str> = diffs.iter().map(|diff| diff.column).collect();
    assert_eq!(columns, ["assigned_user_id", "last_update"]);
    assert_eq!((&diffs[0].before, &diffs[0].after), (&json!(0), &json!(7)));
}

#[test]
fn unknown_ticket_rejects_the_command_or_is_skipped() {
    for skipped in [UnknownIds::Reject, UnknownIds::Skip] {
        let kinds = || {
            let tickets = || selection(&[8, 2, 6, 1], skipped);
            let changes = vec![TicketChange::Status(Status::Open)];
            [
                TicketCommandKind::Update { tickets: tickets(), changes, link: None },
                TicketCommandKind::Delete(tickets()),
            ]
        };
        for kind in kinds() {
            let text = format!("{kind:?}");
            let mut unit = load([(1, Status::New), (2, Status::New)]);
            let before = dump(&unit);
            match execute_at(&mut unit, kind, NOW) {
                Ok(output) => {
                    assert_eq!(skipped, UnknownIds::Skip, "{text}");
                    assert_eq!(output.value, [2, 1], "{text}");
                    assert_eq!(changed_rows(&output.changes), [("ticket", 2), ("ticket", 1)]);
                }
                Err(TicketCommandError::UnknownTickets(ids)) => {
                    assert_eq!(skipped, UnknownIds::Reject, "{text}");
                    assert_eq!(ids, [8, 6], "{text}");
                    assert_eq!(dump(&unit), before, "{text}");
                }
                Err(error) => panic!("{text}: {error:?}"),
            }
        }
    }
}

#[test]
fn known_customer_is_linked_before_the_other_changes() {
    let mut unit = load([(1, Status::New)]);
    let tickets = TicketSelection::from_id(1);
    let output = execute(&mut unit, link(tickets, "known", UnknownCustomer::Reject));
    assert_eq!(changed_rows(&output.changes), [("ticket", 1)]);
    assert_eq!(events(&unit), [("customer_id", "3", &[1][..]), ("title", "Linked", &[1])]);
    assert_eq!(unit.tickets[&1].current.customer_id, 3);
    assert!(unit.pending_writes.new_customers.is_empty());
}

#[test]
fn unknown_customer_is_created_once() {
    let mut unit = load([(1, Status::New), (2, Status::New)]);
    let tickets = TicketSelection::from_id(1);
    let output = execute(&mut unit, link(tickets, "customer-9", UnknownCustomer::Create));
    assert_eq!(changed_rows(&output.changes), [("customer", 6), ("ticket", 1)]);
    let ChangeKind::Created { columns, values } = &output.changes.rows[0].change else {
        panic!("{output:?}");
    };
    let expected = json!({
        "external_primary_id": "customer-9", "firstname": "", "lastname": "", "brand_id": BRAND,
    });
    assert_eq!(Value::from(created_row(columns, values)), expected);
    let customers: Vec<Value> =
        unit.pending_writes.new_customers.iter().map(CustomerRow::to_object).collect();
    let mut row = expected;
    row["id"] = json!(6);
    assert_eq!(customers, [row]);

    let tickets = TicketSelection::from_id(2);
    let again = execute(&mut unit, link(tickets, "customer-9", UnknownCustomer::Reject));
    assert_eq!(changed_rows(&again.changes), [("ticket", 2)], "the customer exists now");
    assert_eq!(unit.tickets[&2].current.customer_id, 6);
    assert_eq!(unit.pending_writes.new_customers.len(), 1);
    let tickets = TicketSelection::from_id(2);
    let other = execute(&mut unit, link(tickets, "customer-10", UnknownCustomer::Create));
    assert_eq!(changed_rows(&other.changes), [("customer", 7), ("ticket", 2)]);
}

#[test]
fn customer_of_skipped_tickets_has_no_brand() {
    let mut unit = load([(1, Status::New)]);
    let tickets = selection(&[8], UnknownIds::Skip);
    let output = execute(&mut unit, link(tickets, "customer-9", UnknownCustomer::Create));
    assert_eq!(changed_rows(&output.changes), [("customer", 6)]);
    assert_eq!(unit.pending_writes.new_customers[0].brand_id, 0);
    assert!(unit.pending_writes.events.is_empty());
}

#[test]
fn rejected_link_changes_nothing() {
    for (id, external_primary_id, unknown_customer) in
        [(1, "customer-9", UnknownCustomer::Reject), (8, "customer-9", UnknownCustomer::Create)]
    {
        let mut unit = load([(1, Status::New)]);
        let before = dump(&unit);
        let kind = link(TicketSelection::from_id(id), external_primary_id, unknown_customer);
        match execute_at(&mut unit, kind, NOW) {
            Err(TicketCommandError::UnknownCustomer(sent)) => {
                assert_eq!((id, sent.as_str()), (1, "customer-9"));
            }
            Err(TicketCommandError::UnknownTickets(ids)) => assert_eq!((id, ids), (8, vec![8])),
            Ok(output) => panic!("{output:?}"),
        }
        assert_eq!(dump(&unit), before);
        assert!(!unit.customer_ids.contains_key("customer-9"));
    }
}

#[test]
fn unfinished_tickets_are_solved() {
    let statuses = [
        (1, Status::New),
        (2, Status::Open),
        (3, Status::Pending),
        (4, Status::Holding),
        (5, Status::Solved),
        (6, Status::Closed),
    ];
    let mut unit = load(statuses);
    let output = execute(&mut unit, TicketCommandKind::SolveUnfinished);
    assert_eq!(output.value, [1, 2, 3, 4]);
    let expected = [1, 2, 3, 4].map(|id| ("ticket", id));
    assert_eq!(changed_rows(&output.changes), expected);
    assert_eq!(events(&unit), [("status", "solved", &[1, 2, 3, 4][..])]);
    assert_eq!(unit.tickets[&6].current, columns(Status::Closed));
    assert_eq!(execute(&mut unit, TicketCommandKind::SolveUnfinished).value, [0; 0]);
}

#[test]
fn deleted_ticket_is_unknown_to_the_next_command() {
    let mut unit = load([(1, Status::New), (2, Status::New)]);
    let new = execute(&mut unit, create(Direction::Inbound)).value[0];
    let deletion = TicketCommandKind::Delete(selection(&[new, 1], UnknownIds::Reject));
    let output = execute(&mut unit, deletion);
    assert_eq!(output.value, [new, 1]);
    assert!(output.changes.rows.iter().all(|row| row.change == ChangeKind::Deleted));
    assert_eq!(changed_rows(&output.changes), [("ticket", new), ("ticket", 1)]);
    assert_eq!(unit.pending_writes.deleted_ids, [new, 1]);
    let error = execute_at(&mut unit, update(&[1], &[TicketChange::UnlinkCustomer]), NOW);
    assert!(matches!(error, Err(TicketCommandError::UnknownTickets(ids)) if ids == [1]));
    // Only the loaded ticket was counted before.
    let deltas: Vec<Value> = unit.tally_deltas().iter().map(TallyDelta::to_object).collect();
    let expected = json!({
        "status": "new", "priority": "medium", "is_assigned": false, "closed_on": "", "tickets": -1,
    });
    assert_eq!(deltas, [expected]);
    let next = execute(&mut unit, create(Direction::Inbound)).value;
    assert_eq!(next, [new + 1], "an id is not reused");
}

#[test]
fn updates_are_grouped_by_columns_and_values() {
    let mut unit = load((1..=6).map(|id| (id, Status::New)));
    for (ids, change) in [
        (&[1, 2, 4][..], TicketChange::Status(Status::Open)),
        (&[3], TicketChange::Status(Status::Solved)),
        (&[6], TicketChange::Status(Status::Closed)),
        (&[5], TicketChange::Title("Other TITLE".to_owned())),
    ] {
        execute(&mut unit, update(ids, &[change]));
    }
    let updates = unit.bulk_updates();
    let groups = |update: &BulkUpdate<'_>| -> Vec<(Value, Vec<i64>)> {
        let groups = update.groups.iter().map(|group| {
            let values = serde_json::to_value(&group.row).expect("cells are JSON");
            (values, group.ticket_ids.clone())
        });
        groups.collect()
    };
    let found: Vec<_> =
        updates.iter().map(|update| (update.columns.clone(), groups(update))).collect();
    let expected = [
        (vec!["status", "closed_at", "last_update"], vec![(json!(["closed", NOW, NOW]), vec![6])]),
        (
            vec!["status", "last_update"],
            vec![
                (json!(["open", NOW]), vec![1, 2]),
                (json!(["solved", NOW]), vec![3]),
                (json!(["open", NOW]), vec![4]),
            ],
        ),
        (
            vec!["title", "last_update", "search_title"],
            vec![(json!(["Other TITLE", NOW, "other title"]), vec![5])],
        ),
    ];
    for row in &expected {
        assert!(found.contains(row), "{row:?} in {found:?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
}

/// Returns all state of a unit of work.
fn dump(unit: &UnitOfWork) -> String {
    format!("{:?} {:?}", unit.tickets, unit.pending_writes)
}

type Rows = BTreeMap<i64, Value>;

fn current_rows(unit: &UnitOfWork) -> Rows {
    unit.tickets.iter().map(|(id, state)| (*id, state.current.to_object())).collect()
}

/// Applies a change set to rows; asserts that it names their values before the change.
fn replay(rows: &mut Rows, changes: &ChangeSet) {
    for RowChange { resource, id, change } in &changes.rows {
        if *resource == "customer" {
            continue;
        }
        match change {
            ChangeKind::Created { columns, values } => {
                let mut row = created_row(columns, values);
                row.retain(|column, _| MutableColumns::COLUMNS.contains(&column.as_str()));
                assert_eq!(rows.insert(*id, row.into()), None, "ticket {id} is new");
            }
            ChangeKind::Updated(diffs) => {
                let row = rows.get_mut(id).expect("an existing ticket");
                for diff in diffs {
                    assert_eq!(row[diff.column], diff.before);
                    assert_ne!(diff.before, diff.after);
                    row[diff.column] = diff.after.clone();
                }
            }
            ChangeKind::Deleted => assert!(rows.remove(id).is_some(), "ticket {id} existed"),
        }
    }
}

/// Applies the pending writes to the loaded rows.
fn write(mut rows: Rows, unit: &UnitOfWork) -> Rows {
    let PendingWrites { new_tickets, deleted_ids, .. } = &unit.pending_writes;
    for new in new_tickets {
        assert_eq!(rows.insert(new.id, new.to_mutable_columns().to_object()), None);
    }
    for BulkUpdate { columns, groups } in unit.bulk_updates() {
        for group in groups {
            assert!(group.ticket_ids.is_sorted(), "{:?}", group.ticket_ids);
            for id in &group.ticket_ids {
                let row = rows.get_mut(id).expect("an existing ticket");
                for (column, cell) in columns.iter().zip(&group.row) {
                    assert_eq!(*column, cell.column);
                    row[*column] = cell.value.clone().into();
                }
                if let Some(search_title) =
                    row.as_object_mut().and_then(|row| row.remove("search_title"))
                {
                    let title = row["title"].as_str().expect("a title").to_lowercase();
                    assert_eq!(search_title, title);
                }
            }
        }
    }
    for id in deleted_ids {
        assert!(rows.remove(id).is_some(), "ticket {id} existed");
    }
    rows
}

/// Counts rows by the values of the tally's columns.
fn count(rows: &Rows) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for row in rows.values() {
        let is_assigned = row["assigned_group_id"] != 0 || row["assigned_user_id"] != 0;
        let closed_on = row["closed_at"].as_str().map_or("", |date| &date[..10]);
        let key = json!([row["status"], row["priority"], is_assigned, closed_on]);
        *counts.entry(key.to_string()).or_default() += 1;
    }
    counts
}

fn any_change() -> impl Strategy<Value = TicketChange> {
    let status = [Status::New, Status::Open, Status::Solved, Status::Closed];
    prop_oneof![
        select(status.to_vec()).prop_map(TicketChange::Status),
        select(vec![Priority::Medium, Priority::High]).prop_map(TicketChange::Priority),
        (0_i64..2).prop_map(TicketChange::AssignedGroup),
        (0_i64..2).prop_map(TicketChange::AssignedUser),
        select(vec!["Title", "Other"]).prop_map(|title| TicketChange::Title(title.to_owned())),
        Just(TicketChange::UnlinkCustomer),
    ]
}

fn any_selection() -> impl Strategy<Value = TicketSelection> {
    let ids = subsequence((1..=13).collect::<Vec<i64>>(), 1..6).prop_shuffle();
    // Most selections have an unknown ticket, so `Reject` would reject most commands.
    let unknown_ids = prop_oneof![4 => Just(UnknownIds::Skip), 1 => Just(UnknownIds::Reject)];
    (ids, unknown_ids).prop_map(|(ids, unknown_ids)| TicketSelection { ids, unknown_ids })
}

fn any_link() -> impl Strategy<Value = Option<CustomerLink>> {
    let unknown_customer = select(vec![UnknownCustomer::Create, UnknownCustomer::Reject]);
    let link = (select(vec!["known", "a", "b"]), unknown_customer).prop_map(|(id, unknown)| {
        CustomerLink { external_primary_id: id.to_owned(), unknown_customer: unknown }
    });
    proptest::option::weighted(0.25, link)
}

fn any_command() -> impl Strategy<Value = TicketCommandKind> {
    prop_oneof![
        2 => select(vec![Direction::Inbound, Direction::Outbound]).prop_map(create),
        6 => (any_selection(), vec(any_change(), 0..4), any_link()).prop_map(
            |(tickets, changes, link)| TicketCommandKind::Update { tickets, changes, link },
        ),
        1 => Just(()).prop_map(|()| TicketCommandKind::SolveUnfinished),
        1 => any_selection().prop_map(TicketCommandKind::Delete),
    ]
}

fn any_status() -> impl Strategy<Value = Status> {
    select(vec![Status::New, Status::Open, Status::Solved, Status::Closed])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn journal_events_writes_and_tally_agree_with_the_state(
        statuses in vec(any_status(), 9),
        commands in vec(any_command(), 1..12),
    ) {
        let mut unit = load((1..).zip(statuses));
        let loaded = current_rows(&unit);
        let mut replayed = loaded.clone();
        for (day, kind) in (1..).zip(commands) {
            let before = dump(&unit);
            if let Ok(output) = execute_at(&mut unit, kind, &format!("2026-07-{day:02} 10:00:00")) {
                replay(&mut replayed, &output.changes);
            } else {
                prop_assert_eq!(dump(&unit), before, "a rejected command changes nothing");
            }
        }
        let current = current_rows(&unit);
        prop_assert_eq!(&replayed, &current, "the journal leads to the state");
        prop_assert_eq!(&write(loaded.clone(), &unit), &current, "the writes lead to the state");

        // The last event of a column has its value, and each event has a new one.
        let mut last_values: HashMap<(i64, &str), &str> = HashMap::new();
        for (column, value, ids) in events(&unit) {
            for id in ids {
                let before = last_values.insert((*id, column), value);
                prop_assert_ne!(before, Some(value), "{} {}", id, column);
            }
        }
        for ((id, column), value) in last_values {
            let Some(row) = current.get(&id) else { continue };
            let text = row[column].as_str().map_or_else(|| row[column].to_string(), str::to_owned);
            prop_assert_eq!(text, value, "{} {}", id, column);
        }

        let mut tally = count(&loaded);
        for delta in unit.tally_deltas() {
            prop_assert_ne!(delta.tickets, 0);
            let key = json!([delta.status, delta.priority, delta.is_assigned, delta.closed_on]);
            *tally.entry(key.to_string()).or_default() += delta.tickets;
        }
        tally.retain(|_, tickets| *tickets != 0);
        prop_assert_eq!(tally, count(&current));
    }
}

#[test]
fn title_that_was_not_loaded_is_not_written() {
    let mut unit = load([(1, Status::New)]);
    let state =
        TicketState::from_stored(BRAND, MutableColumns { title: None, ..columns(Status::New) });
    unit.tickets.insert(2, state);
    execute(&mut unit, update(&[1, 2], &[TicketChange::Status(Status::Open)]));
    let updates = unit.bulk_updates();
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0].columns, ["status", "last_update"]);
    assert_eq!(updates[0].groups[0].ticket_ids, [1, 2]);
    assert_eq!(updates[0].groups[0].row[0].value, CellValue::Text("open".into()));
}
