//! Ticket functions for the control API and the console: fetches one ticket in the form of a list item, validates a
//! column value, and fetches the names of what a ticket refers to.

use serde::Deserialize;
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

/// The names that an account has for ids, and its views.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct AccountNames {
    pub(crate) references: Vec<NamedId>,
    pub(crate) views: Vec<NamedView>,
}

/// The name of a brand, a channel, a group or a user.
#[derive(Debug, Deserialize)]
pub(crate) struct NamedId {
    pub(crate) kind: String,
    pub(crate) id: i64,
    pub(crate) name: String,
}

/// A view of the account itself.
#[derive(Debug, Deserialize)]
pub(crate) struct NamedView {
    pub(crate) slug: String,
    pub(crate) title: String,
}

/// A customer that tickets are linked to.
#[derive(Debug, Deserialize)]
pub(crate) struct CustomerSummary {
    pub(crate) id: i64,
    pub(crate) external_primary_id: Option<String>,
    pub(crate) firstname: String,
    pub(crate) lastname: String,
}

/// Returns the first 1000 names, and the views.
///
/// # Errors
/// If the database fails.
pub(crate) async fn fetch_names(database: &Database) -> Result<AccountNames, StorageError> {
    let query = database.read(|connection| Box::pin(store::fetch_names(connection)));
    serde_json::from_str(&query.await?).map_err(|error| StorageError::corrupt(error.to_string()))
}

/// Returns a customer; None if it does not exist.
///
/// # Errors
/// If the database fails.
pub(crate) async fn fetch_customer(
    database: &Database,
    id: i64,
) -> Result<Option<CustomerSummary>, StorageError> {
    let query = database.read(move |connection| Box::pin(store::fetch_customer(connection, id)));
    let customer = query.await?.map(|text| serde_json::from_str(&text)).transpose();
    customer.map_err(|error| StorageError::corrupt(error.to_string()))
}
