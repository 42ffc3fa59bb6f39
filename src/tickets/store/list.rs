//! Lists tickets: one statement returns the match count and a page as response JSON.
//!
//! The table `tally` counts the matches of the usual filters without a scan. It has days, but archiving has seconds: the
//! tickets of the last archived day are counted one by one. A page far down is read from the nearer end.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Row};

use super::read::{LIST_ITEM_SQL, ticket_column_sql};
use super::sql::{SqlBuilder, SqlValue, quote_identifier};
use super::text_search::text_search_sql;
use crate::clock::Zone;
use crate::storage::{Connection, StorageError};
use crate::tickets::model::dates::DateBound;
use crate::tickets::model::filter::{PageRequest, TicketFilter};
use crate::tickets::model::view::{ConditionOperator, ViewCondition};
use crate::tickets::model::{columns, dates};

/// From this offset on, a page is read from the nearer end.
const DEEP_PAGE_OFFSET: u64 = 1000;

/// Returns the match count, and the page as comma-separated JSON, newest id first.
pub(crate) async fn list_tickets(
    connection: &mut Connection,
    public_url: &str,
    filter: &TicketFilter,
    page: PageRequest,
) -> Result<(i64, String), StorageError> {
    let mut resolved = ResolvedFilter::new(filter);
    if filter.zone.is_utc() || !filter.view.conditions().any(ViewCondition::compares_displayed_date)
    {
        return query_page(connection, public_url, &resolved, page).await;
    }
    // Two queries, one snapshot.
    let mut transaction = connection.begin().await?;
    for condition in resolved.all.iter_mut().chain(&mut resolved.any) {
        condition.resolve_displayed_date(&mut transaction, &filter.zone).await?;
    }
    let page_of_tickets = query_page(&mut transaction, public_url, &resolved, page).await?;
    transaction.commit().await?;
    Ok(page_of_tickets)
}

/// A filter, and its conditions with resolved dates.
struct ResolvedFilter<'a> {
    filter: &'a TicketFilter,
    all: Vec<ResolvedCondition<'a>>,
    any: Vec<ResolvedCondition<'a>>,
}

struct ResolvedCondition<'a> {
    condition: &'a ViewCondition,
    /// The stored dates whose local form matches the value; None if the column is compared directly.
    matching_dates: Option<Vec<String>>,
}

impl<'a> ResolvedFilter<'a> {
    /// Returns a filter with no dates resolved.
    fn new(filter: &'a TicketFilter) -> Self {
        let resolve = |condition| ResolvedCondition { condition, matching_dates: None };
        Self {
            filter,
            all: filter.view.all.iter().map(resolve).collect(),
            any: filter.view.any.iter().map(resolve).collect(),
        }
    }
}

impl ResolvedCondition<'_> {
    /// Resolves a condition on a displayed date to the matching stored dates: SQLite knows no time zones.
    async fn resolve_displayed_date(
        &mut self,
        connection: &mut Connection,
        zone: &Zone,
    ) -> Result<(), StorageError> {
        let condition = self.condition;
        if !condition.compares_displayed_date() {
            return Ok(());
        }
        let Some(column) = columns::find_ticket_column(&condition.column) else { return Ok(()) };
        let column = quote_identifier(column.name);
        let statement = format!("SELECT DISTINCT {column} FROM ticket WHERE {column} IS NOT NULL");
        let dates = sqlx::query_scalar(AssertSqlSafe(statement));
        let mut dates: Vec<String> = dates.fetch_all(connection).await?;
        dates.retain(|date| condition.matches_ignoring_negation(&zone.to_local(date)));
        self.matching_dates = Some(dates);
        Ok(())
    }
}

async fn query_page(
    connection: &mut Connection,
    public_url: &str,
    resolved: &ResolvedFilter<'_>,
    page: PageRequest,
) -> Result<(i64, String), StorageError> {
    let mut sql = SqlBuilder::default();
    let url = sql.bind(public_url);
    debug_assert_eq!(url, "$1", "the column SQL refers to $1");
    let match_sql = MatchSql::new(&mut sql, resolved);
    let total = total_from_tally(&mut sql, resolved).unwrap_or_else(|| match_sql.count_sql());
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
    Ok((row.try_get(0)?, dates::localize_dates(entries.unwrap_or_default(), &resolved.filter.zone)))
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
    fn new(sql: &mut SqlBuilder, resolved: &ResolvedFilter<'_>) -> Self {
        let filter = resolved.filter;
        let mut conditions = where_conditions(sql, resolved);
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
            let date = sql.bind(date.as_str());
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
    let to_i64 = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (limit, start) = (sql.bind(to_i64(page.limit)), sql.bind(to_i64(page.start)));
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
fn total_from_tally(sql: &mut SqlBuilder, resolved: &ResolvedFilter<'_>) -> Option<String> {
    let filter = resolved.filter;
    if filter.query.is_some() || !filter.view.any.is_empty() {
        return None;
    }
    let mut tally_conditions = vec!["true".to_owned()];
    if let Some(status) = &filter.columns.status {
        tally_conditions.push(format!("status = {}", sql.bind(status.as_str())));
    }
    let (unassigned, others): (Vec<&ViewCondition>, Vec<&ViewCondition>) =
        filter.view.all.iter().partition(|condition| condition.is_unassigned());
    match unassigned.as_slice() {
        [] => {}
        [one, other] if one.column != other.column => {
            tally_conditions.push("is_assigned = 0".to_owned());
        }
        _ => return None,
    }
    for condition in others {
        let is_tally_column = matches!(condition.column.as_str(), "status" | "priority");
        let operator = match condition.operator {
            ConditionOperator::Equals => "IS",
            ConditionOperator::NotEquals => "IS NOT",
            _ => return None,
        };
        let value = condition.value.as_deref().unwrap_or_default();
        if !is_tally_column {
            return None;
        }
        tally_conditions.push(format!("{} {operator} {}", condition.column, sql.bind(value)));
    }
    let tally_where = tally_conditions.join(" AND ");
    let Some(date) = &filter.archived_before else {
        return Some(format!("(SELECT COALESCE(SUM(tickets), 0) FROM tally WHERE {tally_where})"));
    };
    // The tally has days only, so the last archived day is counted by ticket; INDEXED BY, as it holds few tickets.
    let day = sql.bind(date.chars().take(10).collect::<String>());
    let date = sql.bind(date.as_str());
    let mut conditions = where_conditions(sql, resolved);
    conditions.push(format!("t.closed_at >= {day} AND t.closed_at < {date}"));
    Some(format!(
        "(SELECT COALESCE(SUM(tickets), 0) FROM tally WHERE {tally_where} AND (closed_on = '' OR closed_on >= {day})) \
         - (SELECT COUNT(*) FROM ticket AS t INDEXED BY ticket_closed_at WHERE {})",
        conditions.join(" AND ")
    ))
}

/// Returns the conditions on `t`, without text search and archiving.
fn where_conditions(sql: &mut SqlBuilder, resolved: &ResolvedFilter<'_>) -> Vec<String> {
    let ResolvedFilter { filter, all, any } = resolved;
    let mut conditions = Vec::new();
    if let Some(status) = &filter.columns.status {
        let status = sql.bind(status.as_str());
        conditions.push(format!("t.status = {status}"));
    }
    conditions.extend(all.iter().map(|condition| condition_sql(sql, condition, &filter.zone)));
    if !any.is_empty() {
        let any: Vec<String> =
            any.iter().map(|condition| condition_sql(sql, condition, &filter.zone)).collect();
        conditions.push(format!("({})", any.join(" OR ")));
    }
    conditions
}

/// Returns SQL for a condition. Its column was validated with the view; an unknown one matches nothing.
fn condition_sql(sql: &mut SqlBuilder, resolved: &ResolvedCondition<'_>, zone: &Zone) -> String {
    let condition = resolved.condition;
    let Some(column) = columns::find_ticket_column(&condition.column) else {
        return "0".to_owned();
    };
    let column_sql = ticket_column_sql(column.name);
    let utc_date = condition.utc_date().map(str::to_owned);
    let is_utc = utc_date.is_some();
    let value = utc_date.or_else(|| condition.value.clone()).unwrap_or_default();
    if let Some(dates) = &resolved.matching_dates {
        let dates = sql.bind(json!(dates).to_string());
        let matches_date =
            format!("COALESCE({column_sql} IN (SELECT value FROM json_each({dates})), 0)");
        let is_negated = matches!(
            condition.operator,
            ConditionOperator::NotEquals | ConditionOperator::NotContains
        );
        return if is_negated { format!("NOT {matches_date}") } else { matches_date };
    }
    let DateBound { utc: value, is_partial } = match condition.operator {
        ConditionOperator::GreaterThan | ConditionOperator::LessThan
            if column.data_type.is_date() && !is_utc =>
        {
            dates::to_utc_bound(value, zone)
        }
        _ => DateBound { utc: value, is_partial: false },
    };
    let pattern =
        format!("%{}%", value.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    let cell = match value.parse() {
        Ok(number) if column.data_type.is_number() => SqlValue::Number(number),
        _ => SqlValue::Text(value),
    };
    match condition.operator {
        ConditionOperator::Equals => format!("{column_sql} IS {}", sql.bind(cell)),
        ConditionOperator::NotEquals => format!("{column_sql} IS NOT {}", sql.bind(cell)),
        ConditionOperator::GreaterThan => {
            let operator = if is_partial { ">=" } else { ">" };
            format!("COALESCE({column_sql} {operator} {}, 0)", sql.bind(cell))
        }
        ConditionOperator::LessThan => format!("COALESCE({column_sql} < {}, 0)", sql.bind(cell)),
        ConditionOperator::Contains => {
            format!("COALESCE({column_sql}, '') LIKE {} ESCAPE '\\'", sql.bind(pattern))
        }
        ConditionOperator::NotContains => {
            format!("COALESCE({column_sql}, '') NOT LIKE {} ESCAPE '\\'", sql.bind(pattern))
        }
        ConditionOperator::IsEmpty => format!("COALESCE({column_sql}, '') IN ('', 0)"),
        ConditionOperator::IsNotEmpty => format!("COALESCE({column_sql}, '') NOT IN ('', 0)"),
    }
}
