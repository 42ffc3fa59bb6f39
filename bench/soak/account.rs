//! An account as a client knows it: its key, and the tickets that it must contain.

use omnidesk_mock_bench::prelude::*;

use crate::client::Client;

const ALL_TICKETS: &str = "/api/v2/ticket?searchArchived=yes&itemLimit=1000";

/// The values of these fields of a ticket.
pub(crate) type Ticket = [String; 3];
const FIELDS: [&str; 3] = ["title", "status", "priority"];
pub(crate) const TITLE: usize = 0;
pub(crate) const STATUS: usize = 1;

/// Expected tickets by id, and the id of the next one.
#[derive(Clone, Default)]
pub(crate) struct Tickets {
    pub(crate) by_id: BTreeMap<u64, Ticket>,
    pub(crate) next_id: u64,
}

impl Tickets {
    pub(crate) fn check(&self, id: u64, item: &Value) -> Result<()> {
        let expected = self.by_id.get(&id).context("the ticket is not expected")?;
        ensure!(item["id"] == id && read(item) == *expected, "not {id}, {expected:?}: {item}");
        Ok(())
    }

    pub(crate) fn set(&mut self, ids: &[u64], field: &str, value: &str) {
        for (_, ticket) in self.by_id.iter_mut().filter(|(id, _)| ids.contains(id)) {
            for (_, text) in FIELDS.iter().zip(ticket).filter(|(name, _)| **name == field) {
                value.clone_into(text);
            }
        }
    }
}

fn read(item: &Value) -> Ticket {
    FIELDS.map(|name| item[name].as_str().unwrap_or_default().to_owned())
}

#[derive(Default)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) api_key: String,
    pub(crate) read_only_key: String,
    pub(crate) is_exclusive: bool,
    /// All tickets of an exclusive account; of a shared one, the tickets that the client has created.
    pub(crate) tickets: Tickets,
    /// The tickets after a reset, and those of each snapshot.
    pub(crate) initial_tickets: Tickets,
    pub(crate) snapshots: BTreeMap<String, Tickets>,
    pub(crate) prefix: String,
    pub(crate) title_count: u32,
}

impl Account {
    pub(crate) fn create(client: &mut Client, options: &Value, prefix: &str) -> Result<Self> {
        let created = client.expect(&KEY.line(&format!("POST {ACCOUNTS} json {options}")), 201)?;
        let [name, api_key] = ["account", "api_key"]
            .map(|name| created[name].as_str().unwrap_or_default().to_owned());
        let prefix = prefix.to_owned();
        let mut account = Self { name, api_key, is_exclusive: true, prefix, ..Self::default() };
        let list = client.expect(&account.key().get(ALL_TICKETS), 200)?;
        let items = list["items"].as_array().context("no items")?.iter();
        account.tickets.by_id =
            items.map(|item| (item["id"].as_u64().unwrap_or_default(), read(item))).collect();
        account.tickets.next_id = account.tickets.by_id.keys().last().map_or(1, |last| last + 1);
        account.initial_tickets = account.tickets.clone();
        Ok(account)
    }

    pub(crate) fn create_read_only_key(&mut self, client: &mut Client) -> Result<()> {
        let key = json!({ "name": self.next_title(), "permissions": ["TICKET_READ"] });
        let line = format!("POST {ACCOUNTS}/{}/keys json {key}", self.name);
        let created = client.expect(&KEY.line(&line), 201)?;
        created["api_key"].as_str().context("no key")?.clone_into(&mut self.read_only_key);
        Ok(())
    }

    /// A title that no other title contains and that needs no encoding.
    pub(crate) fn next_title(&mut self) -> String {
        self.title_count += 1;
        format!("{}-{}-printer-stops-half-way-through-the-document", self.prefix, self.title_count)
    }

    /// Adds a ticket that the server has created to the expected ones: the next one if its id is unknown.
    pub(crate) fn add_created(&mut self, id: Option<u64>, title: String) -> Result<()> {
        let Tickets { by_id, next_id } = &mut self.tickets;
        let id = id.unwrap_or(*next_id);
        let is_expected = !by_id.contains_key(&id) && (!self.is_exclusive || id == *next_id);
        ensure!(is_expected && id > 0, "a new ticket has id {id}, expected {next_id}");
        by_id.insert(id, [title, "new".to_owned(), "medium".to_owned()]);
        *next_id = id + 1;
        Ok(())
    }

    pub(crate) fn check_tickets(&self, client: &mut Client) -> Result<()> {
        let list = client.expect(&self.key().get(ALL_TICKETS), 200)?;
        let (expected, total) = (self.tickets.by_id.len(), &list["itemTotal"]);
        ensure!(*total == expected, "{total} tickets, expected {expected}");
        let ids = self.tickets.by_id.keys().rev();
        let items = list["items"].as_array().context("no items")?;
        ids.zip(items).try_for_each(|(id, item)| self.tickets.check(*id, item))
    }

    /// Random tickets: one, one to six if `many`, or all that are not finished.
    pub(crate) fn select(&self, client: &mut Client, selection: Option<&str>) -> Vec<u64> {
        let mut ids: Vec<_> = self.tickets.by_id.keys().copied().collect();
        if selection == Some("unfinished") {
            ids.retain(|id| !STATUSES[4..].contains(&&*self.tickets.by_id[id][STATUS]));
            return ids;
        }
        client.random.shuffle(&mut ids);
        ids.truncate(if selection.is_some() { client.random.usize(1..=6) } else { 1 });
        ids
    }

    pub(crate) fn key(&self) -> Requests<'_> {
        Requests(&self.api_key)
    }
}
