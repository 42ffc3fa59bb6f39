//! Reads never go back in time: once anybody has seen a change, or was told that it is made, every later read of any kind
//! shows it or a newer one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::fixtures::{self, NEW_TICKET};
use crate::support::{Client, Server};

const TICKETS: usize = 3;
const READERS: usize = 6;
/// How often each ticket is changed.
const CHANGES: u64 = 150;

/// A ticket whose title counts its changes.
#[derive(Default)]
struct Counter {
    /// The newest title that somebody has seen, or that was acknowledged.
    seen: AtomicU64,
    /// The newest title that was sent.
    sent: AtomicU64,
}

#[derive(Default)]
struct Desk {
    counters: [Counter; TICKETS],
    is_over: AtomicBool,
}

impl Desk {
    fn counter(&self, id: u64) -> &Counter {
        &self.counters[usize::try_from(id - 1).expect("a small id")]
    }

    /// What was seen before a read begins, by ticket.
    fn floors(&self) -> [u64; TICKETS] {
        self.counters.each_ref().map(|counter| counter.seen.load(Ordering::SeqCst))
    }

    /// Checks a ticket that a read shows which began when these titles had been seen.
    fn check(&self, ticket: &Value, floors: &[u64; TICKETS], kind: &str) {
        let id = ticket["id"].as_u64().expect("an id");
        let title: u64 = ticket["title"].as_str().and_then(|title| title.parse().ok()).unwrap_or(0);
        let (counter, floor) = (self.counter(id), floors[usize::try_from(id - 1).expect("small")]);
        assert!(title >= floor, "{kind} shows change {title} of {id}, after {floor} was seen");
        let sent = counter.sent.load(Ordering::SeqCst);
        assert!(title <= sent, "{kind} shows change {title} of {id}, and only {sent} were sent");
        counter.seen.fetch_max(title, Ordering::SeqCst);
    }
}

async fn write(client: Client, desk: Arc<Desk>, id: u64) {
    let counter = desk.counter(id);
    for change in 1..=CHANGES {
        counter.sent.store(change, Ordering::SeqCst);
        let path = format!("/api/v2/ticket/{id}");
        let reply = client.form("PUT", &path, &format!("title={change}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        counter.seen.fetch_max(change, Ordering::SeqCst);
    }
}

/// Reads in every way that shows tickets, one after the other. Gives how often.
async fn read(client: Client, desk: Arc<Desk>, reader: usize) -> usize {
    let mut reads = 0;
    for turn in reader.. {
        if desk.is_over.load(Ordering::SeqCst) {
            break;
        }
        reads += 1;
        let floors = desk.floors();
        let id = 1 + (turn / 7) % TICKETS;
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
            desk.check(ticket, &floors, &path);
        }
    }
    reads
}

async fn reads_never_go_back(arguments: &[&str]) {
    let server = Server::with(arguments);
    for _ in 0..TICKETS {
        let made = server.form("POST", "/api/v2/ticket", NEW_TICKET).await;
        assert_eq!(made.status, 200, "{}", made.body);
    }
    let desk = Arc::<Desk>::default();
    let client = || Client::of(&server.base);
    let readers: JoinSet<usize> =
        (0..READERS).map(|reader| read(client(), Arc::clone(&desk), reader)).collect();
    let writers: JoinSet<()> =
        (1..=TICKETS as u64).map(|id| write(client(), Arc::clone(&desk), id)).collect();
    writers.join_all().await;
    desk.is_over.store(true, Ordering::SeqCst);
    let reads: usize = readers.join_all().await.into_iter().sum();
    assert!(reads > 100, "there were few reads: {reads}");
    assert_eq!(server.stop().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_a_folder_never_go_back() {
    let data = fixtures::folder();
    reads_never_go_back(&["--data", data.path().to_str().expect("the path is text")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_a_folder_that_survives_a_power_cut_never_go_back() {
    let data = fixtures::folder();
    let data = data.path().to_str().expect("the path is text");
    reads_never_go_back(&["--data", data, "--durability", "power"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_memory_never_go_back() {
    reads_never_go_back(&["--ephemeral"]).await;
}
