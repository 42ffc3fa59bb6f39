//! A disk that fails under open files. strace makes the calls of a running server fail, where it may.

use std::path::Path;

use serde_json::json;

use super::files::catalogue;
use super::{
    FULL, READ_ONLY, Serving, account, create, created, goes_on, refused, refused_control, serve,
    whole,
};
use crate::clients::{can_run, passed_over};
use crate::control::{ACCOUNTS, Account, answer};
use crate::fixtures;
use crate::program::{Running, command, undisturbed};
use crate::support::Reply;

/// A call on a file that fails from now on, until this is ended.
struct Failing(Running);

impl Failing {
    /// None, with a line that says so, where no process can be traced.
    fn make(server: &Serving, call: &str, error: &str, file: &Path) -> Option<Self> {
        let process = server.program.id().to_string();
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:error={error}"));
        let file = file.to_str().expect("text");
        let arguments = ["-f", "-p", &process, "-o", "/dev/null", "-P", file];
        let more = ["-e", &trace, "-e", &inject];
        if !can_run("strace", &["--version"]) {
            passed_over("there is no strace");
            return None;
        }
        let mut strace =
            Running::spawn(&mut undisturbed("strace", &[&arguments[..], &more].concat()));
        let line = strace.wait_for(|_, line| line.contains("attach"));
        if !line.contains(" attached") {
            passed_over(&line);
            return None;
        }
        Some(Self(strace))
    }

    /// The disk is well again.
    fn end(self) {
        self.0.signal("-TERM");
    }
}

/// A call, how it fails, and what is said of it.
const CASES: [(&str, &str, &str); 3] = [
    ("pwrite64", "ENOSPC", FULL),
    ("pwrite64", "EROFS", READ_ONLY),
    ("pwrite64", "EIO", "nothing was changed."),
];
/// A call that fails when everything is written, so that it is found after a kill: the outcome is unknown.
const SYNC: (&str, &str) = ("fsync,fdatasync", "EIO");
const UNCERTAIN: &str = "it is not known whether it was done";
const UNSETTLED: &str = "it is not known what became of a change";

#[tokio::test]
async fn a_disk_that_fails_under_an_open_account_refuses_changes_until_it_is_well() {
    let data = fixtures::folder();
    let mut command = command(&serve(data.path()));
    let server = Serving::start(command.args(["--durability", "power"]));
    let acme = account(&server.client, "acme", 2).await;
    let other = account(&server.client, "other", 1).await;
    let file = data.path().join("accounts/acme.db-wal");
    assert!(file.exists(), "the account is open");
    for (call, error, words) in CASES {
        created(&acme).await;
        let before = whole(&acme).await;
        let Some(failing) = Failing::make(&server, call, error, &file) else { return };
        for _ in 0..2 {
            refused(&create(&acme).await, words, &format!("{call} {error}"));
            assert_eq!(whole(&acme).await, before, "{call} {error}: nothing was changed");
            goes_on(&other).await;
        }
        failing.end();
        goes_on(&acme).await;
    }
    let before = whole(&acme).await;
    let (call, error) = SYNC;
    let Some(failing) = Failing::make(&server, call, error, &file) else { return };
    refused(&create(&acme).await, UNCERTAIN, "the commit");
    for _ in 0..2 {
        refused(&create(&acme).await, UNSETTLED, "a change");
        let list = acme.client.get("/api/v2/ticket").await;
        refused(&list, UNSETTLED, "a read, also of what was cached");
        goes_on(&other).await;
    }
    failing.end();
    assert_eq!(whole(&acme).await, before, "the change was undone");
    goes_on(&acme).await;
    let shown = whole(&acme).await;
    drop(server);
    let server = Serving::on(data.path());
    assert_eq!(whole(&acme.at(&server.client)).await, shown);
    server.stop();
}

#[tokio::test]
async fn a_change_of_unknown_outcome_is_there_or_not_after_a_kill_and_was_never_shown_otherwise() {
    let data = fixtures::folder();
    let mut command = command(&serve(data.path()));
    let server = Serving::start(command.args(["--durability", "power"]));
    let acme = account(&server.client, "acme", 2).await;
    let file = data.path().join("accounts/acme.db-wal");
    let (call, error) = SYNC;
    let Some(_failing) = Failing::make(&server, call, error, &file) else { return };
    refused(&create(&acme).await, UNCERTAIN, "the commit");
    refused_reads(&acme).await;
    drop(server);
    let server = Serving::on(data.path());
    let acme = acme.at(&server.client);
    let total = acme.client.get("/api/v2/ticket").await.body["itemTotal"].take();
    assert!(total == 2 || total == 3, "the ticket is there or not: {total}");
    goes_on(&acme).await;
    server.stop();
}

#[tokio::test]
async fn an_account_whose_reset_has_an_unknown_outcome_is_refused_until_it_is_known() {
    for ends_well in [true, false] {
        let data = fixtures::folder();
        let mut command = command(&serve(data.path()));
        let server = Serving::start(command.args(["--durability", "power"]));
        let acme = account(&server.client, "acme", 2).await;
        let other = account(&server.client, "other", 1).await;
        let before = whole(&acme).await;
        let log = data.path().join("catalogue.db-wal");
        let (call, error) = SYNC;
        let Some(failing) = Failing::make(&server, call, error, &log) else { return };
        refused_control(&acme.control("POST", "/reset").await, UNCERTAIN, "the reset");
        refused(&create(&acme).await, UNSETTLED, "a change");
        refused(&acme.client.get("/api/v2/ticket").await, UNSETTLED, "a read");
        refused_control(&acme.control("GET", "").await, UNSETTLED, "the account");
        goes_on(&other).await;
        if ends_well {
            failing.end();
            assert_eq!(whole(&acme).await, before, "the reset was undone");
            goes_on(&acme).await;
            let shown = whole(&acme).await;
            drop(server);
            let server = Serving::on(data.path());
            assert_eq!(whole(&acme.at(&server.client)).await, shown, "and stays undone");
            server.stop();
        } else {
            drop(server);
            let server = Serving::on(data.path());
            let list = acme.at(&server.client).client.get("/api/v2/ticket").await;
            let total = &list.body["itemTotal"];
            assert!(*total == 0 || *total == 2, "it is reset or not: {total}");
            server.stop();
        }
    }
}

#[tokio::test]
async fn a_sync_that_fails_once_leaves_a_refused_change_undone_for_good() {
    let data = fixtures::folder();
    let mut command = command(&serve(data.path()));
    let server = Serving::start(command.args(["--durability", "power"]));
    let acme = account(&server.client, "acme", 2).await;
    for (file, what) in [("catalogue.db-wal", "POST /reset"), ("accounts/acme.db-wal", "a ticket")]
    {
        let before = whole(&acme).await;
        let log = data.path().join(file);
        let Some(failing) = Failing::make(&server, SYNC.0, "EIO:when=1", &log) else { return };
        let status = if what == "a ticket" {
            create(&acme).await.status
        } else {
            acme.control("POST", "/reset").await.status
        };
        assert_eq!(status, 500, "{what}");
        assert_eq!(whole(&acme).await, before, "{what} was undone at once");
        failing.end();
    }
    // Killed before anything else is written.
    let shown = whole(&acme).await;
    drop(server);
    let server = Serving::on(data.path());
    assert_eq!(whole(&acme.at(&server.client)).await, shown);
    server.stop();
}

/// Every kind of read is refused while the outcome of a commit is unknown: the short, the long, and that of the whole.
async fn refused_reads(acme: &Account) {
    for query in ["", "/1", "?status=open", "?query=a%20long%20one", "?view=open"] {
        refused(&acme.client.get(&format!("/api/v2/ticket{query}")).await, UNSETTLED, query);
    }
    refused_control(&acme.control("GET", "/export").await, UNSETTLED, "an export");
}

/// Everything that the control API writes into the catalogue.
async fn write_to_the_catalogue(acme: &Account) -> Vec<(&'static str, Reply)> {
    let clock = json!({ "mode": "frozen", "at": "2026-03-01T12:00:00Z" });
    let made = acme.client.ask_without_key("POST", ACCOUNTS).json(&json!({ "name": "more" }));
    vec![
        ("an account", answer(made).await),
        ("a clock", acme.control_with("PUT", "/clock", &clock).await),
        ("a key", acme.control_with("POST", "/keys", &json!({ "name": "more" })).await),
        ("a snapshot", acme.control("PUT", "/snapshots/more").await),
        ("a restore", acme.control("POST", "/snapshots/one/restore").await),
        ("a reset", acme.control("POST", "/reset").await),
        ("a removal", acme.control("DELETE", "").await),
    ]
}

#[tokio::test]
async fn a_disk_that_fails_under_the_catalogue_changes_no_account() {
    let data = fixtures::folder();
    let server = Serving::on(data.path());
    let acme = account(&server.client, "acme", 2).await;
    assert_eq!(acme.control("PUT", "/snapshots/one").await.status, 201);
    created(&acme).await;
    let clock = json!({ "mode": "frozen", "at": "2026-02-01T12:00:00Z" });
    assert_eq!(acme.control_with("PUT", "/clock", &clock).await.status, 200);
    let before = (acme.shown().await, whole(&acme).await);
    let file = data.path().join("catalogue.db-wal");
    let Some(failing) = Failing::make(&server, "pwrite64", "ENOSPC", &file) else { return };
    for (what, reply) in write_to_the_catalogue(&acme).await {
        refused_control(&reply, "The disk of the server is full", what);
    }
    assert_eq!((acme.shown().await, whole(&acme).await), before, "while it fails");
    goes_on(&acme).await;
    failing.end();

    for (what, reply) in write_to_the_catalogue(&acme).await {
        assert!(reply.status < 300, "{what}, when it is well: {}", reply.body);
    }
    server.stop_naming(&[&catalogue(data.path())]);
}
