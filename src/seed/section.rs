//! A fixture section: the lists of one controller in a seed, and how they get into a database and out of it.

use serde_json::{Map, Value};

use crate::clock::Zone;
use crate::contract::{Field, ViolationList};
use crate::storage::{BoxFuture, Connection, StorageError};

/// The data of an account in a seed. A section reads and removes only its own lists.
pub(crate) type FixtureData = Map<String, Value>;

/// The result of a function of a section.
pub(crate) type SectionFuture<'a, T> = BoxFuture<'a, Result<T, StorageError>>;

/// What a controller declares about its data in a seed.
#[derive(Debug)]
pub(crate) struct FixtureSection {
    /// Its members of an account in a seed.
    pub(crate) fields: &'static [Field],
    /// Validates what field rules cannot express. The text is the path of the account.
    pub(crate) validate: fn(&FixtureData, &str) -> ViolationList,
    /// Finds references to rows that the data does not have, in data as it was sent. The text is the path of the account.
    pub(crate) find_missing_references: fn(&FixtureData, &str) -> ViolationList,
    /// Inserts its rows beside existing ones. Dates are in the zone unless they end in `Z`; the text is the current
    /// time in UTC.
    pub(crate) insert: for<'a> fn(
        &'a mut Connection,
        &'a mut FixtureData,
        &'a str,
        &'a Zone,
    ) -> SectionFuture<'a, ()>,
    /// Returns the names of its rows that already exist.
    pub(crate) find_existing_rows:
        for<'a> fn(&'a mut Connection, &'a FixtureData) -> SectionFuture<'a, Vec<String>>,
    /// Appends its members to the JSON text of an account, without the braces around them.
    pub(crate) export:
        for<'a> fn(&'a mut Connection, &'a Zone, &'a mut String) -> SectionFuture<'a, ()>,
    /// Returns its row counts as a JSON object.
    pub(crate) count_rows: for<'a> fn(&'a mut Connection) -> SectionFuture<'a, String>,
}
