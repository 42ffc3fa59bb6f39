//! Reads tickets and views; one statement renders a ticket as response JSON.

use std::sync::LazyLock;

use sqlx::Row as _;

use super::sql::{json_object_args, quote_identifier};
use crate::clock::Zone;
use crate::storage::{BatchedRead, BoxFuture, Connection, StorageError};
use crate::tickets::model::columns;
use crate::tickets::model::dates;
use crate::tickets::model::view::ViewConditions;

/// Returns SQL for a column's displayed value, with dates in UTC. `$1` is always the server's public URL.
pub(super) fn ticket_column_sql(column: &str) -> String {
    match column {
        "icon" | "channel_icon" => {
            format!("COALESCE(t.{column}, {}, '')", reference_sql("icon", "channel"))
        }
        "channel_name" => {
            let name = reference_sql("name", "channel");
            format!("COALESCE(t.channel_name, {name}, 'channel ' || t.channel_id)")
        }
        "brand_name" => {
            let name = reference_sql("name", "brand");
            format!("COALESCE(t.brand_name, {name}, 'Brand ' || t.brand_id)")
        }
        "external_gui_url" => {
            "COALESCE(t.external_gui_url, $1 || '/?ticketID=' || t.id)".to_owned()
        }
        _ => format!("t.{}", quote_identifier(column)),
    }
}

/// Returns SQL for a reference column of a ticket's brand or channel.
fn reference_sql(column: &str, kind: &str) -> String {
    format!("(SELECT {column} FROM reference WHERE kind = '{kind}' AND id = t.{kind}_id)")
}

fn timeline_column_sql(column: &str) -> String {
    match column {
        "user_name" => {
            "COALESCE(NULLIF(e.user_name, ''), (SELECT name FROM reference WHERE kind = 'user' AND id = e.user_id), '')"
                .to_owned()
        }
        _ => format!("e.{}", quote_identifier(column)),
    }
}

/// A ticket's JSON in a list.
pub(super) static LIST_ITEM_SQL: LazyLock<String> = LazyLock::new(|| {
    format!("json_object({})", json_object_args(columns::ticket_column_names(), ticket_column_sql))
});

/// Selects tickets and their timelines. `$1` is a JSON array of the wanted ones, each with its id, whether events are
/// included, and the server's public URL.
static ITEMS_STATEMENT: LazyLock<String> = LazyLock::new(|| {
    let column_sql = |column: &str| ticket_column_sql(column).replace("$1", "wanted.public_url");
    let ticket = json_object_args(columns::ticket_column_names(), column_sql);
    let event =
        json_object_args(&columns::column_names(columns::EVENT_COLUMNS), timeline_column_sql);
    // A note's id is a text, an event's a number (documented: the sample).
    let note = json_object_args(&columns::column_names(columns::NOTE_COLUMNS), timeline_column_sql)
        .replace("'id', e.\"id\"", "'id', CAST(e.id AS TEXT)");
    format!(
        "WITH wanted AS MATERIALIZED (SELECT key, value ->> 0 AS id, value ->> 1 AS with_events, \
             value ->> 2 AS public_url FROM jsonb_each($1)) \
         SELECT wanted.key, json_object({ticket}), (\
            SELECT GROUP_CONCAT(entry) FROM (\
                SELECT CASE e.type WHEN 'event' THEN json_object({event}) ELSE json_object({note}) END AS entry \
                FROM timeline AS e WHERE e.ticket_id = t.id AND (wanted.with_events OR e.type <> 'event') \
                ORDER BY e.created_at, e.id)) \
         FROM wanted CROSS JOIN ticket AS t ON t.id = wanted.id"
    )
});

/// Reads a ticket with its timeline, as JSON; None if it does not exist.
#[derive(Clone, Debug)]
pub(crate) struct ReadItem {
    pub(crate) id: i64,
    pub(crate) with_events: bool,
    pub(crate) public_url: String,
    pub(crate) zone: Zone,
}

impl BatchedRead for ReadItem {
    type Output = Option<String>;

    fn run_batch(
        connection: &mut Connection,
        reads: Vec<Self>,
    ) -> BoxFuture<'_, Result<Vec<Option<String>>, StorageError>> {
        Box::pin(async move {
            let wanted: Vec<_> =
                reads.iter().map(|read| (read.id, read.with_events, &read.public_url)).collect();
            let wanted = serde_json::to_string(&wanted).unwrap_or_default();
            let rows = sqlx::query(ITEMS_STATEMENT.as_str()).bind(wanted).fetch_all(connection);
            let mut items = vec![None; reads.len()];
            for row in rows.await? {
                let (index, ticket, timeline): (i64, &str, Option<&str>) =
                    (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                let (Some(read), Some(item)) = (reads.get(index), items.get_mut(index)) else {
                    continue;
                };
                let ticket = ticket.strip_suffix('}').unwrap_or(ticket);
                let json = [ticket, ",\"timeline\":[", timeline.unwrap_or_default(), "]}"].concat();
                *item = Some(dates::localize_dates(json, &read.zone));
            }
            Ok(items)
        })
    }
}

/// Returns a ticket without its timeline, as JSON; None if it does not exist.
pub(crate) async fn fetch_ticket(
    connection: &mut Connection,
    public_url: &str,
    zone: &Zone,
    id: i64,
) -> Result<Option<String>, StorageError> {
    static STATEMENT: LazyLock<String> = LazyLock::new(|| {
        format!("SELECT {} FROM ticket AS t WHERE t.id = $2", LIST_ITEM_SQL.as_str())
    });
    let statement = sqlx::query_scalar(STATEMENT.as_str());
    let entry: Option<String> =
        statement.bind(public_url).bind(id).fetch_optional(connection).await?;
    Ok(entry.map(|json| dates::localize_dates(json, zone)))
}

/// Returns the conditions of the custom view with this slug or id.
pub(crate) async fn fetch_view_conditions(
    connection: &mut Connection,
    name: &str,
) -> Result<Option<ViewConditions>, StorageError> {
    let statement =
        sqlx::query_scalar("SELECT conditions FROM view WHERE slug = $1 OR CAST(id AS TEXT) = $1");
    let found: Option<String> = statement.bind(name).fetch_optional(connection).await?;
    let parsed = found.map(|text| serde_json::from_str(&text)).transpose();
    parsed.map_err(|error| StorageError::corrupt(format!("view {name}: {error}")))
}

/// The maximum number of names, and of views, that are listed.
const MAX_NAMES: i64 = 1000;

/// Returns the names of ids and the views of an account, as JSON.
pub(crate) async fn fetch_names(connection: &mut Connection) -> Result<String, StorageError> {
    let statement = sqlx::query_scalar(
        "SELECT json_object(\
            'references', (SELECT json_group_array(json_object('kind', kind, 'id', id, 'name', name)) \
                FROM (SELECT kind, id, name FROM reference ORDER BY kind, id LIMIT $1)), \
            'views', (SELECT json_group_array(json_object('slug', slug, 'title', title)) \
                FROM (SELECT slug, title FROM view ORDER BY id LIMIT $1)))",
    );
    Ok(statement.bind(MAX_NAMES).fetch_one(connection).await?)
}

/// Returns a customer as JSON; None if it does not exist.
pub(crate) async fn fetch_customer(
    connection: &mut Connection,
    id: i64,
) -> Result<Option<String>, StorageError> {
    let statement = sqlx::query_scalar(
        "SELECT json_object('id', id, 'external_primary_id', external_primary_id, 'firstname', firstname, \
            'lastname', lastname, 'brand_id', brand_id) FROM customer WHERE id = $1",
    );
    Ok(statement.bind(id).fetch_optional(connection).await?)
}
