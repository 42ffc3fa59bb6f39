//! A data folder with accounts of every kind, what is done to one of them, and what they hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control::{ACCOUNTS, Account, answer};
use crate::crash::SENT;
use crate::disk::{Serving, account, created, serve};
use crate::fixtures::{self, KEY, NEW_TICKET, acme, ticket};
use crate::program::command;
use crate::support::Client;

/// SQLite copies a log into its file when a commit leaves so many pages in it (documented: its default).
const CHECKPOINT: u64 = 1000;
/// How many write at once in a load: enough to fill what is left of a log.
pub(super) const WRITERS: usize = 16;
/// A page in a log, with its header, in bytes (documented: SQLite's file format).
const FRAME: u64 = 4096 + 24;

/// What is done to the account `acme`, unless another one is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Ticket,
    /// Tickets of many writers that fill the log, so that it is copied into the file.
    Load,
    /// The first ticket of `idle`, which stands on an image.
    Wake,
    /// The tickets of `idle`, which are read for the first time.
    Read,
    Reset,
    Snapshot,
    /// A snapshot in the place of another one.
    Replacement,
    Restore,
    Removal,
    Import,
    /// A new account from the seed.
    Creation,
    /// A new account from `acme`.
    Fork,
}

/// What an account holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// The title of each ticket.
    pub(super) tickets: BTreeMap<u64, String>,
    /// When each snapshot was taken, by its name.
    pub(super) snapshots: BTreeMap<String, String>,
    /// None where it runs.
    clock: Option<Value>,
}

/// What all accounts hold, by name.
pub(super) type State = BTreeMap<String, Held>;

/// A folder that nobody uses, for tests to copy.
pub(super) struct Prepared {
    folder: TempDir,
    /// What the snapshot `one` of `acme` holds.
    pub(super) one: BTreeMap<u64, String>,
    idle: String,
    other: String,
    pub(super) operation: Operation,
}

/// A server on a copy of the folder.
pub(super) struct Desk {
    pub(super) server: Serving,
    pub(super) acme: Account,
    pub(super) idle: Account,
    pub(super) other: Account,
}

impl Prepared {
    pub(super) async fn new(operation: Operation) -> Self {
        let (folder, seeds) = (fixtures::folder(), fixtures::folder());
        let seed = fixtures::file(&seeds, "seed.json", &acme((1..=3).map(ticket)).to_string());
        let server = Serving::start(command(&serve(folder.path())).args(["--seed", &seed]));
        let acme = Account::known(&server.client, "acme", KEY);
        let idle = account(&server.client, "idle", 0).await;
        let other = account(&server.client, "other", 2).await;
        large(&acme).await;
        assert_eq!(acme.control("PUT", "/snapshots/one").await.status, 201);
        let one = held(&acme).await.expect("it can be read").tickets;
        large(&acme).await;
        freeze(&acme).await;
        let keys = [&idle, &other].map(|account| account.client.key.clone());
        server.stop();
        // A second start, for what only a first one has to do.
        Serving::on(folder.path()).stop();
        if operation == Operation::Load {
            fill_log(folder.path()).await;
        }
        let [idle, other] = keys;
        Self { folder, one, idle, other, operation }
    }

    /// Copies the folder to where there is a folder already.
    pub(super) fn copy_to(&self, data: &Path) {
        copy_into(self.folder.path(), data);
    }

    /// A copy of the folder, whose path is as strace tells it.
    pub(super) fn copy(&self) -> (TempDir, PathBuf) {
        let folder = fixtures::folder();
        self.copy_to(folder.path());
        let data = folder.path().canonicalize().expect("it is there");
        (folder, data)
    }

    /// The server that the command starts on a copy of the folder.
    pub(super) fn desk(&self, command: &mut Command) -> Desk {
        let server = Serving::start(command);
        let known = |name: &str, key: &str| Account::known(&server.client, name, key);
        let (acme, idle, other) =
            (known("acme", KEY), known("idle", &self.idle), known("other", &self.other));
        Desk { server, acme, idle, other }
    }
}

impl Desk {
    /// Opens the accounts, and leaves something in the logs of `acme` and `other`. `idle` stays as it is where the
    /// operation is to open it. Later nothing of this is written to the catalogue, where it would cover what a failed
    /// commit has left.
    pub(super) async fn warm_up(&self, operation: Operation) {
        let stays = matches!(operation, Operation::Wake | Operation::Read);
        let list = answer(self.client().ask_without_key("GET", ACCOUNTS)).await;
        for account in list.body["accounts"].as_array().expect("a list") {
            let name = account["account"].as_str().expect("a name");
            if !(stays && name == "idle") {
                held(&Account::known(self.client(), name, "")).await.expect("it can be read");
            }
        }
        // A log that is to be filled holds much already.
        if operation != Operation::Load {
            created(&self.acme).await;
        }
        created(&self.other).await;
    }

    pub(super) fn client(&self) -> &Client {
        &self.server.client
    }

    /// The request for what is done; of a load there are many, each with a title of its own.
    pub(super) fn requests(&self, operation: Operation) -> Vec<RequestBuilder> {
        let acme = &self.acme;
        vec![match operation {
            Operation::Load => {
                return (0..WRITERS).map(|writer| large_ticket(acme, &load(writer))).collect();
            }
            Operation::Ticket => new_ticket(acme),
            Operation::Wake => new_ticket(&self.idle),
            Operation::Read => self.idle.client.ask("GET", "/api/v2/ticket"),
            Operation::Reset => acme.ask("POST", "/reset"),
            Operation::Snapshot => acme.ask("PUT", "/snapshots/two"),
            Operation::Replacement => acme.ask("PUT", "/snapshots/one"),
            Operation::Restore => acme.ask("POST", "/snapshots/one/restore"),
            Operation::Removal => acme.ask("DELETE", ""),
            Operation::Import => {
                let clock = json!({ "mode": "frozen", "at": "2026-06-01T12:00:00Z" });
                let tickets: Vec<Value> = (501..=520).map(ticket).collect();
                let account = json!({ "clock": clock, "tickets": tickets });
                acme.ask("POST", "/import").json(&json!({ "accounts": { "more": account } }))
            }
            Operation::Creation => self.make(&json!({ "name": "fresh" })),
            Operation::Fork => self.make(&json!({ "name": "fresh", "from": "account:acme" })),
        }]
    }

    fn make(&self, wanted: &Value) -> RequestBuilder {
        self.client().ask_without_key("POST", ACCOUNTS).json(wanted)
    }

    /// What all accounts hold, or what is said instead.
    pub(super) async fn look(&self) -> Result<State, String> {
        let list = answer(self.client().ask_without_key("GET", ACCOUNTS)).await;
        assert_eq!(list.status, 200, "{}", list.body);
        let mut state = State::new();
        for account in list.body["accounts"].as_array().expect("a list") {
            let name = account["account"].as_str().expect("a name");
            state.insert(name.to_owned(), held(&Account::known(self.client(), name, "")).await?);
        }
        Ok(state)
    }
}

pub(super) fn new_ticket(account: &Account) -> RequestBuilder {
    let request = account.client.ask("POST", "/api/v2/ticket");
    request.header("content-type", "application/x-www-form-urlencoded").body(NEW_TICKET)
}

/// What an account holds, or what is said instead.
pub(super) async fn held(account: &Account) -> Result<Held, String> {
    let export = answer(account.ask("GET", "/export")).await;
    if export.status != 200 {
        return Err(format!("{}: {} {}", account.name, export.status, export.body));
    }
    let content = &export.body["accounts"][&account.name];
    let tickets = content["tickets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tickets = tickets.iter().map(|ticket| {
        let title = ticket["title"].as_str().expect("a title");
        (ticket["id"].as_u64().expect("an id"), title.to_owned())
    });
    let listed = answer(account.ask("GET", "/snapshots")).await;
    let listed = listed.body["snapshots"].as_array().expect("a list").clone();
    let snapshots = listed.iter().map(|snapshot| {
        let text = |name: &str| snapshot[name].as_str().expect("text").to_owned();
        (text("name"), text("taken_at"))
    });
    let clock = content["clock"].clone();
    let clock = (clock["mode"] == "frozen").then_some(clock);
    Ok(Held { tickets: tickets.collect(), snapshots: snapshots.collect(), clock })
}

/// The title of what a writer of a load sends.
pub(super) fn load(writer: usize) -> String {
    format!("Load {writer}")
}

/// A ticket of some pages.
fn large_ticket(account: &Account, title: &str) -> RequestBuilder {
    let name = "\u{6f22}".repeat(1000);
    let fields = SENT.into_iter().chain([("title", title), ("fromName", &name)]);
    account.client.ask("POST", "/api/v2/ticket").form(&fields.collect::<Vec<_>>())
}

/// Makes tickets that are long enough to make the file grow.
async fn large(account: &Account) {
    for number in 0..6 {
        let made = answer(large_ticket(account, &format!("Large {number}"))).await;
        assert_eq!(made.status, 200, "{}", made.body);
    }
}

async fn freeze(account: &Account) {
    let clock = json!({ "mode": "frozen", "at": "2026-04-01T12:00:00Z" });
    assert_eq!(account.control_with("PUT", "/clock", &clock).await.status, 200);
}

/// Fills the log of `acme`, so that the next ones make it full, and kills the server.
async fn fill_log(data: &Path) {
    let server = Serving::on(data);
    let acme = Account::known(&server.client, "acme", KEY);
    large(&acme).await;
    for number in 0.. {
        if size_of_log(data) / FRAME >= CHECKPOINT - 60 {
            break;
        }
        let title = format!("title=Round+{number}");
        let changed = acme.client.form("PUT", "/api/v2/ticket/1", &title).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
    }
    // Dropping it sends SIGKILL.
    drop(server);
}

/// Of `acme`, in bytes.
fn size_of_log(data: &Path) -> u64 {
    let files = std::fs::read_dir(data.join("accounts")).expect("the folder is there");
    let logs = files.map(|file| file.expect("a file")).filter(|file| {
        let name = file.file_name().display().to_string();
        name.starts_with("acme.") && name.ends_with(".db-wal")
    });
    logs.map(|log| log.metadata().expect("its size").len()).sum()
}

fn copy_into(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let from = entry.expect("an entry").path();
        let to = to.join(from.file_name().expect("a name"));
        if from.is_dir() {
            std::fs::create_dir(&to).expect("a new folder");
            copy_into(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a copy");
        }
    }
}
