//! Linearizability: once a change was seen or acknowledged, every later read of any kind shows it or a newer one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::client::ApiClient;
use crate::support::files;
use crate::support::server::Server;
use crate::support::ticket::create_ticket;

const TICKET_COUNT: usize = 3;
const READER_COUNT: usize = 6;
/// The number of changes of each ticket.
const CHANGES_PER_TICKET: u64 = 150;

/// A ticket whose title is the number of its last change.
#[derive(Default)]
struct TitleCounter {
    /// The newest title that was read or acknowledged.
    max_seen: AtomicU64,
    /// The newest title that was sent.
    max_sent: AtomicU64,
}

#[derive(Default)]
struct SharedState {
    counters: [TitleCounter; TICKET_COUNT],
    is_finished: AtomicBool,
}

impl SharedState {
    fn counter(&self, id: u64) -> &TitleCounter {
        &self.counters[usize::try_from(id - 1).expect("the id fits in usize")]
    }

    /// Returns the newest known title of each ticket before a read.
    fn lower_bounds(&self) -> [u64; TICKET_COUNT] {
        self.counters.each_ref().map(|counter| counter.max_seen.load(Ordering::SeqCst))
    }

    /// Asserts that a ticket's title is not older than its lower bound and not newer than the last one sent.
    fn assert_monotonic(&self, ticket: &Value, lower_bounds: &[u64; TICKET_COUNT], kind: &str) {
        let id = ticket["id"].as_u64().expect("an id");
        let title: u64 = ticket["title"].as_str().and_then(|title| title.parse().ok()).unwrap_or(0);
        let (counter, lower_bound) = (
            self.counter(id),
            lower_bounds[usize::try_from(id - 1).expect("the id fits in usize")],
        );
        assert!(
            title >= lower_bound,
            "{kind} shows change {title} of ticket {id} after change {lower_bound} was seen"
        );
        let sent = counter.max_sent.load(Ordering::SeqCst);
        assert!(
            title <= sent,
            "{kind} shows change {title} of ticket {id}, but only {sent} were sent"
        );
        counter.max_seen.fetch_max(title, Ordering::SeqCst);
    }
}

async fn write_titles(client: ApiClient, state: Arc<SharedState>, id: u64) {
    let counter = state.counter(id);
    for change in 1..=CHANGES_PER_TICKET {
        counter.max_sent.store(change, Ordering::SeqCst);
        let path = format!("/api/v2/ticket/{id}");
        let reply = client.send_form("PUT", &path, &format!("title={change}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        counter.max_seen.fetch_max(change, Ordering::SeqCst);
    }
}

/// Sends all kinds of reads that return tickets, one after the other. Returns their number.
async fn read_until_finished(client: ApiClient, state: Arc<SharedState>, reader: usize) -> usize {
    let mut reads = 0;
    for turn in reader.. {
        if state.is_finished.load(Ordering::SeqCst) {
            break;
        }
        reads += 1;
        let lower_bounds = state.lower_bounds();
        let id = 1 + (turn / 7) % TICKET_COUNT;
        let next = lower_bounds[id - 1] + 1;
        let path = match turn % 7 {
            0 => "/api/v2/ticket".to_owned(),
            1 => "/api/v2/ticket?itemLimit=50&priority=medium".to_owned(),
            3 => format!("/_control/accounts/self/wait?ticket={id}&title={next}&timeout=50ms"),
            5 if turn % 5 == 0 => "/_control/accounts/self/export".to_owned(),
            _ => format!("/api/v2/ticket/{id}"),
        };
        let reply = client.get(&path).await;
        let body = &reply.body;
        match reply.status {
            200 => {}
            // The ticket already has another title.
            409 => continue,
            status => panic!("{path}: {status} {body}"),
        }
        let lists = [&body["items"], &body["accounts"]["dev"]["tickets"]];
        let listed = lists.into_iter().filter_map(Value::as_array).flatten();
        let single = [&body["item"], &body["ticket"]].into_iter().filter(|item| item.is_object());
        let returned: Vec<&Value> = listed.chain(single).collect();
        assert!(!returned.is_empty(), "{path}: {body}");
        for ticket in returned {
            state.assert_monotonic(ticket, &lower_bounds, &path);
        }
    }
    reads
}

async fn assert_reads_are_monotonic(arguments: &[&str]) {
    let server = Server::start_with_args(arguments);
    for _ in 0..TICKET_COUNT {
        create_ticket(&server).await;
    }
    let state = Arc::<SharedState>::default();
    let client = || ApiClient::new(&server.base_url);
    let readers: JoinSet<usize> = (0..READER_COUNT)
        .map(|reader| read_until_finished(client(), Arc::clone(&state), reader))
        .collect();
    let writers: JoinSet<()> = (1..=TICKET_COUNT as u64)
        .map(|id| write_titles(client(), Arc::clone(&state), id))
        .collect();
    writers.join_all().await;
    state.is_finished.store(true, Ordering::SeqCst);
    let reads: usize = readers.join_all().await.into_iter().sum();
    assert!(reads > 100, "too few reads: {reads}");
    assert_eq!(server.stop().exit_code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_monotonic_on_disk() {
    let data = files::create_temp_dir();
    assert_reads_are_monotonic(&["--data", data.path().to_str().expect("the path is UTF-8")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_monotonic_with_power_durability() {
    let data = files::create_temp_dir();
    let data = data.path().to_str().expect("the path is UTF-8");
    assert_reads_are_monotonic(&["--data", data, "--durability", "power"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_monotonic_in_memory() {
    assert_reads_are_monotonic(&["--ephemeral"]).await;
}
