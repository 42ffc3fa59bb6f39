//! Requests that are accepted although the documents do not have them so, and what the warnings say.

use serde_json::json;

use super::asks::{
    Ask, NEW, batch, create, delete, delete_multi, form, get, json_body, listing, parts, plain,
    set_priority, set_status, solve_all, unlink, update,
};

/// A kind of warning, the field that it is about, and what was meant.
pub(super) type Expected = (&'static str, Option<&'static str>, Option<&'static str>);

/// A request, and its warnings.
pub(super) type Case = (Ask, Vec<Expected>);

fn unknown(field: &'static str, nearest: Option<&'static str>) -> Expected {
    ("unknown-field", Some(field), nearest)
}

fn case(field: &'static str, right: &'static str) -> Expected {
    ("wrong-case", Some(field), Some(right))
}

const TYPE: Expected = ("content-type", None, None);
const CHOSEN: Expected = ("chosen-rule", None, None);

/// All of them, to be asked in this order where there are tickets 7 to 10.
pub(super) fn cases() -> Vec<Case> {
    [fields(), types(), chosen(), several()].concat()
}

#[rustfmt::skip]
fn fields() -> Vec<Case> {
    let status = [("status", "open"), ("ticketIDs[]", "7")];
    let unlinked = |path| parts(plain("ticket.unlinkCustomerFromTicket", "POST", path), &[("ticketID", "7")]);
    vec![
        (create(&[("titel", "x")]), vec![unknown("titel", Some("title"))]),
        (create(&[("colour", "red")]), vec![unknown("colour", None)]),
        (create(&[("colour[a][b]", "red")]), vec![unknown("colour", None)]),
        (update("/7", &[("priority", "low")]), vec![unknown("priority", None)]),
        (listing("?page=2"), vec![unknown("page", None)]),
        (get("/7?history=true"), vec![unknown("history", None)]),
        (form(delete("/8"), &[("reason", "spam")]), vec![unknown("reason", None)]),
        (parts(plain("ticket.setStatus", "POST", "/setStatus?reason=x"), &status), vec![unknown("reason", None)]),
        (unlinked("/unlinkCustomerFromTicket?customerID=7"), vec![unknown("customerID", None)]),
        (create(&[("FromName", "Ada")]), vec![case("FromName", "fromName")]),
        (create(&[("formid", "5")]), vec![case("formid", "formID")]),
        (update("/7", &[("TITLE", "x")]), vec![case("TITLE", "title")]),
        (listing("?Status=new"), vec![case("Status", "status")]),
        (listing("?itemlimit=2"), vec![case("itemlimit", "itemLimit")]),
        (get("/7?gettickethistory=true"), vec![case("gettickethistory", "getTicketHistory")]),
    ]
}

#[rustfmt::skip]
fn types() -> Vec<Case> {
    let created = || plain("ticket.create", "POST", "");
    let updated = || plain("ticket.update", "PUT", "/7");
    let new = NEW.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
    vec![
        (form(created(), &NEW), vec![TYPE]),
        (json_body(created(), serde_json::Value::Object(new)), vec![TYPE]),
        (parts(updated(), &[("title", "x")]), vec![TYPE]),
        (json_body(updated(), json!({ "title": "x" })), vec![TYPE]),
        (form(set_status(&[]), &[("status", "open"), ("ticketIDs[]", "7")]), vec![TYPE]),
        (json_body(set_priority(&[]), json!({ "priority": "low", "ticketIDs": [7] })), vec![TYPE]),
        (form(unlink("7"), &[("ticketID", "7")]), vec![TYPE]),
    ]
}

#[rustfmt::skip]
fn chosen() -> Vec<Case> {
    let priority = |path| parts(plain("ticket.setPriority", "POST", path), &[("priority", "low"), ("ticketIDs[]", "7")]);
    let action = [("TicketIDs", "7"), ("actions[0][actionType]", "priority"), ("actions[0][value]", "low")];
    vec![
        (listing("?searchArchived=yes"), vec![CHOSEN]),
        (listing("?itemLimit=0"), vec![CHOSEN]),
        (listing("?itemStart="), vec![CHOSEN]),
        (listing("?status="), vec![CHOSEN]),
        (get("/7?getTicketHistory=1"), vec![CHOSEN]),
        (get("/7?getTicketHistory=0"), vec![CHOSEN]),
        (create(&[("formID", "")]), vec![CHOSEN]),
        (create(&[("assignedGroupID", "")]), vec![CHOSEN]),
        (update("/7", &[("title", "")]), vec![CHOSEN]),
        (delete_multi(&[("ticketIDs[]", "9")]), vec![CHOSEN]),
        (batch(&action), vec![CHOSEN]),
        (solve_all(), vec![CHOSEN]),
        (priority("/setpriority"), vec![CHOSEN]),
        (priority("/SETPRIORITY"), vec![CHOSEN]),
    ]
}

#[rustfmt::skip]
fn several() -> Vec<Case> {
    let priority = [("priority", "low"), ("ticketIDs[]", "7"), ("why", "x")];
    let deleted = json!({ "ticketIDs": [10] });
    let action = [
        ("TicketIDs", "7"), ("actions[0][actionType]", "priority"), ("actions[0][value]", "low"), ("actions[0][note]", "x"),
    ];
    vec![
        (form(set_priority(&[]), &priority), vec![TYPE, unknown("why", None)]),
        (create(&[("colour", "red"), ("FromName", "Ada"), ("formID", "")]),
            vec![unknown("colour", None), case("FromName", "fromName"), CHOSEN]),
        (json_body(delete_multi(&[]), deleted), vec![TYPE, CHOSEN]),
        (batch(&action), vec![CHOSEN, unknown("actions[0][note]", None)]),
        (listing("?page=2&Status=new&itemLimit=0"), vec![unknown("page", None), case("Status", "status"), CHOSEN]),
    ]
}
