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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(settings: &Value) -> Result<Dialect, String> {
        let settings = settings.as_object().expect("settings are an object");
        Dialect::parse(settings).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_fill_missing_settings() {
        let defaults = Dialect::default();
        assert_eq!(defaults.unknown_ticket_status, 400);
        assert_eq!(defaults.no_key_status, 401);
        assert_eq!(defaults.no_permission_status, 403);
        assert_eq!(defaults.created_id_field, "ticketID");
        assert_eq!(defaults.list_type, "items");
        assert_eq!(defaults.archive_after, SignedDuration::from_hours(30 * 24));
        assert_eq!(defaults.unknown_ids, UnknownIds::Reject);
        assert_eq!(defaults.unknown_customer, UnknownCustomer::Create);
        assert_eq!(defaults.values().len(), DIALECT_FIELDS.len());
        let changed = parse(&json!({ "list_type": "list" })).expect("a valid dialect");
        assert_eq!(changed.list_type, "list");
        assert_eq!(
            Dialect { list_type: "items".into(), values: defaults.values.clone(), ..changed },
            defaults
        );
    }

    #[test]
    fn settings_override_the_defaults() {
        let dialect = parse(&json!({
            "unknown_ticket_status": 404, "no_key_status": 403, "no_permission_status": 401,
            "created_id_field": "id", "list_type": "tickets", "archive_after": "1h",
            "unknown_ids": "skip", "unknown_customer": "reject",
        }))
        .expect("a valid dialect");
        assert_eq!(dialect.unknown_ticket_status, 404);
        assert_eq!(dialect.no_key_status, 403);
        assert_eq!(dialect.no_permission_status, 401);
        assert_eq!(dialect.created_id_field, "id");
        assert_eq!(dialect.list_type, "tickets");
        assert_eq!(dialect.archive_after, SignedDuration::from_hours(1));
        assert_eq!(dialect.unknown_ids, UnknownIds::Skip);
        assert_eq!(dialect.unknown_customer, UnknownCustomer::Reject);
        assert_eq!(dialect.format_value("list_type"), "\"tickets\"");
        assert_eq!(dialect.format_value("no_key_status"), "403");
        assert_eq!(dialect.format_value("nothing"), "");
    }

    #[test]
    fn duration_has_a_number_and_a_unit() {
        let cases = [
            ("1s", 1),
            ("90m", 90 * 60),
            ("2h", 2 * 60 * 60),
            ("30d", 30 * 24 * 60 * 60),
            ("999999d", 999_999 * 24 * 60 * 60),
        ];
        for (text, seconds) in cases {
            let dialect = parse(&json!({ "archive_after": text })).expect("a valid dialect");
            assert_eq!(dialect.archive_after.as_secs(), seconds, "{text}");
        }
        for text in ["0s", "01s", "1", "s", "1w", "-1s", "1.5h", "1000000d", "1h30m", " 1s"] {
            assert_eq!(
                parse(&json!({ "archive_after": text })),
                Err(format!(
                    "[dialect] archive_after must match ^[1-9][0-9]{{0,5}}[smhd]$; \"{text}\" was sent."
                ))
            );
        }
    }

    #[test]
    fn invalid_settings_are_listed_line_by_line() {
        let cases = [
            (
                json!({ "unknown_ids": "ignore", "unknown_id": 1 }),
                "[dialect] unknown_ids must be reject or skip; \"ignore\" was sent.\n\
                 [dialect] unknown_id is an unknown field; did you mean unknown_ids?",
            ),
            (
                json!({ "unknown_ticket_status": 401 }),
                "[dialect] unknown_ticket_status must be 400 or 404; 401 was sent.",
            ),
            (
                json!({ "created_id_field": "type" }),
                "[dialect] created_id_field must not be type or message, because the response already has these fields; \"type\" was sent.",
            ),
            (
                json!({ "created_id_field": "message" }),
                "[dialect] created_id_field must not be type or message, because the response already has these fields; \"message\" was sent.",
            ),
            (
                json!({ "created_id_field": "1d" }),
                "[dialect] created_id_field must match ^[A-Za-z_][A-Za-z0-9_]{0,63}$; \"1d\" was sent.",
            ),
        ];
        for (settings, expected) in cases {
            assert_eq!(parse(&settings), Err(expected.to_owned()));
        }
    }

    #[test]
    fn account_cannot_set_the_status_of_requests_without_an_account() {
        let check = |settings: Value| {
            let settings = settings.as_object().expect("settings are an object");
            reject_server_only(settings).map_err(|violation| violation.to_string())
        };
        assert_eq!(check(json!({ "no_permission_status": 401 })), Ok(()));
        assert_eq!(
            check(json!({ "no_key_status": 401 })),
            Err("no_key_status must be set in the configuration file: a request without a known key has no account; 401 was sent.".to_owned())
        );
    }
}
