//! A prepared data directory with different accounts, the operations on them, and their states.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::support::client::ApiClient;
use crate::support::control::{ACCOUNTS_PATH, Account, fetch_response};
use crate::support::disk::{create_account_with_tickets, server_arguments, start_on};
use crate::support::files;
use crate::support::process::build_command;
use crate::support::seed::{ACME_KEY, acme_seed, ticket_fixture};
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FORM, create_ticket, new_ticket_fields};

/// The number of pages in the write-ahead log that triggers a checkpoint.
const WAL_AUTOCHECKPOINT_PAGES: u64 = 3000;
/// The number of concurrent writers of a load: enough to fill the rest of the write-ahead log.
pub(super) const WRITER_COUNT: usize = 16;
/// The size of a page in the write-ahead log, with its header, in bytes (documented: SQLite's file format).
const WAL_FRAME_BYTES: u64 = 1024 + 24;

/// An operation on the account `acme`, unless the variant names another account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    CreateTicket,
    /// Concurrent tickets that fill the write-ahead log and trigger a checkpoint.
    FillWal,
    /// The first ticket of `idle`, which uses an image.
    FirstWrite,
    /// The first read of the tickets of `idle`.
    FirstRead,
    Reset,
    TakeSnapshot,
    /// A snapshot that replaces another one.
    ReplaceSnapshot,
    Restore,
    RemoveAccount,
    Import,
    /// A new account from the seed.
    CreateAccount,
    /// A new account from `acme`.
    CopyAccount,
}

/// The state of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccountState {
    /// The titles of the tickets, by id.
    pub(super) tickets: BTreeMap<u64, String>,
    /// The time of each snapshot, by name.
    pub(super) snapshots: BTreeMap<String, String>,
    /// None if the clock is not frozen.
    frozen_clock: Option<Value>,
}

/// The states of all accounts, by name.
pub(super) type ServerState = BTreeMap<String, AccountState>;

/// A data directory of a stopped server, for tests to copy.
pub(super) struct PreparedDataDir {
    dir: TempDir,
    base: &'static BaseData,
    pub(super) operation: Operation,
}

/// A server on a copy of the data directory.
pub(super) struct ServerUnderTest {
    pub(super) server: Server,
    pub(super) acme: Account,
    pub(super) idle: Account,
    pub(super) other: Account,
}

/// A data directory in memory, so that each test starts from it without a server that writes it again.
struct BaseData {
    files: Vec<(PathBuf, Vec<u8>)>,
    snapshot_one_tickets: BTreeMap<u64, String>,
    idle_key: String,
    other_key: String,
}

impl BaseData {
    async fn get() -> &'static Self {
        static DATA: OnceCell<BaseData> = OnceCell::const_new();
        DATA.get_or_init(Self::generate).await
    }

    async fn generate() -> Self {
        let (dir, seeds) = (files::create_temp_dir(), files::create_temp_dir());
        let seed = files::write_file(
            &seeds,
            "seed.json",
            &acme_seed((1..=3).map(ticket_fixture)).to_string(),
        );
        let server = Server::start_command(
            build_command(&server_arguments(dir.path())).args(["--seed", &seed]),
        );
        let acme = Account::new(&server, "acme", ACME_KEY);
        let idle = create_account_with_tickets(&server, "idle", 0).await;
        let other = create_account_with_tickets(&server, "other", 2).await;
        create_large_tickets(&acme).await;
        assert_eq!(acme.send_control("PUT", "/snapshots/one").await.status, 201);
        let one = read_account_state(&acme).await.expect("the state is readable").tickets;
        create_large_tickets(&acme).await;
        acme.freeze_clock("2026-04-01T12:00:00Z").await;
        let [idle_key, other_key] = [&idle, &other].map(|account| account.client.api_key.clone());
        server.stop_cleanly();
        // The first restart has additional work, so it happens here.
        start_on(dir.path()).stop_cleanly();
        Self { files: read_all_files(dir.path()), snapshot_one_tickets: one, idle_key, other_key }
    }
}

/// Returns the content of each file, with its path below the directory.
fn read_all_files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let copy = files::create_temp_dir();
    let copies = files::copy_dir(dir, copy.path()).into_iter();
    let relative = |path: &Path| path.strip_prefix(copy.path()).expect("below the copy").to_owned();
    copies.map(|path| (relative(&path), std::fs::read(&path).expect("a file"))).collect()
}

impl PreparedDataDir {
    pub(super) async fn new(operation: Operation) -> Self {
        let base = BaseData::get().await;
        let dir = files::create_temp_dir();
        for (path, content) in &base.files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a directory"))
                .expect("the directory is created");
            std::fs::write(path, content).expect("the file is written");
        }
        if operation == Operation::FillWal {
            fill_wal(dir.path()).await;
        }
        Self { dir, base, operation }
    }

    /// Returns the tickets in the snapshot `one` of `acme`.
    pub(super) fn snapshot_one_tickets(&self) -> &BTreeMap<u64, String> {
        &self.base.snapshot_one_tickets
    }

    /// Copies the data directory into an existing directory.
    pub(super) fn copy_to(&self, data: &Path) {
        files::copy_dir(self.dir.path(), data);
    }

    /// Copies the data directory. Returns the canonical path, as strace prints it.
    pub(super) fn copy(&self) -> (TempDir, PathBuf) {
        let dir = files::create_temp_dir();
        self.copy_to(dir.path());
        let data = dir.path().canonicalize().expect("the directory exists");
        (dir, data)
    }

    /// Starts the command as a server on a copy of the data directory.
    pub(super) fn start_server(&self, command: &mut Command) -> ServerUnderTest {
        let server = Server::start_command(command);
        let account = |name: &str, key: &str| Account::new(&server, name, key);
        let (acme, idle, other) = (
            account("acme", ACME_KEY),
            account("idle", &self.base.idle_key),
            account("other", &self.base.other_key),
        );
        ServerUnderTest { server, acme, idle, other }
    }
}

impl ServerUnderTest {
    /// Opens the accounts, and writes to the logs of `acme` and `other`. `idle` stays closed if the operation opens it.
    /// Otherwise these steps would later write to the catalogue and overwrite the remains of a failed commit.
    pub(super) async fn warm_up(&self, operation: Operation) {
        let keeps_idle_closed = matches!(operation, Operation::FirstWrite | Operation::FirstRead);
        let list = fetch_response(self.client().request_without_key("GET", ACCOUNTS_PATH)).await;
        for account in list.body["accounts"].as_array().expect("a list") {
            let name = account["account"].as_str().expect("a name");
            if !(keeps_idle_closed && name == "idle") {
                read_account_state(&Account::new(self.client(), name, ""))
                    .await
                    .expect("the state is readable");
            }
        }
        // For `FillWal` the log is nearly full already.
        if operation != Operation::FillWal {
            create_ticket(&self.acme.client).await;
        }
        create_ticket(&self.other.client).await;
    }

    pub(super) fn client(&self) -> &ApiClient {
        &self.server
    }

    /// Builds the request of the operation. A load has several, with different titles.
    pub(super) fn build_requests(&self, operation: Operation) -> Vec<RequestBuilder> {
        let acme = &self.acme;
        vec![match operation {
            Operation::FillWal => {
                return (0..WRITER_COUNT)
                    .map(|writer| build_large_ticket_creation(acme, &load_title(writer)))
                    .collect();
            }
            Operation::CreateTicket => build_ticket_creation(acme),
            Operation::FirstWrite => build_ticket_creation(&self.idle),
            Operation::FirstRead => self.idle.client.request("GET", "/api/v2/ticket"),
            Operation::Reset => acme.request("POST", "/reset"),
            Operation::TakeSnapshot => acme.request("PUT", "/snapshots/two"),
            Operation::ReplaceSnapshot => acme.request("PUT", "/snapshots/one"),
            Operation::Restore => acme.request("POST", "/snapshots/one/restore"),
            Operation::RemoveAccount => acme.request("DELETE", ""),
            Operation::Import => {
                let clock = json!({ "mode": "frozen", "at": "2026-06-01T12:00:00Z" });
                let tickets: Vec<Value> = (501..=520).map(ticket_fixture).collect();
                let account = json!({ "clock": clock, "tickets": tickets });
                acme.request("POST", "/import").json(&json!({ "accounts": { "more": account } }))
            }
            Operation::CreateAccount => self.build_account_creation(&json!({ "name": "fresh" })),
            Operation::CopyAccount => {
                self.build_account_creation(&json!({ "name": "fresh", "from": "account:acme" }))
            }
        }]
    }

    fn build_account_creation(&self, body: &Value) -> RequestBuilder {
        self.client().request_without_key("POST", ACCOUNTS_PATH).json(body)
    }

    /// Returns the states of all accounts, or the error message.
    pub(super) async fn read_state(&self) -> Result<ServerState, String> {
        let list = fetch_response(self.client().request_without_key("GET", ACCOUNTS_PATH)).await;
        assert_eq!(list.status, 200, "{}", list.body);
        let mut state = ServerState::new();
        for account in list.body["accounts"].as_array().expect("a list") {
            let name = account["account"].as_str().expect("a name");
            state.insert(
                name.to_owned(),
                read_account_state(&Account::new(self.client(), name, "")).await?,
            );
        }
        Ok(state)
    }
}

pub(super) fn build_ticket_creation(account: &Account) -> RequestBuilder {
    let request = account.client.request("POST", "/api/v2/ticket");
    request.header("content-type", "application/x-www-form-urlencoded").body(NEW_TICKET_FORM)
}

/// Returns the state of an account, or the error message.
pub(super) async fn read_account_state(account: &Account) -> Result<AccountState, String> {
    let export = fetch_response(account.request("GET", "/export")).await;
    if export.status != 200 {
        return Err(format!("{}: {} {}", account.name, export.status, export.body));
    }
    let content = &export.body["accounts"][&account.name];
    let tickets = content["tickets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tickets = tickets.iter().map(|ticket| {
        let title = ticket["title"].as_str().expect("a title");
        (ticket["id"].as_u64().expect("an id"), title.to_owned())
    });
    let list = fetch_response(account.request("GET", "/snapshots")).await;
    let list = list.body["snapshots"].as_array().expect("a list").clone();
    let snapshots = list.iter().map(|snapshot| {
        let text = |name: &str| snapshot[name].as_str().expect("text").to_owned();
        (text("name"), text("taken_at"))
    });
    let clock = content["clock"].clone();
    let clock = (clock["mode"] == "frozen").then_some(clock);
    Ok(AccountState {
        tickets: tickets.collect(),
        snapshots: snapshots.collect(),
        frozen_clock: clock,
    })
}

/// Returns the title of the ticket of one writer.
pub(super) fn load_title(writer: usize) -> String {
    format!("Load {writer}")
}

/// Builds a request for a ticket that takes several pages.
fn build_large_ticket_creation(account: &Account, title: &str) -> RequestBuilder {
    let name = "\u{6f22}".repeat(1000);
    let fields = new_ticket_fields(title).into_iter().chain([("fromName", &*name)]);
    account.client.request("POST", "/api/v2/ticket").form(&fields.collect::<Vec<_>>())
}

/// Creates tickets that make the file grow.
async fn create_large_tickets(account: &Account) {
    for number in 0..6 {
        let created =
            fetch_response(build_large_ticket_creation(account, &format!("Large {number}"))).await;
        assert_eq!(created.status, 200, "{}", created.body);
    }
}

/// Fills the log of `acme` until it is nearly full, and kills the server.
async fn fill_wal(data: &Path) {
    let server = start_on(data);
    let acme = Account::new(&server, "acme", ACME_KEY);
    create_large_tickets(&acme).await;
    for number in 0.. {
        if wal_size_bytes(data) / WAL_FRAME_BYTES >= WAL_AUTOCHECKPOINT_PAGES - 60 {
            break;
        }
        let title = format!("title=Round+{number}");
        let changed = acme.client.send_form("PUT", "/api/v2/ticket/1", &title).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
    }
    server.kill();
}

/// Returns the size of the write-ahead log of `acme`, in bytes.
fn wal_size_bytes(data: &Path) -> u64 {
    let files = std::fs::read_dir(data.join("accounts")).expect("the directory exists");
    let logs = files.map(|file| file.expect("a file")).filter(|file| {
        let name = file.file_name().display().to_string();
        name.starts_with("acme.") && name.ends_with(".db-wal")
    });
    logs.map(|log| log.metadata().expect("the file has metadata").len()).sum()
}
