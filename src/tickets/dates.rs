//! Dates on their way in and out: stored in UTC, shown and read in the account's time zone. Pure.

use std::borrow::Cow;

use serde_json::Value;

use super::columns;
use crate::clock::Zone;
use crate::journal::{Did, Rows};
use crate::rules::is_date;

/// What stands between the name of a field that holds text and the text, in JSON that SQLite has rendered. Within a
/// text each quote has a backslash before it, so this is nowhere else.
const IS: &str = "\":\"";
/// A date that lacks its end, completed from here, is the first moment of what it names.
const FIRST: &str = "0000-01-01 00:00:00";

/// Rendered JSON with its dates as the API shows them.
pub(crate) fn show(json: String, zone: &Zone) -> String {
    if zone.is_utc() { json } else { replace(&json, |date| zone.show(date)) }
}

/// Rendered JSON with its dates such that an import reads the same ones.
pub(crate) fn export(json: String, zone: &Zone) -> String {
    if zone.is_utc() { json } else { replace(&json, |date| zone.export(date)) }
}

/// Puts what `replacement` makes of it in place of each date. It works on the text: parsed and written again, a long
/// list would take several times as long.
fn replace<'a>(json: &'a str, replacement: impl Fn(&'a str) -> Cow<'a, str>) -> String {
    let mut replaced = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, after)) = rest.split_once(IS) {
        replaced.push_str(before);
        replaced.push_str(IS);
        rest = after;
        let (_, name) = before.rsplit_once('"').unwrap_or_default();
        if columns::is_date(name)
            && let Some((date, after)) = after.split_once('"')
        {
            replaced.push_str(&replacement(date));
            replaced.push('"');
            rest = after;
        }
    }
    replaced.push_str(rest);
    replaced
}

/// Rows of the journal with their dates as the API shows them.
pub(crate) fn show_rows(rows: &mut Rows, zone: &Zone) {
    if zone.is_utc() {
        return;
    }
    let show = |column: &str, value: &mut Value| {
        if columns::is_date(column)
            && let Some(date) = value.as_str()
        {
            *value = zone.show(date).into();
        }
    };
    for row in &mut rows.kept {
        match &mut row.did {
            Did::Created { columns, values } => {
                let mut cells: Vec<Value> = serde_json::from_str(values).unwrap_or_default();
                columns.iter().zip(&mut cells).for_each(|(column, cell)| show(column, cell));
                *values = Value::from(cells).to_string().into();
            }
            Did::Updated(columns) => {
                for (column, from, to) in columns {
                    show(column, from);
                    show(column, to);
                }
            }
            Did::Deleted => {}
        }
    }
}

/// A row of a fixture, with its dates as they are stored.
pub(crate) fn read_row(row: &mut Value, zone: &Zone) {
    let Value::Object(cells) = row else { return };
    for (column, value) in cells {
        if columns::is_date(column)
            && let Some(date) = value.as_str()
        {
            *value = zone.read(date).into();
        }
    }
}

/// The stored date that a date in UTC names: a whole one with a `Z` at its end.
pub(crate) fn moment(value: &str) -> Option<&str> {
    value.strip_suffix('Z').filter(|date| is_date(date))
}

/// Whether a view can compare dates with it: a whole date, one in UTC, or a beginning that names a year, a month, a day,
/// an hour or a minute.
pub(crate) fn is_comparable(value: &str) -> bool {
    let is_whole = value.len() == FIRST.len();
    moment(value).is_some() || ((is_whole || is_beginning(value)) && is_date(&complete(value)))
}

/// Whether it is as long as a year, a month, a day, an hour or a minute.
fn is_beginning(value: &str) -> bool {
    matches!(value.len(), 4 | 7 | 10 | 13 | 16)
}

fn complete(value: &str) -> String {
    format!("{value}{}", FIRST.get(value.len()..).unwrap_or_default())
}

/// What a view compares stored dates with, unless that is a [`moment`], and whether it is the first moment of what the
/// view names: a day, say.
pub(crate) fn bound(value: String, zone: &Zone) -> (String, bool) {
    let names = is_beginning(&value);
    if zone.is_utc() || !(names || value.len() == FIRST.len()) {
        return (value, false);
    }
    let whole = complete(&value);
    let stored = zone.read(&whole);
    // What is no date is compared as it is.
    if stored == whole { (value, false) } else { (stored, names) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::zone;

    #[test]
    fn only_dates_are_replaced_whatever_a_text_holds() {
        let amsterdam = zone("Europe/Amsterdam").expect("a zone");
        let hostile = [
            r#"created_at":"2026-07-01 00:00:00"#,
            r#"","created_at":"2026-07-01 00:00:00","x":""#,
            r#"\","created_at":"2026-07-01 00:00:00"#,
            "\\",
            ":",
            r#"":""#,
            "",
            "created_at",
            "ä\u{1f}\"created_at\":\"",
        ];
        for title in hostile {
            let row = |created: &str, closed: Value| {
                serde_json::json!([{
                    "closed_at": closed, "title": title, "created_at": created, "to": title,
                    "last_update": created, "timeline": [{ "content": title, "created_at": created }],
                }])
            };
            let stored = row("2026-07-01 00:00:00", Value::Null).to_string();
            let shown = row("2026-07-01 02:00:00", Value::Null);
            let replaced: Value = serde_json::from_str(&show(stored, &amsterdam)).expect("JSON");
            assert_eq!(replaced, shown, "{title}");
            let second = row("2026-10-25 01:30:00", "2026-10-25 00:30:00".into()).to_string();
            let exported = row("2026-10-25 01:30:00Z", "2026-10-25 02:30:00".into());
            let replaced: Value = serde_json::from_str(&export(second, &amsterdam)).expect("JSON");
            assert_eq!(replaced, exported, "{title}");
        }
    }

    #[test]
    fn a_view_compares_dates_with_a_whole_date_one_in_utc_or_a_beginning() {
        let whole = "2026-07-01 14:30:59";
        assert_eq!(moment("2026-07-01 14:30:59Z"), Some(whole));
        assert!(is_comparable("2026-07-01 14:30:59Z"));
        for length in 0..=whole.len() {
            let beginning = &whole[..length];
            let is_named = [4, 7, 10, 13, 16, 19].contains(&length);
            assert_eq!(is_comparable(beginning), is_named, "{beginning}");
            let in_utc = format!("{beginning}Z");
            assert_eq!(moment(&in_utc).is_some(), beginning == whole, "{in_utc}");
            assert_eq!(is_comparable(&in_utc), beginning == whole, "{in_utc}");
        }
        for wrong in ["July", "Z", "2026-13", "2026-02-30", "2026-07-01 24", "2026-07-01 14:30:59z"]
            .into_iter()
            .chain(["2026-07-01T14:30:59Z", "2026-07-01T14:30:59", "2026-07-01 14:30:59ZZ", "äöü1"])
        {
            assert!(moment(wrong).is_none() && !is_comparable(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_bound_is_a_moment_or_the_first_moment_of_what_it_names() {
        let amsterdam = zone("Europe/Amsterdam").expect("a zone");
        for (value, stored, is_begun) in [
            ("2026-07-01 12:00:00", "2026-07-01 10:00:00", false),
            ("2026-07-01 12:30", "2026-07-01 10:30:00", true),
            ("2026-07-01", "2026-06-30 22:00:00", true),
            ("2026-07", "2026-06-30 22:00:00", true),
            ("2026", "2025-12-31 23:00:00", true),
            ("July", "July", false),
            ("", "", false),
            ("2026-7", "2026-7", false),
            ("äöü1", "äöü1", false),
        ] {
            let bound = bound(value.to_owned(), &amsterdam);
            assert_eq!(bound, (stored.to_owned(), is_begun), "{value}");
        }
    }
}
