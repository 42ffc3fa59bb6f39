//! The tickets of one account, in a map, and what each operation does to them.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::{Span, ToSpan};
use serde_json::{Value, json};

use super::list::{self, ListPage};
use super::request::TicketRequest;
use super::ticket::{ChangeContext, TicketModel, set_reference_names};
use super::validation::{self, PRIORITIES, RejectionReason, STATUSES};
use crate::fixtures::{ACME_NOW, acme_seed, ticket_fixture};

#[derive(Clone, Debug)]
pub(crate) struct TicketsModel {
    pub(crate) tickets_by_id: BTreeMap<u64, TicketModel>,
    /// External id and id of each customer.
    customers: Vec<(String, u64)>,
    next_id: u64,
    /// The name of the key that changes them.
    key_name: String,
    /// Where the account's clock stands, in UTC.
    clock: DateTime,
    /// The account's settings that are not the server's.
    dialect: Value,
}

/// What an accepted request answers with.
#[derive(Default)]
pub(crate) struct ExpectedResponse {
    pub(crate) list: Option<ListPage>,
    pub(crate) item: Option<Value>,
}

impl TicketsModel {
    /// A handful of tickets of all kinds, one of them closed long ago.
    pub(crate) fn with_sample_tickets() -> Self {
        let mut all = Self {
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
            let mut columns = TicketModel::new(ACME_NOW).columns;
            for (column, value) in ticket_fixture(id).as_object().expect("an object") {
                let known = columns.keys().find(|known| *known == column);
                let known = *known.unwrap_or_else(|| panic!("{column} is a column"));
                columns.insert(known, value.clone());
            }
            columns.insert("status", status.into());
            columns.insert("closed_at", closed_at);
            columns.insert("last_update_customer", columns["created_at"].clone());
            all.tickets_by_id.insert(id, TicketModel { columns, timeline: Vec::new() });
            all.next_id = id + 1;
        }
        all.tickets_by_id.get_mut(&10).expect("planted").timeline = sample_timeline();
        all
    }

    /// The same, changed from now on by the key with this name.
    pub(crate) fn with_key_name(self, key: &str) -> Self {
        Self { key_name: key.to_owned(), ..self }
    }

    /// The seed that plants these tickets.
    pub(crate) fn to_seed(&self) -> Value {
        let derived = ["brand_name", "channel_name", "external_id"];
        let tickets = self.tickets_by_id.values().map(|ticket| {
            let mut planted = json!(ticket.columns);
            let columns = planted.as_object_mut().expect("an object");
            columns.retain(|column, _| !derived.contains(&&**column));
            planted["timeline"] = json!(ticket.timeline);
            planted
        });
        acme_seed(tickets)
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Where the clock stands, as an answer writes it.
    pub(crate) fn now_text(&self) -> String {
        format_date(self.clock)
    }

    /// The same as the `Date` header of an answer has it.
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

    /// Does what the request asks for, or nothing.
    pub(crate) fn apply(
        &mut self,
        call: &TicketRequest,
    ) -> Result<ExpectedResponse, RejectionReason> {
        match call.operation {
            "list" => {
                let archived_before = format_date(self.clock - 30.days());
                let list = Some(list::list_tickets(call, &self.tickets_by_id, &archived_before)?);
                return Ok(ExpectedResponse { list, item: None });
            }
            "get" => return self.get(call),
            "create" => self.create(call)?,
            "update" => self.update(call)?,
            "delete" => {
                let id = self.require_ticket(validation::parse_id(
                    call.id.as_deref().unwrap_or_default(),
                )?)?;
                self.tickets_by_id.remove(&id);
            }
            "deleteMulti" => {
                let ids = self.resolve_ids(validation::parse_id_list(call)?)?;
                self.tickets_by_id.retain(|id, _| !ids.contains(id));
            }
            "setStatus" => {
                let status = validation::require_allowed(
                    validation::require_text(call, "status")?,
                    &STATUSES,
                )?;
                let ids = self.resolve_ids(validation::parse_id_list(call)?)?;
                self.update_each(&ids, |ticket, stamp| ticket.set_text("status", status, stamp));
            }
            "setPriority" => {
                let priority = validation::require_allowed(
                    validation::require_text(call, "priority")?,
                    &PRIORITIES,
                )?;
                let ids = self.resolve_ids(validation::parse_id_list(call)?)?;
                self.update_each(&ids, |ticket, stamp| {
                    ticket.set_text("priority", priority, stamp);
                });
            }
            "solveUnfinishedTickets" => {
                let unsolved = self.tickets_by_id.iter().filter(|(_, ticket)| ticket.is_unsolved());
                let ids: Vec<u64> = unsolved.map(|(id, _)| *id).collect();
                self.update_each(&ids, |ticket, stamp| ticket.set_text("status", "solved", stamp));
            }
            "unlinkCustomerFromTicket" => {
                let id = self.require_ticket(validation::parse_id(validation::require_text(
                    call, "ticketID",
                )?)?)?;
                self.update_each(&[id], |ticket, stamp| {
                    ticket.set_column("customer_id", 0.into(), "Unlinked from customer", stamp);
                });
            }
            "batch" => {
                let ids = validation::parse_comma_separated_ids(call)?;
                let actions = validation::parse_actions(call)?;
                let ids = self.resolve_ids(ids)?;
                self.update_each(&ids, |ticket, stamp| {
                    for (kind, value) in actions {
                        ticket.apply_action(kind, value, stamp);
                    }
                });
            }
            other => panic!("{other} is an operation"),
        }
        Ok(ExpectedResponse::default())
    }

    /// The one ticket that the request is about.
    fn require_ticket(&self, id: u64) -> Result<u64, RejectionReason> {
        if self.tickets_by_id.contains_key(&id) {
            Ok(id)
        } else {
            Err(format!("{id} does not exist"))
        }
    }

    /// The tickets that the request is about; the dialect says what happens to unknown ones.
    fn resolve_ids(&self, ids: Vec<u64>) -> Result<Vec<u64>, RejectionReason> {
        if self.dialect["unknown_ids"] == "skip" {
            return Ok(ids.into_iter().filter(|id| self.tickets_by_id.contains_key(id)).collect());
        }
        ids.into_iter().map(|id| self.require_ticket(id)).collect()
    }

    fn update_each(&mut self, ids: &[u64], change: impl Fn(&mut TicketModel, &ChangeContext)) {
        let stamp = self.change_context();
        for id in ids {
            change(self.tickets_by_id.get_mut(id).expect("known"), &stamp);
        }
    }

    fn get(&self, call: &TicketRequest) -> Result<ExpectedResponse, RejectionReason> {
        let id = validation::parse_id(call.id.as_deref().unwrap_or_default())?;
        let history = call.text("getTicketHistory").unwrap_or("true");
        let history = validation::require_allowed(history, &["true", "false", "1", "0"])?;
        let id = self.require_ticket(id)?;
        let item = self.tickets_by_id[&id].to_item(["true", "1"].contains(&history));
        Ok(ExpectedResponse { list: None, item: Some(item) })
    }

    fn create(&mut self, call: &TicketRequest) -> Result<(), RejectionReason> {
        let TicketModel { mut columns, timeline } = TicketModel::new(&self.now_text());
        for (field, column) in [("from", "from"), ("to", "to"), ("title", "title")] {
            columns.insert(column, validation::require_text(call, field)?.into());
        }
        let direction = validation::require_allowed(
            validation::require_text(call, "direction")?,
            &["inbound", "outbound"],
        )?;
        columns.insert("direction", direction.into());
        let updated_by =
            if direction == "inbound" { "last_update_customer" } else { "last_update_agent" };
        columns.insert(updated_by, self.now_text().into());
        let brand = validation::parse_number(validation::require_text(call, "brandID")?)?;
        columns.insert("brand_id", brand.into());
        let channel = validation::parse_number(validation::require_text(call, "channelID")?)?;
        columns.insert("channel_id", channel.into());
        set_reference_names(&mut columns, brand, channel);
        let group = validation::parse_optional_number(call, "assignedGroupID")?.unwrap_or(0);
        columns.insert("assigned_group_id", group.into());
        columns.insert("form_id", json!(validation::parse_optional_number(call, "formID")?));
        columns.insert("from_name", call.text("fromName").unwrap_or_default().into());
        columns.insert("id", self.next_id.into());
        self.tickets_by_id.insert(self.next_id, TicketModel { columns, timeline });
        self.next_id += 1;
        Ok(())
    }

    fn update(&mut self, call: &TicketRequest) -> Result<(), RejectionReason> {
        let id = validation::parse_id(call.id.as_deref().unwrap_or_default())?;
        let status = call
            .text("status")
            .map(|text| validation::require_allowed(text, &["solved", "closed"]));
        let status = status.transpose()?;
        let id = self.require_ticket(id)?;
        let external = call.text("externalPrimaryID");
        let customer =
            external.map(|external| self.find_or_create_customer(external)).transpose()?;
        self.update_each(&[id], |ticket, stamp| {
            if let (Some(external), Some(customer)) = (external, customer) {
                let description = format!("Linked to customer {external}");
                ticket.set_column("customer_id", customer.into(), &description, stamp);
            }
            if let Some(title) = call.text("title") {
                ticket.set_text("title", title, stamp);
            }
            if let Some(status) = status {
                ticket.set_text("status", status, stamp);
            }
        });
        Ok(())
    }

    /// The customer with this external id, made where there is none and the dialect has it so.
    fn find_or_create_customer(&mut self, external: &str) -> Result<u64, RejectionReason> {
        if let Some((_, id)) = self.customers.iter().find(|(known, _)| known == external) {
            return Ok(*id);
        }
        if self.dialect["unknown_customer"] == "refuse" {
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

/// A timeline with an event and a note, as an item shows them.
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
