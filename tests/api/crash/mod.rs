//! Servers that are killed at moments drawn by lot, again and again on the same folder: what was acknowledged is there
//! afterwards, and what was under way is there wholly or not at all.
//!
//! `CRASH_ROUNDS` says how often they are killed; `CRASH_SEED` draws the same requests and moments again, as far as
//! the server is as fast as it was. `CRASH_ROUNDS=60 cargo test --test api crash -- --nocapture` prints what happened.

mod ask;
pub(crate) mod dice;
pub(crate) mod folder;
mod kill;
mod load;
mod luck;
mod names;
mod rewinds;
mod tally;
mod ticket;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::stream::{self, StreamExt};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use self::dice::Dice;
use self::kill::Moment;
use self::luck::Luck;
pub(crate) use self::luck::variable;
use self::tally::Tally;
pub(crate) use self::ticket::SENT;
use self::ticket::differing;
use self::writer::Writer;
use crate::fixtures::{self, KEY, acme};
use crate::support::{Client, Reply, Server};

/// The accounts of the seed, and a key of each.
const ACCOUNTS: [(&str, &str); 2] = [("acme", KEY), ("globex", "globex-key-0123456789")];
/// The clients of each account.
const CLIENTS: usize = 4;
/// A server is killed after so many answers at most.
const MOMENT: Moment<'_> = Moment::Answers(150);

/// A seed with these accounts, each of which has these tickets and a clock that stands still.
fn seed(accounts: &[(&str, &str)], tickets: &[Value]) -> Value {
    let accounts = accounts.iter().map(|(name, key)| {
        let mut account = acme(tickets.iter().cloned())["accounts"]["acme"].take();
        account["keys"][0]["key"] = (*key).into();
        ((*name).to_owned(), account)
    });
    json!({ "accounts": accounts.collect::<BTreeMap<_, _>>() })
}

/// The body of an answer that is 200.
async fn ok(request: RequestBuilder) -> Value {
    let reply = Reply::of(request).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// All tickets that the account shows, each with its timeline.
async fn shown(client: &Client) -> BTreeMap<u64, Value> {
    let list = ok(client.ask("GET", "/api/v2/ticket?itemLimit=9999&searchArchived=yes")).await;
    let entries = list["items"].as_array().expect("items");
    assert_eq!(list["itemTotal"], entries.len(), "all are on this page");
    let items = entries.iter().map(|entry| async {
        let id = entry["id"].as_u64().expect("an id");
        let item = ok(client.ask("GET", &format!("/api/v2/ticket/{id}"))).await["item"].take();
        let differing = differing(entry.as_object().expect("an object"), &item);
        assert_eq!(differing, None, "the list and the item show the same ticket: {item}");
        (id, item)
    });
    let shown: BTreeMap<u64, Value> = stream::iter(items).buffer_unordered(CLIENTS).collect().await;
    assert_eq!(shown.len(), entries.len(), "each is listed once");
    shown
}

/// The accounts, their clients, and the ids that they were ever given.
struct Desks {
    writers: Vec<Writer>,
    given: [BTreeSet<u64>; ACCOUNTS.len()],
}

impl Desks {
    fn new(server: &Client, dice: &mut Dice) -> Self {
        let mut writers = Vec::new();
        for (name, key) in ACCOUNTS {
            for client in 0..CLIENTS {
                let mark = format!("{name}-{client}");
                writers.push(Writer::new(mark, server.with_key(key), dice.others()));
            }
        }
        Self { writers, given: [const { BTreeSet::new() }; ACCOUNTS.len()] }
    }

    /// Everything that is shown is what the writers know of.
    async fn check(&mut self, server: &Client) {
        for ((name, key), given) in ACCOUNTS.iter().zip(&mut self.given) {
            let mut shown = shown(&server.with_key(key)).await;
            for writer in self.writers.iter_mut().filter(|writer| writer.key() == *key) {
                writer.settle(&mut shown);
                for id in writer.take_made() {
                    assert!(given.insert(id), "{id} of {name} was given twice");
                }
                writer.assert_found().await;
            }
            assert!(shown.is_empty(), "nobody has made these, or they were deleted: {shown:?}");
        }
    }

    /// The same at another server, which shows what it should.
    async fn at(mut self, server: &Client) -> Self {
        self.writers = self.writers.into_iter().map(|writer| writer.at(server)).collect();
        self.check(server).await;
        self
    }

    fn tally(&self) -> Tally {
        self.writers.iter().fold(Tally::default(), |mut all, writer| {
            all += writer.tally;
            all
        })
    }
}

/// The next server on the folder, before which others may be killed while they start.
async fn next(data: &Path, luck: &mut Luck) -> Server {
    while luck.dice.one_in(3) {
        luck.tally.killed_starts += 1;
        kill::a_start(data, &mut luck.dice).await;
    }
    // What a file was written by may not matter to who goes on with it.
    let durability = luck.dice.one_of(&["process", "process", "power"]);
    kill::on(data, &["--durability", durability])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_kept_and_nothing_is_there_in_part() {
    let mut luck = Luck::drawn();
    let (data, other) = (fixtures::folder(), fixtures::folder());
    let seed = fixtures::file(&other, "seed.json", &seed(&ACCOUNTS, &[]).to_string());
    let mut server = kill::on(data.path(), &["--seed", &seed]);
    let mut desks = Desks::new(&server, &mut luck.dice);
    while luck.goes_on() {
        desks.writers =
            kill::at_work(server, desks.writers, MOMENT, &mut luck.dice, Writer::work).await;
        folder::assert_sound(data.path()).await;
        server = next(data.path(), &mut luck).await;
        desks = desks.at(&server).await;
    }
    luck.tally += desks.tally();
    let ended = server.stop();
    assert_eq!(ended.code(), Some(0), "{ended}");
    folder::assert_sound(data.path()).await;
    luck.tell();
}
