//! Idle eviction: an idle account uses no thread and no open file. Client disconnects do no harm.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::support::client::ApiClient;
use crate::support::control::Account;
use crate::support::files::create_temp_dir;
use crate::support::process::{RunningProcess, build_command};
use crate::support::ticket::create_ticket;
use crate::support::wait::poll_until;

/// Thread and file counts of a running program, from `/proc` on Linux.
struct ProcessInfo(u32);

impl ProcessInfo {
    fn thread_count(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.0)).map_or(0, Iterator::count)
    }

    fn count_open_files_in(&self, folder: &Path) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.0)).into_iter().flatten();
        let targets = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        targets.filter(|target| target.starts_with(folder)).count()
    }
}

async fn create_accounts(client: &ApiClient, number: usize) -> Vec<Account> {
    let mut accounts = Vec::new();
    for _ in 0..number {
        let account = Account::create(client, &json!({})).await;
        create_ticket(&account.client).await;
        accounts.push(account);
    }
    accounts
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn idle_file_account_holds_no_thread_or_open_file() {
    let data = create_temp_dir();
    let path = data.path().display().to_string();
    let mut program =
        RunningProcess::spawn(&mut build_command(&["--listen", "127.0.0.1:0", "--data", &path]));
    let client = ApiClient::new(&program.base_url());
    let process = ProcessInfo(program.pid());
    let (threads, folder) = (process.thread_count(), data.path().join("accounts"));
    let accounts = create_accounts(&client, 5).await;
    assert!(process.count_open_files_in(&folder) > 0 && process.thread_count() > threads);
    poll_until("closed account files", async || process.count_open_files_in(&folder) == 0).await;
    poll_until("the end of threads", async || process.thread_count() <= threads + 4).await;
    for account in accounts {
        assert_eq!(account.client.get("/api/v2/ticket").await.body["itemTotal"], 1);
    }
    assert_eq!(program.stop().exit_code, Some(0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn thread_count_does_not_grow_with_accounts() {
    let mut program = RunningProcess::spawn_server(&[]);
    let client = ApiClient::new(&program.base_url());
    let process = ProcessInfo(program.pid());
    let accounts = create_accounts(&client, 150).await;
    assert!(process.thread_count() < 75, "{}", process.thread_count());
    for account in accounts {
        assert_eq!(account.client.get("/api/v2/ticket").await.body["itemTotal"], 1);
    }
    assert_eq!(program.stop().exit_code, Some(0));
}

#[tokio::test]
async fn client_disconnect_during_control_request_does_no_harm() {
    let mut program = RunningProcess::spawn_server(&[]);
    let client = ApiClient::new(&program.base_url());
    let account = Account::create(&client, &json!({})).await;
    for round in 0..60 {
        let path = ["/reset", "/snapshots/one/restore", "/clock/advance"][round % 3];
        let body = if round % 3 == 2 { json!({ "by": "PT1S" }) } else { json!({}) };
        let _ = account.send_control("PUT", "/snapshots/one").await;
        let request = account.request("POST", path).json(&body).send();
        // The request is cancelled after a timeout: too short in the first rounds, long enough in the last.
        let timeout = Duration::from_micros(100 + 40 * u64::try_from(round).unwrap_or_default());
        let _ = tokio::time::timeout(timeout, request).await;
        create_ticket(&account.client).await;
    }
    assert_eq!(program.stop().exit_code, Some(0));
}
