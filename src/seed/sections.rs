//! The fixture sections of all controllers together.

use serde_json::{Map, Value};

use super::section::FixtureData;
use crate::clock::Zone;
use crate::contract::{Field, ViolationList};
use crate::controllers::fixture_sections;
use crate::storage::{Connection, StorageError, begin_read};

/// Returns the fields of all sections.
pub(super) fn section_fields() -> impl Iterator<Item = Field> {
    fixture_sections().flat_map(|section| section.fields).copied()
}

/// Validates what field rules cannot express; `path` is that of the account.
pub(super) fn validate_data(data: &FixtureData, path: &str) -> ViolationList {
    let mut violations = ViolationList::default();
    fixture_sections().for_each(|section| violations.append((section.validate)(data, path)));
    violations
}

/// Finds references to rows that an account does not have; `path` is that of the account.
#[cfg_attr(
    not(any(feature = "cli", test)),
    expect(dead_code, reason = "only the command line prints warnings")
)]
pub(super) fn find_missing_references(data: &FixtureData, path: &str) -> ViolationList {
    let mut found = ViolationList::default();
    for section in fixture_sections() {
        found.append((section.find_missing_references)(data, path));
    }
    found
}

/// Inserts validated data beside existing rows. Dates are in `zone` unless they end in `Z`; `now` is in UTC.
///
/// # Errors
/// If the database fails.
pub(super) async fn insert_data(
    connection: &mut Connection,
    mut data: FixtureData,
    now: &str,
    zone: &Zone,
) -> Result<(), StorageError> {
    for section in fixture_sections() {
        (section.insert)(connection, &mut data, now, zone).await?;
    }
    Ok(())
}

/// Returns the names of rows that already exist.
///
/// # Errors
/// If the database fails.
pub(super) async fn find_existing_rows(
    connection: &mut Connection,
    data: &FixtureData,
) -> Result<Vec<String>, StorageError> {
    let mut names = Vec::new();
    for section in fixture_sections() {
        names.append(&mut (section.find_existing_rows)(connection, data).await?);
    }
    Ok(names)
}

/// Appends the rows of an account to `text`, as members of a JSON object and its closing brace. All sections read one
/// snapshot.
///
/// # Errors
/// If the database fails.
pub(crate) async fn export_data(
    connection: &mut Connection,
    zone: &Zone,
    mut text: String,
) -> Result<String, StorageError> {
    let mut transaction = begin_read(connection).await?;
    for (index, section) in fixture_sections().enumerate() {
        if index > 0 {
            text.push(',');
        }
        (section.export)(&mut transaction, zone, &mut text).await?;
    }
    text.push('}');
    Ok(text)
}

/// Returns the row counts of all sections.
///
/// # Errors
/// If the database fails.
pub(crate) async fn count_rows(
    connection: &mut Connection,
) -> Result<Map<String, Value>, StorageError> {
    let mut counts = Map::new();
    for section in fixture_sections() {
        let text = (section.count_rows)(connection).await?;
        counts.extend(serde_json::from_str::<Map<String, Value>>(&text).unwrap_or_default());
    }
    Ok(counts)
}
