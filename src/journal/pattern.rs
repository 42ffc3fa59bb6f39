//! What a request may look like, and how another one differs from that.

use std::fmt;

use serde_json::{Map, Value};

use super::expression::{Deadline, Expression, GivenUp, length, plain};
use super::{Asked, Entry, WarningKind};
use crate::rules::quoted;

/// What a test asks of requests. What it does not say, it does not ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pattern {
    pub(crate) operation: Option<&'static str>,
    /// In capitals.
    pub(crate) method: Option<String>,
    pub(crate) status: Option<StatusRule>,
    /// The name of a key.
    pub(crate) key: Option<String>,
    /// Whether it changed something.
    pub(crate) changed: Option<bool>,
    /// Whether a fault was applied to it.
    pub(crate) fault: Option<bool>,
    pub(crate) warning: Option<WarningRule>,
    pub(crate) fields: Vec<FieldRule>,
}

/// Which statuses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusRule {
    Exactly(u16),
    /// All of a hundred: 4 for 400 to 499.
    Class(u16),
    /// There was no answer.
    Unanswered,
}

/// Which warnings are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WarningRule {
    Any,
    None,
    Of(WarningKind),
}

/// What is asked of one field.
#[derive(Clone, Debug)]
pub(crate) struct FieldRule {
    /// Its name and brackets: `actions[0][value]`.
    pub(crate) path: String,
    pub(crate) condition: Condition,
}

/// What is asked of a value.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// The same as text: 12 and `"12"` are equal. A plain value beside a list is one of its entries.
    Equals(Value),
    Matches(Expression),
    Present,
    Absent,
}

/// One thing that is not as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) what: String,
    pub(crate) wanted: String,
    pub(crate) was: String,
}

impl Pattern {
    /// Whether a request is as asked for, as far as that can be seen before it is answered.
    pub(crate) fn fits(&self, operation: &str, key: &str, fields: &Map<String, Value>) -> bool {
        self.operation.is_none_or(|wanted| wanted == operation)
            && self.key.as_deref().is_none_or(|wanted| wanted == key)
            && self.fields.iter().all(|rule| rule.holds(fields))
    }

    /// Whether it has a regular expression, which takes its time.
    pub(crate) fn is_slow(&self) -> bool {
        self.expressions().next().is_some()
    }

    /// How many regular expressions it has.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = (&str, &Expression)> {
        self.fields.iter().filter_map(|rule| match &rule.condition {
            Condition::Matches(expression) => Some((rule.path.as_str(), expression)),
            _ => None,
        })
    }

    /// Whether an entry is as asked for, before the time is over.
    ///
    /// # Errors
    /// When it is over, or a regular expression cannot look at the entry's field: then nobody can tell.
    pub(super) fn judges(
        &self,
        number: u64,
        entry: &Entry,
        deadline: &Deadline,
    ) -> Result<bool, GivenUp> {
        deadline.check()?;
        let is_plain = |rule: &&FieldRule| !matches!(rule.condition, Condition::Matches(_));
        let mut plainly = self.fields.iter().filter(is_plain);
        if !self.matches_outside(entry) || !plainly.all(|rule| rule.holds(&entry.asked.fields)) {
            return Ok(false);
        }
        for (path, expression) in self.expressions() {
            deadline.check()?;
            let Some(value) = at(&entry.asked.fields, path) else { return Ok(false) };
            let (length, longest) = (length(value), expression.longest());
            if length > longest {
                let field = path.to_owned();
                return Err(GivenUp::TooLong { request: number, field, length, longest });
            }
            if !expression.matches(value) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an entry is as asked for.
    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        self.matches_outside(entry)
            && self.fields.iter().all(|rule| rule.holds(&entry.asked.fields))
    }

    /// Whether all but its fields is as asked for.
    fn matches_outside(&self, entry: &Entry) -> bool {
        self.operation.is_none_or(|wanted| entry.operation == Some(wanted))
            && self.method.as_deref().is_none_or(|wanted| wanted == entry.method)
            && self.status.is_none_or(|wanted| wanted.holds(entry.status))
            && self.key.as_deref().is_none_or(|wanted| entry.key.as_deref() == Some(wanted))
            && self.changed.is_none_or(|wanted| wanted != entry.rows.is_empty())
            && self.fault.is_none_or(|wanted| wanted == entry.fault.is_some())
            && self.warning.is_none_or(|wanted| wanted.holds(entry))
    }

    /// What is not as asked for; nothing when all is.
    pub(crate) fn differences(&self, entry: &Entry) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut compare = |what: &str, holds: bool, wanted: String, was: String| {
            if !holds {
                found.push(Difference { what: what.to_owned(), wanted, was });
            }
        };
        if let Some(wanted) = self.operation {
            let was = entry.operation.unwrap_or("no operation").to_owned();
            compare("operation", was == wanted, wanted.to_owned(), was);
        }
        if let Some(wanted) = &self.method {
            compare("method", *wanted == entry.method, wanted.clone(), entry.method.to_string());
        }
        if let Some(wanted) = self.status {
            let was = answered(entry.status);
            compare("status", wanted.holds(entry.status), wanted.to_string(), was);
        }
        if let Some(wanted) = &self.key {
            let was = entry.key.as_deref().unwrap_or("no known key").to_owned();
            compare("key", was == *wanted, wanted.clone(), was);
        }
        if let Some(wanted) = self.changed {
            let was = !entry.rows.is_empty();
            compare("changed", was == wanted, wanted.to_string(), was.to_string());
        }
        if let Some(wanted) = self.fault {
            let was = entry.fault.is_some();
            compare("fault", was == wanted, wanted.to_string(), was.to_string());
        }
        if let Some(wanted) = self.warning {
            compare("warning", wanted.holds(entry), wanted.to_string(), warned(entry));
        }
        found.extend(self.fields.iter().filter_map(|rule| rule.difference(&entry.asked)));
        found
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.method.as_ref().map(|method| format!("method {method}")));
        parts.extend(self.status.map(|status| format!("status {status}")));
        parts.extend(self.key.as_ref().map(|key| format!("key {key}")));
        parts.extend(self.changed.map(|changed| format!("changed {changed}")));
        parts.extend(self.fault.map(|fault| format!("fault {fault}")));
        parts.extend(self.warning.map(|warning| format!("warning {warning}")));
        parts.extend(
            self.fields.iter().map(|rule| format!("field {} {}", rule.path, rule.condition)),
        );
        let operation = self.operation.unwrap_or("any operation");
        if parts.is_empty() {
            return write!(out, "{operation}");
        }
        write!(out, "{operation} with {}", parts.join(", "))
    }
}

impl StatusRule {
    fn holds(self, status: Option<u16>) -> bool {
        match self {
            Self::Exactly(wanted) => status == Some(wanted),
            Self::Class(wanted) => status.is_some_and(|status| status / 100 == wanted),
            Self::Unanswered => status.is_none(),
        }
    }
}

impl fmt::Display for StatusRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(status) => write!(out, "{status}"),
            Self::Class(class) => write!(out, "{class}xx"),
            Self::Unanswered => write!(out, "none"),
        }
    }
}

impl WarningRule {
    fn holds(self, entry: &Entry) -> bool {
        let mut warnings = entry.all_warnings();
        match self {
            Self::Any => warnings.next().is_some(),
            Self::None => warnings.next().is_none(),
            Self::Of(kind) => warnings.any(|warning| warning.kind == kind),
        }
    }
}

impl fmt::Display for WarningRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Any => "any",
            Self::None => "none",
            Self::Of(kind) => kind.name(),
        })
    }
}

impl FieldRule {
    fn holds(&self, fields: &Map<String, Value>) -> bool {
        let value = at(fields, &self.path);
        match &self.condition {
            Condition::Present => value.is_some(),
            Condition::Absent => value.is_none(),
            Condition::Equals(wanted) => value.is_some_and(|value| equal(wanted, value)),
            Condition::Matches(expression) => value.is_some_and(|value| expression.matches(value)),
        }
    }

    fn difference(&self, asked: &Asked) -> Option<Difference> {
        if self.holds(&asked.fields) {
            return None;
        }
        let was = match at(&asked.fields, &self.path) {
            Some(value) => shown(value),
            None if asked.left_out => "not kept: the request had too many fields".to_owned(),
            None => "not sent".to_owned() + &self.meant(asked),
        };
        let (what, wanted) = (format!("field {}", self.path), self.condition.to_string());
        Some(Difference { what, wanted, was })
    }

    /// A field of the request that has nearly this name.
    fn meant(&self, asked: &Asked) -> String {
        let name = self.path.split('[').next().unwrap_or_default();
        let names = asked.fields.keys().map(String::as_str);
        crate::rules::nearest(name, names.filter(|other| *other != name))
            .map_or_else(String::new, |other| format!("; {other} was"))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(value) => write!(out, "{}", shown(value)),
            Self::Matches(regex) => write!(out, "that matches {}", regex.as_str()),
            Self::Present => write!(out, "present"),
            Self::Absent => write!(out, "absent"),
        }
    }
}

/// The value at a path of names and indices.
fn at<'a>(fields: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    // A client may send a name with brackets that are no path.
    if let Some(value) = fields.get(path) {
        return Some(value);
    }
    let (name, rest) = path.split_at(path.find('[').unwrap_or(path.len()));
    let mut value = fields.get(name)?;
    for part in rest.split('[').skip(1) {
        let part = part.strip_suffix(']')?;
        value = match value {
            Value::Array(entries) => entries.get(part.parse::<usize>().ok()?)?,
            Value::Object(fields) => fields.get(part)?,
            _ => return None,
        };
    }
    Some(value)
}

fn equal(wanted: &Value, value: &Value) -> bool {
    match (wanted, value) {
        (Value::Array(wanted), Value::Array(value)) => {
            wanted.len() == value.len()
                && wanted.iter().zip(value).all(|(wanted, value)| equal(wanted, value))
        }
        (Value::Object(wanted), Value::Object(value)) => {
            wanted.len() == value.len()
                && wanted
                    .iter()
                    .all(|(name, wanted)| value.get(name).is_some_and(|value| equal(wanted, value)))
        }
        (_, Value::Array(entries)) => entries.iter().any(|entry| same(wanted, entry)),
        _ => same(wanted, value),
    }
}

fn same(wanted: &Value, value: &Value) -> bool {
    match (plain(wanted), plain(value)) {
        (Some(wanted), Some(value)) => wanted == value,
        _ => wanted == value,
    }
}

/// A value as a person wants to read it.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => cut(&value.to_string()),
        plain => quoted(plain),
    }
}

/// A text, cut to a length that fits a line.
pub(super) fn cut(text: &str) -> String {
    const LONGEST: usize = 300;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

pub(super) fn answered(status: Option<u16>) -> String {
    status.map_or_else(|| "none".to_owned(), |status| status.to_string())
}

fn warned(entry: &Entry) -> String {
    let kinds: Vec<&str> = entry.all_warnings().map(|warning| warning.kind.name()).collect();
    if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
}
