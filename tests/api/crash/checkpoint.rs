//! Crash test: servers are killed under heavy load, while write-ahead logs are checkpointed into their databases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::crash_run::CrashRun;
use super::kill::{self, CountingSender, KillTrigger};
use super::{ACCOUNTS, CrashStats, build_seed, fetch_ok, restart_server};
use crate::support::client::ApiClient;
use crate::support::rng::Rng;
use crate::support::server::Server;
use crate::support::ticket::{fetch_titles, new_ticket_fields};
use crate::support::{files, integrity};

/// The number of concurrent writers, half of them in each account.
const WRITER_COUNT: usize = 16;
/// A server is killed after at most this many responses: more than it takes to fill the write-ahead logs.
const MAX_RESPONSES: usize = 800;
/// The number of rounds per data directory; with more, the tickets would be too many to check.
const ROUNDS_PER_DATA_DIR: usize = 4;
/// The longest sender name in characters (undocumented: our limit for all lines); each character takes three bytes.
const MAX_FROM_NAME_CHARS: usize = 1000;

/// A client that creates large tickets as fast as it can, and deletes some of them.
struct LoadWriter {
    /// The prefix of its titles, unique to this client.
    title_prefix: String,
    client: ApiClient,
    rng: Rng,
    request_count: u64,
    /// The titles of its acknowledged tickets.
    tickets: BTreeMap<u64, String>,
    deleted_ids: Vec<u64>,
    rejected_titles: BTreeSet<String>,
    in_flight: Option<LoadRequest>,
    stats: CrashStats,
}

#[derive(Clone, Debug)]
enum LoadRequest {
    Create(String),
    /// Invalid, so that it is rejected.
    InvalidCreate(String),
    Delete(u64),
}

impl LoadWriter {
    fn new(title_prefix: String, client: ApiClient, rng: Rng) -> Self {
        Self {
            title_prefix,
            client,
            rng,
            request_count: 0,
            tickets: BTreeMap::new(),
            deleted_ids: Vec::new(),
            rejected_titles: BTreeSet::new(),
            in_flight: None,
            stats: CrashStats::default(),
        }
    }

    /// Writes until the server is down.
    async fn run(mut self, observer: CountingSender) -> Self {
        loop {
            let load_request = self.next_request();
            self.in_flight = Some(load_request.clone());
            let request = self.build_request(&load_request);
            let Some((status, body)) = observer.send(request).await else { return self };
            self.in_flight = None;
            let is_rejected = matches!(load_request, LoadRequest::InvalidCreate(_));
            assert_eq!(status, if is_rejected { 400 } else { 200 }, "{load_request:?}: {body}");
            self.stats.record_response(is_rejected);
            match load_request {
                LoadRequest::Create(title) => {
                    let id = body["ticketID"].as_u64().expect("an id");
                    self.tickets.insert(id, title);
                }
                LoadRequest::InvalidCreate(title) => drop(self.rejected_titles.insert(title)),
                LoadRequest::Delete(id) => {
                    self.tickets.remove(&id);
                    self.deleted_ids.push(id);
                }
            }
        }
    }

    fn next_request(&mut self) -> LoadRequest {
        self.request_count += 1;
        let title = format!("{} {}", self.title_prefix, self.request_count);
        let own: Vec<u64> = self.tickets.keys().copied().collect();
        match self.rng.below(12) {
            0 => LoadRequest::InvalidCreate(title),
            1 if !own.is_empty() => LoadRequest::Delete(self.rng.choose(&own)),
            _ => LoadRequest::Create(title),
        }
    }

    fn build_request(&self, load_request: &LoadRequest) -> reqwest::RequestBuilder {
        let (title, group) = match load_request {
            LoadRequest::Create(title) => (title, "1"),
            LoadRequest::InvalidCreate(title) => (title, "many"),
            LoadRequest::Delete(id) => {
                return self.client.request("DELETE", &format!("/api/v2/ticket/{id}"));
            }
        };
        let name = "\u{6f22}".repeat(MAX_FROM_NAME_CHARS);
        let more = [("fromName", &*name), ("assignedGroupID", group)];
        let fields: Vec<_> = new_ticket_fields(title).into_iter().chain(more).collect();
        self.client.request("POST", "/api/v2/ticket").form(&fields)
    }

    /// Removes its tickets from `listed` and checks them: the acknowledged ones, with or without the request in flight.
    fn reconcile(&mut self, listed: &mut BTreeMap<u64, String>) {
        let is_own = |title: &str| {
            title.rsplit_once(' ').is_some_and(|(prefix, _)| prefix == self.title_prefix)
        };
        let own: BTreeMap<u64, String> = listed
            .iter()
            .filter(|(_, title)| is_own(title))
            .map(|(id, title)| (*id, title.clone()))
            .collect();
        listed.retain(|id, _| !own.contains_key(id));
        let mut with_in_flight = self.tickets.clone();
        let request = self.in_flight.take();
        if let Some(request) = &request {
            self.stats.record_in_flight(
                !matches!(request, LoadRequest::InvalidCreate(_)),
                own != self.tickets,
            );
        }
        match request {
            Some(LoadRequest::Create(title)) => {
                let found = own.iter().find(|(_, known)| **known == title);
                with_in_flight.extend(found.map(|(id, title)| (*id, title.clone())));
            }
            Some(LoadRequest::Delete(id)) => drop(with_in_flight.remove(&id)),
            Some(LoadRequest::InvalidCreate(title)) => drop(self.rejected_titles.insert(title)),
            None => {}
        }
        let lost = self.tickets.keys().filter(|id| !own.contains_key(id)).count();
        assert!(
            own == self.tickets || own == with_in_flight,
            "{}: the tickets match neither the acknowledged writes nor those plus the request in flight; lost: {lost}",
            self.title_prefix
        );
        assert!(
            own.values().all(|title| !self.rejected_titles.contains(title)),
            "a rejected ticket exists"
        );
        self.deleted_ids.extend(self.tickets.keys().filter(|id| !own.contains_key(id)));
        self.tickets = own;
    }
}

/// A data directory with the accounts, and their writers.
struct LoadSetup {
    data_dir: TempDir,
    writers: Vec<LoadWriter>,
}

impl LoadSetup {
    async fn new(rng: &mut Rng) -> (Self, Server) {
        let (data_dir, other) = (files::create_temp_dir(), files::create_temp_dir());
        let seed = files::write_file(&other, "seed.json", &build_seed(&ACCOUNTS, &[]).to_string());
        let server = kill::start_server(data_dir.path(), &["--seed", &seed]);
        let new_writer = |number: usize| {
            let (name, key) = ACCOUNTS[number % ACCOUNTS.len()];
            LoadWriter::new(format!("{name}-{number}"), server.with_key(key), rng.fork())
        };
        let mut load = Self { data_dir, writers: (0..WRITER_COUNT).map(new_writer).collect() };
        // This write materializes the account's own database file.
        for writer in load.writers.iter_mut().take(ACCOUNTS.len()) {
            let title = format!("{} 0", writer.title_prefix);
            let created = fetch_ok(writer.build_request(&LoadRequest::Create(title.clone()))).await;
            writer.tickets.insert(created["ticketID"].as_u64().expect("an id"), title);
        }
        (load, server)
    }

    /// Asserts that exactly the acknowledged tickets exist, and that no id was assigned twice.
    async fn verify(&mut self, server: &ApiClient) {
        for (_, key) in ACCOUNTS {
            let client = server.with_key(key);
            let mut listed = fetch_titles(&client).await;
            let mut ids = BTreeSet::new();
            for writer in self.writers.iter_mut().filter(|writer| writer.client.api_key == key) {
                writer.client = client.clone();
                writer.reconcile(&mut listed);
                for id in writer.tickets.keys().chain(&writer.deleted_ids) {
                    assert!(ids.insert(*id), "id {id} was assigned twice");
                }
            }
            assert!(listed.is_empty(), "no writer created these tickets: {listed:?}");
            let created =
                fetch_ok(client.request("POST", "/api/v2/ticket").form(&new_ticket_fields("Last")))
                    .await;
            let id = created["ticketID"].as_u64().expect("an id");
            assert!(ids.iter().all(|assigned| *assigned < id), "id {id} was already assigned");
            assert_eq!(client.delete(&format!("/api/v2/ticket/{id}")).await.status, 200);
        }
    }
}

/// Lists the accounts' database files, which a checkpoint writes to.
fn account_files(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("accounts")).expect("the directory exists");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "db")).collect()
}

/// Returns true if the file is shorter than its header says (documented: SQLite's file format); the log repairs that.
fn is_truncated(file: &Path) -> bool {
    let content = std::fs::read(file).expect("the file exists");
    let number =
        |at: usize| content[at..].iter().take(4).fold(0, |all, byte| all << 8 | usize::from(*byte));
    let (page, pages) = (number(16) >> 16, number(28));
    content.len() < page * pages
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kill_during_checkpoint() {
    let mut run = CrashRun::from_env();
    let mut current: Option<(LoadSetup, Server)> = None;
    while run.next_round() {
        let (mut load, server) = match current.take() {
            Some(setup_and_server) => setup_and_server,
            None => LoadSetup::new(&mut run.rng).await,
        };
        let files = account_files(load.data_dir.path());
        // Kill at a random response, or during a file write, which a random time seldom hits.
        let trigger = if run.rng.one_in(3) {
            KillTrigger::ResponseCount(MAX_RESPONSES)
        } else {
            KillTrigger::FileWrite(&files)
        };
        load.writers =
            kill::run_until_killed(server, load.writers, trigger, &mut run.rng, LoadWriter::run)
                .await;
        run.stats.truncated_files += files.iter().filter(|file| is_truncated(file)).count();
        integrity::assert_databases_intact(load.data_dir.path()).await;
        let server = restart_server(load.data_dir.path(), &mut run).await;
        load.verify(&server).await;
        if run.stats.kills.is_multiple_of(ROUNDS_PER_DATA_DIR) {
            assert_eq!(server.stop().exit_code, Some(0));
            run.stats += load.writers.iter().fold(CrashStats::default(), |mut all, writer| {
                all += writer.stats;
                all
            });
        } else {
            current = Some((load, server));
        }
    }
    run.print_summary();
}
