//! Fields as JSON Schema (2020-12), for the OpenAPI document.

use serde_json::{Map, Value, json};

use super::{Field, Kind, Literal, Presence, Source};

/// How lists are written where the schema is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    /// Bracketed names, as forms and queries have them: `ticketIDs[]`.
    Form,
    /// Nested values, as JSON has them.
    Json,
}

/// An object with these fields.
pub(crate) fn of_fields(fields: &'static [Field], notation: Notation) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        for (name, schema) in of_field(field, notation) {
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

fn of_field(field: &'static Field, notation: Notation) -> Vec<(String, Value)> {
    form_names(field, notation)
        .into_iter()
        .map(|(name, field)| (name, described(field, notation)))
        .collect()
}

/// The names that a field has on the wire: one, or in a form one for each field of its first row.
pub(crate) fn form_names(
    field: &'static Field,
    notation: Notation,
) -> Vec<(String, &'static Field)> {
    match (field.kind, notation) {
        (Kind::List { .. }, Notation::Form) => vec![(format!("{}[]", field.name), field)],
        (Kind::Rows { fields, .. }, Notation::Form) => {
            let inner = fields().iter();
            inner.map(|row| (format!("{}[0][{}]", field.name, row.name), row)).collect()
        }
        _ => vec![(field.name.to_owned(), field)],
    }
}

/// The field's schema with its meaning and source.
fn described(field: &Field, notation: Notation) -> Value {
    let mut schema = of_value(field);
    if notation == Notation::Json && !field.is_required() {
        nullable(&mut schema);
    }
    if !field.about.is_empty() {
        schema["description"] = field.about.into();
    }
    schema["x-source"] = field.source.word().into();
    match field.source {
        Source::Documented(page) => schema["x-document"] = page.into(),
        Source::Chosen(reason) => schema["x-reason"] = reason.into(),
    }
    if !field.chosen.is_empty() {
        schema["x-chosen"] = field.chosen.into();
    }
    schema
}

/// In JSON a null counts as not sent.
fn nullable(schema: &mut Value) {
    schema["type"] = json!([schema["type"].take(), "null"]);
    if let Some(Value::Array(names)) = schema.get_mut("enum") {
        names.push(Value::Null);
    }
}

/// What the field's value looks like, and what it is when it is not sent.
pub(crate) fn of_value(field: &Field) -> Value {
    let mut schema = of_kind(&field.kind);
    let has_rule = schema.get("minLength").is_some() || schema.get("pattern").is_some();
    if field.is_required() && schema["type"] == "string" && !has_rule {
        schema["minLength"] = 1.into();
    }
    match field.presence {
        Presence::Required | Presence::Default(Literal::Null) => {}
        // The documents give such a default beside a rule that it breaks; a schema must not.
        Presence::Default(Literal::Text("")) if has_rule => schema["x-default"] = "".into(),
        Presence::Default(default) => schema["default"] = default.into(),
    }
    schema
}

/// What a value of this kind looks like.
pub(crate) fn of_kind(kind: &Kind) -> Value {
    match *kind {
        Kind::Text { at_least, at_most, pattern } => {
            let mut schema = json!({ "type": "string", "maxLength": at_most });
            if at_least > 0 {
                schema["minLength"] = at_least.into();
            }
            if let Some(regex) = pattern {
                schema["pattern"] = regex.as_str().into();
            }
            schema
        }
        Kind::Number { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::NumberIn(numbers) => json!({ "type": "integer", "enum": numbers }),
        Kind::OneOf { names, written } => {
            let mut schema = json!({ "type": "string", "enum": names });
            if !written.is_empty() {
                schema["x-documented-type"] = written.into();
            }
            schema
        }
        Kind::Ids { pattern, .. } => json!({ "type": "string", "pattern": pattern.as_str() }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Date => json!({ "type": "string", "pattern": DATE }),
        Kind::DateOrUtc => json!({ "type": "string", "pattern": DATE_OR_UTC }),
        Kind::List { item, at_least, at_most, unique } => json!({
            "type": "array", "items": of_kind(item),
            "minItems": at_least, "maxItems": at_most, "uniqueItems": unique,
        }),
        Kind::Rows { fields, at_least, at_most } => json!({
            "type": "array", "items": of_fields(fields(), Notation::Json),
            "minItems": at_least, "maxItems": at_most,
        }),
        Kind::Row { fields } => of_fields(fields(), Notation::Json),
        Kind::Named { fields, .. } => {
            json!({ "type": "object", "additionalProperties": of_fields(fields(), Notation::Json) })
        }
        Kind::Scalar => json!({ "type": ["string", "integer"] }),
    }
}

/// The form of a date in a seed.
const DATE_OR_UTC: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}Z?$";
/// The documented form of a date: no zone.
pub(crate) const DATE: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$";
