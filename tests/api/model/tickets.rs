//! The tickets of one account, in a map, and what each operation does to them.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::{Span, ToSpan};
use serde_json::{Value, json};

use super::call::Call;
use super::lists::{self, Page};
use super::rules::{self, PRIORITIES, Refused, STATUSES};
use super::ticket::{Stamp, Ticket, name_reference_data};
use crate::fixtures::{NOW, acme, ticket};

#[derive(Clone, Debug)]
pub(crate) struct Tickets {
    pub(crate) by_id: BTreeMap<u64, Ticket>,
    /// External id and id of each customer.
    customers: Vec<(String, u64)>,
    next_id: u64,
    /// The name of the key that changes them.
    key: String,
    /// Where the account's clock stands, in UTC.
    clock: DateTime,
    /// The account's settings that are not the server's.
    dialect: Value,
}

/// What an accepted request answers with.
#[derive(Default)]
pub(crate) struct Accepted {
    pub(crate) list: Option<Page>,
    pub(crate) item: Option<Value>,
}

impl Tickets {
    /// A handful of tickets of all kinds, one of them closed long ago.
    pub(crate) fn seeded() -> Self {
        let mut all = Self {
            by_id: BTreeMap::new(),
            customers: vec![("C-77".to_owned(), 626_822)],
            next_id: 1,
            key: "ci".to_owned(),
            clock: NOW.parse().expect("a date"),
            dialect: json!({}),
        };
        for (id, status, closed_at) in [
            (3, "new", Value::Null),
            (10, "open", Value::Null),
            (11, "closed", "2026-01-15 08:00:00".into()),
            (12, "closed", "2026-02-20 08:00:00".into()),
            (858_462, "pending", Value::Null),
        ] {
            let mut columns = Ticket::fresh(NOW).columns;
            for (column, value) in ticket(id).as_object().expect("an object") {
                let known = columns.keys().find(|known| *known == column);
                let known = *known.unwrap_or_else(|| panic!("{column} is a column"));
                columns.insert(known, value.clone());
            }
            columns.insert("status", status.into());
            columns.insert("closed_at", closed_at);
            columns.insert("last_update_customer", columns["created_at"].clone());
            all.by_id.insert(id, Ticket { columns, timeline: Vec::new() });
            all.next_id = id + 1;
        }
        all.by_id.get_mut(&10).expect("planted").timeline = noted();
        all
    }

    /// The same, changed from now on by the key with this name.
    pub(crate) fn changed_by(self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self }
    }

    /// The seed that plants these tickets.
    pub(crate) fn seed(&self) -> Value {
        let derived = ["brand_name", "channel_name", "external_id"];
        let tickets = self.by_id.values().map(|ticket| {
            let mut planted = json!(ticket.columns);
            let columns = planted.as_object_mut().expect("an object");
            columns.retain(|column, _| !derived.contains(&&**column));
            planted["timeline"] = json!(ticket.timeline);
            planted
        });
        acme(tickets)
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Where the clock stands, as an answer writes it.
    pub(crate) fn now(&self) -> String {
        written(self.clock)
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

    pub(crate) fn customers(&self) -> usize {
        self.customers.len()
    }

    fn stamp(&self) -> Stamp {
        Stamp { now: self.now(), key: self.key.clone() }
    }

    /// Does what the request asks for, or nothing.
    pub(crate) fn apply(&mut self, call: &Call) -> Result<Accepted, Refused> {
        match call.operation {
            "list" => {
                let archived_before = written(self.clock - 30.days());
                let list = Some(lists::list(call, &self.by_id, &archived_before)?);
                return Ok(Accepted { list, item: None });
            }
            "get" => return self.get(call),
            "create" => self.create(call)?,
            "update" => self.update(call)?,
            "delete" => {
                let id = self.known(rules::id(call.id.as_deref().unwrap_or_default())?)?;
                self.by_id.remove(&id);
            }
            "deleteMulti" => {
                let ids = self.all_known(rules::listed_ids(call)?)?;
                self.by_id.retain(|id, _| !ids.contains(id));
            }
            "setStatus" => {
                let status = rules::one_of(rules::required(call, "status")?, &STATUSES)?;
                let ids = self.all_known(rules::listed_ids(call)?)?;
                self.each(&ids, |ticket, stamp| ticket.set_text("status", status, stamp));
            }
            "setPriority" => {
                let priority = rules::one_of(rules::required(call, "priority")?, &PRIORITIES)?;
                let ids = self.all_known(rules::listed_ids(call)?)?;
                self.each(&ids, |ticket, stamp| ticket.set_text("priority", priority, stamp));
            }
            "solveUnfinishedTickets" => {
                let unsolved = self.by_id.iter().filter(|(_, ticket)| ticket.is_unsolved());
                let ids: Vec<u64> = unsolved.map(|(id, _)| *id).collect();
                self.each(&ids, |ticket, stamp| ticket.set_text("status", "solved", stamp));
            }
            "unlinkCustomerFromTicket" => {
                let id = self.known(rules::id(rules::required(call, "ticketID")?)?)?;
                self.each(&[id], |ticket, stamp| {
                    ticket.set("customer_id", 0.into(), "Unlinked from customer", stamp);
                });
            }
            "batch" => {
                let ids = rules::comma_ids(call)?;
                let actions = rules::actions(call)?;
                let ids = self.all_known(ids)?;
                self.each(&ids, |ticket, stamp| {
                    for (kind, value) in actions {
                        ticket.act(kind, value, stamp);
                    }
                });
            }
            other => panic!("{other} is an operation"),
        }
        Ok(Accepted::default())
    }

    /// The one ticket that the request is about.
    fn known(&self, id: u64) -> Result<u64, Refused> {
        if self.by_id.contains_key(&id) { Ok(id) } else { Err(format!("{id} does not exist")) }
    }

    /// The tickets that the request is about; the dialect says what happens to unknown ones.
    fn all_known(&self, ids: Vec<u64>) -> Result<Vec<u64>, Refused> {
        if self.dialect["unknown_ids"] == "skip" {
            return Ok(ids.into_iter().filter(|id| self.by_id.contains_key(id)).collect());
        }
        ids.into_iter().map(|id| self.known(id)).collect()
    }

    fn each(&mut self, ids: &[u64], change: impl Fn(&mut Ticket, &Stamp)) {
        let stamp = self.stamp();
        for id in ids {
            change(self.by_id.get_mut(id).expect("known"), &stamp);
        }
    }

    fn get(&self, call: &Call) -> Result<Accepted, Refused> {
        let id = rules::id(call.id.as_deref().unwrap_or_default())?;
        let history = call.text("getTicketHistory").unwrap_or("true");
        let history = rules::one_of(history, &["true", "false", "1", "0"])?;
        let id = self.known(id)?;
        let item = self.by_id[&id].item(["true", "1"].contains(&history));
        Ok(Accepted { list: None, item: Some(item) })
    }

    fn create(&mut self, call: &Call) -> Result<(), Refused> {
        let Ticket { mut columns, timeline } = Ticket::fresh(&self.now());
        for (field, column) in [("from", "from"), ("to", "to"), ("title", "title")] {
            columns.insert(column, rules::required(call, field)?.into());
        }
        let direction =
            rules::one_of(rules::required(call, "direction")?, &["inbound", "outbound"])?;
        columns.insert("direction", direction.into());
        let updated_by =
            if direction == "inbound" { "last_update_customer" } else { "last_update_agent" };
        columns.insert(updated_by, self.now().into());
        let brand = rules::number(rules::required(call, "brandID")?)?;
        columns.insert("brand_id", brand.into());
        let channel = rules::number(rules::required(call, "channelID")?)?;
        columns.insert("channel_id", channel.into());
        name_reference_data(&mut columns, brand, channel);
        let group = rules::optional_number(call, "assignedGroupID")?.unwrap_or(0);
        columns.insert("assigned_group_id", group.into());
        columns.insert("form_id", json!(rules::optional_number(call, "formID")?));
        columns.insert("from_name", call.text("fromName").unwrap_or_default().into());
        columns.insert("id", self.next_id.into());
        self.by_id.insert(self.next_id, Ticket { columns, timeline });
        self.next_id += 1;
        Ok(())
    }

    fn update(&mut self, call: &Call) -> Result<(), Refused> {
        let id = rules::id(call.id.as_deref().unwrap_or_default())?;
        let status = call.text("status").map(|text| rules::one_of(text, &["solved", "closed"]));
        let status = status.transpose()?;
        let id = self.known(id)?;
        let external = call.text("externalPrimaryID");
        let customer = external.map(|external| self.customer(external)).transpose()?;
        self.each(&[id], |ticket, stamp| {
            if let (Some(external), Some(customer)) = (external, customer) {
                let description = format!("Linked to customer {external}");
                ticket.set("customer_id", customer.into(), &description, stamp);
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
    fn customer(&mut self, external: &str) -> Result<u64, Refused> {
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

fn written(date: DateTime) -> String {
    date.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A timeline with an event and a note, as an item shows them.
fn noted() -> Vec<Value> {
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
