//! The tickets of one account, in a map, and what each operation does to them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::Call;
use super::lists::{self, Page};
use super::rules::{self, PRIORITIES, Refused, STATUSES};
use super::ticket::{Ticket, name_reference_data};
use crate::fixtures::{NOW, acme, ticket};

#[derive(Clone, Debug)]
pub(crate) struct Tickets {
    pub(crate) by_id: BTreeMap<u64, Ticket>,
    /// External id and id of each customer.
    customers: Vec<(String, u64)>,
    next_id: u64,
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
        };
        for (id, status, closed_at) in [
            (3, "new", Value::Null),
            (10, "open", Value::Null),
            (11, "closed", "2026-01-15 08:00:00".into()),
            (12, "closed", "2026-02-20 08:00:00".into()),
            (858_462, "pending", Value::Null),
        ] {
            let mut columns = Ticket::fresh().columns;
            for (column, value) in ticket(id).as_object().expect("an object") {
                let known = columns.keys().find(|known| *known == column);
                let known = *known.unwrap_or_else(|| panic!("{column} is a column"));
                columns.insert(known, value.clone());
            }
            columns.insert("status", status.into());
            columns.insert("closed_at", closed_at);
            columns.insert("last_update_customer", columns["created_at"].clone());
            all.by_id.insert(id, Ticket { columns, events: Vec::new() });
            all.next_id = id + 1;
        }
        all
    }

    /// The seed that plants these tickets.
    pub(crate) fn seed(&self) -> Value {
        let derived = ["brand_name", "channel_name", "external_id"];
        let columns = self.by_id.values().map(|ticket| {
            let mut columns = ticket.columns.clone();
            columns.retain(|column, _| !derived.contains(column));
            json!(columns)
        });
        acme(columns)
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Does what the request asks for, or nothing.
    pub(crate) fn apply(&mut self, call: &Call) -> Result<Accepted, Refused> {
        match call.operation {
            "list" => {
                let list = Some(lists::list(call, &self.by_id)?);
                return Ok(Accepted { list, item: None });
            }
            "get" => return self.get(call),
            "create" => self.create(call)?,
            "update" => self.update(call)?,
            "delete" => {
                let id = self.known(vec![rules::id(call.id.as_deref().unwrap_or_default())?])?[0];
                self.by_id.remove(&id);
            }
            "deleteMulti" => {
                let ids = self.known(rules::listed_ids(call)?)?;
                self.by_id.retain(|id, _| !ids.contains(id));
            }
            "setStatus" => {
                let status = rules::one_of(rules::required(call, "status")?, &STATUSES)?;
                let ids = self.known(rules::listed_ids(call)?)?;
                self.each(&ids, |ticket| ticket.set_text("status", status));
            }
            "setPriority" => {
                let priority = rules::one_of(rules::required(call, "priority")?, &PRIORITIES)?;
                let ids = self.known(rules::listed_ids(call)?)?;
                self.each(&ids, |ticket| ticket.set_text("priority", priority));
            }
            "solveUnfinishedTickets" => {
                let unsolved = self.by_id.values_mut().filter(|ticket| ticket.is_unsolved());
                unsolved.for_each(|ticket| ticket.set_text("status", "solved"));
            }
            "unlinkCustomerFromTicket" => {
                let ids = self.known(vec![rules::id(rules::required(call, "ticketID")?)?])?;
                self.each(&ids, |ticket| {
                    ticket.set("customer_id", 0.into(), "Unlinked from customer");
                });
            }
            "batch" => {
                let ids = rules::comma_ids(call)?;
                let actions = rules::actions(call)?;
                let ids = self.known(ids)?;
                self.each(&ids, |ticket| {
                    for (kind, value) in actions {
                        ticket.act(kind, value);
                    }
                });
            }
            other => panic!("{other} is an operation"),
        }
        Ok(Accepted::default())
    }

    fn known(&self, ids: Vec<u64>) -> Result<Vec<u64>, Refused> {
        let unknown: Vec<_> = ids.iter().filter(|id| !self.by_id.contains_key(id)).collect();
        if unknown.is_empty() { Ok(ids) } else { Err(format!("{unknown:?} do not exist")) }
    }

    fn each(&mut self, ids: &[u64], change: impl Fn(&mut Ticket)) {
        for id in ids {
            change(self.by_id.get_mut(id).expect("known"));
        }
    }

    fn get(&self, call: &Call) -> Result<Accepted, Refused> {
        let id = rules::id(call.id.as_deref().unwrap_or_default())?;
        let history = call.text("getTicketHistory").unwrap_or("true");
        let history = rules::one_of(history, &["true", "false", "1", "0"])?;
        let id = self.known(vec![id])?[0];
        let item = self.by_id[&id].item(["true", "1"].contains(&history));
        Ok(Accepted { list: None, item: Some(item) })
    }

    fn create(&mut self, call: &Call) -> Result<(), Refused> {
        let mut columns = Ticket::fresh().columns;
        for (field, column) in [("from", "from"), ("to", "to"), ("title", "title")] {
            columns.insert(column, rules::required(call, field)?.into());
        }
        let direction =
            rules::one_of(rules::required(call, "direction")?, &["inbound", "outbound"])?;
        columns.insert("direction", direction.into());
        if direction == "inbound" {
            columns.insert("last_update_customer", NOW.into());
        } else {
            columns.insert("last_update_agent", NOW.into());
        }
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
        self.by_id.insert(self.next_id, Ticket { columns, events: Vec::new() });
        self.next_id += 1;
        Ok(())
    }

    fn update(&mut self, call: &Call) -> Result<(), Refused> {
        let id = rules::id(call.id.as_deref().unwrap_or_default())?;
        let status = call.text("status").map(|text| rules::one_of(text, &["solved", "closed"]));
        let status = status.transpose()?;
        let id = self.known(vec![id])?[0];
        let customer =
            call.text("externalPrimaryID").map(|external| (external, self.customer(external)));
        let ticket = self.by_id.get_mut(&id).expect("known");
        if let Some((external, customer)) = customer {
            ticket.set("customer_id", customer.into(), &format!("Linked to customer {external}"));
        }
        if let Some(title) = call.text("title") {
            ticket.set_text("title", title);
        }
        if let Some(status) = status {
            ticket.set_text("status", status);
        }
        Ok(())
    }

    /// The customer with this external id, made where there is none.
    fn customer(&mut self, external: &str) -> u64 {
        if let Some((_, id)) = self.customers.iter().find(|(known, _)| known == external) {
            return *id;
        }
        let id = self.customers.iter().map(|(_, id)| id + 1).max().unwrap_or(1);
        self.customers.push((external.to_owned(), id));
        id
    }
}
