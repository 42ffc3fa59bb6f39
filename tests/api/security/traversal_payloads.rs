//! Names that would lead out of a folder, or to something else in it, where they were taken for a path.

use std::collections::BTreeMap;
use std::path::Path;

/// None of them is the name of an account, or of anything else that there is.
pub(super) const INVALID_NAMES: [&str; 59] = [
    "",
    ".",
    "..",
    "...",
    "../..",
    "../x/y",
    "../decoy",
    "../../../../../../etc/passwd",
    "..\\decoy",
    "..\\..\\x",
    "/",
    "//",
    "/decoy",
    "/etc/passwd",
    "\\",
    "\\\\host\\share",
    "C:",
    "C:\\decoy",
    "file:///etc/passwd",
    "a/b",
    "a\\b",
    "a/../acme",
    "./acme",
    "acme/.",
    "acme/",
    "acme/..",
    "acme.db",
    "acme\0",
    "acme\0.db",
    "\0",
    "acme:stream",
    "~",
    "~root",
    ".hidden",
    ".git",
    "..;",
    "%2e%2e",
    "%2e%2e%2fdecoy",
    "..%2fdecoy",
    "%252e%252e%252f",
    "%00",
    " ",
    " acme",
    "acme ",
    "acme\n",
    "acme\r\n",
    "\tacme",
    "*",
    "acm?",
    "$HOME",
    "$(id)",
    "`id`",
    "a;b",
    "a|b",
    "<acme>",
    "‥",
    "．．／decoy",
    "a∕b",
    "аcme",
];

/// More of them: what differs from a name by a mark that nobody sees, or is too long.
pub(super) fn generate_invalid_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "acme\u{200b}",
        "acme\u{202e}",
        "\u{feff}acme",
        "acme\u{7f}",
        "acme\u{ff0f}..",
        "ａｃｍｅ",
        "acme\u{301}",
    ]
    .map(str::to_owned)
    .into();
    names.extend([64, 255, 256, 4_096, 20_000].map(|length| "a".repeat(length)));
    names.push("../".repeat(1_000));
    names
}

/// Parts of a path as only a client that is written by hand sends them.
pub(super) const RAW_PATH_SEGMENTS: [&str; 17] = [
    "..",
    "../..",
    "../decoy",
    "../../../../etc/passwd",
    "%2e%2e",
    "%2E%2E%2Fdecoy",
    "..%2fdecoy",
    "..%5cdecoy",
    "..\\decoy",
    "%c0%ae%c0%ae%c0%afdecoy",
    "%uff0e%uff0e",
    "%",
    "%2",
    "%zz",
    "%00",
    "acme%00.db",
    "%ff%fe",
];

/// A name as a part of a path: every byte of it that could mean something is encoded.
pub(super) fn percent_encode(name: &str) -> String {
    let byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    name.bytes().map(byte).collect()
}

/// All that is in a folder: of each file its bytes, of a folder nothing.
pub(super) fn read_tree(folder: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    collect_tree(folder, folder, &mut found);
    found
}

fn collect_tree(top: &Path, folder: &Path, found: &mut BTreeMap<String, Option<Vec<u8>>>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let name = path.strip_prefix(top).expect("inside").display().to_string();
        if path.is_dir() {
            found.insert(name, None);
            collect_tree(top, &path, found);
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.insert(name, Some(bytes));
        }
    }
}

/// The names of the files in a data folder, without those that are there while a database is open.
pub(super) fn list_file_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = read_tree(folder).into_keys().collect();
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    names
}
