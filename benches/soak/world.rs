//! What a client knows of an account's tickets.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Outcome, line::must_be, random::Random};

#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) title: String,
    pub(crate) status: String,
    pub(crate) priority: String,
}

/// The tickets, and the id of the next one.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) tickets: BTreeMap<u32, Ticket>,
    pub(crate) next: u32,
}

impl Ticket {
    pub(crate) fn new(title: String) -> Self {
        Self { title, status: "new".to_owned(), priority: "medium".to_owned() }
    }

    fn read(item: &Value) -> Self {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        Self { title: text("title"), status: text("status"), priority: text("priority") }
    }

    pub(crate) fn is_unfinished(&self) -> bool {
        self.status != "solved" && self.status != "closed"
    }

    /// Holds a ticket of an answer against this one.
    pub(crate) fn must_be(&self, id: u32, item: &Value) -> Outcome<()> {
        let is = Self::read(item);
        must_be("the id", item["id"].as_u64(), Some(id.into()))?;
        must_be(&format!("the title of {id}"), &is.title, &self.title)?;
        must_be(&format!("the status of {id}"), &is.status, &self.status)?;
        must_be(&format!("the priority of {id}"), &is.priority, &self.priority)
    }
}

impl World {
    /// That of a list which has all tickets.
    pub(crate) fn read(list: &Value) -> Self {
        let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let id = |item: &Value| item["id"].as_u64().and_then(|id| u32::try_from(id).ok());
        let tickets: BTreeMap<_, _> =
            items.iter().filter_map(|item| Some((id(item)?, Ticket::read(item)))).collect();
        let next = tickets.keys().last().map_or(1, |last| last + 1);
        Self { tickets, next }
    }

    /// Holds a list of all tickets against these.
    pub(crate) fn must_be(&self, list: &Value) -> Outcome<()> {
        must_be("the number of tickets", list["itemTotal"].as_u64(), Some(self.count().into()))?;
        let items = list["items"].as_array().ok_or("a list without items")?;
        // The newest first.
        for ((id, ticket), item) in self.tickets.iter().rev().zip(items) {
            ticket.must_be(*id, item)?;
        }
        Ok(())
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.tickets.len()).expect("there are few")
    }

    /// The id of some ticket. There is one.
    pub(crate) fn any(&self, random: &mut Random) -> u32 {
        let index = random.below(self.count()) as usize;
        *self.tickets.keys().nth(index).expect("it is less than their number")
    }

    /// The ids of one ticket or of some, each once.
    pub(crate) fn some(&self, random: &mut Random) -> Vec<u32> {
        let mut ids: Vec<_> = (0..=random.below(6)).map(|_| self.any(random)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    pub(crate) fn change(&mut self, ids: &[u32], mut change: impl FnMut(&mut Ticket)) {
        for id in ids {
            if let Some(ticket) = self.tickets.get_mut(id) {
                change(ticket);
            }
        }
    }
}
