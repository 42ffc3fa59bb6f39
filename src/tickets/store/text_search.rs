//! Substring search: SQL on the trigram index of search texts.
//!
//! A write does not update the index: FTS5 writes its pending terms at every savepoint, which would cost as much as the
//! rest of the write. Triggers add the ticket to the table `search_queue`, and the idle writer indexes some dozens at
//! a time, with pauses. Until then a search compares the texts of those tickets one by one, so its result is exact.

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
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Returns the texts that a MATCH expression requires; they contain no quote.
    fn quoted_texts(expression: &str) -> Vec<&str> {
        expression.split(" AND ").map(|part| part.trim_matches('"')).collect()
    }

    /// Returns the distinct trigrams of a text.
    fn trigrams(text: &str) -> HashSet<String> {
        let letters: Vec<char> = text.chars().collect();
        letters.windows(TRIGRAM_CHARS).map(String::from_iter).collect()
    }

    #[test]
    fn text_is_queried_as_a_phrase() {
        for (text, expected) in [
            ("abc", "\"abc\""),
            ("banana", "\"banana\""),
            ("printer on fire", "\"printer on fire\""),
            ("a\"b\"c", "\"a\"\"b\"\"c\""),
            ("日本語", "\"日本語\""),
        ] {
            let expected = FtsQuery { text: expected.to_owned(), is_exact: true };
            assert_eq!(build_fts_query(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn short_or_ambiguous_text_has_no_query() {
        for text in ["", "ab", "日本", "ab\u{fffd}", "ab\u{fffe}c", "abc\u{ffff}"] {
            assert_eq!(build_fts_query(text), None, "{text:?}");
        }
        assert!(build_fts_query("ab\u{fffc}").is_some(), "other characters are indexed");
    }

    #[test]
    fn text_with_many_repeated_trigrams_is_queried_by_distinct_trigrams() {
        let longest_exact = "a".repeat(TRIGRAM_CHARS + MAX_REPEATED_TRIGRAMS);
        let phrase = FtsQuery { text: format!("\"{longest_exact}\""), is_exact: true };
        assert_eq!(build_fts_query(&longest_exact), Some(phrase));
        for (text, expected) in [
            (longest_exact + "a", "\"aaa\""),
            ("ab".repeat(400), "\"aba\" AND \"bab\""),
            ("\"".repeat(500), "\"\"\"\"\"\"\"\""),
        ] {
            let expected = FtsQuery { text: expected.to_owned(), is_exact: false };
            assert_eq!(build_fts_query(&text), Some(expected));
        }
    }

    #[test]
    fn query_has_at_most_32_trigrams() {
        for (distinct, expected) in [(31, 31), (32, 32), (33, 32), (60, 32)] {
            // As many different letters as trigrams, since the text repeats.
            let letters: String = ('A'..).take(distinct).collect();
            let search = build_fts_query(&letters.repeat(3)).expect("long enough text");
            assert_eq!(quoted_texts(&search.text).len(), expected, "{distinct} trigrams");
            assert!(!search.is_exact);
        }
    }

    proptest! {
        #[test]
        fn query_has_the_text_or_all_its_trigrams(text in "[ab ]{0,40}") {
            match build_fts_query(&text) {
                None => prop_assert!(text.len() < TRIGRAM_CHARS),
                Some(FtsQuery { text: phrase, is_exact: true }) => {
                    prop_assert_eq!(quoted_texts(&phrase), [text]);
                }
                Some(FtsQuery { text: query, is_exact: false }) => {
                    let parts = quoted_texts(&query).into_iter().map(str::to_owned);
                    prop_assert_eq!(parts.collect::<HashSet<_>>(), trigrams(&text));
                }
            }
        }
    }

    #[test]
    fn search_uses_the_index_for_long_texts_and_the_id_for_numbers() {
        let repeated = "a".repeat(20);
        for (query, uses_index, rechecks, finds_id) in [
            ("ab", false, false, false),
            ("abc", true, false, false),
            ("ABC", true, false, false),
            (repeated.as_str(), true, true, false),
            ("7", false, false, true),
            ("1234", true, false, true),
            ("9223372036854775807", true, false, true),
            // No id is written like this.
            ("07", false, false, false),
            ("+7", false, false, false),
            (" 7", false, false, false),
            ("9223372036854775808", true, false, false),
        ] {
            let sql = text_search_sql(&mut SqlBuilder::default(), query);
            let contains = "(INSTR(t.search_title, $1) OR INSTR(t.search_rest, $1))";
            let scan = format!("WHERE {contains}");
            assert!(sql.contains(&scan), "a scan finds what the index lacks: {sql}");
            assert_eq!(sql.contains("ticket_search MATCH $2"), uses_index, "{sql}");
            assert_eq!(
                sql.contains("UNION ALL SELECT t.id FROM search_queue"),
                uses_index,
                "{sql}"
            );
            assert_eq!(sql.contains("NOT IN (SELECT id FROM search_queue)"), uses_index, "{sql}");
            let recheck = format!("search_queue) AND {contains} UNION ALL");
            assert_eq!(sql.contains(&recheck), rechecks, "{sql}");
            let by_id =
                format!("UNION SELECT id FROM ticket WHERE id = ${}", 2 + i32::from(uses_index));
            assert_eq!(sql.ends_with(&by_id), finds_id, "{sql}");
            assert_eq!(sql.contains("WHERE id ="), finds_id, "{sql}");
        }
    }
}
