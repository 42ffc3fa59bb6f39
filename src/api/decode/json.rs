//! Decodes a JSON object. Counts values while parsing, so that a small body makes no large tree.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::decoded::{Decoded, RepeatedFields};
use super::error::{DecodeError, truncate_field_name};
use crate::api::limits::InputLimits;
use crate::text_encoding::decode_utf8;

pub(super) fn decode(body: &[u8], limits: InputLimits) -> Result<Decoded, DecodeError> {
    let body = decode_utf8(body).map_err(DecodeError::BodyEncoding)?;
    let limit_error = Cell::new(None);
    let value_count = Cell::new(0);
    let repeated = RefCell::new(RepeatedFields::default());
    let mut input = serde_json::Deserializer::from_str(body);
    let root = BoundedVisitor {
        limits,
        depth: 0,
        location: None,
        value_count: &value_count,
        repeated: &repeated,
        limit_error: &limit_error,
    };
    let result = root.deserialize(&mut input).and_then(|value| input.end().map(|()| value));
    match (result, limit_error.take()) {
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(DecodeError::InvalidJson(error.to_string())),
        (Ok(Value::Object(fields)), None) => {
            Ok(Decoded { fields, repeated: repeated.into_inner() })
        }
        (Ok(other), None) => Err(DecodeError::NotObject(json_type_name(&other))),
    }
}

/// Deserializes a value within the limits.
#[derive(Clone, Copy)]
struct BoundedVisitor<'a> {
    limits: InputLimits,
    depth: usize,
    /// Where the value is; None for the root.
    location: Option<&'a Location<'a>>,
    value_count: &'a Cell<usize>,
    repeated: &'a RefCell<RepeatedFields>,
    /// The exceeded limit; serde's own errors cannot carry it.
    limit_error: &'a Cell<Option<DecodeError>>,
}

/// The location of a value: its name or index, and the location of its list or object.
#[derive(Clone, Copy, Debug)]
struct Location<'a> {
    outer: Option<&'a Self>,
    segment: Segment<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Segment<'a> {
    Name(&'a str),
    Index(usize),
}

impl Location<'_> {
    /// Returns the name of the top-level field.
    fn field(&self) -> &str {
        match (self.outer, self.segment) {
            (Some(outer), _) => outer.field(),
            (None, Segment::Name(name)) => name,
            (None, Segment::Index(_)) => "",
        }
    }

    /// Returns the path in bracket notation.
    fn path(&self) -> String {
        match (self.outer, self.segment) {
            (Some(outer), Segment::Name(name)) => format!("{}[{name}]", outer.path()),
            (Some(outer), Segment::Index(index)) => format!("{}[{index}]", outer.path()),
            (None, Segment::Name(name)) => name.to_owned(),
            (None, Segment::Index(index)) => index.to_string(),
        }
    }
}

impl<'a> BoundedVisitor<'a> {
    fn child<'b>(self, location: &'b Location<'b>) -> BoundedVisitor<'b>
    where
        'a: 'b,
    {
        BoundedVisitor { depth: self.depth + 1, location: Some(location), ..self }
    }

    fn check_limits<E: Error>(&self) -> Result<(), E> {
        self.value_count.set(self.value_count.get() + 1);
        let InputLimits { max_values, max_depth } = self.limits;
        let error = if self.depth > max_depth {
            let field = self.location.map_or("", Location::field);
            DecodeError::TooDeep { field: truncate_field_name(field), max_depth }
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
        loop {
            let location = Location { outer: self.location, segment: Segment::Index(list.len()) };
            let Some(entry) = entries.next_element_seed(self.child(&location))? else { break };
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let location = Location { outer: self.location, segment: Segment::Name(&name) };
            let value = entries.next_value_seed(self.child(&location))?;
            if let Some(earlier) = fields.get(&name) {
                self.repeated.borrow_mut().record(&location.path(), earlier, &value);
            }
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
