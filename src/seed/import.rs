//! Imports a fixture into an existing account.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::fields::SEED_FIELDS;
use super::parse_budget::ParseLimits;
use super::sections;
use super::source::{ParsedSource, SourceText};
use super::{ERRORS, MISSING_ROOT_MESSAGE, SeedError, non_null_fields, parse_clock};
use crate::accounts::{AccountError, AccountSettings, EffectiveSettings};
use crate::clock::{Clock, Zone};
use crate::contract::{Violation, ViolationKind, ViolationList, validate_without_item_defaults};
use crate::storage::{BoxFuture, Connection, StorageError};

/// The format of a fixture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
}

/// The numbers of rows by list.
pub(crate) type RowCounts = Map<String, Value>;

/// Inserts rows into a database; returns the row counts before and after.
pub(crate) type ImportFn = Box<
    dyn for<'c> FnOnce(
            &'c mut Connection,
        ) -> BoxFuture<'c, Result<(RowCounts, RowCounts), ImportError>>
        + Send,
>;

/// The account of a fixture, without a name and keys.
#[derive(Debug)]
pub(crate) struct Import {
    time_zone: Option<String>,
    dialect: Option<Map<String, Value>>,
    clock: Option<Clock>,
    pub(super) data: Map<String, Value>,
}

/// An error of an import.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The account already has these rows of the fixture.
    #[error("{}", .0.join(", "))]
    Conflict(Vec<String>),
}

impl Import {
    /// Parses and validates a fixture.
    ///
    /// # Errors
    /// Every violation, each with its line.
    pub(crate) fn parse(format: Format, text: String) -> Result<Self, SeedError> {
        let name = match format {
            Format::Json => "fixture.json",
            Format::Yaml => "fixture.yaml",
        };
        let text = SourceText::new(PathBuf::from(name), text);
        let parsed =
            text.parse(ParseLimits::IMPORT).map_err(|error| SeedError { errors: vec![error] })?;
        Self::from_parsed(&text, parsed)
            .map_err(|violations| SeedError { errors: text.format_violations(&violations, ERRORS) })
    }

    fn from_parsed(text: &SourceText, parsed: ParsedSource) -> Result<Self, ViolationList> {
        let ParsedSource { value, has_special_numbers } = parsed;
        let Value::Object(mut seed) = value else {
            // The value is not quoted: a form sent by mistake contains the API key.
            return Err(vec![violation_without_value(
                "accounts",
                format!("{MISSING_ROOT_MESSAGE}, and the seed must be an object"),
            )]
            .into());
        };
        super::expand_permissions(&mut seed);
        let mut report = validate_without_item_defaults(SEED_FIELDS, &seed);
        let mut errors = report.take_errors();
        text.check_numbers_as_texts(has_special_numbers, SEED_FIELDS, &seed, &mut errors);
        let settings = take_account_settings(&mut seed);
        drop(seed);
        if !errors.is_empty() {
            return Err(errors);
        }
        let accounts = report.values.get_mut("accounts").map(Value::take);
        let Some(Value::Object(accounts)) = accounts else { return Err(ViolationList::default()) };
        let count = accounts.len();
        let mut accounts = accounts.into_iter();
        let (Some((name, Value::Object(mut account))), None) = (accounts.next(), accounts.next())
        else {
            return Err(vec![violation_without_value(
                "accounts",
                format!("must have exactly one account, not {count}"),
            )]
            .into());
        };
        let path = format!("accounts[{name}]");
        if account
            .remove("keys")
            .is_some_and(|keys| keys.as_array().is_some_and(|keys| !keys.is_empty()))
        {
            let rule =
                "must be omitted: an import creates no keys; create them one by one".to_owned();
            return Err(vec![violation_without_value(&format!("{path}[keys]"), rule)].into());
        }
        let violations = sections::validate_data(&account, &path);
        if !violations.is_empty() {
            return Err(violations);
        }
        Self::from_account(&settings, account, &path).map_err(|violation| vec![violation].into())
    }

    fn from_account(
        settings: &Value,
        mut account: Map<String, Value>,
        path: &str,
    ) -> Result<Self, Violation> {
        let account_settings = super::take_settings(&mut account, path)?;
        let clock =
            non_null_fields(settings.get("clock").cloned()).map(|clock| parse_clock(&clock));
        Ok(Self {
            time_zone: settings
                .get("time_zone")
                .filter(|zone| !zone.is_null() && *zone != "")
                .map(|_| account_settings.time_zone),
            dialect: settings
                .get("dialect")
                .filter(|sent| !sent.is_null())
                .map(|_| account_settings.dialect),
            clock: clock.and_then(Result::ok),
            data: account,
        })
    }

    /// Returns the account's settings, overridden by those of the fixture, and the function that inserts the rows.
    pub(crate) fn apply_to(self, settings: &EffectiveSettings) -> (AccountSettings, ImportFn) {
        let current = settings.account_settings.clone();
        let updated = AccountSettings {
            time_zone: self.time_zone.clone().unwrap_or(current.time_zone),
            dialect: self.dialect.clone().unwrap_or(current.dialect),
            clock: self.clock.unwrap_or(current.clock),
            strict: current.strict,
        };
        let (now, zone) = (updated.now_text(), updated.zone());
        let import: ImportFn = Box::new(move |connection| {
            Box::pin(async move { self.insert(connection, &now, &zone).await })
        });
        (updated, import)
    }

    /// Inserts the rows. Returns the row counts before and after.
    ///
    /// # Errors
    /// If some of them already exist, or the database fails.
    async fn insert(
        self,
        connection: &mut Connection,
        now: &str,
        zone: &Zone,
    ) -> Result<(RowCounts, RowCounts), ImportError> {
        let before = sections::count_rows(connection).await?;
        let existing_rows = sections::find_existing_rows(connection, &self.data).await?;
        if !existing_rows.is_empty() {
            return Err(ImportError::Conflict(existing_rows));
        }
        sections::insert_data(connection, self.data, now, zone).await?;
        Ok((before, sections::count_rows(connection).await?))
    }
}

/// Removes and returns the settings of a fixture's only account.
fn take_account_settings(seed: &mut Map<String, Value>) -> Value {
    let accounts = seed.get_mut("accounts").and_then(Value::as_object_mut);
    let account = accounts.and_then(|accounts| accounts.values_mut().next());
    let account = account.and_then(Value::as_object_mut);
    let Some(account) = account else { return Value::Null };
    let names = ["time_zone", "dialect", "clock"].into_iter();
    names
        .filter_map(|name| Some((name.to_owned(), account.remove(name)?)))
        .collect::<Map<_, _>>()
        .into()
}

/// Creates a violation that does not quote the value.
fn violation_without_value(path: &str, rule: String) -> Violation {
    Violation { path: path.to_owned(), kind: ViolationKind::Custom(rule), rejected_value: None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Result<Import, SeedError> {
        Import::parse(Format::Yaml, text.to_owned())
    }

    #[test]
    fn import_takes_only_the_settings_that_it_has() {
        let import = parse("accounts: { any: { tickets: [{ title: x }] } }").expect("valid");
        assert_eq!((import.time_zone, import.dialect, import.clock), (None, None, None));
        // Defaults of rows are added when they are inserted.
        assert_eq!(Value::Object(import.data), json!({ "tickets": [{ "title": "x" }] }));
        let text = "accounts: { any: { time_zone: Europe/Berlin, dialect: {}, clock: { mode: real }, keys: [] } }";
        let import = parse(text).expect("valid");
        assert_eq!(import.time_zone.as_deref(), Some("Europe/Berlin"));
        assert_eq!((import.dialect, import.clock), (Some(Map::new()), Some(Clock::Real)));
        let text = "accounts: { any: { time_zone: \"\", dialect: null, clock: null } }";
        let import = parse(text).expect("valid");
        assert_eq!((import.time_zone, import.dialect, import.clock), (None, None, None));
    }
}
