//! An account whose server is killed while it goes back, or is kept: it is as before or as after, with its tickets,
//! its clock and its snapshots.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::dice::Dice;
use super::kill::{self, Moment, Observer};
use super::luck::Luck;
use super::ticket::SENT;
use super::{ACCOUNTS, folder, next, ok, seed};
use crate::control::Account;
use crate::fixtures::{self, NOW, ticket};
use crate::support::Client;

/// The tickets that each account starts from.
const TICKETS: u64 = 40;
/// A server is killed after so many answers at most.
const MOMENT: Moment<'_> = Moment::Answers(60);
const NAMES: [&str; 3] = ["one", "two", "three"];

#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    /// The title of each ticket.
    tickets: BTreeMap<u64, String>,
    /// Where the clock stands.
    now: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct World {
    state: State,
    snapshots: BTreeMap<String, State>,
}

#[derive(Clone, Debug)]
enum Act {
    Create(String),
    Delete(u64),
    Freeze(String),
    Reset,
    Keep(&'static str),
    Restore(&'static str),
    Forget(&'static str),
}

impl State {
    /// What an account is made from.
    fn seeded() -> Self {
        let tickets = (1..=TICKETS).map(|id| (id, format!("Ticket {id}")));
        Self { tickets: tickets.collect(), now: moment(NOW) }
    }

    /// What the account shows.
    async fn of(account: &Account) -> Self {
        let all = "/api/v2/ticket?itemLimit=9999&searchArchived=yes";
        let list = ok(account.client.ask("GET", all)).await;
        let items = list["items"].as_array().expect("items");
        assert_eq!(list["itemTotal"], items.len());
        let tickets = items.iter().map(|item| {
            let title = item["title"].as_str().expect("a title");
            (item["id"].as_u64().expect("an id"), title.to_owned())
        });
        let clock = ok(account.ask("GET", "/clock")).await;
        let now = clock["now"].as_str().expect("a moment").to_owned();
        Self { tickets: tickets.collect(), now }
    }
}

impl World {
    /// What the account and copies of its snapshots show.
    async fn of(account: &Account) -> Self {
        let state = State::of(account).await;
        let list = ok(account.ask("GET", "/snapshots")).await;
        let mut snapshots = BTreeMap::new();
        for snapshot in list["snapshots"].as_array().expect("snapshots") {
            let name = snapshot["name"].as_str().expect("a name");
            let from = json!({ "from": format!("snapshot:{}/{name}", account.name) });
            let copy = Account::make(&account.client, &from).await;
            snapshots.insert(name.to_owned(), State::of(&copy).await);
            assert_eq!(copy.control("DELETE", "").await.status, 204);
        }
        Self { state, snapshots }
    }

    /// What the act makes of it, and the status of the answer. `new` is the id of a new ticket.
    fn after(&self, act: &Act, new: Option<u64>) -> (Self, u16) {
        let mut after = self.clone();
        let status = match act {
            Act::Create(title) => {
                after.state.tickets.extend(new.map(|id| (id, title.clone())));
                200
            }
            Act::Delete(id) => {
                after.state.tickets.remove(id);
                200
            }
            Act::Freeze(now) => {
                now.clone_into(&mut after.state.now);
                200
            }
            Act::Reset => {
                after.state = State::seeded();
                204
            }
            Act::Keep(name) => {
                let old = after.snapshots.insert((*name).to_owned(), self.state.clone());
                if old.is_some() { 200 } else { 201 }
            }
            Act::Restore(name) => match self.snapshots.get(*name) {
                Some(kept) => {
                    after.state = kept.clone();
                    204
                }
                None => 404,
            },
            Act::Forget(name) => {
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

/// Who goes back and forth with an account of its own.
struct Rewinder {
    account: Account,
    dice: Dice,
    world: World,
    acts: u64,
    under_way: Option<Act>,
    tally: super::Tally,
}

impl Rewinder {
    fn new(account: Account, dice: Dice) -> Self {
        let world = World { state: State::seeded(), snapshots: BTreeMap::new() };
        let tally = super::Tally::default();
        Self { account, dice, world, acts: 0, under_way: None, tally }
    }

    async fn work(mut self, observer: Observer) -> Self {
        loop {
            let act = self.draw();
            self.under_way = Some(act.clone());
            let request = request(&self.account, &act);
            let Some((status, body)) = observer.answer(request).await else { return self };
            self.under_way = None;
            let (after, expected) = self.world.after(&act, body["ticketID"].as_u64());
            assert_eq!(status, expected, "{act:?}: {body}");
            self.tally.answered(expected == 404);
            self.world = after;
        }
    }

    fn draw(&mut self) -> Act {
        self.acts += 1;
        let name = self.dice.one_of(&NAMES);
        let ids: Vec<u64> = self.world.state.tickets.keys().copied().collect();
        match self.dice.below(14) {
            0 if !ids.is_empty() => Act::Delete(self.dice.one_of(&ids)),
            1 => {
                let (day, second) = (1 + self.acts / 60 % 28, self.acts % 60);
                Act::Freeze(format!("2026-03-{day:02}T12:00:{second:02}Z"))
            }
            2 => Act::Reset,
            3 => Act::Forget(name),
            4..7 => Act::Keep(name),
            7..10 => Act::Restore(name),
            _ => Act::Create(format!("Act {}", self.acts)),
        }
    }

    /// The same at another server, which shows the account as it was before or after what was under way.
    async fn at(mut self, server: &Client) -> Self {
        self.account = self.account.at(server);
        let found = World::of(&self.account).await;
        let act = self.under_way.take();
        if let Some(act) = &act {
            let titled = |title: &str| {
                found.state.tickets.iter().find(|(_, known)| *known == title).map(|(id, _)| *id)
            };
            let new = if let Act::Create(title) = act { titled(title) } else { None };
            let (after, _) = self.world.after(act, new);
            let (is_before, is_after) = (found == self.world, found == after);
            assert!(
                is_before || is_after,
                "{found:?} is neither what was before nor what was after {act:?}: {:?}",
                self.world
            );
            let leaves_trace = matches!(act, Act::Create(_)) || self.world != after;
            self.tally.settled(leaves_trace, !is_before);
        } else {
            assert_eq!(found, self.world);
        }
        self.world = found;
        self
    }
}

fn request(account: &Account, act: &Act) -> RequestBuilder {
    match act {
        Act::Create(title) => {
            let fields: Vec<_> = SENT.into_iter().chain([("title", &**title)]).collect();
            account.client.ask("POST", "/api/v2/ticket").form(&fields)
        }
        Act::Delete(id) => account.client.ask("DELETE", &format!("/api/v2/ticket/{id}")),
        Act::Freeze(now) => {
            account.ask("PUT", "/clock").json(&json!({ "mode": "frozen", "at": now }))
        }
        Act::Reset => account.ask("POST", "/reset"),
        Act::Keep(name) => account.ask("PUT", &format!("/snapshots/{name}")),
        Act::Restore(name) => account.ask("POST", &format!("/snapshots/{name}/restore")),
        Act::Forget(name) => account.ask("DELETE", &format!("/snapshots/{name}")),
    }
}

/// A date of UTC as the control API writes it.
fn moment(date: &str) -> String {
    format!("{}Z", date.replace(' ', "T"))
}

fn files_of_accounts(data: &Path) -> Vec<String> {
    let files = std::fs::read_dir(data.join("accounts")).expect("the folder is there");
    files.map(|file| file.expect("a file").file_name().display().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_goes_back_is_as_before_or_as_after() {
    let mut luck = Luck::drawn();
    let (data, other) = (fixtures::folder(), fixtures::folder());
    let tickets: Vec<Value> = (1..=TICKETS).map(ticket).collect();
    let seed = fixtures::file(&other, "seed.json", &seed(&ACCOUNTS, &tickets).to_string());
    let mut server = kill::on(data.path(), &["--seed", &seed]);
    let mut rewinders: Vec<Rewinder> = Vec::new();
    for (name, key) in ACCOUNTS {
        rewinders.push(Rewinder::new(Account::known(&server, name, key), luck.dice.others()));
    }
    while luck.goes_on() {
        rewinders = kill::at_work(server, rewinders, MOMENT, &mut luck.dice, Rewinder::work).await;
        folder::assert_sound(data.path()).await;
        server = next(data.path(), &mut luck).await;
        let killed = std::mem::take(&mut rewinders);
        for rewinder in killed {
            rewinders.push(rewinder.at(&server).await);
        }
    }
    for rewinder in rewinders {
        luck.tally += rewinder.tally;
        assert_eq!(rewinder.account.control("DELETE", "").await.status, 204);
    }
    drop(server);
    let server = kill::on(data.path(), &[]);
    assert_eq!(server.stop().code(), Some(0));
    assert_eq!(files_of_accounts(data.path()), [""; 0], "a start clears away what was left");
    luck.tell();
}
