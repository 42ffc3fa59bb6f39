//! A JSON object as the tree of fields. Counted while it is read, so that a small body makes no large tree.

use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::DecodeError;
use crate::limits::Shape;

pub(super) fn decode(body: &[u8], shape: Shape) -> Result<Map<String, Value>, DecodeError> {
    if std::str::from_utf8(body).is_err() {
        return Err(DecodeError::NotUtf8("The JSON body".to_owned()));
    }
    let fault = Cell::new(None);
    let values = Cell::new(0);
    let mut input = serde_json::Deserializer::from_slice(body);
    let top = Bounded { shape, depth: 0, field: "", values: &values, fault: &fault };
    let read = top.deserialize(&mut input).and_then(|value| input.end().map(|()| value));
    match (read, fault.take()) {
        (_, Some(fault)) => Err(fault),
        (Err(error), None) => Err(DecodeError::Json(error.to_string())),
        (Ok(Value::Object(fields)), None) => Ok(fields),
        (Ok(other), None) => Err(DecodeError::NotObject(kind(&other))),
    }
}

/// Reads a value as long as there are few of them, and shallow.
#[derive(Clone, Copy)]
struct Bounded<'a> {
    shape: Shape,
    depth: usize,
    /// The field at the top that the value belongs to.
    field: &'a str,
    values: &'a Cell<usize>,
    /// The bound that was broken; serde's own errors cannot carry it.
    fault: &'a Cell<Option<DecodeError>>,
}

impl<'a> Bounded<'a> {
    fn inside(self, field: &'a str) -> Self {
        let field = if self.depth == 0 { field } else { self.field };
        Self { depth: self.depth + 1, field, ..self }
    }

    fn check<E: Error>(&self) -> Result<(), E> {
        self.values.set(self.values.get() + 1);
        let Shape { values, depth } = self.shape;
        let fault = if self.depth > depth {
            DecodeError::TooDeep { field: self.field.chars().take(64).collect(), most: depth }
        } else if self.values.get() > values + 1 {
            DecodeError::TooMany(values)
        } else {
            return Ok(());
        };
        self.fault.set(Some(fault));
        Err(E::custom("a bound is broken"))
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        self.check()?;
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
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
        while let Some(entry) = entries.next_element_seed(self.inside(""))? {
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.inside(&name))?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
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
