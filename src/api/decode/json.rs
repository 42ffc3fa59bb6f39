//! Decodes a JSON object. Counts values while parsing, so that a small body makes no large tree.

use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::{DecodeError, truncate_field_name};
use crate::api::limits::InputLimits;
use crate::text_encoding::decode_utf8;

pub(super) fn decode(body: &[u8], limits: InputLimits) -> Result<Map<String, Value>, DecodeError> {
    let body = decode_utf8(body).map_err(DecodeError::JsonEncoding)?;
    let limit_error = Cell::new(None);
    let value_count = Cell::new(0);
    let mut input = serde_json::Deserializer::from_str(body);
    let root = BoundedVisitor {
        limits,
        depth: 0,
        field: "",
        value_count: &value_count,
        limit_error: &limit_error,
    };
    let result = root.deserialize(&mut input).and_then(|value| input.end().map(|()| value));
    match (result, limit_error.take()) {
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(DecodeError::InvalidJson(error.to_string())),
        (Ok(Value::Object(fields)), None) => Ok(fields),
        (Ok(other), None) => Err(DecodeError::NotObject(json_type_name(&other))),
    }
}

/// Deserializes a value within the limits.
#[derive(Clone, Copy)]
struct BoundedVisitor<'a> {
    limits: InputLimits,
    depth: usize,
    /// The top-level field of the value.
    field: &'a str,
    value_count: &'a Cell<usize>,
    /// The exceeded limit; serde's own errors cannot carry it.
    limit_error: &'a Cell<Option<DecodeError>>,
}

impl<'a> BoundedVisitor<'a> {
    fn child(self, field: &'a str) -> Self {
        let field = if self.depth == 0 { field } else { self.field };
        Self { depth: self.depth + 1, field, ..self }
    }

    fn check_limits<E: Error>(&self) -> Result<(), E> {
        self.value_count.set(self.value_count.get() + 1);
        let InputLimits { max_values, max_depth } = self.limits;
        let error = if self.depth > max_depth {
            DecodeError::TooDeep { field: truncate_field_name(self.field), max_depth }
        } else if self.value_count.get() > max_values + 1 {
            DecodeError::TooManyValues(max_values)
        } else {
            return Ok(());
        };
        self.limit_error.set(Some(error));
        Err(E::custom("a limit is exceeded"))
    }
}

impl<'de> DeserializeSeed<'de> for BoundedVisitor<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        self.check_limits()?;
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BoundedVisitor<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element_seed(self.child(""))? {
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.child(&name))?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

const fn json_type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
