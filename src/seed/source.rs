//! The text of a seed file, YAML or JSON: parses it, and adds file and line to violations.

use std::path::PathBuf;

use serde_json::Value;

use super::parse_budget::{ParseBudget, ParseLimits};
use super::{depth, json, lines, yaml};
use crate::contract::Violation;

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
    pub(super) fn parse(&self, limits: ParseLimits) -> Result<Value, String> {
        let path = self.path.display();
        if self.is_json() {
            return json::parse(&self.text, limits)
                .map_err(|json::ParseError { line, message }| format!("{path}:{line}: {message}"));
        }
        ParseBudget::check_separators(&self.text, limits)
            .map_err(|limit| format!("{path}:1: {limit}"))?;
        let aliased_anchors = depth::check_depth(&self.text).map_err(|line| {
            format!("{path}:{line}: the value is nested deeper than {} levels", depth::MAX_DEPTH)
        })?;
        yaml::parse(&self.text, limits, &aliased_anchors).map_err(
            |yaml::ParseError { line, message }| match line {
                Some(line) => format!("{path}:{line}: {message}"),
                None => format!("{path}: {message}"),
            },
        )
    }

    /// Formats each violation with its file and line.
    pub(super) fn format_violations(&self, violations: &[Violation]) -> Vec<String> {
        if violations.is_empty() {
            return Vec::new();
        }
        let paths: Vec<&str> = violations.iter().map(|violation| violation.path.as_str()).collect();
        let locate = if self.is_json() { lines::locate_in_json } else { lines::locate_in_yaml };
        let located = violations.iter().zip(locate(&self.text, &paths));
        let path = self.path.display();
        located.map(|(violation, line)| format!("{path}:{line}: {violation}")).collect()
    }
}
