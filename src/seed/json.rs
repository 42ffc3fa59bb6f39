//! JSON as a tree of values, counted while it is read.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::budget::{Budget, Cost, Excess, Limits};

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) what: String,
}

/// Reads a text.
///
/// # Errors
/// What is wrong first, with its line.
pub(super) fn read(text: &str, limits: Limits) -> Result<Value, Fault> {
    let (budget, excess) = (RefCell::new(Budget::new(text, limits)), Cell::new(None));
    let mut input = serde_json::Deserializer::from_str(text);
    let counted = Counted { budget: &budget, excess: &excess };
    let read = counted.deserialize(&mut input).and_then(|value| input.end().map(|()| value));
    read.map_err(|error| {
        let what = excess.get().map_or_else(|| error.to_string(), |excess| excess.to_string());
        Fault { line: error.line(), what }
    })
}

/// Reads a value as long as there is something left to spend.
#[derive(Clone, Copy)]
struct Counted<'a> {
    budget: &'a RefCell<Budget>,
    /// The bound that was broken; serde's own errors cannot carry it.
    excess: &'a Cell<Option<Excess>>,
}

impl Counted<'_> {
    fn spend<E: Error>(&self, cost: Cost) -> Result<(), E> {
        self.budget.borrow_mut().spend(cost).map_err(|excess| {
            self.excess.set(Some(excess));
            E::custom("a bound is broken")
        })
    }
}

impl<'de> DeserializeSeed<'de> for Counted<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counted<'_> {
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

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.spend(Cost::text(text))?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element_seed(self)? {
            self.spend(Cost::ENTRY)?;
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.spend(Cost::MAPPING)?;
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            self.spend(Cost::field(&name))?;
            let value = entries.next_value_seed(self)?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}
