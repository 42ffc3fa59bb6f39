//! An unusable catalogue: the server does not start, the error names the file, and no file changes.

use std::path::Path;

use super::corruption::create_data_dir;
use super::data_dir::{CORRUPTIONS, copy_data_dir, execute_sql, read_database_files};
use crate::support::disk::{
    assert_account_usable, catalogue_path, create_account_with_tickets, server_arguments, start_on,
};
use crate::support::files;
use crate::support::process::{RunningProcess, build_command};

/// Invalid content that no server writes.
const INVALID_ROWS: [(&str, &str); 7] = [
    ("a dialect that is not JSON", "UPDATE account SET dialect = '{' WHERE name = 'acme'"),
    ("an invalid clock", "UPDATE account SET clock = '{\"mode\":\"cuckoo\"}'"),
    ("an unknown time zone", "UPDATE account SET time_zone = 'Mars/Olympus'"),
    ("a missing image", "UPDATE account SET file = NULL, image_id = 777 WHERE name = 'acme'"),
    (
        "an account without data",
        "UPDATE account SET file = NULL, image_id = NULL WHERE name = 'acme'",
    ),
    ("an invalid key hash", "UPDATE api_key SET hash = x'00' WHERE account = 'acme'"),
    (
        "a missing key table",
        "INSERT INTO seed SELECT 'x', x'', id, '' FROM image; DROP TABLE api_key",
    ),
];

/// Asserts that the server does not start on this directory, names the catalogue, and changes no file.
fn assert_startup_fails(data: &Path, case: &str) {
    let before = read_database_files(data);
    let output = RunningProcess::spawn(&mut build_command(&server_arguments(data))).wait_for_exit();
    assert_eq!(output.exit_code, Some(1), "{case}: {output:?}");
    let file = catalogue_path(data).display().to_string();
    assert!(output.stderr.contains(&file), "{case}: the error does not name the file: {output:?}");
    assert!(!output.combined_output().contains("panicked"), "{case}: {output:?}");
    assert!(read_database_files(data) == before, "{case}: a file was changed or created");
}

#[tokio::test]
async fn corrupt_catalogue_stops_startup_and_is_not_modified() {
    let (before, [acme, _]) = create_data_dir().await;
    for (case, corrupt) in CORRUPTIONS {
        let data = copy_data_dir(before.path());
        corrupt(&catalogue_path(data.path()));
        assert_startup_fails(data.path(), case);
    }
    let data = copy_data_dir(before.path());
    std::fs::write(catalogue_path(data.path()), "").expect("the file is truncated");
    assert_startup_fails(data.path(), "before an intact copy replaces it");
    std::fs::copy(catalogue_path(before.path()), catalogue_path(data.path()))
        .expect("the file is copied");
    let server = start_on(data.path());
    assert_account_usable(&acme.with_server(&server)).await;
    server.stop_cleanly();
}

#[tokio::test]
async fn catalogue_with_invalid_rows_stops_startup() {
    let (before, _) = create_data_dir().await;
    for (case, statement) in INVALID_ROWS {
        let data = copy_data_dir(before.path());
        execute_sql(&catalogue_path(data.path()), statement).await;
        assert_startup_fails(data.path(), case);
    }
}

#[tokio::test]
async fn database_of_another_program_in_place_of_the_catalogue_stops_startup() {
    let data = files::create_temp_dir();
    let statement = "CREATE TABLE diary (entry TEXT); INSERT INTO diary VALUES ('Dear diary')";
    execute_sql(&catalogue_path(data.path()), statement).await;
    assert_startup_fails(data.path(), "another program's database");
}

#[tokio::test]
async fn catalogue_file_lost_after_kill_stops_startup() {
    let data = files::create_temp_dir();
    let server = start_on(data.path());
    let acme = create_account_with_tickets(&server, "acme", 2).await;
    // The drop sends SIGKILL, so most of the catalogue is still in the write-ahead log.
    drop(server);
    let (file, wal) = (catalogue_path(data.path()), data.path().join("catalogue.db-wal"));
    let saved = [&file, &wal].map(|path| std::fs::read(path).expect("the file exists"));
    std::fs::write(&file, "").expect("the file is truncated");
    assert_startup_fails(data.path(), "empty after a kill");
    assert!(
        std::fs::read(&wal).is_ok_and(|now| now == saved[1]),
        "the write-ahead log was changed"
    );
    std::fs::remove_file(&file).expect("the file is removed");
    assert_startup_fails(data.path(), "missing after a kill");
    assert!(
        std::fs::read(&wal).is_ok_and(|now| now == saved[1]),
        "the write-ahead log was changed"
    );
    std::fs::write(&file, &saved[0]).expect("the file is restored");
    let server = start_on(data.path());
    assert_account_usable(&acme.with_server(&server)).await;
    server.stop_cleanly();
}
