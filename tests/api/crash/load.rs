//! Servers that are killed under so much load that logs are full and are copied into their files meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::dice::Dice;
use super::kill::{self, Moment, Observer};
use super::luck::Luck;
use super::ticket::SENT;
use super::{ACCOUNTS, Tally, folder, next, ok, seed};
use crate::fixtures;
use crate::support::{Client, Server};

/// How many write at once, half of them in each account.
const WRITERS: usize = 16;
/// A server is killed after so many answers at most: more than it takes to fill the logs.
const ANSWERS: usize = 800;
/// So often the same folder is used, or else there are too many tickets to look at all of them.
const ROUNDS_OF_A_FOLDER: usize = 4;
/// The longest name of a sender, in letters (documented: chosen for all lines), each of which takes three bytes.
const LONGEST: usize = 1000;

/// A client that makes large tickets as fast as it can, and deletes some of them.
struct Filler {
    /// What its titles begin with, and nobody else's.
    mark: String,
    client: Client,
    dice: Dice,
    asked: u64,
    /// The titles of its tickets that were acknowledged.
    tickets: BTreeMap<u64, String>,
    deleted: Vec<u64>,
    refused: BTreeSet<String>,
    under_way: Option<Ask>,
    tally: Tally,
}

#[derive(Clone, Debug)]
enum Ask {
    Create(String),
    /// With a mistake, so that it is refused.
    Spoiled(String),
    Delete(u64),
}

impl Filler {
    fn new(mark: String, client: Client, dice: Dice) -> Self {
        let (tickets, deleted, refused) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        let tally = Tally::default();
        Self { mark, client, dice, asked: 0, tickets, deleted, refused, under_way: None, tally }
    }

    /// Writes until the server is gone.
    async fn work(mut self, observer: Observer) -> Self {
        loop {
            let ask = self.draw();
            self.under_way = Some(ask.clone());
            let request = self.request(&ask);
            let Some((status, body)) = observer.answer(request).await else { return self };
            self.under_way = None;
            let is_refused = matches!(ask, Ask::Spoiled(_));
            assert_eq!(status, if is_refused { 400 } else { 200 }, "{ask:?}: {body}");
            self.tally.answered(is_refused);
            match ask {
                Ask::Create(title) => {
                    let id = body["ticketID"].as_u64().expect("an id");
                    self.tickets.insert(id, title);
                }
                Ask::Spoiled(title) => drop(self.refused.insert(title)),
                Ask::Delete(id) => {
                    self.tickets.remove(&id);
                    self.deleted.push(id);
                }
            }
        }
    }

    fn draw(&mut self) -> Ask {
        self.asked += 1;
        let title = format!("{} {}", self.mark, self.asked);
        let own: Vec<u64> = self.tickets.keys().copied().collect();
        match self.dice.below(12) {
            0 => Ask::Spoiled(title),
            1 if !own.is_empty() => Ask::Delete(self.dice.one_of(&own)),
            _ => Ask::Create(title),
        }
    }

    fn request(&self, ask: &Ask) -> reqwest::RequestBuilder {
        let (title, group) = match ask {
            Ask::Create(title) => (title, "1"),
            Ask::Spoiled(title) => (title, "many"),
            Ask::Delete(id) => return self.client.ask("DELETE", &format!("/api/v2/ticket/{id}")),
        };
        let name = "\u{6f22}".repeat(LONGEST);
        let fields = [("title", &**title), ("fromName", &*name), ("assignedGroupID", group)];
        let fields: Vec<_> = SENT.into_iter().chain(fields).collect();
        self.client.ask("POST", "/api/v2/ticket").form(&fields)
    }

    /// Takes its tickets out of those that are shown: what was acknowledged, with what was under way or without it.
    fn settle(&mut self, shown: &mut BTreeMap<u64, String>) {
        let mine = |title: &str| title.rsplit_once(' ').is_some_and(|(mark, _)| mark == self.mark);
        let own: BTreeMap<u64, String> = shown
            .iter()
            .filter(|(_, title)| mine(title))
            .map(|(id, title)| (*id, title.clone()))
            .collect();
        shown.retain(|id, _| !own.contains_key(id));
        let mut after = self.tickets.clone();
        let ask = self.under_way.take();
        if let Some(ask) = &ask {
            self.tally.settled(!matches!(ask, Ask::Spoiled(_)), own != self.tickets);
        }
        match ask {
            Some(Ask::Create(title)) => {
                let found = own.iter().find(|(_, known)| **known == title);
                after.extend(found.map(|(id, title)| (*id, title.clone())));
            }
            Some(Ask::Delete(id)) => drop(after.remove(&id)),
            Some(Ask::Spoiled(title)) => drop(self.refused.insert(title)),
            None => {}
        }
        let lost = self.tickets.keys().filter(|id| !own.contains_key(id)).count();
        assert!(
            own == self.tickets || own == after,
            "{} finds neither what was before nor what would be after what was under way; lost: {lost}",
            self.mark
        );
        assert!(
            own.values().all(|title| !self.refused.contains(title)),
            "what was refused is there"
        );
        self.deleted.extend(self.tickets.keys().filter(|id| !own.contains_key(id)));
        self.tickets = own;
    }
}

/// A folder with the accounts, and who writes in them.
struct Load {
    data: TempDir,
    fillers: Vec<Filler>,
}

impl Load {
    async fn new(dice: &mut Dice) -> (Self, Server) {
        let (data, other) = (fixtures::folder(), fixtures::folder());
        let seed = fixtures::file(&other, "seed.json", &seed(&ACCOUNTS, &[]).to_string());
        let server = kill::on(data.path(), &["--seed", &seed]);
        let filler = |number: usize| {
            let (name, key) = ACCOUNTS[number % ACCOUNTS.len()];
            Filler::new(format!("{name}-{number}"), server.with_key(key), dice.others())
        };
        let mut load = Self { data, fillers: (0..WRITERS).map(filler).collect() };
        // Each account has a file of its own then.
        for filler in load.fillers.iter_mut().take(ACCOUNTS.len()) {
            let title = format!("{} 0", filler.mark);
            let made = ok(filler.request(&Ask::Create(title.clone()))).await;
            filler.tickets.insert(made["ticketID"].as_u64().expect("an id"), title);
        }
        (load, server)
    }

    /// Everything that was acknowledged is there and nothing else, and no id was given twice.
    async fn check(&mut self, server: &Client) {
        for (_, key) in ACCOUNTS {
            let client = server.with_key(key);
            let mut shown = titles(&client).await;
            let mut ids = BTreeSet::new();
            for filler in self.fillers.iter_mut().filter(|filler| filler.client.key == key) {
                filler.client = client.clone();
                filler.settle(&mut shown);
                for id in filler.tickets.keys().chain(&filler.deleted) {
                    assert!(ids.insert(*id), "{id} was given twice");
                }
            }
            assert!(shown.is_empty(), "nobody has made these: {shown:?}");
            let one_more = ok(client.ask("POST", "/api/v2/ticket").form(&last())).await;
            let id = one_more["ticketID"].as_u64().expect("an id");
            assert!(ids.iter().all(|given| *given < id), "{id} was given before");
            assert_eq!(client.delete(&format!("/api/v2/ticket/{id}")).await.status, 200);
        }
    }
}

fn last() -> Vec<(&'static str, &'static str)> {
    SENT.into_iter().chain([("title", "Last")]).collect()
}

/// The titles of all tickets.
async fn titles(client: &Client) -> BTreeMap<u64, String> {
    let list = ok(client.ask("GET", "/api/v2/ticket?itemLimit=9999&searchArchived=yes")).await;
    let items = list["items"].as_array().expect("items");
    assert_eq!(list["itemTotal"], items.len(), "all are on this page");
    let entry = |item: &Value| {
        let title = item["title"].as_str().expect("a title");
        (item["id"].as_u64().expect("an id"), title.to_owned())
    };
    items.iter().map(entry).collect()
}

/// The files of the accounts, which are written to when a log is copied into them.
fn files(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("accounts")).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "db")).collect()
}

/// Whether the file is not as long as its first page says (documented: SQLite's file format), which its log makes good.
fn is_short(file: &Path) -> bool {
    let content = std::fs::read(file).expect("the file is there");
    let number =
        |at: usize| content[at..].iter().take(4).fold(0, |all, byte| all << 8 | usize::from(*byte));
    let (page, pages) = (number(16) >> 16, number(28));
    content.len() < page * pages
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_kept_while_logs_are_copied_into_files() {
    let mut luck = Luck::drawn();
    let mut now: Option<(Load, Server)> = None;
    while luck.goes_on() {
        let (mut load, server) = match now.take() {
            Some(now) => now,
            None => Load::new(&mut luck.dice).await,
        };
        let files = files(load.data.path());
        // At any moment, and more often at those that chance seldom meets.
        let moment =
            if luck.dice.one_in(3) { Moment::Answers(ANSWERS) } else { Moment::Write(&files) };
        load.fillers =
            kill::at_work(server, load.fillers, moment, &mut luck.dice, Filler::work).await;
        luck.tally.short_files += files.iter().filter(|file| is_short(file)).count();
        folder::assert_sound(load.data.path()).await;
        let server = next(load.data.path(), &mut luck).await;
        load.check(&server).await;
        if luck.tally.kills.is_multiple_of(ROUNDS_OF_A_FOLDER) {
            assert_eq!(server.stop().code(), Some(0));
            luck.tally += load.fillers.iter().fold(Tally::default(), |mut all, filler| {
                all += filler.tally;
                all
            });
        } else {
            now = Some((load, server));
        }
    }
    luck.tell();
}
