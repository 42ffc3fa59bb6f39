//! Reset, snapshot and restore are atomic across a kill: the account has the state before or after, with its tickets,
//! clock and snapshots.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::crash_run::CrashRun;
use super::kill::{self, CountingSender, KillTrigger};
use super::{ACCOUNTS, build_seed, fetch_ok, restart_server};
use crate::support::client::ApiClient;
use crate::support::control::Account;
use crate::support::rng::Rng;
use crate::support::seed::{ACME_NOW, ticket_fixture};
use crate::support::ticket::{ALL_TICKETS_PATH, TICKETS_PATH, new_ticket_fields};
use crate::support::{files, integrity};

/// The number of tickets that each account starts with.
const TICKET_COUNT: u64 = 40;
/// A server is killed after at most this many responses.
const KILL_AFTER: KillTrigger<'_> = KillTrigger::ResponseCount(60);
const SNAPSHOT_NAMES: [&str; 3] = ["one", "two", "three"];

#[derive(Clone, Debug, PartialEq, Eq)]
struct AccountState {
    /// Ticket titles by id.
    tickets: BTreeMap<u64, String>,
    /// The time of the frozen clock.
    now: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct AccountModel {
    state: AccountState,
    snapshots: BTreeMap<String, AccountState>,
}

#[derive(Clone, Debug)]
enum Action {
    CreateTicket(String),
    DeleteTicket(u64),
    FreezeClock(String),
    Reset,
    TakeSnapshot(&'static str),
    RestoreSnapshot(&'static str),
    DeleteSnapshot(&'static str),
}

impl AccountState {
    /// Returns the initial state from the seed.
    fn from_seed() -> Self {
        let tickets = (1..=TICKET_COUNT).map(|id| (id, format!("Ticket {id}")));
        Self { tickets: tickets.collect(), now: format_utc(ACME_NOW) }
    }

    /// Reads the account's current state.
    async fn fetch(account: &Account) -> Self {
        let all = ALL_TICKETS_PATH;
        let list = fetch_ok(account.client.request("GET", all)).await;
        let items = list["items"].as_array().expect("items");
        assert_eq!(list["itemTotal"], items.len());
        let tickets = items.iter().map(|item| {
            let title = item["title"].as_str().expect("a title");
            (item["id"].as_u64().expect("an id"), title.to_owned())
        });
        let clock = fetch_ok(account.request("GET", "/clock")).await;
        let now = clock["now"].as_str().expect("a time").to_owned();
        Self { tickets: tickets.collect(), now }
    }
}

impl AccountModel {
    /// Reads the state of the account and, through copies, of its snapshots.
    async fn fetch(account: &Account) -> Self {
        let state = AccountState::fetch(account).await;
        let list = fetch_ok(account.request("GET", "/snapshots")).await;
        let mut snapshots = BTreeMap::new();
        for snapshot in list["snapshots"].as_array().expect("snapshots") {
            let name = snapshot["name"].as_str().expect("a name");
            let spec = json!({ "from": format!("snapshot:{}/{name}", account.name) });
            let copy = Account::create(&account.client, &spec).await;
            snapshots.insert(name.to_owned(), AccountState::fetch(&copy).await);
            assert_eq!(copy.send_control("DELETE", "").await.status, 204);
        }
        Self { state, snapshots }
    }

    /// Returns the model after the action, and the expected status. `new` is the id of a new ticket.
    fn apply(&self, action: &Action, new: Option<u64>) -> (Self, u16) {
        let mut after = self.clone();
        let status = match action {
            Action::CreateTicket(title) => {
                after.state.tickets.extend(new.map(|id| (id, title.clone())));
                200
            }
            Action::DeleteTicket(id) => {
                after.state.tickets.remove(id);
                200
            }
            Action::FreezeClock(now) => {
                now.clone_into(&mut after.state.now);
                200
            }
            Action::Reset => {
                after.state = AccountState::from_seed();
                204
            }
            Action::TakeSnapshot(name) => {
                let old = after.snapshots.insert((*name).to_owned(), self.state.clone());
                if old.is_some() { 200 } else { 201 }
            }
            Action::RestoreSnapshot(name) => match self.snapshots.get(*name) {
                Some(snapshot) => {
                    after.state = snapshot.clone();
                    204
                }
                None => 404,
            },
            Action::DeleteSnapshot(name) => {
                if after.snapshots.remove(*name).is_some() {
                    204
                } else {
                    404
                }
            }
        };
        (after, status)
    }
}

/// A client that resets and restores its own account.
struct SnapshotWorker {
    account: Account,
    rng: Rng,
    model: AccountModel,
    action_count: u64,
    in_flight: Option<Action>,
    stats: super::CrashStats,
}

impl SnapshotWorker {
    fn new(account: Account, rng: Rng) -> Self {
        let model = AccountModel { state: AccountState::from_seed(), snapshots: BTreeMap::new() };
        let stats = super::CrashStats::default();
        Self { account, rng, model, action_count: 0, in_flight: None, stats }
    }

    async fn run(mut self, observer: CountingSender) -> Self {
        loop {
            let action = self.next_action();
            self.in_flight = Some(action.clone());
            let request = build_request(&self.account, &action);
            let Some((status, body)) = observer.send(request).await else { return self };
            self.in_flight = None;
            let (after, expected) = self.model.apply(&action, body["ticketID"].as_u64());
            assert_eq!(status, expected, "{action:?}: {body}");
            self.stats.record_response(expected == 404);
            self.model = after;
        }
    }

    fn next_action(&mut self) -> Action {
        self.action_count += 1;
        let name = self.rng.choose(&SNAPSHOT_NAMES);
        let ids: Vec<u64> = self.model.state.tickets.keys().copied().collect();
        match self.rng.below(14) {
            0 if !ids.is_empty() => Action::DeleteTicket(self.rng.choose(&ids)),
            1 => {
                let (day, second) = (1 + self.action_count / 60 % 28, self.action_count % 60);
                Action::FreezeClock(format!("2026-03-{day:02}T12:00:{second:02}Z"))
            }
            2 => Action::Reset,
            3 => Action::DeleteSnapshot(name),
            4..7 => Action::TakeSnapshot(name),
            7..10 => Action::RestoreSnapshot(name),
            _ => Action::CreateTicket(format!("Act {}", self.action_count)),
        }
    }

    /// Connects to the restarted server and asserts that the account is as before or after the action in flight.
    async fn verify_after_restart(mut self, server: &ApiClient) -> Self {
        self.account = self.account.with_server(server);
        let found = AccountModel::fetch(&self.account).await;
        let action = self.in_flight.take();
        if let Some(action) = &action {
            let find_by_title = |title: &str| {
                found.state.tickets.iter().find(|(_, other)| *other == title).map(|(id, _)| *id)
            };
            let new =
                if let Action::CreateTicket(title) = action { find_by_title(title) } else { None };
            let (after, _) = self.model.apply(action, new);
            let (is_before, is_after) = (found == self.model, found == after);
            assert!(
                is_before || is_after,
                "{found:?} is neither the state before nor after {action:?}: {:?}",
                self.model
            );
            let has_effect = matches!(action, Action::CreateTicket(_)) || self.model != after;
            self.stats.record_in_flight(has_effect, !is_before);
        } else {
            assert_eq!(found, self.model);
        }
        self.model = found;
        self
    }
}

fn build_request(account: &Account, action: &Action) -> RequestBuilder {
    match action {
        Action::CreateTicket(title) => {
            account.client.request("POST", TICKETS_PATH).form(&new_ticket_fields(title))
        }
        Action::DeleteTicket(id) => {
            account.client.request("DELETE", &format!("/api/v2/ticket/{id}"))
        }
        Action::FreezeClock(now) => {
            account.request("PUT", "/clock").json(&json!({ "mode": "frozen", "at": now }))
        }
        Action::Reset => account.request("POST", "/reset"),
        Action::TakeSnapshot(name) => account.request("PUT", &format!("/snapshots/{name}")),
        Action::RestoreSnapshot(name) => {
            account.request("POST", &format!("/snapshots/{name}/restore"))
        }
        Action::DeleteSnapshot(name) => account.request("DELETE", &format!("/snapshots/{name}")),
    }
}

/// Formats a UTC date as the control API does.
fn format_utc(date: &str) -> String {
    format!("{}Z", date.replace(' ', "T"))
}

fn list_account_files(data: &Path) -> Vec<String> {
    let files = std::fs::read_dir(data.join("accounts")).expect("the directory exists");
    files.map(|file| file.expect("a file").file_name().display().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_and_restore_are_atomic_across_kill() {
    let mut run = CrashRun::from_env();
    let (data, other) = (files::create_temp_dir(), files::create_temp_dir());
    let tickets: Vec<Value> = (1..=TICKET_COUNT).map(ticket_fixture).collect();
    let seed = files::write_file(&other, "seed.json", &build_seed(&ACCOUNTS, &tickets).to_string());
    let mut server = kill::start_server(data.path(), &["--seed", &seed]);
    let mut workers: Vec<SnapshotWorker> = Vec::new();
    for (name, key) in ACCOUNTS {
        workers.push(SnapshotWorker::new(Account::new(&server, name, key), run.rng.fork()));
    }
    while run.next_round() {
        workers =
            kill::run_until_killed(server, workers, KILL_AFTER, &mut run.rng, SnapshotWorker::run)
                .await;
        integrity::assert_databases_intact(data.path()).await;
        server = restart_server(data.path(), &mut run).await;
        let unverified = std::mem::take(&mut workers);
        for worker in unverified {
            workers.push(worker.verify_after_restart(&server).await);
        }
    }
    for worker in workers {
        run.stats += worker.stats;
        assert_eq!(worker.account.send_control("DELETE", "").await.status, 204);
    }
    drop(server);
    let server = kill::start_server(data.path(), &[]);
    assert_eq!(server.stop().exit_code, Some(0));
    assert_eq!(list_account_files(data.path()), [""; 0], "startup removes orphaned files");
    run.print_summary();
}
