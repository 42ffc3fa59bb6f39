//! SQL builder: values are bound as parameters, never written into the text.

use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{AssertSqlSafe, query};

use crate::tickets::model::ticket::ColumnValue;

/// SQL text and its parameters.
#[derive(Debug, Default)]
pub(super) struct SqlBuilder {
    text: String,
    values: Vec<ColumnValue>,
}

impl SqlBuilder {
    /// Appends SQL from this program's own tables and constants, never from a request.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Binds a value and returns its placeholder, which the text may repeat.
    pub(super) fn bind(&mut self, value: ColumnValue) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Returns the executable query.
    pub(super) fn into_query(self) -> Query<'static, Sqlite, SqliteArguments> {
        let statement = query(AssertSqlSafe(self.text));
        self.values.into_iter().fold(statement, |statement, value| match value {
            ColumnValue::Number(number) => statement.bind(number),
            ColumnValue::Text(text) => statement.bind(text),
        })
    }
}

/// Quotes a column name; `from` and `to` are SQL keywords.
pub(super) fn quote_identifier(column: &str) -> String {
    format!("\"{column}\"")
}
