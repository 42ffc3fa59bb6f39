//! Servers that are killed under so much load that logs are full and are copied into their files meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::crash_run::CrashRun;
use super::expected_ticket::REQUIRED_FIELDS;
use super::kill::{self, CountingSender, KillTrigger};
use super::rng::Rng;
use super::{ACCOUNTS, CrashStats, build_seed, fetch_ok, integrity, restart_server};
use crate::fixtures;
use crate::support::{ApiClient, Server};

/// How many write at once, half of them in each account.
const WRITER_COUNT: usize = 16;
/// A server is killed after so many answers at most: more than it takes to fill the logs.
const MAX_RESPONSES: usize = 800;
/// So often the same folder is used, or else there are too many tickets to look at all of them.
const ROUNDS_PER_DATA_DIR: usize = 4;
/// The longest name of a sender, in letters (documented: chosen for all lines), each of which takes three bytes.
const MAX_FROM_NAME_CHARS: usize = 1000;

/// A client that makes large tickets as fast as it can, and deletes some of them.
struct LoadWriter {
    /// What its titles begin with, and nobody else's.
    title_prefix: String,
    client: ApiClient,
    rng: Rng,
    request_count: u64,
    /// The titles of its tickets that were acknowledged.
    tickets: BTreeMap<u64, String>,
    deleted_ids: Vec<u64>,
    rejected_titles: BTreeSet<String>,
    in_flight: Option<LoadRequest>,
    stats: CrashStats,
}

#[derive(Clone, Debug)]
enum LoadRequest {
    Create(String),
    /// With a mistake, so that it is refused.
    InvalidCreate(String),
    Delete(u64),
}

impl LoadWriter {
    fn new(mark: String, client: ApiClient, dice: Rng) -> Self {
        let (tickets, deleted, refused) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        let tally = CrashStats::default();
        Self {
            title_prefix: mark,
            client,
            rng: dice,
            request_count: 0,
            tickets,
            deleted_ids: deleted,
            rejected_titles: refused,
            in_flight: None,
            stats: tally,
        }
    }

    /// Writes until the server is gone.
    async fn run(mut self, observer: CountingSender) -> Self {
        loop {
            let ask = self.next_request();
            self.in_flight = Some(ask.clone());
            let request = self.build_request(&ask);
            let Some((status, body)) = observer.send(request).await else { return self };
            self.in_flight = None;
            let is_refused = matches!(ask, LoadRequest::InvalidCreate(_));
            assert_eq!(status, if is_refused { 400 } else { 200 }, "{ask:?}: {body}");
            self.stats.record_response(is_refused);
            match ask {
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

    fn build_request(&self, ask: &LoadRequest) -> reqwest::RequestBuilder {
        let (title, group) = match ask {
            LoadRequest::Create(title) => (title, "1"),
            LoadRequest::InvalidCreate(title) => (title, "many"),
            LoadRequest::Delete(id) => {
                return self.client.request("DELETE", &format!("/api/v2/ticket/{id}"));
            }
        };
        let name = "\u{6f22}".repeat(MAX_FROM_NAME_CHARS);
        let fields = [("title", &**title), ("fromName", &*name), ("assignedGroupID", group)];
        let fields: Vec<_> = REQUIRED_FIELDS.into_iter().chain(fields).collect();
        self.client.request("POST", "/api/v2/ticket").form(&fields)
    }

    /// Takes its tickets out of those that are shown: what was acknowledged, with what was under way or without it.
    fn reconcile(&mut self, shown: &mut BTreeMap<u64, String>) {
        let mine =
            |title: &str| title.rsplit_once(' ').is_some_and(|(mark, _)| mark == self.title_prefix);
        let own: BTreeMap<u64, String> = shown
            .iter()
            .filter(|(_, title)| mine(title))
            .map(|(id, title)| (*id, title.clone()))
            .collect();
        shown.retain(|id, _| !own.contains_key(id));
        let mut after = self.tickets.clone();
        let ask = self.in_flight.take();
        if let Some(ask) = &ask {
            self.stats.record_in_flight(
                !matches!(ask, LoadRequest::InvalidCreate(_)),
                own != self.tickets,
            );
        }
        match ask {
            Some(LoadRequest::Create(title)) => {
                let found = own.iter().find(|(_, known)| **known == title);
                after.extend(found.map(|(id, title)| (*id, title.clone())));
            }
            Some(LoadRequest::Delete(id)) => drop(after.remove(&id)),
            Some(LoadRequest::InvalidCreate(title)) => drop(self.rejected_titles.insert(title)),
            None => {}
        }
        let lost = self.tickets.keys().filter(|id| !own.contains_key(id)).count();
        assert!(
            own == self.tickets || own == after,
            "{} finds neither what was before nor what would be after what was under way; lost: {lost}",
            self.title_prefix
        );
        assert!(
            own.values().all(|title| !self.rejected_titles.contains(title)),
            "what was refused is there"
        );
        self.deleted_ids.extend(self.tickets.keys().filter(|id| !own.contains_key(id)));
        self.tickets = own;
    }
}

/// A folder with the accounts, and who writes in them.
struct LoadSetup {
    data_dir: TempDir,
    writers: Vec<LoadWriter>,
}

impl LoadSetup {
    async fn new(dice: &mut Rng) -> (Self, Server) {
        let (data, other) = (fixtures::create_temp_dir(), fixtures::create_temp_dir());
        let seed =
            fixtures::write_file(&other, "seed.json", &build_seed(&ACCOUNTS, &[]).to_string());
        let server = kill::start_server(data.path(), &["--seed", &seed]);
        let filler = |number: usize| {
            let (name, key) = ACCOUNTS[number % ACCOUNTS.len()];
            LoadWriter::new(format!("{name}-{number}"), server.with_key(key), dice.fork())
        };
        let mut load = Self { data_dir: data, writers: (0..WRITER_COUNT).map(filler).collect() };
        // Each account has a file of its own then.
        for filler in load.writers.iter_mut().take(ACCOUNTS.len()) {
            let title = format!("{} 0", filler.title_prefix);
            let made = fetch_ok(filler.build_request(&LoadRequest::Create(title.clone()))).await;
            filler.tickets.insert(made["ticketID"].as_u64().expect("an id"), title);
        }
        (load, server)
    }

    /// Everything that was acknowledged is there and nothing else, and no id was given twice.
    async fn verify(&mut self, server: &ApiClient) {
        for (_, key) in ACCOUNTS {
            let client = server.with_key(key);
            let mut shown = fetch_titles(&client).await;
            let mut ids = BTreeSet::new();
            for filler in self.writers.iter_mut().filter(|filler| filler.client.api_key == key) {
                filler.client = client.clone();
                filler.reconcile(&mut shown);
                for id in filler.tickets.keys().chain(&filler.deleted_ids) {
                    assert!(ids.insert(*id), "{id} was given twice");
                }
            }
            assert!(shown.is_empty(), "nobody has made these: {shown:?}");
            let one_more =
                fetch_ok(client.request("POST", "/api/v2/ticket").form(&last_ticket_fields()))
                    .await;
            let id = one_more["ticketID"].as_u64().expect("an id");
            assert!(ids.iter().all(|given| *given < id), "{id} was given before");
            assert_eq!(client.delete(&format!("/api/v2/ticket/{id}")).await.status, 200);
        }
    }
}

fn last_ticket_fields() -> Vec<(&'static str, &'static str)> {
    REQUIRED_FIELDS.into_iter().chain([("title", "Last")]).collect()
}

/// The titles of all tickets.
async fn fetch_titles(client: &ApiClient) -> BTreeMap<u64, String> {
    let list =
        fetch_ok(client.request("GET", "/api/v2/ticket?itemLimit=9999&searchArchived=yes")).await;
    let items = list["items"].as_array().expect("items");
    assert_eq!(list["itemTotal"], items.len(), "all are on this page");
    let entry = |item: &Value| {
        let title = item["title"].as_str().expect("a title");
        (item["id"].as_u64().expect("an id"), title.to_owned())
    };
    items.iter().map(entry).collect()
}

/// The files of the accounts, which are written to when a log is copied into them.
fn account_files(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("accounts")).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "db")).collect()
}

/// Whether the file is not as long as its first page says (documented: SQLite's file format), which its log makes good.
fn is_truncated(file: &Path) -> bool {
    let content = std::fs::read(file).expect("the file is there");
    let number =
        |at: usize| content[at..].iter().take(4).fold(0, |all, byte| all << 8 | usize::from(*byte));
    let (page, pages) = (number(16) >> 16, number(28));
    content.len() < page * pages
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kill_during_checkpoint() {
    let mut luck = CrashRun::from_env();
    let mut now: Option<(LoadSetup, Server)> = None;
    while luck.next_round() {
        let (mut load, server) = match now.take() {
            Some(now) => now,
            None => LoadSetup::new(&mut luck.rng).await,
        };
        let files = account_files(load.data_dir.path());
        // At any moment, and more often at those that chance seldom meets.
        let moment = if luck.rng.one_in(3) {
            KillTrigger::ResponseCount(MAX_RESPONSES)
        } else {
            KillTrigger::FileWrite(&files)
        };
        load.writers =
            kill::run_until_killed(server, load.writers, moment, &mut luck.rng, LoadWriter::run)
                .await;
        luck.stats.truncated_files += files.iter().filter(|file| is_truncated(file)).count();
        integrity::assert_databases_intact(load.data_dir.path()).await;
        let server = restart_server(load.data_dir.path(), &mut luck).await;
        load.verify(&server).await;
        if luck.stats.kills.is_multiple_of(ROUNDS_PER_DATA_DIR) {
            assert_eq!(server.stop().code(), Some(0));
            luck.stats += load.writers.iter().fold(CrashStats::default(), |mut all, filler| {
                all += filler.stats;
                all
            });
        } else {
            now = Some((load, server));
        }
    }
    luck.print_summary();
}
