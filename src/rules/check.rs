//! The one walk of a tree of values along a table of fields: defaults are filled in, violations gathered.

use std::collections::HashSet;

use jiff::civil::DateTime;
use serde_json::{Map, Value};

use super::{Field, Kind, LARGEST_NUMBER, Literal, Presence, Problem, Violation, nearest, quoted};

/// The longest value of a condition, in characters.
const LONGEST_SCALAR: usize = 1000;
/// The longest text with ids in it, in characters.
const LONGEST_LIST: usize = 200_000;
/// The most violations that one answer names.
pub(crate) const MOST_VIOLATIONS: usize = 20;

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Every field of the table that has a value, in its own type.
    pub(crate) values: Map<String, Value>,
    /// Fields that the table does not have, by their path, with the nearest name it has.
    pub(crate) unknown: Vec<Violation>,
    /// Values that are accepted by a choice alone.
    pub(crate) chosen: Vec<Violation>,
    /// Broken rules, in the table's order.
    pub(crate) broken: Vec<Violation>,
    defaults: Defaults,
}

/// Where fields that were not sent get their defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Defaults {
    #[default]
    Everywhere,
    /// Everywhere but in the rows of lists.
    OutsideRows,
    Nowhere,
}

/// Checks an object against a table.
pub(crate) fn check(fields: &[Field], sent: &Map<String, Value>) -> Checked {
    let mut checked = Checked::default();
    let values = row(fields, sent, "", &mut checked);
    checked.values = values;
    checked
}

/// The same, but rows of lists have only what was sent: of many short rows, the defaults would take far more memory
/// than the text that they came from. [`fill_in`] adds them.
pub(crate) fn check_without_defaults(fields: &[Field], sent: &Map<String, Value>) -> Checked {
    let mut checked = Checked { defaults: Defaults::OutsideRows, ..Checked::default() };
    let values = row(fields, sent, "", &mut checked);
    checked.values = values;
    checked
}

/// Gives a row the defaults of the fields that it does not have.
pub(crate) fn fill_in(fields: &[Field], row: &mut Value) {
    let Value::Object(row) = row else { return };
    for field in fields {
        if let Presence::Default(default) = field.presence
            && default != Literal::Null
            && !row.contains_key(field.name)
        {
            row.insert(field.name.to_owned(), default.into());
        }
    }
}

fn row(
    fields: &[Field],
    sent: &Map<String, Value>,
    path: &str,
    found: &mut Checked,
) -> Map<String, Value> {
    for name in sent.keys().filter(|name| fields.iter().all(|field| field.name != name.as_str())) {
        if found.unknown.len() == MOST_VIOLATIONS {
            break;
        }
        let nearest = nearest(name, fields.iter().map(|field| field.name));
        let path = inside(path, name);
        found.unknown.push(Violation { path, problem: Problem::Unknown { nearest }, sent: None });
    }
    let mut values = Map::new();
    for field in fields {
        note_choices(field, sent.get(field.name), path, found);
        let value = match (given(sent.get(field.name)), field.presence) {
            (Some(value), _) => of_field(field, value, &inside(path, field.name), found),
            (None, Presence::Default(_)) if found.defaults == Defaults::Nowhere => continue,
            (None, Presence::Default(default)) => default.into(),
            (None, Presence::Required) => {
                let (path, sent) = (inside(path, field.name), sent.get(field.name).map(quoted));
                report(found, Violation { path, problem: Problem::Missing, sent });
                Value::Null
            }
        };
        // A null says no more than a field that is not there, and there may be millions.
        if !value.is_null() {
            values.insert(field.name.to_owned(), value);
        }
    }
    values
}

/// Notes what is accepted by a choice alone: a value, or an empty text that counts as not sent.
fn note_choices(field: &Field, sent: Option<&Value>, path: &str, found: &mut Checked) {
    let Some(sent) = sent else { return };
    let rule = match (sent.as_str(), field.presence) {
        (Some(""), Presence::Default(Literal::Text(""))) => return,
        (Some(""), Presence::Default(_)) => {
            "counts as not sent when it is empty, by a choice that no document backs".to_owned()
        }
        _ if field.takes_by_choice(sent) => {
            format!("takes {} by a choice that no document backs", quoted(sent))
        }
        _ => return,
    };
    if found.chosen.len() < MOST_VIOLATIONS {
        let path = inside(path, field.name);
        found.chosen.push(Violation { path, problem: Problem::Other(rule), sent: None });
    }
}

fn of_field(field: &Field, sent: &Value, path: &str, found: &mut Checked) -> Value {
    let first = found.broken.len();
    let value = value(&field.kind, sent, path, found);
    let own = found.broken[first..].iter_mut().filter(|violation| violation.path == path);
    if field.secret {
        own.for_each(|violation| violation.sent = None);
    }
    value
}

/// What counts as sent: an empty text and a null do not (chosen; forms send empty texts for what a user left alone).
fn given(sent: Option<&Value>) -> Option<&Value> {
    sent.filter(|value| !value.is_null() && value.as_str() != Some(""))
}

fn value(kind: &Kind, sent: &Value, path: &str, found: &mut Checked) -> Value {
    match kind {
        Kind::List { item, at_least, at_most, unique } => {
            let entries = entries(sent, *at_least, *at_most, path, found);
            list(item, *unique, entries, path, found)
        }
        Kind::Rows { fields, at_least, at_most } => {
            let entries = entries(sent, *at_least, *at_most, path, found);
            let outside = found.defaults;
            if outside == Defaults::OutsideRows {
                found.defaults = Defaults::Nowhere;
            }
            let rows = entries.iter().enumerate();
            let rows = rows
                .map(|(index, entry)| one_row(fields(), entry, &format!("{path}[{index}]"), found))
                .collect();
            found.defaults = outside;
            rows
        }
        Kind::Row { fields } => one_row(fields(), sent, path, found),
        Kind::Named { name, fields } => named(name, fields(), sent, path, found),
        plain => scalar(plain, sent).unwrap_or_else(|problem| {
            report(found, Violation { path: path.to_owned(), problem, sent: Some(quoted(sent)) });
            Value::Null
        }),
    }
}

/// The entries of a list, if it is one of the right length.
fn entries<'a>(
    sent: &'a Value,
    at_least: usize,
    at_most: usize,
    path: &str,
    found: &mut Checked,
) -> &'a [Value] {
    let problem = match sent {
        Value::Array(entries) if entries.len() < at_least => Problem::TooFew { at_least },
        Value::Array(entries) if entries.len() > at_most => Problem::TooMany { at_most },
        Value::Array(entries) => return entries,
        Value::Object(entries)
            if !entries.is_empty() && entries.keys().all(|key| key.parse::<u64>().is_ok()) =>
        {
            Problem::Hole
        }
        _ => Problem::NotList,
    };
    report(found, Violation { path: path.to_owned(), problem, sent: Some(quoted(sent)) });
    &[]
}

fn list(item: &Kind, unique: bool, entries: &[Value], path: &str, found: &mut Checked) -> Value {
    let mut seen = HashSet::new();
    let values = entries.iter().enumerate().map(|(index, entry)| {
        let value = value(item, entry, &format!("{path}[{index}]"), found);
        if unique && !value.is_null() && !seen.insert(value.to_string()) {
            let sent = Some(quoted(entry));
            report(
                found,
                Violation { path: format!("{path}[{index}]"), problem: Problem::Twice, sent },
            );
        }
        value
    });
    values.collect()
}

fn one_row(fields: &[Field], sent: &Value, path: &str, found: &mut Checked) -> Value {
    if let Value::Object(sent) = sent {
        return Value::Object(row(fields, sent, path, found));
    }
    report(found, Violation { path: path.to_owned(), problem: Problem::NotRow, sent: None });
    Value::Null
}

fn named(
    name: &regex::Regex,
    fields: &[Field],
    sent: &Value,
    path: &str,
    found: &mut Checked,
) -> Value {
    let Value::Object(rows) = sent else {
        report(found, Violation { path: path.to_owned(), problem: Problem::NotRow, sent: None });
        return Value::Null;
    };
    let mut values = Map::new();
    for (key, sent) in rows {
        let path = inside(path, key);
        if !name.is_match(key) {
            let problem = Problem::BadName { pattern: name.as_str().to_owned() };
            report(
                found,
                Violation { path: path.clone(), problem, sent: Some(quoted(&key.as_str().into())) },
            );
        }
        // A name alone is a row that leaves everything out.
        let empty = Value::Object(Map::new());
        let sent = if sent.is_null() { &empty } else { sent };
        values.insert(key.clone(), one_row(fields, sent, &path, found));
    }
    Value::Object(values)
}

/// A plain value in its own type.
fn scalar(kind: &Kind, sent: &Value) -> Result<Value, Problem> {
    match *kind {
        Kind::Text { at_least, at_most, pattern } => {
            text(sent, at_least, at_most, pattern.map(|regex| &**regex))
        }
        Kind::Number { min, max } => number(sent)
            .filter(|number| (min..=max).contains(number))
            .map(Value::from)
            .ok_or(Problem::NotNumber { min, max }),
        Kind::NumberIn(numbers) => number(sent)
            .filter(|number| numbers.contains(number))
            .map(Value::from)
            .ok_or(Problem::NotNumberIn(numbers)),
        Kind::OneOf { names, written } => sent
            .as_str()
            .filter(|word| names.contains(word))
            .map(Value::from)
            .ok_or(Problem::NotOneOf { names, written }),
        Kind::Ids { pattern, at_most } => ids(sent, pattern, at_most),
        Kind::Flag => flag(sent).map(Value::from).ok_or(Problem::NotFlag),
        Kind::Date => {
            sent.as_str().filter(|date| is_date(date)).map(Value::from).ok_or(Problem::NotDate)
        }
        Kind::DateOrUtc => {
            let is_given = |date: &&str| is_date(date.strip_suffix('Z').unwrap_or(date));
            sent.as_str().filter(is_given).map(Value::from).ok_or(Problem::NotDate)
        }
        Kind::Scalar => match sent {
            Value::String(_) => text(sent, 0, LONGEST_SCALAR, None),
            other => {
                number(other).map(|number| number.to_string().into()).ok_or(Problem::NotScalar)
            }
        },
        Kind::List { .. } | Kind::Rows { .. } | Kind::Row { .. } | Kind::Named { .. } => {
            Err(Problem::NotScalar)
        }
    }
}

fn text(
    sent: &Value,
    at_least: usize,
    at_most: usize,
    pattern: Option<&regex::Regex>,
) -> Result<Value, Problem> {
    let text = sent.as_str().ok_or(Problem::NotText)?;
    // A text has at least as many bytes as characters, so most need no counting.
    let length = if text.len() <= at_most && at_least == 0 { 0 } else { text.chars().count() };
    match pattern {
        _ if text.contains('\0') => Err(Problem::HoldsNul),
        _ if length < at_least => Err(Problem::TooShort { at_least }),
        _ if length > at_most => Err(Problem::TooLong { at_most }),
        Some(regex) if !regex.is_match(text) => {
            Err(Problem::NoMatch { pattern: regex.as_str().to_owned() })
        }
        _ => Ok(text.into()),
    }
}

/// The ids of a text like `1, 2,3`.
fn ids(sent: &Value, pattern: &'static regex::Regex, at_most: usize) -> Result<Value, Problem> {
    let sent = text(sent, 0, LONGEST_LIST, Some(pattern))?;
    let mut ids = Vec::new();
    let mut seen = HashSet::new();
    for part in sent.as_str().unwrap_or_default().split(',').map(str::trim) {
        let id = whole_number(part).filter(|id| (1..=LARGEST_NUMBER).contains(id));
        let rule = match id {
            Some(id) if seen.insert(id) => {
                ids.push(id);
                continue;
            }
            Some(id) => format!("must have each id once, but has {id} twice"),
            None => {
                let part = quoted(&part.into());
                format!("must have whole numbers from 1 between its commas, not {part}")
            }
        };
        return Err(Problem::Other(rule));
    }
    if ids.len() > at_most { Err(Problem::TooMany { at_most }) } else { Ok(ids.into()) }
}

/// A whole number as JSON has it, or in digits as forms and paths have it.
fn number(sent: &Value) -> Option<u64> {
    match sent {
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(digits) => whole_number(digits),
        _ => None,
    }
}

/// JSON makes no difference between 7 and 7.0.
fn whole(number: f64) -> Option<u64> {
    #[expect(clippy::cast_precision_loss, reason = "the largest number is exact")]
    let range = 0.0..=LARGEST_NUMBER as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range, and whole"
    )]
    (range.contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

/// A whole number in digits, without sign, fraction or leading zero.
pub(crate) fn whole_number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits == "0" || !digits.starts_with('0');
    digits.parse().ok().filter(|_| plain && canonical)
}

fn flag(sent: &Value) -> Option<bool> {
    match sent {
        Value::Bool(flag) => Some(*flag),
        Value::String(word) if word == "true" || word == "1" => Some(true),
        Value::String(word) if word == "false" || word == "0" => Some(false),
        Value::Number(number) if number.as_u64() == Some(1) => Some(true),
        Value::Number(number) if number.as_u64() == Some(0) => Some(false),
        _ => None,
    }
}

/// Whether it is a date that exists, as `YYYY-MM-DD HH:MM:SS`.
pub(crate) fn is_date(text: &str) -> bool {
    const FORM: &str = "%Y-%m-%d %H:%M:%S";
    let written = |date: DateTime| date.strftime(FORM).to_string();
    DateTime::strptime(FORM, text).is_ok_and(|date| date.year() >= 0 && written(date) == text)
}

fn report(found: &mut Checked, violation: Violation) {
    if found.broken.len() < MOST_VIOLATIONS {
        found.broken.push(violation);
    }
}

fn inside(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}[{name}]") }
}
