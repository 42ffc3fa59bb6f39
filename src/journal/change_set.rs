//! Change sets: the rows that a request changed.

use serde_json::Value;

/// Row limit of one change set (arbitrary).
const MAX_ROWS: usize = 1000;

/// Memory limit of one change set, in bytes (arbitrary).
const MAX_CHANGE_SET_BYTES: usize = 512 * 1024;

/// A row that a request changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowChange {
    /// `ticket` or `customer`.
    pub(crate) resource: &'static str,
    pub(crate) id: i64,
    pub(crate) change: ChangeKind,
}

/// How a row changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ChangeKind {
    /// With its column names, and their values as a JSON array.
    Created {
        columns: &'static [&'static str],
        values: Box<str>,
    },
    Updated(Vec<ColumnDiff>),
    Deleted,
}

/// A changed column of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ColumnDiff {
    pub(crate) column: &'static str,
    pub(crate) before: Value,
    pub(crate) after: Value,
}

/// The rows that one request changed; only the first ones if they exceed a limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ChangeSet {
    pub(crate) rows: Vec<RowChange>,
    /// The number of rows beyond a limit.
    pub(crate) omitted: usize,
}

impl FromIterator<RowChange> for ChangeSet {
    fn from_iter<I: IntoIterator<Item = RowChange>>(rows: I) -> Self {
        let mut changes = Self::default();
        let mut bytes = 0;
        for row in rows {
            bytes += row.estimated_bytes();
            if changes.rows.len() < MAX_ROWS && bytes <= MAX_CHANGE_SET_BYTES {
                changes.rows.push(row);
            } else {
                changes.omitted += 1;
            }
        }
        changes
    }
}

impl ChangeSet {
    /// Appends the rows of another change set.
    pub(crate) fn merge(self, other: Self) -> Self {
        let omitted = self.omitted + other.omitted;
        let mut merged: Self = self.rows.into_iter().chain(other.rows).collect();
        merged.omitted += omitted;
        merged
    }

    /// Redacts each cell. Parses a created row only if `may_contain_key` returns true for its values.
    pub(crate) fn redact(
        &mut self,
        may_contain_key: impl Fn(&str) -> bool,
        redact_cell: impl Fn(&mut Value),
    ) {
        for row in &mut self.rows {
            match &mut row.change {
                ChangeKind::Created { values, .. } if may_contain_key(values) => {
                    let mut cells: Vec<Value> = serde_json::from_str(values).unwrap_or_default();
                    cells.iter_mut().for_each(&redact_cell);
                    *values = Value::from(cells).to_string().into();
                }
                ChangeKind::Updated(diffs) => {
                    for diff in diffs {
                        redact_cell(&mut diff.before);
                        redact_cell(&mut diff.after);
                    }
                }
                ChangeKind::Created { .. } | ChangeKind::Deleted => {}
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.omitted == 0
    }

    /// Estimates the memory use, in bytes.
    pub(super) fn estimated_bytes(&self) -> usize {
        self.rows.iter().map(RowChange::estimated_bytes).sum()
    }
}

impl ChangeKind {
    /// Returns the columns of a created row that are not null.
    pub(crate) fn non_null_columns(
        columns: &[&'static str],
        values: &str,
    ) -> Vec<(&'static str, Value)> {
        let values: Vec<Value> = serde_json::from_str(values).unwrap_or_default();
        let columns = columns.iter().copied().zip(values);
        columns.filter(|(_, value)| !value.is_null()).collect()
    }
}

impl RowChange {
    fn estimated_bytes(&self) -> usize {
        let column_bytes = match &self.change {
            ChangeKind::Created { values, .. } => values.len(),
            ChangeKind::Updated(diffs) => {
                diffs.iter().map(|diff| cell_bytes(&diff.before) + cell_bytes(&diff.after)).sum()
            }
            ChangeKind::Deleted => 0,
        };
        size_of::<Self>() + column_bytes
    }
}

fn cell_bytes(value: &Value) -> usize {
    size_of::<(&str, Value)>() + value.as_str().map_or(0, str::len)
}

/// The result of a write, and its change set.
#[derive(Debug)]
pub(crate) struct WithChanges<T> {
    pub(crate) changes: ChangeSet,
    pub(crate) value: T,
}
