//! Data of a newer version of the program: not used, and not changed.

use super::damage::{all_is_refused, prepared};
use super::files::{alter, catalogue, contents, of_account};
use super::{Serving, goes_on};
use crate::program::Running;

/// What a later version leaves in a database.
const LATER: &str = "INSERT INTO _sqlx_migrations \
     (version, description, success, checksum, execution_time) \
     VALUES (99999999999999, 'later', 1, x'00', 1)";

#[tokio::test]
async fn an_account_of_a_newer_version_is_refused_and_left_alone() {
    let (data, [acme, other]) = prepared().await;
    let file = of_account(data.path(), "acme").await;
    alter(&file, LATER).await;
    let newer = std::fs::read(&file).expect("the file is there");
    let server = Serving::on(data.path());
    let [acme, other] = [acme, other].map(|account| account.at(&server.client));
    all_is_refused(&acme, &["newer version"], "a newer version").await;
    goes_on(&other).await;
    server.stop_naming(&[&file]);
    assert!(std::fs::read(&file).expect("the file is there") == newer, "it was not changed");
}

#[tokio::test]
async fn a_catalogue_of_a_newer_version_ends_the_start_and_is_left_alone() {
    let (data, _) = prepared().await;
    let file = catalogue(data.path());
    alter(&file, LATER).await;
    let newer = contents(data.path());
    let ended = Running::spawn(&mut crate::program::command(&super::serve(data.path()))).finish();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(file.to_str().expect("text")), "the file is named: {ended:?}");
    assert!(ended.stderr.contains("newer version"), "{ended:?}");
    assert!(contents(data.path()) == newer, "no file was changed");
}
