//! A write request to a writer's own tickets: its form fields, and its effect on them.

use std::collections::BTreeMap;

use reqwest::RequestBuilder;

use crate::support::client::ApiClient;
use crate::support::model::{ChangeContext, TicketModel};
use crate::support::rng::Rng;
use crate::support::seed::ACME_NOW;
use crate::support::ticket::new_ticket_fields;

/// An id that no ticket has.
const UNKNOWN_TICKET_ID: u64 = 4_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteOperation {
    Create,
    Update,
    SetStatus,
    SetPriority,
    Batch,
    Delete,
    DeleteMulti,
}

#[derive(Clone, Debug)]
pub(super) struct WriteRequest {
    operation: WriteOperation,
    ids: Vec<u64>,
    /// Columns and their new values, in this order.
    changes: Vec<(&'static str, String)>,
    is_invalid: bool,
}

impl WriteRequest {
    pub(super) fn new(
        operation: WriteOperation,
        ids: Vec<u64>,
        changes: Vec<(&'static str, String)>,
    ) -> Self {
        Self { operation, ids, changes, is_invalid: false }
    }

    pub(super) fn is_invalid(&self) -> bool {
        self.is_invalid
    }

    /// Returns the title of the ticket that the request creates.
    pub(super) fn created_title(&self) -> Option<&str> {
        let creates = self.operation == WriteOperation::Create && !self.is_invalid;
        creates.then(|| self.changes[0].1.as_str())
    }

    /// Returns the ids that the request deletes.
    pub(super) fn deleted_ids(&self) -> &[u64] {
        let deletes =
            matches!(self.operation, WriteOperation::Delete | WriteOperation::DeleteMulti);
        if deletes && !self.is_invalid { &self.ids } else { &[] }
    }

    /// Adds one mistake, so that the whole request is rejected: an unknown id among known ones, or a value that the
    /// documentation does not allow.
    pub(super) fn into_invalid(mut self, rng: &mut Rng, deleted: &[u64]) -> Self {
        self.is_invalid = true;
        match self.operation {
            WriteOperation::Create => "".clone_into(&mut self.changes[0].1),
            WriteOperation::Delete => self.ids = vec![pick_unknown_id(rng, deleted)],
            WriteOperation::Update if rng.one_in(2) => {
                self.ids = vec![pick_unknown_id(rng, deleted)];
            }
            WriteOperation::DeleteMulti => self.insert_unknown_id(rng, deleted),
            _ if rng.one_in(2) && self.operation != WriteOperation::Update => {
                self.insert_unknown_id(rng, deleted);
            }
            WriteOperation::Update => {
                self.changes.truncate(1);
                self.changes.push(("status", "open".to_owned()));
            }
            WriteOperation::Batch => self.changes.push(("status", "finished".to_owned())),
            WriteOperation::SetStatus | WriteOperation::SetPriority => {
                "finished".clone_into(&mut self.changes[0].1);
            }
        }
        self
    }

    fn insert_unknown_id(&mut self, rng: &mut Rng, deleted: &[u64]) {
        self.ids.insert(rng.below(self.ids.len() + 1), pick_unknown_id(rng, deleted));
    }

    /// Applies the request to the expected tickets; `new` is the id of the ticket that it creates.
    pub(super) fn apply(&self, tickets: &mut BTreeMap<u64, TicketModel>, new: Option<u64>) {
        if self.is_invalid {
            return;
        }
        if let (Some(title), Some(id)) = (self.created_title(), new) {
            tickets.insert(id, TicketModel::new_from_required_fields(id, title, ACME_NOW));
        }
        tickets.retain(|id, _| !self.deleted_ids().contains(id));
        let context = ChangeContext { now: ACME_NOW.to_owned(), key_name: "ci".to_owned() };
        for id in &self.ids {
            // The same request deleted this ticket.
            let Some(ticket) = tickets.get_mut(id) else { continue };
            for (column, value) in &self.changes {
                ticket.apply_action(column, value, &context);
            }
        }
    }

    pub(super) fn build_request(&self, client: &ApiClient) -> RequestBuilder {
        let id = self.ids.first().map(u64::to_string).unwrap_or_default();
        let (method, path) = match self.operation {
            WriteOperation::Create => ("POST", String::new()),
            WriteOperation::Update => ("PUT", format!("/{id}")),
            WriteOperation::SetStatus => ("POST", "/setStatus".to_owned()),
            WriteOperation::SetPriority => ("POST", "/setPriority".to_owned()),
            WriteOperation::Batch => ("POST", "/batch".to_owned()),
            WriteOperation::Delete => ("DELETE", format!("/{id}")),
            WriteOperation::DeleteMulti => ("DELETE", "/multi".to_owned()),
        };
        client.request(method, &format!("/api/v2/ticket{path}")).form(&self.form_fields())
    }

    fn form_fields(&self) -> Vec<(String, String)> {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let changes = self.changes.iter().map(|(column, value)| field(column, value));
        let ids = self.ids.iter().map(|id| field("ticketIDs[]", &id.to_string()));
        match self.operation {
            // The only change is the title.
            WriteOperation::Create => new_ticket_fields(&self.changes[0].1)
                .map(|(name, value)| field(name, value))
                .to_vec(),
            WriteOperation::Update => changes.collect(),
            WriteOperation::SetStatus
            | WriteOperation::SetPriority
            | WriteOperation::DeleteMulti => changes.chain(ids).collect(),
            WriteOperation::Batch => self.batch_fields(),
            WriteOperation::Delete => Vec::new(),
        }
    }

    fn batch_fields(&self) -> Vec<(String, String)> {
        let ids: Vec<String> = self.ids.iter().map(u64::to_string).collect();
        let actions = self.changes.iter().enumerate().flat_map(|(index, (column, value))| {
            [
                (format!("actions[{index}][actionType]"), (*column).to_owned()),
                (format!("actions[{index}][value]"), value.clone()),
            ]
        });
        std::iter::once(("TicketIDs".to_owned(), ids.join(","))).chain(actions).collect()
    }
}

/// Returns an id without a ticket: one that was never assigned, or a recently deleted one.
fn pick_unknown_id(rng: &mut Rng, deleted: &[u64]) -> u64 {
    let latest = &deleted[deleted.len().saturating_sub(5)..];
    if latest.is_empty() || rng.one_in(2) { UNKNOWN_TICKET_ID } else { rng.choose(latest) }
}
