//! An account as a client knows it, and the requests to it.

use std::{collections::BTreeMap, net::SocketAddr};

use omnidesk_mock_bench::{BenchResult, request::RequestEncoder};
use serde_json::{Value, json};

use crate::{
    expected_tickets::{ExpectedTicket, ExpectedTickets},
    paced_client::PacedClient,
};

pub(crate) const TICKETS_PATH: &str = "/api/v2/ticket";
pub(crate) const ACCOUNTS_PATH: &str = "/_control/accounts";
/// The query of a list that contains all tickets.
const ALL_TICKETS: &str = "?searchArchived=yes&itemLimit=1000";

pub(crate) struct Account {
    host: SocketAddr,
    pub(crate) name: String,
    pub(crate) api_key: String,
    /// A key with the permission to read only.
    pub(crate) read_only_key: String,
    /// Whether no other client uses it.
    pub(crate) is_exclusive: bool,
    /// All tickets of an exclusive account; of a shared one, the tickets that the client has created.
    pub(crate) tickets: ExpectedTickets,
    /// The tickets after a reset.
    pub(crate) initial_tickets: ExpectedTickets,
    /// The tickets of each snapshot.
    pub(crate) snapshots: BTreeMap<&'static str, ExpectedTickets>,
    title_prefix: String,
    title_count: u32,
}

impl Account {
    /// Creates an exclusive account.
    pub(crate) fn create(
        client: &mut PacedClient,
        options: &Value,
        title_prefix: &str,
    ) -> BenchResult<Self> {
        let host = client.address();
        let requests = RequestEncoder::new(host, "none");
        let request = requests.with_json("POST", ACCOUNTS_PATH, &options.to_string());
        let created = client.expect(&request, 201)?;
        let text = |name: &str| created[name].as_str().unwrap_or_default().to_owned();
        let mut account = Self::existing(host, text("account"), text("api_key"), title_prefix);
        account.is_exclusive = true;
        let list = client.expect(&account.get(ALL_TICKETS), 200)?;
        account.initial_tickets = ExpectedTickets::from_list(&list);
        account.tickets = account.initial_tickets.clone();
        Ok(account)
    }

    /// An existing account that other clients use too.
    pub(crate) fn existing(
        host: SocketAddr,
        name: String,
        api_key: String,
        title_prefix: &str,
    ) -> Self {
        Self {
            host,
            name,
            api_key,
            read_only_key: String::new(),
            is_exclusive: false,
            tickets: ExpectedTickets::default(),
            initial_tickets: ExpectedTickets::default(),
            snapshots: BTreeMap::new(),
            title_prefix: title_prefix.to_owned(),
            title_count: 0,
        }
    }

    /// Creates the key with the permission to read only.
    pub(crate) fn add_read_only_key(&mut self, client: &mut PacedClient) -> BenchResult<()> {
        let name = format!("read-only key of {}", self.title_prefix);
        let key = json!({ "name": name, "permissions": ["TICKET_READ"] });
        let created = client.expect(&self.control_with_json("POST", "/keys", &key), 201)?;
        created["api_key"].as_str().unwrap_or_default().clone_into(&mut self.read_only_key);
        Ok(())
    }

    /// A title that no other title contains and that needs no encoding.
    pub(crate) fn next_title(&mut self) -> String {
        self.title_count += 1;
        let Self { title_prefix, title_count, .. } = self;
        format!("{title_prefix}-{title_count}-printer-stops-half-way-through-the-document")
    }

    /// Adds a ticket that the server has created to the expected ones.
    pub(crate) fn add_created(&mut self, id: u32, title: String) -> BenchResult<()> {
        let is_known = self.tickets.by_id.contains_key(&id);
        let next_id = self.tickets.next_id;
        if is_known || id == 0 || self.is_exclusive && id != next_id {
            return Err(format!("a new ticket has id {id}, expected {next_id}").into());
        }
        self.tickets.by_id.insert(id, ExpectedTicket::new(title));
        self.tickets.next_id = id + 1;
        Ok(())
    }

    /// Compares all tickets of an exclusive account with the expected ones.
    pub(crate) fn check_tickets(&self, client: &mut PacedClient) -> BenchResult<()> {
        if !self.is_exclusive {
            return Ok(());
        }
        self.tickets.check_list(&client.expect(&self.get(ALL_TICKETS), 200)?)
    }

    /// Compares a ticket with the expected one.
    pub(crate) fn check_ticket(&self, client: &mut PacedClient, id: u32) -> BenchResult<()> {
        let body = client.expect(&self.get(&format!("/{id}")), 200)?;
        self.tickets.check_item(id, &body["item"])
    }

    /// A `GET` of the Ticket API. `rest` follows the path of the tickets.
    pub(crate) fn get(&self, rest: &str) -> String {
        self.without_body("GET", rest)
    }

    pub(crate) fn without_body(&self, method: &str, rest: &str) -> String {
        self.requests().without_body(method, &format!("{TICKETS_PATH}{rest}"))
    }

    pub(crate) fn with_body(
        &self,
        method: &str,
        rest: &str,
        content_type: &str,
        body: &str,
    ) -> String {
        self.requests().with_body(method, &format!("{TICKETS_PATH}{rest}"), content_type, body)
    }

    pub(crate) fn with_form(&self, method: &str, rest: &str, body: &str) -> String {
        self.requests().with_form(method, &format!("{TICKETS_PATH}{rest}"), body)
    }

    pub(crate) fn with_json(&self, method: &str, rest: &str, body: &Value) -> String {
        self.requests().with_json(method, &format!("{TICKETS_PATH}{rest}"), &body.to_string())
    }

    /// A `POST` with the fields as `multipart/form-data`.
    pub(crate) fn with_multipart(&self, rest: &str, fields: &[(&str, &str)]) -> String {
        self.requests().with_multipart(&format!("{TICKETS_PATH}{rest}"), fields)
    }

    /// The same request with another key.
    pub(crate) fn replace_key(&self, request: &str, api_key: &str) -> String {
        let header = |key: &str| format!("apiKey: {key}\r\n");
        request.replacen(&header(&self.api_key), &header(api_key), 1)
    }

    /// A request of the control API. `rest` follows the path of the account.
    pub(crate) fn control(&self, method: &str, rest: &str) -> String {
        self.requests().without_body(method, &format!("{ACCOUNTS_PATH}/{}{rest}", self.name))
    }

    pub(crate) fn control_with_json(&self, method: &str, rest: &str, body: &Value) -> String {
        let path = format!("{ACCOUNTS_PATH}/{}{rest}", self.name);
        self.requests().with_json(method, &path, &body.to_string())
    }

    fn requests(&self) -> RequestEncoder<'_> {
        RequestEncoder::new(self.host, &self.api_key)
    }
}
