//! A limit on the size of files: it is met as a full disk is, and ends nothing.

use super::room::{TICKETS, titles, use_up, use_up_by_many};
use super::{Serving, account, created, goes_on, serve, whole};
use crate::clients::{can_run, passed_over};
use crate::fixtures;
use crate::program::{Running, undisturbed};

use std::path::Path;
use std::process::Command;

/// A server on the folder whose files grow to so many blocks of 512 bytes.
fn limited(data: &Path, blocks: u32) -> Command {
    let script = format!("ulimit -S -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = undisturbed("sh", &["-c", &script, env!("CARGO_BIN_EXE_omnidesk-mock")]);
    command.args(serve(data));
    command
}

#[tokio::test]
async fn a_size_limit_refuses_changes_until_it_is_lifted() {
    let data = fixtures::folder();
    let server = Serving::start(&mut limited(data.path(), 1400));
    let acme = account(&server.client, "acme", TICKETS).await;
    let other = account(&server.client, "other", 1).await;
    let (newest, before) = use_up(&acme, &other).await;
    goes_on(&other).await;
    if can_run("prlimit", &["--version"]) {
        let process = server.program.id().to_string();
        assert!(can_run("prlimit", &["--pid", &process, "--fsize=unlimited:"]), "it is lifted");
        assert_eq!(created(&acme).await, newest + 1, "a refused creation took no id");
    } else {
        passed_over("there is no prlimit, so the limit stays");
        assert_eq!(whole(&acme).await, before);
    }
    let shown = [whole(&acme).await, whole(&other).await];
    server.stop_naming(&[&data.path().join("accounts/acme.db")]);

    let server = Serving::on(data.path());
    let [acme, other] = [acme, other].map(|account| account.at(&server.client));
    assert_eq!([whole(&acme).await, whole(&other).await], shown);
    goes_on(&acme).await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_below_a_limit_exactly_what_was_acknowledged_is_kept() {
    let data = fixtures::folder();
    let server = Serving::start(&mut limited(data.path(), 2000));
    let acme = account(&server.client, "acme", 0).await;
    let acknowledged = use_up_by_many(&acme).await;
    assert!(titles(&acme).await == acknowledged, "at the limit");
    drop(server);
    let server = Serving::on(data.path());
    assert!(titles(&acme.at(&server.client)).await == acknowledged, "after a kill");
    server.stop();
}

#[test]
fn a_server_that_may_write_nothing_at_all_does_not_start_and_says_why() {
    let data = fixtures::folder();
    let path = data.path().to_str().expect("the path is text");
    let ended = Running::spawn(&mut limited(data.path(), 0)).finish();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(path), "a file is named: {ended:?}");
    assert!(!ended.text().contains("panicked"), "{ended:?}");
    assert_eq!(
        Serving::on(data.path()).program.stop().code,
        Some(0),
        "it starts without the limit"
    );
}
