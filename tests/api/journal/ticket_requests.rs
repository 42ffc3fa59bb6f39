//! Ticket API requests as data, and each operation in its documented form.

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::support::client::{ApiClient, JsonResponse};
use crate::support::ticket::NEW_TICKET_FIELDS;

/// Names and values of fields.
pub(super) type FieldList = Vec<(&'static str, &'static str)>;

#[derive(Clone, Debug)]
pub(super) enum RequestBody {
    None,
    Multipart(FieldList),
    Urlencoded(FieldList),
    Json(Value),
}

/// One request to the Ticket API.
#[derive(Clone, Debug)]
pub(super) struct TicketRequest {
    /// The operation's name in the journal.
    pub(super) operation: &'static str,
    pub(super) method: &'static str,
    /// The path below `/api/v2/ticket`, with the query.
    pub(super) path: &'static str,
    pub(super) body: RequestBody,
}

impl TicketRequest {
    pub(super) fn to_request_builder(&self, client: &ApiClient) -> RequestBuilder {
        let request = client.request(self.method, &format!("/api/v2/ticket{}", self.path));
        match &self.body {
            RequestBody::None => request,
            RequestBody::Urlencoded(fields) => request.form(fields),
            RequestBody::Json(body) => request.json(body),
            RequestBody::Multipart(fields) => {
                let form = reqwest::multipart::Form::new();
                request.multipart(
                    fields.iter().fold(form, |form, (name, text)| form.text(*name, *text)),
                )
            }
        }
    }

    pub(super) async fn send(&self, client: &ApiClient) -> JsonResponse {
        JsonResponse::fetch(self.to_request_builder(client)).await
    }

    /// Sends the request, which must succeed.
    pub(super) async fn send_ok(&self, client: &ApiClient) -> JsonResponse {
        let reply = self.send(client).await;
        assert_eq!(reply.status, 200, "{self:?}: {}", reply.body);
        reply
    }

    /// Returns the path of the request without its query.
    pub(super) fn url_path(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        format!("/api/v2/ticket{path}")
    }

    /// Returns whether the documentation names no way to send it, so that every way is our assumption.
    pub(super) fn has_no_documented_way(&self) -> bool {
        ["ticket.deleteMulti", "ticket.batch", "ticket.solveUnfinishedTickets"]
            .contains(&self.operation)
    }

    pub(super) fn is_read(&self) -> bool {
        self.method == "GET"
    }
}

/// Returns a request without a body.
pub(super) fn request_without_body(
    operation: &'static str,
    method: &'static str,
    path: &'static str,
) -> TicketRequest {
    TicketRequest { operation, method, path, body: RequestBody::None }
}

/// Replaces the body with a multipart form.
pub(super) fn with_multipart(
    mut request: TicketRequest,
    fields: &[(&'static str, &'static str)],
) -> TicketRequest {
    request.body = RequestBody::Multipart(fields.to_vec());
    request
}

/// Replaces the body with a URL-encoded form.
pub(super) fn with_form(
    mut request: TicketRequest,
    fields: &[(&'static str, &'static str)],
) -> TicketRequest {
    request.body = RequestBody::Urlencoded(fields.to_vec());
    request
}

/// Replaces the body with JSON.
pub(super) fn with_json(mut request: TicketRequest, body: Value) -> TicketRequest {
    request.body = RequestBody::Json(body);
    request
}

/// Returns the required fields of a new ticket and these.
pub(super) fn new_ticket_fields(more: &[(&'static str, &'static str)]) -> FieldList {
    [&NEW_TICKET_FIELDS[..], more].concat()
}

pub(super) fn list_tickets(path: &'static str) -> TicketRequest {
    request_without_body("ticket.list", "GET", path)
}

pub(super) fn get_ticket(path: &'static str) -> TicketRequest {
    request_without_body("ticket.get", "GET", path)
}

/// Returns a creation of a ticket with additional fields.
pub(super) fn create_ticket(more: &[(&'static str, &'static str)]) -> TicketRequest {
    with_multipart(request_without_body("ticket.create", "POST", ""), &new_ticket_fields(more))
}

pub(super) fn update_ticket(
    path: &'static str,
    fields: &[(&'static str, &'static str)],
) -> TicketRequest {
    with_form(request_without_body("ticket.update", "PUT", path), fields)
}

pub(super) fn set_status(fields: &[(&'static str, &'static str)]) -> TicketRequest {
    with_multipart(request_without_body("ticket.setStatus", "POST", "/setStatus"), fields)
}

pub(super) fn set_priority(fields: &[(&'static str, &'static str)]) -> TicketRequest {
    with_multipart(request_without_body("ticket.setPriority", "POST", "/setPriority"), fields)
}

pub(super) fn unlink_customer(id: &'static str) -> TicketRequest {
    let path = "/unlinkCustomerFromTicket";
    with_multipart(
        request_without_body("ticket.unlinkCustomerFromTicket", "POST", path),
        &[("ticketID", id)],
    )
}

pub(super) fn batch_tickets(fields: &[(&'static str, &'static str)]) -> TicketRequest {
    with_multipart(request_without_body("ticket.batch", "POST", "/batch"), fields)
}

pub(super) fn solve_unfinished_tickets() -> TicketRequest {
    request_without_body("ticket.solveUnfinishedTickets", "PUT", "/solveUnfinishedTickets")
}

pub(super) fn delete_ticket(path: &'static str) -> TicketRequest {
    request_without_body("ticket.delete", "DELETE", path)
}

pub(super) fn delete_tickets(fields: &[(&'static str, &'static str)]) -> TicketRequest {
    with_form(request_without_body("ticket.deleteMulti", "DELETE", "/multi"), fields)
}

/// Returns every operation as documented, in an order that works if tickets 7, 8 and 9 and the customer `C-77`
/// exist.
pub(super) fn documented_requests() -> Vec<TicketRequest> {
    vec![
        list_tickets("?query=Ticket&status=new&itemStart=0&itemLimit=15&searchArchived=no"),
        create_ticket(&[("fromName", "Ada"), ("assignedGroupID", "10003"), ("formID", "5")]),
        get_ticket("/7?getTicketHistory=true"),
        update_ticket(
            "/7",
            &[("externalPrimaryID", "C-77"), ("title", "Printer out"), ("status", "closed")],
        ),
        set_status(&[("status", "open"), ("ticketIDs[]", "7"), ("ticketIDs[]", "8")]),
        set_priority(&[("priority", "high"), ("ticketIDs[]", "7")]),
        unlink_customer("7"),
        batch_tickets(&[
            ("TicketIDs", "7,8"),
            ("actions[0][actionType]", "priority"),
            ("actions[0][value]", "urgent"),
            ("actions[1][actionType]", "assigned_group_id"),
            ("actions[1][value]", "10003"),
        ]),
        solve_unfinished_tickets(),
        delete_ticket("/8"),
        delete_tickets(&[("ticketIDs[]", "9")]),
    ]
}
