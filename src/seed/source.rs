//! A seed's text: YAML or JSON, and the lines that its parts stand on.

use std::path::PathBuf;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Number, Value};

use super::depth;
use crate::rules::Violation;

/// One file.
#[derive(Debug)]
pub(super) struct Text {
    path: PathBuf,
    text: String,
}

impl Text {
    pub(super) const fn new(path: PathBuf, text: String) -> Self {
        Self { path, text }
    }

    /// The text as a value.
    ///
    /// # Errors
    /// The fault, with its file and line.
    pub(super) fn parse(&self) -> Result<Value, String> {
        if self.path.extension().is_some_and(|extension| extension == "json") {
            return serde_json::from_str(&self.text)
                .map_err(|error| format!("{}:{}: {error}", self.path.display(), error.line()));
        }
        self.document()?.as_ref().map_or(Ok(Value::Null), |document| {
            value(document).map_err(|line| {
                format!(
                    "{}:{line}: this is neither a text, a number, a list nor a mapping",
                    self.path.display()
                )
            })
        })
    }

    /// Each violation with its file and line.
    pub(super) fn placed(&self, broken: &[Violation]) -> Vec<String> {
        let document = if broken.is_empty() { None } else { self.document().ok().flatten() };
        let line = |violation: &Violation| {
            document.as_ref().map_or(1, |document| line(document, &violation.path))
        };
        broken
            .iter()
            .map(|violation| format!("{}:{}: {violation}", self.path.display(), line(violation)))
            .collect()
    }

    /// The only YAML document; JSON is YAML as well.
    fn document(&self) -> Result<Option<MarkedYaml<'_>>, String> {
        if let Some(line) = depth::too_deep(&self.text) {
            return Err(format!(
                "{}:{line}: this is nested deeper than {} levels",
                self.path.display(),
                depth::MOST
            ));
        }
        let documents = MarkedYaml::load_from_str(&self.text).map_err(|error| {
            format!("{}:{}: {}", self.path.display(), error.marker().line(), error.info())
        })?;
        if documents.len() > 1 {
            return Err(format!(
                "{}: a seed is one YAML document, not {}",
                self.path.display(),
                documents.len()
            ));
        }
        Ok(documents.into_iter().next())
    }
}

/// A node as a JSON value.
///
/// # Errors
/// The line of what JSON cannot hold.
fn value(node: &MarkedYaml) -> Result<Value, usize> {
    match &node.data {
        YamlData::Value(scalar) => scalar_value(scalar).ok_or(node.span.start.line()),
        YamlData::Sequence(entries) => entries.iter().map(value).collect(),
        YamlData::Mapping(entries) => {
            let entries = entries
                .iter()
                .map(|(key, entry)| Ok((name(key).ok_or(key.span.start.line())?, value(entry)?)));
            Ok(Value::Object(entries.collect::<Result<Map<_, _>, usize>>()?))
        }
        _ => Err(node.span.start.line()),
    }
}

fn scalar_value(scalar: &Scalar) -> Option<Value> {
    Some(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::Bool(*flag),
        Scalar::Integer(number) => Value::Number((*number).into()),
        Scalar::FloatingPoint(number) => Value::Number(Number::from_f64(number.into_inner())?),
        Scalar::String(text) => Value::String(text.to_string()),
    })
}

fn name(key: &MarkedYaml) -> Option<String> {
    match &key.data {
        YamlData::Value(Scalar::String(text)) => Some(text.to_string()),
        YamlData::Value(Scalar::Integer(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// The line of what the path leads to, or of the last part of the way that exists.
fn line(document: &MarkedYaml, path: &str) -> usize {
    let mut node = document;
    let mut line = node.span.start.line();
    for segment in path.split(['[', ']']).filter(|segment| !segment.is_empty()) {
        let found = match &node.data {
            YamlData::Sequence(entries) => segment
                .parse()
                .ok()
                .and_then(|index: usize| entries.get(index))
                .map(|entry| (entry, entry)),
            YamlData::Mapping(entries) => {
                entries.iter().find(|(key, _)| name(key).as_deref() == Some(segment))
            }
            _ => None,
        };
        let Some((key, entry)) = found else { break };
        line = key.span.start.line();
        node = entry;
    }
    line
}
