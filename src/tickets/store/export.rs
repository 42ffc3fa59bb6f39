//! Exports an account's rows as a fixture, and counts them.

use std::sync::LazyLock;

use futures_util::TryStreamExt;
use sqlx::query_scalar;

use super::next_ids::{NUMBERED_TABLES, NumberedTable};
use super::sql::{json_object_args, quote_identifier};
use crate::clock::Zone;
use crate::storage::{Connection, StorageError};
use crate::tickets::model::columns::{self, EVENT_COLUMNS, NOTE_COLUMNS};
use crate::tickets::model::command::CustomerRow;
use crate::tickets::model::dates;
use crate::tickets::model::reference::ReferenceKind;
use crate::tickets::model::row::Row as _;

/// One statement, so that it reads one snapshot: a row with all but the tickets, then a row per ticket. A single value
/// would take several times its length, since SQLite copies a text when it embeds it in another.
static EXPORT_STATEMENT: LazyLock<String> = LazyLock::new(|| {
    let references = ReferenceKind::ALL.map(|kind| {
        let icon = if kind == ReferenceKind::Channel { ", 'icon', icon" } else { "" };
        format!(
            "'{}', (SELECT json_group_array(json_object('id', id, 'name', name{icon}) ORDER BY id) \
             FROM reference WHERE kind = '{}')",
            kind.list(),
            kind.name()
        )
    });
    let next_ids = NUMBERED_TABLES.map(|NumberedTable { table, list }| {
        format!(
            "'{list}', 1 + COALESCE((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0)"
        )
    });
    let customer = json_object_args(CustomerRow::COLUMNS, quote_identifier);
    let ticket = json_object_args(columns::ticket_column_names(), quote_identifier);
    let event = json_object_args(&columns::column_names(EVENT_COLUMNS), quote_identifier);
    let note = json_object_args(&columns::column_names(NOTE_COLUMNS), quote_identifier);
    format!(
        "SELECT json_object('next_ids', json_object({}), {}, \
         'customers', (SELECT json_group_array(json_object({customer}) ORDER BY id) FROM customer), \
         'views', (SELECT json_group_array(json_object('id', id, 'slug', slug, 'title', title, \
             'conditions', json(conditions)) ORDER BY id) FROM view)) \
         UNION ALL SELECT * FROM (SELECT json_object({ticket}, 'timeline', \
             (SELECT json_group_array(json(CASE e.type WHEN 'event' THEN json_object({event}) \
                  ELSE json_object({note}) END) ORDER BY e.id) \
              FROM timeline AS e WHERE e.ticket_id = ticket.id)) FROM ticket ORDER BY ticket.id)",
        next_ids.join(", "),
        references.join(", ")
    )
});

/// Appends the account's rows to `text` as members of a JSON object, in the order of a fixture's lists.
///
/// # Errors
/// If the database fails.
pub(crate) async fn export(
    connection: &mut Connection,
    zone: &Zone,
    text: &mut String,
) -> Result<(), StorageError> {
    let mut rows = query_scalar::<_, String>(EXPORT_STATEMENT.as_str()).fetch(connection);
    let mut separator = "";
    while let Some(row) = rows.try_next().await? {
        let row = dates::export_dates(row, zone);
        text.push_str(separator);
        if separator.is_empty() {
            let fields = row.trim_start_matches('{');
            text.push_str(fields.strip_suffix('}').unwrap_or(fields));
            separator = ",\"tickets\":[";
        } else {
            text.push_str(&row);
            separator = ",";
        }
    }
    text.push_str(if separator == "," { "]" } else { ",\"tickets\":[]" });
    Ok(())
}

/// Returns the row count of each kind, as a JSON object.
pub(crate) async fn count_rows(connection: &mut Connection) -> Result<String, StorageError> {
    static COUNT_STATEMENT: LazyLock<String> = LazyLock::new(|| {
        let references = ReferenceKind::ALL.map(|kind| {
            let (list, kind) = (kind.list(), kind.name());
            format!("'{list}', (SELECT COUNT(*) FROM reference WHERE kind = '{kind}')")
        });
        format!(
            "SELECT json_object({}, 'customers', (SELECT COUNT(*) FROM customer), \
             'views', (SELECT COUNT(*) FROM view), 'tickets', (SELECT COUNT(*) FROM ticket), \
             'timeline', (SELECT COUNT(*) FROM timeline))",
            references.join(", ")
        )
    });
    Ok(query_scalar(COUNT_STATEMENT.as_str()).fetch_one(connection).await?)
}
