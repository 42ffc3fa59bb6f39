//! Reads never go back in time: once anybody has seen a change, or was told that it is made, every later read of any kind
//! shows it or a newer one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::fixtures::{self, NEW_TICKET_FORM};
use crate::support::{ApiClient, Server};

const TICKET_COUNT: usize = 3;
const READER_COUNT: usize = 6;
/// How often each ticket is changed.
const CHANGES_PER_TICKET: u64 = 150;

/// A ticket whose title counts its changes.
#[derive(Default)]
struct TitleCounter {
    /// The newest title that somebody has seen, or that was acknowledged.
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
        &self.counters[usize::try_from(id - 1).expect("a small id")]
    }

    /// What was seen before a read begins, by ticket.
    fn lower_bounds(&self) -> [u64; TICKET_COUNT] {
        self.counters.each_ref().map(|counter| counter.max_seen.load(Ordering::SeqCst))
    }

    /// Checks a ticket that a read shows which began when these titles had been seen.
    fn assert_monotonic(&self, ticket: &Value, floors: &[u64; TICKET_COUNT], kind: &str) {
        let id = ticket["id"].as_u64().expect("an id");
        let title: u64 = ticket["title"].as_str().and_then(|title| title.parse().ok()).unwrap_or(0);
        let (counter, floor) = (self.counter(id), floors[usize::try_from(id - 1).expect("small")]);
        assert!(title >= floor, "{kind} shows change {title} of {id}, after {floor} was seen");
        let sent = counter.max_sent.load(Ordering::SeqCst);
        assert!(title <= sent, "{kind} shows change {title} of {id}, and only {sent} were sent");
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

/// Reads in every way that shows tickets, one after the other. Gives how often.
async fn read_until_finished(client: ApiClient, state: Arc<SharedState>, reader: usize) -> usize {
    let mut reads = 0;
    for turn in reader.. {
        if state.is_finished.load(Ordering::SeqCst) {
            break;
        }
        reads += 1;
        let floors = state.lower_bounds();
        let id = 1 + (turn / 7) % TICKET_COUNT;
        let next = floors[id - 1] + 1;
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
            // The title was another one already.
            409 => continue,
            status => panic!("{path}: {status} {body}"),
        }
        let lists = [&body["items"], &body["accounts"]["dev"]["tickets"]];
        let listed = lists.into_iter().filter_map(Value::as_array).flatten();
        let single = [&body["item"], &body["ticket"]].into_iter().filter(|item| item.is_object());
        let shown: Vec<&Value> = listed.chain(single).collect();
        assert!(!shown.is_empty(), "{path}: {body}");
        for ticket in shown {
            state.assert_monotonic(ticket, &floors, &path);
        }
    }
    reads
}

async fn assert_reads_are_monotonic(arguments: &[&str]) {
    let server = Server::start_with_args(arguments);
    for _ in 0..TICKET_COUNT {
        let made = server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await;
        assert_eq!(made.status, 200, "{}", made.body);
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
    assert!(reads > 100, "there were few reads: {reads}");
    assert_eq!(server.stop().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_monotonic_on_disk() {
    let data = fixtures::create_temp_dir();
    assert_reads_are_monotonic(&["--data", data.path().to_str().expect("the path is text")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_monotonic_with_power_durability() {
    let data = fixtures::create_temp_dir();
    let data = data.path().to_str().expect("the path is text");
    assert_reads_are_monotonic(&["--data", data, "--durability", "power"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_monotonic_in_memory() {
    assert_reads_are_monotonic(&["--ephemeral"]).await;
}
