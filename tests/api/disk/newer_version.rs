//! Data of a newer version of the program is rejected and not modified.

use super::corruption::{assert_all_requests_fail, create_data_dir};
use super::data_dir::{account_file, execute_sql, read_database_files};
use crate::support::disk::{
    assert_account_usable, catalogue_path, server_arguments, start_on, stop_and_check_log,
};
use crate::support::process::{RunningProcess, build_command};

/// Marks a database as migrated by a newer version.
const INSERT_NEWER_MIGRATION: &str = "INSERT INTO _sqlx_migrations \
     (version, description, success, checksum, execution_time) \
     VALUES (99999999999999, 'later', 1, x'00', 1)";

#[tokio::test]
async fn account_of_newer_version_is_rejected_and_not_modified() {
    let (data, [acme, other]) = create_data_dir().await;
    let file = account_file(data.path(), "acme").await;
    execute_sql(&file, INSERT_NEWER_MIGRATION).await;
    let newer = std::fs::read(&file).expect("the file exists");
    let server = start_on(data.path());
    let [acme, other] = [acme, other].map(|account| account.with_server(&server));
    assert_all_requests_fail(&acme, &["newer version"], "a newer version").await;
    assert_account_usable(&other).await;
    stop_and_check_log(server, &[&file]);
    assert!(std::fs::read(&file).expect("the file exists") == newer, "the file was changed");
}

#[tokio::test]
async fn catalogue_of_newer_version_stops_startup_and_is_not_modified() {
    let (data, _) = create_data_dir().await;
    let file = catalogue_path(data.path());
    execute_sql(&file, INSERT_NEWER_MIGRATION).await;
    let newer = read_database_files(data.path());
    let output =
        RunningProcess::spawn(&mut build_command(&server_arguments(data.path()))).wait_for_exit();
    assert_eq!(output.exit_code, Some(1), "{output:?}");
    assert!(
        output.stderr.contains(file.to_str().expect("text")),
        "the error does not name the file: {output:?}"
    );
    assert!(output.stderr.contains("newer version"), "{output:?}");
    assert!(read_database_files(data.path()) == newer, "a file was changed");
}
