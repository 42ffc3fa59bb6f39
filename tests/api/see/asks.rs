//! Requests of the Ticket API as data, and each operation in its documented form.

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::support::{Client, Reply};

/// Names and texts.
pub(super) type Fields = Vec<(&'static str, &'static str)>;

#[derive(Clone, Debug)]
pub(super) enum Body {
    None,
    Multipart(Fields),
    Urlencoded(Fields),
    Json(Value),
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// What the journal calls it.
    pub(super) operation: &'static str,
    pub(super) method: &'static str,
    /// Below the index of tickets, with the query.
    pub(super) path: &'static str,
    pub(super) body: Body,
}

impl Ask {
    pub(super) fn request(&self, client: &Client) -> RequestBuilder {
        let request = client.ask(self.method, &format!("/api/v2/ticket{}", self.path));
        match &self.body {
            Body::None => request,
            Body::Urlencoded(fields) => request.form(fields),
            Body::Json(body) => request.json(body),
            Body::Multipart(fields) => {
                let form = reqwest::multipart::Form::new();
                request.multipart(
                    fields.iter().fold(form, |form, (name, text)| form.text(*name, *text)),
                )
            }
        }
    }

    pub(super) async fn send(&self, client: &Client) -> Reply {
        Reply::of(self.request(client)).await
    }

    /// Sends it, and it must be done.
    pub(super) async fn done(&self, client: &Client) -> Reply {
        let reply = self.send(client).await;
        assert_eq!(reply.status, 200, "{self:?}: {}", reply.body);
        reply
    }

    /// The path of the request without its query.
    pub(super) fn whole_path(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        format!("/api/v2/ticket{path}")
    }

    /// Whether the documents do not say how it is asked, so that each form of it is chosen.
    pub(super) fn is_chosen(&self) -> bool {
        ["ticket.deleteMulti", "ticket.batch", "ticket.solveUnfinishedTickets"]
            .contains(&self.operation)
    }

    pub(super) fn is_read(&self) -> bool {
        self.method == "GET"
    }
}

/// A request without a body.
pub(super) fn plain(operation: &'static str, method: &'static str, path: &'static str) -> Ask {
    Ask { operation, method, path, body: Body::None }
}

/// The same request with these parts.
pub(super) fn parts(mut ask: Ask, fields: &[(&'static str, &'static str)]) -> Ask {
    ask.body = Body::Multipart(fields.to_vec());
    ask
}

/// The same request with this form.
pub(super) fn form(mut ask: Ask, fields: &[(&'static str, &'static str)]) -> Ask {
    ask.body = Body::Urlencoded(fields.to_vec());
    ask
}

/// The same request with this JSON.
pub(super) fn json_body(mut ask: Ask, body: Value) -> Ask {
    ask.body = Body::Json(body);
    ask
}

/// What a new ticket needs.
pub(super) const NEW: [(&str, &str); 6] = [
    ("brandID", "1"),
    ("channelID", "1"),
    ("direction", "inbound"),
    ("from", "ada@example.test"),
    ("to", "desk@example.test"),
    ("title", "Printer on fire"),
];

/// What a new ticket needs, and this.
pub(super) fn new_and(more: &[(&'static str, &'static str)]) -> Fields {
    [&NEW[..], more].concat()
}

pub(super) fn listing(path: &'static str) -> Ask {
    plain("ticket.list", "GET", path)
}

pub(super) fn get(path: &'static str) -> Ask {
    plain("ticket.get", "GET", path)
}

/// A new ticket with further fields.
pub(super) fn create(more: &[(&'static str, &'static str)]) -> Ask {
    parts(plain("ticket.create", "POST", ""), &new_and(more))
}

pub(super) fn update(path: &'static str, fields: &[(&'static str, &'static str)]) -> Ask {
    form(plain("ticket.update", "PUT", path), fields)
}

pub(super) fn set_status(fields: &[(&'static str, &'static str)]) -> Ask {
    parts(plain("ticket.setStatus", "POST", "/setStatus"), fields)
}

pub(super) fn set_priority(fields: &[(&'static str, &'static str)]) -> Ask {
    parts(plain("ticket.setPriority", "POST", "/setPriority"), fields)
}

pub(super) fn unlink(id: &'static str) -> Ask {
    let path = "/unlinkCustomerFromTicket";
    parts(plain("ticket.unlinkCustomerFromTicket", "POST", path), &[("ticketID", id)])
}

pub(super) fn batch(fields: &[(&'static str, &'static str)]) -> Ask {
    parts(plain("ticket.batch", "POST", "/batch"), fields)
}

pub(super) fn solve_all() -> Ask {
    plain("ticket.solveUnfinishedTickets", "PUT", "/solveUnfinishedTickets")
}

pub(super) fn delete(path: &'static str) -> Ask {
    plain("ticket.delete", "DELETE", path)
}

pub(super) fn delete_multi(fields: &[(&'static str, &'static str)]) -> Ask {
    form(plain("ticket.deleteMulti", "DELETE", "/multi"), fields)
}

/// Every operation as the documents have it, to be asked in this order where there are tickets 7, 8 and 9 and a
/// customer `C-77`.
pub(super) fn documented() -> Vec<Ask> {
    vec![
        listing("?query=Ticket&status=new&itemStart=0&itemLimit=15&searchArchived=no"),
        create(&[("fromName", "Ada"), ("assignedGroupID", "10003"), ("formID", "5")]),
        get("/7?getTicketHistory=true"),
        update(
            "/7",
            &[("externalPrimaryID", "C-77"), ("title", "Printer out"), ("status", "closed")],
        ),
        set_status(&[("status", "open"), ("ticketIDs[]", "7"), ("ticketIDs[]", "8")]),
        set_priority(&[("priority", "high"), ("ticketIDs[]", "7")]),
        unlink("7"),
        batch(&[
            ("TicketIDs", "7,8"),
            ("actions[0][actionType]", "priority"),
            ("actions[0][value]", "urgent"),
            ("actions[1][actionType]", "assigned_group_id"),
            ("actions[1][value]", "10003"),
        ]),
        solve_all(),
        delete("/8"),
        delete_multi(&[("ticketIDs[]", "9")]),
    ]
}
