//! Parses YAML into a tree of JSON values within a memory budget, which limits the expansion of aliases.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

use super::parse_budget::{Cost, ParseBudget, ParseLimits};

/// A syntax error or an exceeded limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParseError {
    /// None if the error concerns the whole text.
    pub(super) line: Option<usize>,
    pub(super) message: String,
}

impl ParseError {
    fn at_line(line: usize, message: impl Into<String>) -> Self {
        Self { line: Some(line), message: message.into() }
    }

    fn unsupported_value(line: usize) -> Self {
        Self::at_line(
            line,
            "unsupported YAML value: use a text, a number, true, false, null, a list or a mapping",
        )
    }
}

/// Parses the only document of a text. `aliased_anchors` are the anchors that aliases refer to.
///
/// # Errors
/// The first error, with its line.
pub(super) fn parse(
    text: &str,
    limits: ParseLimits,
    aliased_anchors: &HashSet<usize>,
) -> Result<Value, ParseError> {
    let mut builder = TreeBuilder {
        budget: ParseBudget::new(text, limits),
        stack: Vec::new(),
        anchors: HashMap::new(),
        aliased_anchors,
        root: None,
    };
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| ParseError::at_line(error.marker().line(), error.info()))?;
        documents += usize::from(matches!(event, Event::DocumentStart(_)));
        // Later documents are only counted.
        if documents == 1 {
            builder.handle_event(event, span.start.line())?;
        }
    }
    if documents > 1 {
        let message = format!("the seed must have exactly one YAML document, not {documents}");
        return Err(ParseError { line: None, message });
    }
    Ok(builder.root.unwrap_or_default())
}

struct TreeBuilder<'a> {
    budget: ParseBudget,
    stack: Vec<OpenContainer>,
    anchors: HashMap<usize, (Value, Cost)>,
    aliased_anchors: &'a HashSet<usize>,
    root: Option<Value>,
}

/// An unfinished list or mapping.
struct OpenContainer {
    /// 0 if it has no anchor.
    anchor: usize,
    /// The cost spent before it started.
    spent_before: Cost,
    line: usize,
    container: Container,
}

enum Container {
    Sequence(Vec<Value>),
    /// With the key of the next value.
    Mapping(Map<String, Value>, Option<String>),
}

impl TreeBuilder<'_> {
    fn handle_event(&mut self, event: Event<'_>, line: usize) -> Result<(), ParseError> {
        match event {
            Event::SequenceStart(anchor, tag) => {
                self.begin_container(anchor, tag.as_deref(), line, Container::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.spend(Cost::MAPPING, line)?;
                self.begin_container(
                    anchor,
                    tag.as_deref(),
                    line,
                    Container::Mapping(Map::new(), None),
                )
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(OpenContainer { anchor, spent_before, line, container }) =
                    self.stack.pop()
                else {
                    return Ok(());
                };
                let value = match container {
                    Container::Sequence(items) => Value::Array(items),
                    Container::Mapping(fields, _) => Value::Object(fields),
                };
                self.store_anchor(anchor, &value, self.budget.spent_since(spent_before), line)?;
                self.insert_value(value, line)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let cost = Cost::for_text(&text);
                self.spend(cost, line)?;
                let value = parse_scalar(text, style, tag.as_ref())
                    .ok_or_else(|| ParseError::unsupported_value(line))?;
                self.store_anchor(anchor, &value, cost, line)?;
                self.insert_value(value, line)
            }
            Event::Alias(anchor) => {
                // An alias inside of its own anchor would expand without end.
                let known_cost = self.anchors.get(&anchor).map(|(_, cost)| *cost);
                let cost = known_cost.ok_or_else(|| ParseError::unsupported_value(line))?;
                self.budget
                    .spend_alias(cost)
                    .map_err(|limit| ParseError::at_line(line, limit.to_string()))?;
                let value = self.anchors.get(&anchor).map(|(value, _)| value.clone());
                self.insert_value(value.unwrap_or_default(), line)
            }
            _ => Ok(()),
        }
    }

    fn begin_container(
        &mut self,
        anchor: usize,
        tag: Option<&Tag>,
        line: usize,
        container: Container,
    ) -> Result<(), ParseError> {
        if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
            return Err(ParseError::unsupported_value(line));
        }
        self.stack.push(OpenContainer {
            anchor,
            spent_before: self.budget.spent(),
            line,
            container,
        });
        Ok(())
    }

    fn spend(&mut self, cost: Cost, line: usize) -> Result<(), ParseError> {
        self.budget.spend(cost).map_err(|limit| ParseError::at_line(line, limit.to_string()))
    }

    /// Stores a copy of an aliased value, which costs memory too.
    fn store_anchor(
        &mut self,
        anchor: usize,
        value: &Value,
        cost: Cost,
        line: usize,
    ) -> Result<(), ParseError> {
        if self.aliased_anchors.contains(&anchor) {
            self.spend(cost.memory_only(), line)?;
            self.anchors.insert(anchor, (value.clone(), cost));
        }
        Ok(())
    }

    /// Adds a value to the innermost container, or as its next key.
    fn insert_value(&mut self, value: Value, line: usize) -> Result<(), ParseError> {
        let cost = match self.stack.last().map(|open| &open.container) {
            None => Cost::default(),
            Some(Container::Sequence(_)) => Cost::ITEM,
            Some(Container::Mapping(_, key)) => {
                key.as_deref().map(Cost::for_field).unwrap_or_default()
            }
        };
        self.spend(cost, line)?;
        match self.stack.last_mut().map(|open| &mut open.container) {
            None => self.root = Some(value),
            Some(Container::Sequence(items)) => items.push(value),
            Some(Container::Mapping(fields, key)) => match key.take() {
                None => {
                    *key = Some(
                        key_from_value(value).ok_or_else(|| ParseError::unsupported_value(line))?,
                    );
                }
                Some(key) => {
                    if fields.insert(key, value).is_some() {
                        return Err(ParseError::at_line(line, "duplicated key in mapping"));
                    }
                }
            },
        }
        Ok(())
    }
}

/// Converts a scalar to JSON; None if JSON has no such value.
fn parse_scalar(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Cow<'_, Tag>>,
) -> Option<Value> {
    Some(match Scalar::parse_from_cow_and_metadata(text, style, tag)? {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::Bool(flag),
        Scalar::Integer(number) => Value::Number(number.into()),
        Scalar::FloatingPoint(number) => Value::Number(Number::from_f64(number.into_inner())?),
        Scalar::String(text) => Value::String(text.into_owned()),
    })
}

/// Converts the key of a mapping to text; None if it is neither a text nor an integer.
fn key_from_value(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::seed::depth::check_depth;

    const LIMITS: ParseLimits = ParseLimits { max_rows: 5, ..ParseLimits::IMPORT };

    fn parse_within(text: &str, limits: ParseLimits) -> Result<Value, ParseError> {
        parse(text, limits, &check_depth(text).expect("not too deep"))
    }

    #[test]
    fn yaml_becomes_json() {
        let cases = [
            ("", json!(null)),
            ("# nothing\n", json!(null)),
            ("7", json!(7)),
            ("a: 1\nb: [x, \"1\", 'y']\n", json!({ "a": 1, "b": ["x", "1", "y"] })),
            ("- true\n- null\n- ~\n- -7\n- 1.5\n", json!([true, null, null, -7, 1.5])),
            ("[no, yes, on]", json!(["no", "yes", "on"])),
            ("a: |\n  x\n  y\n", json!({ "a": "x\ny\n" })),
            ("1: a\n-2: b\n", json!({ "1": "a", "-2": "b" })),
            ("a: !!str 1", json!({ "a": "1" })),
            ("a: {}\nb: []\nc:\n", json!({ "a": {}, "b": [], "c": null })),
            ("a: &x [1, 2]\nb: *x\n", json!({ "a": [1, 2], "b": [1, 2] })),
            (
                "a: &x {b: &y 1, c: *y}\nd: *x\n",
                json!({ "a": { "b": 1, "c": 1 }, "d": { "b": 1, "c": 1 } }),
            ),
            ("&k a: 1\nb: *k\n", json!({ "a": 1, "b": "a" })),
            ("a: &x 1\nb: &x 2\nc: *x\n", json!({ "a": 1, "b": 2, "c": 2 })),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_within(text, LIMITS), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn errors_have_their_line() {
        let unsupported =
            "unsupported YAML value: use a text, a number, true, false, null, a list or a mapping";
        let cases = [
            ("a: 1\na: 2\n", 2, "duplicated key in mapping"),
            ("a: 1\nb: .nan\n", 2, unsupported),
            ("a: 1\nb: .inf\n", 2, unsupported),
            ("a: 1\n[b]: 2\n", 2, unsupported),
            ("a: 1\n1.5: 2\n", 2, unsupported),
            ("a: 1\ntrue: 2\n", 2, unsupported),
            ("a: 1\nb: !x {}\n", 2, unsupported),
            ("a: 1\nb: !x []\n", 2, unsupported),
            (
                "a: [1,\n 2,\n 3,\n 4,\n 5,\n 6]\n",
                6,
                "accounts must have at most 5 rows in one import",
            ),
            ("a: &x [1, 2]\nb: *x\nc: *x\n", 3, "accounts must have at most 5 rows in one import"),
        ];
        for (text, line, message) in cases {
            let error = parse_within(text, LIMITS).expect_err(text);
            assert_eq!(error.line, Some(line), "{text:?}: {error:?}");
            assert!(error.message.starts_with(message), "{text:?}: {error:?}");
        }
        let syntax = parse_within("a: 1\nb: \"x\n", LIMITS).expect_err("the quote is not closed");
        assert!(syntax.line.is_some_and(|line| line >= 2), "{syntax:?}");
    }

    #[test]
    fn seed_has_one_document() {
        assert_eq!(parse_within("---\na: 1\n...\n", LIMITS), Ok(json!({ "a": 1 })));
        assert_eq!(
            parse_within("a: 1\n---\nb: 2\n---\n", LIMITS),
            Err(ParseError {
                line: None,
                message: "the seed must have exactly one YAML document, not 3".to_owned(),
            })
        );
    }

    #[test]
    fn text_of_aliases_is_limited() {
        let limits = ParseLimits { max_alias_bytes: 20, max_rows: usize::MAX, ..LIMITS };
        let text = "a: &x 0123456789\nb: *x\nc: *x\n";
        assert!(parse_within(text, limits).is_ok());
        let error = parse_within(&format!("{text}d: *x\n"), limits).expect_err("30 bytes");
        assert_eq!(error.line, Some(4));
        assert!(error.message.starts_with("the aliases up to this line expand to more than 0 MiB"));
        let nested = "a: &x [0123456789, 0123456789]\nb: *x\n";
        assert!(parse_within(nested, limits).is_ok());
        let error = parse_within(&format!("{nested}c: *x\n"), limits).expect_err("40 bytes");
        assert_eq!(error.line, Some(3));
    }

    #[test]
    fn alias_costs_as_much_as_its_value_and_an_aliased_value_twice() {
        let cost_of = |text: &str| {
            let aliased_anchors = check_depth(text).expect("not too deep");
            let mut builder = TreeBuilder {
                budget: ParseBudget::new(text, ParseLimits::SEED),
                stack: Vec::new(),
                anchors: HashMap::new(),
                aliased_anchors: &aliased_anchors,
                root: None,
            };
            for event in Parser::new_from_str(text) {
                let (event, span) = event.expect("valid YAML");
                builder.handle_event(event, span.start.line()).expect("within the limits");
            }
            builder.budget.spent()
        };
        let fields = |names: &[&str]| {
            let costs = names.iter().flat_map(|name| [Cost::for_text(name), Cost::for_field(name)]);
            costs.chain([Cost::MAPPING]).collect::<Vec<_>>()
        };
        let list = [Cost::for_text("x"), Cost::ITEM];
        let copy = list.map(Cost::memory_only);
        for (text, parts) in [
            ("a: [x]", [&fields(&["a"])[..], &list].concat()),
            ("a: &x [x]", [&fields(&["a"])[..], &list].concat()),
            ("a: &x [x]\nb: *x", [&fields(&["a", "b"])[..], &list, &copy, &list].concat()),
            (
                "a: &x [x]\nb: *x\nc: *x",
                [&fields(&["a", "b", "c"])[..], &list, &copy, &list, &list].concat(),
            ),
        ] {
            let mut expected = ParseBudget::new(text, ParseLimits::SEED);
            for part in parts {
                expected.spend(part).expect("within the limits");
            }
            assert_eq!(cost_of(text), expected.spent(), "{text}");
        }
    }

    /// Generates JSON of texts that need no escapes of surrogates, and of numbers that fit.
    fn any_json() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1000..1000_i32).prop_map(|number| Value::from(f64::from(number) / 8.0)),
            "[ -~é\n\t]{0,8}".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ -~é]{0,4}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_is_yaml(value in any_json()) {
            let text = serde_json::to_string_pretty(&value).expect("JSON");
            prop_assert_eq!(parse_within(&text, ParseLimits::SEED), Ok(value));
        }
    }
}
