//! The rules of docs/architecture.md for the structure of the source, checked file by file.

mod imports;
mod manifests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use imports::Modules;

/// The layers from the bottom to the top, each with the paths of its files. A file imports from its own layer and from
/// those below. The longest path that matches decides, so a file can have another layer than its folder. `*` is any
/// folder of a controller.
const LAYERS: &[(&str, &[&str])] = &[
    ("clock", &["clock.rs"]),
    ("text encoding", &["text_encoding.rs"]),
    ("metrics", &["metrics.rs"]),
    ("contract", &["contract/"]),
    ("storage", &["storage/"]),
    ("journal", &["journal/"]),
    ("faults", &["faults/"]),
    ("accounts", &["accounts/"]),
    ("fixture section", &["seed/section.rs"]),
    ("resource models", &["*/model/", "*/store/", "*/fixture/"]),
    ("api", &["api/"]),
    ("resources", &["*/", "controllers.rs"]),
    ("seed", &["seed/"]),
    ("control", &["control/"]),
    ("console", &["console/"]),
    ("server", &["server/"]),
    ("library", &["mock_server.rs", "fuzzing.rs"]),
    ("cli", &["cli/"]),
    ("reference pages", &["reference_pages/"]),
    ("crate", &["lib.rs", "main.rs"]),
];

/// Crates that only some files may use, with these files.
const CRATES: &[(&str, &[&str])] = &[
    ("sqlx", &["storage/", "accounts/catalogue.rs", "*/store/"]),
    ("axum", &["server/", "api/", "control/", "console/", "fuzzing.rs"]),
    ("hyper", &["server/"]),
    (
        "omnidesk_mock_client",
        &["faults/", "api/", "control/", "console/", "mock_server.rs", "lib.rs"],
    ),
    ("clap", &["cli/", "reference_pages/"]),
    ("mimalloc", &["main.rs"]),
    ("signal_hook", &["cli/"]),
    ("toml", &["cli/"]),
    ("tracing_appender", &["cli/"]),
    ("tracing_subscriber", &["cli/"]),
];

/// Folders whose files do not import from another folder below them.
const FORBIDDEN_IMPORTS: &[(&str, &str)] = &[("seed/", "api/")];

/// Paths of the standard library and of crates that only some files may name.
const NAMES: &[(&str, &[&str])] = &[
    // The snippets are code for tests.
    ("std::env", &["cli/", "reference_pages/", "console/code_snippets.rs"]),
    ("Instant::now", &["clock.rs"]),
    ("Timestamp::now", &["clock.rs"]),
    ("SystemTime", &["clock.rs"]),
];

/// Every source file: its path inside `src`, and its text.
fn sources() -> BTreeMap<String, String> {
    fn collect(folder: &Path, root: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path: PathBuf = entry.expect("the entry can be read").path();
            if path.is_dir() {
                collect(&path, root, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("the path is below the root");
                let text = fs::read_to_string(&path).expect("the file is text");
                found.insert(name.display().to_string(), text);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    collect(&root, &root, &mut found);
    found
}

/// The position of a file's layer in [`LAYERS`].
fn layer(file: &str) -> usize {
    let matches = LAYERS.iter().enumerate().flat_map(|(index, (_, paths))| {
        paths.iter().filter_map(move |path| Some((matched_length(file, path)?, index)))
    });
    matches.max().map_or_else(|| panic!("{file} has no layer"), |(_, index)| index)
}

/// How much of the file's path a pattern matches; None if it does not match.
fn matched_length(file: &str, pattern: &str) -> Option<usize> {
    let Some(rest) = pattern.strip_prefix('*') else {
        return file.starts_with(pattern).then_some(pattern.len());
    };
    let (folder, below) = file.split_at(file.find('/')?);
    // `api/controller.rs` is the type that the other ones declare.
    let declares_controller = |folder: &str| {
        let path = format!("src/{folder}/controller.rs");
        folder != "api" && Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
    };
    let matches = below.starts_with(rest) && declares_controller(folder);
    matches.then_some(folder.len() + rest.len())
}

fn is_below(file: &str, paths: &[&str]) -> bool {
    paths.iter().any(|path| matched_length(file, path).is_some())
}

#[test]
fn imports_point_down() {
    let modules = Modules::parse(&sources());
    let mut violations = BTreeSet::new();
    for (file, imported) in modules.imports() {
        for target in imported {
            let is_forbidden = FORBIDDEN_IMPORTS
                .iter()
                .any(|(folder, other)| file.starts_with(folder) && target.starts_with(other));
            if layer(target) > layer(file) || is_forbidden {
                violations.insert(format!("{file} imports {target}"));
            }
        }
    }
    assert!(violations.is_empty(), "these imports are not allowed: {violations:#?}");
}

#[test]
fn files_do_not_import_each_other() {
    let modules = Modules::parse(&sources());
    let cycles = modules.cycles();
    assert!(cycles.is_empty(), "import cycles: {cycles:#?}");
}

#[test]
fn crates_are_used_in_their_layers() {
    let modules = Modules::parse(&sources());
    let mut violations = BTreeSet::new();
    for (file, crates) in modules.crates() {
        for (name, paths) in CRATES {
            if crates.contains(*name) && !is_below(file, paths) {
                violations.insert(format!("{file} uses {name}"));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn clocks_and_environment_are_read_in_one_place() {
    let mut violations = BTreeSet::new();
    for (file, text) in sources() {
        for (name, paths) in NAMES {
            if text.contains(name) && !is_below(&file, paths) {
                violations.insert(format!("{file} names {name}"));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn every_file_begins_with_its_purpose() {
    for (file, text) in sources() {
        assert!(text.starts_with("//! "), "{file} does not begin with a module comment");
    }
}
