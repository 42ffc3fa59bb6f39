//! YAML as a tree of JSON values. It is counted while it is read, and no alias is followed that would make too much.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

use super::budget::{Budget, Cost, Limits};

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// None where it is about the whole.
    pub(super) line: Option<usize>,
    pub(super) what: String,
}

impl Fault {
    fn at(line: usize, what: impl Into<String>) -> Self {
        Self { line: Some(line), what: what.into() }
    }

    fn no_value(line: usize) -> Self {
        Self::at(line, "this is neither a text, a number, a list nor a mapping")
    }
}

/// Reads the only document of a text. `used` are the anchors that an alias names.
///
/// # Errors
/// What is wrong first, with its line.
pub(super) fn read(text: &str, limits: Limits, used: &HashSet<usize>) -> Result<Value, Fault> {
    let mut reader = Reader {
        budget: Budget::new(text, limits),
        open: Vec::new(),
        anchors: HashMap::new(),
        used,
        read: None,
    };
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| Fault::at(error.marker().line(), error.info()))?;
        documents += usize::from(matches!(event, Event::DocumentStart(_)));
        // What comes after the first one is only counted.
        if documents == 1 {
            reader.take(event, span.start.line())?;
        }
    }
    if documents > 1 {
        let what = format!("a seed is one YAML document, not {documents}");
        return Err(Fault { line: None, what });
    }
    Ok(reader.read.unwrap_or_default())
}

struct Reader<'a> {
    budget: Budget,
    open: Vec<Open>,
    anchors: HashMap<usize, (Value, Cost)>,
    used: &'a HashSet<usize>,
    read: Option<Value>,
}

/// A list or a mapping that has begun.
struct Open {
    /// 0 where it has none.
    anchor: usize,
    /// What had been spent when it began.
    before: Cost,
    line: usize,
    node: Node,
}

enum Node {
    List(Vec<Value>),
    /// With the key whose value comes next.
    Mapping(Map<String, Value>, Option<String>),
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Fault> {
        match event {
            Event::SequenceStart(anchor, tag) => {
                self.begin(anchor, tag.as_deref(), line, Node::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.spend(Cost::MAPPING, line)?;
                self.begin(anchor, tag.as_deref(), line, Node::Mapping(Map::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { anchor, before, line, node }) = self.open.pop() else {
                    return Ok(());
                };
                let value = match node {
                    Node::List(entries) => Value::Array(entries),
                    Node::Mapping(fields, _) => Value::Object(fields),
                };
                self.note(anchor, &value, self.budget.since(before), line)?;
                self.place(value, line)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let cost = Cost::text(&text);
                self.spend(cost, line)?;
                let value =
                    scalar(text, style, tag.as_ref()).ok_or_else(|| Fault::no_value(line))?;
                self.note(anchor, &value, cost, line)?;
                self.place(value, line)
            }
            Event::Alias(anchor) => {
                // One that stands for what it is in has no end.
                let known = self.anchors.get(&anchor).map(|(_, cost)| *cost);
                let cost = known.ok_or_else(|| Fault::no_value(line))?;
                self.budget
                    .spend_alias(cost)
                    .map_err(|excess| Fault::at(line, excess.to_string()))?;
                let value = self.anchors.get(&anchor).map(|(value, _)| value.clone());
                self.place(value.unwrap_or_default(), line)
            }
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        anchor: usize,
        tag: Option<&Tag>,
        line: usize,
        node: Node,
    ) -> Result<(), Fault> {
        if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
            return Err(Fault::no_value(line));
        }
        self.open.push(Open { anchor, before: self.budget.spent(), line, node });
        Ok(())
    }

    fn spend(&mut self, cost: Cost, line: usize) -> Result<(), Fault> {
        self.budget.spend(cost).map_err(|excess| Fault::at(line, excess.to_string()))
    }

    /// Keeps what an alias stands for. The copy counts too.
    fn note(&mut self, anchor: usize, value: &Value, cost: Cost, line: usize) -> Result<(), Fault> {
        if self.used.contains(&anchor) {
            self.spend(cost.copied(), line)?;
            self.anchors.insert(anchor, (value.clone(), cost));
        }
        Ok(())
    }

    /// Puts a value where it belongs.
    fn place(&mut self, value: Value, line: usize) -> Result<(), Fault> {
        let cost = match self.open.last().map(|open| &open.node) {
            None => Cost::default(),
            Some(Node::List(_)) => Cost::ENTRY,
            Some(Node::Mapping(_, name)) => name.as_deref().map(Cost::field).unwrap_or_default(),
        };
        self.spend(cost, line)?;
        match self.open.last_mut().map(|open| &mut open.node) {
            None => self.read = Some(value),
            Some(Node::List(entries)) => entries.push(value),
            Some(Node::Mapping(fields, name)) => match name.take() {
                None => *name = Some(key(value).ok_or_else(|| Fault::no_value(line))?),
                Some(name) => {
                    if fields.insert(name, value).is_some() {
                        return Err(Fault::at(line, "duplicated key in mapping"));
                    }
                }
            },
        }
        Ok(())
    }
}

/// A scalar as a JSON value; None where JSON has none for it.
fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Cow<'_, Tag>>) -> Option<Value> {
    Some(match Scalar::parse_from_cow_and_metadata(text, style, tag)? {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::Bool(flag),
        Scalar::Integer(number) => Value::Number(number.into()),
        Scalar::FloatingPoint(number) => Value::Number(Number::from_f64(number.into_inner())?),
        Scalar::String(text) => Value::String(text.into_owned()),
    })
}

/// What a mapping's key is called.
fn key(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}
