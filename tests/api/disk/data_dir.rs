//! The files of a data folder: which is whose, what is in them, and how a test spoils one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use crate::fixtures;

/// A way in which a file is not what it was.
pub(super) type Corruption = (&'static str, fn(&Path));

/// Every way to spoil the file of a database so that none of it can be used.
pub(super) const CORRUPTIONS: [Corruption; 9] = [
    ("its header is garbage", |path| {
        modify_file(path, |bytes| fill_with_garbage(&mut bytes[..100]));
    }),
    ("all but its first page is garbage", |path| {
        modify_file(path, |bytes| fill_with_garbage(&mut bytes[4096..]));
    }),
    ("it is cut to half", |path| modify_file(path, |bytes| bytes.truncate(bytes.len() / 2))),
    ("it is cut within a page", |path| modify_file(path, |bytes| bytes.truncate(4096 * 3 + 1000))),
    ("it is cut within its header", |path| modify_file(path, |bytes| bytes.truncate(50))),
    ("it is empty", |path| modify_file(path, Vec::clear)),
    ("it is another kind of file", |path| {
        modify_file(path, |bytes| *bytes = b"Dear diary,\n".repeat(1000));
    }),
    ("it is all zeros", |path| modify_file(path, |bytes| bytes.fill(0))),
    ("it is missing", |path| std::fs::remove_file(path).expect("it is removed")),
];

/// Those that differ most, for what takes long.
pub(super) fn select_corruptions() -> impl Iterator<Item = Corruption> {
    CORRUPTIONS.into_iter().filter(|(case, _)| {
        ["its header is garbage", "it is cut to half", "it is empty", "it is missing"]
            .contains(case)
    })
}

/// Changes the bytes of a file.
pub(super) fn modify_file(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("the file is there");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("it is written");
}

/// Bytes that mean nothing, the same each time.
pub(super) fn fill_with_garbage(bytes: &mut [u8]) {
    let mut state = 0x2545_f491_u32;
    for byte in bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = state.to_be_bytes()[0];
    }
}

/// Every file below the folder with its bytes, except for those that SQLite keeps beside an open database.
pub(super) fn read_database_files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
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

/// A copy of a folder at rest.
pub(super) fn copy_data_dir(folder: &Path) -> TempDir {
    let copy = fixtures::create_temp_dir();
    for (path, bytes) in read_database_files(folder) {
        let inside = path.strip_prefix(folder).expect("it lies in the folder");
        let to = copy.path().join(inside);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("the folder is made");
        std::fs::write(to, bytes).expect("the copy is written");
    }
    copy
}

/// Where the catalogue of the folder is.
pub(super) fn catalogue_path(data: &Path) -> PathBuf {
    data.join("catalogue.db")
}

/// The file on which an account stands, its own or an image, by the catalogue of a folder at rest.
pub(super) async fn account_file(data: &Path, name: &str) -> PathBuf {
    let file = "SELECT COALESCE(account.file, image.file) FROM account \
         LEFT JOIN image ON image.id = account.image_id WHERE account.name = $1";
    let mut connection = open_database(&catalogue_path(data)).await;
    let file: String =
        sqlx::query_scalar(file).bind(name).fetch_one(&mut connection).await.expect("its file");
    connection.close().await.expect("it closes");
    data.join(file)
}

/// Runs a statement of the test in the database of a folder at rest.
pub(super) async fn execute_sql(path: &Path, statement: &str) {
    let mut connection = open_database(path).await;
    let changed = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await;
    assert_ne!(changed.expect("the statement runs").rows_affected(), 0, "{statement}");
    connection.close().await.expect("it closes");
}

async fn open_database(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).foreign_keys(false);
    let options = options.create_if_missing(true);
    options.connect().await.expect("the database opens")
}
