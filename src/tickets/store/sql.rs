//! SQL text with its values. A value can only be bound, never written into the text.

use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{AssertSqlSafe, query};

use crate::tickets::ticket::Cell;

/// A statement that grows.
#[derive(Debug, Default)]
pub(super) struct Sql {
    text: String,
    values: Vec<Cell>,
}

impl Sql {
    /// Adds text. It comes from this program's own tables and constants, never from a request.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a value and gives its placeholder, for text that names it more than once.
    pub(super) fn placeholder(&mut self, value: Cell) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// The statement, ready to run.
    pub(super) fn query(self) -> Query<'static, Sqlite, SqliteArguments> {
        let statement = query(AssertSqlSafe(self.text));
        self.values.into_iter().fold(statement, |statement, value| match value {
            Cell::Number(number) => statement.bind(number),
            Cell::Text(text) => statement.bind(text),
        })
    }
}

/// A column's name as SQL wants it; `from` and `to` are words of SQL.
pub(super) fn name(column: &str) -> String {
    format!("\"{column}\"")
}
