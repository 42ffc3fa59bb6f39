//! Validates decoded input by the contract, and warns of undocumented input.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::decode::{RepeatedField, RepeatedFields};
use super::error::ApiError;
use super::input::{RawInput, field_of};
use super::redactor::Redactor;
use crate::accounts::EffectiveSettings;
use crate::contract::{
    self, Fidelity, InputSource, MediaType, Operation, ValidationReport, Violation, ViolationKind,
};
use crate::journal::{InputFields, RecordedInput, Warning, WarningKind};

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
    let RawInput { mut fields, repeated, media_type, has_ignored_body, error, .. } = input;
    let mut warnings = Vec::new();
    let is_contract_name = |name: &str| operation.has_field(name);
    let repeated = redact_repeated(repeated, redactor, &is_contract_name);
    let values = match error {
        Some(error) => Err(error),
        None => validate_fields(operation, &fields, &repeated, redactor, &mut warnings),
    };
    for fields in [&mut fields.path, &mut fields.query, &mut fields.body] {
        redactor.redact_fields(fields, &is_contract_name);
    }
    warnings.extend(repeated.iter().map(repeated_field_warning));
    if operation.input_source == InputSource::Body {
        let ignored_names = fields.query.keys().take(MAX_IGNORED_QUERY_WARNINGS);
        warnings.extend(ignored_names.map(|name| ignored_query_warning(name)));
    }
    if has_ignored_body {
        let text = format!("{} reads only the query; the body was ignored.", operation.name);
        warnings.push(Warning::new(WarningKind::UnknownField, text));
    }
    warnings.extend(media_type.and_then(|sent| media_type_warning(operation, sent)));
    if let Fidelity::Undocumented(reason) = operation.fidelity {
        let text = format!("{}: {reason}", operation.name);
        warnings.push(Warning::new(WarningKind::NoDocumentedWay, text));
    }
    let undecoded_body = if input.is_body_undecoded { &*input.body } else { &[] };
    let recorded_input = RecordedInput::new(fields, warnings)
        .with_undecoded_body(redactor.redact_body_start(undecoded_body))
        .with_raw_body(&input.body);
    ValidatedInput { recorded_input: Arc::new(recorded_input), values }
}

/// Returns the fields that the operation reads; the body overrides the query.
fn fields_to_validate<'a>(
    operation: &Operation,
    InputFields { query, body, .. }: &'a InputFields,
) -> Cow<'a, Map<String, Value>> {
    match operation.input_source {
        InputSource::Body => Cow::Borrowed(body),
        InputSource::Query => Cow::Borrowed(query),
        InputSource::BodyOrQuery if query.is_empty() => Cow::Borrowed(body),
        InputSource::BodyOrQuery if body.is_empty() => Cow::Borrowed(query),
        InputSource::BodyOrQuery => {
            let mut fields = query.clone();
            fields.extend(body.clone());
            Cow::Owned(fields)
        }
    }
}

fn validate_fields(
    operation: &Operation,
    sent: &InputFields,
    repeated: &[RepeatedField],
    redactor: &Redactor<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Map<String, Value>, ApiError> {
    let ValidationReport { mut values, mut violations, .. } =
        contract::validate((operation.path_fields)(), &sent.path);
    let ValidationReport {
        values: field_values,
        violations: field_violations,
        mut unknown_fields,
        mut undocumented,
        mut without_alternative,
        ..
    } = contract::validate_request((operation.fields)(), &fields_to_validate(operation, sent));
    violations.extend(field_violations);
    violations.extend(validate_overridden(operation, sent));
    let others = [&mut unknown_fields, &mut undocumented, &mut without_alternative];
    for violation in violations.iter_mut().chain(others.into_iter().flatten()) {
        redactor.redact_violation(violation, &|name| operation.has_field(name));
    }
    warnings.extend(unknown_fields.iter().map(unknown_field_warning));
    let undocumented = undocumented.into_iter().map(|value| (WarningKind::Undocumented, value));
    let without_alternative =
        without_alternative.into_iter().map(|value| (WarningKind::NoDocumentedWay, value));
    let undocumented = undocumented.chain(without_alternative);
    warnings.extend(undocumented.map(|(kind, value)| undocumented_value_warning(kind, value)));
    if !violations.is_empty() {
        quote_repeated_values(&mut violations, repeated);
        // A misspelled field name is the most likely cause.
        violations.extend(unknown_fields.into_iter().filter(Violation::has_suggestion));
        return Err(ApiError::Invalid(violations));
    }
    values.extend(field_values);
    Ok(values)
}

/// Validates the query fields that the body overrides, so that a wrong value does not go unnoticed.
fn validate_overridden(
    operation: &Operation,
    InputFields { query, body, .. }: &InputFields,
) -> Vec<Violation> {
    if operation.input_source != InputSource::BodyOrQuery || query.is_empty() || body.is_empty() {
        return Vec::new();
    }
    let is_overridden = |name: &str| query.contains_key(name) && body.contains_key(name);
    let ValidationReport { mut violations, .. } =
        contract::validate_request((operation.fields)(), query);
    violations.retain(|violation| is_overridden(field_of(&violation.path)));
    violations
}

fn redact_repeated(
    repeated: RepeatedFields,
    redactor: &Redactor<'_>,
    is_contract_name: &dyn Fn(&str) -> bool,
) -> Vec<RepeatedField> {
    let mut repeated: Vec<RepeatedField> = repeated.into_iter().collect();
    for field in &mut repeated {
        redactor.redact_repeated_field(field, is_contract_name);
    }
    repeated
}

/// Quotes all values of a field that was sent more than once.
fn quote_repeated_values(violations: &mut [Violation], repeated: &[RepeatedField]) {
    for violation in violations.iter_mut().filter(|violation| violation.rejected_value.is_some()) {
        let is_same = |field: &&RepeatedField| field.path == violation.path;
        if let Some(field) = repeated.iter().find(is_same) {
            violation.rejected_value = Some(field.quote_values());
        }
    }
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
    if rejected.is_empty() {
        return Ok(());
    }
    let mut allow = strict.allow.clone();
    for warning in &rejected {
        if !allow.contains(&warning.kind) {
            allow.push(warning.kind);
        }
    }
    Err(ApiError::StrictMode { warnings: rejected, allow })
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

fn repeated_field_warning(field: &RepeatedField) -> Warning {
    let RepeatedField { path, count, .. } = field;
    let times = if *count == 2 { "twice".to_owned() } else { format!("{count} times") };
    let rule = format!("was sent {times}, as {}; the last value counts", field.quote_values());
    let violation =
        Violation { path: path.clone(), kind: ViolationKind::Custom(rule), rejected_value: None };
    undocumented_value_warning(WarningKind::RepeatedField, violation)
}

fn undocumented_value_warning(kind: WarningKind, violation: Violation) -> Warning {
    let message = violation.to_string();
    Warning { kind, field: Some(violation.path), suggestion: None, message }
}
