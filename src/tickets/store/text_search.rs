//! Substring search: SQL on the trigram index of search texts.
//!
//! A write does not update the index: FTS5 writes its pending terms at every savepoint, which would cost as much as the
//! rest of the write. Triggers add the ticket to the table `search_queue`, and the idle writer indexes a few hundred at
//! a time. Until then a search compares the texts of those tickets one by one, so its result is exact.

use super::sql::SqlBuilder;
use crate::tickets::model::search_text::normalize_search_text;

/// Code points that the index cannot tell apart (SQLite decodes the last two as the first).
const AMBIGUOUS_CHARS: [char; 3] = ['\u{fffd}', '\u{fffe}', '\u{ffff}'];
/// The shortest text that the trigram index finds, in characters.
const TRIGRAM_CHARS: usize = 3;
/// Repeated trigrams in a text above which only its distinct trigrams are queried (arbitrary).
const MAX_REPEATED_TRIGRAMS: usize = 8;
/// Limit of distinct trigrams in such a query (arbitrary).
const MAX_QUERY_TRIGRAMS: usize = 32;

/// Returns SQL for the ids of tickets that contain the text, or have it as their id.
pub(super) fn text_search_sql(sql: &mut SqlBuilder, query: &str) -> String {
    let lower = normalize_search_text(query);
    let text = sql.bind(lower.as_str());
    let contains = format!("(INSTR(t.search_title, {text}) OR INSTR(t.search_rest, {text}))");
    let in_text = match build_fts_query(&lower) {
        Some(search) => {
            // FTS would compare the positions of a repeated trigram pairwise, so such a query is rechecked.
            let recheck = if search.is_exact { String::new() } else { format!(" AND {contains}") };
            let match_expression = sql.bind(search.text);
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
            let id = sql.bind(id);
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
