//! An account as a client sees it, and the requests to it.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::{Value, json};

use crate::{
    Outcome,
    caller::Caller,
    message::{URLENCODED, message, multipart},
    world::{Ticket, World},
};

const JSON: &str = "application/json";
pub(crate) const TICKETS: &str = "/api/v2/ticket";
const ACCOUNTS: &str = "/_control/accounts";
/// A page that has them all.
const ALL: &str = "?searchArchived=yes&itemLimit=1000";

pub(crate) struct Account {
    host: SocketAddr,
    pub(crate) name: String,
    pub(crate) key: String,
    /// A key that may only read.
    pub(crate) reader: String,
    /// Whether nobody else uses it.
    pub(crate) is_own: bool,
    /// All tickets of an account of one's own; of one that is shared, those that the client has made.
    pub(crate) world: World,
    /// What a reset brings back.
    pub(crate) origin: World,
    /// What the snapshots hold.
    pub(crate) kept: BTreeMap<&'static str, World>,
    /// What the titles begin with, and how many there were.
    mark: String,
    titles: u32,
}

impl Account {
    /// An account that nobody else knows.
    pub(crate) fn make(caller: &mut Caller, options: &Value, mark: &str) -> Outcome<Self> {
        let host = caller.address();
        let content = options.to_string();
        let request = message(host, "none", "POST", ACCOUNTS, Some((JSON, &content)));
        let made = caller.ask(&request, 201)?;
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        let mut account = Self::known(host, text("account"), text("api_key"), mark);
        account.is_own = true;
        account.origin = World::read(&caller.ask(&account.all(), 200)?);
        account.world = account.origin.clone();
        Ok(account)
    }

    /// An account that others use too.
    pub(crate) fn known(host: SocketAddr, name: String, key: String, mark: &str) -> Self {
        let (world, origin) = (World::default(), World::default());
        let (reader, mark, kept) = (String::new(), mark.to_owned(), BTreeMap::new());
        Self { host, name, key, reader, is_own: false, world, origin, kept, mark, titles: 0 }
    }

    /// Makes the key that may only read.
    pub(crate) fn add_reader(&mut self, caller: &mut Caller) -> Outcome<()> {
        let name = format!("reader of {}", self.mark);
        let key = json!({ "name": name, "permissions": ["TICKET_READ"] });
        let made = caller.ask(&self.control_with("POST", "/keys", &key), 201)?;
        made["api_key"].as_str().unwrap_or_default().clone_into(&mut self.reader);
        Ok(())
    }

    /// A title that no other ticket has, and no other contains. It needs no encoding.
    pub(crate) fn title(&mut self) -> String {
        self.titles += 1;
        format!("{}-{}-printer-stops-half-way-through-the-document", self.mark, self.titles)
    }

    /// Notes a new ticket.
    pub(crate) fn made(&mut self, id: u32, title: String) -> Outcome<()> {
        let known = self.world.tickets.contains_key(&id);
        if known || id == 0 || self.is_own && id != self.world.next {
            return Err(format!("id {id} for a new ticket; {} is next", self.world.next).into());
        }
        self.world.tickets.insert(id, Ticket::new(title));
        self.world.next = id + 1;
        Ok(())
    }

    /// Holds all tickets against what is known of them.
    pub(crate) fn compare(&self, caller: &mut Caller) -> Outcome<()> {
        if self.is_own { self.world.must_be(&caller.ask(&self.all(), 200)?) } else { Ok(()) }
    }

    fn all(&self) -> String {
        self.get(ALL)
    }

    /// A `GET` below the tickets.
    pub(crate) fn get(&self, rest: &str) -> String {
        self.bare("GET", rest)
    }

    /// A request below the tickets without a body.
    pub(crate) fn bare(&self, method: &str, rest: &str) -> String {
        message(self.host, &self.key, method, &format!("{TICKETS}{rest}"), None)
    }

    /// One with a form.
    pub(crate) fn form(&self, method: &str, rest: &str, body: &str) -> String {
        self.with(method, rest, (URLENCODED, body))
    }

    /// One with a body.
    pub(crate) fn with(&self, method: &str, rest: &str, content: (&str, &str)) -> String {
        message(self.host, &self.key, method, &format!("{TICKETS}{rest}"), Some(content))
    }

    /// A `POST` below the tickets with fields as `multipart/form-data`.
    pub(crate) fn parts(&self, rest: &str, fields: &[(&str, &str)]) -> String {
        multipart(self.host, &self.key, &format!("{TICKETS}{rest}"), fields)
    }

    /// One with JSON.
    pub(crate) fn json(&self, method: &str, rest: &str, body: &Value) -> String {
        self.with(method, rest, (JSON, &body.to_string()))
    }

    /// The same request with another key.
    pub(crate) fn as_other(&self, key: &str, request: &str) -> String {
        let header = |key: &str| format!("apiKey: {key}\r\n");
        request.replacen(&header(&self.key), &header(key), 1)
    }

    /// A request of the control API about the account.
    pub(crate) fn control(&self, method: &str, rest: &str) -> String {
        message(self.host, &self.key, method, &format!("{ACCOUNTS}/{}{rest}", self.name), None)
    }

    /// One with a body.
    pub(crate) fn control_with(&self, method: &str, rest: &str, body: &Value) -> String {
        let (path, body) = (format!("{ACCOUNTS}/{}{rest}", self.name), body.to_string());
        message(self.host, &self.key, method, &path, Some((JSON, &body)))
    }
}
