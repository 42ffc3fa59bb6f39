//! Encodes requests as bytes.

use std::{fmt::Display, net::SocketAddr};

pub const FORM: &str = "application/x-www-form-urlencoded";
pub const JSON: &str = "application/json";

const BOUNDARY: &str = "----bench-7MA4YWxkTrZu0gW";

const TICKETS_PATH: &str = "/api/v2/ticket";

/// Encodes the requests of one client.
#[derive(Clone, Copy)]
pub struct RequestEncoder<'a> {
    pub host: SocketAddr,
    pub api_key: &'a str,
}

impl<'a> RequestEncoder<'a> {
    pub fn new(host: SocketAddr, api_key: &'a str) -> Self {
        Self { host, api_key }
    }

    pub fn get(self, path: &str) -> String {
        self.without_body("GET", path)
    }

    pub fn without_body(self, method: &str, path: &str) -> String {
        self.head(method, path) + "\r\n"
    }

    pub fn with_body(self, method: &str, path: &str, content_type: &str, body: &str) -> String {
        let (head, length) = (self.head(method, path), body.len());
        format!("{head}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}")
    }

    pub fn with_form(self, method: &str, path: &str, body: &str) -> String {
        self.with_body(method, path, FORM, body)
    }

    pub fn with_json(self, method: &str, path: &str, body: &str) -> String {
        self.with_body(method, path, JSON, body)
    }

    /// A `POST` with the fields as `multipart/form-data`.
    pub fn with_multipart(self, path: &str, fields: &[(&str, &str)]) -> String {
        let mut body = String::new();
        for (name, value) in fields {
            let disposition = format!("Content-Disposition: form-data; name=\"{name}\"");
            body.extend(["--", BOUNDARY, "\r\n", &disposition, "\r\n\r\n", value, "\r\n"]);
        }
        body.extend(["--", BOUNDARY, "--\r\n"]);
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        self.with_body("POST", path, &content_type, &body)
    }

    pub fn get_ticket(self, id: impl Display) -> String {
        self.get(&ticket_path(id))
    }

    /// The list without a query. A `200` shows that the server, its storage and the key work.
    pub fn list_tickets(self) -> String {
        self.get(TICKETS_PATH)
    }

    pub fn create_ticket(self, fields: &[(&str, &str)]) -> String {
        self.with_multipart(TICKETS_PATH, fields)
    }

    /// Changes the title, which must be form-encoded. Setting the current title again changes nothing and costs less, so
    /// each title must be a new one.
    pub fn update_title(self, id: impl Display, title: &str) -> String {
        self.with_form("PUT", &ticket_path(id), &format!("title={title}"))
    }

    pub fn set_status(self, status: &str, ids: &[impl Display]) -> String {
        self.set_field("/api/v2/ticket/setStatus", ("status", status), ids)
    }

    pub fn set_priority(self, priority: &str, ids: &[impl Display]) -> String {
        self.set_field("/api/v2/ticket/setPriority", ("priority", priority), ids)
    }

    fn set_field(self, path: &str, field: (&str, &str), ids: &[impl Display]) -> String {
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        let ids = ids.iter().map(|id| ("ticketIDs[]", id.as_str()));
        let fields: Vec<_> = [field].into_iter().chain(ids).collect();
        self.with_multipart(path, &fields)
    }

    fn head(self, method: &str, path: &str) -> String {
        let Self { host, api_key } = self;
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\napiKey: {api_key}\r\n")
    }
}

fn ticket_path(id: impl Display) -> String {
    format!("{TICKETS_PATH}/{id}")
}
