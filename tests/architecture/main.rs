//! The arrows of ARCHITECTURE.md, held against the imports of the source.

use std::fs;
use std::path::{Path, PathBuf};

/// What each part may import of ours: only parts in rows above its own, so there is no circle.
const ARROWS: &[(&str, &[&str])] = &[
    ("rules", &[]),
    ("clock", &[]),
    ("limits", &[]),
    ("metrics", &[]),
    ("system", &[]),
    ("dialect", &["rules"]),
    ("storage", &["clock", "metrics"]),
    ("settings", &["clock", "limits", "storage"]),
    ("journal", &["rules", "clock"]),
    ("faults", &["journal"]),
    ("pace", &[]),
    ("accounts", &["journal", "faults", "pace", "storage", "dialect", "clock", "metrics"]),
    ("answers", &["accounts", "journal"]),
    ("terminal", &[]),
    ("port_file", &["terminal"]),
    ("state", &["accounts", "answers", "journal", "limits", "metrics"]),
    (
        "http",
        &[
            "accounts", "answers", "journal", "faults", "pace", "storage", "dialect", "rules",
            "clock", "state", "limits", "metrics",
        ],
    ),
    ("line", &["http", "clock", "limits"]),
    ("unread", &["http", "limits"]),
    ("tickets", &["http", "accounts", "journal", "storage", "dialect", "rules", "clock", "limits"]),
    ("seed", &["tickets", "accounts", "storage", "dialect", "rules", "clock"]),
    ("fidelity", &["tickets", "http", "dialect", "rules"]),
    (
        "control",
        &[
            "seed", "fidelity", "tickets", "http", "accounts", "journal", "faults", "pace",
            "storage", "dialect", "rules", "clock", "state", "metrics", "limits",
        ],
    ),
    ("console", &["control", "tickets", "http", "journal", "faults", "rules", "state"]),
    ("telemetry", &["http", "settings"]),
    (
        "app",
        &[
            "console",
            "control",
            "tickets",
            "http",
            "state",
            "dialect",
            "telemetry",
            "metrics",
            "clock",
        ],
    ),
    ("connections", &["app", "line", "unread", "http", "limits", "state", "telemetry"]),
    (
        "server",
        &[
            "connections",
            "seed",
            "accounts",
            "answers",
            "journal",
            "storage",
            "state",
            "settings",
            "dialect",
            "limits",
            "metrics",
            "system",
            "terminal",
            "port_file",
        ],
    ),
    ("client", &["control"]),
    ("mock_server", &["client", "server", "settings", "terminal"]),
    ("signals", &["terminal"]),
    ("serve", &["server", "port_file", "settings", "signals", "system", "telemetry", "terminal"]),
    (
        "run",
        &[
            "server",
            "port_file",
            "control",
            "settings",
            "signals",
            "system",
            "telemetry",
            "terminal",
        ],
    ),
    (
        "cli",
        &[
            "run", "serve", "server", "app", "control", "fidelity", "seed", "settings", "dialect",
            "clock", "terminal",
        ],
    ),
    ("lib", &["control"]),
    ("fuzzing", &["server", "app", "http", "seed", "settings", "limits"]),
    ("main", &[]),
];

/// Words that may stand only in the files whose path begins or ends so.
const WORDS: &[(&str, &[&str])] = &[
    ("sqlx::", &["storage/", "/store.rs", "tickets/store/"]),
    ("StatusCode", &["http/error.rs", "http/reply.rs", "telemetry.rs", "control/"]),
    ("Instant::now", &["clock.rs"]),
    ("Timestamp::now", &["clock.rs"]),
    ("SystemTime", &["clock.rs"]),
    ("std::env", &["settings.rs"]),
];

/// Files that know no HTTP.
const PURE: &[&str] = &[
    "rules/",
    "journal/",
    "faults/",
    "storage/",
    "accounts/",
    "tickets/store/",
    "tickets/ticket.rs",
    "tickets/timeline.rs",
    "tickets/batch.rs",
    "tickets/search.rs",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with its path inside `src`.
fn files() -> Vec<(String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&source, &mut found);
    let name = |path: &Path| path.strip_prefix(&source).expect("inside").display().to_string();
    found.iter().map(|path| (name(path), fs::read_to_string(path).expect("text"))).collect()
}

/// The parts that a text imports: `crate::http::Call` and each of `crate::{app, clock}`.
fn imports(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for place in text.split("crate::").skip(1) {
        let group =
            place.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(group, _)| group);
        let names = group.map_or_else(|| vec![place], |group| group.split(',').collect());
        let word = |name: &str| {
            name.trim()
                .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .next()
                .map(str::to_owned)
        };
        parts.extend(names.into_iter().filter_map(word).filter(|word| !word.is_empty()));
    }
    parts
}

#[test]
fn every_import_follows_an_arrow() {
    let mut wrong = Vec::new();
    for (file, text) in files() {
        let part = file.split(['/', '.']).next().unwrap_or_default();
        let allowed = ARROWS.iter().find(|(name, _)| *name == part).map(|(_, allowed)| *allowed);
        let allowed = allowed.unwrap_or_else(|| panic!("{part} has no row in ARROWS"));
        let known = |import: &String| ARROWS.iter().any(|(name, _)| name == import);
        let imports = imports(&text).into_iter().filter(known);
        wrong.extend(
            imports
                .filter(|import| import != part && !allowed.contains(&import.as_str()))
                .map(|import| format!("{file} imports {import}")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_arrow_points_back() {
    for (at, (name, allowed)) in ARROWS.iter().enumerate() {
        for target in *allowed {
            assert!(ARROWS[..at].iter().any(|(above, _)| above == target), "{name} → {target}");
        }
    }
}

#[test]
fn some_words_stand_in_one_place() {
    let mut wrong = Vec::new();
    for (file, text) in files() {
        for (word, places) in WORDS {
            let allowed =
                places.iter().any(|place| file.starts_with(place) || file.ends_with(place));
            if text.contains(word) && !allowed {
                wrong.push(format!("{file} says {word}"));
            }
        }
        if PURE.iter().any(|place| file.starts_with(place)) && text.contains("axum") {
            wrong.push(format!("{file} knows axum"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    for (file, text) in files() {
        assert!(text.starts_with("//! "), "{file} does not begin with what it is for");
    }
}

/// Manifests of crates that need unsafe code: a fuzz target is a macro with some.
const UNSAFE: &[&str] = &["fuzz"];

/// Every manifest of ours, with the folder it is in.
fn manifests(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "Cargo.toml" {
            found.push(entry.path());
        } else if entry.file_type().expect("a type").is_dir()
            && !name.starts_with('.')
            && name != "target"
        {
            manifests(&entry.path(), found);
        }
    }
}

#[test]
fn no_crate_of_ours_may_hold_unsafe_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    manifests(root, &mut found);
    assert!(found.len() > 1, "{found:?}");
    for path in found {
        let text = fs::read_to_string(&path).expect("text");
        let manifest: toml::Table = text.parse().expect("a manifest is TOML");
        let folder = path.parent().and_then(|folder| folder.strip_prefix(root).ok());
        let folder = folder.expect("inside").to_str().expect("text");
        let lint = |of: Option<&toml::Value>| {
            of.and_then(|of| of.get("rust")?.get("unsafe_code")?.as_str()) == Some("forbid")
        };
        let lints = manifest.get("lints");
        let inherits = lints.and_then(|lints| lints.get("workspace")?.as_bool()) == Some(true);
        let shared = manifest.get("workspace").and_then(|workspace| workspace.get("lints"));
        assert!(!folder.is_empty() || lint(shared), "all crates share this");
        assert!(inherits || lint(lints) || UNSAFE.contains(&folder), "{folder} may be unsafe");
    }
}

/// How long a comparison takes cannot be tested reliably; that there is only this one way to compare can.
#[test]
fn secrets_are_kept_as_hashes_and_compared_in_constant_time() {
    let files = files();
    let text = |name: &str| {
        let file = files.iter().find(|(path, _)| path == name);
        file.map(|(_, text)| text.as_str()).unwrap_or_default()
    };
    let key = text("accounts/key.rs");
    assert!(key.contains("self.0.ct_eq(&other.0).into()"), "the comparison of hashes");
    let (before, _) = key.split_once("pub(crate) struct Digest").expect("the hash of a secret");
    let derived = before.lines().last().unwrap_or_default();
    assert!(!derived.contains("PartialEq"), "{derived}: it would stop where two differ");
    assert!(text("state.rs").contains("control_token: Option<Digest>"));
    for name in ["struct KeyCard", "struct NewKey"] {
        let (_, after) = key.split_once(name).unwrap_or_else(|| panic!("{name} stands there"));
        let (fields, _) = after.split_once('}').expect("its fields");
        assert!(fields.contains("digest: Digest") && !fields.contains("text:"), "{name}: {fields}");
    }
}
