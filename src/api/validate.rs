//! Validates decoded input by the contract, and warns of undocumented input.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::ApiError;
use super::input::RawInput;
use super::redactor::Redactor;
use crate::accounts::EffectiveSettings;
use crate::contract::{
    self, Fidelity, MediaType, Operation, ValidationReport, Violation, ViolationKind,
};
use crate::journal::{RecordedInput, Warning, WarningKind};

/// The most warnings of ignored query fields (arbitrary).
const MAX_IGNORED_QUERY_WARNINGS: usize = 20;

/// The validated input.
#[derive(Debug)]
pub(super) struct ValidatedInput {
    pub(super) recorded_input: Arc<RecordedInput>,
    /// The typed values, or the validation error.
    pub(super) values: Result<Map<String, Value>, ApiError>,
}

/// Validates the decoded input. The recorded copy and the errors are redacted.
pub(super) fn validate(
    operation: &Operation,
    input: RawInput,
    redactor: &Redactor<'_>,
) -> ValidatedInput {
    let RawInput { path, fields, mut ignored_query, media_type, error } = input;
    let mut warnings = Vec::new();
    let values = match error {
        Some(error) => Err(error),
        None => validate_fields(operation, &path, &fields, redactor, &mut warnings),
    };
    let is_contract_name = |name: &str| operation.has_field(name);
    redactor.redact_fields(&mut ignored_query, &is_contract_name);
    let ignored_names = ignored_query.keys().take(MAX_IGNORED_QUERY_WARNINGS);
    warnings.extend(ignored_names.map(|name| ignored_query_warning(name)));
    warnings.extend(media_type.and_then(|sent| media_type_warning(operation, sent)));
    if let Fidelity::Undocumented(reason) = operation.fidelity {
        let text = format!("{}: {reason}", operation.name);
        warnings.push(Warning::new(WarningKind::Undocumented, text));
    }
    let (mut fields, others) = if path.is_empty() { (fields, path) } else { (path, fields) };
    for (name, value) in others.into_iter().chain(ignored_query) {
        fields.entry(name).or_insert(value);
    }
    redactor.redact_fields(&mut fields, &is_contract_name);
    ValidatedInput { recorded_input: Arc::new(RecordedInput::new(fields, warnings)), values }
}

fn validate_fields(
    operation: &Operation,
    path: &Map<String, Value>,
    fields: &Map<String, Value>,
    redactor: &Redactor<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Map<String, Value>, ApiError> {
    let ValidationReport { mut values, mut violations, .. } =
        contract::validate((operation.path_fields)(), path);
    let ValidationReport {
        values: field_values,
        violations: field_violations,
        mut unknown_fields,
        mut undocumented,
        ..
    } = contract::validate((operation.fields)(), fields);
    violations.extend(field_violations);
    for violation in violations.iter_mut().chain(&mut unknown_fields).chain(&mut undocumented) {
        redactor.redact_violation(violation, &|name| operation.has_field(name));
    }
    warnings.extend(unknown_fields.iter().map(unknown_field_warning));
    warnings.extend(undocumented.into_iter().map(undocumented_value_warning));
    if !violations.is_empty() {
        // A misspelled field name is the most likely cause.
        violations.extend(unknown_fields.into_iter().filter(Violation::has_suggestion));
        return Err(ApiError::Invalid(violations));
    }
    values.extend(field_values);
    Ok(values)
}

/// Rejects a request with warnings that a strict account rejects.
pub(super) fn enforce_strict_mode(
    settings: &EffectiveSettings,
    context_warnings: &[Warning],
    recorded_input: &RecordedInput,
) -> Result<(), ApiError> {
    let Some(strict) = &settings.account_settings.strict else { return Ok(()) };
    let warnings = context_warnings.iter().chain(&recorded_input.warnings);
    let rejected: Vec<Warning> =
        warnings.filter(|warning| strict.rejects(warning)).cloned().collect();
    if rejected.is_empty() { Ok(()) } else { Err(ApiError::StrictMode(rejected)) }
}

fn media_type_warning(operation: &Operation, sent: MediaType) -> Option<Warning> {
    let documented = operation.documented_media_type.filter(|documented| *documented != sent)?;
    let text = format!(
        "{} is documented with a body of {}; {} was sent.",
        operation.name,
        documented.name(),
        sent.name()
    );
    Some(Warning::new(WarningKind::ContentType, text))
}

fn unknown_field_warning(violation: &Violation) -> Warning {
    let suggestion = match violation.kind {
        ViolationKind::UnknownField { suggestion } => suggestion,
        _ => None,
    };
    let name = violation.path.rsplit('[').next().unwrap_or_default().trim_end_matches(']');
    let is_wrong_case = suggestion.is_some_and(|known| known.eq_ignore_ascii_case(name));
    let kind = if is_wrong_case { WarningKind::WrongCase } else { WarningKind::UnknownField };
    Warning {
        kind,
        field: Some(violation.path.clone()),
        suggestion,
        message: violation.to_string(),
    }
}

fn ignored_query_warning(name: &str) -> Warning {
    let message = format!("{name} was sent in the query, but the operation reads only the body.");
    let field = Some(name.to_owned());
    Warning { kind: WarningKind::UnknownField, field, suggestion: None, message }
}

fn undocumented_value_warning(violation: Violation) -> Warning {
    let message = violation.to_string();
    Warning {
        kind: WarningKind::Undocumented,
        field: Some(violation.path),
        suggestion: None,
        message,
    }
}
