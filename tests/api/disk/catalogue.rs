//! A catalogue that cannot be used: the server does not start, names it, and changes nothing.

use std::path::Path;

use super::corruption::create_data_dir;
use super::data_dir::{
    CORRUPTIONS, catalogue_path, copy_data_dir, execute_sql, read_database_files,
};
use super::{ServerProcess, assert_account_usable, create_account_with_tickets, server_arguments};
use crate::fixtures;
use crate::process::{RunningProcess, build_command};

/// What a catalogue can hold that no server has written.
const INVALID_ROWS: [(&str, &str); 7] = [
    ("a dialect that is no JSON", "UPDATE account SET dialect = '{' WHERE name = 'acme'"),
    ("a clock that is none", "UPDATE account SET clock = '{\"mode\":\"cuckoo\"}'"),
    ("a time zone that is none", "UPDATE account SET time_zone = 'Mars/Olympus'"),
    (
        "an image that it lacks",
        "UPDATE account SET file = NULL, image_id = 777 WHERE name = 'acme'",
    ),
    ("no data", "UPDATE account SET file = NULL, image_id = NULL WHERE name = 'acme'"),
    ("a key that is none", "UPDATE api_key SET hash = x'00' WHERE account = 'acme'"),
    ("no table of keys", "INSERT INTO seed SELECT 'x', x'', id, '' FROM image; DROP TABLE api_key"),
];

/// The server does not start on the folder, says why, and leaves every file as it is.
fn assert_startup_fails(data: &Path, case: &str) {
    let before = read_database_files(data);
    let ended = RunningProcess::spawn(&mut build_command(&server_arguments(data))).wait_for_exit();
    assert_eq!(ended.exit_code, Some(1), "{case}: {ended:?}");
    let file = catalogue_path(data).display().to_string();
    assert!(ended.stderr.contains(&file), "{case}: the file is named: {ended:?}");
    assert!(!ended.combined_output().contains("panicked"), "{case}: {ended:?}");
    assert!(read_database_files(data) == before, "{case}: no file was changed, and none is new");
}

#[tokio::test]
async fn corrupt_catalogue_stops_startup_and_is_not_modified() {
    let (before, [acme, _]) = create_data_dir().await;
    for (case, harm) in CORRUPTIONS {
        let data = copy_data_dir(before.path());
        harm(&catalogue_path(data.path()));
        assert_startup_fails(data.path(), case);
    }
    let data = copy_data_dir(before.path());
    std::fs::write(catalogue_path(data.path()), "").expect("it is emptied");
    assert_startup_fails(data.path(), "before a good copy is put in its place");
    std::fs::copy(catalogue_path(before.path()), catalogue_path(data.path()))
        .expect("it is put there");
    let server = ServerProcess::start_on(data.path());
    assert_account_usable(&acme.with_server(&server.client)).await;
    server.stop();
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
    let data = fixtures::create_temp_dir();
    let statement = "CREATE TABLE diary (entry TEXT); INSERT INTO diary VALUES ('Dear diary')";
    execute_sql(&catalogue_path(data.path()), statement).await;
    assert_startup_fails(data.path(), "another program's database");
}

#[tokio::test]
async fn catalogue_file_lost_after_kill_stops_startup() {
    let data = fixtures::create_temp_dir();
    let server = ServerProcess::start_on(data.path());
    let acme = create_account_with_tickets(&server.client, "acme", 2).await;
    // Dropping it sends SIGKILL, so most of the catalogue is still beside its file.
    drop(server);
    let (file, log) = (catalogue_path(data.path()), data.path().join("catalogue.db-wal"));
    let kept = [&file, &log].map(|path| std::fs::read(path).expect("it is there"));
    std::fs::write(&file, "").expect("it is emptied");
    assert_startup_fails(data.path(), "empty after a kill");
    assert!(std::fs::read(&log).is_ok_and(|now| now == kept[1]), "what is beside it is left");
    std::fs::remove_file(&file).expect("it is removed");
    assert_startup_fails(data.path(), "missing after a kill");
    assert!(std::fs::read(&log).is_ok_and(|now| now == kept[1]), "what is beside it is left");
    std::fs::write(&file, &kept[0]).expect("it is put back");
    let server = ServerProcess::start_on(data.path());
    assert_account_usable(&acme.with_server(&server.client)).await;
    server.stop();
}
