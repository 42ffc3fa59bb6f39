//! A request of a writer about its own tickets: what is sent, and what it makes of them.

use reqwest::RequestBuilder;

use super::dice::Dice;
use super::ticket::{SENT, Ticket, Tickets};
use crate::support::Client;

/// Nobody's ticket.
const UNKNOWN: u64 = 4_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Update,
    SetStatus,
    SetPriority,
    Batch,
    Delete,
    DeleteMulti,
}

#[derive(Clone, Debug)]
pub(super) struct Ask {
    operation: Operation,
    ids: Vec<u64>,
    /// Columns and their new values, in this order.
    changes: Vec<(&'static str, String)>,
    is_refused: bool,
}

impl Ask {
    pub(super) fn new(
        operation: Operation,
        ids: Vec<u64>,
        changes: Vec<(&'static str, String)>,
    ) -> Self {
        Self { operation, ids, changes, is_refused: false }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// The title of the ticket that it creates.
    pub(super) fn creates(&self) -> Option<&str> {
        let creates = self.operation == Operation::Create && !self.is_refused;
        creates.then(|| self.changes[0].1.as_str())
    }

    /// The tickets that it deletes.
    pub(super) fn deletes(&self) -> &[u64] {
        let deletes = matches!(self.operation, Operation::Delete | Operation::DeleteMulti);
        if deletes && !self.is_refused { &self.ids } else { &[] }
    }

    /// The same with one mistake, for which all of it is refused: a ticket that is not there among those that are,
    /// or a value that no document allows.
    pub(super) fn spoiled(mut self, dice: &mut Dice, gone: &[u64]) -> Self {
        self.is_refused = true;
        match self.operation {
            Operation::Create => "".clone_into(&mut self.changes[0].1),
            Operation::Delete => self.ids = vec![unknown(dice, gone)],
            Operation::Update if dice.one_in(2) => self.ids = vec![unknown(dice, gone)],
            Operation::DeleteMulti => self.add_unknown(dice, gone),
            _ if dice.one_in(2) && self.operation != Operation::Update => {
                self.add_unknown(dice, gone);
            }
            Operation::Update => {
                self.changes.truncate(1);
                self.changes.push(("status", "open".to_owned()));
            }
            Operation::Batch => self.changes.push(("status", "finished".to_owned())),
            Operation::SetStatus | Operation::SetPriority => {
                "finished".clone_into(&mut self.changes[0].1);
            }
        }
        self
    }

    fn add_unknown(&mut self, dice: &mut Dice, gone: &[u64]) {
        self.ids.insert(dice.below(self.ids.len() + 1), unknown(dice, gone));
    }

    /// What it makes of the tickets; `new` is the id of the one that it creates.
    pub(super) fn apply(&self, tickets: &mut Tickets, new: Option<u64>) {
        if self.is_refused {
            return;
        }
        if let (Some(title), Some(id)) = (self.creates(), new) {
            tickets.insert(id, Ticket::created(id, title));
        }
        tickets.retain(|id, _| !self.deletes().contains(id));
        for id in &self.ids {
            // One that was deleted just now is not there any more.
            let Some(ticket) = tickets.get_mut(id) else { continue };
            for (column, value) in &self.changes {
                ticket.change(column, value);
            }
        }
    }

    pub(super) fn request(&self, client: &Client) -> RequestBuilder {
        let id = self.ids.first().map(u64::to_string).unwrap_or_default();
        let (method, path) = match self.operation {
            Operation::Create => ("POST", String::new()),
            Operation::Update => ("PUT", format!("/{id}")),
            Operation::SetStatus => ("POST", "/setStatus".to_owned()),
            Operation::SetPriority => ("POST", "/setPriority".to_owned()),
            Operation::Batch => ("POST", "/batch".to_owned()),
            Operation::Delete => ("DELETE", format!("/{id}")),
            Operation::DeleteMulti => ("DELETE", "/multi".to_owned()),
        };
        client.ask(method, &format!("/api/v2/ticket{path}")).form(&self.fields())
    }

    fn fields(&self) -> Vec<(String, String)> {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let changes = self.changes.iter().map(|(column, value)| field(column, value));
        let ids = self.ids.iter().map(|id| field("ticketIDs[]", &id.to_string()));
        match self.operation {
            Operation::Create => {
                SENT.iter().map(|(name, value)| field(name, value)).chain(changes).collect()
            }
            Operation::Update => changes.collect(),
            Operation::SetStatus | Operation::SetPriority | Operation::DeleteMulti => {
                changes.chain(ids).collect()
            }
            Operation::Batch => self.batch(),
            Operation::Delete => Vec::new(),
        }
    }

    fn batch(&self) -> Vec<(String, String)> {
        let ids: Vec<String> = self.ids.iter().map(u64::to_string).collect();
        let actions = self.changes.iter().enumerate().flat_map(|(at, (column, value))| {
            [
                (format!("actions[{at}][actionType]"), (*column).to_owned()),
                (format!("actions[{at}][value]"), value.clone()),
            ]
        });
        std::iter::once(("TicketIDs".to_owned(), ids.join(","))).chain(actions).collect()
    }
}

/// A ticket that is not there: one that never was, or one that was deleted lately.
fn unknown(dice: &mut Dice, gone: &[u64]) -> u64 {
    let latest = &gone[gone.len().saturating_sub(5)..];
    if latest.is_empty() || dice.one_in(2) { UNKNOWN } else { dice.one_of(latest) }
}
