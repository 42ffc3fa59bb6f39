//! Group commit of ticket commands in two round trips: the first begins the transaction and loads what the commands
//! need, the second writes the changes and commits.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row;

use super::sql::{SqlBuilder, quote_identifier};
use crate::journal::WithChanges;
use crate::storage::{
    BatchResult, BatchedWrite, BoxFuture, CommitHandle, Connection, RowId, StorageError,
};
use crate::tickets::model::RESOURCE;
use crate::tickets::model::command::{
    NEW_TICKET_COLUMNS, TicketCommand, TicketCommandError, TicketCommandKind,
};
use crate::tickets::model::ticket::{ColumnValue, Status, TicketChange, normalize_search_text};
use crate::tickets::model::timeline;
use crate::tickets::model::unit_of_work::{
    BulkUpdate, MUTABLE_COLUMNS, MutableValues, PendingWrites, TicketState, TimelineEvent,
    UnitOfWork,
};

impl BatchedWrite for TicketCommand {
    type Output = WithChanges<Vec<i64>>;
    type Error = TicketCommandError;

    fn apply_batch<'c>(
        connection: &'c mut Connection,
        commands: &'c [&'c Self],
        commit: &'c CommitHandle<'c>,
    ) -> BoxFuture<'c, BatchResult<Self>> {
        Box::pin(async move {
            let mut unit_of_work = load(connection, commands).await?;
            let results: Vec<_> =
                commands.iter().map(|command| unit_of_work.execute(command)).collect();
            let succeeded = results.iter().filter_map(|result| result.as_ref().ok());
            let ids = succeeded.flat_map(|output: &WithChanges<_>| &output.value).copied();
            commit.begin(ids.map(|id| RowId { resource: RESOURCE, id }).collect());
            write_statement(&unit_of_work).into_query().execute(connection).await?;
            Ok(results)
        })
    }

    fn deferred_rows(&self) -> usize {
        match &self.kind {
            TicketCommandKind::Create(_) => 1,
            TicketCommandKind::Delete(tickets) => tickets.ids.len(),
            TicketCommandKind::Update { tickets, changes, .. }
                if changes.iter().any(TicketChange::affects_search_index) =>
            {
                tickets.ids.len()
            }
            TicketCommandKind::Update { .. } | TicketCommandKind::SolveUnfinished => 0,
        }
    }
}

/// What commands need loaded.
#[derive(Debug, Default)]
struct Preload<'a> {
    ticket_ids: Vec<i64>,
    needs_unfinished: bool,
    external_primary_ids: Vec<&'a str>,
    reference_keys: Vec<(&'static str, i64)>,
    needs_last_ticket_id: bool,
    needs_titles: bool,
}

impl<'a> Preload<'a> {
    fn from_commands(commands: &[&'a TicketCommand]) -> Self {
        let mut preload = Self::default();
        for command in commands {
            match &command.kind {
                TicketCommandKind::Create(_) => preload.needs_last_ticket_id = true,
                TicketCommandKind::SolveUnfinished => preload.needs_unfinished = true,
                TicketCommandKind::Delete(tickets) => preload.ticket_ids.extend(&tickets.ids),
                TicketCommandKind::Update { tickets, changes, link } => {
                    preload.ticket_ids.extend(&tickets.ids);
                    preload
                        .external_primary_ids
                        .extend(link.iter().map(|link| link.external_primary_id.as_str()));
                    preload
                        .reference_keys
                        .extend(changes.iter().filter_map(timeline::reference_key));
                    preload.needs_titles |= changes.iter().any(TicketChange::affects_search_index);
                }
            }
        }
        preload
    }

    /// Returns SQL that begins a transaction and selects the data as one row.
    fn to_statement(&self) -> SqlBuilder {
        let mut sql = SqlBuilder::default();
        sql.push("BEGIN IMMEDIATE; SELECT json_array(");
        if !self.ticket_ids.is_empty() || self.needs_unfinished {
            // Few commands need the title, the longest column.
            let columns = MUTABLE_COLUMNS.map(|column| match column {
                "title" if !self.needs_titles => "NULL".to_owned(),
                column => quote_identifier(column),
            });
            sql.push(&format!(
                "(SELECT json_group_array(json_array(ticket.id, brand_id, json_array({}))) FROM ",
                columns.join(", ")
            ));
            if self.needs_unfinished {
                let statuses = sql.bind(ColumnValue::Text(json!(Status::UNFINISHED).to_string()));
                let ids = sql.bind(ids_to_json(&self.ticket_ids));
                sql.push(&format!(
                    "ticket WHERE status IN (SELECT value FROM json_each({statuses})) \
                     OR id IN (SELECT value FROM json_each({ids}))"
                ));
            } else {
                let ids = sql.bind(ids_to_json(&self.ticket_ids));
                // CROSS JOIN, so that tickets are looked up by id.
                sql.push(&format!(
                    "json_each({ids}) AS ids CROSS JOIN ticket ON ticket.id = ids.value"
                ));
            }
            sql.push(")");
        } else {
            sql.push("NULL");
        }
        if self.external_primary_ids.is_empty() {
            sql.push(", NULL, 0");
        } else {
            let external_ids =
                sql.bind(ColumnValue::Text(json!(self.external_primary_ids).to_string()));
            let last = last_id_sql("customer");
            sql.push(&format!(
                ", (SELECT json_group_array(json_array(external_primary_id, id)) FROM customer \
                 WHERE external_primary_id IN (SELECT value FROM json_each({external_ids}))), {last}"
            ));
        }
        if self.reference_keys.is_empty() {
            sql.push(", NULL");
        } else {
            let keys = sql.bind(ColumnValue::Text(json!(self.reference_keys).to_string()));
            sql.push(&format!(
                ", (SELECT json_group_array(json_array(kind, id, name)) FROM reference \
                 WHERE (kind, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each({keys})))"
            ));
        }
        let last = if self.needs_last_ticket_id { last_id_sql("ticket") } else { "0".to_owned() };
        sql.push(&format!(", {last})"));
        sql
    }
}

/// Returns SQL for a table's last assigned id.
fn last_id_sql(table: &str) -> String {
    format!("(SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = '{table}')")
}

/// The result of [`Preload::to_statement`].
#[derive(Deserialize)]
struct LoadedRow(
    Option<Vec<(i64, i64, MutableValues)>>,
    Option<Vec<(String, i64)>>,
    i64,
    Option<Vec<(String, i64, String)>>,
    i64,
);

/// Begins a transaction and loads the unit of work of the commands.
async fn load(
    connection: &mut Connection,
    commands: &[&TicketCommand],
) -> Result<UnitOfWork, StorageError> {
    let row =
        Preload::from_commands(commands).to_statement().into_query().fetch_one(connection).await?;
    let text: &str = row.try_get(0)?;
    let loaded = serde_json::from_str(text);
    let LoadedRow(tickets, customers, last_customer_id, names, last_ticket_id) =
        loaded.map_err(|error| StorageError::corrupt(error.to_string()))?;
    let tickets = tickets.into_iter().flatten();
    let tickets = tickets.map(|(id, brand, cells)| (id, TicketState::from_stored(brand, cells)));
    let names = names.into_iter().flatten().map(|(kind, id, name)| ((kind, id), name));
    Ok(UnitOfWork {
        tickets: tickets.collect(),
        customer_ids: customers.into_iter().flatten().collect::<HashMap<_, _>>(),
        reference_names: names.collect(),
        last_ticket_id,
        last_customer_id,
        pending_writes: PendingWrites::default(),
    })
}

/// Returns SQL that writes all pending changes and commits.
fn write_statement(unit_of_work: &UnitOfWork) -> SqlBuilder {
    let PendingWrites { new_tickets, new_customers, events, deleted_ids, .. } =
        &unit_of_work.pending_writes;
    let mut sql = SqlBuilder::default();
    if !new_tickets.is_empty() {
        sql.push(&INSERT_TICKETS_PREFIX);
        let rows = sql.bind(rows_to_json(new_tickets));
        sql.push(&format!("jsonb_each({rows}); "));
    }
    if !new_customers.is_empty() {
        let (rows, columns) = (sql.bind(rows_to_json(new_customers)), json_array_columns(3));
        sql.push(&format!(
            "INSERT INTO customer (id, external_primary_id, brand_id) SELECT {columns} FROM jsonb_each({rows}); "
        ));
    }
    for update in unit_of_work.bulk_updates() {
        push_bulk_update(&mut sql, update);
    }
    if !events.is_empty() {
        push_events(&mut sql, events);
    }
    if !deleted_ids.is_empty() {
        let ids = sql.bind(ids_to_json(deleted_ids));
        sql.push(&format!("DELETE FROM ticket WHERE id IN (SELECT value FROM json_each({ids})); "));
    }
    let tally_deltas: Vec<_> = unit_of_work
        .tally_deltas()
        .map(|((status, priority, assigned, closed_on), delta)| {
            (status, priority, i64::from(assigned), closed_on, delta)
        })
        .collect();
    if !tally_deltas.is_empty() {
        let (rows, columns) = (sql.bind(rows_to_json(&tally_deltas)), json_array_columns(5));
        sql.push(&format!(
            "INSERT INTO tally (status, priority, is_assigned, closed_on, tickets) \
             SELECT {columns} FROM jsonb_each({rows}) \
             WHERE true ON CONFLICT DO UPDATE SET tickets = tickets + excluded.tickets; "
        ));
    }
    sql.push("COMMIT");
    sql
}

/// Inserts tickets from the row source appended to it.
static INSERT_TICKETS_PREFIX: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<String> =
        NEW_TICKET_COLUMNS.iter().map(|column| quote_identifier(column)).collect();
    format!(
        "INSERT INTO ticket ({}) SELECT {} FROM ",
        names.join(", "),
        json_array_columns(NEW_TICKET_COLUMNS.len())
    )
});

/// Selects the elements of a JSON array.
fn json_array_columns(width: usize) -> String {
    let columns: Vec<String> =
        (0..width).map(|index| format!("value ->> {index} AS v{index}")).collect();
    columns.join(", ")
}

/// Serializes rows.
fn rows_to_json(rows: &(impl Serialize + ?Sized)) -> ColumnValue {
    ColumnValue::Text(serde_json::to_string(rows).unwrap_or_default())
}

/// Updates ticket columns; each group's values are parsed once for all its tickets.
fn push_bulk_update(sql: &mut SqlBuilder, (changed_columns, mut rows): BulkUpdate) {
    let mut names: Vec<String> =
        changed_columns.iter().map(|column| quote_identifier(column)).collect();
    if let Some(title_index) = changed_columns.iter().position(|column| *column == "title") {
        names.push(quote_identifier("search_title"));
        for (values, _) in &mut rows {
            let search_title =
                normalize_search_text(values[title_index].as_str().unwrap_or_default());
            values.push(search_title.into());
        }
    }
    for (values, ids) in &mut rows {
        values.push(std::mem::take(ids).into());
    }
    let rows: Vec<_> = rows.into_iter().map(|(values, _)| values).collect();
    let width = names.len();
    let sets: Vec<String> =
        names.iter().enumerate().map(|(index, name)| format!("{name} = n.v{index}")).collect();
    let source_columns: Vec<String> = (0..width).map(|index| format!("c.v{index}")).collect();
    let rows = sql.bind(rows_to_json(&rows));
    sql.push(&format!(
        "WITH c AS MATERIALIZED (SELECT {}, jsonb_extract(value, '$[{width}]') AS ids FROM jsonb_each({rows})), \
         n AS MATERIALIZED (SELECT t.value AS id, {} FROM c CROSS JOIN json_each(c.ids) AS t) \
         UPDATE ticket SET {} FROM n WHERE ticket.id = n.id; ",
        json_array_columns(width),
        source_columns.join(", "),
        sets.join(", ")
    ));
}

/// Inserts timeline events; each event is parsed once for all its tickets.
fn push_events(sql: &mut SqlBuilder, events: &[TimelineEvent]) {
    let rows = sql.bind(rows_to_json(events));
    sql.push(&format!(
        "WITH e AS MATERIALIZED (SELECT {}, jsonb_extract(value, '$[5]') AS ids FROM jsonb_each({rows})) \
         INSERT INTO timeline (ticket_id, type, item_type, item_type_id, description, initiated_by, created_at) \
         SELECT t.value, 'event', e.v0, e.v1, e.v2, e.v3, e.v4 FROM e CROSS JOIN json_each(e.ids) AS t; ",
        json_array_columns(5)
    ));
}

/// Serializes ids.
fn ids_to_json(ids: &[i64]) -> ColumnValue {
    ColumnValue::Text(json!(ids).to_string())
}
