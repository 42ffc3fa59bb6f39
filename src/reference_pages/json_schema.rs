//! Describes a JSON schema in a few words.

use serde_json::Value;

use super::markdown::code;
use crate::console::control_docs::referenced_name;

/// Describes the values that a schema accepts. Null is left out: it means the same as a missing value.
pub(super) fn describe(schema: &Value) -> String {
    if let Some(name) = referenced_name(schema) {
        return format!("[`{name}`](#{})", name.to_lowercase());
    }
    for keyword in ["oneOf", "anyOf", "allOf"] {
        if let Some(schemas) = schema[keyword].as_array() {
            let descriptions: Vec<String> =
                schemas.iter().map(describe).filter(|text| text != "null").collect();
            return descriptions.join(" or ");
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(|value| code(&to_plain_text(value))).collect();
        return values.join(", ");
    }
    match type_names(schema).as_slice() {
        ["array"] => format!("list of {}", describe(&schema["items"])),
        ["object"] => describe_object(schema),
        ["integer"] => format!("integer{}", range(schema)),
        ["null"] => "null".to_owned(),
        [] => "any".to_owned(),
        names => names.join(" or "),
    }
}

fn type_names(schema: &Value) -> Vec<&str> {
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let only_null = names == ["null"];
    names.into_iter().filter(|name| only_null || *name != "null").collect()
}

fn describe_object(schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object() else {
        return match &schema["additionalProperties"] {
            Value::Object(_) => format!("object of {}", describe(&schema["additionalProperties"])),
            _ => "object".to_owned(),
        };
    };
    let members: Vec<String> = properties
        .iter()
        .map(|(name, schema)| match schema["enum"].as_array().map(Vec::as_slice) {
            Some([only]) => format!("`\"{name}\": {only}`"),
            _ => code(name),
        })
        .collect();
    format!("object with {}", members.join(", "))
}

fn range(schema: &Value) -> String {
    // The largest integer that every JSON client represents exactly is no bound worth a mention.
    let max = schema["maximum"].as_u64().filter(|max| *max < 1 << 50);
    match (schema["minimum"].as_u64(), max) {
        (Some(min), Some(max)) => format!(" {min}–{max}"),
        (Some(min), None) if min > 0 => format!(" from {min}"),
        _ => String::new(),
    }
}

/// Formats a string without quotation marks, and everything else as JSON.
fn to_plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
