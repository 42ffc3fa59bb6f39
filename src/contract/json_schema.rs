//! Converts field tables to JSON Schema (2020-12) for the OpenAPI document.

use serde_json::{Map, Value, json};

use super::{Fidelity, Field, FieldType, Literal, Presence};

/// How lists are encoded where the schema is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    /// Bracketed names, as in forms and queries: `ticketIDs[]`.
    Form,
    /// Nested values, as in JSON.
    Json,
}

/// Builds the schema of an object with these fields.
pub(crate) fn fields_schema(fields: &'static [Field], notation: Notation) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        for (name, schema) in property_schemas(field, notation) {
            if field.is_required() {
                required.push(Value::from(name.as_str()));
            }
            properties.insert(name, schema);
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn property_schemas(field: &'static Field, notation: Notation) -> Vec<(String, Value)> {
    wire_names(field, notation)
        .into_iter()
        .map(|(name, field)| (name, documented_schema(field, notation)))
        .collect()
}

/// Returns the field's names on the wire: one, or in a form one for each field of its first object.
pub(crate) fn wire_names(
    field: &'static Field,
    notation: Notation,
) -> Vec<(String, &'static Field)> {
    match (field.data_type, notation) {
        (FieldType::Array { .. }, Notation::Form) => vec![(format!("{}[]", field.name), field)],
        (FieldType::ObjectArray { fields, .. }, Notation::Form) => {
            let inner = fields().iter();
            inner.map(|inner| (format!("{}[0][{}]", field.name, inner.name), inner)).collect()
        }
        _ => vec![(field.name.to_owned(), field)],
    }
}

/// Builds the field's schema with its description and source.
fn documented_schema(field: &Field, notation: Notation) -> Value {
    let mut schema = value_schema(field);
    if notation == Notation::Json && !field.is_required() {
        make_nullable(&mut schema);
    }
    if !field.description.is_empty() {
        schema["description"] = field.description.into();
    }
    schema["x-fidelity"] = field.fidelity.label().into();
    match field.fidelity {
        Fidelity::Documented(page) => schema["x-document"] = page.into(),
        Fidelity::Undocumented(reason) => schema["x-reason"] = reason.into(),
    }
    if !field.undocumented_note.is_empty() {
        schema["x-undocumented"] = field.undocumented_note.into();
    }
    schema
}

/// Allows null, which in JSON counts as missing.
fn make_nullable(schema: &mut Value) {
    schema["type"] = json!([schema["type"].take(), "null"]);
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.push(Value::Null);
    }
}

/// Builds the schema of the field's value, with its default.
pub(crate) fn value_schema(field: &Field) -> Value {
    let mut schema = type_schema(&field.data_type);
    let has_rule = schema.get("minLength").is_some() || schema.get("pattern").is_some();
    if field.is_required() && schema["type"] == "string" && !has_rule {
        schema["minLength"] = 1.into();
    }
    match field.presence {
        Presence::Required | Presence::Default(Literal::Null) => {}
        // The vendor documents a default that violates its own rule; a schema must not.
        Presence::Default(Literal::Text("")) if has_rule => schema["x-default"] = "".into(),
        Presence::Default(default) => schema["default"] = default.into(),
    }
    schema
}

/// Builds the schema of this type.
pub(crate) fn type_schema(data_type: &FieldType) -> Value {
    match *data_type {
        FieldType::Text { min_chars, max_chars, pattern } => {
            let mut schema = json!({ "type": "string", "maxLength": max_chars });
            if min_chars > 0 {
                schema["minLength"] = min_chars.into();
            }
            if let Some(regex) = pattern {
                schema["pattern"] = regex.as_str().into();
            }
            schema
        }
        FieldType::Integer { min, max } => {
            json!({ "type": "integer", "minimum": min, "maximum": max })
        }
        FieldType::IntegerEnum(numbers) => json!({ "type": "integer", "enum": numbers }),
        FieldType::TextEnum { values, documented_as } => {
            let mut schema = json!({ "type": "string", "enum": values });
            if !documented_as.is_empty() {
                schema["x-documented-type"] = documented_as.into();
            }
            schema
        }
        FieldType::CommaSeparatedIds { pattern, .. } => {
            json!({ "type": "string", "pattern": pattern.as_str() })
        }
        FieldType::Boolean => json!({ "type": "boolean" }),
        FieldType::DateTime => json!({ "type": "string", "pattern": DATETIME_PATTERN }),
        FieldType::DateTimeOrUtc => json!({ "type": "string", "pattern": DATETIME_OR_UTC_PATTERN }),
        FieldType::Array { item_type, min_items, max_items, unique_items } => json!({
            "type": "array", "items": type_schema(item_type),
            "minItems": min_items, "maxItems": max_items, "uniqueItems": unique_items,
        }),
        FieldType::ObjectArray { fields, min_items, max_items } => json!({
            "type": "array", "items": fields_schema(fields(), Notation::Json),
            "minItems": min_items, "maxItems": max_items,
        }),
        FieldType::Object { fields } => fields_schema(fields(), Notation::Json),
        FieldType::Map { fields, .. } => {
            json!({ "type": "object", "additionalProperties": fields_schema(fields(), Notation::Json) })
        }
        FieldType::Scalar => json!({ "type": ["string", "integer"] }),
    }
}

/// The format of a date in a seed.
const DATETIME_OR_UTC_PATTERN: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}Z?$";
/// The documented format of a date: no time zone.
pub(crate) const DATETIME_PATTERN: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$";
