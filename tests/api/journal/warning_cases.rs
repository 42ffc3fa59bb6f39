//! Accepted requests that deviate from the documentation, and the expected warnings.

use serde_json::json;

use super::ticket_requests::{
    TicketRequest, batch_tickets, create_ticket, delete_ticket, delete_tickets, get_ticket,
    list_tickets, request_without_body, set_priority, set_status, unlink_customer, update_ticket,
    with_form, with_json, with_multipart,
};
use crate::support::ticket::NEW_TICKET_FIELDS;

/// Kind of the warning, the field, and the suggested name.
pub(super) type ExpectedWarning = (&'static str, Option<&'static str>, Option<&'static str>);

/// A request and its expected warnings.
pub(super) type WarningCase = (TicketRequest, Vec<ExpectedWarning>);

fn unknown_field(field: &'static str, nearest: Option<&'static str>) -> ExpectedWarning {
    ("unknown-field", Some(field), nearest)
}

fn wrong_case(field: &'static str, suggestion: &'static str) -> ExpectedWarning {
    ("wrong-case", Some(field), Some(suggestion))
}

const CONTENT_TYPE: ExpectedWarning = ("content-type", None, None);
const UNDOCUMENTED: ExpectedWarning = ("undocumented", None, None);
const NO_DOCUMENTED_WAY: ExpectedWarning = ("no-documented-way", None, None);

/// All cases, in an order that works if tickets 7 to 10 exist.
pub(super) fn warning_cases() -> Vec<WarningCase> {
    [field_cases(), repeated_cases(), content_type_cases(), undocumented_cases(), combined_cases()]
        .concat()
}

#[rustfmt::skip]
fn field_cases() -> Vec<WarningCase> {
    let status = [("status", "open"), ("ticketIDs[]", "7")];
    let unlink = |path| with_multipart(request_without_body("ticket.unlinkCustomerFromTicket", "POST", path), &[("ticketID", "7")]);
    vec![
        (create_ticket(&[("titel", "x")]), vec![unknown_field("titel", Some("title"))]),
        (create_ticket(&[("colour", "red")]), vec![unknown_field("colour", None)]),
        (create_ticket(&[("colour[a][b]", "red")]), vec![unknown_field("colour", None)]),
        (update_ticket("/7", &[("priority", "low")]), vec![unknown_field("priority", None)]),
        (list_tickets("?page=2"), vec![unknown_field("page", None)]),
        (get_ticket("/7?history=true"), vec![unknown_field("history", None)]),
        (with_form(delete_ticket("/8"), &[("reason", "spam")]), vec![unknown_field("reason", None)]),
        (with_multipart(request_without_body("ticket.setStatus", "POST", "/setStatus?reason=x"), &status), vec![unknown_field("reason", None)]),
        (unlink("/unlinkCustomerFromTicket?customerID=7"), vec![unknown_field("customerID", None)]),
        (create_ticket(&[("FromName", "Ada")]), vec![wrong_case("FromName", "fromName")]),
        (create_ticket(&[("formid", "5")]), vec![wrong_case("formid", "formID")]),
        (update_ticket("/7", &[("TITLE", "x")]), vec![wrong_case("TITLE", "title")]),
        (list_tickets("?Status=new"), vec![wrong_case("Status", "status")]),
        (list_tickets("?itemlimit=2"), vec![wrong_case("itemlimit", "itemLimit")]),
        (get_ticket("/7?gettickethistory=true"), vec![wrong_case("gettickethistory", "getTicketHistory")]),
    ]
}

fn repeated_field(field: &'static str) -> ExpectedWarning {
    ("repeated-field", Some(field), None)
}

#[rustfmt::skip]
fn repeated_cases() -> Vec<WarningCase> {
    let in_query_and_body = request_without_body("ticket.deleteMulti", "DELETE", "/multi?ticketIDs[]=8");
    vec![
        (create_ticket(&[("title", "x")]), vec![repeated_field("title")]),
        (create_ticket(&[("fromName", "x"), ("fromName", "x"), ("fromName", "x")]), vec![repeated_field("fromName")]),
        (list_tickets("?itemLimit=1&itemLimit=2"), vec![repeated_field("itemLimit")]),
        (get_ticket("/7?getTicketHistory=true&getTicketHistory=false"), vec![repeated_field("getTicketHistory")]),
        (update_ticket("/7", &[("title", "x"), ("title", "y")]), vec![repeated_field("title")]),
        (set_status(&[("status", "new"), ("status", "open"), ("ticketIDs[0]", "7"), ("ticketIDs[0]", "10")]),
            vec![repeated_field("status"), repeated_field("ticketIDs[0]")]),
        (with_form(in_query_and_body, &[("ticketIDs[]", "9")]), vec![repeated_field("ticketIDs"), NO_DOCUMENTED_WAY]),
    ]
}

#[rustfmt::skip]
fn content_type_cases() -> Vec<WarningCase> {
    let create = || request_without_body("ticket.create", "POST", "");
    let update = || request_without_body("ticket.update", "PUT", "/7");
    let new = NEW_TICKET_FIELDS.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
    vec![
        (with_form(create(), &NEW_TICKET_FIELDS), vec![CONTENT_TYPE]),
        (with_json(create(), serde_json::Value::Object(new)), vec![CONTENT_TYPE]),
        (with_multipart(update(), &[("title", "x")]), vec![CONTENT_TYPE]),
        (with_json(update(), json!({ "title": "x" })), vec![CONTENT_TYPE]),
        (with_form(set_status(&[]), &[("status", "open"), ("ticketIDs[]", "7")]), vec![CONTENT_TYPE]),
        (with_json(set_priority(&[]), json!({ "priority": "low", "ticketIDs": [7] })), vec![CONTENT_TYPE]),
        (with_form(unlink_customer("7"), &[("ticketID", "7")]), vec![CONTENT_TYPE]),
    ]
}

#[rustfmt::skip]
fn undocumented_cases() -> Vec<WarningCase> {
    let priority = |path| with_multipart(request_without_body("ticket.setPriority", "POST", path), &[("priority", "low"), ("ticketIDs[]", "7")]);
    let late_action = [("TicketIDs", "7"), ("actions[4][actionType]", "priority"), ("actions[4][value]", "low")];
    vec![
        (list_tickets("?itemLimit=0"), vec![UNDOCUMENTED]),
        (list_tickets("?itemStart="), vec![UNDOCUMENTED]),
        (list_tickets("?status="), vec![UNDOCUMENTED]),
        (get_ticket("/7?getTicketHistory=1"), vec![UNDOCUMENTED]),
        (get_ticket("/7?getTicketHistory=0"), vec![UNDOCUMENTED]),
        (create_ticket(&[("formID", "")]), vec![UNDOCUMENTED]),
        (create_ticket(&[("assignedGroupID", "")]), vec![UNDOCUMENTED]),
        (update_ticket("/7", &[("title", "")]), vec![UNDOCUMENTED]),
        (get_ticket("/7?getTicketHistory=True"), vec![UNDOCUMENTED]),
        (get_ticket("/7?getTicketHistory=False"), vec![UNDOCUMENTED]),
        (set_status(&[("status", "open"), ("ticketIDs[3]", "7"), ("ticketIDs[1]", "10")]), vec![UNDOCUMENTED]),
        (with_json(set_status(&[]), json!({ "status": "open", "ticketIDs": { "1": 7, "2": 10 } })), vec![CONTENT_TYPE, UNDOCUMENTED]),
        (batch_tickets(&late_action), vec![UNDOCUMENTED, NO_DOCUMENTED_WAY]),
        (priority("/setpriority"), vec![UNDOCUMENTED]),
        (priority("/SETPRIORITY"), vec![UNDOCUMENTED]),
    ]
}

#[rustfmt::skip]
fn combined_cases() -> Vec<WarningCase> {
    let priority = [("priority", "low"), ("ticketIDs[]", "7"), ("why", "x")];
    let body = json!({ "ticketIDs": [10] });
    let action = [
        ("TicketIDs", "7"), ("actions[0][actionType]", "priority"), ("actions[0][value]", "low"), ("actions[0][note]", "x"),
    ];
    vec![
        (with_form(set_priority(&[]), &priority), vec![CONTENT_TYPE, unknown_field("why", None)]),
        (create_ticket(&[("colour", "red"), ("FromName", "Ada"), ("formID", "")]),
            vec![unknown_field("colour", None), wrong_case("FromName", "fromName"), UNDOCUMENTED]),
        (with_json(delete_tickets(&[]), body), vec![CONTENT_TYPE, NO_DOCUMENTED_WAY]),
        (batch_tickets(&action), vec![NO_DOCUMENTED_WAY, unknown_field("actions[0][note]", None)]),
        (list_tickets("?page=2&Status=new&itemLimit=0"), vec![unknown_field("page", None), wrong_case("Status", "status"), UNDOCUMENTED]),
    ]
}
