//! A server that may have few files open: connections and databases share them out, and what there is no room for waits
//! or is told why. It is never taken for a disk that cannot be written.

use std::path::Path;
use std::process::Command;

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::clients::{can_run, passed_over};
use crate::control::Account;
use crate::fixtures::{self, NEW_TICKET};
use crate::program::{Finished, Running, undisturbed};
use crate::raw;
use crate::support::{Client, Reply};

/// So few files that accounts and connections have to wait for each other, and some more.
const FEW: [u32; 2] = [64, 256];
/// More accounts than may have their databases open with any of these.
const ACCOUNTS: usize = 40;

/// A server on the folder that may have so many files open, and cannot raise that.
fn limited(data: &Path, files: u32) -> Command {
    let script = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
    let mut command = undisturbed("sh", &["-c", &script, env!("CARGO_BIN_EXE_omnidesk-mock")]);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    command
}

/// Ends it, which goes well; its log tells of no file that there was none for, and of no defect.
#[track_caller]
fn stop(server: Running) -> Finished {
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for word in ["panicked", "oo many open files", "unable to open", " ERROR "] {
        assert!(!ended.text().contains(word), "{word}: {ended:?}");
    }
    ended
}

async fn accounts(client: &Client) -> Vec<Account> {
    let mut accounts = Vec::new();
    for at in 0..ACCOUNTS {
        accounts.push(Account::make(client, &json!({ "name": format!("a{at}") })).await);
    }
    accounts
}

async fn create(account: &Account) -> Reply {
    account.client.form("POST", "/api/v2/ticket", NEW_TICKET).await
}

/// Asks until there is a connection for it: a client may open one more than it needs. Anything else is done at once.
async fn served(ask: impl AsyncFn() -> Reply) -> Reply {
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
async fn more_accounts_than_there_are_files_for_take_turns() {
    for files in FEW {
        let data = fixtures::folder();
        let mut server = Running::spawn(&mut limited(data.path(), files));
        let base = server.base();
        let accounts = accounts(&Client::of(&base)).await;
        // Each has a connection of its own, and goes to all accounts, from another one on.
        let visits = (0..6).map(async |visitor| {
            let client = Client::of(&base);
            for at in 0..ACCOUNTS {
                let account = &accounts[(at + visitor * 7) % ACCOUNTS];
                let account = account.clone().at(&client);
                served(async || create(&account).await).await;
                let path = format!("/api/v2/ticket?fromName=visitor-{visitor}");
                served(async || account.client.get(&path).await).await;
            }
        });
        join_all(visits).await;
        for account in &accounts {
            let list =
                served(async || account.client.get("/api/v2/ticket?itemLimit=1").await).await;
            assert_eq!(list.body["itemTotal"], 6, "{files} files: {}", list.body);
        }
        stop(server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_connections_than_there_are_files_for_leave_the_databases_theirs() {
    for files in FEW {
        let data = fixtures::folder();
        let mut server = Running::spawn(&mut limited(data.path(), files));
        let base = server.base();
        let client = Client::of(&base);
        let accounts = accounts(&client).await;
        drop(client);
        let crowd = (0..files as usize * 2).map(async |at| {
            let key = &accounts[at % ACCOUNTS].client.key;
            let kind = "application/x-www-form-urlencoded";
            let bytes = raw::request("POST", "/api/v2/ticket", key, kind, NEW_TICKET.as_bytes());
            let mut stream = raw::connect(&base).await;
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
        let mut made = [0; ACCOUNTS];
        for (at, is_made) in join_all(crowd).await {
            made[at % ACCOUNTS] += u64::from(is_made);
        }
        assert!(made.iter().sum::<u64>() > 0, "some are let in");
        let client = Client::of(&base);
        for (account, made) in accounts.iter().zip(made) {
            let account = account.clone().at(&client);
            let list = account.client.get("/api/v2/ticket?itemLimit=1").await;
            assert_eq!(list.status, 200, "{files} files: {}", list.body);
            let total = list.body["itemTotal"].as_u64().expect("a number");
            assert!(total >= made, "{files} files: what was acknowledged is there: {}", list.body);
        }
        stop(server);
    }
}

#[test]
fn a_server_with_too_few_files_does_not_start_and_says_what_to_do() {
    for files in [5, 8, 12, 20, 40] {
        let data = fixtures::folder();
        let ended = Running::spawn(&mut limited(data.path(), files)).finish();
        assert_eq!(ended.code, Some(1), "{files}: {ended:?}");
        assert!(ended.stderr.contains("raise the limit (ulimit -n)"), "{files}: {ended:?}");
        assert!(ended.stderr.contains(&format!("may have {files} files open")), "{ended:?}");
        assert!(!ended.text().contains("panicked"), "{files}: {ended:?}");
    }
}

#[tokio::test]
async fn a_system_without_files_is_told_from_a_folder_that_cannot_be_written() {
    if !can_run("prlimit", &["--version"]) {
        return passed_over("there is no prlimit, so a running server keeps its files");
    }
    let data = fixtures::folder();
    let mut server = Running::spawn(&mut limited(data.path(), 1024));
    let client = Client::of(&server.base());
    let at_rest = Account::make(&client, &json!({ "name": "at-rest" })).await;
    let open = Account::make(&client, &json!({ "name": "open" })).await;
    let limit = |files: &str| {
        let (id, files) = (server.id().to_string(), format!("--nofile={files}:"));
        assert!(can_run("prlimit", &["--pid", &id, &files]), "{files}");
    };
    // It is open to be written, and nothing has been read from it.
    assert_eq!(create(&open).await.status, 200);
    limit("4");
    for reply in [
        open.client.get("/api/v2/ticket").await,
        at_rest.client.get("/api/v2/ticket").await,
        create(&at_rest).await,
    ] {
        assert_eq!(reply.status, 503, "{}", reply.body);
        assert_eq!(reply.headers["retry-after"], "1");
        assert!(reply.message().contains("as many files open as"), "{}", reply.body);
        assert!(reply.message().contains("ulimit -n"), "{}", reply.body);
    }
    let shown = at_rest.control("GET", "").await;
    crate::control::problem(&shown, 503, "busy", "an account");
    limit("1024");
    for (account, total) in [(&open, 1), (&at_rest, 0)] {
        let list = account.client.get("/api/v2/ticket").await;
        assert_eq!(list.body["itemTotal"], total, "{}", list.body);
        assert_eq!(create(account).await.status, 200);
    }
    assert_eq!(server.stop().code, Some(0));
}
