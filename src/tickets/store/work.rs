//! Tasks at the database: however many are carried out together, it is asked twice. Once for what they are about, with
//! the beginning of the transaction; once to write what came of them, with its end.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row;

use super::sql::{Sql, name};
use crate::journal::Changed;
use crate::storage::{BoxFuture, Commit, Connection, Made, StorageError, Together};
use crate::tickets::desk::{CHANGEABLE, Cells, Desk, Event, Held, Update, Work};
use crate::tickets::task::{Deed, GIVEN, Refused, Task};
use crate::tickets::ticket::{Cell, Change, Status, searchable};
use crate::tickets::timeline;

impl Together for Task {
    type Done = Changed<Vec<i64>>;
    type Error = Refused;

    fn make<'c>(
        connection: &'c mut Connection,
        tasks: &'c [&'c Self],
        commit: &'c Commit<'c>,
    ) -> BoxFuture<'c, Made<Self>> {
        Box::pin(async move {
            let mut desk = laid_out(connection, tasks).await?;
            let made: Vec<_> = tasks.iter().map(|task| desk.carry_out(task)).collect();
            let done = made.iter().filter_map(|made| made.as_ref().ok());
            commit.announce(done.flat_map(|done: &Changed<_>| &done.value).copied().collect());
            write(&desk).query().execute(connection).await?;
            Ok(made)
        })
    }

    fn puts_off(&self) -> usize {
        match &self.deed {
            Deed::Create(_) => 1,
            Deed::Delete(tickets) => tickets.ids.len(),
            Deed::Change { tickets, changes, .. } if changes.iter().any(Change::is_searched) => {
                tickets.ids.len()
            }
            Deed::Change { .. } | Deed::SolveUnfinished => 0,
        }
    }
}

/// What tasks need to know.
#[derive(Debug, Default)]
struct Needs<'a> {
    tickets: Vec<i64>,
    all_unfinished: bool,
    customers: Vec<&'a str>,
    names: Vec<(&'static str, i64)>,
    new_tickets: bool,
    titles: bool,
}

impl<'a> Needs<'a> {
    fn of(tasks: &[&'a Task]) -> Self {
        let mut needs = Self::default();
        for task in tasks {
            match &task.deed {
                Deed::Create(_) => needs.new_tickets = true,
                Deed::SolveUnfinished => needs.all_unfinished = true,
                Deed::Delete(tickets) => needs.tickets.extend(&tickets.ids),
                Deed::Change { tickets, changes, link } => {
                    needs.tickets.extend(&tickets.ids);
                    needs.customers.extend(link.iter().map(|link| link.external.as_str()));
                    needs.names.extend(changes.iter().filter_map(timeline::named_by));
                    needs.titles |= changes.iter().any(Change::is_searched);
                }
            }
        }
        needs
    }

    /// The statements that begin a transaction and tell all of it, in one row.
    fn question(&self) -> Sql {
        let mut sql = Sql::default();
        sql.push("BEGIN IMMEDIATE; SELECT json_array(");
        if !self.tickets.is_empty() || self.all_unfinished {
            // The longest of them, the title, few ask for.
            let cells = CHANGEABLE.map(|column| match column {
                "title" if !self.titles => "NULL".to_owned(),
                column => name(column),
            });
            sql.push(&format!(
                "(SELECT json_group_array(json_array(ticket.id, brand_id, json_array({}))) FROM ",
                cells.join(", ")
            ));
            if self.all_unfinished {
                let statuses = sql.placeholder(Cell::Text(json!(Status::UNFINISHED).to_string()));
                let ids = sql.placeholder(list(&self.tickets));
                sql.push(&format!(
                    "ticket WHERE status IN (SELECT value FROM json_each({statuses})) \
                     OR id IN (SELECT value FROM json_each({ids}))"
                ));
            } else {
                let ids = sql.placeholder(list(&self.tickets));
                // Crossed, so that the tickets are looked up by their ids.
                sql.push(&format!(
                    "json_each({ids}) AS ids CROSS JOIN ticket ON ticket.id = ids.value"
                ));
            }
            sql.push(")");
        } else {
            sql.push("NULL");
        }
        if self.customers.is_empty() {
            sql.push(", NULL, 0");
        } else {
            let externals = sql.placeholder(Cell::Text(json!(self.customers).to_string()));
            let last = last_id("customer");
            sql.push(&format!(
                ", (SELECT json_group_array(json_array(external_primary_id, id)) FROM customer \
                 WHERE external_primary_id IN (SELECT value FROM json_each({externals}))), {last}"
            ));
        }
        if self.names.is_empty() {
            sql.push(", NULL");
        } else {
            let names = sql.placeholder(Cell::Text(json!(self.names).to_string()));
            sql.push(&format!(
                ", (SELECT json_group_array(json_array(kind, id, name)) FROM reference \
                 WHERE (kind, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each({names})))"
            ));
        }
        let last = if self.new_tickets { last_id("ticket") } else { "0".to_owned() };
        sql.push(&format!(", {last})"));
        sql
    }
}

/// The last id that a table gave, in SQL.
fn last_id(table: &str) -> String {
    format!("(SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = '{table}')")
}

/// The answer to [`Needs::question`].
#[derive(Deserialize)]
struct Told(
    Option<Vec<(i64, i64, Cells)>>,
    Option<Vec<(String, i64)>>,
    i64,
    Option<Vec<(String, i64, String)>>,
    i64,
);

/// Begins a transaction, and puts onto a desk what the tasks are about.
async fn laid_out(connection: &mut Connection, tasks: &[&Task]) -> Result<Desk, StorageError> {
    let row = Needs::of(tasks).question().query().fetch_one(connection).await?;
    let text: &str = row.try_get(0)?;
    let told = serde_json::from_str(text);
    let Told(tickets, customers, last_customer, names, last_ticket) =
        told.map_err(|error| StorageError::corrupt(error.to_string()))?;
    let tickets = tickets.into_iter().flatten();
    let tickets = tickets.map(|(id, brand, cells)| (id, Held::stored(brand, cells)));
    let names = names.into_iter().flatten().map(|(kind, id, name)| ((kind, id), name));
    Ok(Desk {
        tickets: tickets.collect(),
        customers: customers.into_iter().flatten().collect::<HashMap<_, _>>(),
        names: names.collect(),
        last_ticket,
        last_customer,
        work: Work::default(),
    })
}

/// The statements that write what has become of everything, and commit.
fn write(desk: &Desk) -> Sql {
    let Work { tickets, customers, events, deleted, .. } = &desk.work;
    let mut sql = Sql::default();
    if !tickets.is_empty() {
        sql.push(&NEW_TICKETS);
        let rows = sql.placeholder(text(tickets));
        sql.push(&format!("jsonb_each({rows}); "));
    }
    if !customers.is_empty() {
        let (rows, columns) = (sql.placeholder(text(customers)), columns(3));
        sql.push(&format!(
            "INSERT INTO customer (id, external_primary_id, brand_id) SELECT {columns} FROM jsonb_each({rows}); "
        ));
    }
    for update in desk.updates() {
        set(&mut sql, update);
    }
    if !events.is_empty() {
        record(&mut sql, events);
    }
    if !deleted.is_empty() {
        let ids = sql.placeholder(list(deleted));
        sql.push(&format!("DELETE FROM ticket WHERE id IN (SELECT value FROM json_each({ids})); "));
    }
    let tally: Vec<_> = desk
        .tally()
        .map(|((status, priority, assigned, closed_on), more)| {
            (status, priority, i64::from(assigned), closed_on, more)
        })
        .collect();
    if !tally.is_empty() {
        let (rows, columns) = (sql.placeholder(text(&tally)), columns(5));
        sql.push(&format!(
            "INSERT INTO tally (status, priority, is_assigned, closed_on, tickets) \
             SELECT {columns} FROM jsonb_each({rows}) \
             WHERE true ON CONFLICT DO UPDATE SET tickets = tickets + excluded.tickets; "
        ));
    }
    sql.push("COMMIT");
    sql
}

/// Adds tickets from rows whose place comes behind it.
static NEW_TICKETS: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<String> = GIVEN.iter().map(|column| name(column)).collect();
    format!("INSERT INTO ticket ({}) SELECT {} FROM ", names.join(", "), columns(GIVEN.len()))
});

/// What a row of JSON holds.
fn columns(width: usize) -> String {
    let columns: Vec<String> =
        (0..width).map(|place| format!("value ->> {place} AS v{place}")).collect();
    columns.join(", ")
}

/// Rows as JSON.
fn text(rows: &(impl Serialize + ?Sized)) -> Cell {
    Cell::Text(serde_json::to_string(rows).unwrap_or_default())
}

/// Sets columns of tickets; what some of them are set to is read once for all of these.
fn set(sql: &mut Sql, (changed, mut rows): Update) {
    let mut names: Vec<String> = changed.iter().map(|column| name(column)).collect();
    if let Some(title) = changed.iter().position(|column| *column == "title") {
        names.push(name("search_title"));
        for (values, _) in &mut rows {
            let searched = searchable(values[title].as_str().unwrap_or_default());
            values.push(searched.into());
        }
    }
    for (values, ids) in &mut rows {
        values.push(std::mem::take(ids).into());
    }
    let rows: Vec<_> = rows.into_iter().map(|(values, _)| values).collect();
    let width = names.len();
    let sets: Vec<String> =
        names.iter().enumerate().map(|(place, name)| format!("{name} = n.v{place}")).collect();
    let taken: Vec<String> = (0..width).map(|place| format!("c.v{place}")).collect();
    let rows = sql.placeholder(text(&rows));
    sql.push(&format!(
        "WITH c AS MATERIALIZED (SELECT {}, jsonb_extract(value, '$[{width}]') AS ids FROM jsonb_each({rows})), \
         n AS MATERIALIZED (SELECT t.value AS id, {} FROM c CROSS JOIN json_each(c.ids) AS t) \
         UPDATE ticket SET {} FROM n WHERE ticket.id = n.id; ",
        columns(width),
        taken.join(", "),
        sets.join(", ")
    ));
}

/// Puts events into timelines; what one is about is read once for all of its tickets.
fn record(sql: &mut Sql, events: &[Event]) {
    let rows = sql.placeholder(text(events));
    sql.push(&format!(
        "WITH e AS MATERIALIZED (SELECT {}, jsonb_extract(value, '$[5]') AS ids FROM jsonb_each({rows})) \
         INSERT INTO timeline (ticket_id, type, item_type, item_type_id, description, initiated_by, created_at) \
         SELECT t.value, 'event', e.v0, e.v1, e.v2, e.v3, e.v4 FROM e CROSS JOIN json_each(e.ids) AS t; ",
        columns(5)
    ));
}

/// Ids as a list of JSON.
fn list(ids: &[i64]) -> Cell {
    Cell::Text(json!(ids).to_string())
}
