//! Crash tests: a server is killed at random moments, again and again on the same data directory. Acknowledged writes
//! survive; a request in flight is applied completely or not at all.
//!
//! `CRASH_ROUNDS` sets the number of kills; `CRASH_SEED` repeats the requests and moments, if the server's
//! speed is the same. `CRASH_ROUNDS=60 cargo test --test api crash -- --nocapture` prints a summary.

mod checkpoint;
mod crash_run;
mod kill;
mod orphaned_files;
mod reset_and_restore;
mod stats;
mod write_request;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::stream::{self, StreamExt};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use self::crash_run::CrashRun;
use self::kill::KillTrigger;
use self::stats::CrashStats;
use self::writer::Writer;
use crate::support::client::{ApiClient, JsonResponse};
use crate::support::model::find_differing_field;
use crate::support::rng::Rng;
use crate::support::seed::{ACME_KEY, acme_seed};
use crate::support::server::Server;
use crate::support::ticket::ALL_TICKETS_PATH;
use crate::support::{files, integrity};

/// The accounts of the seed, each with a key.
const ACCOUNTS: [(&str, &str); 2] = [("acme", ACME_KEY), ("globex", "globex-key-0123456789")];
/// The number of clients per account.
const CLIENTS_PER_ACCOUNT: usize = 4;
/// A server is killed after at most this many responses.
const KILL_AFTER: KillTrigger<'_> = KillTrigger::ResponseCount(150);

/// Builds a seed in which each account has these tickets and a frozen clock.
fn build_seed(accounts: &[(&str, &str)], tickets: &[Value]) -> Value {
    let accounts = accounts.iter().map(|(name, key)| {
        let mut account = acme_seed(tickets.iter().cloned())["accounts"]["acme"].take();
        account["keys"][0]["key"] = (*key).into();
        ((*name).to_owned(), account)
    });
    json!({ "accounts": accounts.collect::<BTreeMap<_, _>>() })
}

/// Returns the body of a response whose status must be 200.
async fn fetch_ok(request: RequestBuilder) -> Value {
    let reply = JsonResponse::fetch(request).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// Returns all tickets of the account, each with its timeline.
async fn fetch_tickets(client: &ApiClient) -> BTreeMap<u64, Value> {
    let list = fetch_ok(client.request("GET", ALL_TICKETS_PATH)).await;
    let entries = list["items"].as_array().expect("items");
    assert_eq!(list["itemTotal"], entries.len(), "all tickets are on this page");
    let items = entries.iter().map(|entry| async {
        let id = entry["id"].as_u64().expect("an id");
        let item =
            fetch_ok(client.request("GET", &format!("/api/v2/ticket/{id}"))).await["item"].take();
        let differing = find_differing_field(entry.as_object().expect("an object"), &item);
        assert_eq!(differing, None, "the list and the item differ: {item}");
        (id, item)
    });
    let tickets: BTreeMap<u64, Value> =
        stream::iter(items).buffer_unordered(CLIENTS_PER_ACCOUNT).collect().await;
    assert_eq!(tickets.len(), entries.len(), "each ticket is listed once");
    tickets
}

/// The writers of all accounts, and the ids that each account has ever assigned.
struct WriterPool {
    writers: Vec<Writer>,
    assigned_ids: [BTreeSet<u64>; ACCOUNTS.len()],
}

impl WriterPool {
    fn new(server: &ApiClient, rng: &mut Rng) -> Self {
        let mut writers = Vec::new();
        for (name, key) in ACCOUNTS {
            for client in 0..CLIENTS_PER_ACCOUNT {
                let title_marker = format!("{name}-{client}");
                writers.push(Writer::new(title_marker, server.with_key(key), rng.fork()));
            }
        }
        Self { writers, assigned_ids: [const { BTreeSet::new() }; ACCOUNTS.len()] }
    }

    /// Asserts that the accounts show exactly the tickets that the writers expect.
    async fn verify(&mut self, server: &ApiClient) {
        for ((name, key), assigned) in ACCOUNTS.iter().zip(&mut self.assigned_ids) {
            let mut tickets = fetch_tickets(&server.with_key(key)).await;
            for writer in self.writers.iter_mut().filter(|writer| writer.api_key() == *key) {
                writer.reconcile(&mut tickets);
                for id in writer.take_created_ids() {
                    assert!(assigned.insert(id), "id {id} of {name} was assigned twice");
                }
                writer.assert_search_finds_own_tickets().await;
            }
            assert!(tickets.is_empty(), "unknown or deleted tickets exist: {tickets:?}");
        }
    }

    /// Switches to another server and verifies its tickets.
    async fn with_server(mut self, server: &ApiClient) -> Self {
        self.writers = self.writers.into_iter().map(|writer| writer.with_server(server)).collect();
        self.verify(server).await;
        self
    }

    fn total_stats(&self) -> CrashStats {
        self.writers.iter().fold(CrashStats::default(), |mut all, writer| {
            all += writer.stats;
            all
        })
    }
}

/// Starts the next server on the data directory; first kills some others during startup, at random.
async fn restart_server(data: &Path, run: &mut CrashRun) -> Server {
    while run.rng.one_in(3) {
        run.stats.startup_kills += 1;
        kill::kill_during_startup(data, &mut run.rng).await;
    }
    // The durability must not matter to a later server on the same files.
    let durability = run.rng.choose(&["process", "process", "power"]);
    kill::start_server(data, &["--durability", durability])
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kill_and_none_is_partial() {
    let mut run = CrashRun::from_env();
    let (data, other) = (files::create_temp_dir(), files::create_temp_dir());
    let seed = files::write_file(&other, "seed.json", &build_seed(&ACCOUNTS, &[]).to_string());
    let mut server = kill::start_server(data.path(), &["--seed", &seed]);
    let mut pool = WriterPool::new(&server, &mut run.rng);
    while run.next_round() {
        pool.writers =
            kill::run_until_killed(server, pool.writers, KILL_AFTER, &mut run.rng, Writer::run)
                .await;
        integrity::assert_databases_intact(data.path()).await;
        server = restart_server(data.path(), &mut run).await;
        pool = pool.with_server(&server).await;
    }
    run.stats += pool.total_stats();
    let ended = server.stop();
    assert_eq!(ended.exit_code, Some(0), "{ended:?}");
    integrity::assert_databases_intact(data.path()).await;
    run.print_summary();
}
