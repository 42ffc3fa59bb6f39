//! A file size limit (`RLIMIT_FSIZE`) is handled like a full disk and does not end the server.

use super::fill_disk::{
    TICKET_COUNT, fetch_distinct_titles, write_concurrently_until_full, write_until_full,
};
use crate::support::control::fetch_response;
use crate::support::disk::{
    assert_account_usable, create_account_with_tickets, server_arguments, start_on,
    stop_and_check_log,
};
use crate::support::files;
use crate::support::process::{PROGRAM, RunningProcess, build_clean_env_command};
use crate::support::server::Server;
use crate::support::ticket::{create_ticket, dump_tickets};
use crate::support::tools::{PRLIMIT, can_run};

use crate::tool_test::{ToolTest, tool_tests};
use std::path::Path;
use std::process::Command;

pub(super) fn tests() -> Vec<ToolTest> {
    let with_tool = tool_tests![PRLIMIT =>
        async file_size_limit_rejects_writes_until_lifted,
        async full_disk_is_not_reported_as_an_unknown_key,
    ];
    let others = tool_tests![=>
        async concurrent_writes_at_size_limit_keep_exactly_the_acknowledged,
        server_that_cannot_write_fails_to_start_and_names_file,
    ];
    [with_tool, others].into_iter().flatten().collect()
}

/// Builds the command of a server whose files are limited to this many blocks of 512 bytes.
fn build_limited_command(data: &Path, blocks: u32) -> Command {
    let script = format!("ulimit -S -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = build_clean_env_command("sh", &["-c", &script, PROGRAM]);
    command.args(server_arguments(data));
    command
}

async fn file_size_limit_rejects_writes_until_lifted() {
    let data = files::create_temp_dir();
    let server = Server::start_command(&mut build_limited_command(data.path(), 1400));
    let acme = create_account_with_tickets(&server, "acme", TICKET_COUNT).await;
    let other = create_account_with_tickets(&server, "other", 1).await;
    let (newest, before) = write_until_full(&acme, &other).await;
    assert_account_usable(&other).await;
    assert_eq!(dump_tickets(&acme.client).await, before);
    let process = server.pid().to_string();
    assert!(can_run("prlimit", &["--pid", &process, "--fsize=unlimited:"]), "the limit is lifted");
    assert_eq!(create_ticket(&acme.client).await, newest + 1, "a rejected request used an id");
    let expected = [dump_tickets(&acme.client).await, dump_tickets(&other.client).await];
    stop_and_check_log(server, &[&data.path().join("accounts/acme.db")]);

    let server = start_on(data.path());
    let [acme, other] = [acme, other].map(|account| account.with_server(&server));
    assert_eq!([dump_tickets(&acme.client).await, dump_tickets(&other.client).await], expected);
    assert_account_usable(&acme).await;
    server.stop_cleanly();
}

async fn concurrent_writes_at_size_limit_keep_exactly_the_acknowledged() {
    let data = files::create_temp_dir();
    let server = Server::start_command(&mut build_limited_command(data.path(), 2000));
    let acme = create_account_with_tickets(&server, "acme", 0).await;
    let acknowledged = write_concurrently_until_full(&acme).await;
    assert!(fetch_distinct_titles(&acme).await == acknowledged, "at the limit");
    drop(server);
    let server = start_on(data.path());
    assert!(
        fetch_distinct_titles(&acme.with_server(&server)).await == acknowledged,
        "after a kill"
    );
    server.stop_cleanly();
}

async fn full_disk_is_not_reported_as_an_unknown_key() {
    let data = files::create_temp_dir();
    let mut command = build_limited_command(data.path(), 100_000);
    command.args(["--accounts", "auto"]);
    let server = Server::start_command(&mut command);
    let process = server.pid().to_string();
    assert!(can_run("prlimit", &["--pid", &process, "--fsize=1:"]), "the limit is lowered");
    let client = server.with_key("fresh-key-0123456789");
    for path in ["/_control/accounts/self", "/api/v2/ticket"] {
        let response = fetch_response(client.request("GET", path)).await;
        assert!(response.status >= 500, "{path}: {} {}", response.status, response.body);
    }
    server.stop_cleanly();
}

fn server_that_cannot_write_fails_to_start_and_names_file() {
    let data = files::create_temp_dir();
    let path = data.path().to_str().expect("the path is text");
    let output = RunningProcess::spawn(&mut build_limited_command(data.path(), 0)).wait_for_exit();
    assert_eq!(output.exit_code, Some(1), "{output:?}");
    assert!(output.stderr.contains(path), "the error does not name the file: {output:?}");
    assert!(!output.combined_output().contains("panicked"), "{output:?}");
    assert_eq!(
        start_on(data.path()).stop().exit_code,
        Some(0),
        "the server starts without the limit"
    );
}
