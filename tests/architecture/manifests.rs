//! What the manifests of our crates must say.

use std::fs;
use std::path::{Path, PathBuf};

/// Crates that need unsafe code: the macro of a fuzz target contains some.
const UNSAFE: &[&str] = &["fuzz"];

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let entry = entry.expect("the entry can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "Cargo.toml" {
            found.push(entry.path());
        } else if entry.file_type().expect("a type").is_dir()
            && !name.starts_with('.')
            && name != "target"
        {
            collect(&entry.path(), found);
        }
    }
}

#[test]
fn crates_forbid_unsafe_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(root, &mut found);
    assert!(found.len() > 1, "{found:?}");
    for path in found {
        let text = fs::read_to_string(&path).expect("the manifest is text");
        let manifest: toml::Table = text.parse().expect("the manifest is TOML");
        let folder = path.parent().and_then(|folder| folder.strip_prefix(root).ok());
        let folder = folder.expect("the path is below the root").to_str().expect("text");
        let forbids = |lints: Option<&toml::Value>| {
            lints.and_then(|lints| lints.get("rust")?.get("unsafe_code")?.as_str())
                == Some("forbid")
        };
        let lints = manifest.get("lints");
        let inherits = lints.and_then(|lints| lints.get("workspace")?.as_bool()) == Some(true);
        let shared = manifest.get("workspace").and_then(|workspace| workspace.get("lints"));
        assert!(!folder.is_empty() || forbids(shared), "the workspace does not forbid unsafe code");
        let is_exempt = UNSAFE.contains(&folder);
        assert!(inherits || forbids(lints) || is_exempt, "{folder} does not forbid unsafe code");
    }
}
