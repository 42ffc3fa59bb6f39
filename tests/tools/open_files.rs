//! A low limit of file descriptors: connections and databases share them, and a request without one waits or gets
//! a clear error. It is never reported as an unwritable disk.

use std::path::Path;
use std::process::Command;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::client::{ApiClient, JsonResponse};
use crate::support::control::Account;
use crate::support::files;
use crate::support::process::{PROGRAM, ProcessOutput, RunningProcess, build_clean_env_command};
use crate::support::raw::{build_raw_request, transcribe};
use crate::support::ticket::{NEW_TICKET_FORM, URLENCODED, post_ticket};
use crate::support::tools::{PRLIMIT, can_run};
use crate::tool_test::{ToolTest, tool_tests};

pub(super) fn tests() -> Vec<ToolTest> {
    let with_tool = tool_tests![PRLIMIT =>
        async fd_exhaustion_is_not_reported_as_unwritable_data_dir,
    ];
    let others = tool_tests![=>
        async more_accounts_than_file_descriptors_take_turns,
        async excess_connections_leave_file_descriptors_to_databases,
        startup_fails_with_advice_if_fd_limit_is_too_low,
    ];
    [with_tool, others].into_iter().flatten().collect()
}

/// Limits so low that accounts and connections compete for descriptors, and a higher one.
const FD_LIMITS: [u32; 2] = [64, 256];
/// More accounts than any of these limits allows to have open databases.
const ACCOUNT_COUNT: usize = 40;

/// Returns a command that serves this data directory with a hard limit of open files.
fn build_command_with_fd_limit(data: &Path, files: u32) -> Command {
    let script = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
    let mut command = build_clean_env_command("sh", &["-c", &script, PROGRAM]);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    command
}

/// Stops the server, which must succeed; its log must contain no missing file descriptor and no panic.
#[track_caller]
fn stop_and_check_log(server: RunningProcess) -> ProcessOutput {
    let output = server.stop();
    assert_eq!(output.exit_code, Some(0), "{output:?}");
    for word in ["panicked", "oo many open files", "unable to open", " ERROR "] {
        assert!(!output.combined_output().contains(word), "{word}: {output:?}");
    }
    output
}

async fn create_accounts(client: &ApiClient) -> Vec<Account> {
    let mut accounts = Vec::new();
    for index in 0..ACCOUNT_COUNT {
        accounts.push(Account::create(client, &json!({ "name": format!("a{index}") })).await);
    }
    accounts
}

/// Repeats the request while the connection limit is reached: a client may open more connections than it needs.
async fn retry_while_full(send: impl AsyncFn() -> JsonResponse) -> JsonResponse {
    loop {
        let reply = send().await;
        if reply.status == 200 {
            return reply;
        }
        assert_eq!(reply.status, 503, "{}", reply.body);
        assert!(reply.message().contains("(--max-connections)"), "{}", reply.body);
    }
}

async fn more_accounts_than_file_descriptors_take_turns() {
    for files in FD_LIMITS {
        let data = files::create_temp_dir();
        let mut server =
            RunningProcess::spawn(&mut build_command_with_fd_limit(data.path(), files));
        let base = server.base_url();
        let accounts = create_accounts(&ApiClient::new(&base)).await;
        // Each client has its own connections and uses all accounts, starting with a different one.
        let clients = (0..6).map(async |client_number| {
            let client = ApiClient::new(&base);
            for index in 0..ACCOUNT_COUNT {
                let account = &accounts[(index + client_number * 7) % ACCOUNT_COUNT];
                let account = account.clone().with_server(&client);
                retry_while_full(async || post_ticket(&account.client).await).await;
                let path = format!("/api/v2/ticket?fromName=visitor-{client_number}");
                retry_while_full(async || account.client.get(&path).await).await;
            }
        });
        join_all(clients).await;
        for account in &accounts {
            let list =
                retry_while_full(async || account.client.get("/api/v2/ticket?itemLimit=1").await)
                    .await;
            assert_eq!(list.body["itemTotal"], 6, "{files} files: {}", list.body);
        }
        stop_and_check_log(server);
    }
}

async fn excess_connections_leave_file_descriptors_to_databases() {
    for files in FD_LIMITS {
        let data = files::create_temp_dir();
        let mut server =
            RunningProcess::spawn(&mut build_command_with_fd_limit(data.path(), files));
        let base = server.base_url();
        let client = ApiClient::new(&base);
        let accounts = create_accounts(&client).await;
        drop(client);
        let attempts = (0..files as usize * 2).map(async |index| {
            let key = &accounts[index % ACCOUNT_COUNT].client.api_key;
            let bytes = build_raw_request(
                "POST",
                "/api/v2/ticket",
                key,
                URLENCODED,
                NEW_TICKET_FORM.as_bytes(),
            );
            // A rejected connection may be closed before all bytes are sent, and without a response.
            let response = transcribe(&base, &bytes).await.text();
            if response.is_empty() {
                return (index, false);
            }
            let is_created = response.starts_with("HTTP/1.1 200 ");
            let is_over_capacity =
                response.starts_with("HTTP/1.1 503 ") && response.contains("(--max-connections)");
            assert!(is_created || is_over_capacity, "{files} files: {response}");
            (index, is_created)
        });
        let mut created_counts = [0; ACCOUNT_COUNT];
        for (index, is_created) in join_all(attempts).await {
            created_counts[index % ACCOUNT_COUNT] += u64::from(is_created);
        }
        assert!(created_counts.iter().sum::<u64>() > 0, "some requests succeed");
        let client = ApiClient::new(&base);
        for (account, created) in accounts.iter().zip(created_counts) {
            let account = account.clone().with_server(&client);
            let list = account.client.get("/api/v2/ticket?itemLimit=1").await;
            assert_eq!(list.status, 200, "{files} files: {}", list.body);
            let total = list.body["itemTotal"].as_u64().expect("itemTotal is a number");
            assert!(total >= created, "{files} files: acknowledged tickets exist: {}", list.body);
        }
        stop_and_check_log(server);
    }
}

fn startup_fails_with_advice_if_fd_limit_is_too_low() {
    for files in [5, 8, 12, 20, 40] {
        let data = files::create_temp_dir();
        let output = RunningProcess::spawn(&mut build_command_with_fd_limit(data.path(), files))
            .wait_for_exit();
        assert_eq!(output.exit_code, Some(1), "{files}: {output:?}");
        assert!(output.stderr.contains("raise the limit (ulimit -n)"), "{files}: {output:?}");
        assert!(output.stderr.contains(&format!("limit on open files is {files},")), "{output:?}");
        assert!(!output.combined_output().contains("panicked"), "{files}: {output:?}");
    }
}

async fn fd_exhaustion_is_not_reported_as_unwritable_data_dir() {
    let data = files::create_temp_dir();
    let mut server = RunningProcess::spawn(&mut build_command_with_fd_limit(data.path(), 1024));
    let client = ApiClient::new(&server.base_url());
    let closed = Account::create(&client, &json!({ "name": "at-rest" })).await;
    let open = Account::create(&client, &json!({ "name": "open" })).await;
    let limit = |files: &str| {
        let (id, files) = (server.pid().to_string(), format!("--nofile={files}:"));
        assert!(can_run("prlimit", &["--pid", &id, &files]), "{files}");
    };
    // The database is open for writing; nothing has been read from it yet.
    assert_eq!(post_ticket(&open.client).await.status, 200);
    // The server can accept no connection later on, and the client may need one before the last one is idle again.
    join_all((0..4).map(|_| client.get("/_control/accounts"))).await;
    limit("4");
    for reply in [
        open.client.get("/api/v2/ticket").await,
        closed.client.get("/api/v2/ticket").await,
        post_ticket(&closed.client).await,
    ] {
        assert_eq!(reply.status, 503, "{}", reply.body);
        assert_eq!(reply.headers["retry-after"], "1");
        assert!(reply.message().contains("the limit on open files"), "{}", reply.body);
        assert!(reply.message().contains("ulimit -n"), "{}", reply.body);
    }
    let response = closed.send_control("GET", "").await;
    crate::support::control::assert_problem(&response, 503, "busy", "an account");
    limit("1024");
    for (account, total) in [(&open, 1), (&closed, 0)] {
        let list = account.client.get("/api/v2/ticket").await;
        assert_eq!(list.body["itemTotal"], total, "{}", list.body);
        assert_eq!(post_ticket(&account.client).await.status, 200);
    }
    assert_eq!(server.stop().exit_code, Some(0));
}
