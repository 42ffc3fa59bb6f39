//! Locates, reads, copies and corrupts the files of a data directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use crate::support::disk::catalogue_path;
use crate::support::files;

/// A name and a function that corrupts a file.
pub(super) type Corruption = (&'static str, fn(&Path));

/// Corruptions that make a database file unusable.
pub(super) const CORRUPTIONS: [Corruption; 9] = [
    ("header overwritten", |path| {
        modify_file(path, |bytes| fill_with_garbage(&mut bytes[..100]));
    }),
    ("all pages but the first overwritten", |path| {
        modify_file(path, |bytes| fill_with_garbage(&mut bytes[4096..]));
    }),
    ("truncated to half", |path| modify_file(path, |bytes| bytes.truncate(bytes.len() / 2))),
    ("truncated within a page", |path| modify_file(path, |bytes| bytes.truncate(4096 * 3 + 1000))),
    ("truncated within the header", |path| modify_file(path, |bytes| bytes.truncate(50))),
    ("empty", |path| modify_file(path, Vec::clear)),
    ("text file", |path| {
        modify_file(path, |bytes| *bytes = b"Dear diary,\n".repeat(1000));
    }),
    ("all zeros", |path| modify_file(path, |bytes| bytes.fill(0))),
    ("missing", |path| std::fs::remove_file(path).expect("the file is removed")),
];

/// Returns the most different corruptions, for slow tests.
pub(super) fn select_corruptions() -> impl Iterator<Item = Corruption> {
    CORRUPTIONS.into_iter().filter(|(case, _)| {
        ["header overwritten", "truncated to half", "empty", "missing"].contains(case)
    })
}

/// Applies a change to the bytes of a file.
pub(super) fn modify_file(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("the file exists");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("the file is written");
}

/// Overwrites the bytes with reproducible pseudo-random values.
pub(super) fn fill_with_garbage(bytes: &mut [u8]) {
    let mut state = 0x2545_f491_u32;
    for byte in bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = state.to_be_bytes()[0];
    }
}

/// Reads every file below the directory, except SQLite's `-wal` and `-shm` files.
pub(super) fn read_database_files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("the directory exists") {
        let path = entry.expect("an entry").path();
        let name = path.display().to_string();
        if path.is_dir() {
            all.append(&mut read_database_files(&path));
        } else if !(name.ends_with("-wal") || name.ends_with("-shm")) {
            let bytes = std::fs::read(&path).expect("the file can be read");
            all.insert(path, bytes);
        }
    }
    all
}

/// Copies the data directory of a stopped server.
pub(super) fn copy_data_dir(dir: &Path) -> TempDir {
    let copy = files::create_temp_dir();
    for (path, bytes) in read_database_files(dir) {
        let relative = path.strip_prefix(dir).expect("the path is inside the directory");
        let to = copy.path().join(relative);
        std::fs::create_dir_all(to.parent().expect("a parent directory"))
            .expect("the directory is created");
        std::fs::write(to, bytes).expect("the copy is written");
    }
    copy
}

/// Returns the file of an account, its own or an image, according to the catalogue of a stopped server.
pub(super) async fn account_file(data: &Path, name: &str) -> PathBuf {
    let query = "SELECT COALESCE(account.file, image.file) FROM account \
         LEFT JOIN image ON image.id = account.image_id WHERE account.name = $1";
    let mut connection = open_database(&catalogue_path(data)).await;
    let file: String = sqlx::query_scalar(query)
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .expect("the account has a file");
    connection.close().await.expect("the database closes");
    data.join(file)
}

/// Runs a statement in a database of a stopped server.
pub(super) async fn execute_sql(path: &Path, statement: &str) {
    let mut connection = open_database(path).await;
    let result = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await;
    assert_ne!(result.expect("the statement runs").rows_affected(), 0, "{statement}");
    connection.close().await.expect("the database closes");
}

async fn open_database(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).foreign_keys(false);
    let options = options.create_if_missing(true);
    options.connect().await.expect("the database opens")
}
