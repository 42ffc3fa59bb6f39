//! Lists tickets: one statement returns the match count and a page as response JSON.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Row};

use super::read::{LIST_ITEM_SQL, ticket_column_sql};
use super::sql::{SqlBuilder, quote_identifier};
use crate::clock::Zone;
use crate::storage::{Connection, StorageError};
use crate::tickets::model::filter::{ConditionOperator, PageRequest, TicketFilter, ViewCondition};
use crate::tickets::model::ticket::{ColumnValue, normalize_search_text};
use crate::tickets::model::{columns, dates};

/// Code points that the index cannot tell apart (SQLite decodes the last two as the first).
const AMBIGUOUS_CHARS: [char; 3] = ['\u{fffd}', '\u{fffe}', '\u{ffff}'];
/// The shortest text that the trigram index finds, in characters.
const TRIGRAM_CHARS: usize = 3;
/// Repeated trigrams in a text above which only its distinct trigrams are queried (arbitrary).
const MAX_REPEATED_TRIGRAMS: usize = 8;
/// Limit of distinct trigrams in such a query (arbitrary).
const MAX_QUERY_TRIGRAMS: usize = 32;
/// From this offset on, a page is read from the nearer end.
const DEEP_PAGE_OFFSET: u64 = 1000;

/// Returns the match count, and the page as comma-separated JSON, newest id first.
pub(crate) async fn list_tickets(
    connection: &mut Connection,
    public_url: &str,
    mut filter: TicketFilter,
    page: PageRequest,
) -> Result<(i64, String), StorageError> {
    if filter.zone.is_utc() || !filter.view.conditions().any(ViewCondition::compares_displayed_date)
    {
        return query_page(connection, public_url, &filter, page).await;
    }
    // Two queries, one snapshot.
    let mut transaction = connection.begin().await?;
    resolve_displayed_dates(&mut transaction, &mut filter).await?;
    let page_of_tickets = query_page(&mut transaction, public_url, &filter, page).await?;
    transaction.commit().await?;
    Ok(page_of_tickets)
}

/// Resolves conditions on displayed dates to the matching stored dates: SQLite knows no time zones.
async fn resolve_displayed_dates(
    connection: &mut Connection,
    filter: &mut TicketFilter,
) -> Result<(), StorageError> {
    let TicketFilter { view, zone, .. } = filter;
    for condition in view.conditions_mut().filter(|condition| condition.compares_displayed_date()) {
        let Some(column) = columns::find_ticket_column(&condition.fact)
            .map(|column| quote_identifier(column.name))
        else {
            continue;
        };
        let statement = format!("SELECT DISTINCT {column} FROM ticket WHERE {column} IS NOT NULL");
        let dates = sqlx::query_scalar(AssertSqlSafe(statement));
        let mut dates: Vec<String> = dates.fetch_all(&mut *connection).await?;
        dates.retain(|date| condition.matches_ignoring_negation(&zone.to_local(date)));
        condition.matching_dates = Some(dates);
    }
    Ok(())
}

async fn query_page(
    connection: &mut Connection,
    public_url: &str,
    filter: &TicketFilter,
    page: PageRequest,
) -> Result<(i64, String), StorageError> {
    let mut sql = SqlBuilder::default();
    let url = sql.bind(ColumnValue::Text(public_url.to_owned()));
    debug_assert_eq!(url, "$1", "the column SQL refers to $1");
    let match_sql = MatchSql::new(&mut sql, filter);
    let total = total_from_tally(&mut sql, filter).unwrap_or_else(|| match_sql.count_sql());
    let page = page_ids_sql(&mut sql, &match_sql, page);
    sql.push(&format!(
        "WITH {found}total (n) AS MATERIALIZED (SELECT {total}), page AS MATERIALIZED ({page}) \
         SELECT (SELECT n FROM total), (SELECT GROUP_CONCAT(entry, ',' ORDER BY id DESC) FROM \
            (SELECT t.id AS id, {entry} AS entry FROM ticket AS t WHERE t.id IN (SELECT id FROM page)))",
        found = match_sql.search_cte,
        entry = LIST_ITEM_SQL.as_str()
    ));
    let row = sql.into_query().fetch_one(connection).await?;
    let entries: Option<String> = row.try_get(1)?;
    Ok((row.try_get(0)?, dates::localize_dates(entries.unwrap_or_default(), &filter.zone)))
}

/// SQL that selects the matching tickets.
struct MatchSql {
    /// Common table expression of the text search, or empty.
    search_cte: String,
    /// The source of tickets `t`.
    from_clause: &'static str,
    /// The condition on `t`.
    where_clause: String,
}

impl MatchSql {
    fn new(sql: &mut SqlBuilder, filter: &TicketFilter) -> Self {
        let mut conditions = where_conditions(sql, filter);
        let (mut search_cte, mut from_clause) = (String::new(), "ticket AS t");
        if let Some(query) = &filter.query {
            search_cte = format!("found (id) AS MATERIALIZED ({}), ", text_search_sql(sql, query));
            from_clause = if conditions.is_empty() {
                "found AS t"
            } else {
                "found JOIN ticket AS t USING (id)"
            };
        }
        if let Some(date) = &filter.archived_before {
            let date = sql.bind(ColumnValue::Text(date.clone()));
            conditions.push(if filter.query.is_some() {
                format!("t.id NOT IN (SELECT id FROM ticket WHERE closed_at < {date})")
            } else {
                format!("(t.closed_at IS NULL OR t.closed_at >= {date})")
            });
        }
        let where_clause =
            if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
        Self { search_cte, from_clause, where_clause }
    }

    fn count_sql(&self) -> String {
        format!("(SELECT COUNT(*) FROM {} WHERE {})", self.from_clause, self.where_clause)
    }

    fn ids_sql(&self, order: &str, limit: &str, start: &str) -> String {
        let Self { from_clause, where_clause, .. } = self;
        format!(
            "SELECT t.id FROM {from_clause} WHERE {where_clause} ORDER BY t.id {order} LIMIT {limit} OFFSET {start}"
        )
    }
}

/// Returns SQL for a page's ids. The total caps LIMIT, so no scan looks for missing rows.
fn page_ids_sql(sql: &mut SqlBuilder, match_sql: &MatchSql, page: PageRequest) -> String {
    let to_value = |number: u64| ColumnValue::Number(i64::try_from(number).unwrap_or(i64::MAX));
    let (limit, start) = (sql.bind(to_value(page.limit)), sql.bind(to_value(page.start)));
    let total = "(SELECT n FROM total)";
    let limit = format!("MIN({limit}, MAX({total} - {start}, 0))");
    if page.start < DEEP_PAGE_OFFSET {
        return match_sql.ids_sql("DESC", &limit, &start);
    }
    let is_far = format!("{start} > {total} / 2");
    let newest = match_sql.ids_sql("DESC", &format!("IIF({is_far}, 0, {limit})"), &start);
    let skipped = format!("MAX({total} - {start} - {limit}, 0)");
    let oldest = match_sql.ids_sql("ASC", &format!("IIF({is_far}, {limit}, 0)"), &skipped);
    format!("SELECT id FROM ({newest}) UNION ALL SELECT id FROM ({oldest})")
}

/// Returns SQL for the match count from the tally; None if the tally lacks a criterion.
fn total_from_tally(sql: &mut SqlBuilder, filter: &TicketFilter) -> Option<String> {
    if filter.query.is_some() || !filter.view.any.is_empty() {
        return None;
    }
    let mut tally_conditions = vec!["true".to_owned()];
    if let Some(status) = &filter.status {
        tally_conditions.push(format!("status = {}", sql.bind(ColumnValue::Text(status.clone()))));
    }
    let (unassigned, others): (Vec<&ViewCondition>, Vec<&ViewCondition>) =
        filter.view.all.iter().partition(|condition| condition.is_unassigned());
    match unassigned.as_slice() {
        [] => {}
        [one, other] if one.fact != other.fact => {
            tally_conditions.push("is_assigned = 0".to_owned());
        }
        _ => return None,
    }
    for condition in others {
        let is_tally_column = matches!(condition.fact.as_str(), "status" | "priority");
        let operator = match condition.operation {
            ConditionOperator::Equals => "IS",
            ConditionOperator::NotEquals => "IS NOT",
            _ => return None,
        };
        let value = ColumnValue::Text(condition.value.clone().unwrap_or_default());
        if !is_tally_column {
            return None;
        }
        tally_conditions.push(format!("{} {operator} {}", condition.fact, sql.bind(value)));
    }
    let tally_where = tally_conditions.join(" AND ");
    let Some(date) = &filter.archived_before else {
        return Some(format!("(SELECT COALESCE(SUM(tickets), 0) FROM tally WHERE {tally_where})"));
    };
    // The tally has days only, so the last archived day is counted by ticket; INDEXED BY, as it holds few tickets.
    let day = sql.bind(ColumnValue::Text(date.chars().take(10).collect()));
    let date = sql.bind(ColumnValue::Text(date.clone()));
    let mut conditions = where_conditions(sql, filter);
    conditions.push(format!("t.closed_at >= {day} AND t.closed_at < {date}"));
    Some(format!(
        "(SELECT COALESCE(SUM(tickets), 0) FROM tally WHERE {tally_where} AND (closed_on = '' OR closed_on >= {day})) \
         - (SELECT COUNT(*) FROM ticket AS t INDEXED BY ticket_closed_at WHERE {})",
        conditions.join(" AND ")
    ))
}

/// Returns the conditions on `t`, without text search and archiving.
fn where_conditions(sql: &mut SqlBuilder, filter: &TicketFilter) -> Vec<String> {
    let mut conditions = Vec::new();
    if let Some(status) = &filter.status {
        let status = sql.bind(ColumnValue::Text(status.clone()));
        conditions.push(format!("t.status = {status}"));
    }
    conditions.extend(
        filter.view.all.iter().map(|condition| condition_sql(sql, condition, &filter.zone)),
    );
    if !filter.view.any.is_empty() {
        let any: Vec<String> = filter
            .view
            .any
            .iter()
            .map(|condition| condition_sql(sql, condition, &filter.zone))
            .collect();
        conditions.push(format!("({})", any.join(" OR ")));
    }
    conditions
}

/// Returns SQL for the ids of tickets that contain the text, or have it as their id.
fn text_search_sql(sql: &mut SqlBuilder, query: &str) -> String {
    let lower = normalize_search_text(query);
    let text = sql.bind(ColumnValue::Text(lower.clone()));
    let contains = format!("(INSTR(t.search_title, {text}) OR INSTR(t.search_rest, {text}))");
    let in_text = match build_fts_query(&lower) {
        Some(search) => {
            // FTS would compare the positions of a repeated trigram pairwise, so such a query is rechecked.
            let recheck = if search.is_exact { String::new() } else { format!(" AND {contains}") };
            let match_expression = sql.bind(ColumnValue::Text(search.text));
            format!(
                "SELECT t.id FROM ticket_search JOIN ticket AS t ON t.id = ticket_search.rowid \
                    WHERE ticket_search MATCH {match_expression} AND t.id NOT IN (SELECT id FROM search_queue){recheck} \
                 UNION ALL SELECT t.id FROM search_queue CROSS JOIN ticket AS t USING (id) WHERE {contains}"
            )
        }
        None => format!("SELECT t.id FROM ticket AS t WHERE {contains}"),
    };
    match query.parse::<i64>() {
        Ok(id) if id.to_string() == query => {
            let id = sql.bind(ColumnValue::Number(id));
            format!("{in_text} UNION SELECT id FROM ticket WHERE id = {id}")
        }
        _ => in_text,
    }
}

/// A MATCH expression.
#[derive(Debug, PartialEq, Eq)]
struct FtsQuery {
    text: String,
    /// Whether every result contains the text.
    is_exact: bool,
}

/// Builds the query for a text; None if it is too short or the index cannot tell its code points apart.
fn build_fts_query(text: &str) -> Option<FtsQuery> {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() < TRIGRAM_CHARS || text.contains(AMBIGUOUS_CHARS) {
        return None;
    }
    let quoted = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
    let mut trigrams: Vec<&[char]> = letters.windows(TRIGRAM_CHARS).collect();
    let total = trigrams.len();
    trigrams.sort_unstable();
    trigrams.dedup();
    if total - trigrams.len() <= MAX_REPEATED_TRIGRAMS {
        return Some(FtsQuery { text: quoted(text), is_exact: true });
    }
    let parts = trigrams
        .iter()
        .take(MAX_QUERY_TRIGRAMS)
        .map(|part| quoted(&part.iter().collect::<String>()));
    Some(FtsQuery { text: parts.collect::<Vec<_>>().join(" AND "), is_exact: false })
}

/// Returns SQL for a condition. Its fact was validated with the view; an unknown one matches nothing.
fn condition_sql(sql: &mut SqlBuilder, condition: &ViewCondition, zone: &Zone) -> String {
    let Some(column) = columns::find_ticket_column(&condition.fact) else { return "0".to_owned() };
    let column_sql = ticket_column_sql(column.name);
    let utc_date = condition.utc_date().map(str::to_owned);
    let is_utc = utc_date.is_some();
    let value = utc_date.or_else(|| condition.value.clone()).unwrap_or_default();
    if let Some(dates) = &condition.matching_dates {
        let dates = sql.bind(ColumnValue::Text(json!(dates).to_string()));
        let matches_date =
            format!("COALESCE({column_sql} IN (SELECT value FROM json_each({dates})), 0)");
        let is_negated = matches!(
            condition.operation,
            ConditionOperator::NotEquals | ConditionOperator::NotContains
        );
        return if is_negated { format!("NOT {matches_date}") } else { matches_date };
    }
    let (value, is_partial) = match condition.operation {
        ConditionOperator::GreaterThan | ConditionOperator::LessThan
            if column.data_type.is_date() && !is_utc =>
        {
            dates::to_utc_bound(value, zone)
        }
        _ => (value, false),
    };
    let pattern =
        format!("%{}%", value.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    let cell = match value.parse() {
        Ok(number) if column.data_type.is_number() => ColumnValue::Number(number),
        _ => ColumnValue::Text(value),
    };
    match condition.operation {
        ConditionOperator::Equals => format!("{column_sql} IS {}", sql.bind(cell)),
        ConditionOperator::NotEquals => format!("{column_sql} IS NOT {}", sql.bind(cell)),
        ConditionOperator::GreaterThan => {
            let operator = if is_partial { ">=" } else { ">" };
            format!("COALESCE({column_sql} {operator} {}, 0)", sql.bind(cell))
        }
        ConditionOperator::LessThan => format!("COALESCE({column_sql} < {}, 0)", sql.bind(cell)),
        ConditionOperator::Contains => format!(
            "COALESCE({column_sql}, '') LIKE {} ESCAPE '\\'",
            sql.bind(ColumnValue::Text(pattern))
        ),
        ConditionOperator::NotContains => {
            format!(
                "COALESCE({column_sql}, '') NOT LIKE {} ESCAPE '\\'",
                sql.bind(ColumnValue::Text(pattern))
            )
        }
        ConditionOperator::IsEmpty => format!("COALESCE({column_sql}, '') IN ('', 0)"),
        ConditionOperator::IsNotEmpty => format!("COALESCE({column_sql}, '') NOT IN ('', 0)"),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_QUERY_TRIGRAMS, MAX_REPEATED_TRIGRAMS, TRIGRAM_CHARS, build_fts_query};

    fn count_trigrams(text: &str) -> usize {
        build_fts_query(text).map_or(0, |search| search.text.split(" AND ").count())
    }

    #[test]
    fn text_with_many_repeated_trigrams_is_queried_by_distinct_trigrams() {
        assert_eq!(build_fts_query("ab"), None);
        for text in ["abc", "banana", "printer on fire", "a\"b\"c", "ananananan"] {
            let search = build_fts_query(text).expect("long enough text");
            assert_eq!(search.text, format!("\"{}\"", text.replace('"', "\"\"")));
            assert!(search.is_exact);
        }
        let longest_exact = "a".repeat(TRIGRAM_CHARS + MAX_REPEATED_TRIGRAMS);
        assert!(build_fts_query(&longest_exact).is_some_and(|search| search.is_exact));
        let search = build_fts_query(&(longest_exact + "a")).expect("long enough text");
        assert_eq!((search.text.as_str(), search.is_exact), ("\"aaa\"", false));
        assert_eq!((count_trigrams(&"ab".repeat(400)), count_trigrams(&"\"".repeat(500))), (2, 1));
        let many: String =
            (0..200).map(|index| char::from(b'a' + index % 26)).cycle().take(900).collect();
        assert!(count_trigrams(&many) <= MAX_QUERY_TRIGRAMS);
    }
}
