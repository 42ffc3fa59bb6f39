//! Reads: a ticket comes out of the database as the JSON that is answered, in one statement.

use std::sync::LazyLock;

use super::sql::name;
use crate::clock::Zone;
use crate::storage::{Connection, StorageError};
use crate::tickets::columns::{self, Column};
use crate::tickets::dates;
use crate::tickets::search::Conditions;

/// What a column shows, with dates as they are stored. `$1` is the server's public URL in every statement that shows
/// tickets.
pub(super) fn shown(column: &str) -> String {
    match column {
        "icon" | "channel_icon" => {
            format!("COALESCE(t.{column}, {}, '')", reference("icon", "channel"))
        }
        "channel_name" => {
            let name = reference("name", "channel");
            format!("COALESCE(t.channel_name, {name}, 'channel ' || t.channel_id)")
        }
        "brand_name" => {
            let name = reference("name", "brand");
            format!("COALESCE(t.brand_name, {name}, 'Brand ' || t.brand_id)")
        }
        "external_gui_url" => {
            "COALESCE(t.external_gui_url, $1 || '/?ticketID=' || t.id)".to_owned()
        }
        _ => format!("t.{}", name(column)),
    }
}

/// What the account's reference data say of a ticket's brand or channel.
fn reference(column: &str, kind: &str) -> String {
    format!("(SELECT {column} FROM reference WHERE kind = '{kind}' AND id = t.{kind}_id)")
}

fn in_timeline(column: &str) -> String {
    match column {
        "user_name" => {
            "COALESCE(NULLIF(e.user_name, ''), (SELECT name FROM reference WHERE kind = 'user' AND id = e.user_id), '')"
                .to_owned()
        }
        _ => format!("e.{}", name(column)),
    }
}

fn pairs(columns: &[Column], shown: fn(&str) -> String) -> String {
    let pairs: Vec<String> =
        columns.iter().map(|column| format!("'{}', {}", column.name, shown(column.name))).collect();
    pairs.join(", ")
}

/// A ticket as a list shows it.
pub(super) static ENTRY: LazyLock<String> =
    LazyLock::new(|| format!("json_object({})", pairs(columns::TICKET, shown)));

/// One ticket with its timeline: `$2` is its id, `$3` whether events are shown.
static ITEM: LazyLock<String> = LazyLock::new(|| {
    let ticket = pairs(columns::TICKET, shown);
    let event = pairs(columns::EVENT, in_timeline);
    // A note's id is a text, an event's a number (documented: the sample).
    let note =
        pairs(columns::NOTE, in_timeline).replace("'id', e.\"id\"", "'id', CAST(e.id AS TEXT)");
    format!(
        "SELECT json_object({ticket}, 'timeline', (\
            SELECT json_group_array(json(CASE e.type WHEN 'event' THEN json_object({event}) ELSE json_object({note}) END) \
                ORDER BY e.created_at, e.id) \
            FROM timeline AS e WHERE e.ticket_id = t.id AND ($3 OR e.type <> 'event'))) \
         FROM ticket AS t WHERE t.id = $2"
    )
});

/// The ticket with its timeline, as JSON; None when there is no such ticket.
pub(crate) async fn item(
    connection: &mut Connection,
    (public_url, zone): (&str, &Zone),
    id: i64,
    with_events: bool,
) -> Result<Option<String>, StorageError> {
    let statement = sqlx::query_scalar(ITEM.as_str());
    let statement = statement.bind(public_url).bind(id).bind(with_events);
    let item: Option<String> = statement.fetch_optional(connection).await?;
    Ok(item.map(|json| dates::show(json, zone)))
}

/// The ticket as a list shows it, as JSON; None when there is no such ticket.
pub(crate) async fn entry(
    connection: &mut Connection,
    (public_url, zone): (&str, &Zone),
    id: i64,
) -> Result<Option<String>, StorageError> {
    static STATEMENT: LazyLock<String> =
        LazyLock::new(|| format!("SELECT {} FROM ticket AS t WHERE t.id = $2", ENTRY.as_str()));
    let statement = sqlx::query_scalar(STATEMENT.as_str());
    let entry: Option<String> =
        statement.bind(public_url).bind(id).fetch_optional(connection).await?;
    Ok(entry.map(|json| dates::show(json, zone)))
}

/// The conditions of the account's own view with this slug or id.
pub(crate) async fn view(
    connection: &mut Connection,
    name: &str,
) -> Result<Option<Conditions>, StorageError> {
    let statement =
        sqlx::query_scalar("SELECT conditions FROM view WHERE slug = $1 OR CAST(id AS TEXT) = $1");
    let found: Option<String> = statement.bind(name).fetch_optional(connection).await?;
    let parsed = found.map(|text| serde_json::from_str(&text)).transpose();
    parsed.map_err(|error| StorageError::corrupt(format!("view {name}: {error}")))
}
