//! Lists: how many tickets match, and a page of them as the JSON that is answered, in one statement.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Row};

use super::read::{ENTRY, shown};
use super::sql::{Sql, name};
use crate::clock::Zone;
use crate::storage::{Connection, StorageError};
use crate::tickets::search::{Condition, Filter, Operation, Page};
use crate::tickets::ticket::{Cell, searchable};
use crate::tickets::{columns, dates};

/// Code points that the index takes for one and the same (the last two: SQLite's reader of UTF-8).
const BLURRED: [char; 3] = ['\u{fffd}', '\u{fffe}', '\u{ffff}'];
/// The shortest text that the trigram index can find, in characters.
const TRIGRAM: usize = 3;
/// How often parts of a text may come again before the index is asked for the parts alone (chosen).
const MOST_REPEATED: usize = 8;
/// How many different parts of such a text the index is asked for (chosen).
const MOST_PARTS: usize = 32;
/// A page that begins this far down is looked for from the end that is nearer.
const DEEP: u64 = 1000;

/// How many tickets match, and those of the page as JSON, newest id first, with commas between them.
pub(crate) async fn list(
    connection: &mut Connection,
    public_url: &str,
    mut filter: Filter,
    page: Page,
) -> Result<(i64, String), StorageError> {
    if filter.zone.is_utc() || !filter.view.conditions().any(Condition::is_of_shown_date) {
        return listed(connection, public_url, &filter, page).await;
    }
    // Two questions, about one state.
    let mut transaction = connection.begin().await?;
    look_up_dates(&mut transaction, &mut filter).await?;
    let list = listed(&mut transaction, public_url, &filter, page).await?;
    transaction.commit().await?;
    Ok(list)
}

/// Puts into conditions on dates as they are shown the stored dates that are shown so: SQLite knows no time zones.
async fn look_up_dates(
    connection: &mut Connection,
    filter: &mut Filter,
) -> Result<(), StorageError> {
    let Filter { view, zone, .. } = filter;
    for condition in view.conditions_mut().filter(|one| one.is_of_shown_date()) {
        let Some(column) = columns::named(&condition.fact).map(|column| name(column.name)) else {
            continue;
        };
        let statement = format!("SELECT DISTINCT {column} FROM ticket WHERE {column} IS NOT NULL");
        let dates = sqlx::query_scalar(AssertSqlSafe(statement));
        let mut dates: Vec<String> = dates.fetch_all(&mut *connection).await?;
        dates.retain(|date| condition.is_about(&zone.show(date)));
        condition.dates = Some(dates);
    }
    Ok(())
}

async fn listed(
    connection: &mut Connection,
    public_url: &str,
    filter: &Filter,
    page: Page,
) -> Result<(i64, String), StorageError> {
    let mut sql = Sql::default();
    let url = sql.placeholder(Cell::Text(public_url.to_owned()));
    debug_assert_eq!(url, "$1", "the columns name it");
    let matching = Matching::of(&mut sql, filter);
    let total = tallied(&mut sql, filter).unwrap_or_else(|| matching.count());
    let page = page_of(&mut sql, &matching, page);
    sql.push(&format!(
        "WITH {found}total (n) AS MATERIALIZED (SELECT {total}), page AS MATERIALIZED ({page}) \
         SELECT (SELECT n FROM total), (SELECT GROUP_CONCAT(entry, ',' ORDER BY id DESC) FROM \
            (SELECT t.id AS id, {entry} AS entry FROM ticket AS t WHERE t.id IN (SELECT id FROM page)))",
        found = matching.found,
        entry = ENTRY.as_str()
    ));
    let row = sql.query().fetch_one(connection).await?;
    let entries: Option<String> = row.try_get(1)?;
    Ok((row.try_get(0)?, dates::show(entries.unwrap_or_default(), &filter.zone)))
}

/// The tickets that match a filter, in SQL.
struct Matching {
    /// What comes before a statement: those that a text was found in.
    found: String,
    /// Where tickets `t` come from.
    from: &'static str,
    /// What must hold of `t`.
    conditions: String,
}

impl Matching {
    fn of(sql: &mut Sql, filter: &Filter) -> Self {
        let mut all = of_each(sql, filter);
        let (mut found, mut from) = (String::new(), "ticket AS t");
        if let Some(query) = &filter.query {
            found = format!("found (id) AS MATERIALIZED ({}), ", holding(sql, query));
            from = if all.is_empty() { "found AS t" } else { "found JOIN ticket AS t USING (id)" };
        }
        if let Some(date) = &filter.archived_before {
            let date = sql.placeholder(Cell::Text(date.clone()));
            all.push(if filter.query.is_some() {
                format!("t.id NOT IN (SELECT id FROM ticket WHERE closed_at < {date})")
            } else {
                format!("(t.closed_at IS NULL OR t.closed_at >= {date})")
            });
        }
        let conditions = if all.is_empty() { "true".to_owned() } else { all.join(" AND ") };
        Self { found, from, conditions }
    }

    fn count(&self) -> String {
        format!("(SELECT COUNT(*) FROM {} WHERE {})", self.from, self.conditions)
    }

    fn ids(&self, order: &str, limit: &str, start: &str) -> String {
        let Self { from, conditions, .. } = self;
        format!(
            "SELECT t.id FROM {from} WHERE {conditions} ORDER BY t.id {order} LIMIT {limit} OFFSET {start}"
        )
    }
}

/// The ids of a page, in SQL that knows the total. No more are looked for than there are.
fn page_of(sql: &mut Sql, matching: &Matching, page: Page) -> String {
    let number = |number: u64| Cell::Number(i64::try_from(number).unwrap_or(i64::MAX));
    let (limit, start) = (sql.placeholder(number(page.limit)), sql.placeholder(number(page.start)));
    let total = "(SELECT n FROM total)";
    let limit = format!("MIN({limit}, MAX({total} - {start}, 0))");
    if page.start < DEEP {
        return matching.ids("DESC", &limit, &start);
    }
    let is_far = format!("{start} > {total} / 2");
    let newest = matching.ids("DESC", &format!("IIF({is_far}, 0, {limit})"), &start);
    let skipped = format!("MAX({total} - {start} - {limit}, 0)");
    let oldest = matching.ids("ASC", &format!("IIF({is_far}, {limit}, 0)"), &skipped);
    format!("SELECT id FROM ({newest}) UNION ALL SELECT id FROM ({oldest})")
}

/// How many match, from the numbers that are kept of each kind of ticket; None where these do not tell.
fn tallied(sql: &mut Sql, filter: &Filter) -> Option<String> {
    if filter.query.is_some() || !filter.view.any.is_empty() {
        return None;
    }
    let mut kinds = vec!["true".to_owned()];
    if let Some(status) = &filter.status {
        kinds.push(format!("status = {}", sql.placeholder(Cell::Text(status.clone()))));
    }
    let (unassigned, others): (Vec<&Condition>, Vec<&Condition>) =
        filter.view.all.iter().partition(|condition| condition.is_of_nobody());
    match unassigned.as_slice() {
        [] => {}
        [one, other] if one.fact != other.fact => kinds.push("is_assigned = 0".to_owned()),
        _ => return None,
    }
    for condition in others {
        let is_counted = matches!(condition.fact.as_str(), "status" | "priority");
        let operator = match condition.operation {
            Operation::Equals => "IS",
            Operation::NotEquals => "IS NOT",
            _ => return None,
        };
        let value = Cell::Text(condition.value.clone().unwrap_or_default());
        if !is_counted {
            return None;
        }
        kinds.push(format!("{} {operator} {}", condition.fact, sql.placeholder(value)));
    }
    let kinds = kinds.join(" AND ");
    let Some(date) = &filter.archived_before else {
        return Some(format!("(SELECT COALESCE(SUM(tickets), 0) FROM tally WHERE {kinds})"));
    };
    // Days are kept, so those of the last archived day are counted one by one; SQLite has to be told that they are few.
    let day = sql.placeholder(Cell::Text(date.chars().take(10).collect()));
    let date = sql.placeholder(Cell::Text(date.clone()));
    let mut conditions = of_each(sql, filter);
    conditions.push(format!("t.closed_at >= {day} AND t.closed_at < {date}"));
    Some(format!(
        "(SELECT COALESCE(SUM(tickets), 0) FROM tally WHERE {kinds} AND (closed_on = '' OR closed_on >= {day})) \
         - (SELECT COUNT(*) FROM ticket AS t INDEXED BY ticket_closed_at WHERE {})",
        conditions.join(" AND ")
    ))
}

/// What must hold of each ticket `t`, apart from its texts and its age.
fn of_each(sql: &mut Sql, filter: &Filter) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(status) = &filter.status {
        let status = sql.placeholder(Cell::Text(status.clone()));
        all.push(format!("t.status = {status}"));
    }
    all.extend(filter.view.all.iter().map(|condition| compared(sql, condition, &filter.zone)));
    if !filter.view.any.is_empty() {
        let any: Vec<String> = filter
            .view
            .any
            .iter()
            .map(|condition| compared(sql, condition, &filter.zone))
            .collect();
        all.push(format!("({})", any.join(" OR ")));
    }
    all
}

/// The ids of the tickets that hold the text anywhere in what is searched, or have it as their id.
fn holding(sql: &mut Sql, query: &str) -> String {
    let lower = searchable(query);
    let text = sql.placeholder(Cell::Text(lower.clone()));
    let holds = format!("(INSTR(t.search_title, {text}) OR INSTR(t.search_rest, {text}))");
    let in_text = match search_of(&lower) {
        Some(search) => {
            // The index would compare each place of a part that comes again and again with each other one.
            let also = if search.is_exact { String::new() } else { format!(" AND {holds}") };
            let search = sql.placeholder(Cell::Text(search.text));
            format!(
                "SELECT t.id FROM ticket_search JOIN ticket AS t ON t.id = ticket_search.rowid \
                    WHERE ticket_search MATCH {search} AND t.id NOT IN (SELECT id FROM search_queue){also} \
                 UNION ALL SELECT t.id FROM search_queue CROSS JOIN ticket AS t USING (id) WHERE {holds}"
            )
        }
        None => format!("SELECT t.id FROM ticket AS t WHERE {holds}"),
    };
    match query.parse::<i64>() {
        Ok(id) if id.to_string() == query => {
            let id = sql.placeholder(Cell::Number(id));
            format!("{in_text} UNION SELECT id FROM ticket WHERE id = {id}")
        }
        _ => in_text,
    }
}

/// What the index is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Search {
    text: String,
    /// Whether it finds nothing that does not hold the text.
    is_exact: bool,
}

/// What finds a text that is long enough for the index, and of which it tells every code point from others.
fn search_of(text: &str) -> Option<Search> {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() < TRIGRAM || text.contains(BLURRED) {
        return None;
    }
    let quoted = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
    let mut parts: Vec<&[char]> = letters.windows(TRIGRAM).collect();
    let number = parts.len();
    parts.sort_unstable();
    parts.dedup();
    if number - parts.len() <= MOST_REPEATED {
        return Some(Search { text: quoted(text), is_exact: true });
    }
    let parts = parts.iter().take(MOST_PARTS).map(|part| quoted(&part.iter().collect::<String>()));
    Some(Search { text: parts.collect::<Vec<_>>().join(" AND "), is_exact: false })
}

/// One condition of a view. Its fact was checked when the view was made; an unknown one matches nothing.
fn compared(sql: &mut Sql, condition: &Condition, zone: &Zone) -> String {
    let Some(column) = columns::named(&condition.fact) else { return "0".to_owned() };
    let shown = shown(column.name);
    let moment = condition.moment().map(str::to_owned);
    let is_moment = moment.is_some();
    let value = moment.or_else(|| condition.value.clone()).unwrap_or_default();
    if let Some(dates) = &condition.dates {
        let dates = sql.placeholder(Cell::Text(json!(dates).to_string()));
        let is_about = format!("COALESCE({shown} IN (SELECT value FROM json_each({dates})), 0)");
        let is_negated =
            matches!(condition.operation, Operation::NotEquals | Operation::NotContains);
        return if is_negated { format!("NOT {is_about}") } else { is_about };
    }
    let (value, is_begun) = match condition.operation {
        Operation::GreaterThan | Operation::LessThan if column.shape.is_date() && !is_moment => {
            dates::bound(value, zone)
        }
        _ => (value, false),
    };
    let pattern =
        format!("%{}%", value.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    let cell = match value.parse() {
        Ok(number) if column.shape.is_number() => Cell::Number(number),
        _ => Cell::Text(value),
    };
    match condition.operation {
        Operation::Equals => format!("{shown} IS {}", sql.placeholder(cell)),
        Operation::NotEquals => format!("{shown} IS NOT {}", sql.placeholder(cell)),
        Operation::GreaterThan => {
            let operator = if is_begun { ">=" } else { ">" };
            format!("COALESCE({shown} {operator} {}, 0)", sql.placeholder(cell))
        }
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

#[cfg(test)]
mod tests {
    use super::{MOST_PARTS, MOST_REPEATED, TRIGRAM, search_of};

    fn parts(text: &str) -> usize {
        search_of(text).map_or(0, |search| search.text.split(" AND ").count())
    }

    #[test]
    fn a_text_is_asked_for_as_it_is_unless_its_parts_come_again_and_again() {
        assert_eq!(search_of("ab"), None);
        for text in ["abc", "banana", "printer on fire", "a\"b\"c", "ananananan"] {
            let search = search_of(text).expect("it is long enough");
            assert_eq!(search.text, format!("\"{}\"", text.replace('"', "\"\"")));
            assert!(search.is_exact);
        }
        let most = "a".repeat(TRIGRAM + MOST_REPEATED);
        assert!(search_of(&most).is_some_and(|search| search.is_exact));
        let search = search_of(&(most + "a")).expect("it is long enough");
        assert_eq!((search.text.as_str(), search.is_exact), ("\"aaa\"", false));
        assert_eq!((parts(&"ab".repeat(400)), parts(&"\"".repeat(500))), (2, 1));
        let many: String =
            (0..200).map(|at| char::from(b'a' + at % 26)).cycle().take(900).collect();
        assert!(parts(&many) <= MOST_PARTS);
    }
}
