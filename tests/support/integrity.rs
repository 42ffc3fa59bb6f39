//! Integrity checks of the databases in a data directory, while no server runs.

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Row};

use super::files::{copy_dir, create_temp_dir};

/// Asserts that every database is intact. Checks a copy, so that opening it repairs nothing.
pub(crate) async fn assert_databases_intact(data: &Path) {
    let copy = create_temp_dir();
    let mut databases = copy_dir(data, copy.path());
    databases.retain(|path| path.extension().is_some_and(|end| end == "db"));
    let catalogue = copy.path().join("catalogue.db");
    assert!(databases.contains(&catalogue), "{databases:?}");
    // Orphaned or incomplete files: a crash may have truncated a copy.
    let orphaned =
        query_first_column(&mut open_database(&catalogue).await, "SELECT file FROM orphaned_file")
            .await;
    databases.retain(|path| !orphaned.iter().any(|file| *path == copy.path().join(file)));
    for path in databases {
        let (name, mut database) = (path.display(), open_database(&path).await);
        assert_eq!(
            query_first_column(&mut database, "PRAGMA integrity_check").await,
            ["ok"],
            "{name}"
        );
        assert_eq!(
            query_first_column(&mut database, "PRAGMA foreign_key_check").await,
            [""; 0],
            "{name}"
        );
    }
}

/// Returns the files that the catalogue references. No server may run.
pub(crate) async fn catalogued_files(data: &Path) -> BTreeSet<String> {
    let statement = "SELECT file FROM account WHERE file IS NOT NULL UNION SELECT file FROM image";
    query_first_column(&mut open_database(&data.join("catalogue.db")).await, statement)
        .await
        .into_iter()
        .collect()
}

async fn open_database(path: &Path) -> SqliteConnection {
    let opened = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await;
    opened.unwrap_or_else(|error| panic!("{} cannot be opened: {error}", path.display()))
}

/// Returns the first column of a query's rows.
async fn query_first_column(
    database: &mut SqliteConnection,
    statement: &'static str,
) -> Vec<String> {
    let rows = sqlx::query(statement).fetch_all(database).await;
    let rows = rows.unwrap_or_else(|error| panic!("{statement}: {error}"));
    rows.iter().map(|row| row.get(0)).collect()
}
