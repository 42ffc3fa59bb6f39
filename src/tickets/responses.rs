//! Renders results in the documented envelopes. The message texts are our choice.

use serde_json::{Value, json};

use super::model::filter::PageRequest;
use super::model::ticket::{Priority, Status};
use crate::api::JsonBody;
use crate::contract::openapi::NotFoundResponse;

/// The response to an unknown id.
pub(super) static NOT_FOUND: NotFoundResponse = NotFoundResponse {
    id_field: "ticketID",
    status: |dialect| dialect.unknown_ticket_status,
    description: "This ticket does not exist.",
};

/// Wraps a rendered ticket.
pub(super) fn item(ticket: &str) -> JsonBody {
    JsonBody::from_rendered(format!(r#"{{"type":"item","item":{ticket}}}"#))
}

/// Wraps a page of rendered tickets, separated by commas.
pub(super) fn list(list_type: &str, page: PageRequest, total: i64, entries: &str) -> JsonBody {
    let PageRequest { start, limit } = page;
    let head = format!(
        r#"{{"type":"{list_type}","itemStart":{start},"itemTotal":{total},"itemLimit":{limit},"items":["#
    );
    JsonBody::from_rendered(format!("{head}{entries}]}}"))
}

/// Returns a new ticket's id in the field that the dialect names.
pub(super) fn create(id_field: &str, id: i64) -> JsonBody {
    let mut body = json!({ "type": "result", "message": "Ticket created." });
    body[id_field] = id.into();
    JsonBody::from_value(&body)
}

pub(super) fn update() -> JsonBody {
    result("Ticket updated.")
}

pub(super) fn delete() -> JsonBody {
    result("Ticket deleted.")
}

pub(super) fn delete_multi(count: usize) -> JsonBody {
    result(format!("{} deleted.", format_ticket_count(count)))
}

pub(super) fn set_status(status: Status, count: usize) -> JsonBody {
    result(format!("Status of {} set to {}.", format_ticket_count(count), status.name()))
}

pub(super) fn set_priority(priority: Priority, count: usize) -> JsonBody {
    result(format!("Priority of {} set to {}.", format_ticket_count(count), priority.name()))
}

pub(super) fn solve_unfinished(count: usize) -> JsonBody {
    result(format!("{} solved.", format_ticket_count(count)))
}

pub(super) fn unlink_customer() -> JsonBody {
    result("Customer unlinked from ticket.")
}

pub(super) fn batch(actions: usize, count: usize) -> JsonBody {
    let plural = if actions == 1 { "action" } else { "actions" };
    result(format!("{actions} {plural} performed on {}.", format_ticket_count(count)))
}

fn result(message: impl Into<Value>) -> JsonBody {
    JsonBody::from_value(&json!({ "type": "result", "message": message.into() }))
}

fn format_ticket_count(count: usize) -> String {
    if count == 1 { "1 ticket".to_owned() } else { format!("{count} tickets") }
}
