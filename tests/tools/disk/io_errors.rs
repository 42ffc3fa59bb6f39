//! I/O errors on open files. strace injects errors into system calls of a running server.

use std::path::Path;

use serde_json::json;

use crate::support::client::JsonResponse;
use crate::support::control::{ACCOUNTS_PATH, Account, fetch_response};
use crate::support::disk::{
    DISK_FULL_MESSAGE, READ_ONLY_MESSAGE, assert_account_usable, assert_control_server_error,
    assert_server_error, catalogue_path, create_account_with_tickets, server_arguments, start_on,
    stop_and_check_log,
};
use crate::support::files;
use crate::support::process::{RunningProcess, build_clean_env_command, build_command};
use crate::support::server::Server;
use crate::support::ticket::{create_ticket, dump_tickets, post_ticket};
use crate::support::tools::STRACE;
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    tool_tests![STRACE =>
        async io_error_on_open_account_rejects_writes_until_disk_recovers,
        async in_doubt_write_is_never_served_and_is_resolved_after_kill,
        async account_with_in_doubt_reset_is_rejected_until_resolved,
        async write_rejected_by_fsync_error_stays_undone_after_restart,
        async io_error_on_catalogue_changes_no_account,
    ]
}

/// A system call that fails on one file until the fault is removed.
struct InjectedFault(RunningProcess);

impl InjectedFault {
    fn inject(server: &Server, call: &str, error: &str, file: &Path) -> Self {
        let process = server.pid().to_string();
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:error={error}"));
        let file = file.to_str().expect("text");
        let arguments = ["-f", "-p", &process, "-o", "/dev/null", "-P", file];
        let expressions = ["-e", &trace, "-e", &inject];
        let mut strace = RunningProcess::spawn(&mut build_clean_env_command(
            "strace",
            &[&arguments[..], &expressions].concat(),
        ));
        let line = strace.wait_for_line(|_, line| line.contains("attach"));
        assert!(line.contains(" attached"), "{line}");
        Self(strace)
    }

    /// Removes the fault, so that the disk works again.
    fn remove(self) {
        self.0.signal_and_wait("-TERM");
    }
}

/// A system call, its error, and the expected message.
const WRITE_FAULTS: [(&str, &str, &str); 3] = [
    ("pwrite64", "ENOSPC", DISK_FULL_MESSAGE),
    ("pwrite64", "EROFS", READ_ONLY_MESSAGE),
    ("pwrite64", "EIO", "nothing was changed."),
];
/// The fsync fails after the data is written and may survive a kill, so the outcome is unknown.
const SYNC_FAULT: (&str, &str) = ("fsync,fdatasync", "EIO");
const COMMIT_IN_DOUBT_MESSAGE: &str = "it is unknown whether the change was made";
const ACCOUNT_IN_DOUBT_MESSAGE: &str = "it is unknown whether that change was made";

async fn io_error_on_open_account_rejects_writes_until_disk_recovers() {
    let data = files::create_temp_dir();
    let mut command = build_command(&server_arguments(data.path()));
    let server = Server::start_command(command.args(["--durability", "power"]));
    let acme = create_account_with_tickets(&server, "acme", 2).await;
    let other = create_account_with_tickets(&server, "other", 1).await;
    let file = data.path().join("accounts/acme.db-wal");
    assert!(file.exists(), "the account is open");
    for (call, error, message) in WRITE_FAULTS {
        create_ticket(&acme.client).await;
        let before = dump_tickets(&acme.client).await;
        let fault = InjectedFault::inject(&server, call, error, &file);
        for _ in 0..2 {
            assert_server_error(
                &post_ticket(&acme.client).await,
                message,
                &format!("{call} {error}"),
            );
            assert_eq!(
                dump_tickets(&acme.client).await,
                before,
                "{call} {error}: a ticket was changed"
            );
            assert_account_usable(&other).await;
        }
        fault.remove();
        assert_account_usable(&acme).await;
    }
    let before = dump_tickets(&acme.client).await;
    let (call, error) = SYNC_FAULT;
    let fault = InjectedFault::inject(&server, call, error, &file);
    assert_server_error(&post_ticket(&acme.client).await, COMMIT_IN_DOUBT_MESSAGE, "the commit");
    for _ in 0..2 {
        assert_server_error(&post_ticket(&acme.client).await, ACCOUNT_IN_DOUBT_MESSAGE, "a change");
        let list = acme.client.get("/api/v2/ticket").await;
        assert_server_error(&list, ACCOUNT_IN_DOUBT_MESSAGE, "a read of a cached response");
        assert_account_usable(&other).await;
    }
    fault.remove();
    assert_eq!(dump_tickets(&acme.client).await, before, "the write was not rolled back");
    assert_account_usable(&acme).await;
    let expected = dump_tickets(&acme.client).await;
    drop(server);
    let server = start_on(data.path());
    assert_eq!(dump_tickets(&acme.with_server(&server).client).await, expected);
    server.stop_cleanly();
}

async fn in_doubt_write_is_never_served_and_is_resolved_after_kill() {
    let data = files::create_temp_dir();
    let mut command = build_command(&server_arguments(data.path()));
    let server = Server::start_command(command.args(["--durability", "power"]));
    let acme = create_account_with_tickets(&server, "acme", 2).await;
    let file = data.path().join("accounts/acme.db-wal");
    let (call, error) = SYNC_FAULT;
    let _fault = InjectedFault::inject(&server, call, error, &file);
    assert_server_error(&post_ticket(&acme.client).await, COMMIT_IN_DOUBT_MESSAGE, "the commit");
    assert_reads_fail(&acme).await;
    drop(server);
    let server = start_on(data.path());
    let acme = acme.with_server(&server);
    let total = acme.client.get("/api/v2/ticket").await.body["itemTotal"].take();
    assert!(total == 2 || total == 3, "expected 2 or 3 tickets, not {total}");
    assert_account_usable(&acme).await;
    server.stop_cleanly();
}

async fn account_with_in_doubt_reset_is_rejected_until_resolved() {
    for disk_recovers in [true, false] {
        let data = files::create_temp_dir();
        let mut command = build_command(&server_arguments(data.path()));
        let server = Server::start_command(command.args(["--durability", "power"]));
        let acme = create_account_with_tickets(&server, "acme", 2).await;
        let other = create_account_with_tickets(&server, "other", 1).await;
        let before = dump_tickets(&acme.client).await;
        let wal = data.path().join("catalogue.db-wal");
        let (call, error) = SYNC_FAULT;
        let fault = InjectedFault::inject(&server, call, error, &wal);
        assert_control_server_error(
            &acme.send_control("POST", "/reset").await,
            COMMIT_IN_DOUBT_MESSAGE,
            "the reset",
        );
        assert_server_error(&post_ticket(&acme.client).await, ACCOUNT_IN_DOUBT_MESSAGE, "a change");
        assert_server_error(
            &acme.client.get("/api/v2/ticket").await,
            ACCOUNT_IN_DOUBT_MESSAGE,
            "a read",
        );
        assert_control_server_error(
            &acme.send_control("GET", "").await,
            ACCOUNT_IN_DOUBT_MESSAGE,
            "the account",
        );
        assert_account_usable(&other).await;
        if disk_recovers {
            fault.remove();
            assert_eq!(dump_tickets(&acme.client).await, before, "the reset was not rolled back");
            assert_account_usable(&acme).await;
            let expected = dump_tickets(&acme.client).await;
            drop(server);
            let server = start_on(data.path());
            assert_eq!(
                dump_tickets(&acme.with_server(&server).client).await,
                expected,
                "the reset was applied after a restart"
            );
            server.stop_cleanly();
        } else {
            drop(server);
            let server = start_on(data.path());
            let list = acme.with_server(&server).client.get("/api/v2/ticket").await;
            let total = &list.body["itemTotal"];
            assert!(*total == 0 || *total == 2, "expected 0 or 2 tickets, not {total}");
            server.stop_cleanly();
        }
    }
}

async fn write_rejected_by_fsync_error_stays_undone_after_restart() {
    let data = files::create_temp_dir();
    let mut command = build_command(&server_arguments(data.path()));
    let server = Server::start_command(command.args(["--durability", "power"]));
    let acme = create_account_with_tickets(&server, "acme", 2).await;
    for (file, operation) in
        [("catalogue.db-wal", "POST /reset"), ("accounts/acme.db-wal", "a ticket")]
    {
        let before = dump_tickets(&acme.client).await;
        let wal = data.path().join(file);
        let fault = InjectedFault::inject(&server, SYNC_FAULT.0, "EIO:when=1", &wal);
        let status = if operation == "a ticket" {
            post_ticket(&acme.client).await.status
        } else {
            acme.send_control("POST", "/reset").await.status
        };
        assert_eq!(status, 500, "{operation}");
        assert_eq!(dump_tickets(&acme.client).await, before, "{operation} was not rolled back");
        fault.remove();
    }
    // Kill the server before it writes anything else.
    let expected = dump_tickets(&acme.client).await;
    drop(server);
    let server = start_on(data.path());
    assert_eq!(dump_tickets(&acme.with_server(&server).client).await, expected);
    server.stop_cleanly();
}

/// Asserts that reads of each kind fail while the outcome of a commit is unknown: item, list, search, view and export.
async fn assert_reads_fail(acme: &Account) {
    for query in ["", "/1", "?status=open", "?query=a%20long%20one", "?view=open"] {
        assert_server_error(
            &acme.client.get(&format!("/api/v2/ticket{query}")).await,
            ACCOUNT_IN_DOUBT_MESSAGE,
            query,
        );
    }
    assert_control_server_error(
        &acme.send_control("GET", "/export").await,
        ACCOUNT_IN_DOUBT_MESSAGE,
        "an export",
    );
}

/// Sends each control request that writes to the catalogue.
async fn send_catalogue_writes(acme: &Account) -> Vec<(&'static str, JsonResponse)> {
    let clock = json!({ "mode": "frozen", "at": "2026-03-01T12:00:00Z" });
    let creation =
        acme.client.request_without_key("POST", ACCOUNTS_PATH).json(&json!({ "name": "more" }));
    vec![
        ("an account", fetch_response(creation).await),
        ("a clock", acme.send_control_json("PUT", "/clock", &clock).await),
        ("a key", acme.send_control_json("POST", "/keys", &json!({ "name": "more" })).await),
        ("a snapshot", acme.send_control("PUT", "/snapshots/more").await),
        ("a restore", acme.send_control("POST", "/snapshots/one/restore").await),
        ("a reset", acme.send_control("POST", "/reset").await),
        ("a removal", acme.send_control("DELETE", "").await),
    ]
}

async fn io_error_on_catalogue_changes_no_account() {
    let data = files::create_temp_dir();
    let server = start_on(data.path());
    let acme = create_account_with_tickets(&server, "acme", 2).await;
    assert_eq!(acme.send_control("PUT", "/snapshots/one").await.status, 201);
    create_ticket(&acme.client).await;
    let clock = json!({ "mode": "frozen", "at": "2026-02-01T12:00:00Z" });
    assert_eq!(acme.send_control_json("PUT", "/clock", &clock).await.status, 200);
    let before = (acme.read_all().await, dump_tickets(&acme.client).await);
    let file = data.path().join("catalogue.db-wal");
    let fault = InjectedFault::inject(&server, "pwrite64", "ENOSPC", &file);
    for (operation, reply) in send_catalogue_writes(&acme).await {
        assert_control_server_error(&reply, "The disk of the server is full", operation);
    }
    assert_eq!(
        (acme.read_all().await, dump_tickets(&acme.client).await),
        before,
        "while the disk fails"
    );
    assert_account_usable(&acme).await;
    fault.remove();

    for (operation, reply) in send_catalogue_writes(&acme).await {
        assert!(reply.status < 300, "{operation} after the disk recovered: {}", reply.body);
    }
    stop_and_check_log(server, &[&catalogue_path(data.path())]);
}
