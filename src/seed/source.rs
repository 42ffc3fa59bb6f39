//! The text of a seed file, YAML or JSON: parses it, and adds file and line to violations.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::parse_budget::{ParseBudget, ParseLimits};
use super::{depth, json, lines, unquoted, yaml};
use crate::contract::{Field, ViolationList};

/// The value of a text.
#[derive(Debug)]
pub(super) struct ParsedSource {
    pub(super) value: Value,
    /// Whether YAML has numbers that are not written in plain digits.
    pub(super) has_special_numbers: bool,
}

/// One file.
#[derive(Debug)]
pub(super) struct SourceText {
    path: PathBuf,
    text: String,
}

impl SourceText {
    pub(super) const fn new(path: PathBuf, text: String) -> Self {
        Self { path, text }
    }

    fn is_json(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "json")
    }

    /// Parses the text.
    ///
    /// # Errors
    /// The first error, with its file and line.
    pub(super) fn parse(&self, limits: ParseLimits) -> Result<ParsedSource, String> {
        let path = self.path.display();
        if self.is_json() {
            return json::parse(&self.text, limits)
                .map(|value| ParsedSource { value, has_special_numbers: false })
                .map_err(|json::ParseError { line, message }| format!("{path}:{line}: {message}"));
        }
        ParseBudget::check_separators(&self.text, limits)
            .map_err(|limit| format!("{path}:1: {limit}"))?;
        let aliased_anchors = depth::check_depth(&self.text).map_err(|line| {
            format!("{path}:{line}: the value is nested deeper than {} levels", depth::MAX_DEPTH)
        })?;
        match yaml::parse(&self.text, limits, &aliased_anchors) {
            Ok(yaml::ParsedYaml { value, has_special_numbers }) => {
                Ok(ParsedSource { value, has_special_numbers })
            }
            Err(yaml::ParseError { line: Some(line), message }) => {
                Err(format!("{path}:{line}: {message}"))
            }
            Err(yaml::ParseError { line: None, message }) => Err(format!("{path}: {message}")),
        }
    }

    /// Checks the numbers that become texts, such as the value of a condition: `00123` would become `123`. Adds an error
    /// for each that has none yet.
    pub(super) fn check_numbers_as_texts(
        &self,
        has_special_numbers: bool,
        fields: &[Field],
        seed: &Map<String, Value>,
        errors: &mut ViolationList,
    ) {
        if !has_special_numbers {
            return;
        }
        let mut numbers = unquoted::find_numbers_as_texts(fields, seed);
        numbers.retain(|(path, _)| errors.violations.iter().all(|error| error.path != *path));
        if numbers.is_empty() {
            return;
        }
        let paths: Vec<&str> = numbers.iter().map(|(path, _)| path.as_str()).collect();
        let source_texts = self.find_scalars(&paths);
        for ((path, number), source_text) in numbers.into_iter().zip(source_texts) {
            if let Some(error) = unquoted::check_number_as_text(path, &number, source_text) {
                errors.push(|| error);
            }
        }
    }

    /// Finds the scalar at each path, as it is written. The text has been parsed before.
    fn find_scalars(&self, paths: &[&str]) -> Vec<Option<String>> {
        if self.is_json() {
            return lines::find_json_scalars(&self.text, paths);
        }
        let tree = depth::check_depth(&self.text).ok().and_then(|aliased_anchors| {
            yaml::parse_source_texts(&self.text, ParseLimits::SEED, &aliased_anchors).ok()
        });
        let Some(tree) = tree else { return vec![None; paths.len()] };
        let find = |path: &&str| {
            lines::split_path(path).try_fold(&tree, |value, part| match value {
                Value::Object(fields) => fields.get(part),
                Value::Array(items) => items.get(part.parse::<usize>().ok()?),
                _ => None,
            })
        };
        let text = |path| find(path).and_then(Value::as_str).map(str::to_owned);
        paths.iter().map(text).collect()
    }

    /// Formats each violation with its file and line, and the number of the omitted ones; `noun` is their plural.
    pub(super) fn format_violations(&self, list: &ViolationList, noun: &str) -> Vec<String> {
        let ViolationList { violations, omitted } = list;
        if violations.is_empty() {
            return Vec::new();
        }
        let paths: Vec<&str> = violations.iter().map(|violation| violation.path.as_str()).collect();
        let locate = if self.is_json() { lines::locate_in_json } else { lines::locate_in_yaml };
        let source_texts = if violations.iter().any(unquoted::concerns_unquoted_scalar) {
            self.find_scalars(&paths)
        } else {
            vec![None; paths.len()]
        };
        let violations = violations.iter().zip(source_texts);
        let violations =
            violations.map(|(violation, text)| unquoted::quote_source(violation, text));
        let located = violations.zip(locate(&self.text, &paths));
        let path = self.path.display();
        let mut lines: Vec<String> =
            located.map(|(violation, line)| format!("{path}:{line}: {violation}")).collect();
        if *omitted > 0 {
            lines.push(format!("{path}: the number of further {noun} is {omitted}"));
        }
        lines
    }
}
