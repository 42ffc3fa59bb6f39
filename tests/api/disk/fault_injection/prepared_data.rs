//! A data folder with accounts of every kind, what is done to one of them, and what they hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_client::{ACCOUNTS_PATH, Account, fetch_response};
use crate::crash::REQUIRED_FIELDS;
use crate::disk::{ServerProcess, create_account_with_tickets, create_ticket, server_arguments};
use crate::fixtures::{self, ACME_KEY, NEW_TICKET_FORM, acme_seed, ticket_fixture};
use crate::process::build_command;
use crate::support::ApiClient;

/// SQLite copies a log into its file when a commit leaves so many pages in it (documented: its default).
const WAL_AUTOCHECKPOINT_PAGES: u64 = 1000;
/// How many write at once in a load: enough to fill what is left of a log.
pub(super) const WRITER_COUNT: usize = 16;
/// A page in a log, with its header, in bytes (documented: SQLite's file format).
const WAL_FRAME_BYTES: u64 = 4096 + 24;

/// What is done to the account `acme`, unless another one is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    CreateTicket,
    /// Tickets of many writers that fill the log, so that it is copied into the file.
    FillWal,
    /// The first ticket of `idle`, which stands on an image.
    FirstWrite,
    /// The tickets of `idle`, which are read for the first time.
    FirstRead,
    Reset,
    TakeSnapshot,
    /// A snapshot in the place of another one.
    ReplaceSnapshot,
    Restore,
    RemoveAccount,
    Import,
    /// A new account from the seed.
    CreateAccount,
    /// A new account from `acme`.
    CopyAccount,
}

/// What an account holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccountState {
    /// The title of each ticket.
    pub(super) tickets: BTreeMap<u64, String>,
    /// When each snapshot was taken, by its name.
    pub(super) snapshots: BTreeMap<String, String>,
    /// None where it runs.
    frozen_clock: Option<Value>,
}

/// What all accounts hold, by name.
pub(super) type ServerState = BTreeMap<String, AccountState>;

/// A folder that nobody uses, for tests to copy.
pub(super) struct PreparedDataDir {
    dir: TempDir,
    /// What the snapshot `one` of `acme` holds.
    pub(super) snapshot_one_tickets: BTreeMap<u64, String>,
    idle_key: String,
    other_key: String,
    pub(super) operation: Operation,
}

/// A server on a copy of the folder.
pub(super) struct ServerUnderTest {
    pub(super) server: ServerProcess,
    pub(super) acme: Account,
    pub(super) idle: Account,
    pub(super) other: Account,
}

impl PreparedDataDir {
    pub(super) async fn new(operation: Operation) -> Self {
        let (folder, seeds) = (fixtures::create_temp_dir(), fixtures::create_temp_dir());
        let seed = fixtures::write_file(
            &seeds,
            "seed.json",
            &acme_seed((1..=3).map(ticket_fixture)).to_string(),
        );
        let server = ServerProcess::start(
            build_command(&server_arguments(folder.path())).args(["--seed", &seed]),
        );
        let acme = Account::new(&server.client, "acme", ACME_KEY);
        let idle = create_account_with_tickets(&server.client, "idle", 0).await;
        let other = create_account_with_tickets(&server.client, "other", 2).await;
        create_large_tickets(&acme).await;
        assert_eq!(acme.send_control("PUT", "/snapshots/one").await.status, 201);
        let one = read_account_state(&acme).await.expect("it can be read").tickets;
        create_large_tickets(&acme).await;
        freeze_clock(&acme).await;
        let keys = [&idle, &other].map(|account| account.client.api_key.clone());
        server.stop();
        // A second start, for what only a first one has to do.
        ServerProcess::start_on(folder.path()).stop();
        if operation == Operation::FillWal {
            fill_wal(folder.path()).await;
        }
        let [idle, other] = keys;
        Self { dir: folder, snapshot_one_tickets: one, idle_key: idle, other_key: other, operation }
    }

    /// Copies the folder to where there is a folder already.
    pub(super) fn copy_to(&self, data: &Path) {
        copy_dir(self.dir.path(), data);
    }

    /// A copy of the folder, whose path is as strace tells it.
    pub(super) fn copy(&self) -> (TempDir, PathBuf) {
        let folder = fixtures::create_temp_dir();
        self.copy_to(folder.path());
        let data = folder.path().canonicalize().expect("it is there");
        (folder, data)
    }

    /// The server that the command starts on a copy of the folder.
    pub(super) fn start_server(&self, command: &mut Command) -> ServerUnderTest {
        let server = ServerProcess::start(command);
        let known = |name: &str, key: &str| Account::new(&server.client, name, key);
        let (acme, idle, other) = (
            known("acme", ACME_KEY),
            known("idle", &self.idle_key),
            known("other", &self.other_key),
        );
        ServerUnderTest { server, acme, idle, other }
    }
}

impl ServerUnderTest {
    /// Opens the accounts, and leaves something in the logs of `acme` and `other`. `idle` stays as it is where the
    /// operation is to open it. Later nothing of this is written to the catalogue, where it would cover what a failed
    /// commit has left.
    pub(super) async fn warm_up(&self, operation: Operation) {
        let stays = matches!(operation, Operation::FirstWrite | Operation::FirstRead);
        let list = fetch_response(self.client().request_without_key("GET", ACCOUNTS_PATH)).await;
        for account in list.body["accounts"].as_array().expect("a list") {
            let name = account["account"].as_str().expect("a name");
            if !(stays && name == "idle") {
                read_account_state(&Account::new(self.client(), name, ""))
                    .await
                    .expect("it can be read");
            }
        }
        // A log that is to be filled holds much already.
        if operation != Operation::FillWal {
            create_ticket(&self.acme).await;
        }
        create_ticket(&self.other).await;
    }

    pub(super) fn client(&self) -> &ApiClient {
        &self.server.client
    }

    /// The request for what is done; of a load there are many, each with a title of its own.
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

    fn build_account_creation(&self, wanted: &Value) -> RequestBuilder {
        self.client().request_without_key("POST", ACCOUNTS_PATH).json(wanted)
    }

    /// What all accounts hold, or what is said instead.
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

/// What an account holds, or what is said instead.
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
    let listed = fetch_response(account.request("GET", "/snapshots")).await;
    let listed = listed.body["snapshots"].as_array().expect("a list").clone();
    let snapshots = listed.iter().map(|snapshot| {
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

/// The title of what a writer of a load sends.
pub(super) fn load_title(writer: usize) -> String {
    format!("Load {writer}")
}

/// A ticket of some pages.
fn build_large_ticket_creation(account: &Account, title: &str) -> RequestBuilder {
    let name = "\u{6f22}".repeat(1000);
    let fields = REQUIRED_FIELDS.into_iter().chain([("title", title), ("fromName", &name)]);
    account.client.request("POST", "/api/v2/ticket").form(&fields.collect::<Vec<_>>())
}

/// Makes tickets that are long enough to make the file grow.
async fn create_large_tickets(account: &Account) {
    for number in 0..6 {
        let made =
            fetch_response(build_large_ticket_creation(account, &format!("Large {number}"))).await;
        assert_eq!(made.status, 200, "{}", made.body);
    }
}

async fn freeze_clock(account: &Account) {
    let clock = json!({ "mode": "frozen", "at": "2026-04-01T12:00:00Z" });
    assert_eq!(account.send_control_json("PUT", "/clock", &clock).await.status, 200);
}

/// Fills the log of `acme`, so that the next ones make it full, and kills the server.
async fn fill_wal(data: &Path) {
    let server = ServerProcess::start_on(data);
    let acme = Account::new(&server.client, "acme", ACME_KEY);
    create_large_tickets(&acme).await;
    for number in 0.. {
        if wal_size_bytes(data) / WAL_FRAME_BYTES >= WAL_AUTOCHECKPOINT_PAGES - 60 {
            break;
        }
        let title = format!("title=Round+{number}");
        let changed = acme.client.send_form("PUT", "/api/v2/ticket/1", &title).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
    }
    // Dropping it sends SIGKILL.
    drop(server);
}

/// Of `acme`, in bytes.
fn wal_size_bytes(data: &Path) -> u64 {
    let files = std::fs::read_dir(data.join("accounts")).expect("the folder is there");
    let logs = files.map(|file| file.expect("a file")).filter(|file| {
        let name = file.file_name().display().to_string();
        name.starts_with("acme.") && name.ends_with(".db-wal")
    });
    logs.map(|log| log.metadata().expect("its size").len()).sum()
}

fn copy_dir(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let from = entry.expect("an entry").path();
        let to = to.join(from.file_name().expect("a name"));
        if from.is_dir() {
            std::fs::create_dir(&to).expect("a new folder");
            copy_dir(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a copy");
        }
    }
}
