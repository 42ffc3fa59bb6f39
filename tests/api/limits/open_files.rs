//! A server that may have few files open: connections and databases share them out, and what there is no room for waits
//! or is told why. It is never taken for a disk that cannot be written.

use std::path::Path;
use std::process::Command;

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::control_client::Account;
use crate::fixtures::{self, NEW_TICKET_FORM};
use crate::process::{ProcessOutput, RunningProcess, build_clean_env_command};
use crate::raw_http;
use crate::support::{ApiClient, JsonResponse};
use crate::third_party_clients::{can_run, skip_test};

/// So few files that accounts and connections have to wait for each other, and some more.
const FD_LIMITS: [u32; 2] = [64, 256];
/// More accounts than may have their databases open with any of these.
const ACCOUNT_COUNT: usize = 40;

/// A server on the folder that may have so many files open, and cannot raise that.
fn build_command_with_fd_limit(data: &Path, files: u32) -> Command {
    let script = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
    let mut command =
        build_clean_env_command("sh", &["-c", &script, env!("CARGO_BIN_EXE_omnidesk-mock")]);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    command
}

/// Ends it, which goes well; its log tells of no file that there was none for, and of no defect.
#[track_caller]
fn stop_and_check_log(server: RunningProcess) -> ProcessOutput {
    let ended = server.stop();
    assert_eq!(ended.exit_code, Some(0), "{ended:?}");
    for word in ["panicked", "oo many open files", "unable to open", " ERROR "] {
        assert!(!ended.combined_output().contains(word), "{word}: {ended:?}");
    }
    ended
}

async fn create_accounts(client: &ApiClient) -> Vec<Account> {
    let mut accounts = Vec::new();
    for at in 0..ACCOUNT_COUNT {
        accounts.push(Account::create(client, &json!({ "name": format!("a{at}") })).await);
    }
    accounts
}

async fn create_ticket(account: &Account) -> JsonResponse {
    account.client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await
}

/// Asks until there is a connection for it: a client may open one more than it needs. Anything else is done at once.
async fn retry_while_full(ask: impl AsyncFn() -> JsonResponse) -> JsonResponse {
    loop {
        let reply = ask().await;
        if reply.status == 200 {
            return reply;
        }
        assert_eq!(reply.status, 503, "{}", reply.body);
        assert!(reply.message().contains("(--max-connections)"), "{}", reply.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_accounts_than_file_descriptors_take_turns() {
    for files in FD_LIMITS {
        let data = fixtures::create_temp_dir();
        let mut server =
            RunningProcess::spawn(&mut build_command_with_fd_limit(data.path(), files));
        let base = server.base_url();
        let accounts = create_accounts(&ApiClient::new(&base)).await;
        // Each has a connection of its own, and goes to all accounts, from another one on.
        let visits = (0..6).map(async |visitor| {
            let client = ApiClient::new(&base);
            for at in 0..ACCOUNT_COUNT {
                let account = &accounts[(at + visitor * 7) % ACCOUNT_COUNT];
                let account = account.clone().with_server(&client);
                retry_while_full(async || create_ticket(&account).await).await;
                let path = format!("/api/v2/ticket?fromName=visitor-{visitor}");
                retry_while_full(async || account.client.get(&path).await).await;
            }
        });
        join_all(visits).await;
        for account in &accounts {
            let list =
                retry_while_full(async || account.client.get("/api/v2/ticket?itemLimit=1").await)
                    .await;
            assert_eq!(list.body["itemTotal"], 6, "{files} files: {}", list.body);
        }
        stop_and_check_log(server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn excess_connections_leave_file_descriptors_to_databases() {
    for files in FD_LIMITS {
        let data = fixtures::create_temp_dir();
        let mut server =
            RunningProcess::spawn(&mut build_command_with_fd_limit(data.path(), files));
        let base = server.base_url();
        let client = ApiClient::new(&base);
        let accounts = create_accounts(&client).await;
        drop(client);
        let crowd = (0..files as usize * 2).map(async |at| {
            let key = &accounts[at % ACCOUNT_COUNT].client.api_key;
            let kind = "application/x-www-form-urlencoded";
            let bytes = raw_http::build_raw_request(
                "POST",
                "/api/v2/ticket",
                key,
                kind,
                NEW_TICKET_FORM.as_bytes(),
            );
            let mut stream = raw_http::connect(&base).await;
            let mut answer = String::new();
            // One that is closed unheard may be so before all is sent, and reads nothing.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.read_to_string(&mut answer).await;
            if answer.is_empty() {
                return (at, false);
            }
            let made = answer.starts_with("HTTP/1.1 200 ");
            let is_crowded =
                answer.starts_with("HTTP/1.1 503 ") && answer.contains("(--max-connections)");
            assert!(made || is_crowded, "{files} files: {answer}");
            (at, made)
        });
        let mut made = [0; ACCOUNT_COUNT];
        for (at, is_made) in join_all(crowd).await {
            made[at % ACCOUNT_COUNT] += u64::from(is_made);
        }
        assert!(made.iter().sum::<u64>() > 0, "some are let in");
        let client = ApiClient::new(&base);
        for (account, made) in accounts.iter().zip(made) {
            let account = account.clone().with_server(&client);
            let list = account.client.get("/api/v2/ticket?itemLimit=1").await;
            assert_eq!(list.status, 200, "{files} files: {}", list.body);
            let total = list.body["itemTotal"].as_u64().expect("a number");
            assert!(total >= made, "{files} files: what was acknowledged is there: {}", list.body);
        }
        stop_and_check_log(server);
    }
}

#[test]
fn startup_fails_with_advice_if_fd_limit_is_too_low() {
    for files in [5, 8, 12, 20, 40] {
        let data = fixtures::create_temp_dir();
        let ended = RunningProcess::spawn(&mut build_command_with_fd_limit(data.path(), files))
            .wait_for_exit();
        assert_eq!(ended.exit_code, Some(1), "{files}: {ended:?}");
        assert!(ended.stderr.contains("raise the limit (ulimit -n)"), "{files}: {ended:?}");
        assert!(ended.stderr.contains(&format!("may have {files} files open")), "{ended:?}");
        assert!(!ended.combined_output().contains("panicked"), "{files}: {ended:?}");
    }
}

#[tokio::test]
async fn fd_exhaustion_is_not_reported_as_unwritable_data_dir() {
    if !can_run("prlimit", &["--version"]) {
        return skip_test("there is no prlimit, so a running server keeps its files");
    }
    let data = fixtures::create_temp_dir();
    let mut server = RunningProcess::spawn(&mut build_command_with_fd_limit(data.path(), 1024));
    let client = ApiClient::new(&server.base_url());
    let at_rest = Account::create(&client, &json!({ "name": "at-rest" })).await;
    let open = Account::create(&client, &json!({ "name": "open" })).await;
    let limit = |files: &str| {
        let (id, files) = (server.pid().to_string(), format!("--nofile={files}:"));
        assert!(can_run("prlimit", &["--pid", &id, &files]), "{files}");
    };
    // It is open to be written, and nothing has been read from it.
    assert_eq!(create_ticket(&open).await.status, 200);
    limit("4");
    for reply in [
        open.client.get("/api/v2/ticket").await,
        at_rest.client.get("/api/v2/ticket").await,
        create_ticket(&at_rest).await,
    ] {
        assert_eq!(reply.status, 503, "{}", reply.body);
        assert_eq!(reply.headers["retry-after"], "1");
        assert!(reply.message().contains("as many files open as"), "{}", reply.body);
        assert!(reply.message().contains("ulimit -n"), "{}", reply.body);
    }
    let shown = at_rest.send_control("GET", "").await;
    crate::control_client::assert_problem(&shown, 503, "busy", "an account");
    limit("1024");
    for (account, total) in [(&open, 1), (&at_rest, 0)] {
        let list = account.client.get("/api/v2/ticket").await;
        assert_eq!(list.body["itemTotal"], total, "{}", list.body);
        assert_eq!(create_ticket(account).await.status, 200);
    }
    assert_eq!(server.stop().exit_code, Some(0));
}
