//! Converts dates between UTC, as stored, and the account's time zone, as displayed. Pure.
//!
//! SQLite knows no time zones. So a view that compares a displayed date is resolved to the stored dates that are
//! displayed like that, and everything else happens to rendered JSON and to fixtures.

use std::borrow::Cow;

use serde_json::Value;

use super::columns;
use crate::clock::Zone;
use crate::contract::is_valid_datetime;
use crate::journal::{ChangeKind, ChangeSet};

/// Separates a field's name from its text value in JSON rendered by SQLite. Inside a text every quote is escaped with
/// a backslash, so this occurs nowhere else.
const NAME_VALUE_SEPARATOR: &str = "\":\"";
/// Completes a partial date to the first instant of its period.
const EARLIEST_DATE: &str = "0000-01-01 00:00:00";

/// Converts dates in rendered JSON to local dates.
pub(crate) fn localize_dates(json: String, zone: &Zone) -> String {
    if zone.is_utc() { json } else { replace_dates(&json, |date| zone.to_local(date)) }
}

/// Converts dates in rendered JSON so that an import restores them.
pub(crate) fn export_dates(json: String, zone: &Zone) -> String {
    if zone.is_utc() { json } else { replace_dates(&json, |date| zone.format_for_export(date)) }
}

/// Replaces each date by the result of `convert`. Works on the text: parsing and rendering a long list would take
/// several times as long.
fn replace_dates<'a>(json: &'a str, convert: impl Fn(&'a str) -> Cow<'a, str>) -> String {
    let mut replaced = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, after)) = rest.split_once(NAME_VALUE_SEPARATOR) {
        replaced.push_str(before);
        replaced.push_str(NAME_VALUE_SEPARATOR);
        rest = after;
        let (_, name) = before.rsplit_once('"').unwrap_or_default();
        if columns::is_date_column(name)
            && let Some((date, after)) = after.split_once('"')
        {
            replaced.push_str(&convert(date));
            replaced.push('"');
            rest = after;
        }
    }
    replaced.push_str(rest);
    replaced
}

/// Converts dates in a change set to local dates.
pub(crate) fn localize_change_set(change_set: &mut ChangeSet, zone: &Zone) {
    if zone.is_utc() {
        return;
    }
    let localize = |column: &str, value: &mut Value| {
        if columns::is_date_column(column)
            && let Some(date) = value.as_str()
        {
            *value = zone.to_local(date).into();
        }
    };
    for row in &mut change_set.rows {
        match &mut row.change {
            ChangeKind::Created { columns, values } => {
                let mut cells: Vec<Value> = serde_json::from_str(values).unwrap_or_default();
                columns.iter().zip(&mut cells).for_each(|(column, cell)| localize(column, cell));
                *values = Value::from(cells).to_string().into();
            }
            ChangeKind::Updated(diffs) => {
                for diff in diffs {
                    localize(diff.column, &mut diff.before);
                    localize(diff.column, &mut diff.after);
                }
            }
            ChangeKind::Deleted => {}
        }
    }
}

/// Converts the dates in a fixture's row to UTC.
pub(crate) fn convert_row_to_utc(row: &mut Value, zone: &Zone) {
    let Value::Object(cells) = row else { return };
    for (column, value) in cells {
        if columns::is_date_column(column)
            && let Some(date) = value.as_str()
        {
            *value = zone.to_utc(date).into();
        }
    }
}

/// Returns the stored date of a full UTC date, which ends in `Z`.
pub(crate) fn parse_utc_date(value: &str) -> Option<&str> {
    value.strip_suffix('Z').filter(|date| is_valid_datetime(date))
}

/// Returns whether a view can compare dates with it: a full date, a UTC date, or a prefix down to the year, month, day,
/// hour or minute.
pub(crate) fn is_comparable_date(value: &str) -> bool {
    let is_full = value.len() == EARLIEST_DATE.len();
    parse_utc_date(value).is_some()
        || ((is_full || has_partial_date_length(value)) && is_valid_datetime(&complete_date(value)))
}

/// Checks for the length of a year, month, day, hour or minute prefix.
fn has_partial_date_length(value: &str) -> bool {
    matches!(value.len(), 4 | 7 | 10 | 13 | 16)
}

fn complete_date(value: &str) -> String {
    format!("{value}{}", EARLIEST_DATE.get(value.len()..).unwrap_or_default())
}

/// A stored date to compare with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DateBound {
    pub(crate) utc: String,
    /// Whether it is the first instant of a period such as a day.
    pub(crate) is_partial: bool,
}

/// Returns the stored date to compare with. For UTC dates see [`parse_utc_date`].
pub(crate) fn to_utc_bound(value: String, zone: &Zone) -> DateBound {
    let is_partial = has_partial_date_length(&value);
    if zone.is_utc() || !(is_partial || value.len() == EARLIEST_DATE.len()) {
        return DateBound { utc: value, is_partial: false };
    }
    let completed = complete_date(&value);
    let stored = zone.to_utc(&completed);
    // Text that is no date stays unchanged.
    if stored == completed {
        DateBound { utc: value, is_partial: false }
    } else {
        DateBound { utc: stored, is_partial }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::find_zone;
    use crate::journal::{ColumnDiff, RowChange};

    #[test]
    fn only_dates_are_replaced_even_if_text_contains_json() {
        let amsterdam = find_zone("Europe/Amsterdam").expect("known zone");
        let titles = [
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
        for title in titles {
            let row = |created: &str, closed: Value| {
                serde_json::json!([{
                    "closed_at": closed, "title": title, "created_at": created, "to": title,
                    "last_update": created, "timeline": [{ "content": title, "created_at": created }],
                }])
            };
            let stored = row("2026-07-01 00:00:00", Value::Null).to_string();
            let displayed = row("2026-07-01 02:00:00", Value::Null);
            let replaced: Value =
                serde_json::from_str(&localize_dates(stored, &amsterdam)).expect("valid JSON");
            assert_eq!(replaced, displayed, "{title}");
            let second = row("2026-10-25 01:30:00", "2026-10-25 00:30:00".into()).to_string();
            let exported = row("2026-10-25 01:30:00Z", "2026-10-25 02:30:00".into());
            let replaced: Value =
                serde_json::from_str(&export_dates(second, &amsterdam)).expect("valid JSON");
            assert_eq!(replaced, exported, "{title}");
        }
    }

    #[test]
    fn comparable_dates_are_full_utc_or_partial_dates() {
        let full = "2026-07-01 14:30:59";
        assert_eq!(parse_utc_date("2026-07-01 14:30:59Z"), Some(full));
        assert!(is_comparable_date("2026-07-01 14:30:59Z"));
        for length in 0..=full.len() {
            let prefix = &full[..length];
            let is_partial_or_full = [4, 7, 10, 13, 16, 19].contains(&length);
            assert_eq!(is_comparable_date(prefix), is_partial_or_full, "{prefix}");
            let in_utc = format!("{prefix}Z");
            assert_eq!(parse_utc_date(&in_utc).is_some(), prefix == full, "{in_utc}");
            assert_eq!(is_comparable_date(&in_utc), prefix == full, "{in_utc}");
        }
        for invalid in
            ["July", "-026", "Z", "2026-13", "2026-02-30", "2026-07-01 24", "2026-07-01 14:30:59z"]
                .into_iter()
                .chain([
                    "2026-07-01 14:30:59+01:00",
                    "2026-07-01 14:30Z",
                    "2026-07-0",
                    "2026-07-01T14:30:59Z",
                    "2026-07-01T14:30:59",
                    "2026-07-01 14:30:59ZZ",
                    "äöü1",
                ])
        {
            assert!(parse_utc_date(invalid).is_none() && !is_comparable_date(invalid), "{invalid}");
        }
    }

    #[test]
    fn bound_of_a_partial_date_is_its_first_instant() {
        let amsterdam = find_zone("Europe/Amsterdam").expect("known zone");
        for (value, stored, is_partial) in [
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
            let bound = to_utc_bound(value.to_owned(), &amsterdam);
            assert_eq!(bound, DateBound { utc: stored.to_owned(), is_partial }, "{value}");
        }
    }

    #[test]
    fn bound_in_utc_is_the_value() {
        for value in ["2026-07-01 12:00:00", "2026-07-01", "2026", "July", ""] {
            let bound = to_utc_bound(value.to_owned(), &Zone::default());
            assert_eq!(bound, DateBound { utc: value.to_owned(), is_partial: false }, "{value}");
        }
    }

    #[test]
    fn bound_of_a_day_without_or_with_two_midnights_is_its_first_instant() {
        for (zone, day, stored) in [
            // The clock skips from 00:00 to 01:00.
            ("America/Sao_Paulo", "2018-11-04", "2018-11-04 03:00:00"),
            // The clock goes back from 01:00 to 00:00.
            ("America/Havana", "2026-11-01", "2026-11-01 04:00:00"),
        ] {
            let zone = find_zone(zone).expect("known zone");
            let bound = to_utc_bound(day.to_owned(), &zone);
            assert_eq!(bound, DateBound { utc: stored.to_owned(), is_partial: true }, "{day}");
        }
    }

    #[test]
    fn rendered_dates_in_utc_are_unchanged() {
        let json = r#"{"created_at":"2026-07-01 10:00:00","title":"2026-07-01 10:00:00"}"#;
        assert_eq!(localize_dates(json.to_owned(), &Zone::default()), json);
        assert_eq!(export_dates(json.to_owned(), &Zone::default()), json);
    }

    #[test]
    fn change_set_has_local_dates() {
        let amsterdam = find_zone("Europe/Amsterdam").expect("known zone");
        let (stored, local) = ("2026-07-01 10:00:00", "2026-07-01 12:00:00");
        let row = |change| RowChange { resource: "ticket", id: 7, change };
        let change_set = |date: &str| {
            let diff = |column, before: Value, after: Value| ColumnDiff { column, before, after };
            let cells = json!([date, "2026-07-01 10:00:00", null, 7]);
            ChangeSet {
                rows: vec![
                    row(ChangeKind::Created {
                        columns: &["created_at", "title", "closed_at", "id"],
                        values: cells.to_string().into(),
                    }),
                    row(ChangeKind::Updated(vec![
                        diff("closed_at", Value::Null, date.into()),
                        diff("snooze_time", date.into(), Value::Null),
                        diff("title", stored.into(), stored.into()),
                        diff("customer_id", 1.into(), 2.into()),
                    ])),
                    row(ChangeKind::Deleted),
                ],
                omitted: 3,
            }
        };
        let mut in_utc = change_set(stored);
        localize_change_set(&mut in_utc, &Zone::default());
        assert_eq!(in_utc, change_set(stored));
        let mut localized = change_set(stored);
        localize_change_set(&mut localized, &amsterdam);
        assert_eq!(localized, change_set(local));
    }

    #[test]
    fn dates_of_a_fixture_row_are_converted_to_utc() {
        let amsterdam = find_zone("Europe/Amsterdam").expect("known zone");
        let mut row = json!({
            "created_at": "2026-07-01 12:00:00", "last_update": "2026-07-01 12:00:00Z", "closed_at": null,
            "title": "2026-07-01 12:00:00", "customer_id": 7,
        });
        convert_row_to_utc(&mut row, &amsterdam);
        let expected = json!({
            "created_at": "2026-07-01 10:00:00", "last_update": "2026-07-01 12:00:00", "closed_at": null,
            "title": "2026-07-01 12:00:00", "customer_id": 7,
        });
        assert_eq!(row, expected);
        // A `Z` is removed in UTC too.
        let mut row = json!({ "created_at": "2026-07-01 12:00:00Z" });
        convert_row_to_utc(&mut row, &Zone::default());
        assert_eq!(row, json!({ "created_at": "2026-07-01 12:00:00" }));
    }
}
