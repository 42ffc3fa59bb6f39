//! Path traversal payloads: names that would leave a directory, or open another file, if used as a path.

use std::collections::BTreeMap;
use std::path::Path;

/// Invalid account names; nothing on the server has such a name.
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

/// Generates more invalid names: with invisible characters, or too long.
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

/// Path segments that only a raw client can send.
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

/// Percent-encodes every byte that is not alphanumeric.
pub(super) fn percent_encode(name: &str) -> String {
    let encode_byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    name.bytes().map(encode_byte).collect()
}

/// Reads a directory tree: the bytes of each file, `None` for each directory.
pub(super) fn read_tree(folder: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut tree = BTreeMap::new();
    collect_tree(folder, folder, &mut tree);
    tree
}

fn collect_tree(root: &Path, folder: &Path, tree: &mut BTreeMap<String, Option<Vec<u8>>>) {
    for entry in std::fs::read_dir(folder).expect("the directory exists") {
        let path = entry.expect("an entry").path();
        let name =
            path.strip_prefix(root).expect("the path is below the root").display().to_string();
        if path.is_dir() {
            tree.insert(name, None);
            collect_tree(root, &path, tree);
        } else if let Ok(bytes) = std::fs::read(&path) {
            tree.insert(name, Some(bytes));
        }
    }
}

/// Lists the files in a data directory, without SQLite's sidecar files.
pub(super) fn list_file_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = read_tree(folder).into_keys().collect();
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    names
}
