//! A client that writes as fast as it can about tickets of its own, and knows exactly what it may find of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ask::{Ask, Operation};
use super::dice::Dice;
use super::kill::Observer;
use super::tally::Tally;
use super::ticket::{Ticket, Tickets, difference};
use crate::support::Client;

/// How many tickets a writer keeps, so that looking at all of them stays quick.
const FEWEST: usize = 3;
const MOST: usize = 10;
const STATUSES: [&str; 6] = ["new", "open", "pending", "holding", "solved", "closed"];
const PRIORITIES: [&str; 4] = ["low", "medium", "high", "urgent"];

pub(super) struct Writer {
    /// A part of the title of each of its tickets, and of nobody else's.
    mark: String,
    client: Client,
    dice: Dice,
    asked: u64,
    tickets: Tickets,
    gone: Vec<u64>,
    /// The ids of new tickets, until they are taken.
    made: Vec<u64>,
    under_way: Option<Ask>,
    pub(super) tally: Tally,
}

impl Writer {
    pub(super) fn new(mark: String, client: Client, dice: Dice) -> Self {
        Self {
            mark,
            client,
            dice,
            asked: 0,
            tickets: Tickets::new(),
            gone: Vec::new(),
            made: Vec::new(),
            under_way: None,
            tally: Tally::default(),
        }
    }

    /// The key by which it writes, which is that of its account.
    pub(super) fn key(&self) -> &str {
        &self.client.key
    }

    /// The same at another server on the same data.
    pub(super) fn at(self, server: &Client) -> Self {
        Self { client: server.with_key(&self.client.key), ..self }
    }

    /// Writes until the server is gone.
    pub(super) async fn work(mut self, observer: Observer) -> Self {
        loop {
            let ask = self.draw();
            let request = ask.request(&self.client);
            self.under_way = Some(ask.clone());
            let Some((status, body)) = observer.answer(request).await else { return self };
            self.under_way = None;
            let expected = if ask.is_refused() { 400 } else { 200 };
            assert_eq!(status, expected, "{ask:?} of {}: {body}", self.mark);
            self.tally.answered(ask.is_refused());
            let new = body["ticketID"].as_u64();
            assert_eq!(new.is_some(), ask.creates().is_some(), "{ask:?}: {body}");
            ask.apply(&mut self.tickets, new);
            self.note(&ask, new);
        }
    }

    fn note(&mut self, ask: &Ask, new: Option<u64>) {
        self.made.extend(new);
        self.gone.extend(ask.deletes());
    }

    /// A request, each of which leaves a trace unless it is refused.
    fn draw(&mut self) -> Ask {
        self.asked += 1;
        let title = ("title", format!("{} {}", self.mark, self.asked));
        let own: Vec<u64> = self.tickets.keys().copied().collect();
        let chance = self.dice.below(12);
        if own.len() < FEWEST || (chance < 4 && own.len() < MOST) {
            let creation = Ask::new(Operation::Create, Vec::new(), vec![title]);
            return self.spoiled_at_times(creation);
        }
        let several = self.dice.some_of(&own, MOST);
        let first = vec![several[0]];
        let ask = match chance {
            0..5 => Ask::new(Operation::Update, first, self.update(title)),
            5..7 => {
                let status = self.another("status", several[0], &STATUSES);
                Ask::new(Operation::SetStatus, several, vec![status])
            }
            7 => {
                let priority = self.another("priority", several[0], &PRIORITIES);
                Ask::new(Operation::SetPriority, several, vec![priority])
            }
            8..10 => Ask::new(Operation::Batch, several, self.actions(title)),
            10 => Ask::new(Operation::Delete, first, Vec::new()),
            _ => Ask::new(Operation::DeleteMulti, self.dice.some_of(&own, 5), Vec::new()),
        };
        self.spoiled_at_times(ask)
    }

    fn spoiled_at_times(&mut self, ask: Ask) -> Ask {
        if self.dice.one_in(6) { ask.spoiled(&mut self.dice, &self.gone) } else { ask }
    }

    /// A value that the ticket does not have.
    fn another(
        &mut self,
        column: &'static str,
        id: u64,
        all: &[&'static str],
    ) -> (&'static str, String) {
        let present = self.tickets[&id].text(column);
        let others: Vec<&str> = all.iter().copied().filter(|value| *value != present).collect();
        (column, self.dice.one_of(&others).to_owned())
    }

    fn update(&mut self, title: (&'static str, String)) -> Vec<(&'static str, String)> {
        let mut changes = vec![title];
        if self.dice.one_in(2) {
            changes.push(("status", self.dice.one_of(&["solved", "closed"]).to_owned()));
        }
        changes
    }

    fn actions(&mut self, title: (&'static str, String)) -> Vec<(&'static str, String)> {
        vec![
            ("status", self.dice.one_of(&STATUSES).to_owned()),
            title,
            ("assigned_group_id", (1 + self.dice.below(9)).to_string()),
            ("priority", self.dice.one_of(&PRIORITIES).to_owned()),
        ]
    }

    /// Finds its tickets among those that the account shows, and takes them out. They are as after the last answer,
    /// or as after the request that was under way as well.
    pub(super) fn settle(&mut self, shown: &mut BTreeMap<u64, Value>) {
        let ask = self.under_way.take();
        let new = ask.as_ref().and_then(Ask::creates).and_then(|title| titled(shown, title));
        let mut after = self.tickets.clone();
        if let Some(ask) = &ask {
            ask.apply(&mut after, new);
        }
        let ids: BTreeSet<u64> = self.tickets.keys().chain(after.keys()).copied().collect();
        let own: BTreeMap<u64, Value> =
            ids.iter().filter_map(|id| shown.remove_entry(id)).collect();
        let (not_before, not_after) = (difference(&self.tickets, &own), difference(&after, &own));
        assert!(
            not_before.is_none() || not_after.is_none(),
            "{} finds neither what was before ({not_before:?}) nor what was after ({not_after:?}) {ask:?}",
            self.mark
        );
        if let Some(ask) = &ask {
            // Whatever is kept leaves a trace.
            let is_kept = not_before.is_some();
            self.tally.settled(!ask.is_refused(), is_kept);
            if is_kept {
                self.note(ask, new);
            }
        }
        self.tickets = own.iter().map(|(id, item)| (*id, Ticket::shown(item))).collect();
    }

    /// A search finds exactly its tickets.
    pub(super) async fn assert_found(&self) {
        let search = [("query", &*self.mark), ("itemLimit", "9999"), ("searchArchived", "yes")];
        let list = super::ok(self.client.ask("GET", "/api/v2/ticket").query(&search)).await;
        let items = list["items"].as_array().expect("items");
        let found: BTreeSet<u64> = items.iter().filter_map(|item| item["id"].as_u64()).collect();
        let own: BTreeSet<u64> = self.tickets.keys().copied().collect();
        assert_eq!(found, own, "what is found by {:?}", self.mark);
    }

    /// The ids of the tickets that it has made since this was asked.
    pub(super) fn take_made(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.made)
    }
}

/// The ticket with this title.
fn titled(shown: &BTreeMap<u64, Value>, title: &str) -> Option<u64> {
    shown.iter().find(|(_, item)| item["title"] == title).map(|(id, _)| *id)
}
