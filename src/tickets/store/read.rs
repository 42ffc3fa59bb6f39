//! Reads: a ticket, or a list, comes out of the database as the JSON that is answered, in one statement.

use std::sync::LazyLock;

use sqlx::Row;

use super::sql::{Sql, name};
use crate::storage::{Connection, StorageError};
use crate::tickets::columns::{self, Column};
use crate::tickets::search::{Condition, Conditions, Filter, Operation, Page};
use crate::tickets::ticket::{Cell, searchable};

/// The shortest text that the trigram index can find, in characters.
const TRIGRAM: usize = 3;

/// What a column shows. `$1` is the server's public URL in every statement of this file.
fn shown(column: &str) -> String {
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
static ENTRY: LazyLock<String> =
    LazyLock::new(|| format!("json_object({})", pairs(columns::TICKET, shown)));

/// One ticket with its timeline: `$2` is its id, `$3` whether events are shown.
static ITEM: LazyLock<String> = LazyLock::new(|| {
    let ticket = pairs(columns::TICKET, shown);
    let event = pairs(columns::EVENT, in_timeline);
    // A note's id is a text, an event's a number (documented: the sample).
    let note =
        pairs(columns::NOTE, in_timeline).replace("'id', e.\"id\"", "'id', CAST(e.id AS TEXT)");
    format!(
        "SELECT json_object({ticket}, 'timeline', json((\
            SELECT json_group_array(json(CASE e.type WHEN 'event' THEN json_object({event}) ELSE json_object({note}) END) \
                ORDER BY e.created_at, e.id) \
            FROM timeline AS e WHERE e.ticket_id = t.id AND ($3 OR e.type <> 'event')))) \
         FROM ticket AS t WHERE t.id = $2"
    )
});

/// The ticket with its timeline, as JSON; None when there is no such ticket.
pub(crate) async fn item(
    connection: &mut Connection,
    public_url: &str,
    id: i64,
    with_events: bool,
) -> Result<Option<String>, StorageError> {
    let statement = sqlx::query_scalar(ITEM.as_str());
    Ok(statement.bind(public_url).bind(id).bind(with_events).fetch_optional(connection).await?)
}

/// The ticket as a list shows it, as JSON; None when there is no such ticket.
pub(crate) async fn entry(
    connection: &mut Connection,
    public_url: &str,
    id: i64,
) -> Result<Option<String>, StorageError> {
    static STATEMENT: LazyLock<String> =
        LazyLock::new(|| format!("SELECT {} FROM ticket AS t WHERE t.id = $2", ENTRY.as_str()));
    let statement = sqlx::query_scalar(STATEMENT.as_str());
    Ok(statement.bind(public_url).bind(id).fetch_optional(connection).await?)
}

/// How many tickets match, and those of the page as JSON, newest id first, with commas between them.
pub(crate) async fn list(
    connection: &mut Connection,
    public_url: &str,
    filter: &Filter,
    page: Page,
) -> Result<(i64, String), StorageError> {
    let mut sql = Sql::default();
    let url = sql.placeholder(Cell::Text(public_url.to_owned()));
    debug_assert_eq!(url, "$1", "the columns name it");
    let mut matching = String::new();
    conditions(&mut matching, &mut sql, filter);
    let limit = sql.placeholder(number(page.limit));
    let start = sql.placeholder(number(page.start));
    sql.push(&format!(
        "WITH page AS (SELECT t.id FROM ticket AS t WHERE {matching} ORDER BY t.id DESC LIMIT {limit} OFFSET {start}) \
         SELECT (SELECT COUNT(*) FROM ticket AS t WHERE {matching}), \
                (SELECT GROUP_CONCAT(entry, ',' ORDER BY id DESC) FROM \
                    (SELECT t.id AS id, {} AS entry FROM ticket AS t WHERE t.id IN (SELECT id FROM page)))",
        ENTRY.as_str()
    ));
    let row = sql.query().fetch_one(connection).await?;
    let entries: Option<String> = row.try_get(1)?;
    Ok((row.try_get(0)?, entries.unwrap_or_default()))
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

fn number(number: u64) -> Cell {
    Cell::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Writes what must hold of `t`.
fn conditions(text: &mut String, sql: &mut Sql, filter: &Filter) {
    let mut all = vec!["1".to_owned()];
    if let Some(date) = &filter.archived_before {
        let date = sql.placeholder(Cell::Text(date.clone()));
        all.push(format!("t.id NOT IN (SELECT id FROM ticket WHERE closed_at < {date})"));
    }
    if let Some(status) = &filter.status {
        let status = sql.placeholder(Cell::Text(status.clone()));
        all.push(format!("t.status = {status}"));
    }
    if let Some(query) = &filter.query {
        all.push(found(sql, query));
    }
    all.extend(filter.view.all.iter().map(|condition| compared(sql, condition)));
    if !filter.view.any.is_empty() {
        let any: Vec<String> =
            filter.view.any.iter().map(|condition| compared(sql, condition)).collect();
        all.push(format!("({})", any.join(" OR ")));
    }
    text.push_str(&all.join(" AND "));
}

/// The text anywhere in what is searched, or the id.
fn found(sql: &mut Sql, query: &str) -> String {
    let lower = searchable(query);
    let text = sql.placeholder(Cell::Text(lower.clone()));
    let holds = |ticket: &str| {
        format!("(INSTR({ticket}.search_title, {text}) OR INSTR({ticket}.search_rest, {text}))")
    };
    let in_text = if lower.chars().count() >= TRIGRAM {
        let phrase = format!("\"{}\"", lower.replace('"', "\"\""));
        let phrase = sql.placeholder(Cell::Text(phrase));
        format!(
            "t.id IN (SELECT rowid FROM ticket_search WHERE ticket_search MATCH {phrase} UNION ALL \
                SELECT n.id FROM ticket_unindexed JOIN ticket AS n USING (id) WHERE {})",
            holds("n")
        )
    } else {
        holds("t")
    };
    match query.parse::<i64>() {
        Ok(id) if id.to_string() == query => {
            let id = sql.placeholder(Cell::Number(id));
            format!("(t.id = {id} OR {in_text})")
        }
        _ => in_text,
    }
}

/// One condition of a view. Its fact was checked when the view was made; an unknown one matches nothing.
fn compared(sql: &mut Sql, condition: &Condition) -> String {
    let Some(column) = columns::named(&condition.fact) else { return "0".to_owned() };
    let shown = shown(column.name);
    let value = condition.value.clone().unwrap_or_default();
    let pattern =
        format!("%{}%", value.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    let cell = match value.parse() {
        Ok(number) if column.shape.is_number() => Cell::Number(number),
        _ => Cell::Text(value),
    };
    match condition.operation {
        Operation::Equals => format!("{shown} IS {}", sql.placeholder(cell)),
        Operation::NotEquals => format!("{shown} IS NOT {}", sql.placeholder(cell)),
        Operation::GreaterThan => format!("COALESCE({shown} > {}, 0)", sql.placeholder(cell)),
        Operation::LessThan => format!("COALESCE({shown} < {}, 0)", sql.placeholder(cell)),
        Operation::Contains => format!(
            "COALESCE({shown}, '') LIKE {} ESCAPE '\\'",
            sql.placeholder(Cell::Text(pattern))
        ),
        Operation::NotContains => {
            format!(
                "COALESCE({shown}, '') NOT LIKE {} ESCAPE '\\'",
                sql.placeholder(Cell::Text(pattern))
            )
        }
        Operation::IsEmpty => format!("COALESCE({shown}, '') IN ('', 0)"),
        Operation::IsNotEmpty => format!("COALESCE({shown}, '') NOT IN ('', 0)"),
    }
}
