//! The tickets that a client expects in an account.

use std::collections::BTreeMap;

use omnidesk_mock_bench::BenchResult;
use serde_json::Value;

use crate::{check::check_equal, random::Random};

#[derive(Clone)]
pub(crate) struct ExpectedTicket {
    pub(crate) title: String,
    pub(crate) status: String,
    pub(crate) priority: String,
}

/// The tickets by id, and the id of the next one.
#[derive(Clone, Default)]
pub(crate) struct ExpectedTickets {
    pub(crate) by_id: BTreeMap<u32, ExpectedTicket>,
    pub(crate) next_id: u32,
}

impl ExpectedTicket {
    /// A ticket that was just created.
    pub(crate) fn new(title: String) -> Self {
        Self { title, status: "new".to_owned(), priority: "medium".to_owned() }
    }

    fn from_item(item: &Value) -> Self {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        Self { title: text("title"), status: text("status"), priority: text("priority") }
    }

    pub(crate) fn is_unfinished(&self) -> bool {
        self.status != "solved" && self.status != "closed"
    }

    /// Compares it with a ticket of a response.
    pub(crate) fn check(&self, id: u32, item: &Value) -> BenchResult<()> {
        let actual = Self::from_item(item);
        check_equal("id", item["id"].as_u64(), Some(id.into()))?;
        check_equal(&format!("title of {id}"), &actual.title, &self.title)?;
        check_equal(&format!("status of {id}"), &actual.status, &self.status)?;
        check_equal(&format!("priority of {id}"), &actual.priority, &self.priority)
    }
}

impl ExpectedTickets {
    /// The tickets of a list that contains all.
    pub(crate) fn from_list(list: &Value) -> Self {
        let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let id = |item: &Value| item["id"].as_u64().and_then(|id| u32::try_from(id).ok());
        let by_id: BTreeMap<_, _> = items
            .iter()
            .filter_map(|item| Some((id(item)?, ExpectedTicket::from_item(item))))
            .collect();
        let next_id = by_id.keys().last().map_or(1, |last| last + 1);
        Self { by_id, next_id }
    }

    /// Compares them with a list that contains all tickets.
    pub(crate) fn check_list(&self, list: &Value) -> BenchResult<()> {
        check_equal("number of tickets", list["itemTotal"].as_u64(), Some(self.count().into()))?;
        let items = list["items"].as_array().ok_or("a list without items")?;
        // The newest ticket comes first.
        for ((id, ticket), item) in self.by_id.iter().rev().zip(items) {
            ticket.check(*id, item)?;
        }
        Ok(())
    }

    /// Compares one of them with a ticket of a response.
    pub(crate) fn check_item(&self, id: u32, item: &Value) -> BenchResult<()> {
        self.by_id[&id].check(id, item)
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.by_id.len()).expect("an account has few tickets")
    }

    /// A random id. There must be a ticket.
    pub(crate) fn pick_id(&self, random: &mut Random) -> u32 {
        let index = random.below(self.count()) as usize;
        *self.by_id.keys().nth(index).expect("the index is less than the count")
    }

    /// One to seven random ids, without duplicates.
    pub(crate) fn pick_ids(&self, random: &mut Random) -> Vec<u32> {
        let mut ids: Vec<_> = (0..=random.below(6)).map(|_| self.pick_id(random)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    pub(crate) fn update(&mut self, ids: &[u32], mut change: impl FnMut(&mut ExpectedTicket)) {
        for id in ids {
            if let Some(ticket) = self.by_id.get_mut(id) {
                change(ticket);
            }
        }
    }

    pub(crate) fn set_title(&mut self, id: u32, title: &str) {
        self.update(&[id], |ticket| title.clone_into(&mut ticket.title));
    }
}
