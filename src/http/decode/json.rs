//! A JSON object as the tree of fields.

use serde_json::{Map, Value};

use super::DecodeError;
use crate::http::limits;

pub(super) fn decode(body: &[u8]) -> Result<Map<String, Value>, DecodeError> {
    if std::str::from_utf8(body).is_err() {
        return Err(DecodeError::NotUtf8("The JSON body".to_owned()));
    }
    let value: Value =
        serde_json::from_slice(body).map_err(|error| DecodeError::Json(error.to_string()))?;
    let fields = match value {
        Value::Object(fields) => fields,
        other => return Err(DecodeError::NotObject(kind(&other))),
    };
    let mut values = 0;
    for (name, value) in &fields {
        measure(name, value, 1, &mut values)?;
    }
    Ok(fields)
}

/// Counts values and levels; both are bounded.
fn measure(
    field: &str,
    value: &Value,
    depth: usize,
    values: &mut usize,
) -> Result<(), DecodeError> {
    *values += 1;
    if *values > limits::VALUES {
        return Err(DecodeError::TooMany);
    }
    if depth > limits::DEPTH {
        return Err(DecodeError::TooDeep { field: field.chars().take(64).collect() });
    }
    match value {
        Value::Array(entries) => {
            entries.iter().try_for_each(|entry| measure(field, entry, depth + 1, values))
        }
        Value::Object(fields) => {
            fields.values().try_for_each(|entry| measure(field, entry, depth + 1, values))
        }
        _ => Ok(()),
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
