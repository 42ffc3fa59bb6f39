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

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &JsonBody) -> String {
        let body: Value = serde_json::from_str(body.text()).expect("the body is JSON");
        let message = body["message"].as_str().expect("a message").to_owned();
        assert_eq!(body, json!({ "type": "result", "message": message }));
        message
    }

    #[test]
    fn documented_envelopes_wrap_a_ticket_and_a_list() {
        assert_eq!(item(r#"{"id":7}"#).text(), r#"{"type":"item","item":{"id":7}}"#);
        let page = PageRequest { start: 20, limit: 10 };
        for (list_type, total, entries, expected) in [
            (
                "items",
                22,
                r#"{"id":2},{"id":1}"#,
                r#"{"type":"items","itemStart":20,"itemTotal":22,"itemLimit":10,"items":[{"id":2},{"id":1}]}"#,
            ),
            (
                "tickets",
                0,
                "",
                r#"{"type":"tickets","itemStart":20,"itemTotal":0,"itemLimit":10,"items":[]}"#,
            ),
        ] {
            assert_eq!(list(list_type, page, total, entries).text(), expected);
        }
    }

    #[test]
    fn id_of_a_new_ticket_has_the_name_of_the_dialect() {
        for (id_field, expected) in [
            ("ticketID", r#"{"type":"result","message":"Ticket created.","ticketID":7}"#),
            ("id", r#"{"type":"result","message":"Ticket created.","id":7}"#),
        ] {
            assert_eq!(create(id_field, 7).text(), expected);
        }
    }

    #[test]
    fn message_states_what_was_done_to_how_many_tickets() {
        for (body, expected) in [
            (update(), "Ticket updated."),
            (delete(), "Ticket deleted."),
            (unlink_customer(), "Customer unlinked from ticket."),
            (delete_multi(0), "0 tickets deleted."),
            (delete_multi(1), "1 ticket deleted."),
            (delete_multi(2), "2 tickets deleted."),
            (set_status(Status::Solved, 1), "Status of 1 ticket set to solved."),
            (set_status(Status::Open, 3), "Status of 3 tickets set to open."),
            (set_priority(Priority::Urgent, 1), "Priority of 1 ticket set to urgent."),
            (set_priority(Priority::Low, 5000), "Priority of 5000 tickets set to low."),
            (solve_unfinished(0), "0 tickets solved."),
            (solve_unfinished(1), "1 ticket solved."),
            (batch(1, 2), "1 action performed on 2 tickets."),
            (batch(2, 1), "2 actions performed on 1 ticket."),
        ] {
            assert_eq!(message(&body), expected);
        }
    }
}
