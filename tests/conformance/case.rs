//! Loads case files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::support::yaml;
use crate::variables::to_form_value;

/// The cells of a table row by column name.
pub(crate) type TableRow = Map<String, Value>;

pub(crate) struct Case {
    /// The path below `cases/`.
    pub(crate) file: String,
    pub(crate) scenario: Scenario,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// One sentence: the behavior that a client can rely on.
    pub(crate) why: String,
    pub(crate) evidence: Evidence,
    /// The documentation page, or the question that the documentation leaves open.
    pub(crate) source: String,
    /// The server's fixture, or the name of a file in `seeds/`.
    pub(crate) seed: Option<Value>,
    /// The server's TOML configuration.
    pub(crate) config: Option<String>,
    /// The API key of steps without a key of their own.
    pub(crate) key: Option<String>,
    /// Names of tickets to create before the first step; `{name}` is replaced by the id.
    #[serde(default)]
    pub(crate) tickets: Vec<String>,
    pub(crate) table: Option<Vec<TableRow>>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Evidence {
    Documented,
    Undocumented,
}

/// A request and its expected response, with placeholders, and the values to save from the response.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) send: Value,
    pub(crate) expect: Value,
    /// Variable name to JSON pointer into the response.
    #[serde(default)]
    pub(crate) save: BTreeMap<String, String>,
}

impl Case {
    fn load(path: &Path) -> Self {
        let file = path
            .strip_prefix(conformance_dir("cases"))
            .expect("the path is below cases/")
            .display()
            .to_string();
        let scenario: Scenario = serde_json::from_value(yaml::read_documents(path).remove(0))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(scenario.why.ends_with('.'), "{file}: `why` must end with a full stop");
        assert!(!scenario.source.is_empty(), "{file}: `source` must not be empty");
        Self { file, scenario }
    }

    /// Returns the file name and the first cell of the row.
    pub(crate) fn test_name(&self, row: &TableRow) -> String {
        let name = self.file.trim_end_matches(".yaml");
        row.values()
            .next()
            .map_or(name.to_owned(), |cell| format!("{name} [{}]", to_form_value(cell)))
    }
}

/// Loads every case, sorted by path.
pub(crate) fn load_all() -> Vec<Case> {
    let mut paths = list_files_recursively(&conformance_dir("cases"));
    paths.sort();
    paths.iter().map(|path| Case::load(path)).collect()
}

/// Returns a directory next to this file.
pub(crate) fn conformance_dir(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(name)
}

fn list_files_recursively(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the directory is readable");
    let paths = entries.map(|entry| entry.expect("the entry can be read").path());
    paths
        .flat_map(|path| if path.is_dir() { list_files_recursively(&path) } else { vec![path] })
        .collect()
}
