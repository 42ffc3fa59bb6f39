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
