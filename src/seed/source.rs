//! A seed's text: YAML or JSON, and the lines that its parts stand on.

use std::path::PathBuf;

use serde_json::Value;

use super::budget::{Budget, Limits};
use super::{depth, json, lines, yaml};
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

    fn is_json(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "json")
    }

    /// The text as a value.
    ///
    /// # Errors
    /// The fault, with its file and line.
    pub(super) fn parse(&self, limits: Limits) -> Result<Value, String> {
        let path = self.path.display();
        if self.is_json() {
            return json::read(&self.text, limits)
                .map_err(|json::Fault { line, what }| format!("{path}:{line}: {what}"));
        }
        Budget::look(&self.text, limits).map_err(|excess| format!("{path}:1: {excess}"))?;
        let anchors = depth::look(&self.text).map_err(|line| {
            format!("{path}:{line}: this is nested deeper than {} levels", depth::MOST)
        })?;
        yaml::read(&self.text, limits, &anchors).map_err(|yaml::Fault { line, what }| match line {
            Some(line) => format!("{path}:{line}: {what}"),
            None => format!("{path}: {what}"),
        })
    }

    /// Each violation with its file and line.
    pub(super) fn placed(&self, broken: &[Violation]) -> Vec<String> {
        if broken.is_empty() {
            return Vec::new();
        }
        let paths: Vec<&str> = broken.iter().map(|violation| violation.path.as_str()).collect();
        let find = if self.is_json() { lines::in_json } else { lines::in_yaml };
        let placed = broken.iter().zip(find(&self.text, &paths));
        let path = self.path.display();
        placed.map(|(violation, line)| format!("{path}:{line}: {violation}")).collect()
    }
}
