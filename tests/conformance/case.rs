//! A case file: what it holds and where it lies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::variables::to_form_value;
use crate::yaml;

/// The cells of one row of a table, by the name of their column.
pub(crate) type TableRow = Map<String, Value>;

pub(crate) struct Case {
    /// The path below `cases/`.
    pub(crate) file: String,
    pub(crate) scenario: Scenario,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// One sentence: what a client may count on.
    pub(crate) why: String,
    pub(crate) evidence: Evidence,
    /// The page that documents it, or the question that was open.
    pub(crate) source: String,
    /// The fixture of the story's server, or the name of a file in `seeds/`.
    pub(crate) seed: Option<Value>,
    /// The TOML configuration of the story's server.
    pub(crate) config: Option<String>,
    /// The key that is sent wherever a step says nothing else.
    pub(crate) key: Option<String>,
    /// Names of tickets that are made before the first step; each then stands for an id.
    #[serde(default)]
    pub(crate) tickets: Vec<String>,
    pub(crate) table: Option<Vec<TableRow>>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Evidence {
    Documented,
    Chosen,
}

/// What to send and to expect, with names still to be filled in, and what to keep of the answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) send: Value,
    pub(crate) expect: Value,
    /// Name to JSON pointer into the answer.
    #[serde(default)]
    pub(crate) save: BTreeMap<String, String>,
}

impl Case {
    fn load(path: &Path) -> Self {
        let file = path
            .strip_prefix(conformance_dir("cases"))
            .expect("it lies there")
            .display()
            .to_string();
        let story: Scenario = serde_json::from_value(yaml::read_file(path))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(story.why.ends_with('.'), "{file}: `why` is a sentence");
        assert!(!story.source.is_empty(), "{file}: `source` names a source");
        Self { file, scenario: story }
    }

    /// The file's name, and the first cell of the row.
    pub(crate) fn test_name(&self, row: &TableRow) -> String {
        let name = self.file.trim_end_matches(".yaml");
        row.values()
            .next()
            .map_or(name.to_owned(), |cell| format!("{name} [{}]", to_form_value(cell)))
    }
}

/// Every case, in the order of their names.
pub(crate) fn load_all() -> Vec<Case> {
    let mut paths = list_files_recursively(&conformance_dir("cases"));
    paths.sort();
    paths.iter().map(|path| Case::load(path)).collect()
}

/// A folder beside this file.
pub(crate) fn conformance_dir(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(name)
}

fn list_files_recursively(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the entry can be read").path());
    paths
        .flat_map(|path| if path.is_dir() { list_files_recursively(&path) } else { vec![path] })
        .collect()
}
