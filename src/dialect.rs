//! The eight choices that a client can trip over, as settings. The table below is their only declaration.

use std::sync::LazyLock;

use jiff::SignedDuration;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::rules::{Checked, Field, Kind, Literal, Violation, check, optional};

static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[A-Za-z_][A-Za-z0-9_]{0,63}$").expect("a regex"));
static DURATION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[1-9][0-9]{0,5}[smhd]$").expect("a regex"));

/// Every setting, with its default and its meaning.
pub(crate) static SETTINGS: &[Field] = &[
    optional("unknown_ticket_status", Kind::NumberIn(&[400, 404]))
        .or(Literal::Number(400))
        .chosen("400 \"This form does not exist.\" on another controller")
        .about("Status of the answer when a ticket does not exist."),
    optional("no_key_status", Kind::NumberIn(&[400, 401, 403]))
        .or(Literal::Number(401))
        .chosen("no evidence")
        .about("Status of the answer to a request without a key, or with an unknown one. An unknown key has no account, so this one is read from the configuration file, not from a seed."),
    optional("no_permission_status", Kind::NumberIn(&[400, 401, 403]))
        .or(Literal::Number(403))
        .chosen("no evidence")
        .about("Status of the answer when the key lacks the permission."),
    optional("created_id_field", Kind::matching(&NAME))
        .or(Literal::Text("ticketID"))
        .chosen("the result of sending a chat message carries ticketID")
        .about("Name of the id in the answer to POST index."),
    optional("list_type", Kind::matching(&NAME))
        .or(Literal::Text("items"))
        .chosen("one ticket has the type item")
        .about("The type of a list."),
    optional("archive_after", Kind::matching(&DURATION))
        .or(Literal::Text("30d"))
        .chosen("no evidence")
        .about("How long a ticket stays in lists once it is closed: a number and s, m, h or d."),
    optional("unknown_ids", Kind::OneOf { names: &["refuse", "skip"], written: "" })
        .or(Literal::Text("refuse"))
        .chosen("no evidence")
        .about("What happens when some of several tickets do not exist: nothing at all, or the change of the others."),
    optional("unknown_customer", Kind::OneOf { names: &["create", "refuse"], written: "" })
        .or(Literal::Text("create"))
        .chosen("no evidence")
        .about("What happens when externalPrimaryID names no customer: one is made and linked, or the request is refused."),
];

/// Refuses what an account cannot choose by itself.
///
/// # Errors
/// When `no_key_status` is among the settings: without a known key there is no account to read it from.
pub(crate) fn of_account(sent: &Map<String, Value>) -> Result<(), Violation> {
    const SERVERS: &str = "no_key_status";
    let rule = "must stand in the configuration file: without a known key there is no account";
    sent.get(SERVERS).map_or(Ok(()), |value| Err(Violation::other(SERVERS, rule, value)))
}

/// What an operation on several tickets does about ids that name none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UnknownIds {
    Refuse,
    Skip,
}

/// What linking a ticket to an unknown customer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UnknownCustomer {
    Create,
    Refuse,
}

/// Settings that are none, or have values that they do not allow.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(|violation| format!("[dialect] {violation}")).collect::<Vec<_>>().join("\n"))]
pub(crate) struct DialectError(pub(crate) Vec<Violation>);

/// The settings of one account.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Dialect {
    pub(crate) unknown_ticket_status: u16,
    pub(crate) no_key_status: u16,
    pub(crate) no_permission_status: u16,
    pub(crate) created_id_field: String,
    pub(crate) list_type: String,
    #[serde(deserialize_with = "duration")]
    pub(crate) archive_after: SignedDuration,
    pub(crate) unknown_ids: UnknownIds,
    pub(crate) unknown_customer: UnknownCustomer,
    /// All of them by name, as they were read.
    #[serde(skip)]
    values: Map<String, Value>,
}

impl Dialect {
    /// Reads the settings; what is left out has its default.
    ///
    /// # Errors
    /// Every unknown name and every value that its setting does not allow.
    pub(crate) fn read(sent: &Map<String, Value>) -> Result<Self, DialectError> {
        let Checked { values, unknown, mut broken, .. } = check(SETTINGS, sent);
        broken.extend(unknown);
        broken.extend(taken(&values));
        if !broken.is_empty() {
            return Err(DialectError(broken));
        }
        let read: Result<Self, _> = serde_json::from_value(Value::Object(values.clone()));
        read.map(|dialect| Self { values, ..dialect })
            .map_err(|error| Violation::other("dialect", error.to_string(), &Value::Null))
            .map_err(|violation| DialectError(vec![violation]))
    }

    /// All settings by name.
    pub(crate) const fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// The value of a setting, as the configuration writes it.
    pub(crate) fn shown(&self, name: &str) -> String {
        self.values.get(name).map_or_else(String::new, Value::to_string)
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self::read(&Map::new()).expect("the defaults obey their own rules")
    }
}

/// The id cannot stand under a name that the answer uses already.
fn taken(values: &Map<String, Value>) -> Option<Violation> {
    let name = values.get("created_id_field")?;
    let taken = name == "type" || name == "message";
    taken.then(|| {
        Violation::other(
            "created_id_field",
            "must not be type or message, which the answer has already",
            name,
        )
    })
}

fn duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(from)?;
    let (number, unit) = text.split_at(text.len() - 1);
    let number: i64 = number.parse().map_err(serde::de::Error::custom)?;
    Ok(SignedDuration::from_secs(number * seconds(unit)))
}

fn seconds(unit: &str) -> i64 {
    match unit {
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => 1,
    }
}
