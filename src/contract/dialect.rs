//! Compatibility options: eight undocumented behaviours that a client can depend on, all declared in one table.

use std::sync::LazyLock;

use jiff::SignedDuration;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::contract::{Field, FieldType, Literal, ValidationReport, Violation, optional, validate};

static NAME_PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("^[A-Za-z_][A-Za-z0-9_]{0,63}$").expect("the pattern is a valid regex")
});
static DURATION_PATTERN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[1-9][0-9]{0,5}[smhd]$").expect("the pattern is a valid regex"));

/// Every setting, with its default and its meaning.
pub(crate) static DIALECT_FIELDS: &[Field] = &[
    optional("unknown_ticket_status", FieldType::IntegerEnum(&[400, 404]))
        .default_value(Literal::Number(400))
        .assumption("400 \"This form does not exist.\" on another controller")
        .description("Status of the response if a ticket does not exist."),
    optional("no_key_status", FieldType::IntegerEnum(&[400, 401, 403]))
        .default_value(Literal::Number(401))
        .assumption("no evidence")
        .description("Status of the response if the API key is missing or unknown. An unknown key has no account, so this setting belongs in the configuration file, not in a seed."),
    optional("no_permission_status", FieldType::IntegerEnum(&[400, 401, 403]))
        .default_value(Literal::Number(403))
        .assumption("no evidence")
        .description("Status of the response if the key lacks the permission."),
    optional("created_id_field", FieldType::text_matching(&NAME_PATTERN))
        .default_value(Literal::Text("ticketID"))
        .assumption("the result of sending a chat message carries ticketID")
        .description("Name of the id field in the response to POST index."),
    optional("list_type", FieldType::text_matching(&NAME_PATTERN))
        .default_value(Literal::Text("items"))
        .assumption("one ticket has the type item")
        .description("Value of the field type in a list response."),
    optional("archive_after", FieldType::text_matching(&DURATION_PATTERN))
        .default_value(Literal::Text("30d"))
        .assumption("no evidence")
        .description("How long a closed ticket stays in lists: a number followed by s, m, h or d."),
    optional("unknown_ids", FieldType::TextEnum { values: &["reject", "skip"], documented_as: "" })
        .default_value(Literal::Text("reject"))
        .assumption("no evidence")
        .description("If some of several tickets do not exist: reject changes nothing, skip changes the others."),
    optional("unknown_customer", FieldType::TextEnum { values: &["create", "reject"], documented_as: "" })
        .default_value(Literal::Text("create"))
        .assumption("no evidence")
        .description("If no customer has the externalPrimaryID: create creates and links one, reject returns an error."),
];

/// Rejects server-wide settings in an account.
///
/// # Errors
/// If `no_key_status` is among the settings: a request without a known key has no account to read it from.
pub(crate) fn reject_server_only(settings: &Map<String, Value>) -> Result<(), Violation> {
    const SERVER_ONLY: &str = "no_key_status";
    let rule =
        "must be set in the configuration file: a request without a known key has no account";
    settings
        .get(SERVER_ONLY)
        .map_or(Ok(()), |value| Err(Violation::custom(SERVER_ONLY, rule, value)))
}

/// How a bulk operation handles ids of missing tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UnknownIds {
    Reject,
    Skip,
}

/// How linking a ticket to an unknown customer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UnknownCustomer {
    Create,
    Reject,
}

/// Unknown settings, or settings with invalid values.
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
    #[serde(deserialize_with = "deserialize_duration")]
    pub(crate) archive_after: SignedDuration,
    pub(crate) unknown_ids: UnknownIds,
    pub(crate) unknown_customer: UnknownCustomer,
    /// All settings by name, with defaults filled in.
    #[serde(skip)]
    values: Map<String, Value>,
}

impl Dialect {
    /// Validates the settings and fills in defaults.
    ///
    /// # Errors
    /// Every unknown name and every invalid value.
    pub(crate) fn parse(settings: &Map<String, Value>) -> Result<Self, DialectError> {
        let ValidationReport { values, unknown_fields, mut violations, .. } =
            validate(DIALECT_FIELDS, settings);
        violations.extend(unknown_fields);
        violations.extend(check_created_id_field(&values));
        if !violations.is_empty() {
            return Err(DialectError(violations));
        }
        let parsed: Result<Self, _> = serde_json::from_value(Value::Object(values.clone()));
        parsed
            .map(|dialect| Self { values, ..dialect })
            .map_err(|error| Violation::custom("dialect", error.to_string(), &Value::Null))
            .map_err(|violation| DialectError(vec![violation]))
    }

    /// Returns all settings by name.
    pub(crate) const fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Formats the value of a setting as the configuration file writes it.
    pub(crate) fn format_value(&self, name: &str) -> String {
        self.values.get(name).map_or_else(String::new, Value::to_string)
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self::parse(&Map::new()).expect("the defaults are valid")
    }
}

/// Rejects names that the response already uses for other fields.
fn check_created_id_field(values: &Map<String, Value>) -> Option<Violation> {
    let name = values.get("created_id_field")?;
    let is_reserved = name == "type" || name == "message";
    is_reserved.then(|| {
        Violation::custom(
            "created_id_field",
            "must not be type or message, because the response already has these fields",
            name,
        )
    })
}

fn deserialize_duration<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (number, unit) = text.split_at(text.len() - 1);
    let number: i64 = number.parse().map_err(serde::de::Error::custom)?;
    Ok(SignedDuration::from_secs(number * seconds_per_unit(unit)))
}

fn seconds_per_unit(unit: &str) -> i64 {
    match unit {
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => 1,
    }
}
