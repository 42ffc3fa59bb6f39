//! Builds SQL: values are bound as parameters, never written into the text.

use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{AssertSqlSafe, query};

/// SQL text and its parameters.
#[derive(Debug, Default)]
pub(super) struct SqlBuilder {
    text: String,
    values: Vec<SqlValue>,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SqlValue {
    Number(i64),
    Text(String),
}

impl From<i64> for SqlValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<String> for SqlValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for SqlValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl SqlBuilder {
    /// Appends SQL from this program's own tables and constants, never from a request.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Binds a value and returns its placeholder, which the text may repeat.
    pub(super) fn bind(&mut self, value: impl Into<SqlValue>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Returns the executable query.
    pub(super) fn into_query(self) -> Query<'static, Sqlite, SqliteArguments> {
        let statement = query(AssertSqlSafe(self.text));
        self.values.into_iter().fold(statement, |statement, value| match value {
            SqlValue::Number(number) => statement.bind(number),
            SqlValue::Text(text) => statement.bind(text),
        })
    }
}

/// Quotes a column name; `from` and `to` are SQL keywords.
pub(super) fn quote_identifier(column: &str) -> String {
    format!("\"{column}\"")
}

/// Returns quoted column names, separated by commas.
pub(super) fn column_list_sql(columns: &[&str]) -> String {
    join(columns, quote_identifier)
}

/// Returns the arguments of a `json_object` with these columns as its fields.
pub(super) fn json_object_args(columns: &[&str], column_sql: impl Fn(&str) -> String) -> String {
    join(columns, |column| format!("'{column}', {}", column_sql(column)))
}

/// Returns SQL for columns that are elements of the JSON array at `path` in `value`, in this order.
pub(super) fn json_elements_sql(columns: &[&str], path: &str) -> String {
    // A path is a constant text, while SQLite makes a path of an index for each row.
    let element = |(index, column): (usize, &&str)| {
        format!("value ->> '{path}[{index}]' AS {}", quote_identifier(column))
    };
    columns.iter().enumerate().map(element).collect::<Vec<_>>().join(", ")
}

/// Returns SQL that inserts JSON arrays of these columns; `arrays` is a `json_each` table.
pub(super) fn insert_sql(table: &str, columns: &[&str], arrays: &str) -> String {
    let (names, elements) = (column_list_sql(columns), json_elements_sql(columns, "$"));
    format!("INSERT INTO {table} ({names}) SELECT {elements} FROM {arrays}")
}

/// Returns a `json_array` of columns, in this order.
pub(super) fn json_array_sql(columns: &[&str], column_sql: impl Fn(&str) -> String) -> String {
    format!("json_array({})", join(columns, column_sql))
}

fn join(columns: &[&str], sql: impl Fn(&str) -> String) -> String {
    columns.iter().map(|column| sql(column)).collect::<Vec<_>>().join(", ")
}
