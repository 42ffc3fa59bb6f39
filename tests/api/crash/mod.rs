//! Servers that are killed at moments drawn by lot, again and again on the same folder: what was acknowledged is there
//! afterwards, and what was under way is there wholly or not at all.
//!
//! `CRASH_ROUNDS` says how often they are killed; `CRASH_SEED` draws the same requests and moments again, as far as
//! the server is as fast as it was. `CRASH_ROUNDS=60 cargo test --test api crash -- --nocapture` prints what happened.

mod checkpoint;
mod crash_run;
mod expected_ticket;
pub(crate) mod integrity;
mod kill;
mod orphaned_files;
mod reset_and_restore;
pub(crate) mod rng;
mod stats;
mod write_request;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::stream::{self, StreamExt};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use self::crash_run::CrashRun;
pub(crate) use self::crash_run::parse_env_var;
pub(crate) use self::expected_ticket::REQUIRED_FIELDS;
use self::expected_ticket::find_differing_field;
use self::kill::KillTrigger;
use self::rng::Rng;
use self::stats::CrashStats;
use self::writer::Writer;
use crate::fixtures::{self, ACME_KEY, acme_seed};
use crate::support::{ApiClient, JsonResponse, Server};

/// The accounts of the seed, and a key of each.
const ACCOUNTS: [(&str, &str); 2] = [("acme", ACME_KEY), ("globex", "globex-key-0123456789")];
/// The clients of each account.
const CLIENTS_PER_ACCOUNT: usize = 4;
/// A server is killed after so many answers at most.
const KILL_AFTER: KillTrigger<'_> = KillTrigger::ResponseCount(150);

/// A seed with these accounts, each of which has these tickets and a clock that stands still.
fn build_seed(accounts: &[(&str, &str)], tickets: &[Value]) -> Value {
    let accounts = accounts.iter().map(|(name, key)| {
        let mut account = acme_seed(tickets.iter().cloned())["accounts"]["acme"].take();
        account["keys"][0]["key"] = (*key).into();
        ((*name).to_owned(), account)
    });
    json!({ "accounts": accounts.collect::<BTreeMap<_, _>>() })
}

/// The body of an answer that is 200.
async fn fetch_ok(request: RequestBuilder) -> Value {
    let reply = JsonResponse::fetch(request).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// All tickets that the account shows, each with its timeline.
async fn fetch_tickets(client: &ApiClient) -> BTreeMap<u64, Value> {
    let list =
        fetch_ok(client.request("GET", "/api/v2/ticket?itemLimit=9999&searchArchived=yes")).await;
    let entries = list["items"].as_array().expect("items");
    assert_eq!(list["itemTotal"], entries.len(), "all are on this page");
    let items = entries.iter().map(|entry| async {
        let id = entry["id"].as_u64().expect("an id");
        let item =
            fetch_ok(client.request("GET", &format!("/api/v2/ticket/{id}"))).await["item"].take();
        let differing = find_differing_field(entry.as_object().expect("an object"), &item);
        assert_eq!(differing, None, "the list and the item show the same ticket: {item}");
        (id, item)
    });
    let shown: BTreeMap<u64, Value> =
        stream::iter(items).buffer_unordered(CLIENTS_PER_ACCOUNT).collect().await;
    assert_eq!(shown.len(), entries.len(), "each is listed once");
    shown
}

/// The accounts, their clients, and the ids that they were ever given.
struct WriterPool {
    writers: Vec<Writer>,
    assigned_ids: [BTreeSet<u64>; ACCOUNTS.len()],
}

impl WriterPool {
    fn new(server: &ApiClient, dice: &mut Rng) -> Self {
        let mut writers = Vec::new();
        for (name, key) in ACCOUNTS {
            for client in 0..CLIENTS_PER_ACCOUNT {
                let mark = format!("{name}-{client}");
                writers.push(Writer::new(mark, server.with_key(key), dice.fork()));
            }
        }
        Self { writers, assigned_ids: [const { BTreeSet::new() }; ACCOUNTS.len()] }
    }

    /// Everything that is shown is what the writers know of.
    async fn verify(&mut self, server: &ApiClient) {
        for ((name, key), given) in ACCOUNTS.iter().zip(&mut self.assigned_ids) {
            let mut shown = fetch_tickets(&server.with_key(key)).await;
            for writer in self.writers.iter_mut().filter(|writer| writer.api_key() == *key) {
                writer.reconcile(&mut shown);
                for id in writer.take_created_ids() {
                    assert!(given.insert(id), "{id} of {name} was given twice");
                }
                writer.assert_search_finds_own_tickets().await;
            }
            assert!(shown.is_empty(), "nobody has made these, or they were deleted: {shown:?}");
        }
    }

    /// The same at another server, which shows what it should.
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

/// The next server on the folder, before which others may be killed while they start.
async fn restart_server(data: &Path, luck: &mut CrashRun) -> Server {
    while luck.rng.one_in(3) {
        luck.stats.startup_kills += 1;
        kill::kill_during_startup(data, &mut luck.rng).await;
    }
    // What a file was written by may not matter to who goes on with it.
    let durability = luck.rng.choose(&["process", "process", "power"]);
    kill::start_server(data, &["--durability", durability])
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kill_and_none_is_partial() {
    let mut luck = CrashRun::from_env();
    let (data, other) = (fixtures::create_temp_dir(), fixtures::create_temp_dir());
    let seed = fixtures::write_file(&other, "seed.json", &build_seed(&ACCOUNTS, &[]).to_string());
    let mut server = kill::start_server(data.path(), &["--seed", &seed]);
    let mut desks = WriterPool::new(&server, &mut luck.rng);
    while luck.next_round() {
        desks.writers =
            kill::run_until_killed(server, desks.writers, KILL_AFTER, &mut luck.rng, Writer::run)
                .await;
        integrity::assert_databases_intact(data.path()).await;
        server = restart_server(data.path(), &mut luck).await;
        desks = desks.with_server(&server).await;
    }
    luck.stats += desks.total_stats();
    let ended = server.stop();
    assert_eq!(ended.code(), Some(0), "{ended}");
    integrity::assert_databases_intact(data.path()).await;
    luck.print_summary();
}
