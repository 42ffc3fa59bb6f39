//! Parses YAML into a tree of JSON values within a memory budget, which limits the expansion of aliases.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

use super::parse_budget::{Cost, ParseBudget, ParseLimits};
use crate::contract::quote_value;

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
        Self::at_line(line, UNSUPPORTED_MESSAGE)
    }

    /// Describes a scalar that JSON lacks. Quotes only a number, since another text may be an API key.
    fn unsupported_scalar(text: &str, line: usize) -> Self {
        let digits = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
        if digits.parse::<f64>().is_ok() || matches!(&*digits, ".inf" | ".nan") {
            let quoted = quote_value(&text.into());
            let hint = format!("{UNSUPPORTED_MESSAGE}; put a text in quotes: {quoted}");
            return Self::at_line(line, hint);
        }
        Self::unsupported_value(line)
    }
}

const UNSUPPORTED_MESSAGE: &str =
    "unsupported YAML value: use a text, a number, true, false, null, a list or a mapping";
const KEY_MESSAGE: &str =
    "the name of a field must be a text or a whole number; put another name in quotes";
const MERGE_VALUE_MESSAGE: &str = "the value of a merge key (<<) must be a mapping or a list of mappings, such as <<: *base or <<: [*first, *second]";
const SECOND_MERGE_KEY_MESSAGE: &str =
    "the mapping has a second merge key (<<); use one merge key with a list: <<: [*first, *second]";

/// What becomes of plain scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScalarMode {
    /// Their values.
    Values,
    /// Texts, as they are written.
    SourceTexts,
}

/// A parsed document.
#[derive(Debug, PartialEq)]
pub(super) struct ParsedYaml {
    pub(super) value: Value,
    /// Whether a number is not written in plain digits, such as `00123`, `1.10` or `1e3`.
    pub(super) has_special_numbers: bool,
}

/// Parses the only document of a text. `aliased_anchors` are the anchors that aliases refer to. Merge keys are resolved
/// (the YAML type `merge`): a mapping takes the fields that it lacks from the mappings of its key `<<`, first of all from
/// the first one.
///
/// # Errors
/// The first error, with its line.
pub(super) fn parse(
    text: &str,
    limits: ParseLimits,
    aliased_anchors: &HashSet<usize>,
) -> Result<ParsedYaml, ParseError> {
    let mut builder = TreeBuilder::new(text, limits, aliased_anchors, ScalarMode::Values);
    let value = builder.build(text)?;
    Ok(ParsedYaml { value, has_special_numbers: builder.has_special_numbers })
}

/// Parses a valid document like [`parse`], but each scalar becomes the text that is written.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_source_texts(
    text: &str,
    limits: ParseLimits,
    aliased_anchors: &HashSet<usize>,
) -> Result<Value, ParseError> {
    TreeBuilder::new(text, limits, aliased_anchors, ScalarMode::SourceTexts).build(text)
}

struct TreeBuilder<'a> {
    scalar_mode: ScalarMode,
    has_special_numbers: bool,
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
    Mapping(OpenMapping),
}

#[derive(Default)]
struct OpenMapping {
    fields: Map<String, Value>,
    /// The fields of the merge key; None if it has none so far.
    merged: Option<Map<String, Value>>,
    /// The key of the next value.
    key: Option<Key>,
}

enum Key {
    Field(String),
    Merge,
}

impl OpenMapping {
    /// Returns the fields, and those merged fields that it lacks.
    fn into_fields(self) -> Map<String, Value> {
        let mut fields = self.fields;
        for (name, value) in self.merged.into_iter().flatten() {
            fields.entry(name).or_insert(value);
        }
        fields
    }

    /// Adds the value of a merge key; earlier mappings of a list take precedence.
    fn merge(&mut self, value: Value, line: usize) -> Result<(), ParseError> {
        if self.merged.is_some() {
            return Err(ParseError::at_line(line, SECOND_MERGE_KEY_MESSAGE));
        }
        let mappings = match value {
            Value::Array(mappings) => mappings,
            mapping => vec![mapping],
        };
        let mut merged = Map::new();
        for mapping in mappings {
            let Value::Object(fields) = mapping else {
                return Err(ParseError::at_line(line, MERGE_VALUE_MESSAGE));
            };
            for (name, value) in fields {
                merged.entry(name).or_insert(value);
            }
        }
        self.merged = Some(merged);
        Ok(())
    }
}

impl<'a> TreeBuilder<'a> {
    fn new(
        text: &str,
        limits: ParseLimits,
        aliased_anchors: &'a HashSet<usize>,
        scalar_mode: ScalarMode,
    ) -> Self {
        Self {
            scalar_mode,
            has_special_numbers: false,
            budget: ParseBudget::new(text, limits),
            stack: Vec::new(),
            anchors: HashMap::new(),
            aliased_anchors,
            root: None,
        }
    }

    /// Builds the tree of the only document.
    fn build(&mut self, text: &str) -> Result<Value, ParseError> {
        let mut documents = 0;
        for event in Parser::new_from_str(text) {
            let (event, span) =
                event.map_err(|error| ParseError::at_line(error.marker().line(), error.info()))?;
            documents += usize::from(matches!(event, Event::DocumentStart(_)));
            // Later documents are only counted.
            if documents == 1 {
                self.handle_event(event, span.start.line())?;
            }
        }
        if documents > 1 {
            let message = format!("the seed must have exactly one YAML document, not {documents}");
            return Err(ParseError { line: None, message });
        }
        Ok(self.root.take().unwrap_or_default())
    }

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
                    Container::Mapping(OpenMapping::default()),
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
                    Container::Mapping(mapping) => Value::Object(mapping.into_fields()),
                };
                self.store_anchor(anchor, &value, self.budget.spent_since(spent_before), line)?;
                self.insert_value(value, line)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let cost = Cost::for_text(&text);
                self.spend(cost, line)?;
                let is_key = match self.mapping_without_key() {
                    Some(mapping) if is_merge_key(&text, style, tag.as_deref()) => {
                        mapping.key = Some(Key::Merge);
                        return Ok(());
                    }
                    mapping => mapping.is_some(),
                };
                let value = parse_scalar(Cow::Borrowed(&text), style, tag.as_ref())
                    .ok_or_else(|| ParseError::unsupported_scalar(&text, line))?;
                self.has_special_numbers |= value.is_number() && !is_plain_number(&value, &text);
                let value = match self.scalar_mode {
                    ScalarMode::Values => value,
                    ScalarMode::SourceTexts => Value::String(text.clone().into_owned()),
                };
                self.store_anchor(anchor, &value, cost, line)?;
                // The name of a field is a text, so a number stays as it is written.
                let is_name = is_key && (value.is_i64() || value.is_u64());
                let value = if is_name { Value::String(text.into_owned()) } else { value };
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

    /// Returns the innermost container if it is a mapping that expects a key.
    fn mapping_without_key(&mut self) -> Option<&mut OpenMapping> {
        match self.stack.last_mut().map(|open| &mut open.container) {
            Some(Container::Mapping(mapping)) if mapping.key.is_none() => Some(mapping),
            _ => None,
        }
    }

    /// Returns whether the innermost container is the list of a merge key.
    fn is_in_merge_list(&self) -> bool {
        let outer = self.stack.len().checked_sub(2).and_then(|index| self.stack.get(index));
        outer.is_some_and(|open| {
            matches!(&open.container, Container::Mapping(OpenMapping { key: Some(Key::Merge), .. }))
        })
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
            // The mappings of a merge key are no rows.
            Some(Container::Sequence(_)) if self.is_in_merge_list() => Cost::ITEM.memory_only(),
            Some(Container::Sequence(_)) => Cost::ITEM,
            Some(Container::Mapping(OpenMapping { key: Some(Key::Field(name)), .. })) => {
                Cost::for_field(name)
            }
            Some(Container::Mapping(_)) | None => Cost::default(),
        };
        self.spend(cost, line)?;
        match self.stack.last_mut().map(|open| &mut open.container) {
            None => self.root = Some(value),
            Some(Container::Sequence(items)) => items.push(value),
            Some(Container::Mapping(mapping)) => match mapping.key.take() {
                None => {
                    let name = key_from_value(value)
                        .ok_or_else(|| ParseError::at_line(line, KEY_MESSAGE))?;
                    mapping.key = Some(Key::Field(name));
                }
                Some(Key::Field(name)) => {
                    if mapping.fields.insert(name, value).is_some() {
                        return Err(ParseError::at_line(line, "duplicated key in mapping"));
                    }
                }
                Some(Key::Merge) => mapping.merge(value, line)?,
            },
        }
        Ok(())
    }
}

/// Returns whether a key is a merge key: `<<` without quotes, or any text with the tag `!!merge`.
pub(super) fn is_merge_key(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> bool {
    match tag {
        Some(tag) => tag.is_yaml_core_schema() && tag.suffix == "merge",
        None => style == ScalarStyle::Plain && text == "<<",
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

/// Returns whether a text is the plain digits of a number.
pub(super) fn is_plain_number(number: &Value, text: &str) -> bool {
    let digits = number.to_string();
    !number.is_f64() && digits == text
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
        parse(text, limits, &check_depth(text).expect("not too deep")).map(|parsed| parsed.value)
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
            ("1: a\n-2: b\n007: c\n", json!({ "1": "a", "-2": "b", "007": "c" })),
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
            (
                "a: 1\nb: -.Inf\n",
                2,
                "unsupported YAML value: use a text, a number, true, false, null, a list or a mapping; put a text in quotes: \"-.Inf\"",
            ),
            (
                "a: 1\nb: 1e999\n",
                2,
                "unsupported YAML value: use a text, a number, true, false, null, a list or a mapping; put a text in quotes: \"1e999\"",
            ),
            ("a: 1\n[b]: 2\n", 2, KEY_MESSAGE),
            ("a: 1\n1.5: 2\n", 2, KEY_MESSAGE),
            ("a: 1\ntrue: 2\n", 2, KEY_MESSAGE),
            ("a:\n  <<: 7\n", 2, MERGE_VALUE_MESSAGE),
            ("a:\n  <<:\n", 2, MERGE_VALUE_MESSAGE),
            ("a:\n  <<: x\n", 2, MERGE_VALUE_MESSAGE),
            ("a:\n  <<: [{}, 7]\n", 2, MERGE_VALUE_MESSAGE),
            ("a:\n  <<: [[{}]]\n", 2, MERGE_VALUE_MESSAGE),
            ("a:\n  <<: {}\n  <<: {}\n", 3, SECOND_MERGE_KEY_MESSAGE),
            ("a:\n  <<: { b: 1 }\n  b: 2\n  b: 3\n", 4, "duplicated key in mapping"),
            ("a: &x\n  <<: *x\n", 2, unsupported),
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
    fn merge_keys_are_resolved() {
        let base = "x: &x { a: 1, b: 2 }\ny: &y { b: 3, c: 4 }\nz: ";
        let long = "&z { <<: *x, d: 5 }\nw: ";
        let cases = [
            ("{ <<: *x }", json!({ "a": 1, "b": 2 })),
            ("{ <<: *x, b: 9 }", json!({ "a": 1, "b": 9 })),
            ("{ b: 9, <<: *x }", json!({ "b": 9, "a": 1 })),
            ("{ <<: *x, b: null }", json!({ "b": null, "a": 1 })),
            ("{ <<: [*x, *y] }", json!({ "a": 1, "b": 2, "c": 4 })),
            ("{ <<: [*y, *x] }", json!({ "a": 1, "b": 3, "c": 4 })),
            ("{ <<: [*y, { c: 8, e: 7 }], b: 9 }", json!({ "b": 9, "c": 4, "e": 7 })),
            ("{ <<: { <<: *x, a: 0 }, b: 9 }", json!({ "b": 9, "a": 0 })),
            ("{ <<: { <<: [*y, *x] } }", json!({ "b": 3, "c": 4, "a": 1 })),
            ("{ k: { <<: *x }, <<: *y }", json!({ "k": { "a": 1, "b": 2 }, "b": 3, "c": 4 })),
            ("[{ <<: *x }, { <<: *y }]", json!([{ "a": 1, "b": 2 }, { "b": 3, "c": 4 }])),
            ("{ <<: [] }", json!({})),
            ("{ <<: {} , a: 1 }", json!({ "a": 1 })),
            ("{ !!merge m: *x, a: 3 }", json!({ "a": 3, "b": 2 })),
            ("{ \"<<\": *x, a: 3 }", json!({ "<<": { "a": 1, "b": 2 }, "a": 3 })),
            ("{ !!str <<: *x }", json!({ "<<": { "a": 1, "b": 2 } })),
            ("[<<, { a: << }]", json!(["<<", { "a": "<<" }])),
        ];
        for (text, expected) in cases {
            let parsed = parse_within(&format!("{base}{text}\n"), ParseLimits::SEED);
            assert_eq!(parsed.expect(text)["z"], expected, "{text}");
        }
        let parsed = parse_within(&format!("{base}{long}{{ <<: *z, a: 7 }}\n"), ParseLimits::SEED);
        assert_eq!(parsed.expect("valid")["w"], json!({ "a": 7, "d": 5, "b": 2 }), "a chain");
        let list = format!("{base}&l [*x, *y]\nw: {{ <<: *l }}\n");
        let parsed = parse_within(&list, ParseLimits::SEED).expect("an aliased list");
        assert_eq!(parsed["w"], json!({ "a": 1, "b": 2, "c": 4 }));
    }

    #[test]
    fn mappings_of_a_merge_key_are_no_rows() {
        let limits = ParseLimits { max_rows: 2, ..LIMITS };
        let rows = "- &x { a: 1 }\n- <<: [*x, *x, { b: 2 }]\n";
        assert_eq!(parse_within(rows, limits), Ok(json!([{ "a": 1 }, { "a": 1, "b": 2 }])));
        assert!(parse_within(&format!("{rows}- {{}}\n"), limits).is_err(), "a third row");
    }

    #[test]
    fn scalars_can_be_read_as_they_are_written() {
        let text = "a: [00123, 1.10, 1e3, 0x1F, +5, true, null, ~, '7', x]\n007: &n 1.0\nb: { <<: { c: *n } }\n";
        let expected = json!({
            "a": ["00123", "1.10", "1e3", "0x1F", "+5", "true", "null", "~", "7", "x"],
            "007": "1.0",
            "b": { "c": "1.0" },
        });
        let anchors = check_depth(text).expect("not too deep");
        assert_eq!(parse_source_texts(text, ParseLimits::SEED, &anchors), Ok(expected));
        for (text, expected) in [
            ("a: 00123", true),
            ("a: 1.10", true),
            ("a: 1e3", true),
            ("a: 0x1F", true),
            ("a: +5", true),
            ("a: -0", true),
            ("a: 123", false),
            ("a: -1.5", true),
            ("a: 1.0", true),
            ("a: -7", false),
            ("a: '00123'", false),
            ("a: true", false),
            ("a: x", false),
        ] {
            let anchors = check_depth(text).expect("not too deep");
            let parsed = parse(text, ParseLimits::SEED, &anchors).expect(text);
            assert_eq!(parsed.has_special_numbers, expected, "{text}");
        }
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
            let mut builder =
                TreeBuilder::new(text, ParseLimits::SEED, &aliased_anchors, ScalarMode::Values);
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
