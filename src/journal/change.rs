//! What a request changed in the account's data.

use serde_json::Value;

/// The most rows that are kept of one request (chosen).
const MOST_ROWS: usize = 1000;

/// The most memory that they take, in bytes (chosen).
const LARGEST_ROWS: usize = 512 * 1024;

/// One row of the data that a request changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// `ticket` or `customer`.
    pub(crate) kind: &'static str,
    pub(crate) id: i64,
    pub(crate) did: Did,
}

/// What happened to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Did {
    /// With its columns and what they hold, as a list of JSON.
    Created {
        columns: &'static [&'static str],
        values: Box<str>,
    },
    /// With each column that is another one now: what it held, and holds.
    Updated(Vec<(&'static str, Value, Value)>),
    Deleted,
}

/// The rows that one request changed; of very many only the first ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rows {
    pub(crate) kept: Vec<Row>,
    /// How many more there were.
    pub(crate) left_out: usize,
}

impl FromIterator<Row> for Rows {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        let mut all = Self::default();
        let mut weight = 0;
        for row in rows {
            weight += row.weight();
            if all.kept.len() < MOST_ROWS && weight <= LARGEST_ROWS {
                all.kept.push(row);
            } else {
                all.left_out += 1;
            }
        }
        all
    }
}

impl Rows {
    /// These rows, and then those.
    pub(crate) fn and(self, others: Self) -> Self {
        let left_out = self.left_out + others.left_out;
        let mut all: Self = self.kept.into_iter().chain(others.kept).collect();
        all.left_out += left_out;
        all
    }

    /// Redacts each cell. Those of a row that was made are looked at only where `may_hold` says so of them all.
    pub(crate) fn redact(&mut self, may_hold: impl Fn(&str) -> bool, redact: impl Fn(&mut Value)) {
        for row in &mut self.kept {
            match &mut row.did {
                Did::Created { values, .. } if may_hold(values) => {
                    let mut cells: Vec<Value> = serde_json::from_str(values).unwrap_or_default();
                    cells.iter_mut().for_each(&redact);
                    *values = Value::from(cells).to_string().into();
                }
                Did::Updated(columns) => {
                    for (_, from, to) in columns {
                        redact(from);
                        redact(to);
                    }
                }
                Did::Created { .. } | Did::Deleted => {}
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.left_out == 0
    }

    /// About how much memory they take, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.kept.iter().map(Row::weight).sum()
    }
}

impl Did {
    /// The columns that hold something, of a row that was made.
    pub(crate) fn made(columns: &[&'static str], values: &str) -> Vec<(&'static str, Value)> {
        let values: Vec<Value> = serde_json::from_str(values).unwrap_or_default();
        let columns = columns.iter().copied().zip(values);
        columns.filter(|(_, value)| !value.is_null()).collect()
    }
}

impl Row {
    fn weight(&self) -> usize {
        let columns = match &self.did {
            Did::Created { values, .. } => values.len(),
            Did::Updated(columns) => {
                columns.iter().map(|(_, from, to)| cell(from) + cell(to)).sum()
            }
            Did::Deleted => 0,
        };
        size_of::<Self>() + columns
    }
}

fn cell(value: &Value) -> usize {
    size_of::<(&str, Value)>() + value.as_str().map_or(0, str::len)
}

/// What a change gives, and what it changed.
#[derive(Debug)]
pub(crate) struct Changed<T> {
    pub(crate) rows: Rows,
    pub(crate) value: T,
}
