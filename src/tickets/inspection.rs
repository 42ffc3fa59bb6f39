//! Ticket functions for the control API: fetches one ticket in the form of a list item, and validates a column value.

use serde_json::Value;

use super::model::columns;
use super::store;
use crate::clock::Zone;
use crate::contract::{Field, FieldType, Violation, validate};
use crate::storage::{Database, StorageError};

/// Returns a ticket without its timeline; None if it does not exist.
///
/// # Errors
/// If the database fails.
pub(crate) async fn fetch_ticket(
    database: &Database,
    public_url: &str,
    zone: &Zone,
    id: i64,
) -> Result<Option<Value>, StorageError> {
    let (url, zone) = (public_url.to_owned(), zone.clone());
    let query = database.read(move |connection| {
        Box::pin(async move { store::fetch_ticket(connection, &url, &zone, id).await })
    });
    let text = query.await?;
    let value = text.map(|text| serde_json::from_str(&text)).transpose();
    value.map_err(|error| StorageError::corrupt(error.to_string()))
}

/// Validates a value by its column's rule; an empty one counts as not sent.
///
/// # Errors
/// The violation of that rule.
pub(crate) fn validate_column_value(column: &str, value: &str) -> Result<(), Violation> {
    // Displayed dates never end in `Z`.
    let as_displayed = |field: Field| match field.data_type {
        FieldType::DateTimeOrUtc => Field { data_type: FieldType::DateTime, ..field },
        _ => field,
    };
    let fields: Vec<Field> =
        columns::fixture_fields(columns::TICKET_COLUMNS).map(as_displayed).collect();
    let input = [(column.to_owned(), Value::from(value))].into_iter().collect();
    validate(&fields, &input).violations.into_iter().next().map_or(Ok(()), Err)
}
