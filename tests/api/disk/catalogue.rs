//! A catalogue that cannot be used: the server does not start, names it, and changes nothing.

use std::path::Path;

use super::damage::prepared;
use super::files::{HARMS, alter, catalogue, contents, copy};
use super::{Serving, account, goes_on, serve};
use crate::fixtures;
use crate::program::{Running, command};

/// What a catalogue can hold that no server has written.
const ROWS: [(&str, &str); 7] = [
    ("a dialect that is no JSON", "UPDATE account SET dialect = '{' WHERE name = 'acme'"),
    ("a clock that is none", "UPDATE account SET clock = '{\"mode\":\"cuckoo\"}'"),
    ("a time zone that is none", "UPDATE account SET time_zone = 'Mars/Olympus'"),
    ("an image that it lacks", "UPDATE account SET file = NULL, image = 777 WHERE name = 'acme'"),
    ("no data", "UPDATE account SET file = NULL, image = NULL WHERE name = 'acme'"),
    ("a key that is none", "UPDATE api_key SET digest = x'00' WHERE account = 'acme'"),
    ("no table of keys", "INSERT INTO seed SELECT 'x', x'', id, '' FROM image; DROP TABLE api_key"),
];

/// The server does not start on the folder, says why, and leaves every file as it is.
fn ends_the_start(data: &Path, case: &str) {
    let before = contents(data);
    let ended = Running::spawn(&mut command(&serve(data))).finish();
    assert_eq!(ended.code, Some(1), "{case}: {ended:?}");
    let file = catalogue(data).display().to_string();
    assert!(ended.stderr.contains(&file), "{case}: the file is named: {ended:?}");
    assert!(!ended.text().contains("panicked"), "{case}: {ended:?}");
    assert!(contents(data) == before, "{case}: no file was changed, and none is new");
}

#[tokio::test]
async fn a_catalogue_that_cannot_be_used_ends_the_start_and_is_left_alone() {
    let (before, [acme, _]) = prepared().await;
    for (case, harm) in HARMS {
        let data = copy(before.path());
        harm(&catalogue(data.path()));
        ends_the_start(data.path(), case);
    }
    let data = copy(before.path());
    std::fs::write(catalogue(data.path()), "").expect("it is emptied");
    ends_the_start(data.path(), "before a good copy is put in its place");
    std::fs::copy(catalogue(before.path()), catalogue(data.path())).expect("it is put there");
    let server = Serving::on(data.path());
    goes_on(&acme.at(&server.client)).await;
    server.stop();
}

#[tokio::test]
async fn a_catalogue_with_rows_that_mean_nothing_ends_the_start() {
    let (before, _) = prepared().await;
    for (case, statement) in ROWS {
        let data = copy(before.path());
        alter(&catalogue(data.path()), statement).await;
        ends_the_start(data.path(), case);
    }
}

#[tokio::test]
async fn a_catalogue_that_lost_its_file_after_a_kill_ends_the_start() {
    let data = fixtures::folder();
    let server = Serving::on(data.path());
    let acme = account(&server.client, "acme", 2).await;
    // Dropping it sends SIGKILL, so most of the catalogue is still beside its file.
    drop(server);
    let (file, log) = (catalogue(data.path()), data.path().join("catalogue.db-wal"));
    let kept = [&file, &log].map(|path| std::fs::read(path).expect("it is there"));
    std::fs::write(&file, "").expect("it is emptied");
    ends_the_start(data.path(), "empty after a kill");
    assert!(std::fs::read(&log).is_ok_and(|now| now == kept[1]), "what is beside it is left");
    std::fs::remove_file(&file).expect("it is removed");
    ends_the_start(data.path(), "missing after a kill");
    assert!(std::fs::read(&log).is_ok_and(|now| now == kept[1]), "what is beside it is left");
    std::fs::write(&file, &kept[0]).expect("it is put back");
    let server = Serving::on(data.path());
    goes_on(&acme.at(&server.client)).await;
    server.stop();
}
