//! Parses JSON into a tree of values within a memory budget.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::parse_budget::{Cost, LimitExceeded, ParseBudget, ParseLimits};

/// A syntax error or an exceeded limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParseError {
    pub(super) line: usize,
    pub(super) message: String,
}

/// Parses a text.
///
/// # Errors
/// The first error, with its line.
pub(super) fn parse(text: &str, limits: ParseLimits) -> Result<Value, ParseError> {
    let (budget, exceeded_limit) = (RefCell::new(ParseBudget::new(text, limits)), Cell::new(None));
    let mut input = serde_json::Deserializer::from_str(text);
    let visitor = BudgetedVisitor { budget: &budget, exceeded_limit: &exceeded_limit };
    let parsed = visitor.deserialize(&mut input).and_then(|value| input.end().map(|()| value));
    parsed.map_err(|error| {
        let message =
            exceeded_limit.get().map_or_else(|| error.to_string(), |limit| limit.to_string());
        ParseError { line: error.line(), message }
    })
}

/// Builds a value until the budget is spent.
#[derive(Clone, Copy)]
struct BudgetedVisitor<'a> {
    budget: &'a RefCell<ParseBudget>,
    /// The exceeded limit; serde's own errors cannot carry it.
    exceeded_limit: &'a Cell<Option<LimitExceeded>>,
}

impl BudgetedVisitor<'_> {
    fn spend<E: Error>(&self, cost: Cost) -> Result<(), E> {
        self.budget.borrow_mut().spend(cost).map_err(|limit| {
            self.exceeded_limit.set(Some(limit));
            E::custom("a limit is exceeded")
        })
    }
}

impl<'de> DeserializeSeed<'de> for BudgetedVisitor<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BudgetedVisitor<'_> {
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
        self.spend(Cost::for_text(text))?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element_seed(self)? {
            self.spend(Cost::ITEM)?;
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.spend(Cost::MAPPING)?;
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            self.spend(Cost::for_field(&name))?;
            let value = entries.next_value_seed(self)?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const LIMITS: ParseLimits = ParseLimits { max_rows: 3, ..ParseLimits::IMPORT };

    fn any_json() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("\\PC{0,4}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn valid_json_is_parsed_unchanged(value in any_json()) {
            prop_assert_eq!(parse(&value.to_string(), ParseLimits::SEED), Ok(value));
        }
    }

    #[test]
    fn last_value_of_a_name_wins() {
        assert_eq!(parse("{\"a\":1,\"a\":2}", LIMITS), Ok(json!({ "a": 2 })));
    }

    #[test]
    fn errors_have_their_line() {
        let rows = "accounts must have at most 3 rows in one import; split it into several imports, or use a seed";
        let cases = [
            ("{\n\"a\":\n}", 3, "expected value"),
            ("[1,\n2", 2, "EOF while parsing a list"),
            ("{}\n{}", 2, "trailing characters"),
            ("", 1, "EOF while parsing a value"),
            ("[1,\n2,\n3,\n4]", 4, rows),
            ("[[1],\n[2]]", 2, rows),
        ];
        for (text, line, message) in cases {
            let error = parse(text, LIMITS).expect_err("invalid");
            assert_eq!(error.line, line, "{text:?}: {error:?}");
            assert!(error.message.starts_with(message), "{text:?}: {error:?}");
        }
        assert_eq!(parse("[[1],\n2]", LIMITS), Ok(json!([[1], 2])), "three rows");
    }

    #[test]
    fn values_cost_memory_rows_and_text() {
        let cost_of = |text: &str| {
            let budget = RefCell::new(ParseBudget::new(text, ParseLimits::SEED));
            let visitor = BudgetedVisitor { budget: &budget, exceeded_limit: &Cell::new(None) };
            visitor.deserialize(&mut serde_json::Deserializer::from_str(text)).expect("valid JSON");
            budget.into_inner().spent()
        };
        for (text, parts) in [
            ("7", &[][..]),
            ("\"abc\"", &[Cost::for_text("abc")]),
            ("[]", &[]),
            ("[1, \"x\"]", &[Cost::ITEM, Cost::for_text("x"), Cost::ITEM]),
            ("{}", &[Cost::MAPPING]),
            ("{\"ab\": [{}]}", &[Cost::MAPPING, Cost::for_field("ab"), Cost::MAPPING, Cost::ITEM]),
        ] {
            let mut expected = ParseBudget::new(text, ParseLimits::SEED);
            for part in parts {
                expected.spend(*part).expect("within the limits");
            }
            assert_eq!(cost_of(text), expected.spent(), "{text}");
        }
    }
}
