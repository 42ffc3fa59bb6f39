//! Scalars without quotes where a text belongs: YAML and JSON read them as numbers, true or false, and lose how they are
//! written.

use serde_json::{Map, Value};

use super::yaml::is_plain_number;
use crate::contract::{Field, FieldType, Violation, ViolationKind, quote_value};

/// Returns whether the message is about a scalar without quotes, so that the source text improves it.
pub(super) fn concerns_unquoted_scalar(violation: &Violation) -> bool {
    matches!(violation.kind, ViolationKind::NotText | ViolationKind::NotScalar)
        || is_number(violation.rejected_value.as_deref())
}

fn is_number(rejected_value: Option<&str>) -> bool {
    rejected_value.is_some_and(|value| {
        value.starts_with(|letter: char| letter == '-' || letter.is_ascii_digit())
    })
}

/// Returns the violation with the scalar as it is written. `source_text` is None if the value is no scalar.
pub(super) fn quote_source(violation: &Violation, source_text: Option<String>) -> Violation {
    let mut violation = violation.clone();
    let Some(source_text) = source_text else { return violation };
    let rule = match violation.kind {
        ViolationKind::NotText => "must be text; put it in quotes",
        ViolationKind::NotScalar => "must be a text or a whole number; put a text in quotes",
        _ => {
            if is_number(violation.rejected_value.as_deref()) {
                let quoted = quote_value(&source_text.into());
                violation.rejected_value = Some(quoted.replace('"', ""));
            }
            return violation;
        }
    };
    violation.kind = ViolationKind::Custom(match violation.rejected_value.take() {
        Some(_) => format!("{rule}: {}", quote_value(&source_text.into())),
        // A secret is not repeated.
        None => rule.to_owned(),
    });
    violation
}

/// Finds the numbers in fields that hold a text or a whole number. Returns their paths and values.
pub(super) fn find_numbers_as_texts(
    fields: &[Field],
    object: &Map<String, Value>,
) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    visit_fields(fields, object, "", &mut found);
    found
}

fn visit_fields(
    fields: &[Field],
    object: &Map<String, Value>,
    path: &str,
    found: &mut Vec<(String, Value)>,
) {
    for field in fields {
        let Some(value) = object.get(field.name) else { continue };
        let path = match path {
            "" => field.name.to_owned(),
            path => format!("{path}[{}]", field.name),
        };
        let members: Vec<(String, &Value)> = match (&field.data_type, value) {
            (FieldType::Scalar, Value::Number(_)) => {
                found.push((path, value.clone()));
                continue;
            }
            (FieldType::Object { .. }, object) => vec![(path, object)],
            (FieldType::ObjectArray { .. }, Value::Array(items)) => {
                let items = items.iter().enumerate();
                items.map(|(index, item)| (format!("{path}[{index}]"), item)).collect()
            }
            (FieldType::Map { .. }, Value::Object(entries)) => {
                entries.iter().map(|(key, entry)| (format!("{path}[{key}]"), entry)).collect()
            }
            _ => continue,
        };
        for (path, member) in members {
            if let Value::Object(member) = member {
                visit_fields(field.data_type.fields(), member, &path, found);
            }
        }
    }
}

/// Returns the violation of a number that is written in another form than its value has as text.
pub(super) fn check_number_as_text(
    path: String,
    number: &Value,
    source_text: Option<String>,
) -> Option<Violation> {
    let source_text = source_text.filter(|text| !is_plain_number(number, text))?;
    let kind = ViolationKind::NotScalar;
    let violation = Violation { path, kind, rejected_value: Some(number.to_string()) };
    Some(quote_source(&violation, Some(source_text)))
}
