//! Group commit of ticket commands in two round trips: the first begins the transaction and loads the required rows,
//! the second writes the changes and commits.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row;

use super::sql::{
    SqlBuilder, column_list_sql, insert_sql, json_array_sql, json_elements_sql, quote_identifier,
};
use crate::journal::WithChanges;
use crate::storage::{
    BatchResult, BatchedWrite, BoxFuture, CommitHandle, Connection, RowId, StorageError,
};
use crate::tickets::model::RESOURCE;
use crate::tickets::model::command::{
    CustomerRow, NewTicketRow, TicketCommand, TicketCommandError, TicketCommandKind,
};
use crate::tickets::model::dates;
use crate::tickets::model::reference::{ReferenceKey, ReferenceKind};
use crate::tickets::model::row::{ROW_PATH, Row as _, TICKET_IDS_PATH, loaded_row};
use crate::tickets::model::ticket::{Status, TicketChange};
use crate::tickets::model::ticket_state::{MutableColumns, TallyDelta, TicketState};
use crate::tickets::model::timeline::{self, EventRow, TimelineEvent};
use crate::tickets::model::unit_of_work::{BulkUpdate, PendingWrites, UnitOfWork};

/// Why a command was not committed.
#[derive(Debug)]
pub(crate) enum TicketWriteError {
    Rejected(TicketCommandError),
    Storage(StorageError),
}

impl From<StorageError> for TicketWriteError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl BatchedWrite for TicketCommand {
    type Output = WithChanges<Vec<i64>>;
    type Error = TicketWriteError;

    fn apply_batch<'c>(
        connection: &'c mut Connection,
        commands: &'c [&'c Self],
        commit: &'c CommitHandle<'c>,
    ) -> BoxFuture<'c, BatchResult<Self>> {
        Box::pin(async move {
            let mut unit_of_work = load(connection, commands).await?;
            let execute = |command: &&Self| {
                let mut output = unit_of_work.execute(command)?;
                dates::localize_change_set(&mut output.changes, &command.zone);
                Ok(output)
            };
            let results: Vec<_> = commands
                .iter()
                .map(execute)
                .map(|result| result.map_err(TicketWriteError::Rejected))
                .collect();
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

/// The data that commands need.
#[derive(Debug, Default)]
struct Preload<'a> {
    ticket_ids: Vec<i64>,
    needs_unfinished: bool,
    external_primary_ids: Vec<&'a str>,
    reference_keys: Vec<ReferenceKey>,
    /// The tables that get rows with ids, except that of customers.
    numbered_tables: BTreeSet<&'static str>,
    needs_titles: bool,
}

impl<'a> Preload<'a> {
    fn from_commands(commands: &[&'a TicketCommand]) -> Self {
        let mut preload = Self::default();
        for command in commands {
            match &command.kind {
                TicketCommandKind::Create(_) => {
                    preload.numbered_tables.insert("ticket");
                }
                TicketCommandKind::SolveUnfinished => {
                    preload.needs_unfinished = true;
                    preload.numbered_tables.insert("timeline");
                }
                TicketCommandKind::Delete(tickets) => preload.ticket_ids.extend(&tickets.ids),
                TicketCommandKind::Update { tickets, changes, link } => {
                    preload.ticket_ids.extend(&tickets.ids);
                    preload.numbered_tables.insert("timeline");
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

    /// Returns SQL that begins a transaction and selects the data as one JSON object, a [`LoadedData`].
    fn to_statement(&self) -> SqlBuilder {
        let mut sql = SqlBuilder::default();
        let mut fields = Vec::new();
        if !self.ticket_ids.is_empty() || self.needs_unfinished {
            fields.push(format!("'tickets', ({})", self.tickets_sql(&mut sql)));
        }
        if !self.external_primary_ids.is_empty() {
            let external_ids = sql.bind(json!(self.external_primary_ids).to_string());
            let last = last_id_sql("customer");
            fields.push(format!(
                "'customers', (SELECT json_group_array({customer}) FROM customer \
                 WHERE external_primary_id IN (SELECT value FROM json_each({external_ids}))), \
                 'last_customer_id', {last}",
                customer = json_array_sql(LoadedCustomer::FIELDS, quote_identifier),
            ));
        }
        if !self.reference_keys.is_empty() {
            let keys = sql.bind(json!(self.reference_keys).to_string());
            fields.push(format!(
                "'references', (SELECT json_group_array({reference}) FROM reference WHERE (kind, id) IN \
                     (SELECT value ->> '$.kind', value ->> '$.id' FROM json_each({keys})))",
                reference = json_array_sql(LoadedReference::FIELDS, quote_identifier),
            ));
        }
        for table in &self.numbered_tables {
            fields.push(format!("'last_{table}_id', {}", last_id_sql(table)));
        }
        sql.push(&format!("BEGIN IMMEDIATE; SELECT json_object({})", fields.join(", ")));
        sql
    }

    fn tickets_sql(&self, sql: &mut SqlBuilder) -> String {
        // Few commands need the title, the longest column.
        let columns = json_array_sql(MutableColumns::COLUMNS, |column| match column {
            "title" if !self.needs_titles => "NULL".to_owned(),
            column => quote_identifier(column),
        });
        let ticket = json_array_sql(LoadedTicket::FIELDS, |field| match field {
            "columns" => columns.clone(),
            field => format!("ticket.{field}"),
        });
        let from = if self.needs_unfinished {
            let statuses = sql.bind(json!(Status::UNFINISHED).to_string());
            let ids = sql.bind(ids_to_json(&self.ticket_ids));
            format!(
                "ticket WHERE status IN (SELECT value FROM json_each({statuses})) \
                 OR id IN (SELECT value FROM json_each({ids}))"
            )
        } else {
            let ids = sql.bind(ids_to_json(&self.ticket_ids));
            // CROSS JOIN, so that tickets are looked up by id.
            format!("json_each({ids}) AS ids CROSS JOIN ticket ON ticket.id = ids.value")
        };
        format!("SELECT json_group_array({ticket}) FROM {from}")
    }
}

/// Returns SQL for a table's last assigned id.
fn last_id_sql(table: &str) -> String {
    format!("(SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = '{table}')")
}

/// The result of [`Preload::to_statement`]; data that no command needs is empty.
#[derive(Default, Deserialize)]
#[serde(default)]
struct LoadedData {
    tickets: Vec<LoadedTicket>,
    customers: Vec<LoadedCustomer>,
    last_customer_id: i64,
    references: Vec<LoadedReference>,
    last_ticket_id: i64,
    last_timeline_id: i64,
}

loaded_row! {
    struct LoadedTicket {
        id: i64,
        brand_id: i64,
        columns: MutableColumns,
    }
}

loaded_row! {
    struct LoadedCustomer {
        external_primary_id: String,
        id: i64,
    }
}

loaded_row! {
    struct LoadedReference {
        kind: ReferenceKind,
        id: i64,
        name: String,
    }
}

/// Begins a transaction and loads the unit of work of the commands.
async fn load(
    connection: &mut Connection,
    commands: &[&TicketCommand],
) -> Result<UnitOfWork, StorageError> {
    let row =
        Preload::from_commands(commands).to_statement().into_query().fetch_one(connection).await?;
    let text: &str = row.try_get(0)?;
    let loaded: LoadedData =
        serde_json::from_str(text).map_err(|error| StorageError::corrupt(error.to_string()))?;
    let tickets = loaded.tickets.into_iter();
    let tickets = tickets
        .map(|ticket| (ticket.id, TicketState::from_stored(ticket.brand_id, ticket.columns)));
    let customers = loaded.customers.into_iter();
    let references = loaded.references.into_iter();
    let reference_names = references
        .map(|reference| (ReferenceKey { kind: reference.kind, id: reference.id }, reference.name));
    Ok(UnitOfWork {
        tickets: tickets.collect(),
        customer_ids: customers
            .map(|customer| (customer.external_primary_id, customer.id))
            .collect(),
        reference_names: reference_names.collect(),
        last_ticket_id: loaded.last_ticket_id,
        last_customer_id: loaded.last_customer_id,
        last_timeline_id: loaded.last_timeline_id,
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
        let rows = sql.bind(to_json(new_tickets));
        sql.push(&format!("jsonb_each({rows}); "));
    }
    if !new_customers.is_empty() {
        let rows = sql.bind(to_json(new_customers));
        sql.push(&insert_sql("customer", CustomerRow::COLUMNS, &format!("jsonb_each({rows}); ")));
    }
    for update in &unit_of_work.bulk_updates() {
        push_bulk_update(&mut sql, update);
    }
    if !events.is_empty() {
        push_events(&mut sql, events, unit_of_work.last_timeline_id);
    }
    if !deleted_ids.is_empty() {
        let ids = sql.bind(ids_to_json(deleted_ids));
        sql.push(&format!("DELETE FROM ticket WHERE id IN (SELECT value FROM json_each({ids})); "));
    }
    let tally_deltas = unit_of_work.tally_deltas();
    if !tally_deltas.is_empty() {
        let rows = sql.bind(to_json(&tally_deltas));
        sql.push(&INSERT_TALLY_PREFIX);
        sql.push(&format!(
            "jsonb_each({rows}) WHERE true \
             ON CONFLICT DO UPDATE SET tickets = tickets + excluded.tickets; "
        ));
    }
    sql.push("COMMIT");
    sql
}

/// Inserts tickets from the table of JSON arrays appended to it.
static INSERT_TICKETS_PREFIX: LazyLock<String> =
    LazyLock::new(|| insert_sql("ticket", NewTicketRow::COLUMNS, ""));

/// Inserts changes of the tally in the same way.
static INSERT_TALLY_PREFIX: LazyLock<String> =
    LazyLock::new(|| insert_sql("tally", TallyDelta::COLUMNS, ""));

/// Serializes rows.
fn to_json(rows: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(rows).unwrap_or_default()
}

/// Updates ticket columns; each group's values are parsed once for all its tickets.
fn push_bulk_update(sql: &mut SqlBuilder, update: &BulkUpdate<'_>) {
    let groups = sql.bind(to_json(&update.groups));
    let set = |column: &&str| format!("{0} = changed.{0}", quote_identifier(column));
    sql.push(&format!(
        "{source}, changed AS MATERIALIZED \
             (SELECT ids.value AS id, {columns} FROM source CROSS JOIN json_each(ticket_ids) AS ids) \
         UPDATE ticket SET {sets} FROM changed WHERE ticket.id = changed.id; ",
        source = with_source_sql(&update.columns, &groups),
        columns = column_list_sql(&update.columns),
        sets = update.columns.iter().map(set).collect::<Vec<_>>().join(", "),
    ));
}

/// Inserts timeline events; each event is parsed once for all its tickets.
fn push_events(sql: &mut SqlBuilder, events: &[TimelineEvent], last_id: i64) {
    let (events, last_id) = (sql.bind(to_json(events)), sql.bind(last_id));
    let columns = column_list_sql(EventRow::COLUMNS);
    // Each ticket after the first has the next id.
    let values = columns.replace("\"id\"", "source.id + ids.key");
    sql.push(&format!(
        "{source} INSERT INTO timeline (ticket_id, type, {columns}) \
         SELECT ids.value, 'event', {values} FROM source CROSS JOIN json_each(ticket_ids) AS ids; \
         UPDATE sqlite_sequence SET seq = {last_id} WHERE name = 'timeline'; ",
        source = with_source_sql(EventRow::COLUMNS, &events),
    ));
}

/// Returns the common table expression `source` of rows with the ids of their tickets.
fn with_source_sql(columns: &[&str], rows: &str) -> String {
    let elements = json_elements_sql(columns, ROW_PATH);
    format!(
        "WITH source AS MATERIALIZED \
         (SELECT {elements}, jsonb_extract(value, '{TICKET_IDS_PATH}') AS ticket_ids FROM jsonb_each({rows}))"
    )
}

/// Serializes ids.
fn ids_to_json(ids: &[i64]) -> String {
    json!(ids).to_string()
}
