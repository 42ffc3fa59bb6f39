//! Model of one account's tickets, and the effect of each operation on them.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::{Span, ToSpan};
use serde_json::{Value, json};

use super::list::{self, ListPage};
use super::request::TicketRequest;
use super::validation::{self, RejectionReason};
use crate::support::model::{ChangeContext, TicketModel, brand_name, channel_name};
use crate::support::seed::{ACME_NOW, acme_seed, ticket_fixture};
use crate::support::ticket::{PRIORITIES, STATUSES};

#[derive(Clone, Debug)]
pub(crate) struct TicketsModel {
    pub(crate) tickets_by_id: BTreeMap<u64, TicketModel>,
    /// External id and id of each customer.
    customers: Vec<(String, u64)>,
    next_id: u64,
    /// The name of the API key that makes the changes.
    key_name: String,
    /// The time of the account's frozen clock, in UTC.
    clock: DateTime,
    /// The account's settings that differ from the server's.
    dialect: Value,
}

/// The expected content of a successful response.
#[derive(Default)]
pub(crate) struct ExpectedResponse {
    pub(crate) list: Option<ListPage>,
    pub(crate) item: Option<Value>,
}

impl TicketsModel {
    /// Returns a model with some tickets of different states, one of them archived.
    pub(crate) fn with_sample_tickets() -> Self {
        let mut model = Self {
            tickets_by_id: BTreeMap::new(),
            customers: vec![("C-77".to_owned(), 626_822)],
            next_id: 1,
            key_name: "ci".to_owned(),
            clock: ACME_NOW.parse().expect("a date"),
            dialect: json!({}),
        };
        for (id, status, closed_at) in [
            (3, "new", Value::Null),
            (10, "open", Value::Null),
            (11, "closed", "2026-01-15 08:00:00".into()),
            (12, "closed", "2026-02-20 08:00:00".into()),
            (858_462, "pending", Value::Null),
        ] {
            let mut ticket = TicketModel::new(ACME_NOW);
            for (column, value) in ticket_fixture(id).as_object().expect("an object") {
                assert!(ticket.columns.contains_key(column), "{column} is not a column");
                ticket.set(column, value.clone());
            }
            ticket.set("status", status);
            ticket.set("closed_at", closed_at);
            ticket.set("last_update_customer", ticket.columns["created_at"].clone());
            model.tickets_by_id.insert(id, ticket);
            model.next_id = id + 1;
        }
        model.tickets_by_id.get_mut(&10).expect("ticket 10 exists").timeline = sample_timeline();
        model
    }

    /// Returns the model with another API key name.
    pub(crate) fn with_key_name(self, key: &str) -> Self {
        Self { key_name: key.to_owned(), ..self }
    }

    /// Returns a seed with these tickets.
    pub(crate) fn to_seed(&self) -> Value {
        let derived = ["brand_name", "channel_name", "external_id"];
        let tickets = self.tickets_by_id.values().map(|ticket| {
            let mut row = json!(ticket.columns);
            let columns = row.as_object_mut().expect("an object");
            columns.retain(|column, _| !derived.contains(&&**column));
            row["timeline"] = json!(ticket.timeline);
            row
        });
        acme_seed(tickets)
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Returns the clock's time in the format of a response.
    pub(crate) fn now_text(&self) -> String {
        format_date(self.clock)
    }

    /// Returns the clock's time in the format of the `Date` header.
    pub(crate) fn date_header(&self) -> String {
        self.clock.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    pub(crate) fn set_clock(&mut self, date: &str) {
        self.clock = date.parse().expect("a date");
    }

    pub(crate) fn advance_clock(&mut self, by: Span) {
        self.clock += by;
    }

    pub(crate) fn set_dialect(&mut self, dialect: &Value) {
        self.dialect = dialect.clone();
    }

    pub(crate) fn list_type(&self) -> &str {
        self.dialect["list_type"].as_str().unwrap_or("items")
    }

    pub(crate) fn customer_count(&self) -> usize {
        self.customers.len()
    }

    fn change_context(&self) -> ChangeContext {
        ChangeContext { now: self.now_text(), key_name: self.key_name.clone() }
    }

    /// Applies the request, or returns why it is rejected.
    pub(crate) fn apply(
        &mut self,
        request: &TicketRequest,
    ) -> Result<ExpectedResponse, RejectionReason> {
        match request.operation {
            "list" => {
                let archived_before = format_date(self.clock - 30.days());
                let list =
                    Some(list::list_tickets(request, &self.tickets_by_id, &archived_before)?);
                return Ok(ExpectedResponse { list, item: None });
            }
            "get" => return self.get(request),
            "create" => self.create(request)?,
            "update" => self.update(request)?,
            "delete" => {
                let id = self.require_ticket(validation::parse_id(
                    request.id.as_deref().unwrap_or_default(),
                )?)?;
                self.tickets_by_id.remove(&id);
            }
            "deleteMulti" => {
                let ids = self.resolve_ids(validation::parse_id_list(request)?)?;
                self.tickets_by_id.retain(|id, _| !ids.contains(id));
            }
            "setStatus" => {
                let status = validation::require_allowed(
                    validation::require_text(request, "status")?,
                    &STATUSES,
                )?;
                let ids = self.resolve_ids(validation::parse_id_list(request)?)?;
                self.update_each(&ids, |ticket, context| {
                    ticket.set_text("status", status, context);
                });
            }
            "setPriority" => {
                let priority = validation::require_allowed(
                    validation::require_text(request, "priority")?,
                    &PRIORITIES,
                )?;
                let ids = self.resolve_ids(validation::parse_id_list(request)?)?;
                self.update_each(&ids, |ticket, context| {
                    ticket.set_text("priority", priority, context);
                });
            }
            "solveUnfinishedTickets" => {
                let unsolved = self.tickets_by_id.iter().filter(|(_, ticket)| ticket.is_unsolved());
                let ids: Vec<u64> = unsolved.map(|(id, _)| *id).collect();
                self.update_each(&ids, |ticket, context| {
                    ticket.set_text("status", "solved", context);
                });
            }
            "unlinkCustomerFromTicket" => {
                let id = self.require_ticket(validation::parse_id(validation::require_text(
                    request, "ticketID",
                )?)?)?;
                self.update_each(&[id], |ticket, context| {
                    ticket.set_column("customer_id", 0.into(), "Unlinked from customer", context);
                });
            }
            "batch" => {
                let ids = validation::parse_comma_separated_ids(request)?;
                let actions = validation::parse_actions(request)?;
                let ids = self.resolve_ids(ids)?;
                self.update_each(&ids, |ticket, context| {
                    for (kind, value) in actions {
                        ticket.apply_action(kind, value, context);
                    }
                });
            }
            other => panic!("{other} is not an operation"),
        }
        Ok(ExpectedResponse::default())
    }

    /// Returns the id if the ticket exists.
    fn require_ticket(&self, id: u64) -> Result<u64, RejectionReason> {
        if self.tickets_by_id.contains_key(&id) {
            Ok(id)
        } else {
            Err(format!("{id} does not exist"))
        }
    }

    /// Returns the existing ids; the dialect decides whether unknown ones are skipped or rejected.
    fn resolve_ids(&self, ids: Vec<u64>) -> Result<Vec<u64>, RejectionReason> {
        if self.dialect["unknown_ids"] == "skip" {
            return Ok(ids.into_iter().filter(|id| self.tickets_by_id.contains_key(id)).collect());
        }
        ids.into_iter().map(|id| self.require_ticket(id)).collect()
    }

    fn update_each(&mut self, ids: &[u64], change: impl Fn(&mut TicketModel, &ChangeContext)) {
        let context = self.change_context();
        for id in ids {
            change(self.tickets_by_id.get_mut(id).expect("the ticket exists"), &context);
        }
    }

    fn get(&self, request: &TicketRequest) -> Result<ExpectedResponse, RejectionReason> {
        let id = validation::parse_id(request.id.as_deref().unwrap_or_default())?;
        let history = request.text("getTicketHistory").unwrap_or("true");
        let history = validation::require_allowed(history, &["true", "false", "1", "0"])?;
        let id = self.require_ticket(id)?;
        let item = self.tickets_by_id[&id].to_item(["true", "1"].contains(&history));
        Ok(ExpectedResponse { list: None, item: Some(item) })
    }

    fn create(&mut self, request: &TicketRequest) -> Result<(), RejectionReason> {
        let mut ticket = TicketModel::new(&self.now_text());
        for (field, column) in [("from", "from"), ("to", "to"), ("title", "title")] {
            ticket.set(column, validation::require_text(request, field)?);
        }
        let direction = validation::require_allowed(
            validation::require_text(request, "direction")?,
            &["inbound", "outbound"],
        )?;
        ticket.set("direction", direction);
        let updated_by =
            if direction == "inbound" { "last_update_customer" } else { "last_update_agent" };
        ticket.set(updated_by, self.now_text());
        let brand = validation::parse_number(validation::require_text(request, "brandID")?)?;
        ticket.set("brand_id", brand);
        ticket.set("brand_name", brand_name(brand));
        let channel = validation::parse_number(validation::require_text(request, "channelID")?)?;
        ticket.set("channel_id", channel);
        ticket.set("channel_name", channel_name(channel));
        let group = validation::parse_optional_number(request, "assignedGroupID")?.unwrap_or(0);
        ticket.set("assigned_group_id", group);
        ticket.set("form_id", validation::parse_optional_number(request, "formID")?);
        ticket.set("from_name", request.text("fromName").unwrap_or_default());
        ticket.set("id", self.next_id);
        self.tickets_by_id.insert(self.next_id, ticket);
        self.next_id += 1;
        Ok(())
    }

    fn update(&mut self, request: &TicketRequest) -> Result<(), RejectionReason> {
        let id = validation::parse_id(request.id.as_deref().unwrap_or_default())?;
        let status = request
            .text("status")
            .map(|text| validation::require_allowed(text, &["solved", "closed"]));
        let status = status.transpose()?;
        let id = self.require_ticket(id)?;
        let external = request.text("externalPrimaryID");
        let customer =
            external.map(|external| self.find_or_create_customer(external)).transpose()?;
        self.update_each(&[id], |ticket, context| {
            if let (Some(external), Some(customer)) = (external, customer) {
                let description = format!("Linked to customer {external}");
                ticket.set_column("customer_id", customer.into(), &description, context);
            }
            if let Some(title) = request.text("title") {
                ticket.set_text("title", title, context);
            }
            if let Some(status) = status {
                ticket.set_text("status", status, context);
            }
        });
        Ok(())
    }

    /// Returns the customer's id; creates an unknown customer if the dialect allows it.
    fn find_or_create_customer(&mut self, external: &str) -> Result<u64, RejectionReason> {
        if let Some((_, id)) =
            self.customers.iter().find(|(external_id, _)| external_id == external)
        {
            return Ok(*id);
        }
        if self.dialect["unknown_customer"] == "reject" {
            return Err(format!("{external:?} is no customer"));
        }
        let id = self.customers.iter().map(|(_, id)| id + 1).max().unwrap_or(1);
        self.customers.push((external.to_owned(), id));
        Ok(id)
    }
}

fn format_date(date: DateTime) -> String {
    date.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Returns a timeline with an event and a note, in the format of an item.
fn sample_timeline() -> Vec<Value> {
    let event = json!({
        "ticket_id": 10, "item_type": "assigned_group_id", "item_type_id": "10003",
        "description": "Assigned to Service", "initiated_by": "trigger: Assign to service",
        "created_at": "2026-02-01 09:00:07", "type": "event",
    });
    let note = json!({
        "to": null, "from": null, "image": "", "created_at": "2026-02-01 10:30:00", "pinned": 1,
        "channel_name": null, "channel_icon": null, "type": "note", "status_new": null,
        "user_id": 254, "user_name": "agent", "user_avatar": "", "channel_id": 0,
        "direction": "", "content": "Only the toner.\nÄrger!", "ticket_id": 10,
        "external_id": null, "from_name": "", "to_name": "", "meta_data": "[]", "in_queue": 0,
    });
    vec![event, note]
}
