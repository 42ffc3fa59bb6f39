//! Seeds: the fixtures that accounts start from. A seed is validated as a whole before any of it is applied.

mod depth;
mod fields;
mod import;
mod json;
mod lines;
mod parse_budget;
pub(crate) mod section;
mod sections;
mod source;
#[cfg(test)]
mod tests;
mod unquoted;
mod yaml;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::accounts::{
    AccountError, AccountSettings, Accounts, NamedSeed, NewApiKey, PermissionSet, SELF_ALIAS,
    SavedState, SecretHash,
};
use crate::clock::{self, Clock};
use crate::contract::dialect::{self, Dialect, DialectError};
use crate::contract::{
    PERMISSION_NAMES, Violation, ViolationKind, ViolationList, escape_control, validate,
};
use crate::text_encoding::into_utf8;
use fields::SEED_FIELDS;
use parse_budget::ParseLimits;
use source::{ParsedSource, SourceText};

pub(crate) use import::{Format, Import, ImportError, RowCounts};
pub(crate) use sections::{count_rows, export_data};

/// The violation of a seed that is not a mapping.
const MISSING_ROOT_MESSAGE: &str = "must be a field at the top level of the seed";

/// The noun of messages that reject a seed.
const ERRORS: &str = "errors";

/// The seed of a server without a configured seed.
const DEFAULT_SEED: &str = include_str!("default.yaml");

/// All errors of a rejected seed, each with its file and line.
#[derive(Debug, thiserror::Error)]
#[error("{}", errors.iter().map(|error| escape_control(error)).collect::<Vec<_>>().join("\n"))]
pub(crate) struct SeedError {
    errors: Vec<String>,
}

/// Validated account fixtures.
#[derive(Debug)]
pub(crate) struct Seed {
    accounts: Vec<AccountFixture>,
}

/// One account of a seed.
#[derive(Debug)]
struct AccountFixture {
    name: String,
    settings: AccountSettings,
    keys: Vec<NewApiKey>,
    data: Map<String, Value>,
}

/// The account names and key hashes so far, which must be unique.
#[derive(Default)]
struct DuplicateTracker {
    accounts: HashSet<String>,
    keys: HashSet<SecretHash>,
}

impl DuplicateTracker {
    fn find_duplicates(&mut self, fixture: &AccountFixture) -> Vec<Violation> {
        let path = format!("accounts[{}]", fixture.name);
        let violation = |path, kind| Violation { path, kind, rejected_value: None };
        let mut duplicates = Vec::new();
        if !self.accounts.insert(fixture.name.clone()) {
            duplicates.push(violation(path.clone(), ViolationKind::Duplicate));
        }
        for (index, key) in fixture.keys.iter().enumerate() {
            if !self.keys.insert(key.hash) {
                duplicates.push(violation(
                    format!("{path}[keys][{index}][key]"),
                    ViolationKind::Duplicate,
                ));
            }
        }
        duplicates
    }
}

impl Seed {
    /// Returns the built-in seed.
    pub(crate) fn built_in() -> Self {
        Self::from_texts(&[SourceText::new(PathBuf::from("default.yaml"), DEFAULT_SEED.to_owned())])
            .expect("the built-in seed is valid")
    }

    /// Returns a seed without accounts.
    pub(crate) const fn empty() -> Self {
        Self { accounts: Vec::new() }
    }

    /// Reads files, and texts of YAML or JSON, and validates them together.
    ///
    /// # Errors
    /// The first file that cannot be read or parsed, or every violation.
    pub(crate) fn load(paths: &[PathBuf], texts: &[String]) -> Result<Self, SeedError> {
        let files: Result<Vec<SourceText>, SeedError> =
            paths.iter().map(|path| read_file(path)).collect();
        let texts = texts.iter().map(|text| SourceText::new(PathBuf::from("seed"), text.clone()));
        Self::from_texts(&files?.into_iter().chain(texts).collect::<Vec<_>>())
    }

    /// Reads and validates files. Also returns warnings: references to rows that an account does not have.
    ///
    /// # Errors
    /// As [`Seed::load`].
    #[cfg(feature = "cli")]
    pub(crate) fn check(paths: &[PathBuf]) -> Result<(Self, Vec<String>), SeedError> {
        let texts = paths.iter().map(|path| read_file(path)).collect::<Result<Vec<_>, _>>()?;
        let seed = Self::from_texts(&texts)?;
        Ok((seed, texts.iter().flat_map(find_missing_references).collect()))
    }

    fn from_texts(texts: &[SourceText]) -> Result<Self, SeedError> {
        let (mut accounts, mut errors) = (Vec::new(), Vec::new());
        let mut duplicates = DuplicateTracker::default();
        for text in texts {
            let (fixtures, mut violations) = parse_fixtures(text)?;
            let duplicates =
                fixtures.iter().flat_map(|fixture| duplicates.find_duplicates(fixture));
            violations.violations.extend(duplicates);
            errors.extend(text.format_violations(&violations, ERRORS));
            accounts.extend(fixtures);
        }
        if errors.is_empty() { Ok(Self { accounts }) } else { Err(SeedError { errors }) }
    }

    /// Returns a text that lists the accounts with their key and ticket counts.
    #[cfg(any(feature = "cli", fuzzing))]
    pub(crate) fn summary(&self) -> String {
        let ticket_count = |fixture: &AccountFixture| {
            fixture.data.get("tickets").and_then(Value::as_array).map_or(0, Vec::len)
        };
        let describe = |fixture: &AccountFixture| {
            format!(
                "{} (keys: {}, tickets: {})",
                fixture.name,
                fixture.keys.len(),
                ticket_count(fixture)
            )
        };
        let accounts: Vec<String> = self.accounts.iter().map(describe).collect();
        format!("accounts: {}", accounts.join(", "))
    }

    /// Returns the name of the account that has a key.
    pub(crate) fn account_with_key(&self, secret: &str) -> Option<&str> {
        let hash = SecretHash::from_secret(secret);
        let has_key = |account: &&AccountFixture| account.keys.iter().any(|key| key.hash == hash);
        self.accounts.iter().find(has_key).map(|account| account.name.as_str())
    }

    /// Returns the name of the only account; None if there are none or several.
    pub(crate) fn only_account_name(&self) -> Option<&str> {
        match &self.accounts[..] {
            [account] => Some(&account.name),
            _ => None,
        }
    }

    /// Builds an image of each fixture, and creates the accounts that do not exist yet. Leaves existing accounts
    /// unchanged, and lists them in the result. Later accounts can start from these images, by default from the first.
    ///
    /// # Errors
    /// If an account cannot be created; the accounts before it exist then.
    pub(crate) async fn apply(self, accounts: &Accounts) -> Result<AppliedSeed, AccountError> {
        let mut applied = AppliedSeed::default();
        for fixture in self.accounts {
            let (name, keys) = (fixture.name.clone(), fixture.keys.clone());
            let saved_state = fixture.build_image(accounts).await?;
            if accounts.find(&name).is_some() {
                applied.existing_accounts.push(name.clone());
            } else {
                accounts.create_from_seed(&name, keys, &saved_state).await?;
            }
            applied.saved_states.push(NamedSeed { name, state: saved_state });
        }
        Ok(applied)
    }
}

/// The result of [`Seed::apply`].
#[derive(Debug, Default)]
pub(crate) struct AppliedSeed {
    /// The accounts that existed before.
    pub(crate) existing_accounts: Vec<String>,
    /// The initial state of every account.
    pub(crate) saved_states: Vec<NamedSeed>,
}

impl AccountFixture {
    async fn build_image(self, accounts: &Accounts) -> Result<SavedState, AccountError> {
        let content_hash = self.content_hash();
        let Self { name, settings, data, .. } = self;
        let (now, zone) = (settings.now_text(), settings.zone());
        let image = accounts.build_seed_image(&name, content_hash, settings, move |connection| {
            Box::pin(async move { sections::insert_data(connection, data, &now, &zone).await })
        });
        image.await
    }

    /// Hashes the settings and the data, to recognize an unchanged fixture.
    fn content_hash(&self) -> [u8; 32] {
        let settings = serde_json::to_string(&self.settings).unwrap_or_default();
        let data = serde_json::to_string(&self.data).unwrap_or_default();
        *SecretHash::from_secret(&format!("{settings}\n{data}")).as_bytes()
    }
}

fn read_file(path: &Path) -> Result<SourceText, SeedError> {
    let bytes = std::fs::read(path).map_err(|error| SeedError {
        errors: vec![format!("cannot read the seed {}: {error}", path.display())],
    })?;
    let text = into_utf8(bytes).map_err(|error| SeedError {
        errors: vec![format!("the seed {} {error}", path.display())],
    })?;
    Ok(SourceText::new(path.to_owned(), text))
}

/// Parses the accounts of a text, and collects its violations.
fn parse_fixtures(text: &SourceText) -> Result<(Vec<AccountFixture>, ViolationList), SeedError> {
    let ParsedSource { value, has_special_numbers } =
        text.parse(ParseLimits::SEED).map_err(|error| SeedError { errors: vec![error] })?;
    let Value::Object(mut seed) = value else {
        let violation = Violation::custom("accounts", MISSING_ROOT_MESSAGE, &value);
        return Ok((Vec::new(), vec![violation].into()));
    };
    expand_permissions(&mut seed);
    let mut report = validate(SEED_FIELDS, &seed);
    let mut errors = report.take_errors();
    text.check_numbers_as_texts(has_special_numbers, SEED_FIELDS, &seed, &mut errors);
    mention_all_permissions(&mut errors);
    let mut fixtures = Vec::new();
    if let (true, Some(Value::Object(accounts))) =
        (errors.is_empty(), report.values.get_mut("accounts").map(Value::take))
    {
        for (name, account) in accounts {
            let Value::Object(account) = account else { continue };
            let path = format!("accounts[{name}]");
            errors.append(sections::validate_data(&account, &path));
            match build_fixture(name, account, &path) {
                Ok(fixture) => fixtures.push(fixture),
                Err(violation) => errors.violations.push(violation),
            }
        }
    }
    Ok((fixtures, errors))
}

/// Finds references of a valid seed to rows that their account does not have. Returns a message for each.
#[cfg(any(feature = "cli", test))]
fn find_missing_references(text: &SourceText) -> Vec<String> {
    let Ok(ParsedSource { value, .. }) = text.parse(ParseLimits::SEED) else { return Vec::new() };
    let mut missing = ViolationList::default();
    for (name, account) in value["accounts"].as_object().into_iter().flatten() {
        if let Value::Object(account) = account {
            let path = format!("accounts[{name}]");
            missing.append(sections::find_missing_references(account, &path));
        }
    }
    text.format_violations(&missing, "references to missing rows")
}

/// Replaces `permissions: all` by every permission name.
fn expand_permissions(seed: &mut Map<String, Value>) {
    let accounts = seed.get_mut("accounts").and_then(Value::as_object_mut);
    let accounts = accounts.into_iter().flat_map(|accounts| accounts.values_mut());
    let keys = accounts.filter_map(|account| account.get_mut("keys")?.as_array_mut()).flatten();
    for key in keys {
        if key.get("permissions").is_some_and(|permissions| permissions == "all") {
            key["permissions"] = PERMISSION_NAMES.into();
        }
    }
}

/// Adds the word `all`, which the table of fields does not have, to the rules of permissions.
fn mention_all_permissions(errors: &mut ViolationList) {
    for violation in &mut errors.violations {
        let rejected = violation.rejected_value.as_deref().unwrap_or_default().to_lowercase();
        let rule = if violation.path.ends_with("[permissions]") && !rejected.is_empty() {
            format!("must be all, or a list of {}", PERMISSION_NAMES.join(", "))
        } else if violation.path.contains("[permissions][")
            && ["\"all\"", "\"*\""].contains(&&*rejected)
        {
            "must be the name of a permission; for every permission write permissions: all, without a list".to_owned()
        } else {
            continue;
        };
        violation.kind = ViolationKind::Custom(rule);
    }
}

fn build_fixture(
    name: String,
    mut account: Map<String, Value>,
    path: &str,
) -> Result<AccountFixture, Violation> {
    if name == SELF_ALIAS {
        let rule = "must have another name: self means the account of the request's API key";
        return Err(Violation::custom(path, rule, &Value::Null));
    }
    let settings = take_settings(&mut account, path)?;
    let keys: Vec<NewApiKey> = match account.remove("keys") {
        Some(Value::Array(keys)) => {
            keys.iter().enumerate().map(|(index, key)| parse_key(key, index)).collect()
        }
        _ => Vec::new(),
    };
    check_unique_key_names(&keys, path)?;
    Ok(AccountFixture { name, settings, keys, data: account })
}

/// Removes and validates the settings of an account.
fn take_settings(
    account: &mut Map<String, Value>,
    path: &str,
) -> Result<AccountSettings, Violation> {
    let sent = account.remove("time_zone").unwrap_or_default();
    let time_zone = sent.as_str().unwrap_or_default().to_owned();
    // The library's own message would repeat the value without escaping control characters.
    clock::find_zone(&time_zone).map_err(|_| {
        let rule = "must be an IANA time zone name such as Europe/Amsterdam";
        Violation::custom(format!("{path}[time_zone]"), rule, &sent)
    })?;
    let clock = non_null_fields(account.remove("clock"))
        .map_or(Ok(Clock::Real), |clock| parse_clock(&clock))
        .map_err(|rule| Violation {
            path: format!("{path}[clock]"),
            kind: ViolationKind::Custom(rule),
            rejected_value: None,
        })?;
    let dialect = non_null_fields(account.remove("dialect")).unwrap_or_default();
    Dialect::parse(&dialect).map_err(|DialectError(mut violations)| {
        let first = violations.swap_remove(0);
        Violation { path: format!("{path}[dialect][{}]", first.path), ..first }
    })?;
    dialect::reject_server_only(&dialect).map_err(|violation| Violation {
        path: format!("{path}[dialect][{}]", violation.path),
        ..violation
    })?;
    Ok(AccountSettings { time_zone, dialect, clock, strict: None })
}

/// Returns the fields of an object that are not null.
fn non_null_fields(object: Option<Value>) -> Option<Map<String, Value>> {
    match object {
        Some(Value::Object(fields)) => {
            Some(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        _ => None,
    }
}

fn parse_clock(fields: &Map<String, Value>) -> Result<Clock, String> {
    let clock: Clock = serde_json::from_value(Value::Object(fields.clone()))
        .map_err(|error| format!("must be a valid clock ({error})"))?;
    // Fields that the mode does not use are missing when the clock is serialized again.
    if fields
        .keys()
        .any(|name| serde_json::to_value(clock).is_ok_and(|clock| clock.get(name).is_none()))
    {
        return Err("must have only the fields of its mode".to_owned());
    }
    if clock.is_representable() {
        Ok(clock)
    } else {
        Err("must have a time in the years 0 to 9998".to_owned())
    }
}

fn parse_key(key: &Value, index: usize) -> NewApiKey {
    let names = key["permissions"].as_array().map_or(&[][..], Vec::as_slice);
    let name =
        key["name"].as_str().map_or_else(|| NewApiKey::default_name(index + 1), str::to_owned);
    let permissions = PermissionSet::from_names(names.iter().filter_map(Value::as_str));
    NewApiKey::new(name, key["key"].as_str().unwrap_or_default(), permissions)
}

fn check_unique_key_names(keys: &[NewApiKey], path: &str) -> Result<(), Violation> {
    for (index, key) in keys.iter().enumerate() {
        if keys[..index].iter().any(|other| other.name == key.name) {
            let path = format!("{path}[keys][{index}][name]");
            return Err(Violation::custom(
                path,
                "must be unique among the keys of the account",
                &key.name.as_str().into(),
            ));
        }
    }
    Ok(())
}
