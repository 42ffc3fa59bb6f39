//! The decoded fields, and which of them were sent more than once: PHP keeps the last value, and loses the others.

use serde_json::{Map, Value};

use super::error::truncate_field_name;
use crate::contract::quote_value;

/// The most repeated fields of a request that are reported (arbitrary).
const MAX_REPEATED_FIELDS: usize = 20;
/// The most values of one of them that are quoted (arbitrary).
const MAX_QUOTED_VALUES: usize = 10;
/// The longest list or object that is quoted, in characters (arbitrary).
const MAX_QUOTED_CHARS: usize = 80;

/// The fields of a query or a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) fields: Map<String, Value>,
    /// Fields that were sent more than once; the last value counts.
    pub(crate) repeated: RepeatedFields,
}

/// A field that was sent more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepeatedField {
    /// Its path in bracket notation.
    pub(crate) path: String,
    /// How often it was sent.
    pub(crate) count: usize,
    /// The first values, quoted.
    pub(crate) values: Vec<String>,
}

impl RepeatedField {
    /// Joins the quoted values in their order.
    pub(crate) fn quote_values(&self) -> String {
        let rest = if self.count > self.values.len() { " …" } else { "" };
        format!("{}{rest}", self.values.join(" and then "))
    }
}

/// The repeated fields of a query or a body, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RepeatedFields(Vec<RepeatedField>);

impl RepeatedFields {
    /// Records that a value replaces another one.
    pub(crate) fn record(&mut self, path: &str, earlier: &Value, later: &Value) {
        let path = truncate_path(path);
        if let Some(known) = self.0.iter_mut().find(|field| field.path == path) {
            known.count += 1;
            if known.values.len() < MAX_QUOTED_VALUES {
                known.values.push(quote(later));
            }
        } else if self.0.len() < MAX_REPEATED_FIELDS {
            let values = vec![quote(earlier), quote(later)];
            self.0.push(RepeatedField { path, count: 2, values });
        }
    }

    /// Adds the fields of another part of the request.
    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
        self.0.truncate(MAX_REPEATED_FIELDS);
    }

    /// Removes the fields with such a path.
    pub(crate) fn remove(&mut self, is_removed: impl Fn(&str) -> bool) {
        self.0.retain(|field| !is_removed(&field.path));
    }
}

impl IntoIterator for RepeatedFields {
    type Item = RepeatedField;
    type IntoIter = std::vec::IntoIter<RepeatedField>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Truncates each name of a path.
fn truncate_path(path: &str) -> String {
    path.split_inclusive(['[', ']']).map(truncate_field_name).collect()
}

/// Quotes a value. A long list or object is only named: a part of it could be a part of an API key.
fn quote(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => {
            let json = value.to_string();
            if json.chars().count() <= MAX_QUOTED_CHARS { json } else { quote_value(value) }
        }
        scalar => quote_value(scalar),
    }
}
