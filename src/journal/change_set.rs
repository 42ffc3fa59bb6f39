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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deleted(id: i64) -> RowChange {
        RowChange { resource: "ticket", id, change: ChangeKind::Deleted }
    }

    fn created(id: i64, values: &Value) -> RowChange {
        let change = ChangeKind::Created {
            columns: &["title", "status"],
            values: values.to_string().into(),
        };
        RowChange { resource: "ticket", id, change }
    }

    fn updated(id: i64, before: Value, after: Value) -> RowChange {
        let diff = ColumnDiff { column: "title", before, after };
        RowChange { resource: "ticket", id, change: ChangeKind::Updated(vec![diff]) }
    }

    fn ids(changes: &ChangeSet) -> Vec<i64> {
        changes.rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn change_set_has_at_most_1000_rows() {
        let full: ChangeSet = (0..1000).map(deleted).collect();
        assert_eq!((full.rows.len(), full.omitted), (1000, 0));
        let changes: ChangeSet = (0..1003).map(deleted).collect();
        assert_eq!((changes.rows, changes.omitted), (full.rows, 3));
    }

    #[test]
    fn change_set_has_at_most_512_kib() {
        let row_bytes = deleted(1).estimated_bytes();
        let with_bytes = |id, bytes: usize| {
            let change =
                ChangeKind::Created { columns: &[], values: "x".repeat(bytes - row_bytes).into() };
            RowChange { resource: "ticket", id, change }
        };
        let full: ChangeSet =
            [with_bytes(1, 300 * 1024), with_bytes(2, 212 * 1024)].into_iter().collect();
        assert_eq!((ids(&full), full.omitted), (vec![1, 2], 0));
        assert_eq!(full.estimated_bytes(), 512 * 1024);
        let rows = [with_bytes(1, 300 * 1024), with_bytes(2, 212 * 1024 + 1), deleted(3)];
        let changes: ChangeSet = rows.into_iter().collect();
        assert_eq!((ids(&changes), changes.omitted), (vec![1], 2), "no row after an omitted one");
    }

    #[test]
    fn memory_of_a_row_includes_its_texts() {
        let deleted = deleted(1).estimated_bytes();
        assert!(deleted > 0);
        assert_eq!(created(1, &json!(["ab", 1])).estimated_bytes(), deleted + r#"["ab",1]"#.len());
        let numbers = updated(1, json!(1), json!(2)).estimated_bytes();
        assert!(numbers > deleted);
        assert_eq!(updated(1, json!("abc"), json!("de")).estimated_bytes(), numbers + 5);
    }

    #[test]
    fn merged_change_set_has_the_rows_in_order_within_the_limits() {
        let first: ChangeSet = [1, 2].map(deleted).into_iter().collect();
        let second: ChangeSet = [3].map(deleted).into_iter().collect();
        assert_eq!(ids(&first.clone().merge(second.clone())), [1, 2, 3]);
        let omitted = |changes: ChangeSet, omitted| ChangeSet { omitted, ..changes };
        assert_eq!(omitted(first, 5).merge(omitted(second, 7)).omitted, 12);
        let many: ChangeSet = (0..600).map(deleted).collect();
        let merged = omitted(many.clone(), 5).merge(omitted(many, 7));
        assert_eq!((merged.rows.len(), merged.omitted), (1000, 212));
    }

    #[test]
    fn change_set_is_empty_without_rows() {
        assert!(ChangeSet::default().is_empty());
        assert!(!ChangeSet { omitted: 1, ..ChangeSet::default() }.is_empty());
        assert!(![1].map(deleted).into_iter().collect::<ChangeSet>().is_empty());
    }

    #[test]
    fn cells_of_created_and_updated_rows_are_redacted() {
        let rows = [
            created(1, &json!(["key", null])),
            created(2, &json!(["other", "key"])),
            updated(3, json!("key"), json!("key")),
            deleted(4),
        ];
        let mut changes: ChangeSet = rows.into_iter().collect();
        let redact_cell = |cell: &mut Value| {
            if *cell == "key" {
                *cell = "***".into();
            }
        };
        changes.redact(|values| !values.contains("other"), redact_cell);
        let expected = [
            created(1, &json!(["***", null])),
            created(2, &json!(["other", "key"])),
            updated(3, json!("***"), json!("***")),
            deleted(4),
        ];
        assert_eq!(changes.rows, expected, "row 2 is not parsed");
    }

    #[test]
    fn columns_of_a_created_row_exclude_nulls() {
        let columns =
            |values| ChangeKind::non_null_columns(&["title", "status", "priority"], values);
        assert_eq!(columns(r#"["",null,0]"#), [("title", json!("")), ("priority", json!(0))]);
        assert_eq!(columns("[null,null,null]"), []);
    }
}
