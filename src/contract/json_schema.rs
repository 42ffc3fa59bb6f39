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
    let mut schema = value_schema(field, notation);
    if notation == Notation::Json && !field.is_required() {
        make_nullable(&mut schema);
    }
    if !field.description.is_empty() {
        schema["description"] = field.description.into();
    }
    if let Some(example) = field.example.to_value() {
        schema["example"] = example;
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
pub(crate) fn value_schema(field: &Field, notation: Notation) -> Value {
    let mut schema = type_schema(&field.data_type);
    if notation == Notation::Form && schema["type"] == "array" {
        // Code generators turn it into a set, which their form encoders cannot send.
        schema.as_object_mut().map(|schema| schema.shift_remove("uniqueItems"));
    }
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
                let pattern = to_portable_pattern(regex.as_str());
                if pattern != regex.as_str() {
                    schema["x-documented-type"] = regex.as_str().into();
                }
                schema["pattern"] = pattern.into();
            }
            schema
        }
        FieldType::Integer { min, max } => {
            json!({ "type": "integer", "format": "int64", "minimum": min, "maximum": max })
        }
        FieldType::IntegerEnum(numbers) => {
            json!({ "type": "integer", "format": "int64", "enum": numbers })
        }
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

/// Removes the escape of an underscore, which ECMAScript does not allow with the flag `u`.
fn to_portable_pattern(pattern: &str) -> String {
    pattern.replace(r"\_", "_")
}

/// The format of a date in a seed.
const DATETIME_OR_UTC_PATTERN: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}Z?$";
/// The documented format of a date: no time zone.
pub(crate) const DATETIME_PATTERN: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$";

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;
    use crate::contract::{Example, MAX_SAFE_INTEGER, optional, required, validate};

    static WORD_PATTERN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("^[a-z]+$").expect("valid regex"));
    static ID_LIST_PATTERN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("^[0-9, ]+$").expect("valid regex"));

    static ITEM_FIELDS: &[Field] = &[
        required("id", FieldType::Integer { min: 1, max: 9 }),
        optional("word", FieldType::text_matching(&WORD_PATTERN)),
    ];
    static FIELDS: &[Field] = &[
        required("text", FieldType::Text { min_chars: 2, max_chars: 4, pattern: None }),
        required("number", FieldType::Integer { min: 2, max: 5 }),
        optional("status", FieldType::IntegerEnum(&[400, 404])),
        optional("choice", FieldType::TextEnum { values: &["yes", "no"], documented_as: "enum" }),
        optional("flag", FieldType::Boolean),
        optional(
            "ids",
            FieldType::Array {
                item_type: &FieldType::INTEGER,
                min_items: 1,
                max_items: 2,
                unique_items: true,
            },
        ),
        optional(
            "items",
            FieldType::ObjectArray { fields: || ITEM_FIELDS, min_items: 0, max_items: 2 },
        ),
        optional("item", FieldType::Object { fields: || ITEM_FIELDS }),
    ];

    #[test]
    fn each_type_has_its_schema() {
        let text = |min_chars, pattern| FieldType::Text { min_chars, max_chars: 9, pattern };
        let item = json!({
            "type": "object",
            "properties": {
                "id": { "type": "integer", "format": "int64", "minimum": 1, "maximum": 9, "x-fidelity": "undocumented", "x-reason": "" },
                "word": { "type": ["string", "null"], "maxLength": 65_535, "pattern": "^[a-z]+$", "x-fidelity": "undocumented", "x-reason": "" },
            },
            "required": ["id"],
        });
        let cases = [
            (text(0, None), json!({ "type": "string", "maxLength": 9 })),
            (text(1, None), json!({ "type": "string", "maxLength": 9, "minLength": 1 })),
            (
                text(0, Some(&WORD_PATTERN)),
                json!({ "type": "string", "maxLength": 9, "pattern": "^[a-z]+$" }),
            ),
            (
                FieldType::INTEGER,
                json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": MAX_SAFE_INTEGER }),
            ),
            (
                FieldType::IntegerEnum(&[400, 404]),
                json!({ "type": "integer", "format": "int64", "enum": [400, 404] }),
            ),
            (
                FieldType::TextEnum { values: &["a"], documented_as: "" },
                json!({ "type": "string", "enum": ["a"] }),
            ),
            (
                FieldType::TextEnum { values: &["a"], documented_as: "enum" },
                json!({ "type": "string", "enum": ["a"], "x-documented-type": "enum" }),
            ),
            (
                FieldType::CommaSeparatedIds { pattern: &ID_LIST_PATTERN, max_items: 3 },
                json!({ "type": "string", "pattern": "^[0-9, ]+$" }),
            ),
            (FieldType::Boolean, json!({ "type": "boolean" })),
            (FieldType::DateTime, json!({ "type": "string", "pattern": DATETIME_PATTERN })),
            (
                FieldType::DateTimeOrUtc,
                json!({ "type": "string", "pattern": DATETIME_OR_UTC_PATTERN }),
            ),
            (
                FieldType::Array {
                    item_type: &FieldType::Boolean,
                    min_items: 1,
                    max_items: 2,
                    unique_items: true,
                },
                json!({ "type": "array", "items": { "type": "boolean" }, "minItems": 1, "maxItems": 2, "uniqueItems": true }),
            ),
            (
                FieldType::ObjectArray { fields: || ITEM_FIELDS, min_items: 1, max_items: 2 },
                json!({ "type": "array", "items": item, "minItems": 1, "maxItems": 2 }),
            ),
            (FieldType::Object { fields: || ITEM_FIELDS }, item.clone()),
            (
                FieldType::Map { key_pattern: &WORD_PATTERN, fields: || ITEM_FIELDS },
                json!({ "type": "object", "additionalProperties": item }),
            ),
            (FieldType::Scalar, json!({ "type": ["string", "integer"] })),
        ];
        for (data_type, expected) in cases {
            assert_eq!(type_schema(&data_type), expected, "{data_type:?}");
        }
    }

    #[test]
    fn pattern_is_portable_and_the_documented_one_is_stated() {
        static SLUG_PATTERN: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"^[a-z\-\_]+$").expect("valid regex"));
        let schema = type_schema(&FieldType::text_matching(&SLUG_PATTERN));
        assert_eq!(schema["pattern"], r"^[a-z\-_]+$");
        assert_eq!(schema["x-documented-type"], r"^[a-z\-\_]+$");
    }

    #[test]
    fn date_patterns_differ_in_the_utc_suffix() {
        let matches =
            |pattern: &str, text: &str| Regex::new(pattern).expect("valid regex").is_match(text);
        for (text, is_date, is_date_or_utc) in [
            ("2026-03-01 12:00:00", true, true),
            ("2026-03-01 12:00:00Z", false, true),
            ("2026-03-01T12:00:00", false, false),
            ("2026-03-01 12:00", false, false),
            ("2026-03-01 12:00:00ZZ", false, false),
            ("x2026-03-01 12:00:00", false, false),
        ] {
            assert_eq!(matches(DATETIME_PATTERN, text), is_date, "{text}");
            assert_eq!(matches(DATETIME_OR_UTC_PATTERN, text), is_date_or_utc, "{text}");
        }
    }

    #[test]
    fn value_schema_has_the_default_and_rejects_an_empty_required_text() {
        let short = FieldType::Text { min_chars: 2, max_chars: 9, pattern: None };
        let pattern = FieldType::Text { min_chars: 0, max_chars: 9, pattern: Some(&WORD_PATTERN) };
        let text = FieldType::Text { min_chars: 0, max_chars: 9, pattern: None };
        let integer = FieldType::Integer { min: 1, max: 9 };
        let cases = [
            (required("a", text), json!({ "type": "string", "maxLength": 9, "minLength": 1 })),
            (required("a", short), json!({ "type": "string", "maxLength": 9, "minLength": 2 })),
            (
                required("a", pattern),
                json!({ "type": "string", "maxLength": 9, "pattern": "^[a-z]+$" }),
            ),
            (
                required("a", integer),
                json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": 9 }),
            ),
            (optional("a", text), json!({ "type": "string", "maxLength": 9 })),
            (
                optional("a", text).default_value(Literal::Text("")),
                json!({ "type": "string", "maxLength": 9, "default": "" }),
            ),
            (
                optional("a", short).default_value(Literal::Text("")),
                json!({ "type": "string", "maxLength": 9, "minLength": 2, "x-default": "" }),
            ),
            (
                optional("a", pattern).default_value(Literal::Text("")),
                json!({ "type": "string", "maxLength": 9, "pattern": "^[a-z]+$", "x-default": "" }),
            ),
            (
                optional("a", pattern).default_value(Literal::Text("x")),
                json!({ "type": "string", "maxLength": 9, "pattern": "^[a-z]+$", "default": "x" }),
            ),
            (
                optional("a", integer).default_value(Literal::Number(0)),
                json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": 9, "default": 0 }),
            ),
        ];
        for (field, expected) in cases {
            assert_eq!(value_schema(&field, Notation::Json), expected, "{field:?}");
        }
    }

    #[test]
    fn form_array_states_no_uniqueness() {
        let ids = FIELDS.iter().find(|field| field.name == "ids").expect("the table has it");
        assert_eq!(value_schema(ids, Notation::Json)["uniqueItems"], true);
        assert_eq!(value_schema(ids, Notation::Form).get("uniqueItems"), None);
    }

    #[test]
    fn wire_names_have_brackets_in_forms_only() {
        let names = |field: &'static Field, notation| {
            let names = wire_names(field, notation).into_iter();
            names.map(|(name, field)| (name, field.name)).collect::<Vec<_>>()
        };
        let [text, .., ids, items, item] = FIELDS else { panic!("the table has these fields") };
        let cases = [
            (text, vec![("text", "text")], vec![("text", "text")]),
            (ids, vec![("ids[]", "ids")], vec![("ids", "ids")]),
            (
                items,
                vec![("items[0][id]", "id"), ("items[0][word]", "word")],
                vec![("items", "items")],
            ),
            (item, vec![("item", "item")], vec![("item", "item")]),
        ];
        for (field, form, json) in cases {
            let to_owned = |names: Vec<(&str, &'static str)>| {
                names.into_iter().map(|(name, field)| (name.to_owned(), field)).collect::<Vec<_>>()
            };
            assert_eq!(names(field, Notation::Form), to_owned(form));
            assert_eq!(names(field, Notation::Json), to_owned(json));
        }
    }

    #[test]
    fn properties_state_their_source_and_are_nullable_in_json_only() {
        static DECLARED: &[Field] = &[
            required("a", FieldType::Boolean)
                .page("page 1")
                .description("A flag.")
                .example(Example::Boolean(true))
                .undocumented_note("a note"),
            optional("b", FieldType::TextEnum { values: &["x"], documented_as: "" })
                .assumption("no page"),
        ];
        let a = json!({
            "type": "boolean", "description": "A flag.", "example": true, "x-fidelity": "documented", "x-document": "page 1",
            "x-undocumented": "a note",
        });
        let form = json!({
            "type": "object",
            "properties": { "a": a, "b": { "type": "string", "enum": ["x"], "x-fidelity": "undocumented", "x-reason": "no page" } },
            "required": ["a"],
        });
        assert_eq!(fields_schema(DECLARED, Notation::Form), form);
        let mut json = form;
        json["properties"]["b"]["type"] = json!(["string", "null"]);
        json["properties"]["b"]["enum"] = json!(["x", null]);
        assert_eq!(fields_schema(DECLARED, Notation::Json), json);
        assert_eq!(fields_schema(&DECLARED[1..], Notation::Json).get("required"), None);
    }

    /// Generates a value that is often valid.
    fn field_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            (0_u64..7).prop_map(Value::from),
            prop::sample::select(vec![399_u64, 400, 404, 1 << 53]).prop_map(Value::from),
            (-2..6_i32).prop_map(|number| Value::from(f64::from(number))),
            Just(json!(2.5)),
            any::<bool>().prop_map(Value::from),
            "[a-cé]{0,5}".prop_map(Value::from),
            prop::sample::select(vec!["yes", "no", "true", "3"]).prop_map(Value::from),
            Just(Value::Null),
        ];
        scalar.prop_recursive(2, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                (inner.clone(), inner).prop_map(|(id, word)| json!({ "id": id, "word": word })),
                (1_u64..4, "[a-c]{1,2}").prop_map(|(id, word)| json!({ "id": id, "word": word })),
            ]
        })
    }

    proptest! {
        #[test]
        fn input_that_the_schema_allows_is_accepted(
            index in 0..FIELDS.len(),
            value in field_value(),
        ) {
            static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
                jsonschema::draft202012::new(&fields_schema(FIELDS, Notation::Json)).expect("a valid schema")
            });
            let mut input = json!({ "text": "text", "number": 3 });
            input[FIELDS[index].name] = value;
            if VALIDATOR.is_valid(&input) {
                let report = validate(FIELDS, input.as_object().expect("the input is an object"));
                prop_assert!(report.violations.is_empty(), "{input}: {:?}", report.violations);
            }
        }
    }
}
