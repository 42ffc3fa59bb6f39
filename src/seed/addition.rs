//! A fixture that is added to an account that exists.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::budget::Limits;
use super::source::Text;
use super::{AT_THE_TOP, SeedError, clock_of, given};
use crate::accounts::{AccountError, Profile, Terms};
use crate::clock::Zone;
use crate::rules::{Checked, Problem, Violation, check_without_defaults};
use crate::storage::{BoxFuture, Connection, StorageError};
use crate::tickets::fixture;

/// How a fixture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Yaml,
}

/// Adds rows to a database; gives how many there were and are.
pub(crate) type Change = Box<
    dyn for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<(String, String), AdditionError>>
        + Send,
>;

/// One account of a fixture, without a name and without keys.
#[derive(Debug)]
pub(crate) struct Addition {
    time_zone: Option<String>,
    dialect: Option<Map<String, Value>>,
    clock: Option<crate::clock::Clock>,
    data: Map<String, Value>,
}

/// Why a fixture cannot be added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdditionError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Account(#[from] AccountError),
    /// These rows of the fixture are in the account already.
    #[error("{}", .0.join(", "))]
    Conflict(Vec<String>),
}

impl Addition {
    /// Reads a fixture.
    ///
    /// # Errors
    /// Every rule that is broken, each with its line.
    pub(crate) fn read(form: Form, text: String) -> Result<Self, SeedError> {
        let name = match form {
            Form::Json => "fixture.json",
            Form::Yaml => "fixture.yaml",
        };
        let text = Text::new(PathBuf::from(name), text);
        let value =
            text.parse(Limits::IMPORT).map_err(|fault| SeedError { faults: vec![fault] })?;
        Self::of(value).map_err(|broken| SeedError { faults: text.placed(&broken) })
    }

    fn of(fixture: Value) -> Result<Self, Vec<Violation>> {
        let Value::Object(mut seed) = fixture else {
            // What was sent is not repeated: a form that was sent by mistake holds the key.
            return Err(vec![refused(
                "accounts",
                format!("{AT_THE_TOP}, which must be an object"),
            )]);
        };
        let Checked { mut values, unknown, mut broken, .. } =
            check_without_defaults(super::fields::SEED, &seed);
        let sent = own(&mut seed);
        drop(seed);
        broken.extend(unknown);
        if !broken.is_empty() {
            return Err(broken);
        }
        let accounts = values.get_mut("accounts").map(Value::take);
        let Some(Value::Object(accounts)) = accounts else { return Err(Vec::new()) };
        let number = accounts.len();
        let mut accounts = accounts.into_iter();
        let (Some((name, Value::Object(mut account))), None) = (accounts.next(), accounts.next())
        else {
            return Err(vec![refused("accounts", format!("must hold one account, not {number}"))]);
        };
        let path = format!("accounts[{name}]");
        if account
            .remove("keys")
            .is_some_and(|keys| keys.as_array().is_some_and(|keys| !keys.is_empty()))
        {
            let rule = "must be left out: keys are made one by one".to_owned();
            return Err(vec![refused(&format!("{path}[keys]"), rule)]);
        }
        let broken = fixture::check(&account, &path);
        if !broken.is_empty() {
            return Err(broken);
        }
        Self::whole(&sent, account, &path).map_err(|broken| vec![broken])
    }

    fn whole(sent: &Value, mut account: Map<String, Value>, path: &str) -> Result<Self, Violation> {
        let profile = super::profile(&mut account, path)?;
        let clock = given(sent.get("clock").cloned()).map(|clock| clock_of(&clock));
        Ok(Self {
            time_zone: sent
                .get("time_zone")
                .filter(|zone| !zone.is_null() && *zone != "")
                .map(|_| profile.time_zone),
            dialect: sent.get("dialect").filter(|sent| !sent.is_null()).map(|_| profile.dialect),
            clock: clock.and_then(Result::ok),
            data: account,
        })
    }

    /// The profile of an account with what the fixture says of it, and the change that adds the rows.
    pub(crate) fn onto(self, terms: &Terms) -> (Profile, Change) {
        let account = terms.profile.clone();
        let profile = Profile {
            time_zone: self.time_zone.clone().unwrap_or(account.time_zone),
            dialect: self.dialect.clone().unwrap_or(account.dialect),
            clock: self.clock.unwrap_or(account.clock),
            strict: account.strict,
        };
        let (now, zone) = (profile.now(), profile.zone());
        let change: Change = Box::new(move |connection| {
            Box::pin(async move { self.plant(connection, &now, &zone).await })
        });
        (profile, change)
    }

    /// Puts the rows beside those that are there. Gives how many of each kind there were and are, as JSON.
    ///
    /// # Errors
    /// When some of them are there already, or the database fails.
    async fn plant(
        self,
        connection: &mut Connection,
        now: &str,
        zone: &Zone,
    ) -> Result<(String, String), AdditionError> {
        let before = fixture::counts(connection).await?;
        let taken = fixture::taken_rows(connection, &self.data).await?;
        if !taken.is_empty() {
            return Err(AdditionError::Conflict(taken));
        }
        fixture::plant(connection, self.data, now, zone).await?;
        Ok((before, fixture::counts(connection).await?))
    }
}

/// What the only account of a fixture says of itself, apart from its rows.
fn own(seed: &mut Map<String, Value>) -> Value {
    let accounts = seed.get_mut("accounts").and_then(Value::as_object_mut);
    let account = accounts.and_then(|accounts| accounts.values_mut().next());
    let account = account.and_then(Value::as_object_mut);
    let Some(account) = account else { return Value::Null };
    let own = ["time_zone", "dialect", "clock"].into_iter();
    own.filter_map(|name| Some((name.to_owned(), account.remove(name)?)))
        .collect::<Map<_, _>>()
        .into()
}

/// A rule that is broken by something that need not be shown.
fn refused(path: &str, rule: String) -> Violation {
    Violation { path: path.to_owned(), problem: Problem::Other(rule), sent: None }
}
