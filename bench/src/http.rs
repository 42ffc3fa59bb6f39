//! HTTP/1.1: requests as bytes, which go unchanged to every server and to wrk, and a connection that is kept alive.

use std::fmt::Display;

use crate::prelude::*;

pub const TICKETS: &str = "/api/v2/ticket";
pub const ACCOUNTS: &str = "/_control/accounts";

/// Connecting, and every read and write, fails after this time.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Encodes requests with this API key.
#[derive(Clone, Copy)]
pub struct Requests<'a>(pub &'a str);

/// Those with the key of the first account of a seed.
pub const KEY: Requests = Requests(seed::API_KEY);

impl Requests<'_> {
    pub fn without_body(self, method: &str, path: &str) -> String {
        self.head(method, path) + "\r\n"
    }

    pub fn with_body(self, method: &str, path: &str, content_type: &str, body: &str) -> String {
        let (head, length) = (self.head(method, path), body.len());
        format!("{head}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}")
    }

    pub fn get(self, path: &str) -> String {
        self.without_body("GET", path)
    }

    pub fn form(self, method: &str, path: &str, body: &str) -> String {
        self.with_body(method, path, "application/x-www-form-urlencoded", body)
    }

    pub fn json(self, method: &str, path: &str, body: impl Display) -> String {
        self.with_body(method, path, "application/json", &body.to_string())
    }

    /// A `POST` with the fields as `multipart/form-data`.
    pub fn multipart(self, path: &str, fields: &[(&str, &str)]) -> String {
        let field = |(name, value): &(&str, &str)| {
            format!(
                "--bench-7MA4\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let body = fields.iter().map(field).collect::<Vec<_>>().concat() + "--bench-7MA4--\r\n";
        self.with_body("POST", path, "multipart/form-data; boundary=bench-7MA4", &body)
    }

    /// The request that a line describes, such as `POST /path form a=1&b=2`: method, path, and the kind and the text of a
    /// body. The kind is `form`, `multipart`, `json` or a content type.
    pub fn line(self, line: &str) -> String {
        match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
            [method, path, "form", body] => self.form(method, path, body),
            [method, path, "json", body] => self.json(method, path, body),
            [_, path, "multipart", body] => {
                let fields = body.split('&').filter_map(|field| field.split_once('='));
                self.multipart(path, &fields.collect::<Vec<_>>())
            }
            [method, path, content_type, body] => self.with_body(method, path, content_type, body),
            [method, path, ..] => self.without_body(method, path),
            _ => self.get(line),
        }
    }

    pub fn get_ticket(self, id: impl Display) -> String {
        self.get(&format!("{TICKETS}/{id}"))
    }

    /// Changes the title, which must be form-encoded. Setting the current title again changes nothing and costs less, so
    /// each title must be a new one.
    pub fn update_title(self, id: impl Display, title: &str) -> String {
        self.form("PUT", &format!("{TICKETS}/{id}"), &format!("title={title}"))
    }

    /// Sets the `status` or the `priority` of several tickets.
    pub fn set(self, field: &str, value: &str, ids: &[impl Display]) -> String {
        let path = if field == "status" { "setStatus" } else { "setPriority" };
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        let ids = ids.iter().map(|id| ("ticketIDs[]", id.as_str()));
        let fields: Vec<_> = [(field, value)].into_iter().chain(ids).collect();
        self.multipart(&format!("{TICKETS}/{path}"), &fields)
    }

    fn head(self, method: &str, path: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\napiKey: {}\r\n", self.0)
    }
}

/// The fields of a new ticket.
pub fn new_ticket(title: &str) -> [(&'static str, &str); 7] {
    [
        ("brandID", "1"),
        ("channelID", "1"),
        ("direction", "inbound"),
        ("from", "ada@example.test"),
        ("fromName", "Ada Example"),
        ("to", "desk@example.test"),
        ("title", title),
    ]
}

pub struct Connection(BufReader<TcpStream>);

impl Connection {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends the bytes without waiting for the response.
    pub fn send(&mut self, request: &str) -> io::Result<()> {
        self.0.get_mut().write_all(request.as_bytes())
    }

    /// Reads the response to a request that was sent.
    pub fn receive(&mut self) -> io::Result<Response> {
        let mut response = self.receive_head()?;
        let length = response.header("content-length").and_then(|length| length.parse().ok());
        response.body.resize(length.unwrap_or_default(), 0);
        self.0.read_exact(&mut response.body)?;
        Ok(response)
    }

    /// Reads the head of a response, whose body may never end.
    pub fn receive_head(&mut self) -> io::Result<Response> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.ok_or(ErrorKind::InvalidData)?;
        Ok(Response { status, head, body: Vec::new() })
    }

    /// Sends a request and reads its response.
    pub fn exchange(&mut self, request: &str) -> io::Result<Response> {
        self.send(request)?;
        self.receive()
    }

    /// The same, with the time from before the request is sent until its response is read, in milliseconds. Fails unless
    /// the response is a success.
    pub fn time(&mut self, request: &str) -> Result<(f64, Response)> {
        let start = Instant::now();
        let response = self.exchange(request)?;
        let latency = milliseconds(start.elapsed());
        response.check_success()?;
        Ok((latency, response))
    }

    /// Waits until the server closes the connection. Returns false if it sends more instead.
    pub fn wait_for_close(&mut self) -> io::Result<bool> {
        match self.0.read(&mut [0; 64]) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(true),
            result => Ok(result? == 0),
        }
    }
}

/// Sends the requests over all connections, one on each at a time, so that the server is never idle. Every response must
/// be a success.
pub fn send_all(all: &mut [Connection], mut requests: impl Iterator<Item = String>) -> Result<()> {
    loop {
        let mut sent = 0;
        for (connection, request) in all.iter_mut().zip(&mut requests) {
            connection.send(&request)?;
            sent += 1;
        }
        if sent == 0 {
            return Ok(());
        }
        for connection in &mut all[..sent] {
            connection.receive()?.check_success()?;
        }
    }
}

pub struct Response {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|header| header.0.eq_ignore_ascii_case(name)).map(|header| header.1.trim())
    }

    /// Fails unless the status is 2xx.
    pub fn check_success(&self) -> Result<()> {
        ensure!(self.status / 100 == 2, "status {}: {}", self.status, excerpt(&self.body));
        Ok(())
    }

    /// Returns the JSON body of a successful response.
    pub fn json(&self) -> Result<Value> {
        self.check_success()?;
        self.expect(self.status)
    }

    /// Fails unless the response has this status. Returns its JSON body, or null if the body is empty.
    pub fn expect(&self, status: u16) -> Result<Value> {
        let (actual, text) = (self.status, excerpt(&self.body));
        ensure!(actual == status, "status {actual}, expected {status}: {text}");
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        let content_type = self.header("content-type").unwrap_or_default();
        let expected = if status < 400 { "application/json" } else { "json" };
        ensure!(content_type.ends_with(expected), "Content-Type {content_type:?}: {text}");
        serde_json::from_slice(&self.body).context(text)
    }
}

/// The beginning of a request or a body, for an error message.
pub fn excerpt(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(600)].escape_ascii().to_string()
}
