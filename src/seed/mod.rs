//! Seeds: the fixtures that accounts start from. A seed is checked whole before anything of it is planted.

mod addition;
mod budget;
mod depth;
mod fields;
mod json;
mod lines;
mod source;
mod yaml;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::accounts::{
    AccountError, Accounts, Digest, NewKey, PERMISSIONS, Permissions, Profile, SELF, Saved,
};
use crate::clock::{self, Clock};
use crate::dialect::{self, Dialect, DialectError};
use crate::rules::{Checked, Problem, Violation, check, visible};
use crate::tickets::fixture;
use budget::Limits;
use source::Text;

pub(crate) use addition::{Addition, AdditionError, Form};

/// What is said of a text that is no mapping.
const AT_THE_TOP: &str = "must stand at the top of the seed";

/// What every server without a seed starts from.
const DEFAULT: &str = include_str!("default.yaml");

/// Why a seed is refused: every fault that was found, each with its place.
#[derive(Debug, thiserror::Error)]
#[error("{}", faults.iter().map(|fault| visible(fault)).collect::<Vec<_>>().join("\n"))]
pub(crate) struct SeedError {
    faults: Vec<String>,
}

/// Accounts that obey all rules, ready to be planted.
#[derive(Debug)]
pub(crate) struct Seed {
    accounts: Vec<Fixture>,
}

/// One account of a seed.
#[derive(Debug)]
struct Fixture {
    name: String,
    profile: Profile,
    keys: Vec<NewKey>,
    data: Map<String, Value>,
}

/// What stands in the texts so far and must not stand there twice.
#[derive(Default)]
struct Seen {
    accounts: HashSet<String>,
    keys: HashSet<Digest>,
}

impl Seen {
    fn twice(&mut self, fixture: &Fixture) -> Vec<Violation> {
        let place = format!("accounts[{}]", fixture.name);
        let broken = |path, problem| Violation { path, problem, sent: None };
        let mut twice = Vec::new();
        if !self.accounts.insert(fixture.name.clone()) {
            twice.push(broken(place.clone(), Problem::Twice));
        }
        for (index, key) in fixture.keys.iter().enumerate() {
            if !self.keys.insert(key.digest) {
                twice.push(broken(format!("{place}[keys][{index}][key]"), Problem::Twice));
            }
        }
        twice
    }
}

impl Seed {
    /// The seed that is built in.
    pub(crate) fn built_in() -> Self {
        Self::checked(&[Text::new(PathBuf::from("default.yaml"), DEFAULT.to_owned())])
            .expect("the built-in seed obeys its rules")
    }

    /// No accounts at all.
    pub(crate) const fn none() -> Self {
        Self { accounts: Vec::new() }
    }

    /// Reads files, and texts of YAML or JSON, and checks them together.
    ///
    /// # Errors
    /// Every file that cannot be read and every rule that is broken.
    pub(crate) fn read(paths: &[PathBuf], texts: &[String]) -> Result<Self, SeedError> {
        let files: Result<Vec<Text>, SeedError> = paths.iter().map(|path| read(path)).collect();
        let texts = texts.iter().map(|text| Text::new(PathBuf::from("seed"), text.clone()));
        Self::checked(&files?.into_iter().chain(texts).collect::<Vec<_>>())
    }

    fn checked(texts: &[Text]) -> Result<Self, SeedError> {
        let (mut accounts, mut faults) = (Vec::new(), Vec::new());
        let mut seen = Seen::default();
        for text in texts {
            let (read, mut broken) = fixtures(text)?;
            broken.extend(read.iter().flat_map(|fixture| seen.twice(fixture)));
            faults.extend(text.placed(&broken));
            accounts.extend(read);
        }
        if faults.is_empty() { Ok(Self { accounts }) } else { Err(SeedError { faults }) }
    }

    /// What there is in it, for people: accounts and tickets.
    pub(crate) fn summary(&self) -> String {
        let tickets = |fixture: &Fixture| {
            fixture.data.get("tickets").and_then(Value::as_array).map_or(0, Vec::len)
        };
        let of = |fixture: &Fixture| {
            format!(
                "{} (keys: {}, tickets: {})",
                fixture.name,
                fixture.keys.len(),
                tickets(fixture)
            )
        };
        let accounts: Vec<String> = self.accounts.iter().map(of).collect();
        format!("accounts: {}", accounts.join(", "))
    }

    /// Plants the fixtures, and makes the accounts that do not exist yet. Those that do are left as they are, and
    /// named in the result. Accounts that are made later may be made from these seeds; the first is the usual one.
    ///
    /// # Errors
    /// When an account cannot be made; those before it are there then.
    pub(crate) async fn plant(self, accounts: &Accounts) -> Result<Planted, AccountError> {
        let mut planted = Planted::default();
        for fixture in self.accounts {
            let (name, keys) = (fixture.name.clone(), fixture.keys.clone());
            let saved = fixture.plant(accounts).await?;
            if accounts.find(&name).is_some() {
                planted.kept.push(name.clone());
            } else {
                accounts.make_seeded(&name, keys, &saved).await?;
            }
            planted.seeds.push((name, saved));
        }
        Ok(planted)
    }
}

/// What has become of a seed.
#[derive(Debug, Default)]
pub(crate) struct Planted {
    /// The accounts that were there already.
    pub(crate) kept: Vec<String>,
    /// Every fixture with its state.
    pub(crate) seeds: Vec<(String, Saved)>,
}

impl Fixture {
    async fn plant(self, accounts: &Accounts) -> Result<Saved, AccountError> {
        let digest = self.digest();
        let Self { name, profile, data, .. } = self;
        let (now, zone) = (profile.now(), profile.zone());
        let plant = accounts.plant(&name, digest, profile, move |connection| {
            Box::pin(async move { fixture::plant(connection, data, &now, &zone).await })
        });
        plant.await
    }

    /// The same for the same fixture.
    fn digest(&self) -> [u8; 32] {
        let profile = serde_json::to_string(&self.profile).unwrap_or_default();
        let data = serde_json::to_string(&self.data).unwrap_or_default();
        *Digest::of(&format!("{profile}\n{data}")).bytes()
    }
}

fn read(path: &Path) -> Result<Text, SeedError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| SeedError { faults: vec![format!("{}: {error}", path.display())] })?;
    Ok(Text::new(path.to_owned(), text))
}

/// The accounts of a text, and the rules that it breaks.
fn fixtures(text: &Text) -> Result<(Vec<Fixture>, Vec<Violation>), SeedError> {
    let value = text.parse(Limits::SEED).map_err(|fault| SeedError { faults: vec![fault] })?;
    let Value::Object(mut seed) = value else {
        return Ok((Vec::new(), vec![Violation::other("accounts", AT_THE_TOP, &value)]));
    };
    expand_permissions(&mut seed);
    let Checked { mut values, unknown, mut broken, .. } = check(fields::SEED, &seed);
    broken.extend(unknown);
    let mut fixtures = Vec::new();
    if let (true, Some(Value::Object(accounts))) =
        (broken.is_empty(), values.get_mut("accounts").map(Value::take))
    {
        for (name, account) in accounts {
            let Value::Object(account) = account else { continue };
            let path = format!("accounts[{name}]");
            broken.extend(fixture::check(&account, &path));
            match fixture_of(name, account, &path) {
                Ok(fixture) => fixtures.push(fixture),
                Err(violation) => broken.push(violation),
            }
        }
    }
    Ok((fixtures, broken))
}

/// `permissions: all` stands for every name.
fn expand_permissions(seed: &mut Map<String, Value>) {
    let accounts = seed.get_mut("accounts").and_then(Value::as_object_mut);
    let accounts = accounts.into_iter().flat_map(|accounts| accounts.values_mut());
    let keys = accounts.filter_map(|account| account.get_mut("keys")?.as_array_mut()).flatten();
    for key in keys {
        if key.get("permissions").is_some_and(|permissions| permissions == "all") {
            key["permissions"] = PERMISSIONS.into();
        }
    }
}

fn fixture_of(
    name: String,
    mut account: Map<String, Value>,
    path: &str,
) -> Result<Fixture, Violation> {
    if name == SELF {
        let rule = "must be another name: self means the account of the request's key";
        return Err(Violation::other(path, rule, &Value::Null));
    }
    let profile = profile(&mut account, path)?;
    let keys: Vec<NewKey> = match account.remove("keys") {
        Some(Value::Array(keys)) => {
            keys.iter().enumerate().map(|(index, key)| new_key(key, index)).collect()
        }
        _ => Vec::new(),
    };
    unique_names(&keys, path)?;
    Ok(Fixture { name, profile, keys, data: account })
}

/// What an account is, apart from its data.
fn profile(account: &mut Map<String, Value>, path: &str) -> Result<Profile, Violation> {
    let sent = account.remove("time_zone").unwrap_or_default();
    let time_zone = sent.as_str().unwrap_or_default().to_owned();
    // The library's own words repeat what was sent as it is, whatever a terminal makes of it.
    clock::zone(&time_zone).map_err(|_| {
        let rule = "must be an IANA name such as Europe/Amsterdam";
        Violation::other(format!("{path}[time_zone]"), rule, &sent)
    })?;
    let clock = given(account.remove("clock"))
        .map_or(Ok(Clock::Real), |clock| clock_of(&clock))
        .map_err(|rule| Violation {
            path: format!("{path}[clock]"),
            problem: Problem::Other(rule),
            sent: None,
        })?;
    let dialect = given(account.remove("dialect")).unwrap_or_default();
    Dialect::read(&dialect).map_err(|DialectError(mut broken)| {
        let first = broken.swap_remove(0);
        Violation { path: format!("{path}[dialect][{}]", first.path), ..first }
    })?;
    dialect::of_account(&dialect).map_err(|broken| Violation {
        path: format!("{path}[dialect][{}]", broken.path),
        ..broken
    })?;
    Ok(Profile { time_zone, dialect, clock, strict: None })
}

/// The fields of a row that were given.
fn given(row: Option<Value>) -> Option<Map<String, Value>> {
    match row {
        Some(Value::Object(row)) => {
            Some(row.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        _ => None,
    }
}

fn clock_of(given: &Map<String, Value>) -> Result<Clock, String> {
    let clock: Clock = serde_json::from_value(Value::Object(given.clone()))
        .map_err(|error| format!("must be a clock ({error})"))?;
    // What the mode has no use for is not there when the clock is written again.
    if given
        .keys()
        .any(|name| serde_json::to_value(clock).is_ok_and(|again| again.get(name).is_none()))
    {
        return Err("must have no fields but those of its mode".to_owned());
    }
    if clock.is_sound() {
        Ok(clock)
    } else {
        Err("must show a time in the years 0 to 9998".to_owned())
    }
}

fn new_key(key: &Value, index: usize) -> NewKey {
    let names = key["permissions"].as_array().map_or(&[][..], Vec::as_slice);
    let name = key["name"].as_str().map_or_else(|| NewKey::usual_name(index + 1), str::to_owned);
    let permissions = Permissions::named(names.iter().filter_map(Value::as_str));
    NewKey::new(name, key["key"].as_str().unwrap_or_default(), permissions)
}

fn unique_names(keys: &[NewKey], path: &str) -> Result<(), Violation> {
    for (index, key) in keys.iter().enumerate() {
        if keys[..index].iter().any(|other| other.name == key.name) {
            let path = format!("{path}[keys][{index}][name]");
            return Err(Violation::other(
                path,
                "must be one that no other key of the account has",
                &key.name.as_str().into(),
            ));
        }
    }
    Ok(())
}
