//! Validates a tree of values against a table of fields: fills in defaults and collects violations.

use std::collections::HashSet;

use jiff::civil::DateTime;
use serde_json::{Map, Value};

use super::{
    Field, FieldType, Literal, MAX_SAFE_INTEGER, MAX_VIOLATIONS, Presence, Violation,
    ViolationKind, ViolationList, quote_value, suggest,
};

/// The longest value of a condition, in characters.
const MAX_SCALAR_CHARS: usize = 1000;
/// The longest list of comma-separated ids, in characters.
const MAX_ID_LIST_CHARS: usize = 200_000;

/// The result of a validation.
#[derive(Debug, Default)]
pub(crate) struct ValidationReport {
    /// Every field of the table with a value, converted to its type.
    pub(crate) values: Map<String, Value>,
    /// Unknown fields by path, each with a suggested name.
    pub(crate) unknown_fields: Vec<Violation>,
    /// Values that are valid by our assumptions alone.
    pub(crate) undocumented: Vec<Violation>,
    /// The same, where the documents name no other value.
    pub(crate) without_alternative: Vec<Violation>,
    /// Violations, in the table's order.
    pub(crate) violations: Vec<Violation>,
    /// The number of all violations, also of those beyond [`MAX_VIOLATIONS`].
    violation_count: usize,
    /// The number of all unknown fields, also of those beyond [`MAX_VIOLATIONS`].
    unknown_field_count: usize,
    defaults_policy: DefaultsPolicy,
    /// Whether an object with numeric keys is accepted as a list.
    accepts_numeric_keys: bool,
}

impl ValidationReport {
    /// Removes the violations, followed by the unknown fields.
    pub(crate) fn take_errors(&mut self) -> ViolationList {
        let mut violations = std::mem::take(&mut self.violations);
        violations.append(&mut self.unknown_fields);
        let omitted = self.violation_count + self.unknown_field_count - violations.len();
        ViolationList { violations, omitted }
    }
}

/// Where missing fields get their defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum DefaultsPolicy {
    #[default]
    Always,
    /// Everywhere except in objects of lists.
    OutsideArrayItems,
    Never,
}

/// Validates an object against a table.
pub(crate) fn validate(fields: &[Field], object: &Map<String, Value>) -> ValidationReport {
    let mut report = ValidationReport::default();
    let values = validate_fields(fields, object, "", &mut report);
    report.values = values;
    report
}

/// Validates the fields of a request: like [`validate`], but takes an object with numeric keys for a list, as PHP does.
pub(crate) fn validate_request(fields: &[Field], object: &Map<String, Value>) -> ValidationReport {
    let mut report = ValidationReport { accepts_numeric_keys: true, ..ValidationReport::default() };
    let values = validate_fields(fields, object, "", &mut report);
    report.values = values;
    report
}

/// Validates like [`validate`], but fills in no defaults in objects of lists: for many short objects the defaults would
/// need far more memory than the input. [`apply_defaults`] adds them later.
pub(crate) fn validate_without_item_defaults(
    fields: &[Field],
    object: &Map<String, Value>,
) -> ValidationReport {
    let mut report = ValidationReport {
        defaults_policy: DefaultsPolicy::OutsideArrayItems,
        ..ValidationReport::default()
    };
    let values = validate_fields(fields, object, "", &mut report);
    report.values = values;
    report
}

/// Adds the defaults of missing fields to an object.
pub(crate) fn apply_defaults(fields: &[Field], row: &mut Value) {
    let Value::Object(row) = row else { return };
    for field in fields {
        if let Presence::Default(default) = field.presence
            && default != Literal::Null
            && !row.contains_key(field.name)
        {
            row.insert(field.name.to_owned(), default.into());
        }
    }
}

fn validate_fields(
    fields: &[Field],
    object: &Map<String, Value>,
    path: &str,
    report: &mut ValidationReport,
) -> Map<String, Value> {
    for name in object.keys().filter(|name| fields.iter().all(|field| field.name != name.as_str()))
    {
        report.unknown_field_count += 1;
        if report.unknown_fields.len() == MAX_VIOLATIONS {
            continue;
        }
        let nearest = suggest(name, fields.iter().map(|field| field.name));
        let path = join_path(path, name);
        report.unknown_fields.push(Violation {
            path,
            kind: ViolationKind::UnknownField { suggestion: nearest },
            rejected_value: None,
        });
    }
    let mut values = Map::new();
    for field in fields {
        let sent = object.get(field.name);
        let count_before = report.violation_count;
        let value = match (filter_non_empty(sent), field.presence) {
            (Some(value), _) => validate_field(field, value, &join_path(path, field.name), report),
            (None, Presence::Default(_)) if report.defaults_policy == DefaultsPolicy::Never => {
                Value::Null
            }
            (None, Presence::Default(default)) => default.into(),
            (None, Presence::Required) => {
                let (path, sent) = (join_path(path, field.name), sent.map(quote_value));
                push_violation(
                    report,
                    Violation { path, kind: ViolationKind::Missing, rejected_value: sent },
                );
                Value::Null
            }
        };
        if report.violation_count == count_before {
            record_undocumented(field, sent, path, report);
        }
        // A null means the same as a missing field. Dropping nulls saves memory: an input can have millions.
        if !value.is_null() {
            values.insert(field.name.to_owned(), value);
        }
    }
    values
}

/// Records valid input that only our assumption allows: a value, or an empty text that counts as missing.
fn record_undocumented(
    field: &Field,
    sent: Option<&Value>,
    path: &str,
    report: &mut ValidationReport,
) {
    let Some(sent) = sent else { return };
    let (has_alternative, note) = match (sent.as_str(), field.presence) {
        (Some(""), Presence::Default(Literal::Text(""))) => return,
        (Some(""), Presence::Default(_)) => {
            (true, "is empty and counts as missing (undocumented)".to_owned())
        }
        _ => match field.undocumented_value(sent) {
            Some(has_alternative) => {
                (has_alternative, format!("accepts {} (undocumented)", quote_value(sent)))
            }
            None => return,
        },
    };
    let list =
        if has_alternative { &mut report.undocumented } else { &mut report.without_alternative };
    push_undocumented(list, join_path(path, field.name), note);
}

fn push_undocumented(list: &mut Vec<Violation>, path: String, note: String) {
    if list.len() < MAX_VIOLATIONS {
        list.push(Violation { path, kind: ViolationKind::Custom(note), rejected_value: None });
    }
}

fn validate_field(field: &Field, sent: &Value, path: &str, report: &mut ValidationReport) -> Value {
    let start = report.violations.len();
    let value = validate_value(&field.data_type, sent, path, report);
    let own_violations =
        report.violations[start..].iter_mut().filter(|violation| violation.path == path);
    if field.is_secret {
        own_violations.for_each(|violation| violation.rejected_value = None);
    }
    value
}

/// Drops an empty text and a null, which count as missing (our choice; undocumented: forms send untouched inputs as
/// empty texts).
fn filter_non_empty(sent: Option<&Value>) -> Option<&Value> {
    sent.filter(|value| !value.is_null() && value.as_str() != Some(""))
}

fn validate_value(
    data_type: &FieldType,
    sent: &Value,
    path: &str,
    report: &mut ValidationReport,
) -> Value {
    match data_type {
        FieldType::Array { item_type, min_items, max_items, unique_items } => {
            let items = expect_array(sent, *min_items, *max_items, path, report);
            validate_items(item_type, *unique_items, items, path, report)
        }
        FieldType::ObjectArray { fields, min_items, max_items } => {
            let items = expect_array(sent, *min_items, *max_items, path, report);
            let outer_policy = report.defaults_policy;
            if outer_policy == DefaultsPolicy::OutsideArrayItems {
                report.defaults_policy = DefaultsPolicy::Never;
            }
            let objects = items
                .map(|(index, item)| {
                    validate_object(fields(), item, &format!("{path}[{index}]"), report)
                })
                .collect();
            report.defaults_policy = outer_policy;
            objects
        }
        FieldType::Object { fields } => validate_object(fields(), sent, path, report),
        FieldType::Map { key_pattern, fields } => {
            validate_map(key_pattern, fields(), sent, path, report)
        }
        scalar => validate_scalar(scalar, sent).unwrap_or_else(|kind| {
            push_violation(
                report,
                Violation { path: path.to_owned(), kind, rejected_value: Some(quote_value(sent)) },
            );
            Value::Null
        }),
    }
}

/// The items of a list, each with its index.
type IndexedItems<'a> = Box<dyn Iterator<Item = (u64, &'a Value)> + 'a>;

/// Returns the items of a list of valid length; otherwise none.
fn expect_array<'a>(
    value: &'a Value,
    min_items: usize,
    max_items: usize,
    path: &str,
    report: &mut ValidationReport,
) -> IndexedItems<'a> {
    let indexed_fields = match value {
        Value::Object(fields) => sort_by_index(fields).filter(|fields| !fields.is_empty()),
        _ => None,
    };
    let length = match (value, &indexed_fields) {
        (Value::Array(items), _) => Some(items.len()),
        (_, Some(fields)) if report.accepts_numeric_keys => Some(fields.len()),
        _ => None,
    };
    let kind = match (length, value, indexed_fields) {
        (Some(length), ..) if length < min_items => ViolationKind::TooFewItems { min_items },
        (Some(length), ..) if length > max_items => ViolationKind::TooManyItems { max_items },
        (Some(_), Value::Array(items), _) => return Box::new((0..).zip(items)),
        (Some(_), _, Some(fields)) => {
            let note = "has other indices than 0, 1, 2 …, and counts as a list in their order (undocumented)";
            push_undocumented(&mut report.undocumented, path.to_owned(), note.to_owned());
            return Box::new(fields.into_iter());
        }
        (_, _, Some(_)) => ViolationKind::SparseIndices,
        _ => ViolationKind::NotArray,
    };
    push_violation(
        report,
        Violation { path: path.to_owned(), kind, rejected_value: Some(quote_value(value)) },
    );
    Box::new(std::iter::empty())
}

/// Returns the members of an object by index if all its keys are indices as PHP writes them.
fn sort_by_index(fields: &Map<String, Value>) -> Option<Vec<(u64, &Value)>> {
    let indexed = fields.iter().map(|(key, value)| Some((parse_decimal_u64(key)?, value)));
    let mut indexed = indexed.collect::<Option<Vec<_>>>()?;
    indexed.sort_unstable_by_key(|(index, _)| *index);
    Some(indexed)
}

fn validate_items(
    item_type: &FieldType,
    unique: bool,
    items: IndexedItems<'_>,
    path: &str,
    report: &mut ValidationReport,
) -> Value {
    let mut seen = HashSet::new();
    let values = items.map(|(index, item)| {
        let value = validate_value(item_type, item, &format!("{path}[{index}]"), report);
        if unique && !value.is_null() && !seen.insert(value.to_string()) {
            let sent = Some(quote_value(item));
            push_violation(
                report,
                Violation {
                    path: format!("{path}[{index}]"),
                    kind: ViolationKind::Duplicate,
                    rejected_value: sent,
                },
            );
        }
        value
    });
    values.collect()
}

fn validate_object(
    fields: &[Field],
    sent: &Value,
    path: &str,
    report: &mut ValidationReport,
) -> Value {
    if let Value::Object(sent) = sent {
        return Value::Object(validate_fields(fields, sent, path, report));
    }
    push_violation(
        report,
        Violation { path: path.to_owned(), kind: ViolationKind::NotObject, rejected_value: None },
    );
    Value::Null
}

fn validate_map(
    key_pattern: &regex::Regex,
    fields: &[Field],
    sent: &Value,
    path: &str,
    report: &mut ValidationReport,
) -> Value {
    let Value::Object(entries) = sent else {
        push_violation(
            report,
            Violation {
                path: path.to_owned(),
                kind: ViolationKind::NotObject,
                rejected_value: None,
            },
        );
        return Value::Null;
    };
    let mut values = Map::new();
    for (key, sent) in entries {
        let path = join_path(path, key);
        if !key_pattern.is_match(key) {
            let kind = ViolationKind::InvalidKey { pattern: key_pattern.as_str().to_owned() };
            push_violation(
                report,
                Violation {
                    path: path.clone(),
                    kind,
                    rejected_value: Some(quote_value(&key.as_str().into())),
                },
            );
        }
        // A null entry is an object without fields.
        let empty = Value::Object(Map::new());
        let sent = if sent.is_null() { &empty } else { sent };
        values.insert(key.clone(), validate_object(fields, sent, &path, report));
    }
    Value::Object(values)
}

/// Validates a scalar and converts it to its type.
fn validate_scalar(data_type: &FieldType, sent: &Value) -> Result<Value, ViolationKind> {
    match *data_type {
        FieldType::Text { min_chars, max_chars, pattern } => {
            validate_text(sent, min_chars, max_chars, pattern.map(|regex| &**regex))
        }
        FieldType::Integer { min, max } => parse_integer(sent)
            .filter(|number| (min..=max).contains(number))
            .map(Value::from)
            .ok_or(ViolationKind::InvalidInteger { min, max }),
        FieldType::IntegerEnum(numbers) => parse_integer(sent)
            .filter(|number| numbers.contains(number))
            .map(Value::from)
            .ok_or(ViolationKind::NotInIntegerEnum(numbers)),
        FieldType::TextEnum { values, documented_as } => sent
            .as_str()
            .filter(|text| values.contains(text))
            .map(Value::from)
            .ok_or(ViolationKind::NotInEnum { values, documented_as }),
        FieldType::CommaSeparatedIds { pattern, max_items } => {
            parse_id_list(sent, pattern, max_items)
        }
        FieldType::Boolean => parse_bool(sent).map(Value::from).ok_or(ViolationKind::NotBoolean),
        FieldType::DateTime => sent
            .as_str()
            .filter(|date| is_valid_datetime(date))
            .map(Value::from)
            .ok_or(ViolationKind::InvalidDateTime),
        FieldType::DateTimeOrUtc => {
            let is_valid = |date: &&str| is_valid_datetime(date.strip_suffix('Z').unwrap_or(date));
            sent.as_str().filter(is_valid).map(Value::from).ok_or(ViolationKind::InvalidDateTime)
        }
        FieldType::Scalar => match sent {
            Value::String(_) => validate_text(sent, 0, MAX_SCALAR_CHARS, None),
            other => parse_integer(other)
                .map(|number| number.to_string().into())
                .ok_or(ViolationKind::NotScalar),
        },
        FieldType::Array { .. }
        | FieldType::ObjectArray { .. }
        | FieldType::Object { .. }
        | FieldType::Map { .. } => Err(ViolationKind::NotScalar),
    }
}

fn validate_text(
    sent: &Value,
    min_chars: usize,
    max_chars: usize,
    pattern: Option<&regex::Regex>,
) -> Result<Value, ViolationKind> {
    let text = sent.as_str().ok_or(ViolationKind::NotText)?;
    // A text has at least as many bytes as characters, so most texts need no character count.
    let length = if text.len() <= max_chars && min_chars == 0 { 0 } else { text.chars().count() };
    match pattern {
        _ if text.contains('\0') => Err(ViolationKind::ContainsNul),
        _ if length < min_chars => Err(ViolationKind::TooShort { min_chars }),
        _ if length > max_chars => Err(ViolationKind::TooLong { max_chars }),
        Some(regex) if !regex.is_match(text) => {
            Err(ViolationKind::PatternMismatch { pattern: regex.as_str().to_owned() })
        }
        _ => Ok(text.into()),
    }
}

/// Parses a list of ids such as `1, 2,3`.
fn parse_id_list(
    sent: &Value,
    pattern: &'static regex::Regex,
    max_items: usize,
) -> Result<Value, ViolationKind> {
    let sent = validate_text(sent, 0, MAX_ID_LIST_CHARS, Some(pattern))?;
    let mut ids = Vec::new();
    let mut seen = HashSet::new();
    for part in sent.as_str().unwrap_or_default().split(',').map(str::trim) {
        let id = parse_decimal_u64(part).filter(|id| (1..=MAX_SAFE_INTEGER).contains(id));
        let rule = match id {
            Some(id) if seen.insert(id) => {
                ids.push(id);
                continue;
            }
            Some(id) => format!("must contain each id once, but contains {id} twice"),
            None => {
                let part = quote_value(&part.into());
                format!(
                    "must contain whole numbers from 1, separated by commas, but contains {part}"
                )
            }
        };
        return Err(ViolationKind::Custom(rule));
    }
    if ids.len() > max_items {
        Err(ViolationKind::TooManyItems { max_items })
    } else {
        Ok(ids.into())
    }
}

/// Parses an integer: a JSON number, or digits as in forms and paths.
fn parse_integer(sent: &Value) -> Option<u64> {
    match sent {
        Value::Number(number) => number.as_u64().or_else(|| integer_from_f64(number.as_f64()?)),
        Value::String(digits) => parse_decimal_u64(digits),
        _ => None,
    }
}

/// Converts an integral float: JSON does not distinguish 7 from 7.0.
fn integer_from_f64(number: f64) -> Option<u64> {
    #[expect(clippy::cast_precision_loss, reason = "the largest number is exact")]
    let range = 0.0..=MAX_SAFE_INTEGER as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range, and whole"
    )]
    (range.contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

/// Parses an integer of digits, without sign, fraction or leading zero.
pub(crate) fn parse_decimal_u64(digits: &str) -> Option<u64> {
    let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits == "0" || !digits.starts_with('0');
    digits.parse().ok().filter(|_| only_digits && canonical)
}

fn parse_bool(sent: &Value) -> Option<bool> {
    match sent {
        Value::Bool(flag) => Some(*flag),
        // Python writes True and False.
        Value::String(word) => match word.as_str() {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => None,
        },
        Value::Number(number) if number.as_u64() == Some(1) => Some(true),
        Value::Number(number) if number.as_u64() == Some(0) => Some(false),
        _ => None,
    }
}

/// Returns whether it is an existing date, as `YYYY-MM-DD HH:MM:SS`.
pub(crate) fn is_valid_datetime(text: &str) -> bool {
    const FORMAT: &str = "%Y-%m-%d %H:%M:%S";
    let format = |date: DateTime| date.strftime(FORMAT).to_string();
    DateTime::strptime(FORMAT, text).is_ok_and(|date| date.year() >= 0 && format(date) == text)
}

fn push_violation(report: &mut ValidationReport, violation: Violation) {
    report.violation_count += 1;
    if report.violations.len() < MAX_VIOLATIONS {
        report.violations.push(violation);
    }
}

fn join_path(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}[{name}]") }
}
