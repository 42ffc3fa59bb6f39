//! Composes the example of a schema from the examples of its fields.

use serde_json::{Map, Value, json};

/// The start of the references to schemas.
const SCHEMA_PREFIX: &str = "#/components/schemas/";

/// Returns the schema's example: its own, or one of its fields' examples. A schema without any has the example null.
pub(crate) fn compose_example(schema: &Value, schemas: &Map<String, Value>) -> Value {
    if let Some(example) = schema.get("example").or_else(|| schema.get("const")) {
        return example.clone();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix(SCHEMA_PREFIX)) {
        return schemas.get(name).map_or(Value::Null, |schema| compose_example(schema, schemas));
    }
    if let Some(alternative) = schema["oneOf"].as_array().and_then(|schemas| schemas.first()) {
        return compose_example(alternative, schemas);
    }
    if let Some(value) = schema["enum"].as_array().and_then(|values| values.first()) {
        return value.clone();
    }
    if let Some(properties) = schema["properties"].as_object() {
        let members = properties.iter();
        return members
            .map(|(name, schema)| (name.clone(), compose_example(schema, schemas)))
            .collect();
    }
    match schema.get("items") {
        Some(items) => json!([compose_example(items, schemas)]),
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_comes_from_the_schema_or_its_parts() {
        let schemas = json!({
            "Thing": { "type": "object", "properties": { "id": { "type": "integer", "example": 7 } } },
        });
        let schemas = schemas.as_object().expect("an object");
        let thing = json!({ "$ref": "#/components/schemas/Thing" });
        for (schema, expected) in [
            (json!({ "type": "string", "example": "a" }), json!("a")),
            (json!({ "const": "a" }), json!("a")),
            (json!({ "enum": ["a", "b"] }), json!("a")),
            (json!({ "enum": ["a", "b"], "example": "b" }), json!("b")),
            (thing.clone(), json!({ "id": 7 })),
            (json!({ "oneOf": [thing, { "type": "null" }] }), json!({ "id": 7 })),
            (json!({ "type": "array", "items": thing }), json!([{ "id": 7 }])),
            (json!({ "$ref": "#/components/schemas/Other" }), Value::Null),
            (json!({ "type": "string" }), Value::Null),
        ] {
            assert_eq!(compose_example(&schema, schemas), expected, "{schema}");
        }
    }
}
