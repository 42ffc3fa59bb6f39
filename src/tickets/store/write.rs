//! Writes: the same few statements, however many tickets they are about.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;
use sqlx::{query_as, query_scalar};

use super::effect::{self, Tickets};
use super::sql::{Sql, name};
use crate::journal::{Changed, Did, Row, Rows};
use crate::storage::{Connection, StorageError};
use crate::tickets::ticket::{Cell, Change, Direction, Status, searchable, searchable_all};
use crate::tickets::timeline;

/// A ticket that `POST` index makes; its fields obeyed their rules.
#[derive(Debug, Deserialize)]
pub(crate) struct NewTicket {
    #[serde(rename = "brandID")]
    brand_id: i64,
    #[serde(rename = "channelID")]
    channel_id: i64,
    direction: Direction,
    from: String,
    #[serde(rename = "fromName")]
    from_name: String,
    to: String,
    title: String,
    #[serde(rename = "assignedGroupID")]
    assigned_group_id: i64,
    #[serde(rename = "formID")]
    form_id: Option<i64>,
}

/// The statement behind [`create`].
static CREATE: LazyLock<String> = LazyLock::new(|| {
    let external_id = external_id("next.id");
    format!(
        "WITH next (id) AS \
            (SELECT COALESCE(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'ticket') \
         INSERT INTO ticket (id, external_id, brand_id, channel_id, direction, \"from\", from_name, \"to\", title, \
            assigned_group_id, form_id, created_at, last_update, last_update_customer, last_update_agent, \
            search_title, search_rest) \
         SELECT next.id, {external_id}, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, \
            $14 || CHAR(31) || LOWER({external_id}) FROM next WHERE true RETURNING id, {}",
        effect::made()
    )
});

/// Adds a ticket that was created at `now`, and gives its id. Ids are never given twice.
pub(crate) async fn create(
    connection: &mut Connection,
    new: &NewTicket,
    now: &str,
) -> Result<Changed<i64>, StorageError> {
    let (by_customer, by_agent) = match new.direction {
        Direction::Inbound => (Some(now), None),
        Direction::Outbound => (None, Some(now)),
    };
    let statement = query_as(CREATE.as_str())
        .bind(new.brand_id)
        .bind(new.channel_id)
        .bind(new.direction.name())
        .bind(&new.from)
        .bind(&new.from_name)
        .bind(&new.to)
        .bind(&new.title)
        .bind(new.assigned_group_id)
        .bind(new.form_id)
        .bind(now)
        .bind(by_customer)
        .bind(by_agent)
        .bind(searchable(&new.title))
        .bind(searchable_all(&[&new.from, &new.from_name, &new.to]));
    let (id, columns): (i64, String) = statement.fetch_one(connection).await?;
    Ok(Changed { rows: effect::created(id, columns), value: id })
}

/// The external id of a ticket that came with none (chosen: the sample's form, made from the id so that it is
/// the same in every run). Takes and gives SQL.
pub(super) fn external_id(id: &str) -> String {
    format!("PRINTF('%08X-0000-4000-8000-%012X.1', {id}, {id})")
}

/// When and by which key something is changed.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    /// The account's date.
    pub(crate) now: String,
    /// The name of the key.
    pub(crate) key: String,
}

/// Makes changes to tickets, and gives what became of them. Those that change nothing leave no trace.
pub(crate) async fn apply(
    connection: &mut Connection,
    tickets: Tickets,
    changes: &[Change],
    stamp: &Stamp,
) -> Result<Rows, StorageError> {
    let list = json(&tickets.ids());
    for change in changes {
        record(connection, &list, change, stamp).await?;
        set(connection, &list, change, &stamp.now).await?;
    }
    Ok(tickets.changed_by(changes, &stamp.now))
}

/// Removes tickets with all their data.
pub(crate) async fn remove(
    connection: &mut Connection,
    tickets: &Tickets,
) -> Result<Rows, StorageError> {
    sqlx::query("DELETE FROM ticket WHERE id IN (SELECT value FROM json_each($1))")
        .bind(json(&tickets.ids()))
        .execute(connection)
        .await?;
    Ok(tickets.deleted())
}

/// The ids of all tickets that are neither solved nor closed.
pub(crate) async fn unfinished(connection: &mut Connection) -> Result<Vec<i64>, StorageError> {
    let statuses = Value::from(Status::UNFINISHED).to_string();
    let statement =
        "SELECT id FROM ticket WHERE status IN (SELECT value FROM json_each($1)) ORDER BY id";
    Ok(query_scalar(statement).bind(statuses).fetch_all(connection).await?)
}

/// The customer with this external primary id.
pub(crate) async fn customer(
    connection: &mut Connection,
    external: &str,
) -> Result<Option<i64>, StorageError> {
    let statement = query_scalar("SELECT id FROM customer WHERE external_primary_id = $1");
    Ok(statement.bind(external).fetch_optional(connection).await?)
}

/// Makes a customer of the brand that the ticket belongs to.
pub(crate) async fn add_customer(
    connection: &mut Connection,
    external: &str,
    ticket: i64,
) -> Result<Changed<i64>, StorageError> {
    let statement = "INSERT INTO customer (external_primary_id, brand_id) \
        VALUES ($1, COALESCE((SELECT brand_id FROM ticket WHERE id = $2), 0)) RETURNING id, brand_id, firstname, lastname";
    let statement = query_as(statement).bind(external).bind(ticket);
    let (id, brand, first, last): (i64, i64, String, String) =
        statement.fetch_one(connection).await?;
    let columns = &["external_primary_id", "firstname", "lastname", "brand_id"];
    let values = serde_json::json!([external, first, last, brand]).to_string().into();
    let row = Row { kind: "customer", id, did: Did::Created { columns, values } };
    Ok(Changed { rows: [row].into_iter().collect(), value: id })
}

/// Puts the event into the timelines of those tickets that the change will change.
async fn record(
    connection: &mut Connection,
    list: &str,
    change: &Change,
    stamp: &Stamp,
) -> Result<(), StorageError> {
    let name = named(connection, change).await?;
    let mut sql = Sql::default();
    sql.push("INSERT INTO timeline (ticket_id, type, item_type, item_type_id, description, initiated_by, created_at) ")
        .push("SELECT id, 'event', ")
        .bind(Cell::Text(change.column().to_owned()))
        .push(", ")
        .bind(Cell::Text(timeline::item_type_id(change)))
        .push(", ")
        .bind(Cell::Text(timeline::description(change, name.as_deref())))
        .push(", ")
        .bind(Cell::Text(timeline::initiated_by(&stamp.key)))
        .push(", ")
        .bind(Cell::Text(stamp.now.clone()))
        .push(" FROM ticket WHERE ");
    changed(&mut sql, list, change);
    sql.push(" ORDER BY id");
    sql.query().execute(connection).await?;
    Ok(())
}

/// What the reference data call the new value.
async fn named(
    connection: &mut Connection,
    change: &Change,
) -> Result<Option<String>, StorageError> {
    let Some((kind, id)) = timeline::named_by(change) else { return Ok(None) };
    let statement = query_scalar("SELECT name FROM reference WHERE kind = $1 AND id = $2");
    Ok(statement.bind(kind).bind(id).fetch_optional(connection).await?)
}

async fn set(
    connection: &mut Connection,
    list: &str,
    change: &Change,
    now: &str,
) -> Result<(), StorageError> {
    let mut sql = Sql::default();
    for (index, (column, cell)) in change.outcome(now).into_iter().enumerate() {
        sql.push(if index == 0 { "UPDATE ticket SET " } else { ", " });
        sql.push(&name(column)).push(" = ");
        match cell {
            Some(cell) => sql.bind(cell),
            None => sql.push("NULL"),
        };
    }
    if let Change::Title(title) = change {
        sql.push(", search_title = ").bind(Cell::Text(searchable(title)));
    }
    sql.push(" WHERE ");
    changed(&mut sql, list, change);
    sql.query().execute(connection).await?;
    Ok(())
}

/// Those of the listed tickets whose column is not yet what the change makes it.
fn changed(sql: &mut Sql, list: &str, change: &Change) {
    sql.push("id IN (SELECT value FROM json_each(")
        .bind(Cell::Text(list.to_owned()))
        .push(")) AND ");
    sql.push(&name(change.column())).push(" IS NOT ").bind(change.cell());
}

/// Ids as a list of JSON.
pub(super) fn json(ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    format!("[{}]", ids.join(","))
}
