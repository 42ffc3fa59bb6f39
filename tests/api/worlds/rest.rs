//! Idle accounts cost nothing but their data: no thread, no open file; and clients that leave harm nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::control::Account;
use crate::fixtures::{NEW_TICKET, folder};
use crate::program::{Running, command};
use crate::support::Client;

/// Longer than it takes until an idle account is at rest.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running program on Linux, as the system sees it.
struct Seen(u32);

impl Seen {
    fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.0)).map_or(0, Iterator::count)
    }

    fn open_files_in(&self, folder: &Path) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.0)).into_iter().flatten();
        let targets = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        targets.filter(|target| target.starts_with(folder)).count()
    }
}

/// Waits until it is so, by looking.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        tokio::task::yield_now().await;
    }
}

async fn accounts(client: &Client, number: usize) -> Vec<Account> {
    let mut accounts = Vec::new();
    for _ in 0..number {
        let account = Account::make(client, &json!({})).await;
        let made = account.client.form("POST", "/api/v2/ticket", NEW_TICKET).await;
        assert_eq!(made.status, 200, "{}", made.body);
        accounts.push(account);
    }
    accounts
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_idle_file_account_holds_no_thread_and_no_open_file() {
    let data = folder();
    let path = data.path().display().to_string();
    let mut program = Running::spawn(&mut command(&["--listen", "127.0.0.1:0", "--data", &path]));
    let client = Client::of(&program.base());
    let seen = Seen(program.id());
    let (threads, folder) = (seen.threads(), data.path().join("accounts"));
    let accounts = accounts(&client, 5).await;
    assert!(seen.open_files_in(&folder) > 0 && seen.threads() > threads);
    until("their files are closed", || seen.open_files_in(&folder) == 0).await;
    until("their threads have ended", || seen.threads() <= threads + 4).await;
    for account in accounts {
        assert_eq!(account.client.get("/api/v2/ticket").await.body["itemTotal"], 1);
    }
    assert_eq!(program.stop().code, Some(0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn hundreds_of_accounts_are_not_hundreds_of_threads() {
    let mut program = Running::serve(&[]);
    let client = Client::of(&program.base());
    let seen = Seen(program.id());
    let accounts = accounts(&client, 300).await;
    assert!(seen.threads() < 120, "{}", seen.threads());
    for account in accounts {
        assert_eq!(account.client.get("/api/v2/ticket").await.body["itemTotal"], 1);
    }
    assert_eq!(program.stop().code, Some(0));
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_harms_nothing() {
    let mut program = Running::serve(&[]);
    let client = Client::of(&program.base());
    let account = Account::make(&client, &json!({})).await;
    for round in 0..60 {
        let path = ["/reset", "/snapshots/one/restore", "/clock/advance"][round % 3];
        let body = if round % 3 == 2 { json!({ "by": "PT1S" }) } else { json!({}) };
        let _ = account.control("PUT", "/snapshots/one").await;
        let request = account.ask("POST", path).json(&body).send();
        // Given up after a moment that is now too short, now long enough.
        let moment = Duration::from_micros(100 + 40 * u64::try_from(round).unwrap_or_default());
        let _ = tokio::time::timeout(moment, request).await;
        let made = account.client.form("POST", "/api/v2/ticket", NEW_TICKET).await;
        assert_eq!(made.status, 200, "{}", made.body);
    }
    assert_eq!(program.stop().code, Some(0));
}
