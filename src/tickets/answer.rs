//! What turns results into the documented envelopes. The words of the messages are chosen.

use serde_json::{Value, json};

use super::search::Page;
use super::ticket::{Priority, Status};
use crate::http::Reply;

/// One ticket, rendered already.
pub(super) fn item(ticket: &str) -> Reply {
    Reply::rendered(format!(r#"{{"type":"item","item":{ticket}}}"#))
}

/// A page of tickets, rendered already, with commas between them.
pub(super) fn list(list_type: &str, page: Page, total: i64, entries: &str) -> Reply {
    let Page { start, limit } = page;
    let head = format!(
        r#"{{"type":"{list_type}","itemStart":{start},"itemTotal":{total},"itemLimit":{limit},"items":["#
    );
    Reply::rendered(format!("{head}{entries}]}}"))
}

/// A new ticket's id, under the name that the dialect gives it.
pub(super) fn created(id_field: &str, id: i64) -> Reply {
    let mut body = json!({ "type": "result", "message": "Ticket created." });
    body[id_field] = id.into();
    Reply::json(&body)
}

pub(super) fn updated() -> Reply {
    result("Ticket updated.")
}

pub(super) fn deleted() -> Reply {
    result("Ticket deleted.")
}

pub(super) fn several_deleted(count: usize) -> Reply {
    result(format!("{} deleted.", tickets(count)))
}

pub(super) fn status_set(status: Status, count: usize) -> Reply {
    result(format!("Status of {} set to {}.", tickets(count), status.name()))
}

pub(super) fn priority_set(priority: Priority, count: usize) -> Reply {
    result(format!("Priority of {} set to {}.", tickets(count), priority.name()))
}

pub(super) fn solved(count: usize) -> Reply {
    result(format!("{} solved.", tickets(count)))
}

pub(super) fn unlinked() -> Reply {
    result("Customer unlinked from ticket.")
}

pub(super) fn batched(actions: usize, count: usize) -> Reply {
    let plural = if actions == 1 { "action" } else { "actions" };
    result(format!("{actions} {plural} performed on {}.", tickets(count)))
}

fn result(message: impl Into<Value>) -> Reply {
    Reply::json(&json!({ "type": "result", "message": message.into() }))
}

fn tickets(count: usize) -> String {
    if count == 1 { "1 ticket".to_owned() } else { format!("{count} tickets") }
}
